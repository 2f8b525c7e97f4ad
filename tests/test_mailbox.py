from __future__ import annotations

from functools import partial

import attrs
import pytest
import trio

import trioactors as ta
from trioactors.testing import crash, explore, isolated_system, kill, restarted


@attrs.define
class Seen:
    items: list[int] = attrs.field(factory=list)


class Small(ta.Actor[Seen], mailbox=2):
    """Keeps its items, and can be made to wait, in virtual time."""

    @ta.handler
    async def keep(self, item: int) -> None:
        self.state.items.append(item)

    @ta.handler(reads=True)
    async def seen(self) -> list[int]:
        return list(self.state.items)

    @ta.handler
    async def wait(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @ta.handler
    async def keep_own(self, item: int) -> None:
        await self.keep.cast(item)

    @ta.handler
    async def fill_own(self, items: int) -> str:
        try:
            for item in range(items):
                await self.keep.cast(item)
        except ta.MailboxFull:
            return f"full at {trio.current_time():g}"
        return "never full"

    @ta.handler
    async def tick_later(self, delay: float) -> None:
        self.context.after(delay, partial(self.keep, 99), key="tick")

    @ta.handler
    async def tick_always(self) -> None:
        self.context.every(1, partial(self.keep, 99), key="tick")

    @ta.handler
    async def wait_and_cancel(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.context.cancel("tick")


class Failing(Small, overflow="fail"):
    pass


class Dropping(Small, overflow=ta.Overflow.DROP_OLDEST):
    pass


# --- order ---


async def test_messages_are_handled_in_the_order_they_were_sent(system: ta.System) -> None:
    small = await system.start(Small, name="small")

    for item in range(5):
        await small.keep.cast(item)

    assert await small.seen() == [0, 1, 2, 3, 4]


async def test_those_who_wait_for_room_get_in_in_their_order(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    small.wait.cast_nowait(1)

    async with trio.open_nursery() as nursery:
        for item in range(6):
            nursery.start_soon(small.keep.cast, item)
            await trio.testing.wait_all_tasks_blocked()

    assert await small.seen() == [0, 1, 2, 3, 4, 5]


# --- overflow: wait ---


async def test_a_full_mailbox_makes_cast_wait_for_room(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    await small.wait.cast(3)
    await small.keep.cast(1)
    await small.keep.cast(2)

    await small.keep.cast(3)

    assert trio.current_time() == 3
    assert await small.seen() == [1, 2, 3]


async def test_a_cast_that_finds_no_room_in_time_was_not_sent(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    await small.wait.cast(10)
    await small.keep.cast(1)
    await small.keep.cast(2)

    with pytest.raises(ta.MailboxFull, match="the mailbox of small is full: 2 messages wait; nothing was sent"):
        await small.keep.cast(3)
    waited = trio.current_time()
    await ta.flush(small, timeout=20)

    assert waited == 5
    assert await small.seen() == [1, 2]
    assert ta.info(small).mailbox_rejected == 1


async def test_a_cast_waits_as_long_as_within_says(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    await small.wait.cast(4)
    await small.keep.cast(1)
    await small.keep.cast(2)

    with pytest.raises(ta.MailboxFull):
        await small.keep.within(2).cast(3)

    assert trio.current_time() == 2


async def test_cast_nowait_on_a_full_mailbox_raises_at_once(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    small.keep.cast_nowait(1)
    small.keep.cast_nowait(2)

    with pytest.raises(ta.MailboxFull):
        small.keep.cast_nowait(3)

    assert await small.seen.within(1)() == [1, 2]
    assert ta.info(small).mailbox_rejected == 1


async def test_a_cancelled_cast_was_not_sent(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    await small.wait.cast(4)
    await small.keep.cast(1)
    await small.keep.cast(2)

    with trio.move_on_after(1) as scope:
        await small.keep.cast(3)
    await ta.flush(small)

    assert scope.cancelled_caught
    assert await small.seen() == [1, 2]


async def test_a_call_waits_for_room_too(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    await small.wait.cast(3)
    await small.keep.cast(1)
    await small.keep.cast(2)

    assert await small.seen() == [1, 2]


async def test_a_call_that_waits_for_room_times_out_unhandled(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    await small.wait.cast(9)
    await small.keep.cast(1)
    await small.keep.cast(2)

    with pytest.raises(ta.CallTimeout) as caught:
        await small.keep(3)
    await ta.flush(small)

    assert not caught.value.begun
    assert await small.seen() == [1, 2]


async def test_casting_to_ones_own_full_mailbox_raises_at_once(system: ta.System) -> None:
    small = await system.start(Small, name="small")

    assert await small.fill_own(2) == "never full"
    assert await small.fill_own(3) == "full at 0"


# --- overflow: fail ---


async def test_a_failing_mailbox_refuses_at_once(system: ta.System) -> None:
    failing = await system.start(Failing, name="failing")
    await failing.wait.cast(3)
    await failing.keep.cast(1)
    await failing.keep.cast(2)

    with pytest.raises(ta.MailboxFull):
        await failing.keep.cast(3)
    with pytest.raises(ta.MailboxFull):
        await failing.keep(4)

    assert trio.current_time() == 0
    assert ta.info(failing).mailbox_rejected == 2


# --- overflow: drop the oldest ---


async def test_a_dropping_mailbox_makes_room_and_counts(system: ta.System) -> None:
    dropping = await system.start(Dropping, name="dropping")
    for item in range(4):
        dropping.keep.cast_nowait(item)
    await trio.testing.wait_all_tasks_blocked()

    assert await dropping.seen() == [2, 3]
    assert ta.info(dropping).ledger.dropped == 2


async def test_the_caller_of_a_dropped_call_is_told(system: ta.System) -> None:
    dropping = await system.start(Dropping, name="dropping")
    await dropping.wait.cast(1)

    async def fill() -> None:
        await trio.testing.wait_all_tasks_blocked()
        dropping.keep.cast_nowait(1)
        dropping.keep.cast_nowait(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fill)
        with pytest.raises(ta.MailboxFull, match="the oldest in it: dropped"):
            await dropping.seen()

    assert ta.info(dropping).ledger.dropped == 1


async def test_a_timer_goes_on_when_its_tick_was_dropped(system: ta.System) -> None:
    dropping = await system.start(Dropping, name="dropping")
    await dropping.tick_always()
    await dropping.wait.cast(1.5)
    await trio.sleep(1.2)

    for item in range(2):
        dropping.keep.cast_nowait(item)
    await trio.sleep(2)

    assert await dropping.seen() == [0, 1, 99, 99]


async def test_a_dropped_tick_that_came_in_beyond_the_limit_leaves_its_place_to_nobody(system: ta.System) -> None:
    dropping = await system.start(Dropping, name="dropping")
    await dropping.tick_later(1)
    await dropping.wait.cast(2)
    await trio.sleep(0.5)

    dropping.keep.cast_nowait(0)
    dropping.keep.cast_nowait(1)
    await trio.sleep(0.7)
    for item in range(2, 5):
        dropping.keep.cast_nowait(item)

    assert ta.info(dropping).waiting == ("keep", "keep")
    assert ta.info(dropping).ledger.dropped == 4


async def test_a_dropped_tick_frees_its_timer(system: ta.System) -> None:
    dropping = await system.start(Dropping, name="dropping")
    await dropping.tick_later(1)
    await dropping.wait.cast(2)
    await trio.sleep(1.2)

    for item in range(2):
        dropping.keep.cast_nowait(item)

    assert ta.info(dropping).timers == 0


# --- what nobody waits for makes room ---


async def test_a_message_whose_caller_has_gone_makes_room(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    await small.wait.cast(3)
    await small.keep.cast(1)
    with trio.move_on_after(1):
        await small.keep(2)

    small.keep.cast_nowait(3)

    assert await small.seen() == [1, 3]
    assert ta.info(small).ledger.abandoned == 1


async def test_a_message_whose_deadline_passed_is_expired_when_it_makes_room(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    await small.wait.cast(3)
    await small.keep.cast(1)
    with pytest.raises(ta.CallTimeout):
        await small.keep.within(1)(2)

    small.keep.cast_nowait(3)

    assert await small.seen() == [1, 3]
    assert ta.info(small).ledger.expired == 1
    assert ta.info(small).ledger.abandoned == 0


async def test_a_cast_that_got_room_from_a_tick_taken_back_is_handled(system: ta.System) -> None:
    class Tiny(Small, mailbox=1):
        pass

    tiny = await system.start(Tiny, name="tiny")
    await tiny.tick_later(1)
    await tiny.wait_and_cancel.cast(2)
    await trio.sleep(1.5)

    await tiny.keep.cast(1)
    await system.quiesce()

    assert ta.info(tiny).ledger.waiting == 0
    assert ta.info(tiny).ledger.handled == 3


async def test_who_waits_for_room_gets_it_when_a_crash_takes_back_a_tick(system: ta.System) -> None:
    class Tiny(Small, mailbox=1):
        pass

    tiny = await system.start(Tiny, name="tiny")
    await tiny.tick_later(1)
    await tiny.wait.cast(3)
    await trio.sleep(1.5)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tiny.keep.cast, 1)
        await trio.testing.wait_all_tasks_blocked()
        crash(tiny)
        await restarted(tiny)
    await system.quiesce()

    assert ta.info(tiny).ledger.waiting == 0
    assert await tiny.seen() == [1]


def test_an_actor_may_be_killed_in_the_moment_in_which_it_lets_a_sender_in() -> None:
    class Tiny(Small, mailbox=1):
        pass

    async def main() -> None:
        async with isolated_system() as system:
            tiny = await system.start(Tiny, name="tiny")
            await tiny.tick_later(1)
            await tiny.wait_and_cancel.cast(2)
            await trio.sleep(1.5)

            await tiny.keep.cast(1)
            kill(tiny)
            await restarted(tiny)
            await system.quiesce()

            assert ta.info(tiny).ledger.handled == 3

    explore(main, seeds=20)


async def test_an_observer_may_stop_an_actor_that_tells_it_of_a_sender_let_in(system: ta.System) -> None:
    class Tiny(Small, mailbox=1):
        pass

    tiny = await system.start(Tiny, name="tiny")
    await tiny.tick_later(1)
    await tiny.wait_and_cancel.cast(2)
    await trio.sleep(1.5)

    def stop(record: ta.TraceRecord) -> None:
        if isinstance(record, ta.MessageAccepted) and record.handler == "keep":
            kill(tiny)

    system.observe(stop)
    await tiny.keep.cast(1)
    await restarted(tiny)
    await system.quiesce()

    assert ta.info(tiny).ledger.handled == 3


# --- what can be seen ---


async def test_the_peak_is_remembered(system: ta.System) -> None:
    small = await system.start(Small, name="small")
    small.keep.cast_nowait(1)
    small.keep.cast_nowait(2)

    await ta.flush(small)

    assert ta.info(small).mailbox_peak == 2
    assert ta.info(small).mailbox_limit == 2


async def test_the_settings_limit_mailboxes_that_name_no_limit(autojump_clock: trio.testing.MockClock) -> None:
    class Plain(ta.Actor[None]):
        @ta.handler
        async def nothing(self) -> None: ...

    async with isolated_system(settings=ta.Settings(mailbox=1)) as system:
        plain = await system.start(Plain, name="plain")
        plain.nothing.cast_nowait()

        with pytest.raises(ta.MailboxFull):
            plain.nothing.cast_nowait()
