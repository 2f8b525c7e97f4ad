"""A state is met when an actor is really in it: what looking.py reads of actors that a test has put there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from randomlab.looking import Looks, looked
from randomlab.notes import Sent
from randomlab.states import BITS, STATES, names
from shared.actors import Broken, Ear, Keeper
from shared.trees import lasting, top
from trioactors.system.system import registry_of
from trioactors.testing import HeldWorker, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore
from trioactors_backends.memory import MemoryStore


class Narrow(Ear, mailbox=2):
    """An ear with two places."""


class Slow(ta.Actor[None]):
    """Fails when it is told to, and starts and stops slowly."""

    async def on_start(self) -> None:
        if self.context.incarnation > 1:
            await trio.sleep(1.0)

    async def on_stop(self, _: ta.Exit) -> None:
        await trio.sleep(1.0)

    @ta.handler
    def fall(self) -> None:
        raise Broken


class Plain(ta.Actor[None]):
    """Fails when it is told to."""

    @ta.handler
    def fall(self) -> None:
        raise Broken


class Windowed(Keeper, persist=ta.Within(2.0)):
    """A keeper that writes later."""


@pytest.fixture
def disk() -> HeldWorker:
    return HeldWorker()


@pytest.fixture
def system_store() -> FaultyStore:
    return FaultyStore(MemoryStore(), blocking=True)


@pytest.fixture
def system_environment(disk: HeldWorker) -> ta.Environment:
    return virtual_environment(worker=disk)


@pytest.fixture
def system_tree() -> ta.Supervisor:
    return top(
        ta.Supervisor(ta.child(Slow, name="a"), ta.child(Slow, name="b"), name="group", strategy="one_for_all"),
        ta.Supervisor(ta.child(Plain, name="c"), ta.child(Plain, name="d"), name="patient", backoff=ta.Backoff(base=1.0)),
        ta.Supervisor(ta.child(Slow, name="e"), ta.child(Plain, name="f"), name="alone"),
    )


@pytest.fixture
async def keeper(system: ta.System, disk: HeldWorker) -> AsyncGenerator[Keeper, None]:
    yield await system.start(Keeper, name="keeper")
    disk.release()


@pytest.fixture
async def background() -> AsyncGenerator[trio.Nursery, None]:
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


def states(system: ta.System, name: str, part: str) -> set[str]:
    """The states of a *part* that the child, or its supervisor, is in."""
    found = names(looked(lasting(system, name)))
    return {state.partition(": ")[2] for state in found if state.startswith(f"{part}:")}


def test_every_state_has_a_bit_of_its_own() -> None:
    assert list(names(sum(BITS.values()))) == list(STATES)
    assert list(names(0)) == []


# --- the mailbox ---


async def test_a_mailbox_is_met_full_with_senders_that_wait_and_one_that_gave_up(
    system: ta.System, background: trio.Nursery
) -> None:
    ear = await system.start(Narrow, name="ear")
    assert states(system, "ear", "mailbox") == {"at rest"}

    await ta.pause(ear)
    assert states(system, "ear", "mailbox") == {"at rest", "paused"}
    ear.hear.cast_nowait("one")
    assert states(system, "ear", "mailbox") == {"messages wait", "paused with messages"}
    ear.hear.cast_nowait("two")
    assert states(system, "ear", "mailbox") == {"full", "paused and full"}

    background.start_soon(ear.hear.cast, "three")
    await wait_all_tasks_blocked()
    assert "senders wait" in states(system, "ear", "mailbox")
    assert "waiting sender gone" not in states(system, "ear", "mailbox")

    with trio.move_on_after(0.1):
        await ear.hear.cast("four")
    assert {"senders wait", "waiting sender gone"} <= states(system, "ear", "mailbox")


async def test_a_message_is_met_whose_caller_is_gone_and_one_whose_deadline_has_passed(
    system: ta.System, background: trio.Nursery
) -> None:
    ear = await system.start(Ear, name="ear")
    await ta.pause(ear)
    background.start_soon(ear.hear.within(0.5).cast, "in time only")
    await wait_all_tasks_blocked()
    with trio.move_on_after(0.1):
        await ear.hear("left")
    assert "caller gone" in states(system, "ear", "mailbox")
    assert "deadline passed" not in states(system, "ear", "mailbox")

    await trio.sleep(0.5)
    assert {"caller gone", "deadline passed"} <= states(system, "ear", "mailbox")


async def test_a_mailbox_is_met_closed_and_a_reply_owed(system: ta.System, keeper: Keeper, background: trio.Nursery) -> None:
    scope = trio.CancelScope()

    async def ask() -> None:
        with scope:
            await keeper.defer("later")

    background.start_soon(ask)
    await wait_all_tasks_blocked()
    assert "reply owed" in states(system, "keeper", "mailbox")

    scope.cancel()
    child = lasting(system, "keeper")
    await ta.stop(keeper)
    assert "mailbox: closed" in names(looked(child))


# --- the output gate ---


async def test_a_commit_is_met_with_what_it_holds_and_what_waits_behind_it(
    system: ta.System, keeper: Keeper, disk: HeldWorker, background: trio.Nursery
) -> None:
    ear = await system.start(Ear, name="ear")
    assert states(system, "keeper", "gate") == {"at rest"}
    disk.hold()

    async def write_and_tell(self: Keeper) -> None:
        self.state.lines.append("written")
        await ear.hear.cast("held")
        self.context.after(1.0, partial(self.write, "tick"))

    background.start_soon(keeper.do, write_and_tell)
    await wait_all_tasks_blocked()
    assert states(system, "keeper", "gate") == {"commit on its way", "reply held", "cast held", "timer held"}

    for handler, argument in ((keeper.read, ()), (keeper.write, ("second",)), (keeper.do, (partial(rest, 1.0),))):
        background.start_soon(handler, *argument)
        await wait_all_tasks_blocked()
    assert {"second commit waits", "reader's reply held", "handler meanwhile"} <= states(system, "keeper", "gate")


async def test_a_handler_is_met_whose_base_is_lost(
    system: ta.System, system_store: FaultyStore, keeper: Keeper, disk: HeldWorker, background: trio.Nursery
) -> None:
    system_store.plan(Fault(at=1, before=ta.StoreUnavailable("away")))
    disk.hold()

    async def write(name: str, seconds: float) -> None:
        with suppress(ta.StoreUnavailable):
            await keeper.do(partial(_write_and_wait, name, seconds))

    background.start_soon(write, "first", 0.0)
    await wait_all_tasks_blocked()
    background.start_soon(write, "second", 1.0)
    await wait_all_tasks_blocked()
    disk.release()
    await wait_all_tasks_blocked()
    assert states(system, "keeper", "gate") == {"base lost"}


async def _write_and_wait(name: str, seconds: float, self: Keeper) -> None:
    self.state.lines.append(name)
    await trio.sleep(seconds)


async def test_a_window_is_met_open_and_over_while_a_handler_runs(system: ta.System, background: trio.Nursery) -> None:
    windowed = await system.start(Windowed, name="windowed")
    assert states(system, "windowed", "window") == set()
    await windowed.write("a line")
    assert states(system, "windowed", "window") == {"open"}
    background.start_soon(windowed.do, partial(rest, 5.0))
    await trio.sleep(3.0)
    assert states(system, "windowed", "window") == {"over too early"}


# --- the supervisor's loop ---


async def test_a_supervisor_is_met_while_it_stops_and_restarts_a_group(system: ta.System, background: trio.Nursery) -> None:
    assert states(system, "a", "loop") == {"at rest"}

    background.start_soon(fall, system.get(Slow, "a"))
    await trio.sleep(1.5)  # a has taken a second to stop after its failure, and b is stopped for it
    assert states(system, "a", "loop") == {"stops a group"}
    await trio.sleep(1.0)
    assert states(system, "b", "loop") == {"restarts a group"}

    background.start_soon(ta.stop, system.get(Slow, "a"))
    await wait_all_tasks_blocked()
    assert states(system, "a", "loop") == {"restarts a group", "request waits"}


async def test_a_supervisor_is_met_while_a_child_waits_for_its_back_off(system: ta.System) -> None:
    await fall(system.get(Plain, "c"))
    await wait_all_tasks_blocked()

    assert states(system, "c", "loop") == {"at rest", "in a back-off", "this one in its back-off"}
    assert states(system, "d", "loop") == {"at rest", "in a back-off"}


async def test_a_supervisor_is_met_while_it_stops_a_child_on_request(system: ta.System, background: trio.Nursery) -> None:
    background.start_soon(ta.stop, system.get(Slow, "e"))
    await wait_all_tasks_blocked()

    assert states(system, "e", "loop") == {"stops on request"}


async def test_a_child_is_met_that_restarts_in_place_and_one_that_does_not(system: ta.System) -> None:
    looks = Looks()
    for name, kind in (("e", Slow), ("f", Plain)):
        actor = system.get(kind, name)
        looks.note(sent_to(name), 0, registry_of(system))
        await fall(actor)
        await trio.sleep(3.0)
        looks.note(sent_to(name), 0, registry_of(system))
        assert ("loop: restarts in place" in looks.states()) == (kind is Plain)


def sent_to(name: str) -> Sent:
    return Sent(at=0.0, life=1, seen=0, page="", sender="user 0", by=None, target=name, handler="fall", way="call", within=None)


async def fall(actor: Plain | Slow) -> None:
    with suppress(ta.ActorCrashed):
        await actor.fall()


async def rest(seconds: float, _: Keeper) -> None:
    await trio.sleep(seconds)
