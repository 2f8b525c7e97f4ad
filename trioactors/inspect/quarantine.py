"""What is in quarantine: the records that were set aside since nobody could read them, or by hand.

The open store is asked, between commits and a few records at a time; whatever it answers, nobody stops for it. This is the one look that
waits, so it has a deadline, and what was found until then is told.
"""

from __future__ import annotations

from typing import Final

import attrs
import trio

from trioactors.errors import SerializationError
from trioactors.persistence.committer import Committer
from trioactors.persistence.store import Corrupt, Found, Space
from trioactors.serializer import read_envelope
from trioactors.settings import count, seconds
from trioactors.system.system import System, runtime_of

__all__ = ["QuarantinePage", "QuarantineRow", "quarantine"]

_PAGE: Final = 16
"""How many records are in memory at a time."""
_LARGEST: Final = 256 * 1024
"""Bytes of a record that is looked into."""


@attrs.frozen(kw_only=True)
class QuarantineRow:
    """A record that was set aside."""

    name: str
    """Where it was, and its revision there: `state/counter@7`, or `state/counter@damaged`."""
    size: int
    """Bytes."""
    problem: str | None
    """What is wrong with its bytes, where that can be seen without the program that wrote them."""


@attrs.frozen(kw_only=True)
class QuarantinePage:
    """The first records in quarantine."""

    total: int
    """How many were found."""
    complete: bool
    """Whether all were found before time ran out."""
    rows: tuple[QuarantineRow, ...]


async def quarantine(system: System, *, limit: int = 100, timeout: float = 5.0) -> QuarantinePage:
    """The first *limit* records in quarantine, by name, and how many there are; as far as *timeout* seconds go.

    Raises `SpecError`, and `StoreError` where the store cannot be asked.
    """
    await trio.lowlevel.checkpoint()
    count(limit, "limit")
    seconds(timeout, "timeout")
    committer = runtime_of(system).committer
    looking = _Looking(limit)
    if committer is not None:
        with trio.move_on_after(timeout):
            await looking.through(committer)
    return QuarantinePage(total=looking.total, complete=looking.done or committer is None, rows=tuple(looking.rows))


class _Looking:
    """What has been found so far."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.rows: list[QuarantineRow] = []
        self.total = 0
        self.done = False

    async def through(self, committer: Committer) -> None:
        """Look at all records, page by page. A checkpoint."""
        start = ""
        while page := await committer.look(Space.QUARANTINE, start, limit=_PAGE):
            self.total += len(page)
            self.rows += [_row(found) for found in page[: max(0, self._limit - len(self.rows))]]
            start = page[-1][0].name + "\0"
        self.done = True


def _row(found: Found) -> QuarantineRow:
    key, record = found
    return QuarantineRow(name=key.name, size=len(record.data), problem=_problem(found))


def _problem(found: Found) -> str | None:
    key, record = found
    if isinstance(record, Corrupt):
        return record.reason
    if len(record.data) <= _LARGEST:
        try:
            read_envelope(record.data)
        except SerializationError as error:
            return str(error)
    return "this is what was left of a damaged record" if "@damaged" in key.name else None
