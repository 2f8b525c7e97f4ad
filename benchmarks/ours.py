"""trioactors with all of its features: supervision, deadlines, the ledger, the wait-for graph.

Handlers are `async def`, as in the README. Restart: the actor is a child of a supervisor whose intensity is never exceeded. The first
crash reports, which are logged in full (to nowhere), are spent before the clock starts, because later ones are only counted.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import trio
from attrs import define

import trioactors as ta
from benchmarks.measure import Growth, Stopwatch
from benchmarks.scenarios import BURST, CALLERS, CALLS_AMONG_IDLE, RING

__all__: list[str] = []

Main = Callable[[ta.System], Awaitable[float]]


@define
class Tally:
    """The state of a counter."""

    total: int = 0


class Counter(ta.Actor[Tally]):
    """An actor that keeps a total."""

    @ta.handler
    async def add(self, by: int) -> int:
        """Add *by* and return the new total."""
        self.state.total += by
        return self.state.total

    @ta.handler
    async def fail(self) -> None:
        """Crash."""
        raise ValueError


class Roomy(Counter, mailbox=BURST + 1):
    """A counter with room for a burst."""


class Link(ta.Actor[None]):
    """An actor of the ring."""

    def __init__(self, done: trio.Event) -> None:
        self.following = self
        self.done = done
        self.hops = 0

    @ta.handler
    async def join(self, following: Link) -> None:
        """Set *following* as the next actor of the ring."""
        self.following = following

    @ta.handler
    async def token(self, left: int) -> None:
        """Pass the token on."""
        self.hops += 1
        if left:
            self.following.token.cast_nowait(left - 1)
        else:
            self.done.set()

    @ta.handler
    async def passed(self) -> int:
        """Return the number of tokens that it saw."""
        return self.hops


def within_system(main: Main, observers: tuple[ta.Observer, ...] = (), tree: ta.Supervisor | None = None) -> float:
    """Run *main* with an open system."""

    async def body() -> float:
        async with ta.open_system(tree, observers=observers) as system:
            cost = await main(system)
        assert system.ledger().balanced
        return cost

    return trio.run(body)


async def ready_counter(system: ta.System, kind: type[Counter] = Counter) -> Counter:
    """A counter that is warm: it has answered enough calls. Its total is 0."""
    counter = await system.start(kind)
    for by in (1, -1) * 500:
        await counter.add(by)
    return counter


async def timed_calls(counter: Counter, count: int) -> float:
    """The time of *count* calls, in seconds."""
    answer = 0
    with Stopwatch() as watch:
        for _ in range(count):
            answer = await counter.add(1)
    assert answer == count
    return watch.seconds


def call(count: int, observers: tuple[ta.Observer, ...] = ()) -> float:
    """One caller."""

    async def main(system: ta.System) -> float:
        return await timed_calls(await ready_counter(system), count)

    return within_system(main, observers)


def call_by_keyword(count: int, observers: tuple[ta.Observer, ...] = ()) -> float:
    """One caller, with a keyword argument."""

    async def main(system: ta.System) -> float:
        counter = await ready_counter(system)
        answer = 0
        with Stopwatch() as watch:
            for _ in range(count):
                answer = await counter.add(by=1)
        assert answer == count
        return watch.seconds

    return within_system(main, observers)


def call_from_many(count: int, observers: tuple[ta.Observer, ...] = ()) -> float:
    """Many callers."""

    async def main(system: ta.System) -> float:
        counter = await ready_counter(system)

        async def caller() -> None:
            for _ in range(count // CALLERS):
                await counter.add(1)

        with Stopwatch() as watch:
            async with trio.open_nursery() as callers:
                for _ in range(CALLERS):
                    callers.start_soon(caller)
        assert await counter.add(0) == count
        return watch.seconds

    return within_system(main, observers)


def cast(count: int, observers: tuple[ta.Observer, ...] = ()) -> float:
    """Bursts by `cast_nowait`, each closed by a call."""

    async def main(system: ta.System) -> float:
        counter = await ready_counter(system, Roomy)
        answer = 0
        with Stopwatch() as watch:
            for _ in range(count // BURST):
                for _ in range(BURST):
                    counter.add.cast_nowait(1)
                answer = await counter.add(0)
        assert answer == count
        return watch.seconds

    return within_system(main, observers)


cast_as_usual = cast  # the floor's side differs in this row


def cast_awaited(count: int, observers: tuple[ta.Observer, ...] = ()) -> float:
    """Each message is awaited."""

    async def main(system: ta.System) -> float:
        counter = await ready_counter(system)
        with Stopwatch() as watch:
            for _ in range(count):
                await counter.add.cast(1)
            answer = await counter.add(0)
        assert answer == count
        return watch.seconds

    return within_system(main, observers)


def ring(hops: int, observers: tuple[ta.Observer, ...] = ()) -> float:
    """One token runs around the ring, sent by `cast_nowait`."""

    async def main(system: ta.System) -> float:
        done = trio.Event()
        links = [await system.start(partial(Link, done)) for _ in range(RING)]
        for link, following in zip(links, links[1:] + links[:1], strict=True):
            await link.join(following)
        with Stopwatch() as watch:
            links[0].token.cast_nowait(hops - 1)
            await done.wait()
        assert sum([await link.passed() for link in links]) == hops
        return watch.seconds

    return within_system(main, observers)


def spawn_and_stop(count: int, observers: tuple[ta.Observer, ...] = ()) -> float:
    """Start all actors, then stop all."""

    async def main(system: ta.System) -> float:
        await ta.stop(await system.start(Counter))
        with Stopwatch() as watch:
            counters = [await system.start(Counter) for _ in range(count)]
            alive = len(system.names())
            for counter in counters:
                await ta.stop(counter)
        assert alive == count
        assert system.names() == ()
        return watch.seconds

    return within_system(main, observers)


def restart(count: int, observers: tuple[ta.Observer, ...] = ()) -> float:
    """The supervisor restarts it."""
    patience = ta.Intensity(limit=1_000_000, period=0.001)
    tree = ta.Supervisor(ta.child(Counter, name="counter"), name="top", intensity=patience)
    log = logging.getLogger("trioactors")
    log.addHandler(logging.NullHandler())
    log.propagate = False

    async def main(system: ta.System) -> float:
        counter = system.get(Counter, "counter")

        async def cycles(number: int) -> int:
            failures = 0
            for _ in range(number):
                try:
                    await counter.fail()
                except ta.ActorCrashed:
                    failures += 1
                answer = await counter.add(1)
                assert answer == 1
            return failures

        await cycles(50)
        with Stopwatch() as watch:
            failures = await cycles(count)
        assert failures == count
        assert ta.info(counter).incarnation == 1 + 50 + count
        return watch.seconds

    return within_system(main, observers, tree)


restart_anew = restart  # the floor's side differs in this row


async def start_idle(system: ta.System, count: int) -> list[Counter]:
    """Many actors that have nothing to do."""
    return [await system.start(Counter) for _ in range(count)]


def bytes_of_idle(count: int) -> float:
    """The memory includes the list that holds them."""

    async def main(system: ta.System) -> float:
        await ta.stop(await system.start(Counter))
        with Growth() as growth:
            counters = await start_idle(system, count)
        assert len(counters) == len(system.names()) == count
        return growth.bytes

    return within_system(main)


def teardown(count: int) -> float:
    """Leave the system, which stops all actors in order, each within its grace."""
    watch = Stopwatch()

    async def main(system: ta.System) -> float:
        await start_idle(system, count)
        watch.start()
        return 0.0

    within_system(main)
    return watch.stop()


def call_among_idle(count: int) -> float:
    """Calls of one more actor."""

    async def main(system: ta.System) -> float:
        idle = await start_idle(system, count)
        assert len(idle) == count
        return await timed_calls(await ready_counter(system), CALLS_AMONG_IDLE)

    return within_system(main)
