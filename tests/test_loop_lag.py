"""How long a task holds the loop, measured while there is an observer."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.system.system import runtime_of
from trioactors.testing import isolated_system, virtual_environment
from trioactors.trace import LoopHeld
from trioactors.trace.loop_lag import Meter

ANY_TASK: Any = None


@attrs.define
class Hand:
    """A stopwatch that only a test moves."""

    time: float = 100.0
    asked: int = 0

    def __call__(self) -> float:
        self.asked += 1
        return self.time


class Hog(ta.Actor[None]):
    @ta.handler
    def hold(self, hand: Hand, seconds: float) -> None:
        hand.time += seconds

    @ta.handler
    def hold_beside(self, hand: Hand, seconds: float) -> None:
        self.context.start_soon(self._hold, hand, seconds)

    async def _hold(self, hand: Hand, seconds: float) -> None:
        await trio.lowlevel.checkpoint()
        hand.time += seconds


@asynccontextmanager
async def watched_by(hand: Callable[[], float] | None, **settings: float) -> AsyncGenerator[ta.System, None]:
    world = attrs.evolve(virtual_environment(), stopwatch=lambda: hand)
    tree = ta.Supervisor(ta.child(Hog, name="hog"), name="top")
    async with isolated_system(tree, environment=world, settings=ta.Settings(**settings)) as system:  # type: ignore[arg-type]
        yield system


async def hold(system: ta.System, hand: Hand, seconds: float) -> None:
    await system.get(Hog, "hog").hold(hand, seconds)
    await trio.lowlevel.checkpoint()


async def test_a_task_that_held_the_loop_is_told_with_the_child_whose_it_was(autojump_clock: MockClock) -> None:
    hand, recorder = Hand(), ta.Recorder()
    async with watched_by(hand) as system:
        system.observe(recorder)
        await hold(system, hand, 0.5)
        await hold(system, hand, 0.05)
        await hold(system, hand, 0.2)
        system.unobserve(recorder)

    held = recorder.of(LoopHeld)
    assert [(record.child, record.task, record.seconds) for record in held] == [
        ("hog", "hog", pytest.approx(0.5)),
        ("hog", "hog", pytest.approx(0.2)),
    ]


async def test_a_task_beside_an_actor_is_the_actors_too(autojump_clock: MockClock) -> None:
    hand, recorder = Hand(), ta.Recorder()
    async with watched_by(hand) as system:
        system.observe(recorder)
        await system.get(Hog, "hog").hold_beside(hand, 0.5)
        await trio.sleep(1)
        system.unobserve(recorder)

    [held] = recorder.of(LoopHeld)
    assert held.child == "hog"
    assert "_hold" in held.task


async def test_a_task_outside_the_system_is_nobodys_child(autojump_clock: MockClock) -> None:
    hand, recorder = Hand(), ta.Recorder()
    async with watched_by(hand) as system:
        system.observe(recorder)
        await trio.lowlevel.checkpoint()
        hand.time += 3.0
        await trio.lowlevel.checkpoint()
        system.unobserve(recorder)

    [held] = recorder.of(LoopHeld)
    assert (held.child, held.seconds) == ("", 3.0)
    assert held.task


async def test_how_long_is_too_long_is_a_setting(autojump_clock: MockClock) -> None:
    hand, recorder = Hand(), ta.Recorder()
    async with watched_by(hand, loop_held=1.0) as system:
        system.observe(recorder)
        await hold(system, hand, 0.9)
        await hold(system, hand, 1.5)
        system.unobserve(recorder)

    assert [record.seconds for record in recorder.of(LoopHeld)] == [1.5]


async def test_the_figures_tell_the_worst(autojump_clock: MockClock) -> None:
    hand = Hand()
    told: list[float | None] = []
    async with watched_by(hand) as system:
        with inspect.measured(system):
            for seconds in (0.0, 0.25, 0.125, 0.5):
                await hold(system, hand, seconds)
                told.append(inspect.figures(system).loop_lag)

    assert told == [0.0, 0.25, 0.25, 0.5]


moments = st.integers(0, 40).map(lambda number: number / 8)


@given(st.lists(st.tuples(moments, moments), max_size=60), moments)
def test_the_worst_is_that_of_ten_seconds_to_within_a_second(steps: list[tuple[float, float]], after: float) -> None:
    hand = Hand()
    loud: list[float] = []
    meter = Meter(hand, 0.25, lambda _, held: loud.append(held))
    known: list[tuple[float, float]] = []
    for pause, held in steps:
        hand.time += pause
        meter.before_task_step(ANY_TASK)
        hand.time += held
        meter.after_task_step(ANY_TASK)
        known.append((hand.time, held))
    hand.time += after

    surely = max((held for ended, held in known if ended > hand.time - 9), default=0.0)
    perhaps = max((held for ended, held in known if ended > hand.time - 10), default=0.0)
    assert surely <= meter.worst() <= perhaps
    assert loud == [held for _, held in known if held > 0.25]


def _nothing(_: object) -> None:
    pass


async def test_nothing_is_measured_while_nobody_wants_to_know(autojump_clock: MockClock) -> None:
    hand = Hand()
    async with watched_by(hand) as system:
        await hold(system, hand, 0.5)
        lag = inspect.figures(system).loop_lag
        asked = hand.asked
        with inspect.measured(system), inspect.measured(system):
            assert inspect.figures(system).loop_lag == 0.0
        asked_then = hand.asked
        await hold(system, hand, 0.5)

        assert (lag, asked) == (None, 0)
        assert inspect.figures(system).loop_lag is None
        assert hand.asked == asked_then > 0


async def test_an_observer_that_breaks_ends_the_measuring_that_was_for_it(autojump_clock: MockClock) -> None:
    def broken(_: object) -> None:
        raise OSError

    hand = Hand()
    async with watched_by(hand) as system:
        system.observe(broken)
        await hold(system, hand, 0.5)

        assert inspect.figures(system).loop_lag is None


async def test_a_system_that_closes_leaves_no_instrument(autojump_clock: MockClock) -> None:
    hand = Hand()
    async with watched_by(hand) as system:
        system.observe(_nothing)
        lag = runtime_of(system).lag
        assert "not" not in repr(lag)

    assert "not measured" in repr(lag)
    asked = hand.asked
    await trio.lowlevel.checkpoint()
    assert hand.asked == asked


async def test_in_virtual_time_nothing_is_measured(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        with inspect.measured(system):
            assert inspect.figures(system).loop_lag is None

    assert ta.Environment().stopwatch() is None


def test_on_a_real_clock_the_real_lag_is_measured() -> None:
    recorder = ta.Recorder()

    async def main() -> float | None:
        async with ta.open_system(
            ta.Supervisor(ta.child(Hog, name="hog"), name="top"), settings=ta.Settings(loop_held=0.0)
        ) as system:
            assert runtime_of(system).environment.stopwatch() is time.perf_counter
            system.observe(recorder)
            await system.get(Hog, "hog").hold(Hand(), 1.0)
            await trio.lowlevel.checkpoint()
            return inspect.figures(system).loop_lag

    lag = trio.run(main)

    assert lag is not None
    assert lag > 0.0
    assert "hog" in {record.child for record in recorder.of(LoopHeld)}


def test_an_observer_may_come_and_go_outside_of_the_run() -> None:
    kept: list[ta.System] = []

    async def main() -> None:
        async with ta.open_system() as system:
            kept.append(system)
            system.observe(_nothing)

    trio.run(main)
    kept[0].unobserve(_nothing)
    kept[0].observe(_nothing)

    assert inspect.figures(kept[0]).loop_lag is None
