"""Replies that are given later: `self.context.defer()`."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any, cast

import pytest
import trio

import trioactors as ta
from shared.actors import Refused
from shared.calls import Outcomes
from trioactors.actors.ref import child_of
from trioactors.testing import crash, isolated_system, restarted


class Desk(ta.Actor[None]):
    """Takes questions, and replies later."""

    def __init__(self) -> None:
        self.tokens: list[ta.Deferred[int]] = []

    @ta.handler
    def ask(self) -> int:
        token: ta.Deferred[int] = self.context.defer()
        self.tokens.append(token)
        return token.pending

    @ta.handler
    def ask_quietly(self) -> None:
        self.tokens.append(self.context.defer())

    @ta.handler
    def answer(self, value: int) -> None:
        self.tokens.pop(0).reply(value)

    @ta.handler
    def refuse(self) -> None:
        self.tokens.pop(0).fail(Refused("no"))

    @ta.handler
    def lose(self) -> None:
        self.tokens.clear()

    @ta.handler
    def ask_in_vain(self) -> int:
        token: ta.Deferred[int] = self.context.defer()
        return token.pending

    @ta.handler
    def ask_a_forgetful_task(self) -> int:
        async def forget(_token: ta.Deferred[int]) -> None:
            await trio.lowlevel.checkpoint()

        token: ta.Deferred[int] = self.context.defer()
        self.context.start_soon(forget, token)
        return token.pending

    @ta.handler
    def defer_and_return(self) -> int:
        self.tokens.append(self.context.defer())
        return 7

    @ta.handler(raises=(Refused,))
    def defer_and_refuse(self) -> int:
        self.tokens.append(self.context.defer())
        raise Refused

    @ta.handler(raises=(ta.UsageError,))
    def defer_twice(self) -> int:
        token: ta.Deferred[int] = self.context.defer()
        self.context.defer()
        return token.pending

    @ta.handler(raises=(ta.UsageError,))
    def answer_twice(self, value: int) -> None:
        token = self.tokens.pop(0)
        token.reply(value)
        token.reply(value + 1)

    @ta.handler
    def answered(self, value: int) -> bool:
        return self.tokens.pop(0).reply(value)

    @ta.handler
    def owed(self) -> list[bool]:
        return [token.owed for token in self.tokens]

    @ta.handler(raises=(ta.UsageError,))
    def fail_with(self, error: object) -> bool:
        return self.tokens[0].fail(error)  # type: ignore[arg-type]

    @ta.handler
    def shown(self) -> list[str]:
        return [repr(token) for token in self.tokens]


@pytest.fixture
async def desk(system: ta.System) -> Desk:
    return await system.start(Desk, name="desk")


async def ended_by(desk: Desk, act: Any, *args: Any) -> object:
    """The outcome of a deferred call after *act*."""
    outcomes = Outcomes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "ask", desk.ask)
        await trio.testing.wait_all_tasks_blocked()
        await act(*args)
    return outcomes["ask"]


async def test_a_deferred_reply_answers_the_caller(desk: Desk) -> None:
    assert await ended_by(desk, desk.answer, 5) == 5
    assert trio.current_time() == 0


async def test_a_deferred_failure_is_raised_in_the_caller(desk: Desk) -> None:
    assert await ended_by(desk, desk.refuse) is Refused
    assert ta.info(desk).incarnation == 1


async def test_a_lost_token_raises_no_reply_at_once(desk: Desk) -> None:
    assert await ended_by(desk, desk.lose) is ta.NoReply
    assert trio.current_time() == 0


async def test_a_token_that_nobody_kept_raises_no_reply(desk: Desk) -> None:
    with pytest.raises(ta.NoReply, match="desk deferred the reply to 'ask_in_vain' and lost it"):
        await desk.ask_in_vain()


async def test_a_token_that_the_first_child_task_loses_raises_no_reply_at_once(desk: Desk) -> None:
    with pytest.raises(ta.NoReply, match="desk deferred the reply to 'ask_a_forgetful_task' and lost it"):
        await desk.ask_a_forgetful_task()


async def test_a_token_lost_in_a_circle_raises_no_reply_when_it_is_collected(desk: Desk) -> None:
    async def lose_in_circle() -> None:
        token = kept_tokens(desk).pop()
        circle: list[object] = [token]
        circle.append(circle)
        del token, circle
        gc.collect()

    assert await ended_by(desk, lose_in_circle) is ta.NoReply


def kept_tokens(desk: Desk) -> list[Any]:
    """The tokens that the actor behind *desk* holds."""
    tokens: list[Any] = child_of(desk).current.actor.tokens  # type: ignore[union-attr]
    return tokens


async def test_a_crash_ends_deferred_calls(desk: Desk) -> None:
    async def crashing() -> None:
        crash(desk)
        await restarted(desk)

    assert await ended_by(desk, crashing) is ta.ActorCrashed


async def test_a_stop_ends_deferred_calls(desk: Desk) -> None:
    assert await ended_by(desk, ta.stop, desk) is ta.ActorStopped


async def test_a_system_that_closes_ends_deferred_calls(autojump_clock: trio.testing.MockClock) -> None:
    outcomes = Outcomes()

    async with trio.open_nursery() as nursery, ta.open_system() as system:
        desk = await system.start(Desk, name="desk")
        nursery.start_soon(outcomes.call, "ask", desk.ask)
        await trio.testing.wait_all_tasks_blocked()

    assert outcomes == {"ask": ta.ActorStopped}


async def test_a_deferred_call_keeps_its_deadline(desk: Desk) -> None:
    with pytest.raises(ta.CallTimeout, match="this message had begun"):
        await desk.ask()

    assert trio.current_time() == 5


async def test_a_reply_after_the_deadline_is_harmless(desk: Desk) -> None:
    with pytest.raises(ta.CallTimeout):
        await desk.ask()

    await desk.answer(5)

    assert ta.info(desk).deferred_replies == 0


async def test_a_second_reply_is_refused(desk: Desk) -> None:
    outcomes = Outcomes()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "ask", desk.ask)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ta.UsageError, match="a call gets one reply only"):
            await desk.answer_twice(3)

    assert outcomes == {"ask": 3}


async def test_deferring_twice_is_refused(desk: Desk) -> None:
    with pytest.raises(ta.UsageError, match="desk: the reply is already deferred"):
        await desk.defer_twice()


async def test_a_value_after_deferring_is_refused(desk: Desk) -> None:
    with pytest.raises(ta.DefinitionError, match="deferred its reply, but returned 7"):
        await desk.defer_and_return()

    assert await desk.shown() == []
    assert ta.info(desk).incarnation == 2


async def test_a_declared_error_after_deferring_is_the_answer(desk: Desk) -> None:
    with pytest.raises(Refused):
        await desk.defer_and_refuse()

    await desk.answer(1)

    assert ta.info(desk).incarnation == 1


async def test_nothing_need_be_returned_after_deferring(desk: Desk) -> None:
    outcomes = Outcomes()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "ask", desk.ask_quietly)
        await trio.testing.wait_all_tasks_blocked()
        await desk.answer(4)

    assert outcomes == {"ask": 4}


async def test_a_cast_may_be_deferred_and_needs_no_reply(desk: Desk) -> None:
    await desk.ask.cast()
    await desk.answer(1)
    await desk.ask.cast()
    await desk.lose()

    assert ta.info(desk).ledger.handled == 4


async def test_deferred_replies_are_counted_and_shown(desk: Desk) -> None:
    seen: list[object] = []

    async def look() -> None:
        seen.extend([ta.info(desk).deferred_replies, *await desk.shown()])
        await desk.answer(1)

    await ended_by(desk, look)

    assert seen == [1, "<deferred reply of desk: owed>"]
    assert ta.info(desk).deferred_replies == 0


async def test_a_deferring_actor_handles_other_messages_meanwhile(desk: Desk) -> None:
    outcomes = Outcomes()

    async with trio.open_nursery() as nursery:
        for name in "xyz":
            nursery.start_soon(outcomes.call, name, desk.ask)
            await trio.testing.wait_all_tasks_blocked()
        for value in (1, 2, 3):
            await desk.answer(value)

    assert outcomes == {"x": 1, "y": 2, "z": 3}


async def test_an_owed_reply_does_not_keep_a_system_open(autojump_clock: trio.testing.MockClock) -> None:
    async with isolated_system() as system:
        desk = await system.start(Desk, name="desk")
        with pytest.raises(ta.CallTimeout):
            await desk.ask.within(1)()

    assert trio.current_time() == 1


NO_EXCEPTIONS = ["no", None, 5, ValueError, KeyboardInterrupt(), trio.Cancelled, BaseExceptionGroup("stop", [SystemExit()])]


@pytest.mark.parametrize("error", NO_EXCEPTIONS, ids=repr)
async def test_failing_with_what_is_no_exception_is_refused_and_the_reply_still_owed(desk: Desk, error: object) -> None:
    outcomes = Outcomes()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "ask", desk.ask)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ta.UsageError, match=r"desk: owed>: fail\(\) takes an exception, such as ValueError.*, not "):
            await desk.fail_with(error)
        assert await desk.owed() == [True]
        await desk.answer(5)

    assert outcomes == {"ask": 5}


async def test_a_reply_says_whether_its_caller_still_waits(desk: Desk) -> None:
    told: list[bool] = []

    async def answer(value: int) -> None:
        told.append(await desk.answered(value))

    assert await ended_by(desk, answer, 5) == 5
    with pytest.raises(ta.CallTimeout):
        await desk.ask()
    await answer(6)
    with trio.move_on_after(1):
        await desk.ask()
    await answer(7)
    await desk.ask.cast()
    await answer(8)

    assert told == [True, False, False, False]


async def test_what_is_owed_to_a_caller_that_has_left_is_owed_no_more(desk: Desk) -> None:
    seen: list[object] = []

    async def look() -> None:
        seen.append(await desk.owed())
        await desk.answer(1)

    await ended_by(desk, look)
    with pytest.raises(ta.CallTimeout):
        await desk.ask()
    with trio.move_on_after(1):
        await desk.ask()
    await desk.ask.cast()
    seen += [await desk.owed(), *await desk.shown()]

    assert seen == [[True], [False] * 3, *["<deferred reply of desk: no caller waits>"] * 3]


class Queue(ta.Actor[None], mailbox=1):
    """A long poll: each item goes to the caller that has waited longest."""

    def __init__(self) -> None:
        self.waiting: dict[int, ta.Deferred[str]] = {}
        self.items: list[str] = []
        self.left: list[int] = []
        self.tickets = 0

    @ta.handler
    async def take(self, delay: float = 0.0) -> str:
        self.tickets += 1
        token: ta.Deferred[str] = self.context.defer(left=partial(self.withdraw, self.tickets))
        self.waiting[self.tickets] = token
        await trio.sleep(delay)
        return token.pending

    @ta.handler
    def put(self, item: str) -> None:
        while self.waiting:
            if self.waiting.pop(min(self.waiting)).reply(item):
                return
        self.items.append(item)

    @ta.handler
    def withdraw(self, ticket: int) -> None:
        self.left.append(ticket)
        self.waiting.pop(ticket, None)

    @ta.handler
    async def seen(self) -> tuple[list[int], list[int]]:
        return sorted(self.waiting), self.left

    @ta.handler(raises=(ta.SpecError,))
    def take_wrongly(self) -> str:
        return cast("str", self.context.defer(left=lambda: None).pending)  # type: ignore[arg-type,return-value]


@pytest.fixture
async def queue(system: ta.System) -> Queue:
    return await system.start(Queue, name="queue")


async def test_an_actor_is_told_of_callers_that_leave(queue: Queue) -> None:
    with trio.move_on_after(1):
        await queue.take()
    with pytest.raises(ta.CallTimeout):
        await queue.take.within(1)()
    await queue.take.cast()

    assert await queue.seen() == ([3], [1, 2])


async def test_it_is_told_once_the_handler_is_done_if_the_caller_left_before(queue: Queue) -> None:
    with pytest.raises(ta.CallTimeout):
        await queue.take.within(1)(2)
    await trio.sleep(2)

    assert await queue.seen() == ([], [1])


async def test_it_is_not_told_of_callers_that_get_their_reply(queue: Queue) -> None:
    outcomes = Outcomes()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outcomes.call, "take", queue.take)
        await trio.testing.wait_all_tasks_blocked()
        await queue.put("work")
    await trio.sleep(10)

    assert outcomes == {"take": "work"}
    assert await queue.seen() == ([], [])


async def test_it_is_told_even_if_its_mailbox_is_full(queue: Queue) -> None:
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1):
            await queue.take()
        nursery.start_soon(queue.take.within(9), 3)
        await trio.testing.wait_all_tasks_blocked()
        await queue.withdraw.cast(7)
        with trio.move_on_after(1):
            await queue.seen()
        await trio.sleep(5)
        await queue.put("work")

    assert await queue.seen() == ([], [1, 7])


async def test_a_stopped_actor_is_told_nothing(queue: Queue) -> None:
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1) as scope:
            nursery.start_soon(ta.stop, queue)
            with pytest.raises(ta.ActorStopped):
                await queue.take()

    assert not scope.cancelled_caught
    assert ta.info(queue).ledger.balanced


async def test_only_an_own_handler_can_be_told(queue: Queue) -> None:
    with pytest.raises(ta.SpecError, match="queue: defer: left sends to one of the actor's own handlers"):
        await queue.take_wrongly()


async def test_the_message_that_a_caller_left_is_observed(queue: Queue, recorder: ta.Recorder) -> None:
    with trio.move_on_after(1):
        await queue.take()
    await queue.seen()

    assert [(record.handler, record.sender) for record in recorder.of(ta.MessageAccepted)][1] == ("withdraw", "queue")
