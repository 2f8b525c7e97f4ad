"""The records of a store, examined without the program that wrote them.

Records are read page by page, so a store of any size needs the memory of a few records. In a damaged store a page may fail, and a lookup
may miss a record among damaged names: `rescued` reads each space from both ends and yields what either end reaches.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

import attrs

from trioactors.errors import OverLimit, RecordTooNew, SerializationError, StoreCorrupt
from trioactors.persistence.store import Corrupt, Found, Key, Record, Space, Store
from trioactors.serializer import Envelope, read_envelope

__all__ = ["PAGE", "Entry", "Status", "look", "rescued", "walked"]

PAGE = 16
"""Records in memory at a time."""


class Status(enum.Enum):
    """The condition of a record."""

    READABLE = "readable"
    """A valid record of the serializer."""

    NEWER = "newer"
    """Written by a newer version of trioactors."""

    LARGE = "large"
    """Larger than the serializer's limits, so it was not parsed."""

    OPAQUE = "opaque"
    """Intact, in a space that holds arbitrary bytes."""

    UNREADABLE = "unreadable"
    """Intact, but not a state of an actor."""

    DAMAGED = "damaged"
    """Not as it was written."""

    @property
    def bad(self) -> bool:
        """Whether an actor cannot start from the record."""
        return self in (Status.UNREADABLE, Status.DAMAGED)


@attrs.frozen
class Entry:
    """A record in a store."""

    key: Key
    status: Status
    revision: int | None
    """None if the record is damaged."""

    data: bytes = attrs.field(repr=False)
    """The bytes of the record; if it is damaged, those that are left."""

    envelope: Envelope | None = attrs.field(repr=False)
    problem: str = ""


def look(key: Key, found: Record | Corrupt) -> Entry:
    """Examine the record *found* under *key*."""
    if isinstance(found, Corrupt):
        envelope = None
        with suppress(SerializationError):
            envelope = read_envelope(found.data)
        return Entry(key, Status.DAMAGED, None, found.data, envelope, found.reason)
    try:
        return Entry(key, Status.READABLE, found.revision, found.data, read_envelope(found.data))
    except RecordTooNew as error:
        status, problem = Status.NEWER, str(error)
    except OverLimit as error:
        status, problem = Status.LARGE, str(error)
    except SerializationError as error:
        status, problem = (Status.UNREADABLE, str(error)) if key.space is Space.STATE else (Status.OPAQUE, "")
    return Entry(key, status, found.revision, found.data, None, problem)


def walked(store: Store, spaces: Sequence[Space] = tuple(Space)) -> Iterator[Found]:
    """Yield every record of the spaces, by name. Raises the errors of the store."""
    for space in spaces:
        start = ""
        while page := store.scan(space, start, limit=PAGE):
            yield from page
            start = page[-1][0].name + "\0"


def rescued(store: Store, spaces: Sequence[Space] = tuple(Space)) -> Iterator[Found]:
    """Yield every record of a damaged store that can still be reached, once each, in no particular order."""
    for space in spaces:
        seen: set[str] = set()
        both_ways = chain(_reached(store, space, reverse=False), _reached(store, space, reverse=True))
        for key, found in both_ways:
            if key.name not in seen:
                seen.add(key.name)
                yield key, found


def _reached(store: Store, space: Space, *, reverse: bool) -> Iterator[Found]:
    """Yield the records of the space from one end on, until damage blocks the scan or it stops advancing."""
    bound: str | None = None
    limit = PAGE
    while True:
        start, stop = ("", bound) if reverse else (bound or "", None)
        try:
            page = store.scan(space, start, stop, limit=limit, reverse=reverse)
        except StoreCorrupt:
            if limit == 1:
                return
            limit = 1  # the records of the page before the damage can still be read one by one
            continue
        yield from page
        if not page:
            return
        last = page[-1][0].name
        following = last if reverse else last + "\0"
        if bound is not None and (following >= bound if reverse else following <= bound):
            return
        bound = following
