"""Observers: functions that get the trace records of a system."""

from __future__ import annotations

import itertools
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from trioactors.errors import SpecError
from trioactors.trace.records import TraceRecord

__all__ = ["Observer", "Observers", "Recorder"]

Kind = TypeVar("Kind", bound=TraceRecord)

_log = logging.getLogger("trioactors")

Observer = Callable[[TraceRecord], None]
"""A function that is called with every trace record. It must not wait; if it raises, it is detached and logged."""


class Observers:
    """The observers of one system."""

    def __init__(self) -> None:
        self.listeners: list[Observer] = []
        """The attached observers. Check that it is not empty before making a record."""
        self.changed: Callable[[], None] = lambda: None
        """Called when an observer is attached or detached."""
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        """The attached observers."""
        return f"<observers {self.listeners!r}>"

    def attach(self, observer: Observer) -> None:
        """Call *observer* with every record from now on."""
        self.listeners.append(observer)
        self.changed()

    def detach(self, observer: Observer) -> None:
        """Detach *observer*. Without effect if it is not attached."""
        if observer in self.listeners:
            self.listeners.remove(observer)
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

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The records of one kind, oldest first. Raises `SpecError` if *kind* is not a class."""
        _check_class(kind)
        return [record for record in self if isinstance(record, kind)]


def _check_class(kind: object) -> None:
    if not isinstance(kind, type):
        raise SpecError(f"of() takes a class of trace records, such as ta.ChildExited, not {kind!r:.80}")
