"""Supervision by hand: start, terminate, restart, delete, which, count; and children started in thousands."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting, top
from trioactors.testing import crash, isolated_system

UNDEFINED, RUNNING, RESTARTING = ta.ChildStatus.UNDEFINED, ta.ChildStatus.RUNNING, ta.ChildStatus.RESTARTING


# --- start ---


async def test_a_started_child_is_the_last_one(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        handle = system.supervisor("top")

        ref = await handle.start_child(diary.worker("b"))

        assert ref is diary.get(system, "b")
        assert [row.name for row in handle.which_children()] == ["a", "b"]


async def test_a_started_child_is_supervised_like_a_declared_one(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), strategy="one_for_all")) as system:
        await system.supervisor("top").start_child(diary.worker("b"))
        diary.clear()

        await diary.crash(system, "a")

        assert diary.news() == ["stop b", "start a", "start b"]


async def test_a_started_function_gives_no_ref(autojump_clock: MockClock) -> None:
    async with isolated_system(top()) as system:
        assert await system.supervisor("top").start_child(ta.child(trio.sleep_forever, name="f")) is None
        assert lasting(system, "f").status is RUNNING


async def test_a_supervisor_can_be_started(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top()) as system:
        await system.supervisor("top").start_child(ta.Supervisor(diary.worker("a"), name="below"))

        assert lasting(system, "a").path == "top/below/a"


async def test_starting_a_name_that_runs_is_refused(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        with pytest.raises(ta.ChildRunning, match="top/a"):
            await system.supervisor("top").start_child(diary.worker("a"))

        assert diary == ["start a"]


async def test_starting_a_name_that_is_known_is_refused(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await system.supervisor("top").terminate_child("a")

        with pytest.raises(ta.ChildPresent, match="restart or delete it"):
            await system.supervisor("top").start_child(diary.worker("a"))


async def test_starting_a_name_of_another_supervisor_is_refused(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), ta.Supervisor(name="below"))) as system:
        with pytest.raises(ta.NameTaken, match="'a' belongs to <actor top/a"):
            await system.supervisor("below").start_child(diary.worker("a"))

        assert system.supervisor("below").which_children() == ()


async def test_a_child_that_does_not_start_is_discarded(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top()) as system:
        with pytest.raises(ta.StartFailed, match="top/a could not be started: a"):
            await system.supervisor("top").start_child(diary.worker("a", plan=["error"]))

        assert system.names() == ("top",)


async def test_an_error_that_cannot_be_printed_fails_the_start_and_nothing_else(autojump_clock: MockClock, diary: Any) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise OSError("no words")

        __repr__ = __str__

    class Broken(ta.Actor[None]):
        async def on_start(self) -> None:
            raise Mute

    async with isolated_system(top(diary.worker("a"))) as system:
        with pytest.raises(ta.StartFailed, match="Mute"):
            await system.supervisor("top").start_child(ta.child(Broken, name="broken"))

        assert diary == ["start a"]


async def test_an_ignored_start_gives_none_and_keeps_the_spec(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top()) as system:
        handle = system.supervisor("top")

        assert await handle.start_child(diary.worker("a", plan=["ignore"])) is None
        assert [row.status for row in handle.which_children()] == [UNDEFINED]


async def test_a_significant_child_is_refused_where_it_would_be_in_a_declaration(autojump_clock: MockClock) -> None:
    async with isolated_system(top()) as system:
        with pytest.raises(ta.SpecError, match="significant"):
            await system.supervisor("top").start_child(ta.child(trio.sleep_forever, significant=True))


async def test_a_tree_cannot_grow_deeper_than_the_limit(autojump_clock: MockClock) -> None:
    def nest(stem: str, depth: int) -> ta.Supervisor:
        tree = ta.Supervisor(name=f"{stem}{depth}")
        for level in range(depth - 1, 0, -1):
            tree = ta.Supervisor(tree, name=f"{stem}{level}")
        return tree

    async with isolated_system(nest("a", 60)) as system:
        with pytest.raises(ta.SpecError, match="100 is the limit"):
            await system.supervisor("a60").start_child(nest("b", 60))


async def test_whoever_stops_waiting_for_a_start_withdraws_it(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top()) as system:
        with trio.move_on_after(1):
            await system.supervisor("top").start_child(diary.worker("a", plan=["hang"]))
        await system.quiesce()

        assert system.names() == ("top",)


# --- terminate ---


async def test_a_terminated_child_stays_known(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await system.supervisor("top").terminate_child("a")

        assert diary == ["start a", "stop a"]
        assert [row.status for row in system.supervisor("top").which_children()] == [UNDEFINED]
        with pytest.raises(ta.ActorStopped):
            await diary.get(system, "a").incarnation()


async def test_terminating_is_idempotent(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await system.supervisor("top").terminate_child("a")
        await system.supervisor("top").terminate_child("a")

        assert diary.count("stop a") == 1


async def test_a_terminated_temporary_child_is_forgotten(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", restart="temporary"))) as system:
        await system.supervisor("top").terminate_child("a")

        assert system.names() == ("top",)


async def test_an_explicit_stop_never_restarts_nor_costs(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), intensity=ta.Intensity(0))) as system:
        await ta.stop(diary.get(system, "a"))
        await system.quiesce()

        assert diary == ["start a", "stop a"]
        assert lasting(system, "top").status is RUNNING


@pytest.mark.parametrize("operation", ["terminate_child", "restart_child", "delete_child"])
async def test_an_unknown_child_is_refused_with_the_known_ones(autojump_clock: MockClock, diary: Any, operation: str) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        with pytest.raises(ta.UnknownName, match=r"no child is named 'z'\. Known names: a"):
            await getattr(system.supervisor("top"), operation)("z")


# --- restart ---


async def test_a_terminated_child_can_be_restarted(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        ref = diary.get(system, "a")
        await system.supervisor("top").terminate_child("a")

        assert await system.supervisor("top").restart_child("a")
        assert await ref.incarnation() == 2


async def test_a_running_child_is_not_restarted(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        with pytest.raises(ta.ChildRunning, match="terminate it first"):
            await system.supervisor("top").restart_child("a")


async def test_restarting_costs_no_budget(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), intensity=ta.Intensity(0))) as system:
        for _ in range(5):
            await ta.restart(diary.get(system, "a"))

        assert await diary.get(system, "a").incarnation() == 6


async def test_restarting_tells_when_the_start_was_ignored(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", plan=["ignore", "ignore"]))) as system:
        assert not await system.supervisor("top").restart_child("a")


async def test_a_restart_that_fails_leaves_the_child_known(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", plan=["ok", "error"]))) as system:
        await system.supervisor("top").terminate_child("a")

        with pytest.raises(ta.StartFailed):
            await system.supervisor("top").restart_child("a")

        assert [row.status for row in system.supervisor("top").which_children()] == [UNDEFINED]


async def test_an_actor_whose_restart_by_hand_failed_refuses_messages(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", plan=["ok", "error"]))) as system:
        with pytest.raises(ta.StartFailed):
            await ta.restart(diary.get(system, "a"))

        with pytest.raises(ta.ActorStopped):
            await diary.get(system, "a").incarnation()
        assert trio.current_time() == 0


# --- delete ---


async def test_a_terminated_child_can_be_deleted(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        handle = system.supervisor("top")
        await handle.terminate_child("a")
        await handle.delete_child("a")

        assert handle.which_children() == ()
        assert system.names() == ("top",)


async def test_a_running_child_is_not_deleted(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        with pytest.raises(ta.ChildRunning):
            await system.supervisor("top").delete_child("a")


async def test_a_restarting_child_is_not_deleted_before_it_is_terminated(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), backoff=ta.Backoff(jitter=0))) as system:
        handle = system.supervisor("top")
        await diary.crash(system, "a")

        with pytest.raises(ta.ChildRestarting):
            await handle.delete_child("a")
        await handle.terminate_child("a")
        await handle.delete_child("a")

        assert handle.which_children() == ()


# --- which and count ---


async def test_which_children_tells_what_each_is(autojump_clock: MockClock, diary: Any) -> None:
    children = (diary.worker("a"), ta.child(trio.sleep_forever, name="f"), ta.Supervisor(name="below", restart="temporary"))

    async with isolated_system(top(*children)) as system:
        rows = [(row.name, row.kind.value, row.incarnation, row.restart.value) for row in system.supervisor("top").which_children()]

    assert rows == [("a", "actor", 1, "permanent"), ("f", "function", 1, "transient"), ("below", "supervisor", 1, "temporary")]


async def test_count_children_counts_as_otp_does(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), diary.worker("b"), ta.Supervisor(name="below"))) as system:
        await system.supervisor("top").terminate_child("a")

        assert system.supervisor("top").count_children() == {"specs": 3, "active": 2, "supervisors": 1, "workers": 2}


# --- the supervisor itself ---


async def test_a_supervisor_that_does_not_run_refuses(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(ta.Supervisor(diary.worker("a"), name="below"))) as system:
        handle = system.supervisor("below")
        await system.supervisor("top").terminate_child("below")

        with pytest.raises(ta.ActorStopped):
            await handle.start_child(diary.worker("b"))
        assert "undefined" in repr(handle)


async def test_operations_wait_their_turn_behind_a_slow_start(autojump_clock: MockClock, diary: Any) -> None:
    async def slow(task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(3)
        task_status.started()
        await trio.sleep_forever()

    async with isolated_system(top(diary.worker("a"))) as system, trio.open_nursery() as nursery:
        nursery.start_soon(system.supervisor("top").start_child, ta.child(slow, name="slow"))
        await trio.testing.wait_all_tasks_blocked()

        await system.supervisor("top").terminate_child("a")

        assert trio.current_time() == 3


async def test_a_request_whose_asker_has_gone_is_not_carried_out(autojump_clock: MockClock, diary: Any) -> None:
    async def slow(task_status: trio.TaskStatus[None]) -> None:
        await trio.sleep(3)
        task_status.started()
        await trio.sleep_forever()

    async with isolated_system(top(diary.worker("a"))) as system, trio.open_nursery() as nursery:
        nursery.start_soon(system.supervisor("top").start_child, ta.child(slow, name="slow"))
        await trio.testing.wait_all_tasks_blocked()

        with trio.move_on_after(1):
            await system.supervisor("top").terminate_child("a")
        await trio.sleep(5)

        assert lasting(system, "a").status is RUNNING


async def test_a_crash_loop_does_not_lock_the_administrator_out(autojump_clock: MockClock, diary: Any) -> None:
    tree = top(diary.worker("a", plan=["ok"] + ["error"] * 1_000), intensity=ta.Intensity(1_000))
    async with isolated_system(tree) as system:
        crash(diary.get(system, "a"))

        await system.supervisor("top").terminate_child("a")

        assert lasting(system, "a").status is UNDEFINED


# --- the number of children ---


@pytest.mark.parametrize("strategy", ["one_for_one", "dynamic"])
async def test_no_more_children_than_allowed_are_started(autojump_clock: MockClock, diary: Any, strategy: Any) -> None:
    async with isolated_system(ta.Supervisor(name="top", strategy=strategy, max_children=2)) as system:
        handle = system.supervisor("top")
        for name in ("a", "b"):
            await handle.start_child(diary.worker(name))

        with pytest.raises(ta.TooManyChildren, match="has 2 children, and max_children=2 allows no more"):
            await handle.start_child(diary.worker("c"))
        await handle.terminate_child("a")
        if strategy == "one_for_one":
            await handle.delete_child("a")
        await handle.start_child(diary.worker("c"))

        assert [row.name for row in handle.which_children()] == ["b", "c"]


async def test_starts_at_the_same_time_do_not_exceed_the_number(autojump_clock: MockClock, diary: Any) -> None:
    refused: list[str] = []

    async def start(name: str) -> None:
        try:
            await system.supervisor("top").start_child(diary.worker(name))
        except ta.TooManyChildren:
            refused.append(name)

    async with (
        isolated_system(ta.Supervisor(name="top", strategy="dynamic", max_children=3)) as system,
        trio.open_nursery() as nursery,
    ):
        for number in range(9):
            nursery.start_soon(start, str(number))

    assert len(refused) == 6


def test_more_declared_children_than_allowed_are_refused(diary: Any) -> None:
    with pytest.raises(ta.SpecError, match="declares 2 children, and max_children=1"):
        ta.Supervisor(diary.worker("a"), diary.worker("b"), name="top", max_children=1)


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "3"])
def test_a_wrong_number_of_children_is_refused(most: Any) -> None:
    with pytest.raises(ta.SpecError, match="max_children"):
        ta.Supervisor(name="top", max_children=most)


# --- a restart that takes a while ---


class Slow(ta.Actor[None]):
    async def on_start(self) -> None:
        await trio.sleep(5)

    @ta.handler
    async def fail(self) -> None:
        raise LookupError


async def test_a_child_that_is_started_in_a_restart_is_restarting(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(Slow, name="slow"))) as system:
        handle = system.supervisor("top")
        await system.get(Slow, "slow").fail.cast()
        await trio.sleep(1)

        assert [row.status for row in handle.which_children()] == [RESTARTING]
        await trio.sleep(10)
        assert [row.status for row in handle.which_children()] == [RUNNING]


async def test_a_child_that_waits_for_its_restart_cannot_be_started_beside_it(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(Slow, name="slow"), backoff=ta.Backoff(base=20.0))) as system:
        await system.get(Slow, "slow").fail.cast()
        await trio.sleep(1)

        with pytest.raises(ta.ChildRestarting, match="is known and is being restarted"):
            await system.supervisor("top").start_child(ta.child(Slow, name="slow"))


async def test_a_child_of_this_name_that_runs_is_said_to_run(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        with pytest.raises(ta.ChildRunning, match="is known and is running: terminate and delete it first"):
            await system.supervisor("top").start_child(diary.worker("a"))
