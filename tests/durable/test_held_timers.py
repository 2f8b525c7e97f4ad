"""Timers of durable actors: they are set, replaced and cancelled with the commit of their message, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Refused
from trioactors.testing import HeldWorker, crash, restarted

FULL = ta.StoreFull("no room")


def after(delay: float, line: str, key: str | None = None) -> Callable[[Any], Any]:
    """A handler body that changes the state, and sets a timer that writes *line*."""

    def act(self: Any) -> None:
        self.state.lines.append(f"set {line}")
        self.context.after(delay, partial(self.write, line), key=key)

    return act


def every(period: float, line: str, key: str) -> Callable[[Any], Any]:
    def act(self: Any) -> None:
        self.state.lines.append(f"set {line}")
        self.context.every(period, partial(self.write, line), key=key)

    return act


def cancel(key: str) -> Callable[[Any], bool]:
    """A handler body that changes the state, and cancels a timer."""

    def act(self: Any) -> bool:
        self.state.lines.append(f"cancel {key}")
        cancelled: bool = self.context.cancel(key)
        return cancelled

    return act


async def test_a_timer_rings_when_it_is_due_counted_from_when_it_was_set(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("set", keeper.do, after(3, "rung"))
    await trio.sleep(2)
    disk.release()
    await wait_all_tasks_blocked()
    assert callers.news() == {"set": None}

    await trio.sleep(0.9)
    assert await keeper.read() == ["set rung"]
    await trio.sleep(0.2)
    assert await keeper.read() == ["set rung", "rung"]


async def test_a_timer_that_is_due_before_its_commit_rings_right_after_it(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("set", keeper.do, after(1, "rung"))
    await trio.sleep(2)
    assert ta.info(keeper).ledger.accepted == 1

    disk.release()
    await trio.sleep(0.1)

    assert await keeper.read() == ["set rung", "rung"]


async def test_a_period_keeps_its_grid_whatever_its_commit_takes(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("set", keeper.do, every(1, "tick", "key"))
    await trio.sleep(2.5)
    disk.release()
    await trio.sleep(0.4)
    assert await keeper.read() == ["set tick", "tick"]  # one, for the two that were missed

    await trio.sleep(0.2)
    assert await keeper.read() == ["set tick", "tick", "tick"]


async def test_a_timer_that_was_never_set_cannot_be_cancelled(keeper: Any, fail: Callable[..., None]) -> None:
    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await keeper.do(after(1, "never", "key"))

    assert await keeper.do(cancel("key")) is False


async def test_a_timer_whose_cancelling_is_undone_rings_when_it_was_due(keeper: Any, fail: Callable[..., None]) -> None:
    await keeper.do(after(3, "rung", "key"))
    await trio.sleep(1)
    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await keeper.do(cancel("key"))

    await trio.sleep(1.9)
    assert await keeper.read() == ["set rung"]
    await trio.sleep(0.2)
    assert await keeper.read() == ["set rung", "rung"]
    await trio.sleep(10)
    assert await keeper.read() == ["set rung", "rung"]


async def test_one_that_was_due_meanwhile_rings_at_once(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    await keeper.do(after(1, "rung", "key"))
    fail(FULL)
    disk.hold()
    await callers.now("cancel", keeper.do, cancel("key"))
    await trio.sleep(2)
    disk.release()
    await trio.sleep(0.1)

    assert callers.news() == {"cancel": ta.StoreFull}
    assert await keeper.read() == ["set rung", "rung"]


async def test_a_tick_that_was_taken_back_with_its_timer_is_sent_again(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    until = trio.Event()

    async def cancel_late(self: Any) -> None:
        await until.wait()
        cancel("key")(self)

    await keeper.do(after(1, "rung", "key"))
    callers.call("cancel", keeper.do, cancel_late)
    await trio.sleep(2)
    assert ta.info(keeper).waiting == ("write",)  # the tick
    fail(FULL)
    until.set()
    await trio.sleep(0.1)

    assert callers.news() == {"cancel": ta.StoreFull}
    assert await keeper.read() == ["set rung", "rung"]
    assert ta.info(keeper).ledger.expired == 1


async def test_a_timer_that_was_replaced_in_vain_rings_and_the_new_one_does_not(keeper: Any, fail: Callable[..., None]) -> None:
    await keeper.do(after(2, "old", "key"))
    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await keeper.do(after(1, "new", "key"))

    await trio.sleep(10)

    assert await keeper.read() == ["set old", "old"]
    assert ta.info(keeper).timers == 0


async def test_a_period_that_was_cancelled_in_vain_keeps_its_grid(keeper: Any, fail: Callable[..., None]) -> None:
    await keeper.do(every(1, "tick", "key"))
    await trio.sleep(1.5)
    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await keeper.do(cancel("key"))

    await trio.sleep(2)

    assert await keeper.read() == ["set tick", *["tick"] * 3]


@pytest.mark.parametrize(
    "acts", [[cancel], [cancel, partial(after, 2, "again")], [partial(after, 2, "again")]], ids=["cancel", "cancel and set", "set"]
)
async def test_what_one_undone_message_did_to_its_own_timer_leaves_none(
    keeper: Any, fail: Callable[..., None], acts: list[Callable[[str], Callable[[Any], Any]]]
) -> None:
    def act(self: Any) -> None:
        after(1, "never", "key")(self)
        for each in acts:
            each("key")(self)

    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await keeper.do(act)
    await trio.sleep(10)

    assert await keeper.read() == []
    assert ta.info(keeper).timers == 0


@pytest.mark.parametrize("second", [cancel("key"), after(2, "second", "key")], ids=["cancelled", "replaced"])
@pytest.mark.parametrize("after_failing", [[], ["first"]], ids=["both undone", "the second undone"])
async def test_a_timer_of_one_message_that_the_next_one_touched_is_as_their_commits_say(  # noqa: PLR0917 - fixtures and a table
    keeper: Any,
    callers: Any,
    disk: HeldWorker,
    fail: Callable[..., None],
    second: Callable[[Any], Any],
    after_failing: list[str],
) -> None:
    fail(FULL, after=len(after_failing))
    disk.hold()
    await callers.now("first", keeper.do, after(1, "first", "key"))
    await callers.now("second", keeper.do, second)
    disk.release()
    await trio.sleep(10)

    expected = {"first": None if after_failing else ta.StoreFull, "second": ta.StoreFull}
    assert callers.news() == expected
    assert await keeper.read() == (["set first", "first"] if after_failing else [])
    assert ta.info(keeper).timers == 0


async def test_a_timer_that_the_next_message_cancelled_does_not_ring_when_both_are_committed(
    keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await callers.now("first", keeper.do, after(1, "never", "key"))
    await callers.now("second", keeper.do, cancel("key"))
    disk.release()
    await trio.sleep(10)

    assert callers.news() == {"first": None, "second": True}
    assert await keeper.read() == ["set never", "cancel key"]


async def test_a_handler_that_touched_a_lost_timer_does_not_bring_it_back(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    until = trio.Event()

    async def touch(self: Any) -> None:
        cancel("key")(self)
        after(1, "never either", "other")(self)
        await until.wait()
        after(1, "nor this", "key")(self)
        self.context.cancel("other")

    fail(FULL)
    disk.hold()
    await callers.now("set", keeper.do, after(1, "never", "key"))
    await callers.now("touch", keeper.do, touch)
    disk.release()
    await trio.sleep(2)
    until.set()
    await trio.sleep(10)

    assert callers.news() == {"set": ta.StoreFull, "touch": ta.StoreFull}
    assert await keeper.read() == []
    assert ta.info(keeper).timers == 0


async def test_a_declared_error_undoes_what_its_handler_did_to_timers(keeper: Any) -> None:
    def act(self: Any) -> None:
        cancel("old")(self)
        after(1, "never", "new")(self)
        raise Refused

    await keeper.do(after(1, "rung", "old"))
    with pytest.raises(Refused):
        await keeper.do(act)
    await trio.sleep(10)

    assert await keeper.read() == ["set rung", "rung"]


async def test_a_timer_that_was_set_by_an_uncommitted_message_and_cancelled_by_a_refused_one_waits_for_its_commit(
    keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    def act(self: Any) -> None:
        cancel("key")(self)
        raise Refused

    disk.hold()
    await callers.now("set", keeper.do, after(1, "rung", "key"))
    await callers.now("refuse", keeper.do, act)
    await trio.sleep(3)
    assert ta.info(keeper).ledger.accepted == 2  # it has not rung

    disk.release()
    await trio.sleep(0.1)
    assert await keeper.read() == ["set rung", "rung"]
    await trio.sleep(10)
    assert await keeper.read() == ["set rung", "rung"]


async def test_timers_of_a_life_that_ended_never_ring(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("set", keeper.do, after(1, "never", "key"))
    crash(keeper)
    await wait_all_tasks_blocked()
    disk.release()
    await restarted(keeper, after=1)
    await trio.sleep(10)

    assert callers.news() == {"set": None}
    assert await keeper.read() == ["set never"]


async def test_a_timer_that_was_cancelled_in_vain_by_a_life_that_ended_stays_silent(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    await keeper.do(after(5, "never", "key"))
    fail(FULL)
    disk.hold()
    await callers.now("cancel", keeper.do, cancel("key"))
    crash(keeper)
    await wait_all_tasks_blocked()
    disk.release()
    await restarted(keeper, after=1)
    await trio.sleep(10)

    assert callers.news() == {"cancel": ta.StoreFull}
    assert await keeper.read() == ["set never"]
