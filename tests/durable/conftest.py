"""Fixtures for the tests of durable actors: a store on a disk that can be held, a durable actor, an ear, callers, a committer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

import pytest
import trio

import trioactors as ta
from shared.actors import Ear, Keeper
from shared.calls import Callers
from shared.committers import Bench
from trioactors.testing import HeldWorker, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore
from trioactors_backends.memory import MemoryStore


@pytest.fixture
def store() -> FaultyStore:
    """A store in memory that is treated as one on a disk."""
    return FaultyStore(MemoryStore(), blocking=True)


@pytest.fixture
def disk() -> HeldWorker:
    """The worker that runs the calls of the store; it can be held."""
    return HeldWorker()


@pytest.fixture
def system_store(store: FaultyStore) -> FaultyStore:
    """The store of `system`."""
    return store


@pytest.fixture
def system_environment(disk: HeldWorker) -> ta.Environment:
    """The environment of `system`: virtual, but for the disk."""
    return virtual_environment(worker=disk)


@pytest.fixture
async def keeper(system: ta.System, disk: HeldWorker) -> AsyncGenerator[Keeper, None]:
    """A durable actor. The disk is released after the test."""
    yield await system.start(Keeper, name="keeper")
    disk.release()


@pytest.fixture
async def ear(system: ta.System) -> Ear:
    """An actor that hears what others send."""
    return await system.start(Ear, name="ear")


@pytest.fixture
async def callers(keeper: Keeper) -> AsyncGenerator[Callers, None]:
    """Calls in the background; they are cancelled after the test."""
    async with trio.open_nursery() as nursery:
        yield Callers(nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture
def fail(store: FaultyStore) -> Callable[..., None]:
    """Makes the next commit fail, or the one *after* so many more."""

    def plan(error: ta.StoreError, *, after: int = 0) -> None:
        store.plan(Fault(at=1 + after, before=error))

    return plan


@pytest.fixture
async def paid(system: ta.System, recorder: ta.Recorder) -> AsyncGenerator[list[str], None]:
    """Checks after the test which restarts were counted: those of the store, and of the children that the test puts into this list."""
    others: list[str] = []
    yield others
    assert [record.child for record in recorder.of(ta.RestartScheduled) if record.child != ":store"] == others


@pytest.fixture
async def bench(store: FaultyStore, disk: HeldWorker) -> AsyncGenerator[Bench, None]:
    """A committer at work."""
    made = Bench(store, disk)
    async with trio.open_nursery() as nursery:
        await nursery.start(made.run)
        yield made
        disk.release()
        made.scope.cancel()
