"""The floor: hand-written Trio actors with the least code, without supervision, deadlines, counters or observers.

A memory channel is the mailbox, with one `receive` per message. A caller parks its own task and is rescheduled with the answer. There
is one kind of message, so nothing is dispatched. A caller cannot be cancelled while it waits; that would need more code.

Where "the least code" is not obvious:

* spawn and stop: a start is complete when the actor's task has started, and a stop when it is at its end; both wait by parking, too.
* restart: the actor's own loop catches the failure, reports it to the caller, and continues with a fresh state, in the same task. A
  second row gives each incarnation its own task, as a supervisor does; plain Trio has nothing closer to an incarnation.
* cast: `send_nowait`, because ours is `cast_nowait`. A second row has the usual `await send` for the floor.
* teardown: the nursery is cancelled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import outcome
import trio
import trio.testing
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from benchmarks.measure import Growth, Stopwatch
from benchmarks.scenarios import BURST, CALLERS, CALLS_AMONG_IDLE, RING

__all__: list[str] = []

Main = Callable[[trio.Nursery], Awaitable[float]]
FAIL = 0
"""Adding this number fails."""


def never(_: object) -> Abort:
    """Abort function of a parked caller: it stays parked until it gets its answer."""
    return Abort.FAILED


class Failed(Exception):
    """A counter was asked to fail."""


class Counter:
    """An actor that keeps a total."""

    def __init__(self, limit: int = 1_000) -> None:
        self.total = 0
        self.inlet, self.outlet = trio.open_memory_channel[tuple[int, Task | None]](limit)
        self.stopper: Task | None = None

    async def run(self) -> None:
        """Handle messages forever."""
        receive = self.outlet.receive
        while True:
            by, caller = await receive()
            self.total += by
            if caller is not None:
                reschedule(caller, outcome.Value(self.total))

    async def run_for(self, starter: Task) -> None:
        """Handle messages, and wake the waiting tasks at the start and at the end."""
        reschedule(starter)
        try:
            await self.run()
        except trio.EndOfChannel:
            assert self.stopper is not None
            reschedule(self.stopper)

    async def run_once(self) -> None:
        """Handle messages, starting from a fresh total, until one fails."""
        self.total = 0
        caller: Task | None = None
        try:
            while True:
                by, caller = await self.outlet.receive()
                if by == FAIL:
                    raise Failed  # noqa: TRY301 - where a handler would
                self.total += by
                if caller is not None:
                    reschedule(caller, outcome.Value(self.total))
        except Failed as error:
            assert caller is not None
            reschedule(caller, outcome.Error(error))

    async def run_again(self) -> None:
        """Run forever: after each failure, start afresh in the same task."""
        while True:
            await self.run_once()

    async def run_in_turns(self, nursery: trio.Nursery) -> None:
        """Run forever, each incarnation in its own task."""
        await self.run_once()
        nursery.start_soon(self.run_in_turns, nursery)

    async def start(self, nursery: trio.Nursery) -> None:
        """Start it, and return when it is running."""
        nursery.start_soon(self.run_for, current_task())
        await wait_task_rescheduled(never)

    async def stop(self) -> None:
        """Stop it, and return when it has stopped."""
        self.stopper = current_task()
        self.inlet.close()
        await wait_task_rescheduled(never)

    async def call(self, by: int) -> int:
        """Add *by* and return the new total."""
        self.inlet.send_nowait((by, current_task()))
        total: int = await wait_task_rescheduled(never)
        return total

    def cast_nowait(self, by: int) -> None:
        """Add *by*."""
        self.inlet.send_nowait((by, None))

    async def cast(self, by: int) -> None:
        """Add *by*; wait for room."""
        await self.inlet.send((by, None))


class Link:
    """An actor of the ring."""

    def __init__(self, done: trio.Event) -> None:
        self.inlet, self.outlet = trio.open_memory_channel[int](1_000)
        self.following = self
        self.done = done
        self.hops = 0

    async def run(self) -> None:
        """Pass each token on."""
        while True:
            left = await self.outlet.receive()
            self.hops += 1
            if left:
                self.following.inlet.send_nowait(left - 1)
            else:
                self.done.set()


def within_trio(main: Main) -> float:
    """Run *main* with a nursery, and cancel it at the end."""

    async def body() -> float:
        async with trio.open_nursery() as nursery:
            cost = await main(nursery)
            nursery.cancel_scope.cancel()
        return cost

    return trio.run(body)


async def ready_counter(nursery: trio.Nursery, limit: int = 1_000) -> Counter:
    """A counter that is warm: it has answered enough calls."""
    counter = Counter(limit)
    nursery.start_soon(counter.run)
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


def call(count: int) -> float:
    """One caller."""

    async def main(nursery: trio.Nursery) -> float:
        return await timed_calls(await ready_counter(nursery), count)

    return within_trio(main)


def call_by_keyword(count: int) -> float:
    """One caller, with a keyword argument."""

    async def main(nursery: trio.Nursery) -> float:
        counter = await ready_counter(nursery)
        answer = 0
        with Stopwatch() as watch:
            for _ in range(count):
                answer = await counter.call(by=1)
        assert answer == counter.total == count
        return watch.seconds

    return within_trio(main)


def call_from_many(count: int) -> float:
    """Many callers."""

    async def main(nursery: trio.Nursery) -> float:
        counter = await ready_counter(nursery)

        async def caller() -> None:
            for _ in range(count // CALLERS):
                await counter.call(1)

        with Stopwatch() as watch:
            async with trio.open_nursery() as callers:
                for _ in range(CALLERS):
                    callers.start_soon(caller)
        assert counter.total == count
        return watch.seconds

    return within_trio(main)


def cast(count: int) -> float:
    """Bursts, each closed by a call."""

    async def main(nursery: trio.Nursery) -> float:
        counter = await ready_counter(nursery, BURST + 1)
        answer = 0
        with Stopwatch() as watch:
            for _ in range(count // BURST):
                for _ in range(BURST):
                    counter.cast_nowait(1)
                answer = await counter.call(0)
        assert answer == count
        return watch.seconds

    return within_trio(main)


def cast_as_usual(count: int) -> float:
    """Bursts again, each message sent by `await send`, the usual form."""

    async def main(nursery: trio.Nursery) -> float:
        counter = await ready_counter(nursery, BURST + 1)
        answer = 0
        with Stopwatch() as watch:
            for _ in range(count // BURST):
                for _ in range(BURST):
                    await counter.cast(1)
                answer = await counter.call(0)
        assert answer == count
        return watch.seconds

    return within_trio(main)


def cast_awaited(count: int) -> float:
    """Each message is awaited."""

    async def main(nursery: trio.Nursery) -> float:
        counter = await ready_counter(nursery)
        with Stopwatch() as watch:
            for _ in range(count):
                await counter.cast(1)
            answer = await counter.call(0)
        assert answer == count
        return watch.seconds

    return within_trio(main)


def ring(hops: int) -> float:
    """One token runs around the ring."""

    async def main(nursery: trio.Nursery) -> float:
        done = trio.Event()
        links = [Link(done) for _ in range(RING)]
        for link, following in zip(links, links[1:] + links[:1], strict=True):
            link.following = following
            nursery.start_soon(link.run)
        await trio.testing.wait_all_tasks_blocked()
        with Stopwatch() as watch:
            links[0].inlet.send_nowait(hops - 1)
            await done.wait()
        assert sum(link.hops for link in links) == hops
        return watch.seconds

    return within_trio(main)


def spawn_and_stop(count: int) -> float:
    """Start all actors, then stop all."""

    async def main(nursery: trio.Nursery) -> float:
        with Stopwatch() as watch:
            counters = [Counter() for _ in range(count)]
            for counter in counters:
                await counter.start(nursery)
            alive = len(nursery.child_tasks)
            for counter in counters:
                await counter.stop()
        assert alive == count
        await trio.testing.wait_all_tasks_blocked()
        assert not nursery.child_tasks
        return watch.seconds

    return within_trio(main)


async def timed_restarts(counter: Counter, count: int) -> float:
    """The time of *count* failures, each with the next reply, in seconds."""
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


def restart(count: int) -> float:
    """The restart happens in the actor's own loop, in the same task."""

    async def main(nursery: trio.Nursery) -> float:
        counter = Counter()
        nursery.start_soon(counter.run_again)
        return await timed_restarts(counter, count)

    return within_trio(main)


