"""The only module that uses Trio's private names: they exist, they are restored, and runs repeat exactly."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
import threading  # noqa: TID251 - runs in other threads are left alone
import weakref
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors.testing import Policy, explore, run
from trioactors.testing.playing import play, play_seed
from trioactors.testing.schedules import Playback, Tape
from trioactors.testing.scheduling import PRIVATE, InOrder, Schedule, missing_names, scheduled

core: Any = trio._core._run
STORY = Path(__file__).parent / "stories" / "crowd.py"


def state() -> tuple[object, ...]:
    return core._r, core._ALLOW_DETERMINISTIC_SCHEDULING, core.CancelStatus, core._r.getstate(), gc.isenabled()


def test_trio_has_every_private_name_that_is_used() -> None:
    """If this fails, a new Trio has changed its loop.

    Read the head of trioactors/testing/scheduling.py, which says what each name is used for; look how the same is done in the new
    trio/_core/_run.py (`unrolled_run`, `Deadlines`, `CancelStatus`); change scheduling.py and its `PRIVATE`, and see the other tests pass.
    """
    assert missing_names() == []


@pytest.mark.parametrize("name", PRIVATE)
def test_a_name_that_is_missing_is_told(name: str) -> None:
    poor = SimpleNamespace()
    for other in PRIVATE:
        head, _, tail = other.partition(".")
        if other == name:
            continue
        if tail:
            setattr(poor, head, getattr(poor, head, SimpleNamespace()))
            setattr(getattr(poor, head), tail, None)
        else:
            setattr(poor, head, None)

    assert missing_names(poor) == [name]


def test_without_a_name_nothing_is_explored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(core, "_ALLOW_DETERMINISTIC_SCHEDULING")

    with pytest.raises(ta.UsageError, match=r"has no _ALLOW_DETERMINISTIC_SCHEDULING in trio\._core\._run"):
        explore(trio.lowlevel.checkpoint)


# --- everything is given back ---


def test_a_run_leaves_nothing_behind() -> None:
    before = state()

    explore(trio.lowlevel.checkpoint, seeds=3)

    assert state() == before


def test_a_run_that_fails_leaves_nothing_behind() -> None:
    before = state()

    async def fail() -> None:
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        explore(fail)

    assert state() == before


def test_whatever_leaves_the_block_everything_is_given_back() -> None:
    before = state()

    with pytest.raises(OSError, match="mine"), scheduled(Schedule(Playback(Tape(Policy.STEP)), whole=False)):
        raise OSError("mine")

    assert state() == before


def test_the_collector_stays_off_where_it_was_off() -> None:
    gc.disable()
    try:
        explore(trio.lowlevel.checkpoint, seeds=1)

        assert not gc.isenabled()
    finally:
        gc.enable()


# --- one at a time ---


def test_exploring_inside_an_exploration_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(ta.UsageError, match="under a schedule in this process"):
            explore(trio.lowlevel.checkpoint)
        await trio.lowlevel.checkpoint()

    explore(main, seeds=2)


def test_exploring_in_another_thread_meanwhile_is_refused() -> None:
    def elsewhere() -> None:
        with pytest.raises(ta.UsageError, match="under a schedule in this process"):
            explore(trio.lowlevel.checkpoint)

    async def main() -> None:
        await trio.to_thread.run_sync(elsewhere)

    explore(main, seeds=2)


def test_a_plain_run_in_another_thread_goes_on_as_before() -> None:
    counted: list[int] = []

    async def plain() -> None:
        async def count(number: int) -> None:
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            counted.append(number)

        with trio.move_on_after(1_000):
            async with trio.open_nursery() as nursery:
                for number in range(10):
                    nursery.start_soon(count, number)

    def elsewhere() -> threading.Thread:
        thread = threading.Thread(target=lambda: trio.run(plain, clock=MockClock(autojump_threshold=0)))
        thread.start()
        thread.join()
        return thread

    async def main() -> int:
        await trio.to_thread.run_sync(elsewhere)
        return len(counted)

    played = play_seed(main, 0, Policy.STEP)

    assert played.result.unwrap() == 10
    assert sorted(counted) == list(range(10))


# --- what depended on addresses in memory ---


def in_turn(main: Any) -> Any:
    return play(main, Playback(Tape(Policy.STEP))).result.unwrap()


async def woken_by(begin: Any) -> list[int]:
    order: list[int] = []

    async def sleeper(number: int) -> None:
        try:
            await begin()
        finally:
            order.append(number)

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            ballast = []
            for number in range(30):
                nursery.start_soon(sleeper, number)
                ballast.append([object() for _ in range(number % 7)])
            await trio.testing.wait_all_tasks_blocked()
            if begin is trio.sleep_forever:
                scope.cancel()
    return order


def test_deadlines_at_the_same_moment_pass_in_the_order_in_which_they_were_set() -> None:
    async def sleep() -> None:
        await trio.sleep(5)

    assert in_turn(lambda: woken_by(sleep)) == list(range(30))


def test_tasks_that_are_cancelled_together_wake_in_the_order_of_their_age() -> None:
    assert in_turn(lambda: woken_by(trio.sleep_forever)) == list(range(30))


def test_tasks_that_are_cancelled_together_are_told_in_the_order_in_which_they_came() -> None:
    told: list[int] = []

    async def park(number: int) -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            told.append(number)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    async def nested(number: int) -> None:
        with trio.CancelScope():
            await park(number)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(park if number % 2 else nested, number)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    in_turn(main)

    assert told == [*range(1, 20, 2), *reversed(range(0, 20, 2))]


def test_a_task_that_was_started_into_another_nursery_is_cancelled_there() -> None:
    async def service(task_status: trio.TaskStatus[None]) -> None:
        with trio.CancelScope():
            task_status.started()
            await trio.sleep_forever()

    async def main() -> bool:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                await nursery.start(service)
            nursery.cancel_scope.cancel()
        return nursery.cancel_scope.cancelled_caught

    assert in_turn(main)


def test_a_set_in_order_is_a_set() -> None:
    members = InOrder[int]()
    for member in (3, 1, 2, 1):
        members.add(member)
    members.discard(9)
    members.remove(1)

    assert list(members) == [3, 2]
    assert repr(members) == "InOrder([3, 2])"
    assert (len(members), 2 in members, 1 in members) == (2, True, False)
    with pytest.raises(KeyError):
        members.remove(1)


def test_a_schedule_says_how_far_it_is() -> None:
    schedule = Schedule(Playback(Tape(Policy.STEP)), whole=False)

    with scheduled(schedule):
        trio.run(trio.lowlevel.checkpoint, instruments=[schedule])

    assert repr(schedule) == f"<schedule after {schedule.steps} steps>"
    assert schedule.steps > 3


# --- the same seed, the same trace ---


def test_a_tape_gives_the_same_run_again() -> None:
    namespace: dict[str, Any] = {"__name__": "crowd"}
    exec(compile(STORY.read_text(encoding="utf-8"), STORY, "exec"), namespace)
    story = namespace["story"]
    for seed in range(10):
        first = play_seed(story, seed)
        again = play(story, Playback(Tape.parse(str(first.tape))), policy=first.tape.policy)

        assert again.result.unwrap() == first.result.unwrap()
        assert again.tape == first.tape


def test_a_seed_gives_the_same_trace_whatever_the_process() -> None:
    printed = [
        subprocess.run(
            [sys.executable, STORY, "20"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for hash_seed in ("0", "1", "random")
    ]

    assert printed[0] == printed[1] == printed[2]
    assert len(printed[0]) == 20
    assert len(set(printed[0])) > 15
    assert all(len(line) == len(hashlib.sha256().hexdigest()) for line in printed[0])


def test_plain_seeded_runs_decide_ties_too() -> None:
    async def sleep() -> None:
        await trio.sleep(5)

    assert run(lambda: woken_by(sleep), seed=1) == run(lambda: woken_by(sleep), seed=1)


class _Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def nothing_but_runs() -> Generator[None, None, None]:
    """So little garbage is made between the runs that Python never collects it, as in a lab that only runs."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, *before[1:])
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("nothing_but_runs")
def test_what_runs_leave_behind_does_not_pile_up() -> None:
    left: list[weakref.ref[_Circle]] = []

    async def leave(kept: list[_Circle]) -> None:
        kept.append(_Circle())
        left.append(weakref.ref(kept[0]))
        await trio.lowlevel.checkpoint()

    for seed in range(60):
        kept: list[_Circle] = []  # whoever runs it looks at the result, so it lives longer than the run
        play_seed(lambda kept=kept: leave(kept), seed)

    assert sum(one() is not None for one in left) <= 30  # all are looked at once in 25 runs
