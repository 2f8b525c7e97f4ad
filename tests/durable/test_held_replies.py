"""Deferred replies of durable actors: they leave with the commit of the message that gave them, or its error does."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Refused
from trioactors.testing import HeldWorker, crash, restarted

FULL = ta.StoreFull("no room")


def giving(name: str, answer: str) -> Callable[[Any], None]:
    """A handler body that changes the state, and gives a deferred reply."""

    def act(self: Any) -> None:
        self.state.lines.append(f"gave {answer}")
        self.aside[name].reply(answer)

    return act


async def test_a_reply_is_given_with_the_commit_of_the_message_that_gave_it(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    await callers.now("asked", keeper.defer, "q")
    disk.hold()
    await callers.now("give", keeper.do, giving("q", "yes"))
    assert callers.news() == {}
    assert ta.info(keeper).deferred_replies == 0  # it is given, and on its way

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": "yes", "give": None}


async def test_a_deferred_error_is_given_in_the_same_way(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    await callers.now("asked", keeper.defer, "q")
    disk.hold()
    await callers.now("give", keeper.do, lambda self: (self.state.lines.append("no"), self.aside["q"].fail(LookupError("no"))))
    assert callers.news() == {}
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.told["asked"].args == ("no",)


async def test_a_task_gives_it_at_once_where_everything_is_committed_and_else_with_the_newest_commit(
    keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    now, later = trio.Event(), trio.Event()

    async def beside(self: Any) -> None:
        await now.wait()
        self.aside["a"].reply("at once")
        await later.wait()
        self.aside["b"].reply("later")

    await callers.now("a", keeper.defer, "a")
    await callers.now("b", keeper.defer, "b")
    await keeper.do(lambda self: self.context.start_soon(beside, self))
    now.set()
    await wait_all_tasks_blocked()
    assert callers.news() == {"a": "at once"}

    disk.hold()
    await callers.now("write", keeper.write, "a")
    later.set()
    await wait_all_tasks_blocked()
    assert callers.news() == {}
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"b": "later", "write": 1}


async def test_one_that_was_given_on_a_lost_state_becomes_the_error_of_the_commit(
    keeper: Any, callers: Any, fail: Callable[..., None]
) -> None:
    await callers.now("other", keeper.defer, "other")
    await callers.now("asked", keeper.defer, "q")
    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await keeper.do(giving("q", "never"))
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": ta.StoreFull}
    assert ta.info(keeper).deferred_replies == 1
    assert await keeper.do(lambda self: self.aside["q"].owed) is False
    assert await keeper.do(lambda self: self.aside["q"].reply("too late")) is False
    await keeper.do(giving("other", "as well"))


async def test_one_that_was_given_while_the_commit_before_failed_becomes_an_error_too(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    go_on = trio.Event()

    async def give(self: Any) -> None:
        self.aside["q"].reply("never")
        await go_on.wait()

    await callers.now("asked", keeper.defer, "q")
    fail(FULL)
    disk.hold()
    await callers.now("write", keeper.write, "a")
    await callers.now("give", keeper.do, give)
    disk.release()
    await wait_all_tasks_blocked()
    assert callers.news() == {"asked": ta.StoreFull, "write": ta.StoreFull}
    go_on.set()
    await wait_all_tasks_blocked()

    assert callers.news() == {"give": ta.StoreFull}


async def test_one_that_a_refusing_handler_gave_is_owed_again(keeper: Any, callers: Any) -> None:
    def act(self: Any) -> None:
        self.aside["q"].reply("never")
        raise Refused

    await callers.now("asked", keeper.defer, "q")
    with pytest.raises(Refused):
        await keeper.do(act)
    assert ta.info(keeper).deferred_replies == 1
    await keeper.do(giving("q", "after all"))
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": "after all"}


async def test_one_that_is_on_its_way_cannot_be_given_twice(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    await callers.now("asked", keeper.defer, "q")
    disk.hold()
    await callers.now("give", keeper.do, giving("q", "yes"))
    await callers.now("again", keeper.do, giving("q", "no"))

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": "yes", "give": None, "again": ta.ActorCrashed}


async def test_one_whose_token_was_dropped_with_the_undone_reply_is_lost_and_said_to_be(keeper: Any, callers: Any) -> None:
    def act(self: Any) -> None:
        self.aside.pop("q").reply("never")
        raise Refused

    await callers.now("asked", keeper.defer, "q")
    with pytest.raises(Refused):
        await keeper.do(act)
    gc.collect()
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": ta.NoReply}


async def test_the_caller_of_an_undone_message_is_not_owed_a_reply(keeper: Any, callers: Any, fail: Callable[..., None]) -> None:
    def act(self: Any) -> Any:
        self.state.lines.append("never")
        token = self.aside["q"] = self.context.defer()
        return token.pending

    fail(FULL)
    await callers.now("asked", keeper.do, act)

    assert callers.news() == {"asked": ta.StoreFull}
    assert ta.info(keeper).deferred_replies == 0
    await keeper.do(giving("q", "to nobody"))  # it is no mistake to give it: the message was taken back, the token was not
    assert callers.news() == {}


async def test_the_caller_of_a_message_that_stood_on_a_lost_state_is_not_owed_a_reply(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    until = trio.Event()

    async def act(self: Any) -> Any:
        await until.wait()
        token = self.aside["q"] = self.context.defer()
        return token.pending

    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("asked", keeper.do, act)
    disk.release()
    until.set()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": ta.StoreFull, "asked": ta.StoreFull}
    assert ta.info(keeper).deferred_replies == 0


def defer_and_give(then: Callable[[], None]) -> Callable[[Any], Any]:
    """A handler body that defers, replies at once, and goes on."""

    def act(self: Any) -> Any:
        self.state.lines.append("changed")
        token = self.aside["q"] = self.context.defer()
        token.reply("at once")
        then()
        return token.pending

    return act


def fail_with(error: type[Exception]) -> Callable[[], None]:
    def then() -> None:
        raise error

    return then


async def test_a_reply_that_is_given_by_the_handler_that_deferred_it_waits_for_the_commit_too(
    keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await callers.now("asked", keeper.do, defer_and_give(lambda: None))
    assert callers.news() == {}
    assert ta.info(keeper).deferred_replies == 0

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": "at once"}
    assert ta.info(keeper).deferred_replies == 0


async def test_it_is_taken_back_when_that_handler_refuses_or_crashes_or_its_commit_fails(
    keeper: Any, callers: Any, fail: Callable[..., None]
) -> None:
    await callers.now("refused", keeper.do, defer_and_give(fail_with(Refused)))
    assert ta.info(keeper).deferred_replies == 0
    await callers.now("crashed", keeper.do, defer_and_give(fail_with(LookupError)))
    fail(FULL)
    await callers.now("failed", keeper.do, defer_and_give(lambda: None))

    assert callers.news() == {"refused": Refused, "crashed": ta.ActorCrashed, "failed": ta.StoreFull}
    assert ta.info(keeper).deferred_replies == 0
    assert await keeper.read() == []


async def test_one_whose_commit_outlives_its_actor_is_given(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    await callers.now("asked", keeper.defer, "q")
    disk.hold()
    await callers.now("give", keeper.do, giving("q", "yes"))
    crash(keeper)
    await wait_all_tasks_blocked()
    assert callers.news() == {}

    disk.release()
    await restarted(keeper, after=1)
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": "yes", "give": None}


async def test_one_whose_commit_fails_after_its_actor_ended_is_never_given(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    await callers.now("asked", keeper.defer, "q")
    fail(FULL)
    disk.hold()
    await callers.now("give", keeper.do, giving("q", "never"))
    crash(keeper)
    await wait_all_tasks_blocked()
    disk.release()
    await restarted(keeper, after=1)
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": ta.StoreFull, "give": ta.StoreFull}


async def test_one_that_a_crashing_handler_gave_is_answered_by_the_crash(keeper: Any, callers: Any) -> None:
    def act(self: Any) -> None:
        self.aside["q"].reply("never")
        raise LookupError

    await callers.now("asked", keeper.defer, "q")
    await callers.now("crash", keeper.do, act)

    assert callers.news() == {"asked": ta.ActorCrashed, "crash": ta.ActorCrashed}


async def test_one_that_is_owed_is_answered_by_the_stop(keeper: Any, callers: Any) -> None:
    await callers.now("asked", keeper.defer, "q")

    await ta.stop(keeper)
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": ta.ActorStopped}


async def test_the_error_of_a_reply_does_not_say_that_the_message_itself_was_not_done(
    keeper: Any, callers: Any, fail: Callable[..., None]
) -> None:
    await callers.now("asked", keeper.defer, "q")
    fail(FULL)
    await callers.now("give", keeper.do, giving("q", "yes"))
    await wait_all_tasks_blocked()

    outcomes = {name: callers.told[name].outcome for name in ("asked", "give")}
    assert outcomes == {"asked": ta.Outcome.INDETERMINATE, "give": ta.Outcome.FAILED}
    assert ta.StoreFull.outcome is ta.Outcome.FAILED
