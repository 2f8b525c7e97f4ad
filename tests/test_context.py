from __future__ import annotations

import gc
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
import pytest
import trio

import trioactors as ta
from trioactors.testing import Recorder, crash, explore, isolated_system, restarted, run, until, virtual_environment


@attrs.define
class Beats:
    times: list[float] = attrs.field(factory=list)


class Clock(ta.Actor[Beats]):
    """Writes down the times of its calls."""

    @ta.handler
    def beat(self, label: str = "") -> None:  # noqa: ARG002 - a message with a field
        self.state.times.append(trio.current_time())

    @ta.handler
    def times(self) -> list[float]:
        return list(self.state.times)

    @ta.handler
    def after(self, delay: float, key: str | None = None) -> None:
        self.context.after(delay, self.beat, key=key)

    @ta.handler
    def every(self, period: float, key: str | None = None, jitter: float = 0.0) -> None:
        self.context.every(period, partial(self.beat, "tick"), key=key, jitter=jitter)

    @ta.handler
    def cancel(self, key: str) -> bool:
        return self.context.cancel(key)

    @ta.handler
    async def busy(self, seconds: float, then_cancel: str = "") -> None:
        await trio.sleep(seconds)
        if then_cancel:
            self.context.cancel(then_cancel)

    @ta.handler
    async def fail(self, after: float) -> None:
        await trio.sleep(after)
        raise LookupError

    @ta.handler(raises=(ta.UsageError,))
    def misuse(self, act: Callable[[ta.Context, Clock], Any]) -> None:
        act(self.context, self)

    @ta.handler
    def described(self) -> str:
        return repr(self.context)


@pytest.fixture
async def clock(system: ta.System) -> Clock:
    return await system.start(Clock, name="clock")


# --- timers ---


async def test_a_timer_sends_its_message_once(clock: Clock) -> None:
    await clock.after(3)

    await trio.sleep(10)

    assert await clock.times() == [3]
    assert ta.info(clock).timers == 0


async def test_a_periodic_timer_goes_on_until_it_is_cancelled(clock: Clock) -> None:
    await clock.every(2, "beat")
    await trio.sleep(5)

    assert await clock.cancel("beat")
    await trio.sleep(5)

    assert await clock.times() == [2, 4]


async def test_a_periodic_timer_does_not_drift(clock: Clock) -> None:
    await clock.every(2, "beat")
    await clock.busy.cast(2.5)
    await trio.sleep(7)
    await clock.cancel("beat")

    assert await clock.times() == [2.5, 4, 6]


async def test_ticks_that_could_not_be_sent_in_time_are_skipped(clock: Clock) -> None:
    await clock.every(1, "beat")
    await clock.busy.cast(4.5)
    await trio.sleep(6.5)
    await clock.cancel("beat")

    assert await clock.times() == [4.5, 5, 6]


async def test_jitter_brings_the_first_tick_forward_and_keeps_the_period(autojump_clock: trio.testing.MockClock) -> None:
    class Half(random.Random):
        def random(self) -> float:
            return 0.5

    async with isolated_system(environment=attrs.evolve(virtual_environment(), random=lambda _: Half())) as system:
        clock = await system.start(Clock, name="clock")
        await clock.every(10, "beat", 0.2)
        await trio.sleep(35)

        assert await clock.times() == [9, 19, 29]


async def test_actors_that_start_together_do_not_tick_together(autojump_clock: trio.testing.MockClock) -> None:
    async with isolated_system() as system:
        clocks = [await system.start(Clock, name=f"clock {number}") for number in range(200)]
        for clock in clocks:
            await clock.every(60, "beat", 1)
        await trio.sleep(60.5)
        first = {clock: (await clock.times())[0] for clock in clocks}
        for clock in clocks:
            crash(clock)
            await restarted(clock, after=1)
            await clock.every(60, "beat", 1)
        await trio.sleep(60.5)
        again = {clock: (await clock.times())[0] for clock in clocks}

    assert len({round(time, 3) for time in first.values()}) > 190
    assert len({round(time, 3) for time in again.values()}) > 190
    assert max(first.values()) - min(first.values()) > 50
    assert 0 < min(first.values()) <= max(first.values()) <= 60


