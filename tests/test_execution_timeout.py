"""`@handler(execution_timeout=...)`: a handler that hangs is cancelled, and its actor crashes."""

from __future__ import annotations

import logging
import math
import pickle
import re
from collections.abc import Awaitable
from contextlib import nullcontext
from typing import Any

import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.actors.ref import child_of
from trioactors.errors import HandlerTimeout
from trioactors.messaging.definitions import INCARNATION
from trioactors.testing import Recorder, isolated_system, restarted


@define
class Lines:
    lines: list[str] = field(factory=list[str])


class Refused(Exception):
    """A declared error."""


class Desk(ta.Actor[Lines], persist=ta.EVERY_MESSAGE, timeout=math.inf):
    """Hangs in every way that there is. Its limit is 10 s, the deadline of its calls is not limited."""

    def __init__(self) -> None:
        self.tokens: list[ta.Deferred[str]] = []

    async def on_stop(self, reason: ta.Exit) -> None:
        seen.append(str(reason))

    @ta.handler(execution_timeout=10)
    async def hang(self, line: str = "hung") -> None:
        self.state.lines.append(line)
        await trio.sleep_forever()

    @ta.handler(execution_timeout=10, reads=True)
    async def look(self) -> list[str]:
        await trio.sleep_forever()
        return self.state.lines

    @ta.handler(execution_timeout=10)
    async def sleep(self, seconds: float) -> str:
        self.state.lines.append(f"{seconds:g}")
        await trio.sleep(seconds)
        return "slept"

    @ta.handler(execution_timeout=10)
    async def compute(self) -> str:
        """Take 20 s without letting any other task run."""
        clock: Any = trio.lowlevel.current_clock()
        clock.jump(20)
        self.state.lines.append("computed")
        return "computed"

    @ta.handler(execution_timeout=10)
    async def swallow(self, times: int) -> str:
        for _ in range(times):
            with trio.CancelScope(shield=True):
                await trio.sleep(8)
            try:
                await trio.lowlevel.checkpoint()
            except BaseException:  # noqa: ASYNC103 - what is tested
                self.state.lines.append("swallowed")
        return "swallowed"

    @ta.handler(execution_timeout=10)
    async def clean_up(self, seconds: float) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(seconds)

    @ta.handler(execution_timeout=10, raises=(Refused, ta.TrioactorsError))
    async def refuse(self, *, late: bool) -> None:
        self.state.lines.append("refused")
        if not late:
            raise Refused
        try:
            await trio.sleep_forever()
        finally:
            raise Refused("in the clean-up")

    @ta.handler(execution_timeout=10)
    async def shut_down(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ta.Shutdown

    @ta.handler(execution_timeout=10)
    async def defer(self) -> str:
        token: ta.Deferred[str] = self.context.defer()
        self.tokens.append(token)
        return token.pending

    @ta.handler(execution_timeout=10)
    async def defer_and_hang(self) -> str:
        token: ta.Deferred[str] = self.context.defer()
        self.tokens.append(token)
        await trio.sleep_forever()
        return token.pending

    @ta.handler
    async def give(self) -> None:
        self.tokens.pop().reply("given")

    @ta.handler
    async def hang_on_self(self) -> str:
        """Run a limited handler as a method: the limit of *this* message counts, and it has none."""
        return await self.sleep(30)

    @ta.handler(execution_timeout=10)
    async def in_a_nursery(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep, 5)

    @ta.handler(execution_timeout=5)
    async def ask(self, other: Desk) -> None:
        await other.hang()

    @ta.handler(execution_timeout=60)
    async def ask_patiently(self, other: Desk) -> str:
        try:
            await other.hang()
        except ta.ActorCrashed as error:
            return str(error.__cause__)
        return "answered"

    @ta.handler(reads=True)
    async def lines(self) -> list[str]:
        return list(self.state.lines)


seen: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    seen.clear()


@pytest.fixture
async def desk(system: ta.System) -> Desk:
    return await system.start(Desk, name="desk", restart="permanent")


def last_error(ref: object) -> BaseException | None:
    reason = child_of(ref).last_exit
    return None if reason is None else reason.error


# --- the limit passes ---


@pytest.mark.parametrize("name", ["hang", "look", "defer_and_hang", "in_a_nursery", "shut_down"])
async def test_a_handler_that_hangs_crashes_its_actor_and_its_caller_knows_at_once(desk: Desk, name: str) -> None:
    began = trio.current_time()

    with pytest.raises(ta.ActorCrashed, match="HandlerTimeout") as caught:
        await getattr(desk, name)()

    assert trio.current_time() - began == 10
    assert isinstance(caught.value.__cause__, HandlerTimeout)
    await restarted(desk, after=1)
    assert last_error(desk) is caught.value.__cause__
    assert seen == ["crash: HandlerTimeout"]  # on_stop has run, as after any crash in a handler
    assert await desk.lines() == []


async def test_the_error_says_which_handler_waited_where(desk: Desk) -> None:
    with pytest.raises(ta.ActorCrashed) as caught:
        await desk.hang()

    error = caught.value.__cause__
    assert isinstance(error, HandlerTimeout)
    assert (error.handler, error.seconds) == ("hang", 10)
    assert re.match(
        r"desk: 'hang' still ran after 10 s \(execution_timeout\), and was cancelled at test_execution_timeout.py:\d+ in hang",
        str(error),
    )


def test_the_error_can_be_pickled() -> None:
    error = HandlerTimeout("desk", "hang", 10, "in Trio")

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.handler, again.seconds) == (str(error), "hang", 10)


