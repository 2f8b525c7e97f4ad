from __future__ import annotations

import time
import uuid

import attrs
import pytest
import trio

import trioactors as ta
from trioactors.environment import run_in_place, run_in_thread
from trioactors.testing import ThreadGuard, virtual_environment


@pytest.fixture
def thread_guard(autojump_clock: trio.testing.MockClock) -> ThreadGuard:
    return ThreadGuard(autojump_clock)


def test_the_default_environment_is_the_real_world() -> None:
    real = ta.Environment()

    assert real.wall_clock is time.time
    assert real.run_blocking is run_in_thread
    assert uuid.UUID(real.new_id()) != uuid.UUID(real.new_id())


def test_real_streams_are_independent() -> None:
    real = ta.Environment()

    assert real.random("a").random() != real.random("a").random()


def test_an_environment_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ta.Environment().new_id = str  # type: ignore[misc,method-assign]


async def test_a_blocking_call_runs_in_a_thread(autojump_clock: trio.testing.MockClock, thread_guard: ThreadGuard) -> None:
    def inside_trio() -> bool:
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            return False
        return True

    assert not await run_in_thread(inside_trio)
    assert await run_in_place(inside_trio)


@pytest.mark.parametrize("runner", [run_in_thread, run_in_place])
async def test_what_a_blocking_call_raises_is_raised(
    autojump_clock: trio.testing.MockClock, thread_guard: ThreadGuard, runner: ta.Environment
) -> None:
    def failing() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await runner(failing)  # type: ignore[operator]


async def test_the_clock_is_held_while_a_thread_works(autojump_clock: trio.testing.MockClock, thread_guard: ThreadGuard) -> None:
    with trio.move_on_after(60) as scope:
        await run_in_thread(lambda: sum(range(200_000)))

    assert not scope.cancelled_caught
    assert trio.current_time() == 0


async def test_a_virtual_environment_leaves_nothing_to_chance(autojump_clock: trio.testing.MockClock) -> None:
    first, second = virtual_environment(seed=1), virtual_environment(seed=1)

    assert first.random("a").random() == second.random("a").random()
    assert first.random("a").random() != first.random("b").random()
    assert [first.new_id(), first.new_id()] == [second.new_id(), second.new_id()] == ["id-1", "id-2"]


async def test_the_virtual_wall_clock_follows_trio(autojump_clock: trio.testing.MockClock) -> None:
    virtual = virtual_environment()
    before = virtual.wall_clock()

    await trio.sleep(10)

    assert virtual.wall_clock() - before == 10
