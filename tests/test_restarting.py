"""When a child is restarted, when its supervisor gives up, and which error leaves then."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.logs import our_records
from shared.trees import lasting
from trioactors.testing import isolated_system
from trioactors.trace import ChildIgnored, ChildStartFailed

UNDEFINED, RUNNING = ta.ChildStatus.UNDEFINED, ta.ChildStatus.RUNNING


def status(system: ta.System, name: str) -> ta.ChildStatus:
    return lasting(system, name).status


def top(*children: Any, limit: int = 3, period: float = 5.0, **options: Any) -> ta.Supervisor:
    return ta.Supervisor(*children, name="top", intensity=ta.Intensity(limit, period), **options)


# --- restart types ---


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_only_a_permanent_child_comes_back_after_a_normal_end(autojump_clock: MockClock, diary: Any, restart: str) -> None:
    async with isolated_system(top(diary.worker("a", restart=restart))) as system:
        await diary.get(system, "a").end.cast()
        await system.quiesce()

        assert diary == ["start a", "stop a"] + ["start a"] * (restart == "permanent")


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_only_a_permanent_child_comes_back_after_an_ordered_shutdown(
    autojump_clock: MockClock, diary: Any, restart: str
) -> None:
    async with isolated_system(top(diary.worker("a", restart=restart))) as system:
        await diary.get(system, "a").fail.cast(ta.Shutdown("bored"))
        await system.quiesce()

        assert diary.count("start a") == 1 + (restart == "permanent")


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_only_a_temporary_child_stays_down_after_a_crash(autojump_clock: MockClock, diary: Any, restart: str) -> None:
    async with isolated_system(top(diary.worker("a", restart=restart))) as system:
        await diary.crash(system, "a")

        assert diary.count("start a") == 1 + (restart != "temporary")


async def test_a_transient_child_that_ended_is_still_known(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", restart="transient"))) as system:
        a = diary.get(system, "a")
        await a.end()
        await system.quiesce()

        assert status(system, "a") is UNDEFINED
        with pytest.raises(ta.ActorStopped, match=r"\(normal\)"):
            await a.incarnation()


async def test_a_temporary_child_that_ended_gives_its_name_back(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", restart="temporary"))) as system:
        await diary.crash(system, "a")

        assert "a" not in system.names()


async def test_the_crash_of_a_temporary_child_costs_nothing(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", restart="temporary"), limit=0)) as system:
        await diary.crash(system, "a")

        assert status(system, "top") is RUNNING


# --- the window ---


async def crash_at(system: ta.System, diary: Any, *times: float) -> None:
    for time in times:
        await trio.sleep_until(time)
        await diary.crash(system, "a")


async def overdo(system: ta.System, diary: Any, *times: float, last: str = "a") -> None:
    """Crash at each of these *times*; the last crash is one too many."""
    await crash_at(system, diary, *times[:-1])
    await trio.sleep_until(times[-1])
    await diary.doom(system, last)


async def test_as_many_restarts_as_allowed_are_survived(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await crash_at(system, diary, 0, 1, 2)

        assert await diary.get(system, "a").incarnation() == 4


async def test_one_more_within_the_period_is_too_many(autojump_clock: MockClock, diary: Any) -> None:
    with pytest.raises(ta.SupervisorGaveUp, match=r"top gave up: 4 restarts within 5 s, 3 are allowed.* of a, .*PlannedCrash"):
        async with isolated_system(top(diary.worker("a"))) as system:
            await overdo(system, diary, 0, 1, 2, 2)


async def test_the_window_slides(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"), limit=1, period=5)) as system:
        await crash_at(system, diary, 0, 5.5, 11, 16.5)

        assert await diary.get(system, "a").incarnation() == 5


async def test_a_restart_exactly_one_period_ago_counts(autojump_clock: MockClock, diary: Any) -> None:
    with pytest.raises(ta.SupervisorGaveUp):
        async with isolated_system(top(diary.worker("a"), limit=1, period=5)) as system:
            await overdo(system, diary, 0, 5)


async def test_restarts_of_all_children_share_the_window(autojump_clock: MockClock, diary: Any) -> None:
    with pytest.raises(ta.SupervisorGaveUp):
        async with isolated_system(top(diary.worker("a"), diary.worker("b"), limit=1)) as system:
            await overdo(system, diary, 0, 0, last="b")


async def test_a_hopeless_start_is_tried_as_often_as_the_intensity_allows(autojump_clock: MockClock, diary: Any) -> None:
    with pytest.raises(ta.SupervisorGaveUp):
        async with isolated_system(top(diary.worker("a", plan=["ok"] + ["error"] * 20), limit=4)) as system:
            await diary.doom(system, "a")

    assert diary == ["start a"] + ["fail a"] * 4


async def test_a_failed_restart_is_tried_again_and_counts_again(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", plan=["ok", "error", "error", "ok"]))) as system:
        await diary.crash(system, "a")

        assert len(lasting(system, "top").loop.history.entries) == 3


async def test_after_a_failed_start_in_a_group_the_siblings_before_it_start_anew(autojump_clock: MockClock, diary: Any) -> None:
    children = (diary.worker("a"), diary.worker("b", plan=["ok", "error"]), diary.worker("c"))

    async with isolated_system(top(*children, strategy="one_for_all")) as system:
        diary.clear()
        await diary.crash(system, "a")

        assert diary.news() == ["stop c", "stop b", "start a", "fail b", "stop a", "start a", "start b", "start c"]


async def test_under_rest_for_one_they_are_left_alone(autojump_clock: MockClock, diary: Any) -> None:
    children = (diary.worker("a"), diary.worker("b", plan=["ok", "error"]), diary.worker("c"))

    async with isolated_system(top(*children, strategy="rest_for_one")) as system:
        diary.clear()
        await diary.crash(system, "a")

        assert diary.news() == ["stop c", "stop b", "start a", "fail b", "start b", "start c"]


async def test_a_restart_that_is_ignored_leaves_the_child_down(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", plan=["ok", "ignore"]))) as system:
        records = ta.Recorder()
        system.observe(records)
        await diary.crash(system, "a")
        system.unobserve(records)

        assert status(system, "a") is UNDEFINED
        assert len(records.of(ChildIgnored)) == 1
        assert records.of(ChildStartFailed) == []


# --- giving up ---


async def doomed(diary: Any, tree: ta.Supervisor, name: str = "a", error: Exception | None = None) -> ta.SupervisorGaveUp:
    with pytest.raises(ta.SupervisorGaveUp) as caught:
        async with isolated_system(tree) as system:
            await diary.doom(system, name, error)
    return caught.value


async def test_giving_up_stops_the_others_in_reverse_order(autojump_clock: MockClock, diary: Any) -> None:
    await doomed(diary, top(*(diary.worker(name) for name in "bac"), limit=0))

    assert diary == ["start b", "start a", "start c", "stop c", "stop b"]


async def test_the_history_leaves_with_the_error(autojump_clock: MockClock, diary: Any) -> None:
    first = OSError("the disk")

    error = await doomed(diary, top(diary.worker("a", plan=["ok", "error"]), limit=1), error=first)

    assert [entry.child for entry in error.history] == ["a", "a"]
    assert [type(entry.reason.error).__name__ for entry in error.history] == ["OSError", "Planned"]
    assert error.group is not None
    assert error.group.exceptions[0] is first


async def test_the_cause_of_giving_up_is_the_last_failure(autojump_clock: MockClock, diary: Any) -> None:
    last = OSError("the disk")

    error = await doomed(diary, top(diary.worker("a"), limit=0), error=last)

    assert error.__cause__ is last


async def end_for_good(ref: Any) -> None:
    await ref.end.cast()
    await trio.sleep_forever()


async def test_where_nothing_was_raised_there_is_no_group(autojump_clock: MockClock, diary: Any) -> None:
    with pytest.raises(ta.SupervisorGaveUp) as caught:
        async with isolated_system(top(diary.worker("a"), limit=0)) as system:
            await end_for_good(diary.get(system, "a"))

    assert caught.value.group is None


async def test_a_permanent_supervisor_that_gave_up_comes_back(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("a"), name="below", intensity=ta.Intensity(0))

    async with isolated_system(top(below)) as system:
        await diary.crash(system, "a")

        assert lasting(system, "below").incarnation == 2


async def test_a_transient_one_stays_down_as_in_otp(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("a"), name="below", intensity=ta.Intensity(0), restart="transient")

    async with isolated_system(top(below)) as system:
        await diary.crash(system, "a")

        assert status(system, "below") is UNDEFINED
        assert str(lasting(system, "below").last_exit) == "shutdown"
        with pytest.raises(ta.ActorStopped):
            await diary.get(system, "a").incarnation()


async def test_giving_up_as_a_crash_brings_a_transient_one_back(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("a"), name="below", intensity=ta.Intensity(0), restart="transient", give_up="crash")

    async with isolated_system(top(below)) as system:
        await diary.crash(system, "a")

        assert isinstance(lasting(system, "below").last_exit.error, ta.SupervisorGaveUp)


@pytest.mark.parametrize("give_up", ["shutdown", "crash"])
async def test_giving_up_is_reported_once_and_loudly(
    autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture, give_up: str
) -> None:
    below = ta.Supervisor(diary.worker("a"), name="below", intensity=ta.Intensity(0), restart="transient", give_up=give_up)

    async with isolated_system(top(below)) as system:
        await diary.crash(system, "a")

    told = [record for record in our_records(caplog) if "SupervisorGaveUp" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.ERROR]


@pytest.mark.parametrize("give_up", ["shutdown", "crash"])
async def test_an_escalation_leads_back_to_the_first_failure(autojump_clock: MockClock, diary: Any, give_up: str) -> None:
    first = OSError("the disk")
    below = ta.Supervisor(diary.worker("a"), name="below", intensity=ta.Intensity(0), give_up=give_up)

    error = await doomed(diary, top(below, limit=0), error=first)

    assert [entry.child for entry in error.history] == ["below"]
    assert isinstance(error.__cause__, ta.SupervisorGaveUp)
    assert error.__cause__.__cause__ is first


async def test_a_restarted_supervisor_has_a_fresh_budget(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("a"), name="below", intensity=ta.Intensity(1))

    async with isolated_system(top(below)) as system:
        await crash_at(system, diary, 0, 0, 0, 0)

        assert lasting(system, "below").incarnation == 3
        assert await diary.get(system, "a").incarnation() == 5