def restart_anew(count: int) -> float:
    """Each incarnation has its own task."""

    async def main(nursery: trio.Nursery) -> float:
        counter = Counter()
        nursery.start_soon(counter.run_in_turns, nursery)
        return await timed_restarts(counter, count)

    return within_trio(main)


async def start_idle(nursery: trio.Nursery, count: int) -> list[Counter]:
    """Many actors that have nothing to do."""
    counters = [Counter() for _ in range(count)]
    for counter in counters:
        nursery.start_soon(counter.run)
    await trio.testing.wait_all_tasks_blocked()
    assert len(nursery.child_tasks) == count
    return counters


def bytes_of_idle(count: int) -> float:
    """The memory includes the list that holds them."""

    async def main(nursery: trio.Nursery) -> float:
        with Growth() as growth:
            counters = await start_idle(nursery, count)
        assert len(counters) == count
        return growth.bytes

    return within_trio(main)


def teardown(count: int) -> float:
    """Cancel the nursery of the actors."""
    watch = Stopwatch()

    async def main(nursery: trio.Nursery) -> float:
        await start_idle(nursery, count)
        watch.start()
        return 0.0

    within_trio(main)
    return watch.stop()


def call_among_idle(count: int) -> float:
    """Calls of one more actor."""

    async def main(nursery: trio.Nursery) -> float:
        await start_idle(nursery, count)
        return await timed_calls(await ready_counter(nursery), CALLS_AMONG_IDLE)

    return within_trio(main)
