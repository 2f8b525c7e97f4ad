"""The SQLite store on a simulated disk behaves as on a real one, and leaves nothing behind."""

from __future__ import annotations

import errno
import gc
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import pytest

import trioactors_backends.sqlite
import trioactors_backends.sqlite_file
from trioactors.environment import Environment
from trioactors.errors import Outcome, StoreCorrupt, StoreError, StoreFull, StoreLocked, StorePoisoned, StoreUnavailable
from trioactors.persistence import Committed, Creation, Limits, Options, Record, Space, Store
from trioactors.testing.contract_commits import CommitContract
from trioactors.testing.contract_records import RecordContract, put, remove, state
from trioactors.testing.disk import Keep, PowerCut, SimulatedDisk
from trioactors.testing.sqlite_disk import SimulatedFiles, simulated_sqlite

PATH = Path("/simulated/store.db")


def world(disk: SimulatedDisk, seed: int = 0) -> Environment:
    ids = itertools.count()
    return Environment(disk=disk, random=lambda label: random.Random(f"{seed}/{label}"), new_id=lambda: f"{next(ids)}")


def opened(disk: SimulatedDisk, seed: int = 0) -> Store:
    store = simulated_sqlite(PATH)
    store.open(world(disk, seed))
    return store


def names() -> list[str]:
    """The virtual file systems that are registered with SQLite."""
    return apsw.vfs_names()


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    before = names()
    yield
    gc.collect()
    assert names() == before


class TestSimulatedSQLite(RecordContract, CommitContract):
    def make(self, path: Path) -> Store:
        return simulated_sqlite(path)

    @pytest.fixture
    def environment(self) -> Environment:
        return world(SimulatedDisk())


def test_nothing_of_it_is_on_the_real_disk(tmp_path: Path) -> None:
    store = simulated_sqlite(tmp_path / "store.db")
    store.open(world(SimulatedDisk()))
    store.commit([put("a", b"1")])
    store.close()

    assert list(tmp_path.iterdir()) == []


def files(seed: int) -> dict[str, bytes]:
    disk = SimulatedDisk(seed=seed)
    store = opened(disk, seed)
    for number in range(5):
        store.commit([put(f"key-{number}", b"x" * 3_000)])
    disk.power_cut(Keep.ANYTHING)
    again = opened(disk, seed)
    again.commit([put("last", b"")])
    found = {name: disk.contents(PATH.parent / name) for name in disk.names(PATH.parent) if not name.endswith("-lock")}
    again.close()
    return found


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert files(1) == files(1)
    assert files(1)["store.db-wal"] != files(2)["store.db-wal"]


def test_a_closed_store_is_one_file_and_its_lock() -> None:
    disk = SimulatedDisk()

    opened(disk).close()

    assert disk.names(PATH.parent) == ["store.db", "store.db-lock"]


def test_a_second_owner_is_refused() -> None:
    disk = SimulatedDisk()
    store = opened(disk)

    with pytest.raises(StoreLocked):
        opened(disk)

    store.close()


@pytest.mark.parametrize(
    ("failing", "code", "expected"),
    [
        (range(1, 50), errno.ENOSPC, StoreFull),
        ([1], errno.EIO, StoreUnavailable),
        ([2], errno.EIO, StorePoisoned),  # of the new log's header
    ],
)
def test_a_failure_of_the_disk_is_the_one_that_sqlite_makes_of_it(
    failing: Sequence[int], code: int, expected: type[StoreError]
) -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    disk.power.failures.update({disk.operations + each: code for each in failing})

    with pytest.raises(expected) as caught:
        store.commit([put("a", b"1")])

    assert type(caught.value) is expected
    disk.power.failures.clear()
    store.close()


def test_a_full_disk_changes_nothing_and_is_over_when_there_is_room() -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    disk.capacity = 0

    with pytest.raises(StoreFull) as caught:
        store.commit([put("a", b"1")])

    disk.capacity = None
    assert caught.value.outcome is Outcome.FAILED
    assert list(store.commit([put("a", b"2")])) == [Committed((1,))]
    store.close()


@pytest.mark.parametrize("at", range(1, 6))
def test_a_power_cut_comes_out_as_itself_and_nothing_is_done_after_it(at: int) -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    disk.power.cut_at = disk.operations + at

    with pytest.raises(PowerCut):
        store.commit([put("a", b"1")])

    assert disk.operations == disk.power.cut_at
    with pytest.raises(PowerCut):
        store.read([state("a")])
    disk.power_cut(Keep.NOTHING)
    again = opened(disk)
    assert again.read([state("a")]) == [None]
    again.close()