async def test_two_timers_of_one_actor_do_not_tick_together(clock: Clock) -> None:
    await clock.every(60, "one", 1)
    await clock.every(60, "two", 1)
    await trio.sleep(60)

    one, two = await clock.times()
    assert one != two


def test_the_jitter_of_a_simulated_run_is_always_the_same() -> None:
    async def ticks() -> list[float]:
        async with isolated_system() as system:
            clock = await system.start(Clock, name="clock")
            await clock.every(60, "beat", 1)
            await trio.sleep(200)
            return await clock.times()

    assert run(ticks) == run(ticks)


async def test_a_timer_without_jitter_draws_no_chance(autojump_clock: trio.testing.MockClock) -> None:
    def stream(label: str) -> random.Random:
        raise AssertionError(label)

    async with isolated_system(environment=attrs.evolve(virtual_environment(), random=stream)) as system:
        clock = await system.start(Clock, name="clock")
        await clock.every(10, "beat")
        await trio.sleep(15)

        assert await clock.times() == [10]


async def test_a_timer_under_the_same_key_is_replaced(clock: Clock) -> None:
    await clock.after(1, "key")
    await clock.after(3, "key")

    await trio.sleep(5)

    assert await clock.times() == [3]


async def test_a_waiting_tick_is_taken_back_when_its_timer_is_replaced(clock: Clock) -> None:
    await clock.after(1, "key")
    await clock.busy.cast(2)
    clock.after.cast_nowait(3, "key")
    await trio.sleep(6)

    assert await clock.times() == [5]


async def test_a_waiting_tick_is_taken_back_when_its_timer_is_cancelled(clock: Clock) -> None:
    await clock.after(1, "key")
    await clock.busy.cast(2, "key")

    await trio.sleep(3)

    assert await clock.times() == []
    assert ta.info(clock).ledger.expired == 1


async def test_cancelling_what_is_no_timer_does_nothing(clock: Clock) -> None:
    await clock.after(1, "key")
    await trio.sleep(2)

    assert not await clock.cancel("key")
    assert not await clock.cancel("other")


async def test_a_key_that_was_given_by_the_framework_cancels_too(system: ta.System) -> None:
    class Alarm(ta.Actor[None]):
        @ta.handler
        def ring(self) -> None: ...

        @ta.handler
        def set_and_cancel(self) -> bool:
            return self.context.cancel(self.context.after(1, self.ring))

    alarm = await system.start(Alarm, name="alarm")

    assert await alarm.set_and_cancel()
    assert ta.info(alarm).timers == 0


async def test_timers_die_with_their_incarnation(clock: Clock) -> None:
    await clock.every(2)
    await clock.after(3)

    crash(clock)
    await restarted(clock)
    await trio.sleep(10)

    assert await clock.times() == []


async def test_a_stale_tick_is_never_seen_after_a_restart(clock: Clock) -> None:
    await clock.after(1)
    await clock.every(1)
    await clock.fail.cast(after=2)
    await trio.sleep(2.5)

    assert await clock.times() == []
    assert ta.info(clock).incarnation == 2
    assert ta.info(clock).ledger.expired == 2


async def test_a_tick_is_sent_even_if_the_mailbox_is_full(system: ta.System) -> None:
    class Tiny(Clock, mailbox=1):
        pass

    tiny = await system.start(Tiny, name="tiny")
    await tiny.after(1)
    await tiny.busy.cast(2)
    await tiny.beat.cast()

    await trio.sleep(3)

    assert await tiny.times() == [2, 2]


