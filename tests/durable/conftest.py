"""What the tests of durable actors share: a disk that can stand still, actors that do as they are told, callers who remember."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
import trio

import trioactors as ta
from shared.actors import Ear, Keeper, Refused
from shared.calls import Callers
from trioactors.persistence import Batch, Key, Space, Write
from trioactors.persistence.committer import Committer, Verdict
from trioactors.testing import HeldWorker, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore
from trioactors.trace import StoreCommitted
from trioactors.trace.observers import Observers
from trioactors_backends.memory import MemoryStore


def _batch(name: str, data: bytes) -> Batch:
    return Batch((Write(Key(Space.STATE, name), data, expected=None),))


class Bench:
    """A committer at work, and what it told."""

    def __init__(self, store: Any, worker: Any, grace: float = 5.0) -> None:
        self.records = ta.Recorder()
        observers = Observers()
        observers.attach(self.records)
        self.store = store
        self.committer = Committer(store, virtual_environment(worker=worker), observers, grace)
        self.told: dict[str, Verdict] = {}
        self.scope = trio.CancelScope()
        self.ended: BaseException | None = None
        self.over = trio.Event()

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:  # noqa: ASYNC128 - the committer calls it
        with self.scope:
            try:
                await self.committer.run(task_status=task_status)
            except Exception as error:
                self.ended = error
        self.over.set()

    def submit(self, *names: str, data: bytes = b"x") -> None:
        for name in names:
            self.committer.submit(_batch(name, data), lambda verdict, name=name: self.told.update({name: verdict}))

    def news(self) -> dict[str, Any]:
        """What was told since the last look: the class of each verdict."""
        told, self.told = self.told, {}
        return {name: type(verdict) for name, verdict in told.items()}

    def groups(self) -> list[int]:
        """The sizes of the commits so far."""
        return [record.batches for record in self.records.of(StoreCommitted)]


@pytest.fixture
def store() -> FaultyStore:
    """A store in memory that is treated as one on a disk."""
    return FaultyStore(MemoryStore(), blocking=True)


@pytest.fixture
def disk() -> HeldWorker:
    """Where its calls run."""
    return HeldWorker()


@pytest.fixture
def system_store(store: FaultyStore) -> FaultyStore:
    return store


@pytest.fixture
def system_environment(disk: HeldWorker) -> ta.Environment:
    return virtual_environment(worker=disk)


@pytest.fixture
async def keeper(system: ta.System, disk: HeldWorker) -> AsyncGenerator[Keeper, None]:
    """A durable actor; the disk moves again when the test is over."""
    yield await system.start(Keeper, name="keeper")
    disk.release()


@pytest.fixture
def refused() -> type[Exception]:
    """What its handler `do` declares."""
    return Refused


@pytest.fixture
async def ear(system: ta.System) -> Ear:
    return await system.start(Ear, name="ear")


@pytest.fixture
async def callers(keeper: Keeper) -> AsyncGenerator[Callers, None]:
    """They leave when the test is over."""
    async with trio.open_nursery() as nursery:
        yield Callers(nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture
def callers_of() -> type[Callers]:
    """Makes callers in a nursery of the test's own."""
    return Callers


@pytest.fixture
def fail(store: FaultyStore) -> Callable[..., None]:
    """Let the next commit fail, or the one *after* so many more."""

    def plan(error: ta.StoreError, *, after: int = 0) -> None:
        store.plan(Fault(at=1 + after, before=error))

    return plan


@pytest.fixture
async def paid(system: ta.System, recorder: ta.Recorder) -> AsyncGenerator[list[str], None]:
    """Whose budgets the restarts of a test were charged to; nobody's but the store's, unless the test says so."""
    others: list[str] = []
    yield others
    assert [record.child for record in recorder.of(ta.RestartScheduled) if record.child != ":store"] == others


@pytest.fixture
def bench_of() -> type[Bench]:
    """Makes a committer for a store and a worker; start it with `run`."""
    return Bench


@pytest.fixture
async def bench(store: FaultyStore, disk: HeldWorker) -> AsyncGenerator[Bench, None]:
    """A committer at work."""
    made = Bench(store, disk)
    async with trio.open_nursery() as nursery:
        await nursery.start(made.run)
        yield made
        disk.release()
        made.scope.cancel()
