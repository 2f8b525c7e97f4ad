"""Exact virtual time and repeatable runs.

A mock clock jumps whenever every task waits, even while a worker thread is busy: a deadline of an hour would pass during a query of a
millisecond. `ThreadGuard` holds the clock while a thread of `trio.to_thread` is running.

Trio shuffles the tasks that are runnable at the same time. `run(main, seed=...)` makes that shuffle depend on the seed;
`trioactors.testing.exploring` also varies how far tasks advance.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from trio.testing import MockClock, active_thread_count

from trioactors.environment.environment import Environment
from trioactors.environment.workers import InPlaceWorker, Worker
from trioactors.testing.schedules import Policy, chooser
from trioactors.testing.scheduling import Schedule, scheduled

__all__ = ["EPOCH", "ThreadGuard", "run", "virtual_environment"]

T = TypeVar("T")
EPOCH = 1_700_000_000.0
"""The wall clock at the beginning of virtual time: an arbitrary moment in 2023."""


class ThreadGuard(trio.abc.Instrument):
    """Keeps *clock* from jumping while worker threads run."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self._before: float | None = None

    def __repr__(self) -> str:
        """Show whether the clock is held."""
        return f"<thread guard: clock {'free' if self._before is None else 'held'}>"

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Check for threads: they are started, and their results received, within the step of a task."""
        del task
        busy = active_thread_count() > 0
        if busy and self._before is None:
            self._before, self._clock.autojump_threshold = self._clock.autojump_threshold, math.inf
        elif not busy and self._before is not None:
            self._clock.autojump_threshold, self._before = self._before, None


def virtual_environment(seed: int | str = 0, *, worker: Worker | None = None) -> Environment:
    """A deterministic environment: seeded random streams, counted ids, a wall clock that follows Trio's clock.

    The calls of stores run in place, or on *worker* if they may wait for a disk.
    """
    ids, secrets = itertools.count(1), itertools.count(1)
    chosen = InPlaceWorker() if worker is None else worker
    return Environment(
        wall_clock=lambda: EPOCH + trio.current_time(),
        random=lambda label: random.Random(f"{seed}/{label}"),
        new_id=lambda: f"id-{next(ids)}",
        new_secret=lambda: f"secret-{next(secrets)}",
        process=1,
        worker=lambda: chosen,
        post=_no_network,
        stopwatch=lambda: None,
        check_state=True,
    )


async def _no_network(url: str, body: bytes, seconds: float) -> int:
    """Refuse to send: nothing in virtual time reaches a network. `MemoryNetwork.post` keeps what is sent."""
    del url, body, seconds
    await trio.lowlevel.checkpoint()
    raise OSError("a virtual environment has no network: pass attrs.evolve(virtual_environment(), post=MemoryNetwork().post)")


def run(main: Callable[[], Awaitable[T]], *, seed: int | None = None, instruments: tuple[trio.abc.Instrument, ...] = ()) -> T:
    """Like `trio.run`, in virtual time, for property tests and scripts. The same *seed* gives the same schedule."""
    clock = MockClock(autojump_threshold=0)
    guards = (ThreadGuard(clock), *instruments)
    if seed is None:
        return trio.run(main, clock=clock, instruments=guards)
    schedule = Schedule(chooser(seed, Policy.BATCH), whole=True)
    with scheduled(schedule):
        return trio.run(main, clock=clock, instruments=(schedule, *guards))