async def test_too_many_timers_are_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with isolated_system(settings=ta.Settings(timers=2)) as system:
        clock = await system.start(Clock, name="clock")
        await clock.after(1, "first")
        await clock.after(1, "second")

        await clock.after(1, "second")
        with pytest.raises(ta.TooManyTimers, match=r"clock has 2 timers; use keys, or raise Settings\.timers"):
            await clock.misuse(lambda context, actor: context.after(1, actor.beat))


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda context, actor: context.after(-1, actor.beat), "after: delay"),
        (lambda context, actor: context.every(0, actor.beat), "every: period"),
        (lambda context, actor: context.every(float("nan"), actor.beat), "every: period"),
        (lambda context, actor: context.every(1, actor.beat, jitter=1.5), "every: jitter"),
        (lambda context, actor: context.every(1, actor.beat, jitter=-0.1), "every: jitter"),
        (lambda context, actor: context.every(1, actor.beat, jitter="half"), "every: jitter"),
        (lambda context, actor: context.every(1, actor.beat, jitter=float("nan")), "every: jitter"),
        (lambda context, _: context.after(1, print), "one of the actor's own handlers"),
        (lambda context, actor: context.after(1, actor.beat.cast), "one of the actor's own handlers"),
        (lambda context, _: context.after(1, context.ref.beat), "one of the actor's own handlers"),
        (lambda context, _: context.after(1, Clock().beat), "one of the actor's own handlers"),
    ],
)
async def test_a_timer_without_sense_is_refused(clock: Clock, act: Callable[[Any, Any], Any], text: str) -> None:
    with pytest.raises(ta.SpecError, match=text):
        await clock.misuse(act)


async def test_arguments_that_do_not_fit_are_refused_when_the_timer_is_set(clock: Clock) -> None:
    def act(context: ta.Context, actor: Clock) -> None:
        with pytest.raises(TypeError):
            context.after(1, partial(actor.beat, 1, 2))

    await clock.misuse(act)

    assert ta.info(clock).timers == 0


async def test_a_context_says_whose_it_is(clock: Clock) -> None:
    assert (await clock.described()).startswith("<context of <actor clock: Clock, running, incarnation 1")


async def test_a_context_that_is_over_gives_nothing_away(clock: Clock) -> None:
    kept: list[tuple[ta.Context, Clock]] = []
    await clock.misuse(lambda context, actor: kept.append((context, actor)))
    crash(clock)
    await restarted(clock)

    [(context, actor)] = kept
    with pytest.raises(ta.ActorStopped):
        context.after(1, actor.beat)
    with pytest.raises(ta.ActorStopped):
        context.start_soon(trio.sleep, 1)
    with pytest.raises(ta.UsageError, match="needs a message in progress"):
        context.defer()


# --- child tasks ---


class Parent(ta.Actor[Beats]):
    @ta.handler
    def beat(self) -> None:
        self.state.times.append(trio.current_time())

    @ta.handler
    def times(self) -> list[float]:
        return list(self.state.times)

    @ta.handler
    def beat_later(self, seconds: float) -> None:
        self.context.start_soon(self.beating, seconds)

    async def beating(self, seconds: float) -> None:
        await trio.sleep(seconds)
        await self.context.ref.beat()

    @ta.handler
    def fail_later(self, seconds: float) -> None:
        async def failing() -> None:
            await trio.sleep(seconds)
            raise LookupError

        self.context.start_soon(failing)

    @ta.handler
    async def busy(self, seconds: float) -> None:
        await trio.sleep(seconds)


@pytest.fixture
async def parent(system: ta.System) -> Parent:
    return await system.start(Parent, name="parent")


async def test_a_child_task_runs_beside_the_handlers(parent: Parent) -> None:
    await parent.beat_later(2)

    await until(parent, lambda beats: bool(beats.times))

    assert await parent.times() == [2]


async def test_child_tasks_are_counted_while_they_run(parent: Parent) -> None:
    await parent.beat_later(2)
    await parent.beat_later(3)

    assert ta.info(parent).tasks == 2
    await trio.sleep(2.5)
    assert ta.info(parent).tasks == 1


