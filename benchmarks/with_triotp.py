"""triotp: OTP's generic servers and supervisors on Trio.

It requires a Trio of years ago. It is installed without the bounds of its dependencies, with the Trio that all contestants use; if
that does not work, the table says so. Actors are generic servers under a dynamic supervisor. It does not report when a child is ready,
so `init` counts that, nor when a child has stopped, so `terminate` counts that. Restart: a cast fails (a call that fails never
returns), the supervisor starts the server again, and the next call is made after its `init`. 100,000 actors are not tried.
"""

# mypy: ignore-errors
# pyright: basic
from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import logbook
import trio
from triotp import dynamic_supervisor, gen_server, mailbox, supervisor

from benchmarks.measure import Growth, Stopwatch
from benchmarks.scenarios import BURST, CALLERS, CALLS_AMONG_IDLE, RING

__all__: list[str] = []

MOST = 20_000
FAIL = "fail"
STOP = "stop"
TEMPORARY = supervisor.restart_strategy.TEMPORARY
PERMANENT = supervisor.restart_strategy.PERMANENT


class Count:
    """Counts servers that started or stopped, and waits for a number of them."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.changed = trio.Event()

    def change(self, begun: int, ended: int) -> None:
        """Count one more."""
        self.begun += begun
        self.ended += ended
        self.changed.set()

    async def until(self, begun: int, ended: int = 0) -> None:
        """Wait until the count reaches a number."""
        while self.begun < begun or self.ended < ended:
            self.changed = trio.Event()
            await self.changed.wait()


class Tree:
    """A dynamic supervisor and the servers that it was asked to start."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = Count()
        self.server = server(self.count)

    async def start(self, name: str, *, restart: Any = TEMPORARY, module: Any = None) -> str:
        """Start a server, and return its name when it is running."""
        begun = self.count.begun
        arguments = [module or self.server, 0, name]
        await dynamic_supervisor.start_child(self.name, supervisor.child_spec(name, gen_server.start, arguments, restart))
        await self.count.until(begun + 1)
        return name


def server(count: Count) -> Any:
    """A counter in the form of a module, as triotp expects."""

    async def init(total: int) -> int:
        count.change(1, 0)
        return total

    async def handle_call(by: int, _: Any, total: int) -> Any:
        return gen_server.Reply(total + by), total + by

    async def handle_cast(by: Any, total: int) -> Any:
        if by == STOP:
            return gen_server.Stop(), total
        if by == FAIL:
            raise ValueError
        return gen_server.NoReply(), total + by

    async def terminate(*_: Any) -> None:
        count.change(0, 1)

    return SimpleNamespace(__name__="counter", init=init, handle_call=handle_call, handle_cast=handle_cast, terminate=terminate)


def within_triotp(main: Callable[[Tree], Awaitable[float]]) -> float:
    """Run *main* with a tree, and cancel it at the end."""

    async def body() -> float:
        mailbox._init()  # noqa: SLF001 - its own `node.run` does this
        options = supervisor.options(max_restarts=sys.maxsize)
        async with trio.open_nursery() as nursery:
            await nursery.start(dynamic_supervisor.start, options, "tree")
            cost = await main(Tree("tree"))
            nursery.cancel_scope.cancel()
        return cost

    with logbook.NullHandler().applicationbound():
        return trio.run(body)


async def ready_counter(tree: Tree) -> str:
    """A counter that is warm: it has answered enough calls. Its total is 0."""
    name = await tree.start("counter")
    for by in (1, -1) * 500:
        await gen_server.call(name, by)
    return name


async def timed_calls(name: str, count: int) -> float:
    """The time of *count* calls, in seconds."""
    answer = 0
    with Stopwatch() as watch:
        for _ in range(count):
            answer = await gen_server.call(name, 1)
    assert answer == count
    return watch.seconds


def call(count: int) -> float:
    """One caller."""

    async def main(tree: Tree) -> float:
        return await timed_calls(await ready_counter(tree), count)

    return within_triotp(main)


