"""Trace records for those who watch: one ring, read by cursor.

Nothing is queued for a reader. Each brings the number up to which it has read, and gets what came after it; one that was too slow is told
how many records it has missed. The ring listens only while somebody watches, so it costs nothing before and after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import attrs

from trioactors.errors.exits import Exit
from trioactors.inspect.plain import STATE_LIMITS, Plain, plain
from trioactors.inspect.watching import Watchers
from trioactors.settings import count
from trioactors.system.system import System
from trioactors.trace.records import ChildExited, ChildStartFailed, TraceRecord

__all__ = ["TracePage", "TraceRing", "TraceRow"]

_WITH_ERRORS: Final = (ChildExited, ChildStartFailed)
"""Records that hold an error, and with its traceback whatever was at hand when it was raised: they are told at once, and not kept."""


@attrs.frozen(kw_only=True)
class TraceRow:
    """One trace record."""

    number: int
    """Counted from 0 over the life of the ring."""
    kind: str
    """The name of its class."""
    time: float
    child: str
    fields: dict[str, Plain]
    """What else it says."""


@attrs.frozen(kw_only=True)
class TracePage:
    """What a reader has not seen yet."""

    rows: tuple[TraceRow, ...]
    cursor: int
    """Where to read on."""
    lost: int
    """How many records had left the ring before they were read."""


class TraceRing:
    """Keeps the last *limit* trace records while somebody watches."""

    def __init__(self, limit: int = 10_000) -> None:
        self._kept: deque[TraceRecord | TraceRow] = deque(maxlen=count(limit, "TraceRing: limit", least=1))
        self._next = 0
        self._watchers = Watchers(lambda system: system.observe(self._keep), lambda system: system.unobserve(self._keep))

    def __repr__(self) -> str:
        """How full it is, and whether anybody watches."""
        return f"<trace ring: {len(self._kept)} records, {len(self._watchers)} watch>"

    @property
    def cursor(self) -> int:
        """Where one begins to read who wants what comes from now on."""
        return self._next

    @contextmanager
    def watching(self, system: System) -> Generator[TraceRing, None, None]:
        """Listen to *system* while this block, or another one like it, is open."""
        with self._watchers.watching(system):
            yield self

    def _keep(self, record: TraceRecord) -> None:
        self._kept.append(_row(self._next, record) if isinstance(record, _WITH_ERRORS) else record)
        self._next += 1

    def read(
        self, cursor: int, *, limit: int = 1_000, child: str | None = None, kind: str | None = None, correlation: int | None = None
    ) -> TracePage:
        """The records from *cursor* on, at most *limit*: of one *child*, one *kind* (the name of a class), one chain of messages, or all.

        A reader that comes from before what is kept is told what it has lost; one with a number that this ring never gave begins anew.
        Raises `SpecError`.
        """
        oldest = self._next - len(self._kept)
        cursor = oldest if count(cursor, "cursor") > self._next else cursor
        at = max(cursor, oldest)
        limit = count(limit, "limit", least=1)
        rows: list[TraceRow] = []
        while at < self._next and len(rows) < limit:
            kept = self._kept[at - oldest]
            if _wanted(kept, child, kind, correlation):
                rows.append(kept if isinstance(kept, TraceRow) else _row(at, kept))
            at += 1
        return TracePage(rows=tuple(rows), cursor=at, lost=max(0, oldest - cursor))


def _wanted(kept: TraceRecord | TraceRow, child: str | None, kind: str | None, correlation: int | None) -> bool:
    return (
        child in {None, kept.child}
        and kind in {None, kept.kind if isinstance(kept, TraceRow) else type(kept).__name__}
        and (correlation is None or getattr(kept, "correlation", None) == correlation)
    )


def _row(number: int, record: TraceRecord) -> TraceRow:
    known = [field for field in attrs.fields(type(record)) if field.name not in {"time", "child"}]
    own_first = sorted(known, key=lambda field: field.inherited)
    fields: dict[str, Any] = {field.name: getattr(record, field.name) for field in own_first}
    told = {name: str(value) if isinstance(value, Exit) else plain(value, STATE_LIMITS) for name, value in fields.items()}
    return TraceRow(number=number, kind=type(record).__name__, time=record.time, child=record.child, fields=told)
