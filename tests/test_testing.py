"""Driving actors in tests: crash, kill, restarted, until, suspended, emitted, recorder."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Tally
from trioactors import testing
from trioactors.testing import PlannedCrash, crash, emitted, isolated_system, kill, restarted, suspended, until
from trioactors.trace import ChildStarted, MessageHandled


class Counter(ta.Actor[Tally]):
    @ta.handler
    async def add(self, by: int = 1, seconds: float = 0) -> int:
        await trio.sleep(seconds)
        self.state.total += by
        return self.state.total


def test_everything_that_is_offered_is_there() -> None:
    assert all(hasattr(testing, name) for name in testing.__all__)


# --- crash, kill, restarted ---


async def test_a_crash_is_the_planned_one_unless_named(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)
        async with ta.watch(counter) as watch:
            crash(counter)
            planned = (await watch.next()).reason
            await restarted(counter)
            crash(counter, OSError("mine"))
            named = (await watch.next()).reason

    assert isinstance(planned.error, PlannedCrash)
    assert isinstance(named.error, OSError)


async def test_a_crash_ends_the_message_in_progress(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)
        await counter.add.cast(1, seconds=100)
        await trio.sleep(1)

        crash(counter)
        await restarted(counter)

        assert await counter.add() == 1
        assert ta.info(counter).ledger.crashed == 1


async def test_a_kill_is_told_as_one(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)
        async with ta.watch(counter) as watch:
            kill(counter)

            assert str((await watch.next()).reason) == "killed"


@pytest.mark.parametrize("how", [crash, kill])
async def test_what_does_not_run_cannot_be_crashed(autojump_clock: MockClock, how: Any) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)
        await ta.stop(counter)

        with pytest.raises(ta.ActorStopped, match="does not run"):
            how(counter)


async def test_restarted_returns_at_once_where_all_is_well(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await restarted(await system.start(Counter))

        assert trio.current_time() == 0


async def test_restarted_waits_for_the_back_off(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(ta.child(Counter, name="c"), name="top", backoff=ta.Backoff(base=7, jitter=0))
    async with isolated_system(tree) as system:
        counter = system.get(Counter, "c")
        crash(counter)
        await restarted(counter)

        assert trio.current_time() == 7
        assert ta.info(counter).incarnation == 2


async def test_restarted_tells_when_there_will_be_no_more(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter, restart="temporary")
        crash(counter)

        with pytest.raises(ta.ActorStopped):
            await restarted(counter)


async def test_restarted_has_a_deadline(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(ta.child(Counter, name="c"), name="top", backoff=ta.Backoff(base=100, cap=100, jitter=0))
    async with isolated_system(tree) as system:
        crash(system.get(Counter, "c"))

        with pytest.raises(trio.TooSlowError):
            await restarted(system.get(Counter, "c"), timeout=5)
        await system.supervisor("top").terminate_child("c")


async def test_restarted_can_wait_for_those_who_fall_with_another(autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(ta.child(Counter, name="a"), ta.child(Counter, name="b"), name="top", strategy="one_for_all")
    async with isolated_system(tree) as system:
        other = system.get(Counter, "b")
        crash(system.get(Counter, "a"))

        await restarted(other, after=1)

        assert ta.info(other).incarnation == 2


# --- until ---


async def test_until_returns_at_once_where_it_holds(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await until(await system.start(Counter), lambda state: state.total == 0)

        assert trio.current_time() == 0


async def test_until_is_woken_by_the_message_that_makes_it_true(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)
        for _ in range(5):
            await counter.add.cast(seconds=1)

        await until(counter, lambda state: state.total == 3)

        assert trio.current_time() == 3


async def test_until_has_a_deadline(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)

        with pytest.raises(trio.TooSlowError):
            await until(counter, lambda state: state.total == 1, timeout=2)


async def test_until_follows_a_restart(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)
        await counter.add(5)
        nursery.start_soon(until, counter, lambda state: state.total == 1)
        await trio.testing.wait_all_tasks_blocked()

        crash(counter)
        await restarted(counter)

        assert await counter.add() == 1


async def test_until_sees_what_the_next_message_changes_again(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)
        for _ in range(5):
            counter.add.cast_nowait()

        await until(counter, lambda state: state.total == 3)

        assert await counter.add() == 6


async def test_an_error_of_the_predicate_is_the_tests_and_not_the_actors(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter)
        counter.add.cast_nowait()

        with pytest.raises(ZeroDivisionError):
            await until(counter, lambda state: state.total and 1 // 0)

        assert ta.info(counter).incarnation == 1


# --- suspended ---


async def test_a_suspended_supervisor_handles_nothing(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(diary.worker("a"), name="top")) as system:
        with suspended(system, "top"):
            crash(diary.get(system, "a"))
            await trio.sleep(10)
            assert diary == ["start a"]
        await system.quiesce()

        assert diary == ["start a", "start a"]


async def test_without_names_all_of_them_are_suspended(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(diary.worker("a"), name="top")) as system:
        counter = await system.start(Counter)
        with suspended(system):
            crash(counter)
            crash(diary.get(system, "a"))
            await trio.sleep(10)
            assert (ta.info(counter).incarnation, diary) == (1, ["start a"])
        await restarted(counter)


async def test_only_supervisors_can_be_suspended(autojump_clock: MockClock, diary: Any) -> None:
    async with isolated_system(ta.Supervisor(diary.worker("a"), name="top")) as system:
        with pytest.raises(ta.UsageError, match="is a supervisor"), suspended(system, "a"):
            pytest.fail("the block must not run")


# --- emitted ---


async def test_emitted_holds_what_matched(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        counter = await system.start(Counter, name="counter")

        with emitted(system, MessageHandled, handler="add") as found:
            await counter.add()
            await counter.add()

        assert [record.child for record in found] == ["counter", "counter"]


async def test_what_was_not_emitted_fails_the_test_and_lists_what_was(autojump_clock: MockClock) -> None:
    async def count() -> None:
        with emitted(system, ChildStarted, child="nobody"):
            await counter.add()

    async with isolated_system() as system:
        counter = await system.start(Counter)

        with pytest.raises(AssertionError, match=r"no ChildStarted\(child='nobody'\) was emitted(.|\n)*MessageHandled"):
            await count()


async def test_an_error_in_the_block_is_not_hidden_by_the_check(autojump_clock: MockClock) -> None:
    async def fail() -> None:
        with emitted(system, ChildStarted):
            raise OSError("mine")

    async with isolated_system() as system:
        with pytest.raises(OSError, match="mine"):
            await fail()