async def test_a_cast_that_hangs_crashes_its_actor(desk: Desk, recorder: Recorder) -> None:
    await desk.hang.cast()
    await restarted(desk, after=1)

    assert isinstance(last_error(desk), HandlerTimeout)
    assert [record.error for record in recorder.of(ta.MessageHandled)] == ["HandlerTimeout"]
    assert ta.info(desk).ledger.crashed == 1


async def test_messages_behind_one_that_hangs_are_handled_after_the_restart(desk: Desk) -> None:
    await desk.hang.cast()

    assert await desk.sleep(1) == "slept"

    assert await desk.lines() == ["1"]


async def test_a_deadline_of_the_caller_does_not_end_the_handler(desk: Desk) -> None:
    with pytest.raises(ta.CallTimeout):
        await desk.hang.within(3)()
    assert trio.current_time() == 3
    assert ta.info(desk).handling == "hang"

    await restarted(desk, after=1)

    assert isinstance(last_error(desk), HandlerTimeout)
    assert trio.current_time() == 10


async def test_every_message_has_the_whole_limit(desk: Desk) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(desk.sleep, 9)

    assert trio.current_time() == 27
    assert await desk.lines() == ["9", "9", "9"]


@pytest.mark.parametrize(("seconds", "ends"), [(9.9, "9.9"), (10.1, None)])
async def test_a_handler_has_its_whole_limit_and_no_more(desk: Desk, seconds: float, ends: str | None) -> None:
    with nullcontext() if ends else pytest.raises(ta.ActorCrashed):
        await desk.sleep(seconds)

    assert await desk.lines() == ([ends] if ends else [])


async def test_the_supervisor_gives_up_as_for_any_crash(autojump_clock: trio.testing.MockClock) -> None:
    async def hang_three_times() -> None:
        async with isolated_system(tree) as system:
            for _ in range(3):
                await system.get(Desk, "desk").hang.cast()
            await system.wait_stopped()

    tree = ta.Supervisor(ta.child(Desk, name="desk"), name="top", intensity=ta.Intensity(2, 60))

    with pytest.raises(ta.SupervisorGaveUp) as caught:
        await hang_three_times()

    assert [type(entry.reason.error) for entry in caught.value.history] == [HandlerTimeout] * 3


