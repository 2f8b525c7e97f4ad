from __future__ import annotations

import pytest
import trio

import trioactors as ta
from shared.actors import Collector
from trioactors.testing import crash, kill, restarted


class Slow(Collector):
    async def on_stop(self, _reason: ta.Exit) -> None:
        await trio.sleep(3)


@pytest.fixture
async def keeper(system: ta.System) -> Collector:
    return await system.start(Collector, name="keeper")


# --- stop ---


async def test_stop_returns_when_the_actor_is_gone(system: ta.System) -> None:
    slow = await system.start(Slow, name="slow")

    await ta.stop(slow)

    assert trio.current_time() == 3
    assert ta.info(slow).status is ta.ChildStatus.UNDEFINED


async def test_stop_lets_the_message_in_progress_finish(keeper: Collector) -> None:
    answers: list[str] = []

    async def call() -> None:
        answers.append(await keeper.wait(2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        await ta.stop(keeper)

    assert answers == ["waited"]
    assert ta.info(keeper).last_exit == ta.Exit(ta.ExitKind.SHUTDOWN)


async def test_stop_does_not_queue_behind_messages(keeper: Collector) -> None:
    for _ in range(10):
        await keeper.wait.cast(1)
    await trio.testing.wait_all_tasks_blocked()

    await ta.stop(keeper)

    assert trio.current_time() == 1


async def test_stop_cancels_when_the_grace_is_over(system: ta.System) -> None:
    keeper = await system.start(Collector, name="keeper", grace=2)
    await keeper.wait.cast(60)
    await trio.testing.wait_all_tasks_blocked()

    await ta.stop(keeper)

    assert trio.current_time() == 2
    assert ta.info(keeper).last_exit == ta.Exit(ta.ExitKind.KILLED)


async def test_stopping_frees_the_name(system: ta.System, keeper: Collector) -> None:
    await ta.stop(keeper)

    again = await system.start(Collector, name="keeper")

    assert again is not keeper


async def test_stopping_twice_does_nothing(keeper: Collector) -> None:
    await ta.stop(keeper)

    await ta.stop(keeper)

    assert ta.info(keeper).incarnation == 1


async def test_two_may_stop_one_at_once(keeper: Collector) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ta.stop, keeper)
        nursery.start_soon(ta.stop, keeper)

    assert ta.info(keeper).status is ta.ChildStatus.UNDEFINED


async def test_stopping_after_the_system_closed_does_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with ta.open_system() as system:
        keeper = await system.start(Collector, name="keeper")

    await ta.stop(keeper)

    assert ta.info(keeper).status is ta.ChildStatus.UNDEFINED


# --- restart ---


async def test_restart_gives_a_new_incarnation(keeper: Collector) -> None:
    await keeper.keep("old")

    await ta.restart(keeper)

    assert await keeper.seen() == []
    assert ta.info(keeper).incarnation == 2


async def test_restarting_costs_no_budget(keeper: Collector) -> None:
    for _ in range(10):
        await ta.restart(keeper)

    assert ta.info(keeper).incarnation == 11


async def test_restarting_who_is_gone_for_good_says_so(keeper: Collector) -> None:
    await ta.stop(keeper)

    with pytest.raises(ta.UnknownName, match="keeper"):
        await ta.restart(keeper)


async def test_a_restart_that_fails_says_why(system: ta.System) -> None:
    starts: list[int] = []

    class Once(ta.Actor[None]):
        async def on_start(self) -> None:
            starts.append(1)
            if len(starts) > 1:
                raise LookupError

    once = await system.start(Once, name="once")

    with pytest.raises(ta.StartFailed) as caught:
        await ta.restart(once)

    assert isinstance(caught.value.__cause__, LookupError)


# --- flush ---


async def test_flush_returns_when_everything_before_it_is_handled(keeper: Collector) -> None:
    keeper.wait.cast_nowait(2)
    keeper.keep.cast_nowait("before")

    await ta.flush(keeper)

    assert trio.current_time() == 2
    assert ta.info(keeper).ledger.handled == 3


async def test_flush_takes_part_in_a_restart(keeper: Collector) -> None:
    keeper.fail.cast_nowait()
    keeper.keep.cast_nowait("before")

    await ta.flush(keeper)

    assert await keeper.seen() == ["before"]


async def test_flush_ends_by_its_deadline(keeper: Collector) -> None:
    await keeper.wait.cast(10)

    with pytest.raises(ta.CallTimeout, match="'flush'"):
        await ta.flush(keeper, timeout=3)

    assert trio.current_time() == 3


async def test_flushing_who_is_stopped_raises(keeper: Collector) -> None:
    await ta.stop(keeper)

    with pytest.raises(ta.ActorStopped):
        await ta.flush(keeper)


# --- watch ---


async def test_a_watch_tells_every_end_with_its_reason(keeper: Collector) -> None:
    async with ta.watch(keeper) as watch:
        await keeper.fail.cast()
        await keeper.seen()
        kill(keeper)
        await restarted(keeper)
        await trio.sleep(1)
        await ta.stop(keeper)
        deaths = [await watch.next() for _ in range(3)]

    assert [(death.name, death.incarnation, str(death.reason), death.time) for death in deaths] == [
        ("keeper", 1, "crash: Broken", 0),
        ("keeper", 2, "killed", 0),
        ("keeper", 3, "shutdown", 1),
    ]


async def test_a_watch_waits_for_the_next_end(keeper: Collector) -> None:
    async def crash_later() -> None:
        await trio.sleep(2)
        crash(keeper)

    async with ta.watch(keeper) as watch, trio.open_nursery() as nursery:
        nursery.start_soon(crash_later)
        death = await watch.next()

    assert death.time == 2


async def test_a_watch_is_iterated(keeper: Collector) -> None:
    seen: list[int] = []

    async with ta.watch(keeper) as watch:
        crash(keeper)
        await restarted(keeper)
        await ta.stop(keeper)
        async for death in watch:
            seen.append(death.incarnation)
            if len(seen) == 2:
                break

    assert seen == [1, 2]


async def test_a_watch_keeps_the_last_ends_and_counts_the_lost_ones(keeper: Collector) -> None:
    async with ta.watch(keeper, limit=2) as watch:
        for _ in range(3):
            await ta.restart(keeper)
        shown, lost = repr(watch), watch.lost
        kept = [(await watch.next()).incarnation for _ in range(2)]

    assert shown == "<watch of keeper: 2 exits to read>"
    assert lost == 1
    assert kept == [2, 3]


async def test_a_watch_is_over_with_its_scope(keeper: Collector) -> None:
    async with ta.watch(keeper) as watch:
        pass

    await ta.restart(keeper)

    assert repr(watch) == "<watch of keeper: 0 exits to read>"


async def test_two_watches_do_not_disturb_each_other(keeper: Collector) -> None:
    async with ta.watch(keeper) as outer:
        async with ta.watch(keeper):
            pass
        await ta.stop(keeper)

        assert (await outer.next()).incarnation == 1


# --- info ---


async def test_info_shows_an_idle_actor(keeper: Collector) -> None:
    assert ta.info(keeper) == ta.ActorInfo(
        name="keeper",
        path="keeper",
        actor="Collector",
        status=ta.ChildStatus.RUNNING,
        restart_at=None,
        paused=False,
        incarnation=1,
        handling=None,
        handling_since=None,
        waiting=(),
        mailbox_limit=1_000,
        mailbox_peak=0,
        mailbox_rejected=0,
        ledger=ta.Ledger(),
        timers=0,
        tasks=0,
        deferred_replies=0,
        held_replies=0,
        revision=None,
        last_exit=None,
    )


async def test_info_shows_what_an_actor_does_without_waiting_behind_it(keeper: Collector) -> None:
    await trio.sleep(1)
    await keeper.wait.cast(3)
    await trio.sleep(1)
    await keeper.keep.cast("a")
    await keeper.seen.cast()

    info = ta.info(keeper)

    assert (info.handling, info.handling_since, info.waiting) == ("wait", 1, ("keep", "seen"))


async def test_info_shows_how_the_last_incarnation_ended(keeper: Collector) -> None:
    crash(keeper)
    await restarted(keeper)

    assert str(ta.info(keeper).last_exit) == "crash: PlannedCrash"
