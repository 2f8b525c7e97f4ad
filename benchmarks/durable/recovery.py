"""The time from opening the system to the first reply of an actor with a state of 1 MB.

The figure is the 95th percentile of several recoveries, each from a copy of the same files. A copy that was made while the store was
open is the state after a `kill -9`: the last commits are in the write-ahead log only.
"""

from __future__ import annotations

import gc
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio
from attrs import define

import trioactors as ta
from benchmarks.durable.folder import fresh_folder, url_in
from benchmarks.durable.payload import Lines, Orders, lines_of, orders_of

__all__: list[str] = []

MEGABYTE = 1_000_000
COMMITS = 3


class Archive(ta.Actor[Lines], persist=ta.EVERY_MESSAGE):
    """An actor that keeps lines."""

    @ta.handler
    async def fill(self) -> None:
        """Make the state large."""
        self.state.lines = lines_of(MEGABYTE)

    @ta.handler
    async def add(self, by: int) -> int:
        """Add *by* and return the new total."""
        self.state.total += by
        return self.state.total

    @ta.handler(reads=True)
    def size(self) -> tuple[int, int]:
        """Return the total and the number of lines."""
        return self.state.total, len(self.state.lines)


class Shop(ta.Actor[Orders], persist=ta.EVERY_MESSAGE):
    """An actor that keeps orders."""

    @ta.handler
    async def fill(self) -> None:
        """Make the state large."""
        self.state.orders = orders_of(MEGABYTE)

    @ta.handler
    async def add(self, by: int) -> int:
        """Add *by* and return the new total."""
        self.state.total += by
        return self.state.total

    @ta.handler(reads=True)
    def size(self) -> tuple[int, int]:
        """Return the total and the number of orders."""
        return self.state.total, len(self.state.orders)


Start = Callable[[ta.System], Awaitable[Archive | Shop]]


async def archive(system: ta.System) -> Archive:
    """Start the actor with lines."""
    return await system.start(Archive, name="large")


async def shop(system: ta.System) -> Shop:
    """Start the actor with orders."""
    return await system.start(Shop, name="large")


@define
class Template:
    """The files from which a system recovers, and the expected answer."""

    folder: Path
    answer: tuple[int, int] = (0, 0)

    async def make(self, start: Start, *, killed: bool) -> None:
        """Commit a large state a few times. Keep a copy of the files while the store is open, or after it is closed."""
        work = self.folder / "work"
        work.mkdir()
        async with ta.open_system(url_in(work)) as system:
            actor = await start(system)
            await actor.fill()
            for _ in range(COMMITS):
                await actor.add(1)
            self.answer = await actor.size()
            if killed:
                shutil.copytree(work, self.folder / "left", ignore=shutil.ignore_patterns("*-shm"))
        if not killed:
            shutil.copytree(work, self.folder / "left")

    async def recover(self, start: Start, number: int) -> float:
        """The time of one recovery, in seconds."""
        copy = shutil.copytree(self.folder / "left", self.folder / str(number))
        gc.collect()
        begin = time.perf_counter()
        async with ta.open_system(url_in(copy)) as system:
            actor = await start(system)
            answer = await actor.size()
            seconds = time.perf_counter() - begin
        shutil.rmtree(copy)
        assert answer == self.answer
        return seconds


def percentile(count: int, start: Start, *, killed: bool = False) -> float:
    """The 95th percentile of the times of several recoveries, in seconds."""

    async def main(folder: Path) -> list[float]:
        template = Template(folder)
        await template.make(start, killed=killed)
        assert template.answer[1] > 9_000
        return [await template.recover(start, number) for number in range(count)]

    with fresh_folder() as folder:
        seconds = trio.run(main, folder)
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


Recover = Callable[[int], float]
recovery_of_lines: Recover = partial(percentile, start=archive)
recovery_of_orders: Recover = partial(percentile, start=shop)
recovery_after_kill: Recover = partial(percentile, start=shop, killed=True)
