"""Closing a store: the order of things, a disk that never answers, and what is reported."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from shared.committers import Bench
from trioactors.persistence import Batch, Committed, Key, Space, Write
from trioactors.testing import HeldWorker, SlowWorker, isolated_system, virtual_environment
from trioactors.testing.stores import FaultyStore, Operation
from trioactors_backends.memory import MemoryStore


def batch(name: str) -> Batch:
    return Batch((Write(Key(Space.STATE, name), b"x", expected=None),))


async def test_closing_waits_for_what_was_submitted_and_for_what_follows_from_that(
    autojump_clock: MockClock, bench: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    disk.hold()
    bench.committer.submit(batch("a"), lambda _: bench.submit("b"))
    bench.scope.cancel()
    await wait_all_tasks_blocked()
    disk.release()
    await bench.over.wait()

    assert bench.news() == {"b": Committed}
    assert trio.current_time() == 0
    assert "closed" in repr(store)
    bench.submit("c")
    assert bench.news() == {"c": ta.StoreUnavailable}


async def test_a_store_that_does_not_come_back_is_left_behind_and_everybody_is_told(
    autojump_clock: MockClock, bench: Any, disk: HeldWorker, caplog: pytest.LogCaptureFixture
) -> None:
    disk.hold()
    bench.submit("a", "b")
    bench.scope.cancel()
    await bench.over.wait()

    assert trio.current_time() == 5.0
    assert "is abandoned; what it was doing may or may not be stored" in caplog.text
    assert bench.news() == dict.fromkeys("ab", ta.StoreUnavailable)  # their turn had not begun: they are not written
    disk.release()
    assert bench.groups() == []


async def test_what_a_store_that_does_not_come_back_was_doing_is_told_to_be_uncertain(
    autojump_clock: MockClock, store: FaultyStore
) -> None:
    worker = SlowWorker(60.0)
    bench = Bench(store, worker)
    async with trio.open_nursery() as nursery:
        worker.seconds = 0
        await nursery.start(bench.run)
        worker.seconds = 60
        bench.submit("begun")
        await wait_all_tasks_blocked()
        bench.submit("queued")
        bench.scope.cancel()
        await bench.over.wait()
        assert bench.news() == {"begun": ta.StorePoisoned, "queued": ta.StoreUnavailable}

        refused = Bench(store, worker)
        refused.committer = bench.committer
        await refused.run()
        assert "is still busy with an operation from before it was closed" in str(refused.ended)

        await trio.sleep(200)
        assert bench.news() == {}  # told once
        worker.seconds = 0
        again = Bench(store, worker)
        again.committer = bench.committer
        await nursery.start(again.run)
        again.submit("c")
        await wait_all_tasks_blocked()
        assert again.news() == {"c": Committed}
        again.scope.cancel()


async def test_a_store_that_cannot_be_closed_says_so_and_its_worker_ends(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Sticky(MemoryStore):
        failing: Exception = ta.StorePoisoned("sticky")

        def close(self) -> None:
            super().close()
            raise self.failing

    class Worker(HeldWorker):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    for failing in (ta.StorePoisoned("sticky"), OSError("surprise")):
        Sticky.failing = failing
        worker = Worker()
        bench = Bench(FaultyStore(Sticky(), blocking=True), worker)
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.run)
            bench.scope.cancel()
        assert worker.closed == 1
        assert isinstance(bench.ended, OSError) is isinstance(failing, OSError)
    assert "could not be closed" in caplog.text


async def test_leaving_a_system_whose_store_hangs_keeps_nobody_waiting(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Clerk(ta.Actor[list[str]], persist=ta.EVERY_MESSAGE):
        @ta.handler
        def write(self, line: str) -> None:
            self.state.append(line)

    disk, told = HeldWorker(), dict[str, BaseException]()

    async def write(clerk: Any, line: str) -> None:
        with pytest.raises(ta.StoreError) as caught:
            await clerk.write.within(3600)(line)
        told[line] = caught.value

    async with trio.open_nursery() as nursery:
        store = FaultyStore(MemoryStore(), blocking=True)
        async with isolated_system(store=store, environment=virtual_environment(worker=disk)) as system:
            clerk = await system.start(Clerk, name="clerk")
            disk.hold()
            for line in "ab":
                nursery.start_soon(write, clerk, line)
                await wait_all_tasks_blocked()
    assert trio.current_time() == 10.0  # the actor's grace, and the store's
    assert {line: type(error) for line, error in told.items()} == {"a": ta.StoreUnavailable, "b": ta.StoreUnavailable}
    assert caplog.record_tuples[-1][1] == logging.ERROR
    disk.release()
    assert store.count(Operation.COMMIT) == 0
