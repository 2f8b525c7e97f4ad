"""The observers of a system: who is handed its trace records."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from trioactors.trace.records import TraceRecord

__all__ = ["Observer", "Observers", "Recorder"]

Kind = TypeVar("Kind", bound=TraceRecord)

_log = logging.getLogger("trioactors")

Observer = Callable[[TraceRecord], None]


class Observers:
    """Who is told."""

    def __init__(self) -> None:
        self.listeners: list[Observer] = []
        """Empty when nobody listens: look here before making a record."""
        self.changed: Callable[[], None] = lambda: None
        """Called when somebody comes or goes."""
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        """Who listens."""
        return f"<observers {self.listeners!r}>"

    def attach(self, observer: Observer) -> None:
        """Tell *observer* of everything from now on."""
        self.listeners.append(observer)
        self.changed()

    def detach(self, observer: Observer) -> None:
        """Tell it nothing more. Detaching one that is not attached is harmless."""
        if observer in self.listeners:
            self.listeners.remove(observer)
            self.changed()

    def number(self) -> int:
        """The number of one more message."""
        return next(self._numbers)

    def emit(self, record: TraceRecord) -> None:
        """Hand *record* to every observer."""
        for observer in tuple(self.listeners):
            try:
                observer(record)
            except Exception:  # a watcher must never stop what it watches
                self.detach(observer)
                _log.exception("observer %r failed and was dropped", observer)


class Recorder:
    """An observer that keeps the last *limit* records."""

    def __init__(self, limit: int = 10_000) -> None:
        self._records: deque[TraceRecord] = deque(maxlen=limit)
        self.lost = 0
        """How many older records the ring has dropped."""

    def __call__(self, record: TraceRecord) -> None:
        """Keep *record*."""
        self.lost += len(self._records) == self._records.maxlen
        self._records.append(record)

    def __iter__(self) -> Iterator[TraceRecord]:
        """What is kept, oldest first."""
        return iter(tuple(self._records))

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._records)

    def __repr__(self) -> str:
        """How full the ring is."""
        return f"<recorder: {len(self)} records, {self.lost} lost>"

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The records of one kind, oldest first."""
        return [record for record in self if isinstance(record, kind)]
