"""`python -m benchmarks.remembering`: what a history costs: calls, crashes, a storm of crashes, and samples, with it and without.

Rounds with and without a history alternate in one process, and the median of their ratios is printed. The store is SQLite on a real disk.
"""

from __future__ import annotations

import contextlib
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import attrs
import trio

import trioactors as ta
from trioactors import inspect
from trioactors.system.system import runtime_of

__all__: list[str] = []

ROUNDS = 9
CALLS = 20_000
CRASHES = 1_000
STORM = 200
"""Crashes a second."""
STORM_TIME = 5


@attrs.define
class Till:
    """The money in a till."""

    sold: int = 0


class Clerk(ta.Actor[None]):
    """An actor that keeps nothing."""

    @ta.handler
    def hello(self) -> None:
        """Return at once."""

    @ta.handler
    def fail(self) -> None:
        """Crash."""
        raise ValueError("no")


class Cashier(ta.Actor[Till], persist=ta.EVERY_MESSAGE):
    """An actor whose state is kept."""

    @ta.handler
    def sell(self) -> None:
        """Change the state."""
        self.state.sold += 1


async def calls(system: ta.System) -> float:
    """Processor seconds for many calls."""
    clerk = system.get(Clerk, "clerk")
    began = time.process_time()
    for _ in range(CALLS):
        await clerk.hello()
    return time.process_time() - began


async def commits(system: ta.System) -> float:
    """Processor seconds for durable calls, a hundred at once."""
    cashiers = [system.get(Cashier, f"till-{number}") for number in range(100)]
    began = time.process_time()
    for _ in range(20):
        async with trio.open_nursery() as nursery:
            for cashier in cashiers:
                nursery.start_soon(cashier.sell)
    return time.process_time() - began


async def crashes(system: ta.System) -> float:
    """Processor seconds for crashes and restarts, one after the other."""
    clerk = system.get(Clerk, "clerk")
    began = time.process_time()
    for _ in range(CRASHES):
        with contextlib.suppress(ta.ActorCrashed):
            await clerk.fail()
    return time.process_time() - began


async def storm(system: ta.System) -> float:
    """Processor seconds for 200 crashes a second."""
    clerk = system.get(Clerk, "clerk")
    began = time.process_time()
    start = trio.current_time()
    for number in range(STORM * STORM_TIME):
        await trio.sleep_until(start + number / STORM)
        clerk.fail.cast_nowait()
    await ta.flush(clerk)
    return time.process_time() - began


def tree() -> ta.Supervisor:
    """The system that is measured."""
    tills = [ta.child(Cashier, name=f"till-{number}") for number in range(100)]
    return ta.Supervisor(ta.child(Clerk, name="clerk"), *tills, name="shop", intensity=ta.Intensity(limit=10**9))


async def measured(work: Callable[[ta.System], Awaitable[float]], store: str, *, history: bool) -> float:
    """The time of *work* in a new system."""
    async with ta.open_system(store, tree(), history=history) as system:
        return await work(system)


async def sample_cost() -> tuple[float, float, float]:
    """Processor seconds of one sample, and of the answer for an hour and for a week, after a week of minutes."""
    async with ta.open_system("memory:", tree(), history=True) as system:
        history = runtime_of(system).history
        assert history is not None
        await trio.sleep(1.5)
        base = history.figures.last
        assert base is not None
        began = time.process_time()
        for second in range(14_000):
            history.sample(attrs.evolve(base, time=base.time + second, wall_time=base.wall_time - 3_600 + second / 4))
        each = (time.process_time() - began) / 14_000
        answers: list[float] = []
        for span in (3_600, 604_800):
            began = time.process_time()
            inspect.plain(inspect.samples(system, span=span))
            answers.append(time.process_time() - began)
        return each, answers[0], answers[1]


def main() -> int:
    """Measure and print."""
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        for name, work, rounds in (
            ("calls", calls, ROUNDS),
            ("commits", commits, ROUNDS),
            ("crashes", crashes, ROUNDS),
            ("storm", storm, 3),
        ):
            pairs: list[tuple[float, float]] = []
            for number in range(rounds):
                store = f"sqlite:///{Path(folder) / f'{name}-{number}'}"
                with_it = trio.run(partial(measured, work, f"{store}-with", history=True))
                without = trio.run(partial(measured, work, f"{store}-without", history=False))
                pairs.append((with_it, without))
            ratio = statistics.median(one / other for one, other in pairs)
            one, other = (statistics.median(each) for each in zip(*pairs, strict=True))
            print(f"{name:8} with {one:7.3f} s  without {other:7.3f} s  ratio {ratio:5.3f}")
            if name == "storm":
                print(f"{'':8} {(one - other) / STORM_TIME:7.2%} of a core more at {STORM} crashes a second")
    each, hour, week = trio.run(sample_cost)
    print(f"a sample is noted in {each * 1e6:.1f} us; an hour is read in {hour * 1e3:.1f} ms, a week in {week * 1e3:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
