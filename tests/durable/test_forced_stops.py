"""A write-behind actor whose stop is forced while a commit of it is in flight, or before it has read its state."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from attrs import define
from trio.testing import MockClock

import trioactors as ta
from trioactors.testing import Recorder, SlowWorker, crash, isolated_system, virtual_environment


@define
class Tally:
    total: int = 0


class Behind(ta.Actor[Tally], persist=ta.Within(0.5)):
    @ta.handler
    def add(self, by: int) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler
    async def stick(self) -> None:
        await trio.sleep_forever()


def tree() -> ta.Supervisor:
    return ta.Supervisor(ta.child(Behind, name="behind"), name="top")


@pytest.mark.parametrize(("stuck", "kept"), [(False, 7), (True, 3)], ids=["between two messages", "inside a handler"])
async def test_what_changed_after_the_commit_in_flight_is_committed_next(
    autojump_clock: MockClock, tmp_path: Path, *, stuck: bool, kept: int
) -> None:
    store = f"file:///{tmp_path}/state"
    environment = virtual_environment(worker=SlowWorker(1.0))
    async with isolated_system(tree(), store=store, environment=environment, settings=ta.Settings(stop_timeout=0)) as system:
        behind = system.get(Behind, "behind")
        began = trio.current_time()
        await behind.add(3)
        await trio.sleep(0.8)  # the window is over after 0.5 s, and its commit takes a second
        await behind.add(4)
        if stuck:
            behind.stick.cast_nowait()
            await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() == began + 0.8

    async with isolated_system(tree(), store=store) as system:
        assert await system.get(Behind, "behind").add(0) == kept


async def test_an_actor_that_has_not_read_its_state_yet_writes_none(autojump_clock: MockClock, tmp_path: Path) -> None:
    store, recorder, slow = f"file:///{tmp_path}/state", Recorder(), SlowWorker(0.0)
    async with isolated_system(tree(), store=store) as system:
        await system.get(Behind, "behind").add(3)

    async with isolated_system(
        tree(),
        store=store,
        environment=virtual_environment(worker=slow),
        settings=ta.Settings(stop_timeout=0),
        observers=[recorder],
    ) as system:
        behind = system.get(Behind, "behind")
        slow.seconds = 1.0
        crash(behind)
        await trio.testing.wait_all_tasks_blocked()

    assert [type(record) for record in recorder if isinstance(record, ta.StateCommitted | ta.CommitFailed)] == []
    assert [str(record.reason) for record in recorder.of(ta.ChildExited) if record.child == "behind"][1:] == ["killed"]
    async with isolated_system(tree(), store=store) as system:
        assert await system.get(Behind, "behind").add(0) == 3


async def test_one_that_waits_for_the_commit_of_its_last_incarnation_writes_nothing_either(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    store, recorder = f"file:///{tmp_path}/state", Recorder()
    environment = virtual_environment(worker=SlowWorker(1.0))
    async with isolated_system(
        tree(), store=store, environment=environment, settings=ta.Settings(stop_timeout=0), observers=[recorder]
    ) as system:
        behind = system.get(Behind, "behind")
        await behind.add(3)
        await trio.sleep(0.8)
        crash(behind)
        await trio.sleep(0.1)

    assert len(recorder.of(ta.StateCommitted)) == 1
    assert recorder.of(ta.CommitFailed) == []
    async with isolated_system(tree(), store=store) as system:
        assert await system.get(Behind, "behind").add(0) == 3
