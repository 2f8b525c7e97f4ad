"""Replies that are given later: `self.context.defer()`."""

from __future__ import annotations

import gc
from typing import Any

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
