"""What can be said about a record without the program that wrote it.

Everything is read page by page, so a store of any size is looked at in the memory of a few records. In a store that is not sound a page
may fail, and a search may go astray among damaged names: `rescued` reads each space from both ends and keeps what either end reaches.
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
"""How many records are in memory at a time."""


class Status(enum.Enum):
    """Whether a record can be read."""

    READABLE = "readable"
    """It says what it holds."""

    NEWER = "newer"
    """A newer version of trioactors wrote it."""

    LARGE = "large"
    """It is beyond the serializer's limits, and was not looked into."""

    OPAQUE = "opaque"
    """Its bytes are as they were written; nobody promised more about them."""

    UNREADABLE = "unreadable"
    """Its bytes are as they were written, and they are no state of an actor."""

    DAMAGED = "damaged"
    """Its bytes are not what was written."""

    @property
    def bad(self) -> bool:
        """Whether an actor could not start from it."""
        return self in (Status.UNREADABLE, Status.DAMAGED)


@attrs.frozen
class Entry:
    """A record as it is in a store."""

    key: Key
    status: Status
    revision: int | None
    """None where it is damaged."""

    data: bytes = attrs.field(repr=False)
    """What is there; of a damaged record, what is left."""

    envelope: Envelope | None = attrs.field(repr=False)
    problem: str = ""


def look(key: Key, found: Record | Corrupt) -> Entry:
    """What *found* is, under *key*."""
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
    """Every record of the spaces, by name. Raises what reading raises."""
    for space in spaces:
        start = ""
        while page := store.scan(space, start, limit=PAGE):
            yield from page
            start = page[-1][0].name + "\0"


def rescued(store: Store, spaces: Sequence[Space] = tuple(Space)) -> Iterator[Found]:
    """Every record that can still be reached in a store that is not sound, once each, in no order."""
    for space in spaces:
        seen: set[str] = set()
        both_ways = chain(_reached(store, space, reverse=False), _reached(store, space, reverse=True))
        for key, found in both_ways:
            if key.name not in seen:
                seen.add(key.name)
                yield key, found


def _reached(store: Store, space: Space, *, reverse: bool) -> Iterator[Found]:
    """The records of the space from one end on, until damage is in the way or a search goes in circles."""
    bound: str | None = None
    limit = PAGE
    while True:
        start, stop = ("", bound) if reverse else (bound or "", None)
        try:
            page = store.scan(space, start, stop, limit=limit, reverse=reverse)
        except StoreCorrupt:
            if limit == 1:
                return
            limit = 1  # what is on the page before the damage can still be had, one by one
            continue
        yield from page
        if not page:
            return
        last = page[-1][0].name
        following = last if reverse else last + "\0"
        if bound is not None and (following >= bound if reverse else following <= bound):
            return
        bound = following
