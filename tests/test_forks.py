"""A forked process cannot use what its parent has: systems, refs, portals, Trio runs, ports."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
import trio
from attrs import define
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Counter
from shared.forks import begun, forked_process, in_a_fork
from trioactors.environment import Environment
from trioactors.environment.network import open_tcp

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the child uses no locks of other threads

Use = Callable[[ta.System, Counter], object]


@define
class Kept:
    """The state of an account."""

    total: int = 0


class Account(ta.Actor[Kept], persist=ta.EVERY_MESSAGE):
    """Keeps a number."""

    @ta.handler
    async def add(self, by: int) -> int:
        self.state.total += by
        return self.state.total


def content(folder: Path) -> dict[str, bytes]:
    """The content of all files but SQLite's shared memory."""
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file() and not file.name.endswith("-shm")}


def leave_the_block() -> NoReturn:
    """Raise what the parent never raises."""
    raise KeyError


async def nothing() -> None:
    """Do nothing."""


USES: dict[str, Use] = {
    "a call": lambda _, ref: begun(ref.add(1)),
    "a call within a deadline": lambda _, ref: begun(ref.add.within(1.0)(1)),
    "a cast": lambda _, ref: begun(ref.add.cast(1)),
    "a cast that does not wait": lambda _, ref: ref.add.cast_nowait(1),
    "a handler that was not used before": lambda _, ref: begun(ref.total()),
    "flush": lambda _, ref: begun(ta.flush(ref)),
    "info": lambda _, ref: ta.info(ref),
    "stop": lambda _, ref: begun(ta.stop(ref)),
    "restart": lambda _, ref: begun(ta.restart(ref)),
    "watch": lambda _, ref: begun(ta.watch(ref).__aenter__()),
    "start": lambda system, _: begun(system.start(Counter)),
    "get": lambda system, _: system.get(Counter, "counter"),
    "wait_for": lambda system, _: begun(system.wait_for(Counter, "counter")),
    "supervisor": lambda system, _: system.supervisor(),
    "names": lambda system, _: system.names(),
    "ledger": lambda system, _: system.ledger(),
    "dead_letters": lambda system, _: system.dead_letters(),
    "observe": lambda system, _: system.observe(print),
    "explain": lambda system, _: system.explain("counter"),
    "quiesce": lambda system, _: begun(system.quiesce()),
    "portal": lambda system, _: system.portal(),
    "environment": lambda system, _: system.environment,
    "another system in this run": lambda _, __: begun(ta.open_system().__aenter__()),
    "ta.run": lambda _, __: ta.run(nothing),
}


@pytest.fixture
async def counter(system: ta.System) -> Counter:
    ref = await system.start(Counter, name="counter")
    await ref.add(1)
    return ref


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_in_a_fork_of_the_task_it_is_a_usage_error(system: ta.System, counter: Counter, use: Use) -> None:
    said = in_a_fork(partial(use, system, counter))

    assert said.startswith("UsageError: this ")
    assert "'spawn'" in said
    assert await counter.add(1) == 2


NEED_NO_RUN = [name for name in USES if name not in ("another system in this run", "ta.run")]


@pytest.mark.parametrize("name", NEED_NO_RUN)
async def test_in_a_fork_of_a_thread_it_is_a_usage_error(system: ta.System, counter: Counter, name: str) -> None:
    said = await trio.to_thread.run_sync(in_a_fork, partial(USES[name], system, counter))

    assert said.startswith("UsageError: this ")


@pytest.mark.parametrize("ask", ["call", "cast"])
async def test_a_portal_does_not_wait_in_a_fork(system: ta.System, counter: Counter, ask: str) -> None:
    portal = system.portal()

    said = await trio.to_thread.run_sync(in_a_fork, partial(getattr(portal, ask), counter.add, 1))

    assert said.startswith("UsageError: this system belongs to the process from which this one was forked")


async def test_supervisor_handles_from_before_the_fork_are_refused(system: ta.System, counter: Counter) -> None:
    supervisor = system.supervisor()

    assert in_a_fork(supervisor.which_children).startswith("UsageError")
    assert in_a_fork(lambda: begun(supervisor.terminate_child("counter"))).startswith("UsageError")


async def test_a_system_in_a_fork_has_a_repr(system: ta.System, counter: Counter) -> None:
    assert in_a_fork(lambda: repr(system)) == repr("<this system of the process from which this one was forked>")
    assert in_a_fork(lambda: repr(counter)) == repr(repr(counter))


@pytest.mark.filterwarnings("ignore:.*signal handling code:RuntimeWarning")  # the parent's run still gets the signals of the fork
async def test_a_forked_thread_opens_a_system_of_its_own(system: ta.System, counter: Counter) -> None:
    async def own() -> int:
        async with ta.open_system() as another:
            return await (await another.start(Counter, name="counter")).add(5)

    said = await trio.to_thread.run_sync(in_a_fork, partial(trio.run, own, clock=MockClock(autojump_threshold=0)))

    assert said == "5"
    assert await counter.add(0) == 1
    assert system.names() == ("counter",)


def test_ta_run_inside_a_run_says_what_to_do() -> None:
    async def main() -> None:
        ta.run(nothing)

    with pytest.raises(ta.UsageError, match=r"await main\(\)"):
        trio.run(main)


@pytest.mark.parametrize("url", ["memory:", "file:///{}/store", "sqlite:///{}/store.db", "file:///{}/store?durability=relaxed"])
async def test_a_forked_task_that_leaves_the_block_writes_nothing(autojump_clock: MockClock, tmp_path: Path, url: str) -> None:
    """Here the fork goes on in the copied run, in which calls of the store run in place: without care it would write and close."""
    parent, reading, writing = os.getpid(), *os.pipe()
    try:
        async with ta.open_system(url.format(tmp_path)) as system:
            account = await system.start(Account, name="account")
            assert await account.add(1) == 1
            before = content(tmp_path)
            child = os.fork()
            if child == 0:
                with pytest.raises(ta.UsageError):
                    await account.add(1)
                os.write(writing, b"refused ")
                leave_the_block()
            os.waitpid(child, 0)  # noqa: ASYNC222 - nothing else is to run meanwhile
            os.close(writing)
            assert content(tmp_path) == before
            assert await account.add(1) == 2
    except KeyError:
        os.write(writing, b"left")
    finally:
        if os.getpid() != parent:
            os._exit(0)
    assert os.read(reading, 100) == b"refused left"
    os.close(reading)


async def test_a_port_is_free_when_its_listener_is_closed_although_a_fork_lives() -> None:
    opened = await open_tcp("127.0.0.1", 0)
    with forked_process(lambda: "alive") as answer:
        await opened.listener.aclose()

        again = await open_tcp("127.0.0.1", opened.port)

        assert answer() == "'alive'"
    assert again.port == opened.port
    await again.listener.aclose()


def test_an_environment_names_the_process_in_which_it_is_used() -> None:
    environment = Environment()
    planned = Environment(process=7)

    assert in_a_fork(lambda: environment.process == os.getpid()) == "True"
    assert in_a_fork(lambda: planned.process) == "7"
    assert environment.process == os.getpid()
