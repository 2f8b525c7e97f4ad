"""Plain asyncio: a queue as mailbox, a future as reply, no supervision.

The actor's own loop restarts it, as in the floor. Spawn is acknowledged by a future, and stop by awaiting the task. Teardown cancels
all tasks and gathers them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.measure import Growth, Stopwatch
from benchmarks.scenarios import BURST, CALLERS, CALLS_AMONG_IDLE, RING

__all__: list[str] = []

Message = tuple[int, "asyncio.Future[int] | None"]
FAIL = 0
"""Adding this number fails."""


class Failed(Exception):
    """A counter was asked to fail."""


class Counter:
    """An actor that keeps a total."""

    def __init__(self, limit: int = 1_000) -> None:
        self.total = 0
        self.queue: asyncio.Queue[Message | None] = asyncio.Queue(limit)
        self.loop = asyncio.get_running_loop()

    async def run(self, ready: asyncio.Future[None] | None = None) -> None:
        """Handle messages until None arrives."""
        if ready is not None:
            ready.set_result(None)
        while (message := await self.queue.get()) is not None:
            by, future = message
            self.total += by
            if future is not None:
                future.set_result(self.total)

    async def run_once(self) -> None:
        """Handle messages, starting from a fresh total, until one fails."""
        self.total = 0
        future: asyncio.Future[int] | None = None
        try:
            while (message := await self.queue.get()) is not None:
                by, future = message
                if by == FAIL:
                    raise Failed  # noqa: TRY301 - where a handler would
                self.total += by
                if future is not None:
                    future.set_result(self.total)
        except Failed as error:
            assert future is not None
            future.set_exception(error)

    async def run_again(self) -> None:
        """Run forever: after each failure, start afresh in the same task."""
        while True:
            await self.run_once()

    async def call(self, by: int) -> int:
        """Add *by* and return the new total."""
        future: asyncio.Future[int] = self.loop.create_future()
        self.queue.put_nowait((by, future))
        return await future

    async def start(self) -> asyncio.Task[None]:
        """Start it, and return when it is running."""
        ready: asyncio.Future[None] = self.loop.create_future()
        task = asyncio.create_task(self.run(ready))
        await ready
        return task


async def ready_counter(tasks: list[asyncio.Task[None]], limit: int = 1_000) -> Counter:
    """A counter that is warm: it has answered enough calls."""
    counter = Counter(limit)
    tasks.append(asyncio.create_task(counter.run()))
    for _ in range(1_000):
        await counter.call(1)
    counter.total = 0
    return counter


async def timed_calls(counter: Counter, count: int) -> float:
    """The time of *count* calls, in seconds."""
    answer = 0
    with Stopwatch() as watch:
        for _ in range(count):
            answer = await counter.call(1)
    assert answer == counter.total == count
    return watch.seconds


def within_asyncio(main: Callable[[list[asyncio.Task[None]]], Awaitable[float]]) -> float:
    """Run *main* with a list of tasks, and cancel these at the end."""

    async def body() -> float:
        tasks: list[asyncio.Task[None]] = []
        cost = await main(tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return cost

    return asyncio.run(body())


def call(count: int) -> float:
    """One caller."""

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        return await timed_calls(await ready_counter(tasks), count)

    return within_asyncio(main)


def call_from_many(count: int) -> float:
    """Many callers."""

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        counter = await ready_counter(tasks)

        async def caller() -> None:
            for _ in range(count // CALLERS):
                await counter.call(1)

        with Stopwatch() as watch:
            async with asyncio.TaskGroup() as callers:
                for _ in range(CALLERS):
                    callers.create_task(caller())
        assert counter.total == count
        return watch.seconds

    return within_asyncio(main)


def cast(count: int) -> float:
    """Bursts, each closed by a call."""

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        counter = await ready_counter(tasks, BURST + 1)
        answer = 0
        with Stopwatch() as watch:
            for _ in range(count // BURST):
                for _ in range(BURST):
                    counter.queue.put_nowait((1, None))
                answer = await counter.call(0)
        assert answer == count
        return watch.seconds

    return within_asyncio(main)


def cast_awaited(count: int) -> float:
    """Each message is awaited."""

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        counter = await ready_counter(tasks)
        with Stopwatch() as watch:
            for _ in range(count):
                await counter.queue.put((1, None))
            await counter.queue.put((0, future := counter.loop.create_future()))
            answer = await future
        assert answer == count
        return watch.seconds

    return within_asyncio(main)


class Link:
    """An actor of the ring."""

    def __init__(self, done: asyncio.Event) -> None:
        self.queue: asyncio.Queue[int] = asyncio.Queue(1_000)
        self.following = self
        self.done = done
        self.hops = 0

    async def run(self) -> None:
        """Pass each token on."""
        while True:
            left = await self.queue.get()
            self.hops += 1
            if left:
                self.following.queue.put_nowait(left - 1)
            else:
                self.done.set()


def ring(hops: int) -> float:
    """One token runs around the ring."""

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        done = asyncio.Event()
        links = [Link(done) for _ in range(RING)]
        for link, following in zip(links, links[1:] + links[:1], strict=True):
            link.following = following
            tasks.append(asyncio.create_task(link.run()))
        await asyncio.sleep(0)
        with Stopwatch() as watch:
            links[0].queue.put_nowait(hops - 1)
            await done.wait()
        assert sum(link.hops for link in links) == hops
        return watch.seconds

    return within_asyncio(main)


def spawn_and_stop(count: int) -> float:
    """Start all actors, then stop all."""

    async def main(_: list[asyncio.Task[None]]) -> float:
        with Stopwatch() as watch:
            counters = [Counter() for _ in range(count)]
            running = [await counter.start() for counter in counters]
            for counter, task in zip(counters, running, strict=True):
                counter.queue.put_nowait(None)
                await task
        assert len(running) == count
        assert all(task.done() for task in running)
        return watch.seconds

    return within_asyncio(main)


def restart(count: int) -> float:
    """The restart happens in the actor's own loop."""

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        counter = Counter()
        tasks.append(asyncio.create_task(counter.run_again()))
        failures = 0
        with Stopwatch() as watch:
            for _ in range(count):
                try:
                    await counter.call(FAIL)
                except Failed:
                    failures += 1
                answer = await counter.call(1)
                assert answer == 1
        assert failures == count
        return watch.seconds

    return within_asyncio(main)


async def start_idle(tasks: list[asyncio.Task[None]], count: int) -> list[Counter]:
    """Many actors that have nothing to do."""
    counters = [Counter() for _ in range(count)]
    tasks += [asyncio.create_task(counter.run()) for counter in counters]
    await asyncio.sleep(0)
    return counters


def bytes_of_idle(count: int) -> float:
    """The memory includes the lists that hold them."""

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        with Growth() as growth:
            counters = await start_idle(tasks, count)
        assert len(counters) == len(tasks) == count
        return growth.bytes

    return within_asyncio(main)


def teardown(count: int) -> float:
    """Cancel the tasks."""
    watch = Stopwatch()

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        await start_idle(tasks, count)
        watch.start()
        return 0.0

    within_asyncio(main)
    return watch.stop()


def call_among_idle(count: int) -> float:
    """Calls of one more actor."""

    async def main(tasks: list[asyncio.Task[None]]) -> float:
        idle = await start_idle(tasks, count)
        assert len(idle) == count
        return await timed_calls(await ready_counter(tasks), CALLS_AMONG_IDLE)

    return within_asyncio(main)
