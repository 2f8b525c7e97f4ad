"""The cost that a policy adds to a call whose handler computes for a millisecond.

Calls of an actor without a policy and of one with it alternate in blocks, in one process; the cost is the median of the differences.
The work is a loop whose length is determined before the clock starts. So it takes its millisecond of the interpreter even if a thread
that syncs competes for it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial

import trio

import trioactors as ta
from benchmarks.durable.ours import within_system
from benchmarks.durable.payload import ACTORS, Tally

__all__: list[str] = []

WORK = 0.001
"""The time that a handler computes, in seconds."""
ALONE = 20
"""The number of calls in a block of one caller; a hundred callers make one call each."""

Send = Callable[[int], Awaitable[int]]


def compute(steps: int) -> int:
    """Compute for a number of steps of the interpreter."""
    total = 0
    for step in range(steps):
        total ^= step
    return total


def steps_of(seconds: float) -> int:
    """The number of steps that take a given time."""
    tried = 10_000
    costs: list[float] = []
    for _ in range(50):
        begin = time.perf_counter()
        compute(tried)
        costs.append(time.perf_counter() - begin)
    return round(tried * seconds / statistics.median(costs))


class Plain(ta.Actor[Tally]):
    """An actor that computes and keeps a total in memory."""

    @ta.handler
    async def work(self, steps: int) -> int:
        """Compute, then count."""
        compute(steps)
        self.state.total += 1
        return self.state.total


class EveryMessage(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    """An actor that computes and commits its total before each reply."""

    @ta.handler
    async def work(self, steps: int) -> int:
        """Compute, then count."""
        compute(steps)
        self.state.total += 1
        return self.state.total

    @ta.handler(reads=True)
    async def look(self, steps: int) -> int:
        """Compute without a change."""
        return compute(steps)


class Within(ta.Actor[Tally], persist=ta.Within(0.5)):
    """An actor that computes and commits its total twice a second."""

    @ta.handler
    async def work(self, steps: int) -> int:
        """Compute, then count."""
        compute(steps)
        self.state.total += 1
        return self.state.total


async def every(system: ta.System) -> Send:
    """A call that is committed."""
    return (await system.start(EveryMessage, name="durable")).work


async def reads(system: ta.System) -> Send:
    """A call that declares that it changes nothing."""
    return (await system.start(EveryMessage, name="durable")).look


async def within(system: ta.System) -> Send:
    """A call that is committed with others."""
    return (await system.start(Within, name="durable")).work


async def block(send: Send, steps: int, *, together: bool) -> float:
    """The time of one call in a block, in seconds."""
    begin = time.perf_counter()
    if not together:
        for _ in range(ALONE):
            await send(steps)
        return (time.perf_counter() - begin) / ALONE
    async with trio.open_nursery() as nursery:
        for _ in range(ACTORS):
            nursery.start_soon(send, steps)
    return (time.perf_counter() - begin) / ACTORS


def added(start: Callable[[ta.System], Awaitable[Send]], count: int, *, together: bool = False) -> float:
    """The additional time of *count* calls, compared with calls without a policy, in seconds."""
    steps = steps_of(WORK)

    async def main(system: ta.System) -> float:
        plain, send = (await system.start(Plain)).work, await start(system)
        differences: list[float] = []
        for _ in range(count // (ACTORS if together else ALONE)):
            before = await block(plain, steps, together=together)
            differences.append(await block(send, steps, together=together) - before)
        return statistics.median(differences) * count

    return within_system(main)


policy_reads = partial(added, reads)
policy_within = partial(added, within)
policy_every = partial(added, every)
policy_reads_hot = partial(added, reads, together=True)
policy_within_hot = partial(added, within, together=True)
policy_every_hot = partial(added, every, together=True)
