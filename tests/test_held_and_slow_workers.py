"""Slow disks and disks that stand still, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import outcome
import pytest
import trio
from trio.testing import MockClock

from trioactors.environment.workers import InPlaceWorker, Worker, run_on
from trioactors.testing import HeldWorker, SlowWorker, virtual_environment
from trioactors.testing.stores import FaultyStore
from trioactors_backends.memory import MemoryStore


class Calls:
    """Calls and their results, in order."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.seen: list[str] = []

    def submit(self, name: str, then: Callable[[], None] = lambda: None) -> None:
        def told(answer: outcome.Outcome[str]) -> None:
            then()
            self.seen.append(f"told {answer.unwrap()}")

        def call() -> str:
            self.seen.append(f"ran {name}")
            return name

        self.worker.submit(call, told)

    def news(self) -> list[str]:
        seen, self.seen = self.seen, []
        return seen


def test_a_worker_that_is_not_held_runs_calls_at_once() -> None:
    calls = Calls(HeldWorker())

    calls.submit("a")

    assert calls.news() == ["ran a", "told a"]


def test_calls_wait_while_it_is_held_and_run_in_order_when_it_is_released() -> None:
    worker = HeldWorker()
    calls = Calls(worker)
    worker.hold()
    calls.submit("a")
    calls.submit("b")
    assert calls.news() == []
    assert len(worker) == 2
    assert repr(worker) == "<held worker: held, 2 calls wait>"

    worker.release()

    assert calls.news() == ["ran a", "told a", "ran b", "told b"]
    assert repr(worker) == "<held worker: free, 0 calls wait>"


def test_one_step_lets_one_call_through_also_one_that_comes_later() -> None:
    worker = HeldWorker()
    calls = Calls(worker)
    worker.hold()
    for name in "ab":
        calls.submit(name)

    worker.step()
    assert calls.news() == ["ran a", "told a"]
    worker.step(2)
    assert calls.news() == ["ran b", "told b"]
    calls.submit("c")
    calls.submit("d")
    assert calls.news() == ["ran c", "told c"]


def test_a_call_that_is_submitted_when_another_is_told_runs_after_it() -> None:
    worker = HeldWorker()
    calls = Calls(worker)

    calls.submit("a", lambda: calls.submit("b"))

    assert calls.news() == ["ran a", "told a", "ran b", "told b"]
    worker.close()


async def test_a_slow_worker_takes_its_time_for_each_call(autojump_clock: MockClock) -> None:
    worker = SlowWorker(2.0)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(run_on, worker, lambda: None)
        await trio.testing.wait_all_tasks_blocked()
        assert repr(worker) == "<slow worker: 2 s a call, 3 to do>"
    assert trio.current_time() == 6.0

    worker.seconds = 0.5
    assert await run_on(worker, lambda: 42) == 42
    assert trio.current_time() == 6.5
    worker.close()


async def test_a_call_that_is_submitted_when_another_is_told_is_run_once(autojump_clock: MockClock) -> None:
    worker, over = SlowWorker(1.0), trio.Event()
    calls = Calls(worker)

    calls.submit("a", lambda: calls.submit("b", over.set))
    await over.wait()

    assert calls.news() == ["ran a", "told a", "ran b", "told b"]
    assert trio.current_time() == 2.0


async def test_a_slow_worker_leaves_no_task_behind(autojump_clock: MockClock) -> None:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    before = [task for nursery in root.child_nurseries for task in nursery.child_tasks]

    await run_on(SlowWorker(1.0), lambda: None)

    assert [task for nursery in root.child_nurseries for task in nursery.child_tasks] == before


def test_a_virtual_environment_has_one_worker_for_all_its_stores() -> None:
    worker = HeldWorker()

    assert virtual_environment(worker=worker).worker() is worker
    assert isinstance(virtual_environment().worker(), InPlaceWorker)


@pytest.mark.parametrize(("blocking", "expected"), [(None, False), (True, True), (False, False)])
def test_a_store_in_memory_can_say_that_it_waits_for_a_disk(blocking: bool | None, expected: bool) -> None:  # noqa: FBT001 - a table
    assert FaultyStore(MemoryStore(), blocking=blocking).blocking is expected