async def test_child_tasks_die_with_their_incarnation(parent: Parent) -> None:
    await parent.beat_later(2)
    await trio.sleep(1)

    crash(parent)
    await restarted(parent)
    await trio.sleep(5)

    assert await parent.times() == []
    assert ta.info(parent).tasks == 0


async def test_child_tasks_are_gone_when_stop_returns(system: ta.System) -> None:
    ends: list[str] = []

    class Untidy(ta.Actor[None]):
        async def on_start(self) -> None:
            self.context.start_soon(self.linger)

        async def linger(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                ends.append("cleaned up")

    untidy = await system.start(Untidy, name="untidy")
    await trio.testing.wait_all_tasks_blocked()

    await ta.stop(untidy)

    assert ends == ["cleaned up"]


class Careless(ta.Actor[None]):
    @ta.handler
    async def begin_more_and_more(self) -> None:
        async def failing() -> None:
            await trio.lowlevel.checkpoint()
            raise LookupError

        self.context.start_soon(failing)
        for _ in range(20):
            await trio.lowlevel.checkpoint()
            self.context.start_soon(trio.lowlevel.checkpoint)


def test_a_handler_that_begins_tasks_while_one_has_failed_does_not_hide_why() -> None:
    """The nursery is closed for a moment before the crash is known. The handler once got a RuntimeError there, which became the reason."""

    async def begin() -> None:
        async with ta.open_system() as system:
            careless = await system.start(Careless, name="careless")
            with suppress(ta.ActorCrashed):
                await careless.begin_more_and_more()
            await trio.sleep(1)
            last = ta.info(careless).last_exit
            assert last is not None
            assert isinstance(last.error, LookupError), last

    explore(begin, seeds=40)


async def test_a_failing_child_task_crashes_its_actor(parent: Parent) -> None:
    await parent.fail_later(2)
    await trio.sleep(3)

    last = ta.info(parent).last_exit
    assert ta.info(parent).incarnation == 2
    assert last is not None
    assert isinstance(last.error, LookupError)


@pytest.mark.parametrize("tasks", [0, 1])
async def test_an_actor_that_is_killed_with_its_supervisor_did_not_crash(
    autojump_clock: trio.testing.MockClock, tasks: int
) -> None:
    inner = ta.Supervisor(ta.child(Parent, name="parent", grace=60.0), name="inner", grace=1.0)
    recorder = Recorder()

    async with isolated_system(ta.Supervisor(inner, name="top"), observers=[recorder]) as system:
        parent = system.get(Parent, "parent")
        for _ in range(tasks):
            await parent.beat_later(100)
        parent.busy.cast_nowait(100)
        await trio.testing.wait_all_tasks_blocked()

    ends = {record.child: record.reason for record in recorder.of(ta.ChildExited)}
    assert str(ends["inner"]) == "killed"
    assert str(ends["parent"]) == "killed"


async def test_a_failing_child_task_ends_the_call_in_progress_with_its_cause(parent: Parent) -> None:
    await parent.fail_later(2)

    with pytest.raises(ta.ActorCrashed) as caught:
        await parent.busy(4)

    assert isinstance(caught.value.__cause__, LookupError)
    assert trio.current_time() == 2


# --- who sent it ---


async def test_an_actor_knows_who_sent_the_message(system: ta.System) -> None:
    class Asked(ta.Actor[None]):
        @ta.handler
        def sender(self) -> str | None:
            return self.context.sender

    class Asking(ta.Actor[None]):
        @ta.handler
        async def ask(self) -> str | None:
            return await self.context.system.get(Asked, "asked").sender()

    asked = await system.start(Asked, name="asked")
    asking = await system.start(Asking, name="asking")
    gc.collect()

    assert await asking.ask() == "asking"
    assert await asked.sender() is None