def test_a_power_cut_while_it_is_opened_leaves_a_store_that_opens() -> None:
    disk = SimulatedDisk(cut_at=30)

    with pytest.raises(PowerCut):
        opened(disk)
    disk.power_cut(Keep.EVERYTHING)

    opened(disk).close()


def test_a_store_that_nobody_closed_touches_nothing_when_it_is_collected() -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    store.commit([put("a", b"1")])
    disk.kill()
    again = opened(disk)
    again.commit([put("b", b"2")])
    before = disk.operations

    del store
    gc.collect()

    assert disk.operations == before
    assert "store.db-wal" in disk.names(PATH.parent)
    again.close()


def test_a_store_that_is_closed_after_its_end_takes_nothing_from_the_next() -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    disk.kill()
    again = opened(disk)
    again.commit([put("a", b"1")])

    store.close()

    assert "store.db-wal" in disk.names(PATH.parent)
    disk.power_cut(Keep.NOTHING)
    third = opened(disk)
    assert third.read([state("a")]) == [Record(b"1", 1)]
    third.close()


LONG = b"x" * 5_000_000
"""More pages than the log holds."""


def test_a_long_log_is_moved_into_the_database() -> None:
    disk = SimulatedDisk()
    store = opened(disk)

    store.commit([put("a", LONG)])

    assert len(disk.contents(PATH)) > len(LONG)
    store.close()


def test_a_log_that_cannot_be_moved_is_none_of_the_commits_business() -> None:
    twin = SimulatedDisk()
    opened(twin).commit([put("a", LONG)])
    disk = SimulatedDisk(failures={twin.operations: errno.EIO})  # the sync of the database at the end of that
    store = opened(disk)

    answers = store.commit([put("a", LONG)])

    assert list(answers) == [Committed((1,))]
    assert disk.operations == twin.operations
    disk.power_cut(Keep.NOTHING)
    again = opened(disk)
    assert again.read([state("a")]) == [Record(LONG, 1)]
    again.close()


def test_a_backup_is_a_store_of_its_own() -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    store.commit([put("a", b"1")])

    store.backup(PATH.with_name("copy.db"))
    store.close()

    copy = simulated_sqlite(PATH.with_name("copy.db"))
    copy.open(world(disk))
    assert [key.name for key, _ in copy.scan(Space.STATE)] == ["a"]
    copy.close()


def test_what_is_left_of_an_interrupted_backup_is_in_nobodys_way() -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    disk.open(PATH.with_name("copy.db.new")).write(0, b"part")

    store.backup(PATH.with_name("copy.db"))

    assert "copy.db.new" not in disk.names(PATH.parent)
    with pytest.raises(StoreUnavailable, match="the path exists"):
        store.backup(PATH.with_name("copy.db"))
    store.close()


def test_free_pages_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trioactors_backends.sqlite, "_TIDY_EVERY", 3)
    disk = SimulatedDisk()
    store = simulated_sqlite(PATH, Options(limits=Limits(slack_bytes=40_000)))
    store.open(world(disk))

    store.commit([put("a", b"x" * 100_000)])
    store.commit([remove("a")])
    store.commit([put("b", b"")])
    store.close()

    assert len(disk.contents(PATH)) < 100_000  # ten pages less


def test_where_none_is_to_be_made_none_is_made() -> None:
    disk = SimulatedDisk()
    store = simulated_sqlite(PATH, Options(create=Creation.REFUSE))

    with pytest.raises(StoreUnavailable):
        store.open(world(disk))
    opened(disk).close()

    store.open(world(disk))
    store.close()


def test_a_file_that_is_removed_is_missed() -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    disk.remove(PATH)

    with pytest.raises(StoreUnavailable, match="deleted, moved or replaced while in use"):
        store.commit([put("a", b"1")])

    store.close()


def test_damage_is_damage() -> None:
    disk = SimulatedDisk()
    store = opened(disk)
    store.commit([put("a", b"1")])
    store.close()
    content = disk.contents(PATH)
    disk.damage(PATH, b"\0" * 100 + content[100:])

    with pytest.raises(StoreCorrupt):
        opened(disk)


def test_a_statement_that_is_none_is_an_error_of_sqlite3() -> None:
    disk = SimulatedDisk()
    disk.make_folder(PATH.parent)
    connection = SimulatedFiles.of(world(disk)).connect(PATH, Limits())

    with pytest.raises(trioactors_backends.sqlite_file.sqlite3.OperationalError) as caught:
        connection.execute("SELECT nonsense")

    assert caught.value.sqlite_errorcode == apsw.SQLITE_ERROR
    connection.close()
    with pytest.raises(trioactors_backends.sqlite_file.sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
