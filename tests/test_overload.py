"""An overloaded actor goes on replying as fast as it can."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from trioactors.actors.ref import child_of
from trioactors.messaging.overload import SHORTEST, cannot_finish, learned_from_cut, learned_from_late
from trioactors.testing import isolated_system


class Server(ta.Actor[None]):
    """Takes a hundredth of a second for each message, unless a caller asks for more."""

    @ta.handler
    async def work(self, seconds: float = 0.01) -> None:
        await trio.sleep(seconds)

    @ta.handler
    async def look(self) -> None:
        await trio.lowlevel.checkpoint()

    @ta.handler
    def fail(self) -> None:
        raise LookupError


class Front(ta.Actor[None]):
    """Delegates to a server."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @ta.handler
    async def work(self) -> None:
        await self.server.work(0.01)


@attrs.define
class Count:
    done: int = 0


class Durable(ta.Actor[Count], persist=ta.EVERY_MESSAGE):
    """Replies a little after its commit."""

    @ta.handler
    async def work(self) -> None:
        self.state.done += 1
        await trio.sleep(0.01)


@attrs.define
class Crowd:
    """Callers, and the number of their replies."""

    answered: int = 0
    late: int = 0

    async def call(self, ref: Server | Front | Durable, within: float) -> None:
        try:
            await ref.work.within(within)()
        except ta.CallTimeout:
            self.late += 1
        else:
            self.answered += 1

    async def come(self, ref: Server | Front | Durable, gaps: Iterator[float], seconds: float, within: float) -> None:
        """Call again and again for so many *seconds*, whatever the replies are."""
        end = trio.current_time() + seconds
        async with trio.open_nursery() as nursery:
            while trio.current_time() < end:
                nursery.start_soon(self.call, ref, within)
                await trio.sleep(next(gaps))


def steadily(rate: float) -> Iterator[float]:
    while True:
        yield 1 / rate


def at_random(rate: float) -> Iterator[float]:
    chance = random.Random(1)
    while True:
        yield chance.expovariate(rate)


@pytest.mark.parametrize("gaps", [steadily, at_random])
@pytest.mark.parametrize("times", [1.2, 2, 10])
async def test_an_actor_under_overload_answers_as_much_as_it_can(
    system: ta.System, gaps: Callable[[float], Iterator[float]], times: float
) -> None:
    crowd = Crowd()

    await crowd.come(await system.start(Server), gaps(100 * times), 10, 1.0)

    assert crowd.answered >= 950  # it can do 1,000 in this time
    assert crowd.late > 0


async def test_so_does_one_whose_handler_calls_another_actor(system: ta.System) -> None:
    server, crowd = await system.start(Server), Crowd()

    await crowd.come(await system.start(partial(Front, server)), steadily(1_000), 5, 1.0)

    assert crowd.answered >= 475


async def test_so_does_a_durable_one(system: ta.System) -> None:
    crowd = Crowd()

    await crowd.come(await system.start(Durable, name="durable"), steadily(1_000), 5, 1.0)

    assert crowd.answered >= 475


async def test_a_call_with_time_enough_is_handled_however_long_it_has_waited(system: ta.System) -> None:
    server, crowd = await system.start(Server), Crowd()

    async with trio.open_nursery() as nursery:
        for _ in range(400):
            nursery.start_soon(crowd.call, server, 5.0)
        await trio.sleep(0.1)
        nursery.start_soon(crowd.call, server, 0.5)

    assert (crowd.answered, crowd.late) == (400, 1)


async def test_what_a_slow_message_taught_is_forgotten_when_the_mailbox_is_empty(system: ta.System) -> None:
    server = await system.start(Server)
    with pytest.raises(ta.CallTimeout):
        await server.work.within(1.0)(2.0)
    await ta.flush(server)

    await server.work.within(0.02)()

    assert ta.info(server).ledger.handled == 3  # and the flush


async def test_what_a_slow_message_taught_is_forgotten_when_the_actor_is_restarted(system: ta.System) -> None:
    server = await system.start(Server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_in_vain, server)
        await trio.sleep(0.1)
        server.fail.cast_nowait()

        await server.work.within(3.0)()  # it has 1.1 left when its turn comes, and 2 seconds was too little in the last incarnation

    assert ta.info(server).incarnation == 2


async def test_what_one_handler_needs_says_nothing_about_another(system: ta.System) -> None:
    server = await system.start(Server)
    looks: list[None] = []

    async def look() -> None:
        looks.append(await server.look.within(2.5)())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_in_vain, server)
        await trio.sleep(0.1)
        nursery.start_soon(look)

    assert looks == [None]


async def _in_vain(server: Server) -> None:
    with pytest.raises(ta.CallTimeout):
        await server.work.within(1.0)(2.0)


