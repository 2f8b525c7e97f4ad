"""A budget of restarts for each child: one that uses it up stays down as *failed*, and its siblings live on."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.trees import lasting, top
from trioactors import inspect
from trioactors.testing import isolated_system
from trioactors_backends.memory import MemoryStore

FAILED, RUNNING, UNDEFINED = ta.ChildStatus.FAILED, ta.ChildStatus.RUNNING, ta.ChildStatus.UNDEFINED
TWICE = ta.Intensity(limit=1, period=5.0)


class Frail(ta.Actor[None]):
    """Fails on request, and fails to start while `broken` holds anything."""

    def __init__(self, broken: list[str]) -> None:
        self.broken = broken

    async def on_start(self) -> None:
        if self.broken:
            raise OSError(self.broken[0])

    @ta.handler
    async def fail(self, after: float = 0.0) -> None:
        await trio.sleep(after)
        raise LookupError("the bug")

    @ta.handler
    def incarnation(self) -> int:
        return self.context.incarnation


def frail(broken: list[str] | None = None) -> partial[Frail]:
    return partial(Frail, [] if broken is None else broken)


async def use_up(system: ta.System, ref: Frail, failures: int = 4) -> None:
    for _ in range(failures):
        with pytest.raises(ta.ActorCrashed):
            await ref.fail()
        await system.quiesce()


# --- of system.start ---


async def test_many_users_who_meet_one_bug_once_each_cost_one_restart_each(system: ta.System) -> None:
    users = [await system.start(frail(), name=f"user {number}") for number in range(100)]

    for user in users:
        with pytest.raises(ta.ActorCrashed):
            await user.fail()

    assert [await user.incarnation() for user in users] == [2] * 100


async def test_one_that_fails_too_often_stays_down_and_its_siblings_live_on(system: ta.System) -> None:
    ref, other = await system.start(frail(), name="frail"), await system.start(frail(), name="other")

    await use_up(system, ref)

    assert ta.info(ref).status is FAILED
    assert ta.info(ref).incarnation == 4
    assert await other.incarnation() == 1


async def test_restarts_that_are_far_apart_do_not_add_up(system: ta.System) -> None:
    ref = await system.start(frail(), name="frail")

    for _ in range(20):
        await use_up(system, ref, 1)
        await trio.sleep(2)

    assert await ref.incarnation() == 21


async def test_the_budget_of_each_is_that_of_the_settings(autojump_clock: MockClock) -> None:
    async with isolated_system(settings=ta.Settings(intensity=ta.Intensity(limit=1, period=60.0))) as system:
        ref = await system.start(frail(), name="frail")
        await use_up(system, ref, 1)
        await trio.sleep(59)
        await use_up(system, ref, 1)

        assert ta.info(ref).status is FAILED


async def test_callers_get_a_clear_error_at_once(system: ta.System) -> None:
    ref = await system.start(frail(), name="frail")
    await use_up(system, ref)
    before = trio.current_time()

    with pytest.raises(ta.ActorStopped) as caught:
        await ref.incarnation()
    with pytest.raises(ta.ActorStopped):
        await ref.incarnation.cast()

    assert trio.current_time() == before
    assert str(caught.value) == (
        "frail failed: 4 restarts within 5 s, 3 are allowed for one child, and the last exit was crash: LookupError. "
        "It stays down until it is restarted by hand, for example with ta.restart(ref)"
    )


async def test_calls_and_casts_that_wait_are_settled(system: ta.System) -> None:
    ref = await system.start(frail(), name="frail")
    for _ in range(4):
        await ref.fail.cast()
    await ref.incarnation.cast()

    with pytest.raises(ta.ActorStopped, match="frail failed: 4 restarts"):
        await ref.incarnation()

    assert [letter.cause for letter in system.dead_letters()] == ["it failed: 4 restarts within 5 s, 3 are allowed for one child"]


async def test_it_is_reported_in_the_log_and_in_the_trace(
    system: ta.System, recorder: ta.Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    ref = await system.start(frail(), name="frail")
    await use_up(system, ref)

    [record] = recorder.of(ta.ChildFailed)
    assert (record.child, record.restarts, str(record.reason)) == ("frail", 4, "crash: LookupError")
    [told] = [each for each in caplog.records if "stays down" in each.getMessage()]
    assert told.levelno == logging.ERROR
    assert told.getMessage() == (
        "actor frail failed: 4 restarts within 5 s, 3 are allowed for one child; it stays down until it is restarted by hand"
    )
    assert (told.child, told.incarnation) == ("frail", 4)  # type: ignore[attr-defined]


async def test_it_is_reported_even_if_crash_reports_are_held_back(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with isolated_system(settings=ta.Settings(crash_logs=1)) as system:
        await use_up(system, await system.start(frail(), name="frail"))

    assert sum("stays down" in each.getMessage() for each in caplog.records) == 1


async def test_it_can_be_found_and_looked_at(system: ta.System) -> None:
    ref = await system.start(frail(), name="frail")
    await use_up(system, ref)

    [row] = inspect.actors(system, status="failed").rows
    [failure] = inspect.failures(system).rows
    assert (row.name, inspect.actor(system, "frail").status, failure.status) == ("frail", FAILED, FAILED)
    assert await system.wait_for(Frail, "frail") is ref
    assert str(system.explain("frail")) == "frail does not run (failed), so it cannot exit"


async def test_it_can_be_restarted_by_hand_and_counts_anew(system: ta.System) -> None:
    ref = await system.start(frail(), name="frail")
    await use_up(system, ref)

    await ta.restart(ref)
    await use_up(system, ref, 3)

    assert await ref.incarnation() == 8
    await use_up(system, ref, 1)
    assert ta.info(ref).status is FAILED


async def test_a_restart_by_hand_that_fails_leaves_it_failed(system: ta.System) -> None:
    broken: list[str] = []
    ref = await system.start(frail(broken), name="frail")
    await use_up(system, ref)

    broken.append("away")
    with pytest.raises(ta.StartFailed, match="away"):
        await ta.restart(ref)

    assert ta.info(ref).status is FAILED
    with pytest.raises(ta.ActorStopped, match=r"frail failed: 4 restarts within 5 s, .* the last exit was crash: OSError"):
        await ref.incarnation()
    broken.clear()
    await ta.restart(ref)
    assert await ref.incarnation() == 6


async def test_its_name_is_taken_until_it_is_stopped(system: ta.System) -> None:
    ref = await system.start(frail(), name="frail")
    await use_up(system, ref)

    with pytest.raises(ta.NameTaken, match="failed, incarnation 4"):
        await system.start(frail(), name="frail")

    await ta.stop(ref)
    assert await (await system.start(frail(), name="frail")).incarnation() == 1


async def test_starts_that_fail_use_the_budget_up_too(system: ta.System) -> None:
    broken: list[str] = []
    ref = await system.start(frail(broken), name="frail")

    broken.append("away")
    with pytest.raises(ta.ActorCrashed):
        await ref.fail()
    await system.quiesce()

    assert ta.info(ref).status is FAILED
    assert ta.info(ref).incarnation == 4


async def test_functions_have_a_budget_each_too(system: ta.System) -> None:
    async def fall() -> None:
        raise OSError

    await system.supervisor().start_child(ta.child(fall, name="fall"))
    await system.quiesce()

    assert [(row.name, row.status) for row in system.supervisor().which_children()] == [("fall", FAILED)]


async def test_it_is_started_again_with_all_others_when_the_store_is_opened_anew(autojump_clock: MockClock) -> None:
    async with isolated_system(store=MemoryStore()) as system:
        ref = await system.start(frail(), name="frail")
        await use_up(system, ref)

        lasting(system, ":store").current.crash(OSError("lost"))
        await trio.sleep(1)

        assert await ref.incarnation() == 5
        await use_up(system, ref, 3)
        assert await ref.incarnation() == 8


# --- of a supervisor ---


async def test_children_of_a_dynamic_supervisor_can_have_a_budget_each(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(strategy="dynamic", child_intensity=TWICE)) as system:
        for name in "ab":
            await system.supervisor("top").start_child(diary.worker(name))

        await diary.crash(system, "a", "a", "b")

        assert [row.status for row in system.supervisor("top").which_children()] == [FAILED, RUNNING]


async def test_declared_children_can_have_a_budget_each(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), diary.worker("b"), child_intensity=TWICE)) as system:
        await diary.crash(system, "a", "b", "a")

        assert [row.status for row in system.supervisor("top").which_children()] == [FAILED, RUNNING]
        assert system.supervisor("top").count_children()["active"] == 1


@pytest.mark.parametrize("act", ["restart_child", "delete_child", "terminate_child"])
async def test_a_failed_child_can_be_restarted_deleted_or_terminated(autojump_clock: MockClock, diary: Any, act: str) -> None:
    async with isolated_system(top(diary.worker("a"), child_intensity=ta.Intensity(0))) as system:
        handle = system.supervisor("top")
        await diary.crash(system, "a")
        with pytest.raises(ta.ChildPresent):
            await handle.start_child(diary.worker("a"))

        await getattr(handle, act)("a")

        left = {row.name: row.status for row in handle.which_children()}
        assert left == {"restart_child": {"a": RUNNING}, "delete_child": {}, "terminate_child": {"a": UNDEFINED}}[act]


async def test_a_failed_child_that_is_deleted_is_failed_no_more(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(frail(), name="a"), child_intensity=ta.Intensity(limit=3))) as system:
        ref = system.get(Frail, "a")
        await use_up(system, ref)
        assert ta.info(ref).status is FAILED
        await system.supervisor("top").delete_child("a")

        assert ta.info(ref).status is UNDEFINED
        assert "failed" not in repr(ref)
        assert (inspect.figures(system).down, inspect.failures(system).total) == (0, 0)
        with pytest.raises(ta.ActorStopped, match=r"a is not running \(crash: .*\) and will not be restarted"):
            await ref.fail()


async def test_a_restart_of_a_failed_child_that_fails_leaves_it_failed(autojump_clock: MockClock, diary: Any) -> None:
    worker = diary.worker("a", plan=["ok", "error", "ok"])
    async with isolated_system(top(worker, child_intensity=ta.Intensity(0))) as system:
        await diary.crash(system, "a")

        with pytest.raises(ta.StartFailed):
            await system.supervisor("top").restart_child("a")

        assert lasting(system, "a").status is FAILED
        await system.supervisor("top").restart_child("a")
        assert lasting(system, "a").status is RUNNING


async def test_a_shared_budget_counts_only_restarts(autojump_clock: MockClock, diary: Any) -> None:
    """The last failure of a, which stays down, does not count; so b may fail once more."""
    tree = top(diary.worker("a"), diary.worker("b"), intensity=ta.Intensity(2, 5.0), child_intensity=TWICE)
    async with isolated_system(tree) as system:
        await diary.crash(system, "a", "a", "b")

        assert await diary.get(system, "b").incarnation() == 2


async def test_both_budgets_hold_if_both_are_given(autojump_clock: MockClock, diary: Any) -> None:
    tree = top(*(diary.worker(name) for name in "abc"), intensity=ta.Intensity(2, 5.0), child_intensity=TWICE)

    async def fall(system: ta.System) -> None:
        await diary.crash(system, "a", "b")
        await diary.doom(system, "c")

    with pytest.raises(ta.SupervisorGaveUp, match="3 restarts within 5 s, 2 are allowed"):
        async with isolated_system(tree) as system:
            await fall(system)


async def test_a_budget_ends_a_back_off(autojump_clock: MockClock, diary: Any) -> None:
    backoff = ta.Backoff(base=1, jitter=0)
    tree = top(diary.worker("a", plan=["ok"] + ["error"] * 9), backoff=backoff, child_intensity=ta.Intensity(3, 60.0))
    async with isolated_system(tree) as system:
        await diary.crash(system, "a")
        await trio.sleep(100)

        assert lasting(system, "a").status is FAILED
        assert diary == ["start a", "fail a", "fail a", "fail a"]


async def test_a_significant_child_that_fails_ends_its_supervisor(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(
        diary.worker("a", restart="transient", significant=True),
        diary.worker("b"),
        name="below",
        restart="transient",
        auto_shutdown="any_significant",
        child_intensity=TWICE,
    )
    async with isolated_system(top(below)) as system:
        await diary.crash(system, "a", "a")

        assert lasting(system, "below").status is UNDEFINED
        assert str(lasting(system, "below").last_exit) == "shutdown"


async def test_the_last_significant_child_may_go_after_one_that_failed(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(
        diary.worker("a", restart="transient", significant=True),
        diary.worker("b", restart="transient", significant=True),
        name="below",
        restart="transient",
        auto_shutdown="all_significant",
        child_intensity=TWICE,
    )
    async with isolated_system(top(below)) as system:
        await diary.crash(system, "a", "a")
        assert lasting(system, "below").status is RUNNING
        await diary.get(system, "b").end.cast()
        await system.quiesce()

        assert lasting(system, "below").status is UNDEFINED


async def test_a_supervisor_below_can_fail_like_any_child(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("a"), name="below", intensity=ta.Intensity(0))
    async with isolated_system(top(below, diary.worker("b"), child_intensity=TWICE)) as system:
        a = diary.get(system, "a")
        await diary.crash(system, "a", "a")

        assert lasting(system, "below").status is FAILED
        with pytest.raises(ta.ActorStopped):
            await a.incarnation()
        assert await diary.get(system, "b").incarnation() == 1


async def test_a_restarted_supervisor_starts_the_failed_ones_too(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(top(diary.worker("a"), child_intensity=TWICE), name="above")) as system:
        await diary.crash(system, "a", "a")
        await system.supervisor("above").terminate_child("top")
        await system.supervisor("above").restart_child("top")
        await diary.crash(system, "a")

        assert lasting(system, "a").status is RUNNING


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_children_that_depend_on_each_other_have_no_budget_each(strategy: str) -> None:
    with pytest.raises(ta.SpecError, match="its children depend on each other"):
        ta.Supervisor(name="top", strategy=strategy, child_intensity=TWICE)


# --- what is shown of it ---


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ({}, (1, 3, 5.0, None, None)),
        ({"child_intensity": TWICE}, (1, None, None, 1, 5.0)),
        ({"child_intensity": TWICE, "intensity": ta.Intensity(9, 7.0)}, (1, 9, 7.0, 1, 5.0)),
        ({"backoff": ta.Backoff(base=0.5)}, (0, None, None, None, None)),
        ({"backoff": ta.Backoff(base=0)}, (1, 3, 5.0, None, None)),
    ],
    ids=["shared", "each", "both", "back-off", "one that never waits"],
)
async def test_a_budget_says_whose_it_is(autojump_clock: MockClock, diary: Any, options: Any, row: tuple[Any, ...]) -> None:
    async with isolated_system(top(diary.worker("a"), diary.worker("b"), **options)) as system:
        await diary.crash(system, "b")
        [budget] = [each for each in inspect.budgets(system) if each.name == "top"]

    assert (budget.used, budget.allowed, budget.period, budget.child_allowed, budget.child_period) == row
    assert [each.child for each in budget.restarts] == ["b"] * budget.used


@pytest.mark.parametrize(
    ("options", "last"),
    [
        ({}, "top has then used 2 of 3 restarts"),
        ({"child_intensity": ta.Intensity(4)}, "a has then used 2 of 4 restarts"),
        ({"child_intensity": TWICE}, "a has then used 2 of 1 restarts"),
        ({"backoff": ta.Backoff(base=1, jitter=0)}, "a starts"),
    ],
    ids=["shared", "each", "used up", "back-off"],
)
async def test_an_explanation_says_whose_budget_is_used(autojump_clock: MockClock, diary: Any, options: Any, last: str) -> None:
    async with isolated_system(top(diary.worker("a"), **options)) as system:
        await diary.crash(system, "a")
        await trio.sleep(2)
        explanation = system.explain("a")

    assert str(explanation).splitlines()[-1].strip() == last
    failed = [each for each in explanation.consequences if each.kind is ta.ConsequenceKind.FAIL]
    assert [str(each) for each in failed] == (
        ["a fails and stays down (2 restarts within 5 s, 1 are allowed for one child)"]
        if options.get("child_intensity") == TWICE
        else []
    )