# --- it does not pass ---


async def test_a_handler_that_does_not_wait_is_in_time_however_long_it_takes(desk: Desk) -> None:
    assert await desk.compute() == "computed"

    assert trio.current_time() == 20
    assert await desk.lines() == ["computed"]


async def test_a_declared_error_within_the_limit_is_an_answer(desk: Desk) -> None:
    with pytest.raises(Refused):
        await desk.refuse(late=False)

    assert ta.info(desk).incarnation == 1


async def test_the_limit_does_not_cover_a_deferred_reply(desk: Desk) -> None:
    answers: list[str] = []

    async def ask() -> None:
        answers.append(await desk.defer())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(100)
        await desk.give()

    assert answers == ["given"]


async def test_a_handler_on_self_has_no_limit_of_its_own(desk: Desk) -> None:
    assert await desk.hang_on_self() == "slept"


async def test_an_actor_that_no_system_has_started_has_no_limits(autojump_clock: trio.testing.MockClock) -> None:
    assert await Desk().sleep(100) == "slept"


# --- a handler that does not end ---


async def test_a_handler_that_swallows_its_cancellation_has_crashed_whatever_it_returns(desk: Desk) -> None:
    began = trio.current_time()

    with pytest.raises(ta.ActorCrashed, match="HandlerTimeout"):
        await desk.swallow(2)

    assert trio.current_time() - began == 10  # the caller does not wait for it to end
    await restarted(desk, after=1)
    assert trio.current_time() - began == 16
    assert isinstance(last_error(desk), HandlerTimeout)
    assert await desk.lines() == []


async def test_a_declared_error_after_the_limit_is_no_answer(desk: Desk) -> None:
    with pytest.raises(ta.ActorCrashed, match="HandlerTimeout"):
        await desk.refuse(late=True)
    await restarted(desk, after=1)

    error = last_error(desk)
    assert isinstance(error, HandlerTimeout)
    assert isinstance(error.__cause__, Refused)
    assert await desk.lines() == []


