"""Recent trace records, read by cursor."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import attrs

from trioactors.errors.exits import Exit
from trioactors.inspect.plain import STATE_LIMITS, Plain, plain
from trioactors.inspect.watching import Ring
from trioactors.settings import count
from trioactors.trace.formatting import described
from trioactors.trace.records import ChildExited, ChildStartFailed, MessageRecord, StateCommitted, TraceRecord

__all__ = ["TracePage", "TraceRing", "TraceRow"]

_WITH_ERRORS: Final = (ChildExited, ChildStartFailed)
"""Records with an error, whose traceback refers to local variables. They are converted at once, so that the ring keeps nothing alive."""


@attrs.frozen(kw_only=True)
class TraceRow:
    """A trace record."""

    number: int
    """Counted from 0 since the ring was made."""
    kind: str
    """The name of its class."""
    time: float
    child: str
    fields: dict[str, Plain]
    """The other fields of the record."""


@attrs.frozen(kw_only=True)
class TracePage:
    """The records that a reader has not seen yet."""

    rows: tuple[TraceRow, ...]
    cursor: int
    """The cursor for the next read."""
    lost: int
    """Records that had left the ring before they were read."""


class TraceRing(Ring):
    """The last *limit* trace records, kept while the ring is watched: `with ring.watching(system): ...`, then `ring.read(0)`."""

    def __init__(self, limit: int = 10_000) -> None:
        super().__init__(lambda system: system.observe(self._keep), lambda system: system.unobserve(self._keep))
        self._kept: deque[TraceRecord | TraceRow] = deque(maxlen=count(limit, "TraceRing: limit", least=1))

    def __repr__(self) -> str:
        """The number of records and of watchers."""
        return f"<trace ring: {len(self._kept)} records, {self._watched.total()} watch>"

    def _keep(self, record: TraceRecord) -> None:
        self._kept.append(_row(self._next, record) if isinstance(record, _WITH_ERRORS) else record)
        self._next += 1

    def read(
        self, cursor: int, *, limit: int = 1_000, child: str | None = None, kind: str | None = None, correlation: int | None = None
    ) -> TracePage:
        """Return at most *limit* records from *cursor* on; only those of a *child*, a *kind* (class name) or a chain, if given.

        `TracePage.lost` counts the records that left the ring before this read. A cursor that this ring has not given out starts with the
        oldest record. Raises `SpecError` if an argument is invalid.
        """
        oldest = self._next - len(self._kept)
        at, lost = self._start(cursor, len(self._kept))
        limit = count(limit, "limit", least=1)
        rows: list[TraceRow] = []
        while at < self._next and len(rows) < limit:
            kept = self._kept[at - oldest]
            if _wanted(kept, child, kind, correlation):
                rows.append(kept if isinstance(kept, TraceRow) else _row(at, kept))
            at += 1
        return TracePage(rows=tuple(rows), cursor=at, lost=lost)

    def newest(
        self,
        cursor: int,
        *,
        limit: int,
        child: str | None = None,
        kind: str | None = None,
        correlation: int | None = None,
        handler: str | None = None,
    ) -> tuple[int, int]:
        """The cursor from which at most the newest *limit* records after *cursor* are read, and how many records before them are skipped.

        Raises `SpecError` if an argument is invalid.
        """

        def wanted(kept: TraceRecord | TraceRow) -> bool:
            return _wanted(kept, child, kind, correlation) and handler in {None, _handler(kept)}

        chosen = any(choice is not None for choice in (child, kind, correlation, handler))
        return self._newest(self._kept, cursor, count(limit, "limit", least=1), wanted if chosen else None)


def _handler(kept: TraceRecord | TraceRow) -> object:
    return kept.fields.get("handler") if isinstance(kept, TraceRow) else getattr(kept, "handler", None)


def _wanted(kept: TraceRecord | TraceRow, child: str | None, kind: str | None, correlation: int | None) -> bool:
    return (
        child in {None, kept.child}
        and kind in {None, kept.kind if isinstance(kept, TraceRow) else type(kept).__name__}
        and (correlation is None or (isinstance(kept, MessageRecord | StateCommitted) and kept.correlation == correlation))
    )


def _row(number: int, record: TraceRecord) -> TraceRow:
    known = [field for field in attrs.fields(type(record)) if field.name not in {"time", "child"}]
    own_first = sorted(known, key=lambda field: field.inherited)
    fields: dict[str, Any] = {field.name: getattr(record, field.name) for field in own_first}
    values = {name: _value(value) for name, value in fields.items()}
    return TraceRow(number=number, kind=type(record).__name__, time=record.time, child=record.child, fields=values)


def _value(value: object) -> Plain:
    """The field of a record. It may be an error of the user's, and its record is made inside the actor: nothing that it raises leaves."""
    try:
        return described(value) if isinstance(value, Exit) else plain(value, STATE_LIMITS)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: ASYNC103 - see above
        return f"<{type(value).__name__}, which cannot be shown>"  # noqa: ASYNC104 - no wait, so no Cancelled
