"""The quarantine: records that were set aside because they could not be read, or by hand.

The open store is read between commits, a few records at a time, and no error in it affects the actors. This is the only snapshot that
waits, so it has a timeout, after which it returns what it has found.
"""

from __future__ import annotations

from typing import Final

import attrs
import trio

from trioactors.errors import SerializationError
from trioactors.persistence.committer import Committer
from trioactors.persistence.quarantine import Copy
from trioactors.persistence.store import Corrupt, Found, Space
from trioactors.serializer import read_envelope
from trioactors.settings import count, seconds
from trioactors.system.system import System, runtime_of

__all__ = ["QuarantinePage", "QuarantineRow", "quarantine"]

_PAGE: Final = 16
"""Records in memory at a time."""
_LARGEST: Final = 256 * 1024
"""Largest record that is parsed, in bytes."""


@attrs.frozen(kw_only=True)
class QuarantineRow:
    """A quarantined record."""

    name: str
    """Its former place and revision: `state/counter@7`, or `state/counter@damaged`."""
    actor: str | None
    """The actor whose state it was; None if it was no state."""
    restorable: bool
    """Whether `trioactors.restore` takes it back as it is. A damaged record needs other bytes."""
    size: int
    """Bytes."""
    problem: str | None
    """What is wrong with its bytes, if that can be seen without the program that wrote them."""


@attrs.frozen(kw_only=True)
class QuarantinePage:
    """One page of the quarantined records."""

    total: int
    """Records found."""
    complete: bool
    """Whether all records were found before the timeout."""
    rows: tuple[QuarantineRow, ...]


async def quarantine(system: System, *, limit: int = 100, offset: int = 0, timeout: float = 5.0) -> QuarantinePage:
    """Return *limit* quarantined records by name, starting at *offset*, and the number of all that are found within *timeout* seconds.

    Raises `StoreError` if the store cannot be read, and `SpecError` if an argument is invalid.
    """
    await trio.lowlevel.checkpoint()
    last = count(offset, "offset") + count(limit, "limit")
    seconds(timeout, "timeout")
    committer = runtime_of(system).committer
    search = _Search(offset, last)
    if committer is not None:
        with trio.move_on_after(timeout):
            await search.run(committer)
    return QuarantinePage(total=search.total, complete=search.done or committer is None, rows=tuple(search.rows))


class _Search:
    """The records found so far."""

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._last = last
        self.rows: list[QuarantineRow] = []
        self.total = 0
        self.done = False

    async def run(self, committer: Committer) -> None:
        """Read all records, page by page. A checkpoint."""
        start = ""
        while page := await committer.look(Space.QUARANTINE, start, limit=_PAGE):
            first, last = (max(0, place - self.total) for place in (self._first, self._last))
            self.rows += [_row(found) for found in page[first:last]]
            self.total += len(page)
            start = page[-1][0].name + "\0"
        self.done = True


def _row(found: Found) -> QuarantineRow:
    key, record = found
    copy = Copy.of(key.name)
    state = copy is not None and copy.key.space is Space.STATE
    return QuarantineRow(
        name=key.name,
        actor=copy.key.name if copy is not None and state else None,
        restorable=copy is not None and state and not copy.damaged and not isinstance(record, Corrupt),
        size=len(record.data),
        problem=_problem(found),
    )


def _problem(found: Found) -> str | None:
    key, record = found
    if isinstance(record, Corrupt):
        return record.reason
    if len(record.data) <= _LARGEST:
        try:
            read_envelope(record.data)
        except SerializationError as error:
            return str(error)
    return "what is left of a damaged record" if "@damaged" in key.name else None
