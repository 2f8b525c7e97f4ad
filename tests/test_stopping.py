"""Stopping: in reverse order, with a grace period for each child, then by cancellation."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.logs import our_records
from shared.trees import lasting, top
from trioactors.testing import crash, isolated_system


class Stubborn(ta.Actor[None]):
    """Takes its time to stop."""

    def __init__(self, seconds: float = 3.0) -> None:
        self.seconds = seconds

    async def on_stop(self, _reason: ta.Exit) -> None:
        await trio.sleep(self.seconds)

    @ta.handler
    async def work(self, seconds: float) -> float:
        await trio.sleep(seconds)
        return trio.current_time()


async def exit_of(system: ta.System, name: str) -> str:
    """Stop a child; its exit."""
    cell = lasting(system, name)
    await system.supervisor("top").terminate_child(name)
    return str(cell.last_exit)


async def test_children_stop_in_reverse_start_order(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(*(diary.worker(name) for name in "abc"))):
        diary.clear()

    assert diary == ["stop c", "stop b", "stop a"]


async def test_one_child_is_gone_before_the_next_is_asked(autojump_clock: MockClock) -> None:
    ends: list[tuple[str, float]] = []

    async def slow(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            ends.append((name, trio.current_time()))

    async with isolated_system(top(ta.child(partial(slow, "a")), ta.child(partial(slow, "b")))):
        pass

    assert ends == [("b", 1), ("a", 2)]


async def test_supervisors_stop_their_own_children_in_their_turn(autojump_clock: MockClock, diary: Any) -> None:
    below = ta.Supervisor(diary.worker("b1"), diary.worker("b2"), name="below")

    async with isolated_system(top(diary.worker("a"), below, diary.worker("c"))):
        diary.clear()

    assert diary == ["stop c", "stop b2", "stop b1", "stop a"]


async def test_a_cancellation_from_outside_keeps_the_order(autojump_clock: MockClock, diary: Any) -> None:
    with trio.move_on_after(1) as scope:
        async with isolated_system(top(*(diary.worker(name) for name in "abcdefgh"))):
            diary.clear()
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert diary == [f"stop {name}" for name in "hgfedcba"]


async def test_an_error_of_the_body_keeps_the_order(autojump_clock: MockClock, diary: Any) -> None:
    with pytest.raises(OSError, match="mine"):
        async with isolated_system(top(*(diary.worker(name) for name in "abcd"))):
            raise OSError("mine")

    assert diary[4:] == ["stop d", "stop c", "stop b", "stop a"]


# --- the grace ---


async def test_a_child_that_ends_within_its_grace_ends_as_asked(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(Stubborn, name="a", grace=4))) as system:
        assert await exit_of(system, "a") == "shutdown"
        assert trio.current_time() == 3


async def test_a_child_that_does_not_is_cancelled_when_the_grace_is_over(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(Stubborn, name="a", grace=2))) as system:
        assert await exit_of(system, "a") == "killed"
        assert trio.current_time() == 2


async def test_the_default_grace_is_the_settings(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(Stubborn, name="a")), settings=ta.Settings(grace=1)) as system:
        assert await exit_of(system, "a") == "killed"
        assert trio.current_time() == 1


async def test_an_infinite_grace_is_waited_for(autojump_clock: MockClock) -> None:
    tree = top(ta.child(partial(Stubborn, 1_000.0), name="a", grace=math.inf))
    async with isolated_system(tree, settings=ta.Settings(stop_timeout=math.inf)) as system:
        cell = lasting(system, "a")

    assert str(cell.last_exit) == "shutdown"
    assert trio.current_time() == 1_000


async def test_terminating_a_child_waits_as_long_as_the_grace_it_was_given(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(partial(Stubborn, 90.0), name="a", grace=100))) as system:
        assert await exit_of(system, "a") == "shutdown"
        assert trio.current_time() == 90


class Leaver(ta.Actor[None]):
    """Takes its time when it stops itself."""

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds

    @ta.handler
    def leave(self) -> None:
        self.context.stop()

    @ta.handler
    def stay(self) -> float:
        return trio.current_time()

    async def on_stop(self, reason: ta.Exit) -> None:
        assert reason.kind is ta.ExitKind.NORMAL
        await trio.sleep(self.seconds)


async def test_a_child_that_stops_itself_has_its_grace_and_no_more(autojump_clock: MockClock) -> None:
    tree = top(ta.child(Leaver, name="a", grace=2, restart="transient"), ta.child(partial(Leaver, 1.0), name="b", grace=2))
    async with isolated_system(tree) as system:
        for name in "ab":
            await system.get(Leaver, name).leave.cast()
        assert await system.get(Leaver, "b").stay() == 1
        assert await system.get(Leaver, "a").stay() == 2
        exits = [str(ta.info(system.get(Leaver, name)).last_exit) for name in "ab"]

    assert exits == ["killed", "normal"]


async def test_the_message_in_progress_is_finished_within_the_grace(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    answers: list[float] = []

    async with isolated_system(top(ta.child(Stubborn, name="a", grace=10))) as system:
        ref = system.get(Stubborn, "a")

        async def ask() -> None:
            answers.append(await ref.work(2))

        nursery.start_soon(ask)
        await trio.sleep(1)
        assert await exit_of(system, "a") == "shutdown"

    assert answers == [2]


async def test_a_message_that_outlasts_the_grace_is_lost_with_its_caller_told(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    errors: list[BaseException] = []

    async with isolated_system(top(ta.child(Stubborn, name="a", grace=1))) as system:
        ref = system.get(Stubborn, "a")

        async def ask() -> None:
            with pytest.raises(ta.DeliveryError) as caught:
                await ref.work(3)
            errors.append(caught.value)

        nursery.start_soon(ask)
        await trio.sleep(0.5)
        assert await exit_of(system, "a") == "killed"

    assert [type(error) for error in errors] == [ta.ActorCrashed]


async def test_a_brutal_kill_leaves_no_time_for_a_good_bye(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(top(diary.worker("a", grace=ta.BRUTAL_KILL))) as system:
        assert await exit_of(system, "a") == "killed"

    assert diary == ["start a"]


async def test_a_killed_function_runs_its_finally(autojump_clock: MockClock, diary: Any) -> None:
    async def tidy() -> None:
        try:
            await trio.sleep_forever()
        finally:
            diary.append("tidied up")

    async with isolated_system(top(ta.child(tidy, grace=ta.BRUTAL_KILL))):
        pass

    assert diary == ["tidied up"]


async def test_a_function_is_stopped_by_cancelling_it_and_ends_as_asked(autojump_clock: MockClock) -> None:
    async with isolated_system(top(ta.child(trio.sleep_forever, name="f"))) as system:
        assert await exit_of(system, "f") == "shutdown"
        assert trio.current_time() == 0


async def test_a_function_that_swallows_its_cancellation_is_cancelled_again(autojump_clock: MockClock) -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 100:
            try:
                await trio.sleep_forever()
            except trio.Cancelled:  # noqa: ASYNC103 - that is the fault
                swallowed += 1  # noqa: ASYNC104

    async with isolated_system(top(ta.child(stubborn, name="f"))):
        pass

    assert swallowed == 100


async def test_a_resource_leaves_its_context_within_its_grace(autojump_clock: MockClock, diary: Any) -> None:
    @asynccontextmanager
    async def pool() -> Any:
        yield
        await trio.sleep(2)
        diary.append("drained")

    async with isolated_system(top(ta.child(ta.resource(pool), name="pool", grace=3))) as system:
        assert await exit_of(system, "pool") == "shutdown"

    assert diary == ["drained"]


async def test_a_resource_that_does_not_leave_is_cancelled(autojump_clock: MockClock, diary: Any) -> None:
    @asynccontextmanager
    async def pool() -> Any:
        try:
            yield
            await trio.sleep_forever()
        finally:
            diary.append("cut")

    async with isolated_system(top(ta.child(ta.resource(pool), name="pool", grace=3))) as system:
        assert await exit_of(system, "pool") == "killed"
        assert trio.current_time() == 3

    assert diary == ["cut"]


# --- ends of their own meanwhile ---


async def test_a_crash_in_on_stop_is_reported_and_stops_nothing_else(
    autojump_clock: MockClock, diary: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(ta.Actor[None]):
        async def on_stop(self, _reason: ta.Exit) -> None:
            raise OSError("dropped it")

    async with isolated_system(top(diary.worker("a"), ta.child(Clumsy, name="clumsy"), diary.worker("c"))):
        pass

    assert diary == ["start a", "start c", "stop c", "stop a"]
    assert [record.getMessage().splitlines()[0] for record in our_records(caplog)] == [
        "actor top/clumsy (incarnation 1): crash: OSError"
    ]


async def test_a_child_that_crashes_while_another_stops_is_not_restarted(autojump_clock: MockClock, diary: Any) -> None:
    victims: list[Any] = []

    class Traitor(ta.Actor[None]):
        async def on_stop(self, _reason: ta.Exit) -> None:
            crash(victims[0])
            await trio.sleep(1)

    async with isolated_system(top(diary.worker("a"), ta.child(Traitor, name="t"))) as system:
        victims.append(diary.get(system, "a"))

    assert diary == ["start a"]


async def test_who_cancelled_a_child_is_in_its_last_words(autojump_clock: MockClock) -> None:
    words: list[str] = []

    async def listen() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            words.append(str(cancelled.reason))
            raise

    async with isolated_system(top(ta.child(listen, name="listener"))):
        pass

    assert words == ["listener is stopped: shutdown"]


async def test_a_supervisor_that_outlasts_its_own_grace_leaves_no_task(autojump_clock: MockClock) -> None:
    below = ta.Supervisor(ta.child(Stubborn, name="a", grace=100), name="below", grace=1)

    async with isolated_system(top(below)) as system:
        assert await exit_of(system, "below") == "killed"
        assert trio.current_time() == 1
        assert lasting(system, "a").current.ended is not None