def call_from_many(count: int) -> float:
    """Many callers."""

    async def main(tree: Tree) -> float:
        name = await ready_counter(tree)

        async def caller() -> None:
            for _ in range(count // CALLERS):
                await gen_server.call(name, 1)

        with Stopwatch() as watch:
            async with trio.open_nursery() as callers:
                for _ in range(CALLERS):
                    callers.start_soon(caller)
        assert await gen_server.call(name, 0) == count
        return watch.seconds

    return within_triotp(main)


def cast_awaited(count: int) -> float:
    """Each cast is awaited. There is no other form, because the mailboxes have no buffer."""

    async def main(tree: Tree) -> float:
        name = await ready_counter(tree)
        with Stopwatch() as watch:
            for _ in range(count):
                await gen_server.cast(name, 1)
            answer = await gen_server.call(name, 0)
        assert answer == count
        return watch.seconds

    return within_triotp(main)


def cast(count: int) -> float:
    """Bursts of awaited casts, each closed by a call."""

    async def main(tree: Tree) -> float:
        name = await ready_counter(tree)
        answer = 0
        with Stopwatch() as watch:
            for _ in range(count // BURST):
                for _ in range(BURST):
                    await gen_server.cast(name, 1)
                answer = await gen_server.call(name, 0)
        assert answer == count
        return watch.seconds

    return within_triotp(main)


def ring(hops: int) -> float:
    """One token runs around the ring."""

    async def main(tree: Tree) -> float:
        done = trio.Event()
        passed = 0

        async def handle_cast(left: int, following: str) -> Any:
            nonlocal passed
            passed += 1
            if left:
                await gen_server.cast(following, left - 1)
            else:
                done.set()
            return gen_server.NoReply(), following

        async def handle_call(following: str, _: Any, __: Any) -> Any:
            return gen_server.Reply(following), following

        link = SimpleNamespace(**{**vars(tree.server), "handle_cast": handle_cast, "handle_call": handle_call})
        names = [await tree.start(f"link-{number}", module=link) for number in range(RING)]
        for name, following in zip(names, names[1:] + names[:1], strict=True):
            await gen_server.call(name, following)
        with Stopwatch() as watch:
            await gen_server.cast(names[0], hops - 1)
            await done.wait()
        assert passed == hops
        return watch.seconds

    return within_triotp(main)


def spawn_and_stop(count: int) -> float:
    """Start all actors, then stop all."""

    async def main(tree: Tree) -> float:
        with Stopwatch() as watch:
            names = await start_idle(tree, count)
            for stopped, name in enumerate(names, 1):
                await gen_server.cast(name, STOP)
                await tree.count.until(count, stopped)
        assert tree.count.begun == tree.count.ended == count
        return watch.seconds

    return within_triotp(main)


def restart(count: int) -> float:
    """The supervisor restarts it."""

    async def main(tree: Tree) -> float:
        name = await tree.start("counter", restart=PERMANENT)
        with Stopwatch() as watch:
            for failures in range(1, count + 1):
                await gen_server.cast(name, FAIL)
                await tree.count.until(failures + 1)
                answer = await gen_server.call(name, 1)
                assert answer == 1
        assert tree.count.ended == count
        return watch.seconds

    return within_triotp(main)


async def start_idle(tree: Tree, count: int) -> list[str]:
    """Many actors that have nothing to do."""
    if count > MOST:
        raise OverflowError(f"{count:,} are not tried")
    return [await tree.start(f"idle-{number}") for number in range(count)]


def bytes_of_idle(count: int) -> float:
    """The memory includes the list that holds their names."""

    async def main(tree: Tree) -> float:
        with Growth() as growth:
            names = await start_idle(tree, count)
        assert len(names) == tree.count.begun == count
        return growth.bytes

    return within_triotp(main)


def teardown(count: int) -> float:
    """Cancel the tree."""
    watch = Stopwatch()

    async def main(tree: Tree) -> float:
        await start_idle(tree, count)
        watch.start()
        return 0.0

    within_triotp(main)
    return watch.stop()


def call_among_idle(count: int) -> float:
    """Calls of one more actor."""

    async def main(tree: Tree) -> float:
        await start_idle(tree, count)
        return await timed_calls(await ready_counter(tree), CALLS_AMONG_IDLE)

    return within_triotp(main)
