"""Virtual time is exact, even while threads run, and schedules can be repeated."""

from __future__ import annotations

import threading  # noqa: TID251 - the clock must hold while one runs
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import trioactors as ta
from trioactors.environment.workers import run_on
from trioactors.testing import ThreadGuard, isolated_system, run, virtual_environment


async def threaded() -> bool:
    """Wait for a thread, for at most a virtual hour; whether the hour passed."""
    begun, over = trio.Event(), threading.Lock()
    token = trio.lowlevel.current_trio_token()
    over.acquire()

    def block() -> None:
        token.run_sync_soon(begun.set)
        over.acquire()

    async def release() -> None:
        await begun.wait()
        for _ in range(50):
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        over.release()

    with trio.move_on_after(3_600) as hour:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(release)
            await trio.to_thread.run_sync(block)
    return hour.cancelled_caught


def test_an_hour_does_not_pass_while_a_thread_runs() -> None:
    async def main() -> tuple[bool, float]:
        return await threaded(), trio.current_time()

    assert run(main) == (False, 0)


def test_time_goes_on_when_the_thread_is_done() -> None:
    async def main() -> float:
        await trio.to_thread.run_sync(int)
        await trio.sleep(3_600)
        return trio.current_time()

    assert run(main) == 3_600


def test_the_guard_lets_the_clock_go_after_a_thread_that_failed() -> None:
    def fail() -> None:
        raise OSError

    async def main() -> float:
        with pytest.raises(OSError):  # noqa: PT011 - it has no text
            await trio.to_thread.run_sync(fail)
        await trio.sleep(10)
        return trio.current_time()

    assert run(main) == 10


def test_without_the_guard_the_hour_would_pass() -> None:
    """A control. If this fails, Trio's own clock has become exact, and the guard can go."""

    lock = threading.Lock()
    lock.acquire()

    async def main() -> bool:
        with trio.move_on_after(3_600) as hour:
            await trio.to_thread.run_sync(lock.acquire, abandon_on_cancel=True)
        lock.release()
        return hour.cancelled_caught

    assert trio.run(main, clock=MockClock(autojump_threshold=0))


def test_the_guard_says_what_it_does() -> None:
    clock = MockClock(autojump_threshold=0)
    guard = ThreadGuard(clock)
    said: list[str] = []

    def look() -> None:
        trio.from_thread.run_sync(int)  # the guard sees the thread when the step is over in which it was started
        said.append(repr(guard))

    async def main() -> None:
        said.append(repr(guard))
        await trio.to_thread.run_sync(look)

    trio.run(main, clock=clock, instruments=[guard])

    assert said == ["<thread guard: clock free>", "<thread guard: clock held>"]


# --- the same seed, the same schedule ---


async def race() -> list[int]:
    order: list[int] = []

    async def runner(number: int) -> None:
        for _ in range(5):
            await trio.lowlevel.checkpoint()
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(runner, number)
    return order


@given(st.integers(0, 1_000))
def test_the_same_seed_gives_the_same_schedule(seed: int) -> None:
    assert run(race, seed=seed) == run(race, seed=seed)


def test_seeds_explore_schedules() -> None:
    schedules = {tuple(run(race, seed=seed)) for seed in range(20)}

    assert len(schedules) > 10


def test_a_whole_system_is_repeated_too(diary: Any) -> None:
    def once() -> tuple[list[str], float]:
        fresh = type(diary)()

        async def main() -> float:
            tree = ta.Supervisor(*(fresh.worker(name) for name in "abc"), name="top", backoff=ta.Backoff())
            async with isolated_system(tree) as system:
                await fresh.crash(system, "b", "a")
                await trio.sleep(5)
                return trio.current_time()

        return fresh, run(main, seed=3)

    assert once() == once()


def test_a_seeded_run_leaves_the_schedules_of_others_alone() -> None:
    core: Any = trio._core._run
    before = core._ALLOW_DETERMINISTIC_SCHEDULING, core._r.getstate()

    run(race, seed=1)

    assert (core._ALLOW_DETERMINISTIC_SCHEDULING, core._r.getstate()) == before


def test_it_does_so_after_a_failure_too() -> None:
    core: Any = trio._core._run
    before = core._ALLOW_DETERMINISTIC_SCHEDULING, core._r.getstate()

    async def fail() -> None:
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        run(fail, seed=1)

    assert (core._ALLOW_DETERMINISTIC_SCHEDULING, core._r.getstate()) == before


def test_trio_still_has_the_private_names_that_a_seed_needs() -> None:
    core: Any = trio._core._run

    assert isinstance(core._ALLOW_DETERMINISTIC_SCHEDULING, bool)
    assert {"seed", "getstate", "setstate", "random"} <= set(dir(core._r))


def test_an_unseeded_run_is_in_virtual_time_too() -> None:
    async def main() -> float:
        await trio.sleep(80_000)
        return trio.current_time()

    assert run(main) == 80_000


def test_instruments_of_the_caller_are_used() -> None:
    class Counter(trio.abc.Instrument):
        steps = 0

        def before_task_step(self, _task: trio.lowlevel.Task) -> None:
            self.steps += 1

    for seed in (None, 1):
        counter = Counter()
        run(race, seed=seed, instruments=(counter,))
        assert counter.steps > 0


# --- the environment ---


def test_in_a_virtual_environment_nothing_is_left_to_chance() -> None:
    async def main() -> list[object]:
        world = virtual_environment(7)
        await trio.sleep(5)
        return [world.wall_clock(), world.random("a").random(), world.random("b").random(), world.new_id(), world.new_id()]

    first, second = run(main), run(main)

    assert first == second
    assert first[1] != first[2]
    assert first[3:] == ["id-1", "id-2"]


def test_its_wall_clock_follows_virtual_time() -> None:
    async def main() -> float:
        world = virtual_environment()
        before = world.wall_clock()
        await trio.sleep(100)
        return world.wall_clock() - before

    assert run(main) == 100


def test_it_runs_blocking_calls_in_place() -> None:
    async def main() -> bool:
        here = threading.current_thread()
        return await run_on(virtual_environment().worker(), threading.current_thread) is here

    assert run(main)
