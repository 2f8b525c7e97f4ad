"""Promise 4: what happens to the mailbox of an actor at each kind of exit."""

from __future__ import annotations

from functools import partial

import pytest
import trio

import trioactors as ta
from shared.actors import Broken, Collector
from shared.calls import Outcomes
from trioactors.testing import crash, restarted


@pytest.fixture
def system_tree() -> ta.Supervisor:
    return ta.Supervisor(
        ta.Supervisor(
            *(ta.child(Collector, name=name) for name in ("first", "second", "third")), name="group", strategy="one_for_all"
        ),
        ta.child(Collector, name="alone"),
        name="top",
    )


# --- the mailbox ---


async def test_a_restart_keeps_the_mailbox(system: ta.System) -> None:
    outcomes = Outcomes()
    alone = system.get(Collector, "alone")
    alone.fail.cast_nowait(after=1)
    alone.keep.cast_nowait("cast")

    await outcomes.call("call", alone.keep, "call")

    assert outcomes == {"call": 2}
    assert await alone.seen() == ["cast", "call"]


async def test_a_crash_from_outside_keeps_the_mailbox(system: ta.System) -> None:
    alone = system.get(Collector, "alone")
    alone.keep.cast_nowait("behind")

    crash(alone)
    await restarted(alone)

    assert await alone.seen() == ["behind"]


async def test_a_restart_after_a_backoff_keeps_what_came_meanwhile(system: ta.System) -> None:
    tree = ta.Supervisor(ta.child(Collector, name="slow"), name="patient", backoff=ta.Backoff(base=2, jitter=0))
    await system.supervisor("top").start_child(tree)
    slow = system.get(Collector, "slow")

    slow.fail.cast_nowait()
    await trio.sleep(1)
    await slow.keep.cast("meanwhile")

    assert await slow.seen() == ["meanwhile"]
    assert trio.current_time() == 2


async def test_a_group_restart_keeps_the_mailboxes_of_all(system: ta.System) -> None:
    first, second = system.get(Collector, "first"), system.get(Collector, "second")
    outcomes = Outcomes()
    first.wait.cast_nowait(2)
    first.keep.cast_nowait("kept")
    second.fail.cast_nowait(after=1)
    second.keep.cast_nowait("kept")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "first", first.keep, "call")
        nursery.start_soon(outcomes.call, "second", second.keep, "call")

    assert outcomes == {"first": 2, "second": 2}
    assert await first.seen() == await second.seen() == ["kept", "call"]


async def test_who_falls_with_another_finishes_its_message_first(system: ta.System) -> None:
    first, second = system.get(Collector, "first"), system.get(Collector, "second")
    outcomes = Outcomes()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "first", first.wait, 2)
        nursery.start_soon(outcomes.call, "second", second.fail, Broken, 1)

    assert outcomes == {"first": "waited", "second": ta.ActorCrashed}


@pytest.mark.parametrize("name", ["culprit", "sibling"])
async def test_giving_up_refuses_calls_and_buries_casts(autojump_clock: trio.testing.MockClock, name: str) -> None:
    outcomes = Outcomes()
    tree = ta.Supervisor(
        ta.child(Collector, name="culprit"), ta.child(Collector, name="sibling"), name="top", intensity=ta.Intensity(limit=0)
    )

    with pytest.raises(ta.SupervisorGaveUp):  # noqa: PT012 - the block is the system's life
        async with ta.open_system(tree) as system, trio.open_nursery() as nursery:
            culprit, waiting = system.get(Collector, "culprit"), system.get(Collector, name)
            waiting.wait.cast_nowait(2)
            culprit.fail.cast_nowait(after=1)
            waiting.keep.cast_nowait("buried")
            nursery.start_soon(outcomes.call, "call", waiting.keep.within(60), "refused")
            with trio.CancelScope(shield=True):
                await system.wait_stopped()

    assert [(letter.target, letter.message.item) for letter in system.dead_letters()] == [(name, "buried")]
    assert outcomes == {"call": ta.ActorStopped}
    assert (system.ledger().refused, system.ledger().dead_lettered) == (1, 1)


