"""Errors of the store, at a commit and at a read: which of them crash an actor, and which do not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Book, Clerk
from shared.calls import Callers
from trioactors.errors import OverLimit, ValueRefused
from trioactors.persistence import Batch, Corrupt, Key, Limits, Record, Space, Write
from trioactors.testing import HeldWorker, SlowWorker, crash, isolated_system, restarted, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore, Operation
from trioactors.trace import CommitFailed, StoreCommitted
from trioactors_backends.memory import MemoryStore

FULL = ta.StoreFull("no room")


class Asker(Clerk):
    """Lets the error of another actor through."""

    @ta.handler
    async def ask(self, clerk: Any, line: str) -> None:
        self.state.lines.append(line)
        await clerk.write(line)


@pytest.fixture
async def clerk(system: ta.System, keeper: Any) -> Clerk:
    """A durable actor beside the keeper."""
    return await system.start(Clerk, name="clerk")


def meddle(store: FaultyStore, name: str) -> None:
    """Write the record once more, as another owner would."""
    key = Key(Space.STATE, name)
    (record,) = store.read([key])
    assert isinstance(record, Record)
    store.commit([Batch((Write(key, record.data, expected=None),))])


async def hang(_: Any) -> None:
    await trio.sleep_forever()


# --- at the commit ---


async def test_an_error_that_may_pass_crashes_nobody_and_is_told_to_all_in_the_group(  # noqa: PLR0917 - fixtures
    keeper: Any, clerk: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None], recorder: ta.Recorder
) -> None:
    fail(FULL)
    disk.hold()
    await callers.now("keeper", keeper.write, "never")
    await callers.now("clerk", clerk.write, "never")
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"keeper": ta.StoreFull, "clerk": ta.StoreFull}
    assert [(record.child, record.error) for record in recorder.of(CommitFailed)] == [
        ("keeper", "StoreFull"),
        ("clerk", "StoreFull"),
    ]
    assert [(record.batches, record.error) for record in recorder.of(StoreCommitted)] == [(2, "StoreFull")]
    assert (await keeper.read(), await clerk.read()) == ([], [])
    assert (ta.info(keeper).incarnation, ta.info(clerk).incarnation) == (1, 1)


async def test_an_error_that_may_pass_is_no_crash_of_a_durable_actor_that_lets_it_through(
    system: ta.System, clerk: Any, fail: Callable[..., None]
) -> None:
    asker: Any = await system.start(Asker, name="asker")
    fail(FULL)

    with pytest.raises(ta.StoreFull):
        await asker.ask(clerk, "never")

    assert (await asker.read(), await clerk.read()) == ([], [])
    assert (ta.info(asker).incarnation, ta.info(clerk).incarnation) == (1, 1)


async def test_a_conflict_crashes_the_actor_whose_name_has_another_writer_and_nobody_else(
    keeper: Any, clerk: Any, callers: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    await keeper.write("old")
    meddle(store, "keeper")
    disk.hold()
    await callers.now("keeper", keeper.write, "never")
    await callers.now("clerk", clerk.write, "a")
    assert len(disk) <= 2
    disk.release()
    await wait_all_tasks_blocked()

    assert "'keeper' has another writer: its revision is 2, and 1 was expected" in str(callers.told["keeper"])
    assert callers.told["keeper"].outcome is ta.Outcome.FAILED
    assert callers.news() == {"keeper": ta.StoreConflict, "clerk": 1}
    assert (ta.info(keeper).incarnation, ta.info(clerk).incarnation) == (2, 1)
    assert isinstance(ta.info(keeper).last_exit.error, ta.StoreConflict)
    assert await keeper.write("new") == 2  # from what is there


async def test_what_was_handled_on_top_of_a_conflict_was_never_written(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    await keeper.write("old")
    meddle(store, "keeper")
    disk.hold()
    await callers.now("a", keeper.write, "never")
    await callers.now("b", keeper.do, lambda self: (self.state.lines.append("never"), ear.hear.cast_nowait("never")))
    disk.release()
    await wait_all_tasks_blocked()

    assert isinstance(callers.told["b"].__cause__, ta.StoreConflict)
    assert callers.news() == {"a": ta.StoreConflict, "b": ta.StoreUnavailable}
    assert await keeper.read() == ["old"]
    assert await ear.all() == []


async def test_a_conflict_in_the_middle_of_a_handler_cancels_it(
    keeper: Any, callers: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    await keeper.write("old")
    meddle(store, "keeper")
    disk.hold()
    await callers.now("a", keeper.write, "never")
    await callers.now("hang", keeper.do, hang)
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": ta.StoreConflict, "hang": ta.ActorCrashed}
    assert await keeper.read() == ["old"]


async def test_a_conflict_crashes_an_actor_with_a_window_too(system: ta.System, keeper: Any, store: FaultyStore) -> None:
    class Diarist(ta.Actor[Book], persist=ta.Within(1.0)):
        @ta.handler
        def write(self, line: str) -> None:
            self.state.lines.append(line)

        @ta.handler(reads=True)
        def read(self) -> list[str]:
            return self.state.lines

    diarist: Any = await system.start(Diarist, name="diarist")
    await diarist.write("kept")
    await trio.sleep(1.5)
    meddle(store, "diarist")
    await diarist.write("lost")
    await trio.sleep(1)
    await restarted(diarist, after=1)

    assert isinstance(ta.info(diarist).last_exit.error, ta.StoreConflict)
    assert await diarist.read() == ["kept"]


async def test_a_state_that_is_too_large_crashes_its_actor_and_nobody_else(autojump_clock: MockClock) -> None:
    store = FaultyStore(MemoryStore(limits=Limits(record_bytes=200)), blocking=True)
    async with isolated_system(store=store) as system:
        clerk: Any = await system.start(Clerk, name="clerk")
        await clerk.write("a")
        with pytest.raises(OverLimit, match="more than the store takes"):
            await clerk.write("x" * 200)

        assert await clerk.read() == ["a"]
        assert ta.info(clerk).incarnation == 2
        assert store.count(Operation.OPEN) == 1


async def test_what_was_handled_on_top_of_a_state_that_is_too_large_was_never_written(autojump_clock: MockClock) -> None:
    disk = HeldWorker()
    store = FaultyStore(MemoryStore(limits=Limits(record_bytes=200)), blocking=True)
    world = virtual_environment(worker=disk)
    async with isolated_system(store=store, environment=world) as system, trio.open_nursery() as nursery:
        clerk: Any = await system.start(Clerk, name="clerk")
        callers = Callers(nursery)
        disk.hold()
        await callers.now("large", clerk.write, "x" * 200)
        await callers.now("small", clerk.write, "a")
        disk.release()
        await restarted(clerk, after=1)

        assert isinstance(callers.told["small"].__cause__, OverLimit)
        assert callers.news() == {"large": OverLimit, "small": ta.StoreUnavailable}
        assert await clerk.read() == []


async def test_a_value_that_cannot_be_written_is_refused_at_once_and_what_stands_before_it_is_kept(
    keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("spoil", keeper.do, lambda self: self.state.lines.append(3))
    assert "expected str, got 3 (int)" in str(callers.told["spoil"])
    assert callers.news() == {"spoil": ValueRefused}
    disk.release()

    assert await keeper.read() == ["a"]
    assert callers.news() == {"a": 1}


async def test_a_slow_store_slows_only_those_who_wait_for_it(autojump_clock: MockClock) -> None:
    store = FaultyStore(MemoryStore(), blocking=True)
    disk = SlowWorker(0)
    async with isolated_system(store=store, environment=virtual_environment(worker=disk)) as system:
        writer: Any = await system.start(Clerk, name="writer")
        reader: Any = await system.start(Clerk, name="reader")
        disk.seconds = 2.0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.write, "a")
            await wait_all_tasks_blocked()
            assert await reader.read() == []
            assert trio.current_time() == 0
        assert trio.current_time() == 2.0
        disk.seconds = 0


# --- at the read ---


async def test_a_read_that_may_work_later_fails_its_start_and_nothing_else(
    system: ta.System, keeper: Any, store: FaultyStore
) -> None:
    store.plan(Fault(at=1, operation=Operation.READ, before=ta.StoreUnavailable("not now")))
    with pytest.raises(ta.StartFailed) as caught:
        await system.start(Clerk, name="clerk")

    assert isinstance(caught.value.__cause__, ta.StoreUnavailable)
    assert await (await system.start(Clerk, name="clerk")).write("a") == 1
    assert ta.info(keeper).incarnation == 1
    assert store.count(Operation.OPEN) == 1


async def test_a_read_that_fails_in_an_undeclared_way_fails_its_start_and_nothing_else(
    system: ta.System, keeper: Any, store: FaultyStore
) -> None:
    def fall() -> None:
        raise OSError("surprise")

    store.plan(Fault(at=1, operation=Operation.READ, wait=fall))
    with pytest.raises(ta.StartFailed) as caught:
        await system.start(Clerk, name="clerk")

    assert isinstance(caught.value.__cause__, OSError)
    assert ta.info(keeper).incarnation == 1
    assert store.count(Operation.OPEN) == 1


async def test_a_restart_that_cannot_read_is_tried_again_and_counts(keeper: Any, store: FaultyStore, recorder: ta.Recorder) -> None:
    await keeper.write("a")
    store.plan(*(Fault(at=number, operation=Operation.READ, before=ta.StoreUnavailable("not now")) for number in (1, 2)))
    crash(keeper)
    await restarted(keeper, after=1)

    assert await keeper.read() == ["a"]
    assert [record.child for record in recorder.of(ta.RestartScheduled)] == ["keeper"] * 3


async def test_a_damaged_record_stops_its_own_actor_only(system: ta.System, keeper: Any, store: FaultyStore) -> None:
    class Damaged(MemoryStore):
        def read(self, keys: Any) -> Any:
            return [Corrupt(key, "its checksum is wrong") if key.name == "clerk" else None for key in keys]

    async with isolated_system(store=Damaged()) as other:
        with pytest.raises(ta.StartFailed) as caught:
            await other.start(Clerk, name="clerk")
        assert isinstance(caught.value.__cause__, ta.StateUnreadable)
        assert caught.value.__cause__.name == "clerk"
        assert "its checksum is wrong" in str(caught.value)
        assert await (await other.start(Clerk, name="other")).write("a") == 1


@pytest.mark.parametrize("error", [ta.StoreCorrupt("torn"), ta.StorePoisoned("lost")], ids=["corrupt", "poisoned"])
async def test_a_read_that_finds_the_store_broken_fails_the_start_that_asked_and_opens_the_store_again(
    system: ta.System, keeper: Any, store: FaultyStore, error: ta.StoreError, recorder: ta.Recorder
) -> None:
    await keeper.write("a")
    store.plan(Fault(at=1, operation=Operation.READ, before=error))
    with pytest.raises(ta.StartFailed) as caught:
        await system.start(Clerk, name="clerk")
    await restarted(keeper, after=1)

    assert isinstance(caught.value.__cause__, type(error))
    assert "clerk" not in system.names()
    assert store.count(Operation.OPEN) == 2
    assert await keeper.read() == ["a"]
    assert [record.child for record in recorder.of(ta.RestartScheduled)] == [":store"]


async def test_a_store_that_breaks_at_the_first_read_of_the_tree_ends_the_start(autojump_clock: MockClock) -> None:
    store = FaultyStore(MemoryStore(), Fault(at=1, operation=Operation.READ, before=ta.StoreCorrupt("torn")), blocking=True)
    tree = ta.Supervisor(ta.child(Clerk, name="clerk"), name="shop")

    with pytest.raises(ta.StoreCorrupt, match="torn"):
        async with isolated_system(tree, store=store):
            pytest.fail("the body must not run")

    assert trio.current_time() == 0


async def test_what_is_forgotten_waits_for_nothing_and_says_when_it_could_not_be(
    system: ta.System, keeper: Any, clerk: Any, fail: Callable[..., None]
) -> None:
    await clerk.write("a")
    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await ta.forget(clerk)
    assert "clerk" not in system.names()
    again: Any = await system.start(Clerk, name="clerk")
    assert await again.read() == ["a"]

    await ta.forget(again)

    anew: Any = await system.start(Clerk, name="clerk")
    assert await anew.read() == []


async def test_a_commit_that_comes_after_its_actor_was_forgotten_is_refused(
    system: ta.System, clerk: Any, callers: Any, disk: HeldWorker
) -> None:
    await clerk.write("old")
    disk.hold()
    await callers.now("a", clerk.write.within(60), "a")
    await callers.now("b", clerk.write.within(60), "b")
    await callers.now("forget", partial(ta.forget, clerk))
    await trio.sleep(6)  # it was stopped, and then killed; the first commit is still on its way
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": 2, "forget": None, "b": ta.StoreConflict}
    anew: Any = await system.start(Clerk, name="clerk")
    assert await anew.read() == []
