"""The pool: workers that hash lots of files, each in one thread at a time, under a supervisor that starts them again when they crash."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import trio

import trioactors as ta
from hashing import examine
from planning import Lot
from records import Entry, shown

__all__ = ["Hasher", "PlannedCrash", "Sabotage", "hasher_names", "pool"]

A_DAY: Final = 86_400.0
"""A file may be large and its disk slow. What ends a hash that nobody wants any more is a cancellation, not this."""


class PlannedCrash(Exception):
    """The crash that was asked for."""


class Sabotage:
    """Crashes a worker at every Nth file. A file is chosen once only: it is tried again, and then it goes well."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.met: set[Path] = set()
        self.numbers = itertools.count(1)

    def strike(self, path: Path) -> None:
        """Crash, if it is the turn of *path*. Called from several threads; each of these steps is one."""
        if path in self.met:
            return
        self.met.add(path)
        if next(self.numbers) % self.every == 0:
            raise PlannedCrash(f"at {shown(path)}, as you wished")


class Hasher(ta.Actor[None]):
    """Hashes one lot after the other. It keeps nothing, so a crash costs nothing but the lot."""

    def __init__(self, sabotage: Sabotage | None = None) -> None:
        self.sabotage = sabotage

    @ta.handler(timeout=A_DAY)
    async def hash(self, lot: Lot) -> Mapping[Path, Entry | None]:
        """What there is to know of each file of *lot*."""
        return await trio.to_thread.run_sync(self.examine_all, lot)

    def examine_all(self, lot: Lot) -> Mapping[Path, Entry | None]:
        """In a thread: file after file. Ends between two chunks when the worker is cancelled."""
        results: dict[Path, Entry | None] = {}
        for name, stamp in lot.files.items():
            path = lot.top.place / name
            if self.sabotage is not None:
                self.sabotage.strike(path)
            results[name] = examine(path, stamp, pulse=trio.from_thread.check_cancelled)
        return results


def hasher_names(size: int) -> list[str]:
    """How the workers are called."""
    return [f"hasher-{number}" for number in range(1, size + 1)]


def pool(size: int, sabotage: Sabotage | None = None) -> ta.Supervisor:
    """So many workers, each restarted alone, and the later the more crashes there are.

    The pause grows to a tenth of a second, up to half of it taken off by chance, so a worker cannot crash more than 200 times in ten
    seconds. More than 250 each would mean that something else is wrong: then the pool gives up.
    """
    return ta.Supervisor(
        *(ta.child(partial(Hasher, sabotage), name=name, grace=1.0) for name in hasher_names(size)),
        name="hashers",
        intensity=ta.Intensity(limit=250 * size, period=10.0),
        backoff=ta.Backoff(base=0.01, cap=0.1),
    )
