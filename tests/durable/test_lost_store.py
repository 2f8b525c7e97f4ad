"""A store that must be opened again: everything that depends on it is restarted, and no actor's own restart budget is charged."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Book, Clerk
from trioactors.testing import HeldWorker, SlowWorker, isolated_system, restarted, until, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore, Operation
from trioactors_backends.memory import MemoryStore

POISON = ta.StorePoisoned("a sync failed")
ROOT = ":root"


class Teller(Clerk):
    """A clerk that can crash, and can write into the book of another."""

    @ta.handler
    def crash(self) -> None:
        raise LookupError

    @ta.handler
    async def ask(self, other: Any) -> None:
        await other.write("never")


class Diarist(Teller, persist=ta.Within(1.0)):
    """The same, committed once a second."""


class Plain(ta.Actor[Book]):
    """Not durable."""

    @ta.handler
    async def ask(self, other: Any) -> None:
        await other.write("never")


@pytest.fixture
def system_tree() -> ta.Supervisor:
    inner = ta.Supervisor(ta.child(Teller, name="inner"), ta.child(Diarist, name="diarist"), name="group")
    return ta.Supervisor(ta.child(Teller, name="clerk"), inner, ta.child(Plain, name="plain"), name="shop")


@pytest.fixture
def clerk(system: ta.System) -> Teller:
    return system.get(Teller, "clerk")


def fall() -> None:
    raise OSError("surprise")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(at=1, before=POISON), ta.StorePoisoned),
        (Fault(at=1, before=ta.StoreCorrupt("torn")), ta.StoreCorrupt),
        (Fault(at=1, wait=fall), ta.StorePoisoned),
    ],
    ids=["poisoned", "corrupt", "undeclared"],
)
async def test_everything_comes_back_with_the_last_commit(  # noqa: PLR0917 - fixtures and a table
    system: ta.System,
    keeper: Any,
    clerk: Any,
    callers: Any,
    store: FaultyStore,
    recorder: ta.Recorder,
    paid: list[str],
    fault: Fault,
    error: type[ta.StoreError],
) -> None:
    inner, diarist = system.get(Teller, "inner"), system.get(Diarist, "diarist")
    everybody: list[Any] = [keeper, clerk, inner, diarist]
    for actor in everybody:
        await actor.write("kept")
    await trio.sleep(2)
    began = trio.current_time()
    store.plan(fault)
    await callers.now("write", clerk.write, "lost")
    for actor in everybody:
        await restarted(actor, after=1)

    told = callers.told["write"]
    assert callers.news() == {"write": error}
    assert told.outcome is (ta.Outcome.INDETERMINATE if error is ta.StorePoisoned else ta.Outcome.FAILED)
    assert [await actor.read() for actor in everybody] == [["kept"]] * 4
    assert [ta.info(actor).incarnation for actor in everybody] == [2] * 4
    assert store.count(Operation.OPEN) == 2
    (record,) = recorder.of(ta.RestartScheduled)
    assert record.group == (":store", "shop", ":dynamic")
    assert 0.05 <= trio.current_time() - began <= 0.1  # the back-off of the store
    assert system.ledger().balanced


async def test_a_commit_that_was_kept_all_the_same_is_there_again(clerk: Any, store: FaultyStore, paid: list[str]) -> None:
    store.plan(Fault(at=1, after=POISON))
    with pytest.raises(ta.StorePoisoned) as caught:
        await clerk.write("nobody can say")

    assert caught.value.outcome is ta.Outcome.INDETERMINATE
    assert await clerk.read() == ["nobody can say"]


async def test_messages_that_wait_meet_the_next_incarnation(
    clerk: Any, callers: Any, disk: HeldWorker, store: FaultyStore, paid: list[str]
) -> None:
    store.plan(Fault(at=1, before=POISON))
    disk.hold()
    await callers.now("a", clerk.write, "lost")
    await callers.now("b", clerk.write, "lost too")
    disk.release()
    await clerk.write.cast("cast meanwhile")
    await callers.now("c", clerk.write, "called meanwhile")
    await restarted(clerk, after=1)
    await wait_all_tasks_blocked()

    assert isinstance(callers.told["b"].__cause__, ta.StorePoisoned)
    assert "not written, because the commit before it failed" in str(callers.told["b"])
    assert callers.news() == {"a": ta.StorePoisoned, "b": ta.StoreUnavailable, "c": 2}
    assert await clerk.read() == ["cast meanwhile", "called meanwhile"]


async def test_a_group_falls_together(  # noqa: PLR0917 - fixtures
    keeper: Any, clerk: Any, callers: Any, disk: HeldWorker, store: FaultyStore, paid: list[str]
) -> None:
    store.plan(Fault(at=1, before=POISON))
    disk.hold()
    await callers.now("clerk", clerk.write, "lost")
    await callers.now("keeper", keeper.write, "lost")
    disk.release()
    await restarted(keeper, after=1)

    assert callers.news() == {"clerk": ta.StorePoisoned, "keeper": ta.StorePoisoned}
    assert (await clerk.read(), await keeper.read()) == ([], [])


async def test_an_actor_that_lets_the_error_through_pays_for_one_restart_and_not_for_more(
    system: ta.System, clerk: Any, store: FaultyStore, paid: list[str]
) -> None:
    inner: Any = system.get(Teller, "inner")
    store.plan(Fault(at=1, before=POISON))
    with pytest.raises(ta.ActorCrashed) as caught:
        await inner.ask(clerk)
    assert isinstance(caught.value.__cause__, ta.StorePoisoned)

    assert await inner.read() == []
    assert await clerk.read() == []
    paid.append("inner")


async def test_a_window_that_is_open_is_lost(system: ta.System, clerk: Any, store: FaultyStore, paid: list[str]) -> None:
    diarist: Any = system.get(Diarist, "diarist")
    await diarist.write("kept")
    await trio.sleep(1.5)
    store.plan(Fault(at=1, before=POISON))
    await diarist.write("lost")
    await trio.sleep(0.95)
    await diarist.write("lost as well")
    await restarted(diarist, after=1)

    assert await diarist.read() == ["kept"]


async def test_a_start_in_which_the_store_fails_again_counts_for_the_store(
    clerk: Any, store: FaultyStore, recorder: ta.Recorder, paid: list[str]
) -> None:
    store.plan(
        Fault(at=1, before=POISON),
        Fault(at=1, operation=Operation.OPEN, before=ta.StoreUnavailable("not yet")),
        Fault(at=2, operation=Operation.OPEN, before=ta.StoreUnavailable("not yet")),
    )
    with pytest.raises(ta.StorePoisoned):
        await clerk.write("lost")

    assert await clerk.read() == []
    delays = [record.delay for record in recorder.of(ta.RestartScheduled)]
    assert len(delays) == 3
    assert all(base / 2 <= delay <= base for base, delay in zip((0.1, 0.2, 0.4), delays, strict=True))


async def test_a_store_that_keeps_failing_ends_the_system(autojump_clock: MockClock) -> None:
    faults = [Fault(at=number, before=POISON) for number in range(1, 10)]
    with pytest.raises(ta.SupervisorGaveUp) as caught:
        async with isolated_system(store=FaultyStore(MemoryStore(), *faults)) as system:
            await lost_again_and_again(await system.start(Teller, name="clerk"))

    assert [entry.child for entry in caught.value.history] == [":store"] * 4
    assert caught.value.group is not None
    assert {type(error) for error in caught.value.group.exceptions} == {ta.StorePoisoned}


async def test_a_store_that_breaks_while_the_tree_comes_back_is_opened_once_more(
    system: ta.System, clerk: Any, store: FaultyStore, paid: list[str]
) -> None:
    await clerk.write("kept")
    store.plan(Fault(at=1, before=POISON), Fault(at=2, operation=Operation.READ, before=ta.StoreCorrupt("torn")))
    with pytest.raises(ta.StorePoisoned):
        await clerk.write("lost")

    assert await clerk.read() == ["kept"]
    assert await system.get(Teller, "inner").read() == []
    assert trio.current_time() < 2


@pytest.mark.parametrize("moment", [0.01, 0.06, 0.12, 0.18, 0.3])
async def test_a_system_can_be_left_at_any_moment_of_it(autojump_clock: MockClock, moment: float) -> None:
    disk = SlowWorker(0.0)
    store = FaultyStore(MemoryStore(), Fault(at=1, before=POISON), blocking=True)
    world = virtual_environment(worker=disk)
    async with trio.open_nursery() as nursery, isolated_system(store=store, environment=world) as system:
        clerk: Any = await system.start(Teller, name="clerk")
        disk.seconds = 0.05
        nursery.start_soon(lost, clerk)
        await trio.sleep(moment)

    assert trio.current_time() < 1
    assert "closed" in repr(store)


async def test_a_start_that_waits_for_the_store_ends_with_the_system(autojump_clock: MockClock) -> None:
    store = FaultyStore(MemoryStore(), Fault(at=1, before=POISON), blocking=True)

    async def start(system: ta.System) -> None:
        with pytest.raises(ta.ActorStopped):
            await system.start(Plain, name="plain")

    async def leave() -> None:
        async with ta.open_system(store, settings=ta.Settings(start_timeout=math.inf)) as system:
            with pytest.raises(ta.StorePoisoned):
                await (await system.start(Clerk, name="clerk")).write("a")
            await wait_all_tasks_blocked()
            nursery.start_soon(start, system)
            await wait_all_tasks_blocked()

    with trio.fail_after(0.1):  # no longer than the back-off
        async with trio.open_nursery() as nursery:
            await leave()


async def test_a_test_can_wait_for_it(clerk: Any, store: FaultyStore, paid: list[str]) -> None:
    store.plan(Fault(at=1, before=POISON))
    await clerk.write.cast("lost")
    await clerk.write.cast("handled by the next")

    await until(clerk, lambda state: state.lines == ["handled by the next"])


async def test_the_disk_may_be_a_slow_one(autojump_clock: MockClock, disk: HeldWorker) -> None:
    """The store is opened again on a new worker."""
    store = FaultyStore(MemoryStore(), Fault(at=2, before=POISON), blocking=True)
    async with isolated_system(store=store, environment=virtual_environment(worker=disk)) as system:
        clerk: Any = await system.start(Teller, name="clerk")
        await clerk.write("kept")
        disk.hold()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lost, clerk)
            await trio.sleep(1)
            disk.release()
        assert await clerk.read() == ["kept"]


async def lost_again_and_again(clerk: Any) -> None:
    while True:
        await lost(clerk)


async def lost(clerk: Any) -> None:
    with pytest.raises(ta.StorePoisoned):
        await clerk.write("lost")