async def test_a_call_that_is_begun_in_vain_no_more_waits_for_its_deadline_all_the_same(system: ta.System) -> None:
    server = await system.start(Server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_in_vain, server)
        await trio.sleep(0.1)

        with pytest.raises(ta.CallTimeout, match="this message had not begun"):
            await server.work.within(3.0)()  # it has 1.1 left when its turn comes, and 2 seconds was too little

        assert trio.current_time() == pytest.approx(3.1)
    assert ta.info(server).ledger.expired == 1


async def _dropped(server: Server, ends: list[tuple[float, str]]) -> None:
    """A call that has 1.1 seconds left when its turn comes, after a message that showed that 2 seconds are too little."""
    try:
        await server.work.within(3.0)()
    except ta.DeliveryError as error:
        ends.append((trio.current_time(), type(error).__name__))


async def test_the_caller_of_a_dropped_call_is_told_at_once_that_the_actor_has_stopped(system: ta.System) -> None:
    server = await system.start(Server)
    ends: list[tuple[float, str]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_in_vain, server)
        await trio.sleep(0.1)
        nursery.start_soon(_dropped, server, ends)
        await trio.sleep(2.4)

        await ta.stop(server)

    assert ends == [(2.5, "ActorStopped")]


async def test_the_caller_of_a_dropped_call_is_told_at_once_that_the_system_has_ended(autojump_clock: MockClock) -> None:
    ends: list[tuple[float, str]] = []
    async with trio.open_nursery() as nursery, isolated_system() as system:
        server = await system.start(Server)
        nursery.start_soon(_in_vain, server)
        await trio.sleep(0.1)
        nursery.start_soon(_dropped, server, ends)
        await trio.sleep(2.4)

    assert ends == [(2.5, "ActorStopped")]


async def test_the_caller_of_a_dropped_call_waits_on_while_its_actor_is_restarted(system: ta.System) -> None:
    server = await system.start(Server)
    ends: list[tuple[float, str]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_in_vain, server)
        await trio.sleep(0.1)
        nursery.start_soon(_dropped, server, ends)
        await trio.sleep(2.4)

        server.fail.cast_nowait()

    assert ends == [(pytest.approx(3.1), "CallTimeout")]


async def test_an_actor_keeps_no_dropped_call_whose_caller_has_gone(system: ta.System) -> None:
    server, crowd = await system.start(Server), Crowd()

    await crowd.come(server, steadily(1_000), 2, 0.1)

    assert ta.info(server).ledger.expired > 0
    assert not child_of(server).mailbox.shed


async def test_casts_are_begun_as_long_as_their_deadline_is_not_over(system: ta.System) -> None:
    server = await system.start(Server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_in_vain, server)
        await trio.sleep(0.1)
        await server.work.within(2.0).cast()

    await ta.flush(server)

    assert ta.info(server).ledger.handled == 3  # and the flush


async def test_who_gives_up_waiting_for_room_leaves_nothing_behind_while_the_actor_is_stuck(system: ta.System) -> None:
    server = await system.start(Server)
    server.work.cast_nowait(1_000.0)
    await wait_all_tasks_blocked()
    for _ in range(1_000):
        server.look.cast_nowait()
    crowd = Crowd()

    for _ in range(50):
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(crowd.call, server, 0.1)

    senders = child_of(server).mailbox._senders
    assert crowd.late == 5_000
    assert senders is not None
    assert len(senders) <= 1_124


def test_a_handler_that_was_cut_short_needs_twice_as_much() -> None:
    needs = learned_from_cut(learned_from_cut(learned_from_cut(None, "work", 0.0), "work", 0.5), "work", 0.1)

    assert cannot_finish(needs, "work", 0.99)
    assert not cannot_finish(needs, "work", 1.0)
    assert not cannot_finish(needs, "other", 0.0)


def test_what_had_no_time_at_all_teaches_that_it_needs_some() -> None:
    assert cannot_finish(learned_from_cut(None, "work", 0.0), "work", SHORTEST)


def test_the_slowest_answer_teaches_most() -> None:
    needs = learned_from_late(learned_from_late(None, "work", 1.0), "work", 0.5)

    assert cannot_finish(needs, "work", 1.05)
    assert not cannot_finish(needs, "work", 1.2)


class Poll(ta.Actor[None]):
    """Replies to what it deferred when it is idle."""

    @ta.handler
    def take(self, after: float) -> str:
        token: ta.Deferred[str] = self.context.defer()

        async def reply_later() -> None:
            await trio.sleep(after)
            token.reply("late")

        self.context.start_soon(reply_later)
        return token.pending


async def test_a_late_deferred_reply_does_not_teach_an_idle_actor(system: ta.System) -> None:
    poll = await system.start(Poll, name="poll")
    with pytest.raises(ta.CallTimeout):
        await poll.take.within(1)(2)
    await trio.sleep(5)

    assert await poll.take.within(1)(0.5) == "late"
