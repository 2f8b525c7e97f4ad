"""A supervisor starts its children in order, and each strategy restarts the right children."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting
from trioactors.testing import crash, isolated_system, kill, restarted, suspended


def tree(diary: Any, strategy: str, *rest: ta.ChildSpec | ta.Supervisor, **options: Any) -> ta.Supervisor:
    return ta.Supervisor(*(diary.worker(name) for name in "abc"), *rest, name="top", strategy=strategy, **options)


# --- the first start ---


async def test_children_start_in_the_declared_order(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "one_for_one")):
        assert diary == ["start a", "start b", "start c"]


async def test_the_next_child_waits_until_this_one_is_ready(autojump_clock: MockClock, diary: Any) -> None:
    async def slow(task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(3)
        diary.append(f"ready at {trio.current_time():g}")
        task_status.started()
        await trio.sleep_forever()

    async with isolated_system(ta.Supervisor(ta.child(slow), diary.worker("a"), name="top")):
        assert diary == ["ready at 3", "start a"]


async def test_a_failed_first_start_stops_what_had_started_and_starts_no_more(autojump_clock: MockClock, diary: Any) -> None:
    children = (diary.worker("a"), diary.worker("b"), diary.worker("c", plan=["error"]), diary.worker("d"))

    with pytest.raises(ta.StartFailed, match="top/c could not be started"):
        async with isolated_system(ta.Supervisor(*children, name="top")):
            pytest.fail("the body must not run")

    assert diary == ["start a", "start b", "fail c", "stop b", "stop a"]


async def test_an_ignored_start_is_no_failure(autojump_clock: MockClock, diary: Any) -> None:
    children = (diary.worker("a", plan=["ignore"]), diary.worker("b"))

    async with isolated_system(ta.Supervisor(*children, name="top")) as system:
        rows = {row.name: row.status for row in system.supervisor("top").which_children()}

    assert rows == {"a": ta.ChildStatus.UNDEFINED, "b": ta.ChildStatus.RUNNING}


async def test_an_ignored_temporary_child_is_forgotten(autojump_clock: MockClock, diary: Any) -> None:
    ignored = diary.worker("a", plan=["ignore"], restart="temporary")

    async with isolated_system(ta.Supervisor(ignored, name="top")) as system:
        assert system.supervisor("top").which_children() == ()
        assert "a" not in system.names()


async def test_calls_to_an_ignored_child_are_refused_at_once(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(diary.worker("a", plan=["ignore"]), name="top")) as system:
        with pytest.raises(ta.ActorStopped):
            await diary.get(system, "a").incarnation()


# --- strategies ---


@pytest.mark.parametrize(
    ("strategy", "news"),
    [
        ("one_for_one", ["start b"]),
        ("rest_for_one", ["stop c", "start b", "start c"]),
        ("one_for_all", ["stop c", "stop a", "start a", "start b", "start c"]),
    ],
)
async def test_the_strategy_decides_who_restarts(autojump_clock: MockClock, diary: Any, strategy: str, news: list[str]) -> None:
    async with isolated_system(tree(diary, strategy)) as system:
        diary.clear()

        await diary.crash(system, "b")

        assert diary.news() == news


async def test_a_group_restart_counts_once(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "one_for_all", intensity=ta.Intensity(1))) as system:
        await diary.crash(system, "a")

        assert len(lasting(system, "top").loop.history.entries) == 1


async def test_a_group_restart_brings_back_those_that_were_down(autojump_clock: MockClock, diary: Any) -> None:
    finished = diary.worker("done", restart="transient")
    ignored = diary.worker("shy", plan=["ignore"])

    async with isolated_system(tree(diary, "one_for_all", finished, ignored)) as system:
        await diary.get(system, "done").end()
        await system.supervisor("top").terminate_child("b")
        diary.clear()

        await diary.crash(system, "a")

        assert diary.news() == ["stop c", "start a", "start b", "start c", "start done", "start shy"]


async def test_a_temporary_child_that_falls_with_others_is_forgotten(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "one_for_all", diary.worker("t", restart="temporary"))) as system:
        diary.clear()

        await diary.crash(system, "a")

        assert diary.news() == ["stop t", "stop c", "stop b", "start a", "start b", "start c"]
        assert "t" not in system.names()


# --- several at once ---


@pytest.mark.parametrize(("strategy", "spent"), [("one_for_one", 2), ("rest_for_one", 1), ("one_for_all", 1)])
async def test_two_crashes_before_the_supervisor_looks(autojump_clock: MockClock, diary: Any, strategy: str, spent: int) -> None:
    async with isolated_system(tree(diary, strategy)) as system:
        a, b = diary.get(system, "a"), diary.get(system, "b")

        async with ta.watch(a) as first, ta.watch(b) as second:
            with suspended(system, "top"):
                crash(a)
                await first.next()
                crash(b)
                await second.next()
        await restarted(a)
        await restarted(b)

        assert len(lasting(system, "top").loop.history.entries) == spent
        assert (await a.incarnation(), await b.incarnation()) == (2, 2)


async def test_exits_are_handled_in_the_order_of_arrival(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "one_for_one")) as system:
        diary.clear()
        refs = [diary.get(system, name) for name in "cab"]

        with suspended(system):
            for ref in refs:
                async with ta.watch(ref) as watch:
                    crash(ref)
                    await watch.next()
        for ref in refs:
            await restarted(ref)

        assert diary.news() == ["start c", "start a", "start b"]


# --- any kind of child ---


async def test_a_function_is_restarted_when_it_crashes(autojump_clock: MockClock) -> None:
    lives: list[float] = []

    async def flaky() -> None:
        lives.append(trio.current_time())
        await trio.sleep(1)
        if len(lives) < 3:
            raise OSError

    async with isolated_system(ta.Supervisor(ta.child(flaky, name="flaky"), name="top")) as system:
        await trio.sleep(10)

        assert lives == [0, 1, 2]
        assert lasting(system, "flaky").last_exit == ta.Exit(ta.ExitKind.NORMAL)


async def test_a_function_that_raises_a_group_of_one_crashes_with_that_one(autojump_clock: MockClock) -> None:
    async def nested() -> None:
        async with trio.open_nursery():
            raise OSError("inside")

    spec = ta.child(nested, name="nested", restart="temporary")
    async with isolated_system(ta.Supervisor(name="top")) as system, watching(system, "nested") as ends:
        await system.supervisor("top").start_child(spec)
        await system.quiesce()

    assert [str(end) for end in ends] == ["crash: OSError"]


@asynccontextmanager
async def watching(system: ta.System, name: str) -> Any:
    """The exits of a child, from the trace."""
    records = ta.Recorder()
    ends: list[ta.Exit] = []
    system.observe(records)
    yield ends
    system.unobserve(records)
    ends += [
        record.reason for record in records if record.child == name and hasattr(record, "incarnation") and hasattr(record, "reason")
    ]


async def test_a_resource_restarts_like_an_actor(autojump_clock: MockClock, diary: Any) -> None:
    class Pool:
        def __init__(self, number: int) -> None:
            self.number = number

    opened: list[Pool] = []

    @asynccontextmanager
    async def pool() -> Any:
        opened.append(Pool(len(opened) + 1))
        diary.append(f"open {len(opened)}")
        try:
            yield opened[-1]
        finally:
            diary.append(f"close {len(opened)}")

    top = ta.Supervisor(ta.child(ta.resource(pool), name="pool"), diary.worker("user"), name="top", strategy="one_for_all")
    async with isolated_system(top) as system:
        assert system.get(Pool, "pool").number == 1

        await diary.crash(system, "user")

        assert system.get(Pool, "pool").number == 2
    assert diary == ["open 1", "start user", "close 1", "open 2", "start user", "stop user", "close 2"]


async def test_a_resource_that_cannot_be_entered_is_a_failed_start(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def broken() -> Any:
        raise OSError("no database")
        yield

    with pytest.raises(ta.StartFailed, match="no database") as caught:
        async with isolated_system(ta.Supervisor(ta.child(ta.resource(broken), name="pool"), name="top")):
            pytest.fail("the body must not run")

    assert isinstance(caught.value.__cause__, OSError)


# --- a supervisor as child ---


async def test_refs_survive_the_restart_of_their_supervisor(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(tree(diary, "one_for_one"), name="above")) as system:
        b = diary.get(system, "b")

        lasting(system, "top").current.kill("a test")
        await restarted(b)

        assert await b.incarnation() == 2
        assert diary.get(system, "b") is b


async def test_a_mailbox_survives_the_restart_of_its_supervisor(autojump_clock: MockClock, diary: Any) -> None:
    heard: list[int] = []

    class Listener(ta.Actor[None]):
        @ta.handler
        async def wait(self) -> None:
            await trio.sleep(100)

        @ta.handler
        def hear(self, number: int) -> None:
            heard.append(number)

    below = ta.Supervisor(ta.child(Listener, name="listener"), name="below")
    async with isolated_system(ta.Supervisor(below, name="above")) as system:
        listener = system.get(Listener, "listener")
        await listener.wait.cast()
        for number in range(3):
            await listener.hear.cast(number)
        await trio.sleep(1)

        lasting(system, "below").current.kill("a test")
        await ta.flush(listener)

        assert heard == [0, 1, 2]


async def test_a_supervisor_that_gives_up_is_restarted_by_the_one_above(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("x"), diary.worker("y"), name="below", intensity=ta.Intensity(0))

    async with isolated_system(ta.Supervisor(below, name="above")) as system:
        diary.clear()

        await diary.crash(system, "x")

        assert diary.news() == ["stop y", "start x", "start y"]
        assert lasting(system, "below").incarnation == 2


async def test_killed_is_a_disorderly_end(autojump_clock: MockClock, diary: Any) -> None:
    top = ta.Supervisor(diary.worker("a", restart="transient"), name="top")

    async with isolated_system(top) as system:
        a = diary.get(system, "a")
        kill(a)
        await restarted(a)

        assert await a.incarnation() == 2


async def test_a_partial_of_a_function_is_a_child(autojump_clock: MockClock, diary: Any) -> None:
    async def note(text: str, *, mark: str) -> None:
        diary.append(text + mark)

    async with isolated_system(ta.Supervisor(ta.child(partial(note, "hello", mark="!")), name="top")) as system:
        await system.quiesce()

    assert diary == ["hello!"]
