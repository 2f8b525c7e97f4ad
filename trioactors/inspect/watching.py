"""Rings: the most recent records of a system, kept only while the ring is watched and read by cursor.

Nothing is queued for a reader. Each reader passes the number up to which it has read and gets the entries after it; a slow reader learns
how many entries it has missed. A ring listens to a system only while it is watched, so it costs nothing before and after.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import islice
from typing import Self, TypeVar

from trioactors.settings import count
from trioactors.system.system import System, registry_of

__all__ = ["Ring"]

Entry = TypeVar("Entry")


class Ring:
    """Entries numbered from 0. *attach* and *detach* are called for a system with its first and its last watcher."""

    def __init__(self, attach: Callable[[System], object], detach: Callable[[System], object]) -> None:
        self._attach = attach
        self._detach = detach
        self._watched: Counter[System] = Counter()
        self._next: int = 0

    @property
    def cursor(self) -> int:
        """The number of the next entry: read from here to get only what happens from now on."""
        return self._next

    @contextmanager
    def watching(self, system: System) -> Generator[Self, None, None]:
        """Listen to *system* while this block, or another one like it, is open."""
        registry_of(system)  # raises for anything but a system
        self._watched[system] += 1
        if self._watched[system] == 1:
            self._attach(system)
        try:
            yield self
        finally:
            self._watched[system] -= 1
            if not self._watched[system]:
                del self._watched[system]
                self._detach(system)

    def _start(self, cursor: int, kept: int) -> tuple[int, int]:
        """The number at which a reader at *cursor* goes on, and how many entries it has lost, if *kept* entries are in the ring.

        A number that this ring has not given out yet comes from another ring: that reader starts with the oldest entry. Raises `SpecError`.
        """
        oldest = self._next - kept
        if count(cursor, "cursor") > self._next:
            return oldest, 0
        return max(cursor, oldest), max(0, oldest - cursor)

    def _newest(self, kept: deque[Entry], cursor: int, limit: int, wanted: Callable[[Entry], bool] | None) -> tuple[int, int]:
        """Where a reader at *cursor* that wants only the newest *limit* entries goes on, and how many entries it skips.

        Without *wanted*, all entries count, and it costs nothing. Otherwise each entry from *cursor* on is looked at once. Entries that
        have left the ring are lost, not skipped: going on at *cursor* counts them. Raises `SpecError`.
        """
        at, _ = self._start(cursor, len(kept))
        due = self._next - at
        if due <= limit:
            return cursor, 0
        if wanted is None:
            return self._next - limit, due - limit
        places = [place for place, entry in enumerate(islice(reversed(kept), due), 1) if wanted(entry)]
        return (cursor, 0) if len(places) <= limit else (self._next - places[limit - 1], len(places) - limit)
