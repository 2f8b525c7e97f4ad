"""Starts that go wrong: they hang, end too early, wait for each other, are interrupted, or are nested too deep."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting, top
from trioactors.testing import isolated_system, sweep_cancellation


async def unstartable(tree: ta.Supervisor) -> ta.StartFailed:
    with pytest.raises(ta.StartFailed) as caught:
        async with isolated_system(tree):
            pytest.fail("the body must not run")
    return caught.value


async def test_a_failed_start_names_the_child_and_its_cause(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("b", plan=["error"]), name="below")

    error = await unstartable(top(diary.worker("a"), below))

    assert str(error) == "top/below/b could not be started: b"
    assert type(error.__cause__).__name__ == "Planned"
    assert diary == ["start a", "fail b", "stop a"]


async def test_a_start_that_hangs_is_ended_by_its_timeout(autojump_clock: MockClock, diary: Any) -> None:
    error = await unstartable(top(diary.worker("a", plan=["hang"], start_timeout=2)))

    assert "a was not ready within 2 s" in str(error)
    assert trio.current_time() == 2


async def test_the_default_timeout_is_the_settings(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(settings=ta.Settings(start_timeout=7)) as system:
        with pytest.raises(ta.StartFailed, match="not ready within 7 s"):
            await system.start(diary.worker("a", plan=["hang"]).make, name="a")

        assert trio.current_time() == 7
        assert system.names() == ()


async def test_a_function_that_never_says_it_is_ready_is_ended_too(autojump_clock: MockClock) -> None:
    async def mute(task_status: trio.TaskStatus[None]) -> None:  # noqa: ASYNC128 - on purpose
        await trio.sleep_forever()

    error = await unstartable(top(ta.child(mute, name="mute", start_timeout=2)))

    assert "mute was not ready within 2 s" in str(error)


async def test_a_function_that_returns_before_it_is_ready_has_failed(autojump_clock: MockClock) -> None:
    async def hasty(task_status: trio.TaskStatus[None]) -> None:  # noqa: ASYNC128 - on purpose
        await trio.lowlevel.checkpoint()

    error = await unstartable(top(ta.child(hasty, name="hasty")))

    assert "hasty returned before it was ready" in str(error)


async def test_a_function_that_says_twice_that_it_is_ready_crashes(autojump_clock: MockClock) -> None:
    async def eager(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        task_status.started()

    async with isolated_system(top(ta.child(eager, name="eager", restart="temporary"))) as system:
        cell = lasting(system, "eager") if "eager" in system.names() else None
        await system.quiesce()

        assert "eager" not in system.names()
    if cell is not None:
        assert isinstance(cell.last_exit.error, ta.UsageError)


async def test_a_start_that_calls_a_later_sibling_is_told_at_once(autojump_clock: MockClock) -> None:
    class Early(ta.Actor[None]):
        async def on_start(self) -> None:
            await self.context.system.get(Late, "late").hello()

    class Late(ta.Actor[None]):
        @ta.handler
        def hello(self) -> None: ...

    error = await unstartable(top(ta.child(Early, name="early"), ta.child(Late, name="late")))

    assert isinstance(error.__cause__, ta.CallCycle)
    assert error.__cause__.chain == ("early", "late", "top", "early")
    assert trio.current_time() == 0


async def test_a_start_may_call_an_earlier_sibling(autojump_clock: MockClock) -> None:
    greetings: list[str] = []

    class First(ta.Actor[None]):
        @ta.handler
        def hello(self) -> str:
            return "hello"

    class Second(ta.Actor[None]):
        async def on_start(self) -> None:
            greetings.append(await self.context.system.get(First, "first").hello())

    async with isolated_system(top(ta.child(First, name="first"), ta.child(Second, name="second"))):
        assert greetings == ["hello"]


async def test_a_stop_during_a_start_does_not_wait_for_it(autojump_clock: MockClock, diary: Any) -> None:
    children = (diary.worker("a"), diary.worker("b", plan=["hang"]), diary.worker("c"))

    with trio.move_on_after(1) as scope:
        async with isolated_system(top(*children), settings=ta.Settings(grace=2)):
            pytest.fail("the body must not run")

    assert scope.cancelled_caught
    assert diary == ["start a", "hang b", "stop a"]
    assert trio.current_time() <= 3


async def test_a_stop_during_a_restart_does_not_wait_for_it(autojump_clock: MockClock, diary: Any) -> None:
    tree = top(diary.worker("a"), diary.worker("b", plan=["ok", "hang"], grace=0))

    async with isolated_system(tree) as system:
        await diary.get(system, "b").fail.cast(OSError())
        await trio.sleep(1)

    assert diary == ["start a", "start b", "stop b", "hang b", "stop a"]
    assert trio.current_time() == 1


async def test_a_start_whose_caller_was_cancelled_leaves_nothing(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system() as system:
        with trio.move_on_after(1):
            await system.start(diary.worker("a", plan=["hang"]).make, name="a")
        await system.quiesce()

        assert system.names() == ()
        await system.start(diary.worker("a").make, name="a")


async def test_a_name_taken_elsewhere_in_the_tree_fails_its_start(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("a"), name="below")

    error = await unstartable(top(diary.worker("a"), below))

    assert isinstance(error.__cause__, ta.NameTaken)
    assert diary == ["start a", "stop a"]


def nest(depth: int, *leaves: ta.ChildSpec) -> ta.Supervisor:
    tree = ta.Supervisor(*leaves, name=f"level-{depth}")
    for level in range(depth - 1, 0, -1):
        tree = ta.Supervisor(tree, name=f"level-{level}")
    return tree


async def test_a_tree_a_hundred_deep_works(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(nest(100, diary.worker("leaf"))) as system:
        await diary.crash(system, "leaf")

        assert await diary.get(system, "leaf").incarnation() == 2
        assert lasting(system, "leaf").path.count("/") == 100
    assert diary == ["start leaf", "start leaf", "stop leaf"]


async def test_a_tree_a_hundred_deep_can_be_cancelled(autojump_clock: MockClock, diary: Any) -> None:
    with trio.move_on_after(1) as scope:
        async with isolated_system(nest(100, diary.worker("leaf"))):
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert diary == ["start leaf", "stop leaf"]


async def test_the_error_of_a_deep_start_is_the_leafs(autojump_clock: MockClock, diary: Any) -> None:
    error = await unstartable(nest(50, diary.worker("leaf", plan=["error"])))

    assert str(error).endswith("level-50/leaf could not be started: leaf")
    assert type(error.__cause__).__name__ == "Planned"


class Prompt(ta.Actor[None]):
    """A child that is ready in its first step."""


async def open_at_once(task_status: trio.TaskStatus[None]) -> None:
    task_status.started()
    await trio.sleep_forever()


@pytest.mark.parametrize("wanted", [Prompt, open_at_once])
@pytest.mark.parametrize("busy", [False, True])
def test_a_start_whose_caller_was_cancelled_at_any_moment_leaves_nothing_that_could_come_back(wanted: Any, *, busy: bool) -> None:
    """At the first moment the child has not taken a step yet. It was once started all the same, and restarted for ever, unseen."""

    async def start(system: ta.System) -> None:
        async with trio.open_nursery() as nursery:
            if busy:
                nursery.start_soon(system.supervisor().start_child, ta.child(Prompt, name="before"))
            nursery.start_soon(system.supervisor().start_child, ta.child(wanted, name="wanted", restart=ta.Restart.PERMANENT))

    async def check(system: ta.System) -> None:
        await system.quiesce()
        if "wanted" in system.names():
            await system.supervisor().terminate_child("wanted")

    swept = sweep_cancellation(start, check=check, actors=())

    assert swept.cancelled


async def test_a_start_that_swallows_its_timeout_has_failed(autojump_clock: MockClock) -> None:
    continued: list[int] = []

    class Stubborn(ta.Actor[None]):
        async def on_start(self) -> None:
            with suppress(trio.Cancelled):
                await trio.sleep(1_000)

        async def on_continue(self) -> None:
            continued.append(self.context.incarnation)

    async with isolated_system() as system:
        with pytest.raises(ta.StartFailed, match=r"was not ready within 1 s \(start_timeout\)"):
            await system.start(Stubborn, name="stubborn", start_timeout=1.0)

    assert continued == []


async def test_a_function_that_swallows_the_timeout_of_its_start_has_failed(autojump_clock: MockClock) -> None:
    async def stubborn(task_status: trio.TaskStatus[None]) -> None:
        with suppress(trio.Cancelled):
            await trio.sleep(1_000)
        task_status.started()
        await trio.sleep_forever()

    async with isolated_system() as system:
        with pytest.raises(ta.StartFailed, match=r"was not ready within 1 s \(start_timeout\)"):
            await system.supervisor().start_child(ta.child(stubborn, name="stubborn", start_timeout=1.0))
