"""Workers: blocking calls one at a time and in order, in a thread or in place."""

from __future__ import annotations

import threading  # noqa: TID251 - the subject of these tests
from collections.abc import Callable
from typing import Any

import outcome
import pytest
import trio

from shared.threads import our_threads
from trioactors.environment.workers import InPlaceWorker, ThreadWorker, Worker, run_on, worker_for_this_run


def inside_trio() -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


@pytest.fixture(params=[InPlaceWorker, ThreadWorker])
async def worker(request: pytest.FixtureRequest) -> Any:
    made: Worker = request.param()
    yield made
    made.close()


async def test_what_a_call_returns_is_returned(worker: Worker) -> None:
    assert await run_on(worker, lambda: 6 * 7) == 42


async def test_what_a_call_raises_is_raised(worker: Worker) -> None:
    def failing() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await run_on(worker, failing)


async def test_calls_run_in_order_and_their_ends_are_told_in_order(worker: Worker) -> None:
    ran: list[int] = []
    told: list[int] = []
    over = trio.Event()

    def finished(result: outcome.Outcome[int]) -> None:
        told.append(result.unwrap())
        if len(told) == 100:
            over.set()

    def call(number: int) -> Callable[[], int]:
        return lambda: ran.append(number) or number  # type: ignore[func-returns-value]

    for number in range(100):
        worker.submit(call(number), finished)
    await over.wait()

    assert ran == told == list(range(100))


async def test_a_thread_worker_uses_one_thread_of_its_own_and_leaves_none_behind() -> None:
    before = our_threads()
    worker = ThreadWorker()

    assert await run_on(worker, inside_trio) is False
    assert await run_on(worker, threading.get_ident) == await run_on(worker, threading.get_ident) != threading.get_ident()
    assert "0 calls" in repr(worker)
    worker.close()

    assert not our_threads() - before


async def test_a_worker_in_place_needs_no_thread() -> None:
    assert await run_on(InPlaceWorker(), inside_trio) is True


async def test_a_worker_that_was_never_used_can_be_closed() -> None:
    ThreadWorker().close()


async def test_a_caller_that_is_cancelled_leaves_the_call_to_itself() -> None:
    worker, gate, over = ThreadWorker(), threading.Lock(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    def slow() -> None:
        token.run_sync_soon(started.set)
        with gate:
            pass
        token.run_sync_soon(over.set)

    started = trio.Event()
    gate.acquire()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_on, worker, slow)
        await started.wait()
        nursery.cancel_scope.cancel()
    gate.release()
    await over.wait()

    assert await run_on(worker, lambda: "still at work") == "still at work"
    worker.close()


async def test_closing_does_not_wait_for_a_call_that_never_ends() -> None:
    worker, gate, over = ThreadWorker(), threading.Lock(), trio.Event()

    with gate:
        worker.submit(gate.acquire, lambda _: over.set())
        worker.close()
        assert "1 calls" in repr(worker)

    await over.wait()


def test_a_thread_whose_run_is_over_ends_with_the_call_it_is_at() -> None:
    gate, told = threading.Lock(), list[object]()

    async def main() -> threading.Thread:
        before = our_threads()
        worker = ThreadWorker()
        worker.submit(gate.acquire, told.append)
        (thread,) = our_threads() - before
        return thread

    with gate:
        thread = trio.run(main)
    thread.join()

    assert told == []


def test_a_store_that_its_run_has_left_behind_is_closed_all_the_same_when_its_disk_answers() -> None:
    gate, ends = threading.Lock(), list[str]()

    async def main() -> threading.Thread:
        before = our_threads()
        worker = ThreadWorker()
        worker.submit(gate.acquire, lambda _: ends.append("answered"))
        worker.submit(lambda: ends.append("closed"), lambda _: ends.append("told"))
        worker.close()
        (thread,) = our_threads() - before
        return thread

    with gate:
        thread = trio.run(main)
    thread.join()

    assert ends == ["closed"]


async def test_a_real_run_gets_a_thread() -> None:
    worker = worker_for_this_run()
    assert isinstance(worker, ThreadWorker)


async def test_a_run_on_a_clock_that_jumps_gets_none(autojump_clock: trio.testing.MockClock) -> None:
    assert isinstance(worker_for_this_run(), InPlaceWorker)
