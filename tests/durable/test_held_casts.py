"""Casts of durable actors: when they leave, and what happens to those that find no room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Refused
from trioactors.testing import HeldWorker, isolated_system
from trioactors.trace import MessageAccepted

FULL = ta.StoreFull("no room")


class Small(ta.Actor[None], mailbox=1):
    """Has room for one message, and is busy until a test lets it go on."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @ta.handler
    async def busy(self, until: trio.Event) -> None:
        await until.wait()

    @ta.handler
    def hear(self, text: str) -> None:
        self.heard.append(text)

    @ta.handler
    def all(self) -> list[str]:
        return list(self.heard)


class Strict(Small, overflow=ta.Overflow.FAIL):
    """Refuses a message if its mailbox is full."""


class Forgetful(Small, overflow=ta.Overflow.DROP_OLDEST):
    """Drops its oldest message if its mailbox is full."""


def saying(target: Any, *texts: str, wait: bool = True) -> Callable[[Any], Any]:
    """A handler body that changes the state, and casts these texts to *target*."""

    async def act(self: Any) -> None:
        self.state.lines += texts
        for text in texts:
            if wait:
                await target.hear.cast(text)
            else:
                target.hear.cast_nowait(text)

    return act


@pytest.fixture
async def small(system: ta.System) -> Small:
    return await system.start(Small, name="small")


@pytest.fixture
async def busy(small: Any) -> trio.Event:
    """An event that the small actor waits for in a handler, with an empty mailbox."""
    until = trio.Event()
    await small.busy.cast(until)
    await wait_all_tasks_blocked()
    return until


async def test_casts_leave_in_their_order_after_the_commit(keeper: Any, ear: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("first", keeper.do, saying(ear, "a", "b"))
    await callers.now("second", keeper.do, saying(ear, "c", wait=False))
    assert await ear.all() == []

    disk.step()
    await wait_all_tasks_blocked()
    assert await ear.all() == ["a", "b"]
    disk.step()
    await wait_all_tasks_blocked()

    assert await ear.all() == ["a", "b", "c"]


async def test_a_cast_of_a_message_that_changed_nothing_leaves_with_the_state_it_follows_from(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker
) -> None:
    await keeper.do(lambda _: ear.hear.cast("at once"))
    assert await ear.all() == ["at once"]

    disk.hold()
    await callers.now("change", keeper.write, "a")
    await callers.now("cast", keeper.do, lambda _: ear.hear.cast("later"))
    assert await ear.all() == ["at once"]
    disk.release()
    await wait_all_tasks_blocked()

    assert await ear.all() == ["at once", "later"]


async def test_a_task_beside_the_handlers_sends_with_the_newest_commit(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker
) -> None:
    async def beside(*moments: trio.Event) -> None:
        for number, moment in enumerate(moments):
            await moment.wait()
            await ear.hear.cast(f"beside {number}")

    moments = [trio.Event() for _ in range(4)]
    await keeper.do(lambda self: self.context.start_soon(beside, *moments))

    async def happens(number: int) -> list[str]:
        moments[number].set()
        await wait_all_tasks_blocked()
        heard: list[str] = await ear.all()
        return heard

    assert await happens(0) == ["beside 0"]  # everything is committed
    disk.hold()
    await callers.now("a", keeper.write, "a")
    assert await happens(1) == ["beside 0"]
    await callers.now("b", keeper.write, "b")
    assert await happens(2) == ["beside 0"]
    disk.step()
    await wait_all_tasks_blocked()
    assert await ear.all() == ["beside 0", "beside 1"]
    disk.step()
    await wait_all_tasks_blocked()
    assert await happens(3) == ["beside 0", "beside 1", "beside 2", "beside 3"]


async def test_a_task_waits_for_no_handler_that_is_at_work_beside_it(keeper: Any, ear: Any, callers: Any, disk: HeldWorker) -> None:
    moments, until = [trio.Event(), trio.Event()], trio.Event()

    async def beside() -> None:
        for number, moment in enumerate(moments):
            await moment.wait()
            await ear.hear.cast(f"beside {number}")

    async def slow(self: Any) -> None:
        self.state.lines.append("never")
        await until.wait()
        raise Refused

    await keeper.do(lambda self: self.context.start_soon(beside))
    await callers.now("slow", keeper.do, slow)
    moments[0].set()
    await wait_all_tasks_blocked()
    assert await ear.all() == ["beside 0"]  # everything is committed, whatever the handler is doing

    until.set()
    await wait_all_tasks_blocked()
    until = trio.Event()
    disk.hold()
    await callers.now("write", keeper.write, "a")
    await callers.now("slow again", keeper.do, slow)
    moments[1].set()
    await wait_all_tasks_blocked()
    until.set()
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"slow": Refused, "write": 1, "slow again": Refused}
    assert await ear.all() == ["beside 0", "beside 1"]


