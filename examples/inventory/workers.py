"""The pool: workers that hash lots of files, each in one thread at a time, under a supervisor that restarts them when they crash."""

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
"""The deadline of a hash, in seconds: a file may be large and its disk slow. A hash that is no longer needed is cancelled instead."""


class PlannedCrash(Exception):
    """The crash that `--crash` asks for."""


class Sabotage:
    """Crash a worker at every Nth file. Each file is chosen only once, so the next try succeeds."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.met: set[Path] = set()
        self.numbers = itertools.count(1)

    def strike(self, path: Path) -> None:
        """Raise `PlannedCrash` if it is the turn of *path*. Several threads call this; each of its steps is atomic."""
        if path in self.met:
            return
        self.met.add(path)
        if next(self.numbers) % self.every == 0:
            raise PlannedCrash(f"at {shown(path)}, as you wished")


class Hasher(ta.Actor[None]):
    """A worker that hashes one lot after the other. It keeps no state, so a crash costs only the lot."""

    def __init__(self, sabotage: Sabotage | None = None) -> None:
        self.sabotage = sabotage

    @ta.handler(timeout=A_DAY)
    async def hash(self, lot: Lot) -> Mapping[Path, Entry | None]:
        """Return the entry of each file of *lot*."""
        return await trio.to_thread.run_sync(self.examine_all, lot)

    def examine_all(self, lot: Lot) -> Mapping[Path, Entry | None]:
        """Examine file after file, in a thread. It stops between two chunks when the worker is cancelled."""
        results: dict[Path, Entry | None] = {}
        for name, stamp in lot.files.items():
            path = lot.top.place / name
            if self.sabotage is not None:
                self.sabotage.strike(path)
            results[name] = examine(path, stamp, pulse=trio.from_thread.check_cancelled)
        return results


def hasher_names(size: int) -> list[str]:
    """Return the names of the workers."""
    return [f"hasher-{number}" for number in range(1, size + 1)]


def pool(size: int, sabotage: Sabotage | None = None) -> ta.Supervisor:
    """Build a pool of *size* workers, each restarted alone, after a pause that grows with the number of crashes.

    The pause grows to a tenth of a second, of which up to half is taken off at random, so a worker cannot crash more than 200 times in ten
    seconds. More than 250 crashes each mean that something else is wrong: then the pool gives up.
    """
    return ta.Supervisor(
        *(ta.child(partial(Hasher, sabotage), name=name, grace=1.0) for name in hasher_names(size)),
        name="hashers",
        intensity=ta.Intensity(limit=250 * size, period=10.0),
        backoff=ta.Backoff(base=0.01, cap=0.1),
    )