async def test_a_handler_that_swallows_its_cancellation_and_goes_on_is_reported(
    desk: Desk, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.swallow.cast(4)
    await restarted(desk, after=1)

    [record] = recorder.of(ta.HandlerOverran)
    assert (record.child, record.handler, record.seconds, record.time) == ("desk", "swallow", 15, 15)
    [line] = [each for each in caplog.records if "swallows trio.Cancelled" in each.getMessage()]
    assert line.levelno == logging.ERROR
    assert re.match(
        r"desk: 'swallow' was cancelled at its execution_timeout of 10 s and still runs after 15 s, at test_execution_timeout.py:\d+ "
        r"in swallow",
        line.getMessage(),
    )


@pytest.mark.parametrize(("seconds", "reports"), [(4, 0), (6, 1)])
async def test_a_shielded_clean_up_has_the_grace_before_it_is_reported(
    desk: Desk, recorder: Recorder, seconds: float, reports: int
) -> None:
    with pytest.raises(ta.ActorCrashed):
        await desk.clean_up(seconds)
    assert trio.current_time() == 10
    await restarted(desk, after=1)

    assert trio.current_time() == 10 + seconds
    assert len(recorder.of(ta.HandlerOverran)) == reports


# --- stopping and restarting meanwhile ---


async def test_the_limit_passes_while_the_actor_is_asked_to_stop(desk: Desk) -> None:
    await desk.hang.cast()
    await trio.sleep(8)

    await ta.stop(desk)

    assert trio.current_time() == 10
    assert str(child_of(desk).last_exit) == "crash: HandlerTimeout"
    assert seen == ["crash: HandlerTimeout"]


async def test_a_grace_that_passes_before_the_limit_kills_the_actor(desk: Desk) -> None:
    await desk.hang.cast()
    await trio.sleep(1)

    await ta.stop(desk)

    assert trio.current_time() == 6
    assert str(child_of(desk).last_exit) == "killed"


async def test_a_kill_after_the_limit_leaves_the_limit_as_the_cause(desk: Desk) -> None:
    await desk.clean_up.cast(20)
    await trio.sleep(12)

    await ta.stop(desk)

    assert trio.current_time() == 30
    assert isinstance(last_error(desk), HandlerTimeout)


async def test_a_restart_waits_for_the_handler_up_to_its_limit(desk: Desk) -> None:
    await desk.hang.cast()
    await trio.sleep(8)

    await ta.restart(desk)

    assert trio.current_time() == 10
    assert await desk.lines() == []


# --- actors that call each other ---


async def test_the_shorter_limit_of_two_nested_handlers_decides(system: ta.System, desk: Desk) -> None:
    other = await system.start(Desk, name="other", restart="permanent")

    with pytest.raises(ta.ActorCrashed, match=r"desk exited \(crash: HandlerTimeout\)"):
        await desk.ask(other)
    assert trio.current_time() == 5
    assert ta.info(other).handling == "hang"

    await restarted(other, after=1)
    assert trio.current_time() == 10


async def test_a_handler_that_waits_for_one_that_hangs_gets_the_cause(system: ta.System, desk: Desk) -> None:
    other = await system.start(Desk, name="other", restart="permanent")

    assert re.match(r"other: 'hang' still ran after 10 s", await desk.ask_patiently(other))
    assert ta.info(desk).incarnation == 1


async def test_a_caller_that_times_out_learns_the_limit(desk: Desk) -> None:
    with pytest.raises(ta.CallTimeout, match=r"desk has been handling 'hang' for 3 s \(execution_timeout: 10 s\)"):
        await desk.hang.within(3)()


# --- what it keeps and costs ---


async def test_a_run_that_is_over_keeps_no_incarnation_alive(system: ta.System, desk: Desk) -> None:
    await desk.sleep(1)

    incarnation = child_of(desk).present
    [execution] = incarnation.child.runtime.deadlines.series(10).queue  # type: ignore[union-attr]
    assert not execution.pending
    assert all(value is not incarnation for value in map(execution.__getattribute__, ("_incarnation", "_passed")))


def test_handlers_without_a_limit_are_invoked_as_they_are() -> None:
    assert Desk.give.spec.invoke is Desk.give.__wrapped__  # type: ignore[attr-defined]
    assert Desk.give.spec.execution_timeout is None
    assert Desk.hang.spec.execution_timeout == 10
    assert INCARNATION not in vars(Desk())


# --- definitions ---


async def waits(self: object) -> None:
    """A body that can be cancelled."""


def plain(self: object) -> int:
    return 1


def awaitable(self: object) -> Awaitable[None]:
    return waits(self)


@pytest.mark.parametrize("limit", [-1, 0, 0.0, math.nan, True, "30", (30,), 10**400])
def test_a_limit_that_is_no_time_is_refused(limit: Any) -> None:
    with pytest.raises(ta.SpecError, match=r"handler waits: execution_timeout="):
        ta.handler(execution_timeout=limit)(waits)


def test_a_limit_of_a_plain_handler_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match=r"handler plain: execution_timeout= is for `async def`"):
        ta.handler(execution_timeout=30)(plain)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_a_plain_handler_that_is_awaited_can_have_a_limit() -> None:
    assert ta.handler(execution_timeout=30)(awaitable).spec.execution_timeout == 30


def test_an_infinite_limit_is_none() -> None:
    assert ta.handler(execution_timeout=math.inf)(waits).spec.execution_timeout is None


def test_the_timeout_of_a_handler_cannot_be_declared_as_an_answer() -> None:
    with pytest.raises(ta.DefinitionError, match="it is always a crash"):
        ta.handler(raises=(HandlerTimeout,))(waits)