async def test_what_a_task_sent_on_an_uncommitted_state_is_lost_with_it(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    moment = trio.Event()

    async def beside() -> None:
        await moment.wait()
        await ear.hear.cast("never")

    await keeper.do(lambda self: self.context.start_soon(beside))
    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.write, "a")
    moment.set()
    await wait_all_tasks_blocked()
    disk.release()
    await wait_all_tasks_blocked()

    assert await ear.all() == []


async def test_an_actor_can_cast_to_itself(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("cast", keeper.do, lambda self: (self.state.lines.append("a"), self.write.cast_nowait("b")))
    assert ta.info(keeper).waiting == ()

    disk.release()

    assert await keeper.read() == ["a", "b"]


@pytest.mark.parametrize("wait", [True, False], ids=["cast", "cast_nowait"])
async def test_a_cast_to_its_own_full_mailbox_raises_at_once(
    system: ta.System,
    callers: Any,
    wait: bool,  # noqa: FBT001 - a table
) -> None:
    class Narrow(ta.Actor[list[str]], persist=ta.EVERY_MESSAGE, mailbox=1):
        @ta.handler(raises=(ta.MailboxFull,))
        async def talk_to_itself(self, until: trio.Event) -> None:
            await until.wait()
            if wait:
                await self.talk_to_itself.cast(until)
            else:
                self.talk_to_itself.cast_nowait(until)

    narrow = await system.start(Narrow, name="narrow")
    until = trio.Event()
    await callers.now("talk", narrow.talk_to_itself, until)
    await callers.now("waiting", ta.flush, narrow)
    until.set()
    await wait_all_tasks_blocked()

    assert callers.news() == {"talk": ta.MailboxFull, "waiting": None}
    assert trio.current_time() == 0


async def waited_for(act: Callable[[], Any]) -> None:
    """Send a cast, and wait if it is of the kind that waits."""
    if (pending := act()) is not None:
        await pending


async def test_what_is_impossible_already_is_said_at_once(system: ta.System, keeper: Any, small: Any, busy: trio.Event) -> None:
    strict: Any = await system.start(Strict, name="strict")
    await strict.busy.cast(busy)
    await wait_all_tasks_blocked()
    await strict.hear.cast("fills it")
    await small.hear.cast("fills it")
    stopped = await system.start(Small, name="stopped")
    await ta.stop(stopped)

    def trying(act: Callable[[], Any], error: type[Exception]) -> Callable[[Any], Any]:
        async def attempt(self: Any) -> None:
            self.state.lines.append("changed")
            with pytest.raises(error):
                await waited_for(act)

        return attempt

    await keeper.do(trying(lambda: strict.hear.cast("x"), ta.MailboxFull))
    await keeper.do(trying(lambda: strict.hear.cast_nowait("x"), ta.MailboxFull))
    await keeper.do(trying(lambda: small.hear.cast_nowait("x"), ta.MailboxFull))
    await keeper.do(trying(lambda: stopped.hear.cast("x"), ta.ActorStopped))
    await keeper.do(trying(lambda: stopped.hear.cast_nowait("x"), ta.ActorStopped))

    assert (ta.info(strict).mailbox_rejected, ta.info(small).mailbox_rejected) == (2, 1)
    busy.set()


async def test_a_cast_that_finds_no_room_after_the_commit_waits_for_it(
    system: ta.System, keeper: Any, small: Any, busy: trio.Event, recorder: ta.Recorder
) -> None:
    await keeper.do(saying(small, "a", "b"))  # at the time of the casts there is room
    assert ta.info(small).waiting == ("hear",)

    busy.set()
    await system.quiesce()

    assert await small.all() == ["a", "b"]
    assert [record.handler for record in recorder.of(MessageAccepted) if record.sender == "keeper"] == ["hear", "hear"]


async def test_one_that_finds_no_room_in_time_becomes_a_dead_letter(
    system: ta.System, keeper: Any, small: Any, busy: trio.Event
) -> None:
    await keeper.do(saying(small, "a", "b"))
    await trio.sleep(5)
    busy.set()

    assert await small.all() == ["a"]
    (letter,) = system.dead_letters()
    assert (letter.target, letter.message.text) == ("small", "b")
    assert letter.cause == "its mailbox was full for too long after the sender's commit"


async def test_one_that_waits_for_room_waits_no_longer_than_its_own_deadline(
    system: ta.System, keeper: Any, small: Any, busy: trio.Event
) -> None:
    async def act(self: Any) -> None:
        self.state.lines.append("changed")
        await small.hear.cast("a")
        await small.hear.within(2).cast("b")

    await keeper.do(act)
    await trio.sleep(3)

    (letter,) = system.dead_letters()
    assert (letter.message.text, letter.time) == ("b", 2.0)
    busy.set()


async def test_one_that_got_in_late_keeps_its_own_deadline(keeper: Any, small: Any, busy: trio.Event) -> None:
    still_busy = trio.Event()

    async def act(self: Any) -> None:
        self.state.lines.append("changed")
        await small.busy.cast(still_busy)
        await small.hear.within(2).cast("too late")

    await keeper.do(act)
    busy.set()
    await wait_all_tasks_blocked()
    assert ta.info(small).waiting == ("hear",)
    await trio.sleep(3)
    still_busy.set()

    assert await small.all() == []
    assert ta.info(small).ledger.expired == 1


async def test_no_more_casts_wait_for_room_than_there_is_room(system: ta.System, keeper: Any, small: Any, busy: trio.Event) -> None:
    await keeper.do(saying(small, "a", "b", "c"))

    (letter,) = system.dead_letters()
    assert letter.message.text == "c"
    assert letter.cause == "its mailbox was full when the sender's state was committed"
    assert ta.info(small).mailbox_rejected == 1
    busy.set()


async def test_one_that_finds_a_strict_mailbox_full_becomes_a_dead_letter_at_once(
    system: ta.System, keeper: Any, busy: trio.Event
) -> None:
    strict: Any = await system.start(Strict, name="strict")
    await strict.busy.cast(busy)
    await wait_all_tasks_blocked()

    await keeper.do(saying(strict, "a", "b"))

    assert [letter.message.text for letter in system.dead_letters()] == ["b"]
    busy.set()


async def test_one_that_finds_a_forgetful_mailbox_full_pushes_the_oldest_out(
    system: ta.System, keeper: Any, busy: trio.Event
) -> None:
    forgetful: Any = await system.start(Forgetful, name="forgetful")
    await forgetful.busy.cast(busy)
    await wait_all_tasks_blocked()

    await keeper.do(saying(forgetful, "a", "b"))
    busy.set()
    await system.quiesce()

    assert await forgetful.all() == ["b"]
    assert ta.info(forgetful).ledger.dropped == 1


async def test_one_whose_target_stopped_before_the_commit_becomes_a_dead_letter(
    system: ta.System, keeper: Any, ear: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await callers.now("cast", keeper.do, saying(ear, "a"))
    await ta.stop(ear)
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"cast": None}
    (letter,) = system.dead_letters()
    assert letter.cause == "it stopped before the sender's state was committed"
    assert system.ledger().balanced


async def test_one_whose_target_stops_while_it_waits_for_room_becomes_a_dead_letter(
    system: ta.System, keeper: Any, small: Any, busy: trio.Event
) -> None:
    await keeper.do(saying(small, "a", "b"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ta.stop, small)
        await wait_all_tasks_blocked()
        busy.set()

    assert [letter.message.text for letter in system.dead_letters()] == ["a", "b"]
    assert "small is not running" in system.dead_letters()[1].cause


async def test_one_that_waits_for_room_when_its_system_ends_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    class Sender(ta.Actor[list[str]], persist=ta.EVERY_MESSAGE):
        @ta.handler
        async def send(self, small: Any) -> None:
            self.state.append("changed")
            await small.hear.cast("a")
            await small.hear.cast("b")

    async with isolated_system() as system:
        small = await system.start(Small, name="small", grace=0.1)
        await small.busy.cast(trio.Event())
        await wait_all_tasks_blocked()
        await (await system.start(Sender, name="sender")).send(small)

    assert [letter.message.text for letter in system.dead_letters()] == ["a", "b"]
