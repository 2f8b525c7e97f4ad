"""The table of guarantees in docs/promises.md, cell by cell: policy, store, fault, and how many of the acknowledged changes survive.

Each test adds 5, lets the window of `Within` pass, and adds 3 more: 8 are acknowledged, and 5 of them are older than the window. A
`SIGKILL` is simulated by taking the files as they are; tests/crashlab kills real processes.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Counter
from trioactors.persistence import Durability, Options, Store
from trioactors.testing import crash, isolated_system, restarted, virtual_environment
from trioactors.testing.disk import Keep, SimulatedDisk
from trioactors.testing.sqlite_disk import simulated_sqlite
from trioactors.testing.stores import Fault, FaultyStore
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.memory import MemoryStore
from trioactors_backends.sqlite import SQLiteStore

WINDOW = 1.0
TOLD, COMMITTED = 8, 5


class Every(Counter, persist=ta.EVERY_MESSAGE):
    """Loses no acknowledged change."""


class Within(Counter, persist=ta.Within(WINDOW)):
    """Loses at most the changes of the last window."""


LEFT = {Every: TOLD, Within: COMMITTED}
"""The totals that survive if the actor had no time for `on_stop`."""

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "filesystem": lambda place: FilesystemStore(place / "store"),
    "sqlite": lambda place: SQLiteStore(place / "store.db"),
}


@pytest.fixture(params=[Every, Within])
def policy(request: pytest.FixtureRequest) -> type[Counter]:
    chosen: type[Counter] = request.param
    return chosen


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Store:
    return STORES[kind](tmp_path)


async def work(system: ta.System, policy: type[Counter]) -> Counter:
    """Add 8 with acknowledgement, 5 of them more than a window ago."""
    counter = await system.start(policy, name="counter")
    assert await counter.add(COMMITTED) == COMMITTED
    await trio.sleep(WINDOW)
    assert await counter.add(TOLD - COMMITTED) == TOLD
    return counter


async def left_in(store: Store, policy: type[Counter], environment: ta.Environment | None = None) -> int:
    """The total that another system finds."""
    async with isolated_system(store=store, environment=environment) as system:
        return await (await system.start(policy, name="counter")).total()


async def test_an_orderly_end_takes_nothing(autojump_clock: MockClock, policy: type[Counter], store: Store) -> None:
    async with isolated_system(store=store) as system:
        await work(system, policy)

    assert await left_in(store, policy) == TOLD


async def test_a_handlers_crash(autojump_clock: MockClock, policy: type[Counter], store: Store) -> None:
    async with isolated_system(store=store) as system:
        counter = await work(system, policy)
        crash(counter)
        await restarted(counter, after=1)

        assert await counter.total() == LEFT[policy]


async def test_a_supervisors_restart(autojump_clock: MockClock, policy: type[Counter], store: Store) -> None:
    async with isolated_system(ta.Supervisor(name="outer"), store=store) as system:
        outer = system.supervisor("outer")
        await outer.start_child(ta.Supervisor(ta.child(policy, name="counter"), name="inner"))
        counter = system.get(policy, "counter")
        await counter.add(TOLD)

        await outer.terminate_child("inner")
        await outer.restart_child("inner")

        assert await counter.total() == TOLD


async def test_sigkill(autojump_clock: MockClock, policy: type[Counter], kind: str, store: Store, tmp_path: Path) -> None:
    place = tmp_path / "as it was"
    async with isolated_system(store=store) as system:
        await work(system, policy)
        shutil.copytree(tmp_path, place)

    assert await left_in(STORES[kind](place), policy) == (0 if kind == "memory" else LEFT[policy])


@pytest.mark.parametrize("make", [FilesystemStore, simulated_sqlite])
@pytest.mark.parametrize("durability", Durability)
async def test_a_power_cut(
    autojump_clock: MockClock, policy: type[Counter], durability: Durability, make: Callable[[Path, Options], Store]
) -> None:
    disk = SimulatedDisk()
    place, options = Path("/simulated/store"), Options(durability=durability)
    environment = attrs.evolve(virtual_environment(), disk=disk)
    async with isolated_system(store=make(place, options), environment=environment) as system:
        await work(system, policy)
        after = copy.deepcopy(disk)
    after.power_cut(Keep.NOTHING)

    left = await left_in(make(place, options), policy, attrs.evolve(virtual_environment(), disk=after))
    assert left == (LEFT[policy] if durability is Durability.DURABLE else 0)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_failed_sync(autojump_clock: MockClock, policy: type[Counter], store: Store, when: str) -> None:
    faulty = FaultyStore(store)
    async with isolated_system(store=faulty) as system:
        counter = await work(system, policy)
        faulty.plan(Fault(at=1, **{when: ta.StorePoisoned("the sync failed")}))
        if policy is Every:
            with pytest.raises(ta.StorePoisoned) as caught:
                await counter.add(1)
            assert caught.value.outcome is ta.Outcome.INDETERMINATE
        await restarted(counter, after=1)

        kept = {Every: (TOLD, TOLD + 1), Within: (COMMITTED, TOLD)}[policy][when == "after"]
        assert await counter.total() == kept


async def test_a_full_disk(autojump_clock: MockClock, policy: type[Counter], store: Store) -> None:
    faulty = FaultyStore(store)
    async with isolated_system(store=faulty) as system:
        counter = await work(system, policy)
        faulty.plan(Fault(at=1, before=ta.StoreFull("no room")))
        if policy is Every:
            with pytest.raises(ta.StoreFull) as caught:
                await counter.add(1)
            assert caught.value.outcome is ta.Outcome.FAILED
        await trio.sleep(2 * WINDOW)

        assert await counter.total() == TOLD
        assert ta.info(counter).incarnation == 1
    assert await left_in(store, policy) == TOLD
