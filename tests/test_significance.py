"""Significant children: their exit may stop their supervisor."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting
from trioactors.testing import isolated_system, suspended

UNDEFINED, RUNNING = ta.ChildStatus.UNDEFINED, ta.ChildStatus.RUNNING


def tree(diary: Any, rule: str, *, intensity: ta.Intensity | None = None, restart: str = "transient") -> ta.Supervisor:
    """Two significant children and one ordinary child, below a supervisor of their own."""
    children = [diary.worker(name, restart=restart, significant=True) for name in "ab"]
    below = ta.Supervisor(*children, diary.worker("c"), name="below", auto_shutdown=rule, restart="temporary", intensity=intensity)
    return ta.Supervisor(below, name="top")


async def end(system: ta.System, diary: Any, *names: str) -> None:
    for name in names:
        await diary.get(system, name).end()
    await system.quiesce()


async def test_any_significant_end_is_enough(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "any_significant")) as system:
        diary.clear()

        await end(system, diary, "a")

        assert diary.news() == ["stop a", "stop c", "stop b"]
        assert "below" not in system.names()


async def test_all_must_have_ended_where_all_are_asked_for(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "all_significant")) as system:
        await end(system, diary, "a")
        assert lasting(system, "below").status is RUNNING

        await end(system, diary, "b")
        assert "below" not in system.names()


async def test_the_end_of_an_insignificant_child_changes_nothing(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "any_significant")) as system:
        await end(system, diary, "c")

        assert lasting(system, "below").status is RUNNING


async def test_a_significant_child_that_is_restarted_has_not_ended(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "any_significant")) as system:
        await diary.crash(system, "a")

        assert lasting(system, "below").status is RUNNING
        assert await diary.get(system, "a").incarnation() == 2


async def test_a_significant_temporary_child_may_crash(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "any_significant", restart="temporary")) as system:
        await diary.crash(system, "a")

        assert "below" not in system.names()


async def test_a_child_stopped_by_hand_does_not_count_as_ended(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "any_significant")) as system:
        await system.supervisor("below").terminate_child("a")
        await system.quiesce()

        assert lasting(system, "below").status is RUNNING


async def test_one_stopped_by_hand_does_not_hold_the_others_up(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "all_significant")) as system:
        await system.supervisor("below").terminate_child("a")

        await end(system, diary, "b")

        assert "below" not in system.names()


async def test_two_ends_at_once_stop_it_once(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "any_significant")) as system:
        diary.clear()

        with suspended(system, "below"):
            await diary.get(system, "a").end()
            await diary.get(system, "b").end()
        await system.quiesce()

        assert sorted(diary.news()) == ["stop a", "stop b", "stop c"]


async def test_the_end_is_an_ordered_shutdown(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(tree(diary, "any_significant")) as system:
        below = lasting(system, "below")

        await end(system, diary, "a")

        assert str(below.last_exit) == "shutdown"


@pytest.mark.parametrize("rule", ["any_significant", "all_significant"])
async def test_a_tree_that_shuts_itself_down_ends_without_an_error(autojump_clock: MockClock, diary: Any, rule: str) -> None:
    top = ta.Supervisor(diary.worker("a", restart="transient", significant=True), name="top", auto_shutdown=rule)

    async with isolated_system(top) as system:
        await diary.get(system, "a").end()
        await system.wait_stopped()

        assert diary == ["start a", "stop a"]


async def test_a_function_that_returns_can_end_the_program(autojump_clock: MockClock, diary: Any) -> None:
    async def work() -> None:
        await trio.sleep(10)

    job = ta.child(work, name="job", significant=True)
    async with isolated_system(ta.Supervisor(diary.worker("a"), job, name="top", auto_shutdown="any_significant")) as system:
        await system.wait_stopped()

        assert trio.current_time() == 10
    assert diary == ["start a", "stop a"]
