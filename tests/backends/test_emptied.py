"""A store that was emptied never opens as a new one, and a first opening that was killed does."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from trioactors.environment import Environment
from trioactors.errors import StoreCorrupt, StoreError, StoreUnavailable
from trioactors.persistence import Creation, Options, Record, Store
from trioactors.testing.contract_records import put, state
from trioactors.testing.disk import Keep, PowerCut
from trioactors.testing.faults import Killed, Plan, TestedDisk
from trioactors.testing.sqlite_disk import simulated_sqlite
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.sqlite import SQLiteStore

JOURNAL = bytes.fromhex("d9d505f920a163d7") + bytes(11)
"""The beginning of a rollback journal, up to the last byte of the number of pages that the database had."""

STORES = pytest.mark.parametrize("make", [SQLiteStore, FilesystemStore])


def lived(store: Store, *, commits: int = 1) -> None:
    store.open(Environment())
    for number in range(commits):
        store.commit([put(f"key-{number}", b"1")])
    store.close()


def test_a_database_that_was_emptied_beside_its_log_keeps_the_log(path: Path) -> None:
    store = SQLiteStore(path)
    store.open(Environment())
    store.commit([put("a", b"1")])
    files = {file: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")}
    store.close()
    for file, content in files.items():
        file.write_bytes(content)
    path.with_name("store.db-lock").unlink()

    for cut in (lambda: path.write_bytes(b""), path.unlink):
        cut()
        for _ in range(2):
            with pytest.raises(StoreCorrupt, match=r"store\.db-wal shows that a store was here"):
                SQLiteStore(path).open(Environment())

    log = path.with_name("store.db-wal")
    assert log.read_bytes() == files[log]


def test_an_empty_file_beside_the_journal_of_a_database_with_pages_is_refused(path: Path) -> None:
    path.touch()
    path.with_name("store.db-journal").write_bytes(JOURNAL + b"\x07" + bytes(512))

    with pytest.raises(StoreCorrupt, match=r"store\.db-journal"):
        SQLiteStore(path).open(Environment())


def test_an_empty_file_beside_the_journal_of_an_empty_database_becomes_a_store(path: Path) -> None:
    path.touch()
    path.with_name("store.db-journal").write_bytes(JOURNAL + b"\0" + bytes(512))

    lived(SQLiteStore(path))


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()

    lived(SQLiteStore(path))


def test_a_file_of_one_byte_is_left_alone(path: Path) -> None:
    path.write_bytes(b"x")

    with pytest.raises(StoreCorrupt, match="not a SQLite database"):
        SQLiteStore(path).open(Environment())

    assert path.read_bytes() == b"x"


@STORES
@pytest.mark.parametrize("commits", [0, 1])
@pytest.mark.parametrize("create", Creation)
def test_a_store_whose_data_is_gone_is_not_made_anew(
    path: Path, make: Callable[[Path, Options], Store], commits: int, create: Creation
) -> None:
    store = make(path, Options(create=Creation.CREATE))
    lived(store, commits=commits)
    for file in (path, *path.glob("*.log"), *path.glob("*.snapshot")):
        if file.is_file():
            file.unlink()

    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            make(path, Options(create=create)).open(Environment())


@STORES
def test_without_its_lock_it_is_made_anew(path: Path, make: Callable[[Path], Store]) -> None:
    lived(make(path))
    for file in [file for file in path.parent.rglob("*") if file.is_file()]:
        file.unlink()

    lived(make(path))


@STORES
def test_a_file_of_another_program_in_the_place_of_the_lock_is_left_alone(path: Path, make: Callable[[Path], Store]) -> None:
    lock = path / "owner" if make is FilesystemStore else path.with_name("store.db-lock")
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("dear diary")

    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="another program"):
            make(path).open(Environment())

    assert lock.read_text() == "dear diary"


def test_a_backup_that_was_not_finished_is_no_empty_store(path: Path) -> None:
    store = FilesystemStore(path)
    store.open(Environment())
    store.commit([put("a", b"1")])
    copy = path.with_name("copy")
    store.backup(copy)
    store.close()
    [snapshot] = copy.glob("*.snapshot")
    snapshot.rename(copy / f"{snapshot.name}.new")

    with pytest.raises(StoreCorrupt, match="snapshot is missing"):
        FilesystemStore(copy).open(Environment())


PLACE = Path("/simulated/store.db")


def _opened_until(plan: Plan) -> tuple[TestedDisk, bool]:
    """Open a store on an empty file, as far as the plan allows. Returns whether it was opened."""
    disk = TestedDisk()
    disk.make_folder(PLACE.parent)
    disk.open(PLACE).close()
    disk.sync_folder(PLACE.parent)
    disk.plan(plan)
    store = simulated_sqlite(PLACE)
    with suppress(PowerCut, Killed):
        store.open(Environment(disk=disk))
        return disk, True
    return disk, False


@pytest.mark.parametrize("keep", [None, Keep.NOTHING, Keep.ANYTHING])
def test_a_first_opening_of_an_empty_file_that_ends_anywhere_opens_afterwards(keep: Keep | None) -> None:
    for at in range(3, 200, 1 if keep is None else 3):
        plan = Plan(seed=at, kill_at=at) if keep is None else Plan(seed=at, cut_at=at)
        disk, finished = _opened_until(plan)
        if finished:
            break
        disk.kill() if keep is None else disk.power_cut(keep)
        again = simulated_sqlite(PLACE)
        try:
            again.open(Environment(disk=disk))
        except StoreError as error:
            pytest.fail(f"{at}: {error}")
        again.commit([put("a", b"1")])
        assert again.read([state("a")]) == [Record(b"1", 1)]
        again.close()
    else:
        pytest.fail("never opened")


def test_a_missing_file_and_an_emptied_one_are_told_apart(path: Path) -> None:
    lived(SQLiteStore(path))
    os.truncate(path, 0)
    with pytest.raises(StoreCorrupt, match="is empty"):
        SQLiteStore(path).open(Environment())
    path.unlink()
    with pytest.raises(StoreCorrupt, match=r"is gone.*remove store\.db-lock as well"):
        SQLiteStore(path).open(Environment())
