"""A paused actor takes no message, whatever happens to it, and goes on where it was."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, cast

import pytest
import trio
import trio.testing
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

import trioactors as ta
from trioactors.actors.ref import child_of
from trioactors.testing import crash, isolated_system, restarted, run, until


@define
class Lines:
    lines: list[str] = field(factory=list[str])


class Scribe(ta.Actor[Lines], persist=ta.EVERY_MESSAGE, mailbox=4, overflow="fail"):
    @ta.handler
    async def write(self, line: str, seconds: float = 0.0) -> None:
        await trio.sleep(seconds)
        self.state.lines.append(line)

    @ta.handler(reads=True)
    async def read(self) -> list[str]:
        return list(self.state.lines)

    @ta.handler
    async def write_once_more(self, line: str, after: float) -> None:
        self.context.after(after, self.write_now)
        self.state.lines.append(line)

    @ta.handler
    async def write_now(self) -> None:
        self.state.lines.append("tick")

    @ta.handler
    async def pause_itself(self, line: str) -> None:
        await ta.pause(self.context.ref)
        self.state.lines.append(line)

    @ta.handler
    async def pause_other(self, name: str) -> None:
        await ta.pause(self.context.system.get(Scribe, name))

    @ta.handler
    async def have_paused(self, by: str, name: str) -> None:
        await self.context.system.get(Scribe, by).pause_other(name)


TREE = ta.Supervisor(ta.child(Scribe, name="scribe"), name="t")


@pytest.fixture
def system_tree() -> ta.Supervisor:
    return TREE


@pytest.fixture
def scribe(system: ta.System) -> Scribe:
    return system.get(Scribe, "scribe")


def lines_of(scribe: Scribe) -> list[str]:
    """What it has written, without a message."""
    incarnation: Any = child_of(scribe).current
    return list(vars(incarnation.actor)["state"].lines)


async def test_messages_wait_until_the_actor_is_resumed(scribe: Scribe, nursery: trio.Nursery) -> None:
    await ta.pause(scribe)
    await scribe.write.cast("a")
    nursery.start_soon(scribe.write, "b")
    await trio.sleep(3)

    info = ta.info(scribe)
    assert (info.paused, info.waiting, lines_of(scribe)) == (True, ("write", "write"), [])

    await ta.resume(scribe)
    assert await scribe.read() == ["a", "b"]
    assert not ta.info(scribe).paused


async def test_pause_waits_for_the_message_in_progress(scribe: Scribe) -> None:
    await scribe.write.cast("a", 2.0)
    await scribe.write.cast("b")
    await trio.testing.wait_all_tasks_blocked()

    await ta.pause(scribe)

    assert (trio.current_time(), lines_of(scribe)) == (2.0, ["a"])


async def test_a_message_in_progress_that_takes_too_long_is_named_and_nothing_stays_paused(scribe: Scribe) -> None:
    await scribe.write.cast("a", 9.0)
    await scribe.write.cast("b")
    await trio.testing.wait_all_tasks_blocked()

    with pytest.raises(ta.CallTimeout, match="scribe could not be paused: it was not done with 'write' after 3 s"):
        await ta.pause(scribe, timeout=3.0)
    await trio.sleep(60)

    assert lines_of(scribe) == ["a", "b"]


async def test_a_pause_that_is_cancelled_before_the_actor_is_at_rest_is_undone(scribe: Scribe) -> None:
    await scribe.write.cast("a", 9.0)
    await scribe.write.cast("b")
    with trio.move_on_after(1):
        await ta.pause(scribe)
    assert not ta.info(scribe).paused

    assert await scribe.read.within(30)() == ["a", "b"]


@pytest.mark.parametrize("who_fails", ["the first", "the second", "both", "one that comes later"])
async def test_a_pause_that_fails_does_not_end_that_of_another(scribe: Scribe, who_fails: str, nursery: trio.Nursery) -> None:
    limits = {"the first": (3.0, 60.0), "the second": (60.0, 3.0), "both": (3.0, 3.0), "one that comes later": (60.0,)}[who_fails]

    async def pause(limit: float) -> None:
        with suppress(ta.CallTimeout):
            await ta.pause(scribe, timeout=limit)

    await scribe.write.cast("a", 9.0)
    await trio.testing.wait_all_tasks_blocked()
    for limit in limits:
        nursery.start_soon(pause, limit)
    await trio.sleep(10)
    if who_fails == "one that comes later":
        with trio.CancelScope() as scope:
            scope.cancel()
            await ta.pause(scribe)

    assert ta.info(scribe).paused == (who_fails != "both")


async def test_pause_says_that_somebody_resumed_the_actor_meanwhile(scribe: Scribe, nursery: trio.Nursery) -> None:
    await scribe.write.cast("a", 4.0)
    await trio.testing.wait_all_tasks_blocked()

    async def resume() -> None:
        await trio.sleep(1)
        await ta.resume(scribe)

    nursery.start_soon(resume)
    with pytest.raises(ta.UsageError, match="scribe is not paused: somebody resumed it"):
        await ta.pause(scribe)

    assert trio.current_time() == 1


async def test_pause_says_that_the_actor_stopped_meanwhile(scribe: Scribe, nursery: trio.Nursery) -> None:
    await scribe.write.cast("a", 4.0)
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(ta.stop, scribe)

    with pytest.raises(ta.ActorStopped):
        await ta.pause(scribe)


class Slow(ta.Actor[list[str]]):
    def __init__(self) -> None:
        self.state = []

    async def on_start(self) -> None:
        await self.note("start")

    async def on_continue(self) -> None:
        await self.note("continue")

    async def on_stop(self, _reason: ta.Exit) -> None:
        await self.note("stop")

    async def note(self, hook: str) -> None:
        await trio.sleep(2)
        self.state.append(f"{hook} until {trio.current_time():g}")

    @ta.handler
    async def fail(self) -> None:
        raise OSError


@pytest.mark.parametrize("restarts", [False, True])
async def test_pause_waits_for_hooks(system: ta.System, nursery: trio.Nursery, *, restarts: bool) -> None:
    slow = await system.start(Slow, name="slow")
    if restarts:
        await trio.sleep(2)
        slow.fail.cast_nowait()
        await trio.sleep(3)  # it has stopped, and starts again
    await ta.pause(slow, timeout=30.0)

    paused_at = trio.current_time()
    state = list(vars(cast("Any", child_of(slow).current).actor)["state"])
    assert state[-1] == f"continue until {paused_at:g}"


async def test_a_start_that_takes_too_long_is_named(system: ta.System, nursery: trio.Nursery) -> None:
    nursery.start_soon(partial(system.start, Slow, name="slow"))
    await trio.sleep(1)

    with pytest.raises(ta.CallTimeout, match=r"slow could not be paused: it was starting after 0.5 s"):
        await ta.pause(system.get(Slow, "slow"), timeout=0.5)


async def test_calls_of_a_paused_actor_keep_their_deadlines(scribe: Scribe) -> None:
    await ta.pause(scribe)

    with pytest.raises(ta.CallTimeout, match=r"scribe is paused \(see ta.resume\)") as caught:
        await scribe.write.within(2.0)("a")
    await ta.resume(scribe)

    assert not caught.value.begun
    assert await scribe.read() == []


async def test_a_paused_mailbox_is_bounded(scribe: Scribe) -> None:
    await ta.pause(scribe)
    for number in range(4):
        scribe.write.cast_nowait(str(number))

    with pytest.raises(ta.MailboxFull):
        scribe.write.cast_nowait("one too many")

    await ta.resume(scribe)
    await trio.testing.wait_all_tasks_blocked()
    assert lines_of(scribe) == ["0", "1", "2", "3"]


async def test_timers_fire_and_their_ticks_wait(scribe: Scribe) -> None:
    await scribe.write_once_more("a", 1.0)
    await ta.pause(scribe)
    await trio.sleep(5)
    assert lines_of(scribe) == ["a"]

    await ta.resume(scribe)
    assert await scribe.read() == ["a", "tick"]


@pytest.mark.parametrize("how", ["crash", "restart"])
async def test_a_pause_outlasts_a_restart(scribe: Scribe, how: str) -> None:
    await scribe.write("a")
    await ta.pause(scribe)
    await scribe.write.cast("b")
    if how == "crash":
        crash(scribe)
        await restarted(scribe)
    else:
        await ta.restart(scribe)
    await trio.sleep(1)

    assert (ta.info(scribe).incarnation, lines_of(scribe)) == (2, ["a"])
    await ta.resume(scribe)
    assert await scribe.read() == ["a", "b"]


async def test_a_paused_actor_is_stopped_in_order(scribe: Scribe, system: ta.System) -> None:
    await ta.pause(scribe)
    await scribe.write.cast("a")

    await ta.stop(scribe)

    assert trio.current_time() == 0
    assert [letter.cause for letter in system.dead_letters()] == ["it was stopped for good"]


async def test_a_system_with_a_paused_actor_closes(scribe: Scribe) -> None:
    await scribe.write.cast("a")
    await ta.pause(scribe)


async def test_an_actor_that_is_gone_can_be_neither_paused_nor_resumed(scribe: Scribe) -> None:
    await ta.stop(scribe)

    for change in (ta.pause, ta.resume):
        with pytest.raises(ta.ActorStopped):
            await change(scribe)


async def test_an_actor_that_is_started_again_after_a_stop_is_not_paused(scribe: Scribe) -> None:
    await ta.pause(scribe)
    await ta.stop(scribe)
    await ta.restart(scribe)

    await scribe.write("a")


async def test_an_actor_pauses_itself_after_the_message(scribe: Scribe) -> None:
    await scribe.pause_itself("a")
    await scribe.write.cast("b")
    await trio.sleep(1)

    assert (ta.info(scribe).paused, lines_of(scribe)) == (True, ["a"])


async def test_pausing_one_that_waits_for_this_message_is_a_cycle(scribe: Scribe, system: ta.System) -> None:
    await system.start(Scribe, name="other")

    with pytest.raises(ta.ActorCrashed) as caught:
        await scribe.have_paused("other", "scribe")

    error: BaseException | None = caught.value
    while error is not None and not isinstance(error, ta.CallCycle):
        error = error.__cause__
    assert isinstance(error, ta.CallCycle)


async def test_pausing_and_resuming_twice_does_no_harm(scribe: Scribe) -> None:
    for change in (ta.pause, ta.pause, ta.resume, ta.resume):
        await change(scribe)

    await scribe.write("a")


async def test_an_actor_that_crashes_in_the_message_in_progress_ends_the_wait(scribe: Scribe) -> None:
    await scribe.write.cast("a", 50.0)
    await trio.testing.wait_all_tasks_blocked()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ta.pause, scribe)
        await trio.testing.wait_all_tasks_blocked()
        crash(scribe)

    assert trio.current_time() < 1


async def test_a_test_that_waits_for_a_state_sees_a_paused_actor(scribe: Scribe, nursery: trio.Nursery) -> None:
    nursery.start_soon(until, scribe, lambda state: state.lines == ["a"])
    await scribe.write("a")
    await ta.pause(scribe)

    await until(scribe, lambda state: state.lines == ["a"])


ACTS = st.lists(st.sampled_from(["pause", "resume", "cast", "crash", "restart", "pass"]), max_size=12)


@given(ACTS)
def test_every_message_is_handled_once_and_in_order_and_none_during_a_pause(acts: list[str]) -> None:
    """The model: a list that grows by all waiting messages whenever the actor is not paused."""

    async def main() -> None:
        async with isolated_system(TREE) as system:
            scribe = system.get(Scribe, "scribe")
            paused, waiting, written = False, list[str](), list[str]()
            for number, act in enumerate(acts):
                if act == "pause":
                    await ta.pause(scribe)
                    paused = True
                elif act == "resume":
                    await ta.resume(scribe)
                    paused = False
                elif act == "cast" and len(waiting) < 4:
                    scribe.write.cast_nowait(str(number))
                    waiting.append(str(number))
                elif act == "crash":
                    crash(scribe)
                    await restarted(scribe)
                    await trio.sleep(10)
                elif act == "restart":
                    await ta.restart(scribe)
                if act == "pass" or not paused:
                    await trio.sleep(1)
                if not paused:
                    written += waiting
                    waiting.clear()
                assert lines_of(scribe) == written
            ledger = ta.info(scribe).ledger
            assert (ledger.waiting, ledger.handled) == (len(waiting), len(written))

    run(main)
