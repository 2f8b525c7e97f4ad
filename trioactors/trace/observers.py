"""Observers: functions that get the trace records of a system."""

from __future__ import annotations

import enum
import itertools
import logging
import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Protocol, TypeVar

from trioactors.errors import SpecError
from trioactors.trace.records import TraceRecord

__all__ = ["Ending", "Measured", "Meter", "Observer", "Observers", "Plan", "Recorder", "Timed", "TimedHandler"]

R = TypeVar("R", bound=TraceRecord)

_log = logging.getLogger("trioactors")

Observer = Callable[[TraceRecord], None]
"""A function that is called with every trace record. It must not wait; if it raises, it is detached and logged."""


class Measured(Protocol):
    """An actor whose handlers are measured."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def plan(self) -> Plan:
        """Its class."""
        ...


class Plan(Hashable, Protocol):
    """An actor class."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


class Ending(enum.Enum):
    """How a handler ended."""

    HANDLED = "handled"
    FAILED = "failed"
    """With an error that its actor survived."""
    CRASHED = "crashed"


class TimedHandler(Protocol):
    """A handler, as far as it is measured."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def is_async(self) -> bool:
        """Whether it can wait."""
        ...


class Timed(Protocol):
    """A message, as far as it is measured."""

    @property
    def spec(self) -> TimedHandler:
        """Its handler."""
        ...

    sent: float
    """When it was sent; not set on a cast from before the measuring."""


class Meter(Protocol):
    """Measures handlers, see `handler_times`."""

    def handled(self, child: Measured, message: Timed, began: float, now: float, ending: Ending = Ending.HANDLED, /) -> None:
        """Count a message whose handler ended *now*."""
        ...

    def shed(self, child: Measured, message: Timed, now: float, /) -> None:
        """Count a message that was dropped unhandled."""
        ...


class Observers:
    """The observers of one system."""

    def __init__(self) -> None:
        self.listeners: list[Observer] = []
        """The attached observers. Check that it is not empty before making a record."""
        self.watching: list[object] = []
        """The observers, and what measures handlers. Not empty while messages need more than their handling."""
        self.meter: Meter | None = None
        """What measures handlers, while somebody wants to know."""
        self.changed: Callable[[], None] = lambda: None
        """Called when an observer is attached or detached."""
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        """The attached observers."""
        return f"<observers {self.listeners!r}>"

    def attach(self, observer: Observer) -> None:
        """Call *observer* with every record from now on."""
        self.listeners.append(observer)
        self._reconsider()

    def detach(self, observer: Observer) -> None:
        """Detach *observer*. Without effect if it is not attached."""
        if observer in self.listeners:
            self.listeners.remove(observer)
            self._reconsider()

    def measure(self, meter: Meter | None) -> None:
        """Let *meter* measure the handlers from now on, or nothing."""
        self.meter = meter
        self._reconsider()

    def _reconsider(self) -> None:
        """Change the one list that actors look at, in place: they keep it."""
        self.watching[:] = [*self.listeners, *(() if self.meter is None else (self.meter,))]
        self.changed()

    def number(self) -> int:
        """Take the next message number."""
        return next(self._numbers)

    def emit(self, record: TraceRecord) -> None:
        """Call every observer with *record*."""
        for observer in tuple(self.listeners):
            try:
                observer(record)
            except Exception:  # an observer must never stop what it observes
                self.detach(observer)
                _log.exception("observer %r failed and was dropped", observer)


class Recorder:
    """An observer that keeps the last *limit* records.

        recorder = ta.Recorder()
        async with ta.open_system(tree, observers=[recorder]) as system:
            ...
        for record in recorder.of(ta.ChildExited):
            print(record.child, record.reason)

    Iterating over it gives the records, oldest first.
    """

    def __init__(self, limit: int = 10_000) -> None:
        if type(limit) is not int or not 1 <= limit <= sys.maxsize:
            raise SpecError(f"Recorder: limit={limit!r:.80} must be a whole number, at least 1")
        self._records: deque[TraceRecord] = deque(maxlen=limit)
        self.lost = 0
        """The number of records that were dropped because there were more than *limit*."""

    def __call__(self, record: TraceRecord) -> None:
        """Keep *record*."""
        self.lost += len(self._records) == self._records.maxlen
        self._records.append(record)

    def __iter__(self) -> Iterator[TraceRecord]:
        """Iterate over the records, oldest first."""
        return iter(tuple(self._records))

    def __len__(self) -> int:
        """The number of records kept."""
        return len(self._records)

    def __repr__(self) -> str:
        """The number of records kept and lost."""
        return f"<recorder: {len(self)} records, {self.lost} lost>"

    def of(self, kind: type[R]) -> list[R]:
        """The records of one kind, oldest first. Raises `SpecError` if *kind* is not a class."""
        _check_class(kind)
        return [record for record in self if isinstance(record, kind)]


def _check_class(kind: object) -> None:
    if not isinstance(kind, type):
        raise SpecError(f"of() takes a class of trace records, such as ta.ChildExited, not {kind!r:.80}")
