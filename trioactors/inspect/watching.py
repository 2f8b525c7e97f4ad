"""Who watches which system: what listens there begins with the first of them, and ends with the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from trioactors.system.system import System

__all__ = ["Watchers"]


class Watchers:
    """Counts them. *begin* and *end* are told of a system that is watched from now on, or no longer."""

    def __init__(self, begin: Callable[[System], object], end: Callable[[System], object]) -> None:
        self._begin = begin
        self._end = end
        self._counted: Counter[System] = Counter()

    def __len__(self) -> int:
        """How many watch, whatever they watch."""
        return self._counted.total()

    @contextmanager
    def watching(self, system: System) -> Generator[None, None, None]:
        """Be one of them while this block is open."""
        self._counted[system] += 1
        if self._counted[system] == 1:
            self._begin(system)
        try:
            yield
        finally:
            self._counted[system] -= 1
            if not self._counted[system]:
                del self._counted[system]
                self._end(system)