async def test_a_supervisor_that_is_restarted_gives_the_mailboxes_back(system: ta.System) -> None:
    inner = ta.Supervisor(
        ta.child(Collector, name="culprit"), ta.child(Collector, name="sibling"), name="inner", intensity=ta.Intensity(limit=0)
    )
    await system.supervisor("top").start_child(inner)
    culprit, sibling = system.get(Collector, "culprit"), system.get(Collector, "sibling")
    sibling.wait.cast_nowait(2)
    sibling.keep.cast_nowait("kept")
    culprit.fail.cast_nowait(after=1)
    culprit.keep.cast_nowait("kept")

    await trio.sleep(3)

    assert await sibling.seen() == ["kept"]
    assert await culprit.seen() == ["kept"]


@pytest.mark.parametrize("how", ["terminate_child", "stop"])
async def test_termination_refuses_calls_and_buries_casts(system: ta.System, how: str) -> None:
    outcomes = Outcomes()
    alone = system.get(Collector, "alone")
    alone.wait.cast_nowait(2)
    alone.keep.cast_nowait("buried")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "call", alone.keep, "refused")
        await trio.testing.wait_all_tasks_blocked()
        await (ta.stop(alone) if how == "stop" else system.supervisor("top").terminate_child("alone"))

    assert outcomes == {"call": ta.ActorStopped}
    assert [letter.message.item for letter in system.dead_letters()] == ["buried"]
    assert ta.info(alone).ledger == ta.Ledger(accepted=3, handled=1, refused=1, dead_lettered=1)


async def test_those_who_wait_for_room_are_told_of_the_end(system: ta.System) -> None:
    class Tiny(Collector, mailbox=1):
        pass

    outcomes = Outcomes()
    tiny = await system.start(Tiny, name="tiny")
    await tiny.wait.cast(2)
    await tiny.keep.cast("buried")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "cast", tiny.keep.cast, "no room")
        nursery.start_soon(outcomes.call, "call", tiny.keep, "no room")
        await trio.testing.wait_all_tasks_blocked()
        await ta.stop(tiny)

    assert outcomes == {"cast": ta.ActorStopped, "call": ta.ActorStopped}
    assert ta.info(tiny).ledger.accepted == 2


async def test_a_child_that_is_restarted_by_hand_begins_with_an_empty_mailbox(system: ta.System) -> None:
    alone = system.get(Collector, "alone")
    alone.wait.cast_nowait(2)
    alone.keep.cast_nowait("buried")
    top = system.supervisor("top")
    await trio.testing.wait_all_tasks_blocked()
    await top.terminate_child("alone")

    await top.restart_child("alone")

    assert await alone.seen() == []
    assert await alone.keep("new") == 2


async def test_a_restart_on_request_keeps_the_mailbox(system: ta.System) -> None:
    alone = system.get(Collector, "alone")
    alone.wait.cast_nowait(2)
    alone.keep.cast_nowait("kept")
    await trio.testing.wait_all_tasks_blocked()

    await ta.restart(alone)

    assert await alone.keep("behind") == 2
    assert await alone.seen() == ["kept", "behind"]


async def test_a_temporary_actor_that_crashed_is_gone_with_its_messages(system: ta.System) -> None:
    keeper = await system.start(Collector, name="keeper", restart="temporary")
    keeper.fail.cast_nowait()
    keeper.keep.cast_nowait("buried")

    with pytest.raises(ta.ActorStopped, match=r"crash: Broken"):
        await keeper.keep("refused")

    [letter] = system.dead_letters()
    assert letter.cause == "it exited: crash: Broken"


async def test_closing_the_system_refuses_and_buries(autojump_clock: trio.testing.MockClock) -> None:
    async with ta.open_system() as system:
        keeper = await system.start(partial(Collector), name="keeper")
        keeper.wait.cast_nowait(2)
        keeper.keep.cast_nowait("buried")
        await trio.testing.wait_all_tasks_blocked()

    assert [letter.message.item for letter in system.dead_letters()] == ["buried"]
    assert system.ledger().balanced
