"""The SQLite store on a full disk: its log is used again before a commit is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trioactors.environment import Environment
from trioactors.errors import Outcome, StoreFull
from trioactors.persistence import Durability, Options, Record, Space, Store
from trioactors.testing.contract_records import put, state
from trioactors.testing.disk import SimulatedDisk
from trioactors.testing.sqlite_disk import simulated_sqlite

FOLDER = Path("/simulated")
DATA = os.urandom(50_000)


@pytest.fixture(params=Durability)
def options(request: pytest.FixtureRequest) -> Options:
    return Options(durability=request.param)


def used(disk: SimulatedDisk) -> int:
    return sum(len(disk.contents(FOLDER / name)) for name in disk.names(FOLDER))


def opened(disk: SimulatedDisk, options: Options) -> Store:
    disk.make_folder(FOLDER)
    store = simulated_sqlite(FOLDER / "store.db", options)
    store.open(Environment(disk=disk))
    return store


def overwrite(store: Store, keys: int) -> None:
    for number in range(100):
        store.commit([put(f"key-{number % keys}", b"%d." % number + DATA, expected=None)])


def test_records_are_overwritten_in_the_room_that_the_log_has(options: Options) -> None:
    disk = SimulatedDisk(capacity=10_000_000)
    store = opened(disk, options)
    for number in range(4):
        store.commit([put(f"key-{number}", DATA)])
    store.close()
    store = opened(disk, options)
    disk.capacity = used(disk) + 3 * len(DATA)

    overwrite(store, keys=4)

    found = [record.data[:3] for _, record in store.scan(Space.STATE) if isinstance(record, Record)]
    assert found == [b"96.", b"97.", b"98.", b"99."]
    store.close()


def test_where_the_database_would_have_to_grow_the_commit_is_refused_and_nothing_is_lost(options: Options) -> None:
    disk = SimulatedDisk(capacity=400_000)
    store = opened(disk, options)

    with pytest.raises(StoreFull) as caught:
        overwrite(store, keys=1)
    with pytest.raises(StoreFull):
        store.commit([put("key-0", DATA, expected=None)])
    [kept] = store.read([state("key-0")])
    disk.capacity = 10_000_000
    store.commit([put("key-0", DATA, expected=None)])

    assert caught.value.outcome is Outcome.FAILED
    assert isinstance(kept, Record)
    assert kept.data == b"%d." % (kept.revision - 1) + DATA
    store.close()
