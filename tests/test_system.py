"""A system opens, works and closes, and leaves nothing behind, whatever ends it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.trees import top
from trioactors.system.system import runtime_of
from trioactors.testing import crash, isolated_system


class Echo(ta.Actor[None]):
    @ta.handler
    async def say(self, text: str, seconds: float = 0) -> str:
        await trio.sleep(seconds)
        return text

    @ta.handler
    async def relay(self, name: str, seconds: float) -> None:
        await self.context.system.get(Echo, name).say.cast("hi", seconds)

    @ta.handler
    def remind(self, seconds: float) -> None:
        self.context.after(seconds, self.tick)

    @ta.handler
    def tick(self) -> None: ...


def living() -> int:
    return trio.lowlevel.current_statistics().tasks_living


# --- open and close ---


async def test_a_system_without_a_tree_starts_what_it_is_asked_to(autojump_clock: MockClock) -> None:
    async with ta.open_system() as system:
        echo = await system.start(Echo, name="echo")

        assert await echo.say("hello") == "hello"
        assert system.names() == ("echo",)


async def test_nothing_is_left_behind(autojump_clock: MockClock, diary: Any) -> None:
    before = living()

    async with ta.open_system(top(diary.worker("a"), ta.child(trio.sleep_forever))) as system:
        await system.start(Echo)
        assert living() > before

    assert living() == before
    assert system.names() == ()
    assert runtime_of(system).deadlines.pending() == []


async def test_it_says_whether_it_is_open(autojump_clock: MockClock) -> None:
    async with ta.open_system() as system:
        assert "running" in repr(system)

    assert "closed" in repr(system)


@pytest.mark.parametrize("tree", [Echo, "tree", 5])
async def test_only_a_supervisor_can_be_the_tree(autojump_clock: MockClock, tree: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"takes a ta\.Supervisor"):
        async with ta.open_system("memory:", tree):
            pytest.fail("the body must not run")


@pytest.mark.parametrize("store", [Echo, 5, ["memory:"]])
async def test_only_a_store_or_its_url_can_come_first(autojump_clock: MockClock, store: Any) -> None:
    with pytest.raises(ta.SpecError, match="the URL or the path of a store, a store"):
        async with ta.open_system(store):
            pytest.fail("the body must not run")


async def test_the_store_comes_before_the_tree(autojump_clock: MockClock) -> None:
    tree: Any = ta.Supervisor(name="top")

    with pytest.raises(ta.SpecError, match="store first and the tree second"):
        async with ta.open_system(tree, tree):
            pytest.fail("the body must not run")


async def test_a_closed_system_refuses(autojump_clock: MockClock) -> None:
    async with ta.open_system() as system:
        echo = await system.start(Echo, name="echo")

    with pytest.raises(ta.SystemClosed):
        await echo.say("hello")
    with pytest.raises(ta.SystemClosed):
        await echo.say.cast("hello")
    with pytest.raises((ta.SystemClosed, ta.UnknownName)):
        await system.start(Echo)


async def test_an_error_of_the_body_leaves_as_itself(autojump_clock: MockClock) -> None:
    error = OSError("mine")

    with pytest.raises(OSError, match="mine") as caught:
        async with ta.open_system():
            raise error

    assert caught.value is error


async def test_a_return_out_of_the_block_is_fine(autojump_clock: MockClock) -> None:
    async def main() -> str:
        async with ta.open_system() as system:
            return await (await system.start(Echo)).say("hello")

    assert await main() == "hello"


async def test_a_cancelled_scope_around_it_starts_nothing(autojump_clock: MockClock, diary: Any) -> None:
    before = living()

    with trio.CancelScope() as scope:
        scope.cancel()
        async with ta.open_system(top(diary.worker("a", plan=["hang"]), diary.worker("b"))):
            await trio.lowlevel.checkpoint()
            pytest.fail("the body must not go on")

    assert scope.cancelled_caught
    assert "start b" not in diary
    assert living() == before


async def test_two_systems_do_not_see_each_other(autojump_clock: MockClock) -> None:
    async with isolated_system() as one, isolated_system() as two:
        first = await one.start(Echo, name="echo")
        second = await two.start(Echo, name="echo")
        await first.say("hello")

        assert first is not second
        assert (one.ledger().handled, two.ledger().handled) == (1, 0)
        await ta.stop(first)
        assert await second.say("still here") == "still here"
        assert one.names() == ()


async def test_the_collapse_of_one_system_leaves_the_other(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system() as healthy:
        echo = await healthy.start(Echo)

        with pytest.raises(ta.SupervisorGaveUp):
            async with isolated_system(top(diary.worker("a"), intensity=ta.Intensity(0))) as sick:
                await diary.doom(sick, "a")

        assert await echo.say("fine") == "fine"


async def test_a_resource_is_got_by_the_class_of_its_value(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def numbers() -> Any:
        yield 42

    async with isolated_system(top(ta.child(ta.resource(numbers), name="numbers"))) as system:
        assert system.get(int, "numbers") == 42
        with pytest.raises(ta.WrongClass):
            system.get(str, "numbers")


# --- quiesce ---


async def test_a_quiet_system_is_quiet_at_once(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await system.start(Echo)
        await system.quiesce()

        assert trio.current_time() == 0


async def test_quiesce_returns_the_moment_the_last_message_is_handled(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        a, _ = await system.start(Echo, name="a"), await system.start(Echo, name="b")
        await a.say.cast("first", 1)
        await a.relay.cast("b", 2)

        await system.quiesce()

        assert trio.current_time() == 3
        assert system.ledger().handled == 3


async def test_a_timer_that_is_not_due_keeps_nobody_waiting(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        echo = await system.start(Echo)
        await echo.remind(10)

        await system.quiesce()

        assert trio.current_time() == 0
        await trio.sleep(10)
        await system.quiesce()
        assert system.ledger().handled == 2


async def test_a_restart_is_waited_for(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a"))) as system:
        await diary.get(system, "a").fail.cast(OSError())

        await system.quiesce()

        assert diary.count("start a") == 2


async def test_quiesce_names_who_is_busy_when_time_is_up(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await (await system.start(Echo, name="busy")).say.cast("zzz", 100)

        with pytest.raises(ta.CallTimeout, match="still busy after 2 s: <actor busy: Echo, running"):
            await system.quiesce(timeout=2)

        assert trio.current_time() == 2


# --- how it ends ---


async def test_giving_up_cancels_the_body_and_leaves_as_one_plain_error(autojump_clock: MockClock, diary: Any) -> None:
    with pytest.raises(ta.SupervisorGaveUp, match="supervisor top gave up") as caught:
        async with ta.open_system(top(diary.worker("a"), intensity=ta.Intensity(0))) as system:
            await diary.doom(system, "a", OSError("the disk"))

    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.group is not None
    assert len(caught.value.history) == 1


async def test_what_the_body_raised_meanwhile_is_noted(autojump_clock: MockClock, diary: Any) -> None:
    async def interrupted(system: ta.System) -> None:
        crash(diary.get(system, "a"))
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("mine")

    with pytest.raises(ta.SupervisorGaveUp) as caught:
        async with ta.open_system(top(diary.worker("a"), intensity=ta.Intensity(0))) as system:
            await interrupted(system)

    assert any("mine" in note for note in caught.value.__notes__)


async def test_an_actor_started_by_hand_that_fails_too_often_stays_down_and_the_system_goes_on(autojump_clock: MockClock) -> None:
    async with ta.open_system() as system:
        echo, other = await system.start(Echo, name="echo"), await system.start(Echo, name="other")
        for _ in range(4):
            async with ta.watch(echo) as watch:
                crash(echo)
                await watch.next()
            await system.quiesce()

        assert ta.info(echo).status is ta.ChildStatus.FAILED
        assert await other.say("hello") == "hello"


async def test_an_end_that_cannot_be_printed_is_still_told(autojump_clock: MockClock, diary: Any) -> None:
    class Mute(Exception):
        def __repr__(self) -> str:
            raise ValueError("no words")

    async def interrupted(system: ta.System) -> None:
        crash(diary.get(system, "a"), OSError())
        try:
            await trio.sleep_forever()
        finally:
            raise Mute

    with pytest.raises(ta.SupervisorGaveUp):
        async with ta.open_system(top(diary.worker("a"), intensity=ta.Intensity(0))) as system:
            await interrupted(system)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit(3)])
async def test_an_interrupt_inside_a_child_stops_everything_in_order(autojump_clock: MockClock, diary: Any, interrupt: Any) -> None:
    async def interrupted() -> None:
        await trio.sleep(1)
        raise interrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        async with ta.open_system(top(diary.worker("a"), ta.child(interrupted, restart="temporary"), diary.worker("b"))):
            await trio.sleep_forever()

    assert diary == ["start a", "start b", "stop b", "stop a"]


async def test_an_interrupt_during_a_cancellation_is_not_swallowed(autojump_clock: MockClock, diary: Any) -> None:
    async def interrupted() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), trio.move_on_after(1):
        async with ta.open_system(top(diary.worker("a"), ta.child(interrupted))):
            await trio.sleep_forever()

    assert diary == ["start a", "stop a"]


async def test_a_tree_may_end_while_the_body_goes_on(autojump_clock: MockClock, diary: Any) -> None:
    job = diary.worker("a", restart="transient", significant=True)
    async with isolated_system(top(job, auto_shutdown="any_significant")) as system:
        await diary.get(system, "a").end()
        await system.wait_stopped()

        await trio.sleep(5)

        assert trio.current_time() == 5
        with pytest.raises(ta.ActorStopped):
            await diary.get(system, "a").incarnation()
