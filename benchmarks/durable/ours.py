"""trioactors: durable actors as a user writes them, on SQLite."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import trio

import trioactors as ta
from benchmarks.durable.folder import fresh_folder, url_in
from benchmarks.durable.payload import ACTORS, Lines, Tally, batches, lines_of, tallies
from benchmarks.measure import Stopwatch
from trioactors.environment import Environment
from trioactors.persistence import store_at

__all__: list[str] = []

Main = Callable[[ta.System], Awaitable[float]]
Address = Callable[[Path], str]
"""A function from a folder to the URL of a store in it."""

WARM = 50


class Counter(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    """A durable actor that keeps a total."""

    @ta.handler
    async def add(self, by: int) -> int:
        """Add *by* and return the new total."""
        self.state.total += by
        return self.state.total


class Large(ta.Actor[Lines], persist=ta.EVERY_MESSAGE):
    """A counter with a larger state."""

    def __init__(self, size: int) -> None:
        self.state = Lines(0, lines_of(size))

    @ta.handler
    async def add(self, by: int) -> int:
        """Add *by* and return the new total."""
        self.state.total += by
        return self.state.total


def within_system(main: Main, address: Address = url_in) -> float:
    """Run *main* with an open system, whose store is in a new folder."""
    with fresh_folder() as folder:
        return trio.run(opened, address(folder), main)


async def opened(url: str, main: Main) -> float:
    """Run *main* with an open system, whose store is at *url*."""
    async with ta.open_system(url) as system:
        cost = await main(system)
    assert system.ledger().balanced
    return cost


async def calls(counter: Counter | Large, count: int) -> None:
    """Make *count* calls one after another."""
    for _ in range(count):
        await counter.add(1)


async def in_turn(counters: Sequence[Counter], count: int) -> None:
    """Make *count* calls one after another, on the counters in turn."""
    for counter in itertools.islice(itertools.cycle(counters), count):
        await counter.add(1)


async def timed(counters: Sequence[Counter], callers: int, count: int) -> float:
    """The time of *count* calls by several tasks, in seconds. The tasks divide the counters, or share the only one."""
    hands = [counters[number::callers] or counters for number in range(callers)]
    with Stopwatch() as watch:
        async with trio.open_nursery() as nursery:
            for hand in hands:
                nursery.start_soon(in_turn, hand, count // callers)
    return watch.seconds


async def new_counters(system: ta.System, count: int) -> list[Counter]:
    """Start *count* counters, each with a record and a total of 0."""
    counters = [await system.start(Counter, name=f"actor-{number}") for number in range(count)]
    for by in (1, -1):
        async with trio.open_nursery() as nursery:
            for counter in counters:
                nursery.start_soon(counter.add, by)
    return counters


def played(count: int, *, callers: int = 1, actors: int = 1, address: Address = url_in) -> float:
    """The time of *count* calls, in seconds, by several callers of several counters."""

    async def main(system: ta.System) -> float:
        counters = await new_counters(system, actors)
        cost = await timed(counters, callers, count)
        assert sum([await counter.add(0) for counter in counters]) == count
        return cost

    return within_system(main, address)


def one_caller(count: int, address: Address = url_in) -> float:
    """One caller, without other load."""

    async def main(system: ta.System) -> float:
        counter = await system.start(Counter, name="actor-0")
        await calls(counter, WARM)
        with Stopwatch() as watch:
            await calls(counter, count)
        assert await counter.add(0) == WARM + count
        return watch.seconds

    return within_system(main, address)


def with_state(size: int, count: int, address: Address = url_in) -> float:
    """One caller, with a state of a given size."""

    async def main(system: ta.System) -> float:
        large = await system.start(partial(Large, size), name="actor-0")
        await calls(large, 1)
        with Stopwatch() as watch:
            await calls(large, count)
        assert await large.add(0) == 1 + count
        return watch.seconds

    return within_system(main, address)


def start(count: int) -> float:
    """Start counters that already have records, one after another."""

    async def main(system: ta.System) -> float:
        with Stopwatch() as watch:
            counters = [await system.start(Counter, name=f"actor-{number}") for number in range(count)]
        assert [await counter.add(0) for counter in counters] == list(range(1, count + 1))
        return watch.seconds

    with fresh_folder() as folder:
        store = store_at(url_in(folder))
        store.open(Environment())
        store.commit(batches(tallies(count), count))
        store.close()
        return trio.run(opened, url_in(folder), main)


many_actors = partial(played, callers=ACTORS, actors=ACTORS)
hot_actor = partial(played, callers=ACTORS)
among_100 = partial(played, callers=ACTORS, actors=100)
among_10000 = partial(played, callers=ACTORS, actors=10_000)
state_1k = partial(with_state, 1_000)
state_100k = partial(with_state, 100_000)
state_10m = partial(with_state, 10_000_000)
start_100 = start
start_10000 = start
