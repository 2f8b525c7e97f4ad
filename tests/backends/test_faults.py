"""Every store on disk keeps its promises under faults; controls show that the tests find broken ones."""

from __future__ import annotations

import copy
import errno
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from trioactors.environment import Disk, Environment
from trioactors.errors import StoreCorrupt
from trioactors.persistence import Durability, Limits, Options, Store
from trioactors.testing.contract_faults import FaultContract
from trioactors.testing.disk import Keep, PowerCut
from trioactors.testing.faults import PLACE, Life, LostWrite, Plan, Repeated, TestedDisk
from trioactors.testing.sqlite_disk import SimulatedFiles, simulated_sqlite
from trioactors_backends import sqlite_file
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.memory import MemoryStore
from trioactors_backends.sqlite import SQLiteStore
from trioactors_backends.sqlite_file import Files
from trioactors_backends.sqlite_schema import migrate

OFTEN = Options(limits=Limits(slack_bytes=600))
"""Options with which even the short runs of a test begin new generations."""

RELAXED = Options(durability=Durability.RELAXED, limits=Limits(slack_bytes=600))


class TestFilesystemUnderFaults(FaultContract):
    def make(self, path: Path) -> Store:
        return FilesystemStore(path, OFTEN)


class TestSQLiteUnderFaults(FaultContract):
    def make(self, path: Path) -> Store:
        return simulated_sqlite(path, OFTEN)


class TestRelaxedFilesystemUnderFaults(FaultContract):
    durable = False

    def make(self, path: Path) -> Store:
        return FilesystemStore(path, RELAXED)


class TestRelaxedSQLiteUnderFaults(FaultContract):
    durable = False
    every = 5

    def make(self, path: Path) -> Store:
        return simulated_sqlite(path, RELAXED)


# Controls: what must be found out.


class NeverSynced(TestedDisk):
    """A disk that claims to sync, and does not."""

    def sync(self, path: Path, do: Callable[[], None]) -> None:
        """Claim to sync."""


@pytest.mark.parametrize("make", [lambda path: FilesystemStore(path, OFTEN), lambda path: simulated_sqlite(path, OFTEN)])
def test_on_a_disk_that_ignores_syncs_answered_commits_are_lost(make: Callable[[Path], Store]) -> None:
    life = Life(make, NeverSynced())
    life.run()

    with pytest.raises(LostWrite):
        life.after(Keep.NOTHING)


def test_a_store_that_syncs_no_commit_is_found_out() -> None:
    lost = 0
    for at in range(1, 60):
        life = Life(lambda path: FilesystemStore(path, RELAXED)).fork(Plan(cut_at=at))
        with suppress(PowerCut):
            life.run()
        with suppress(LostWrite):
            life.after(Keep.NOTHING)
            continue
        lost += 1

    assert lost > 0


def test_a_store_that_ends_with_its_process_is_found_out() -> None:
    life = Life(lambda _: MemoryStore())
    life.run()

    with pytest.raises(LostWrite):
        life.after(None)


def test_a_sync_that_is_repeated_is_found_out() -> None:
    disk = TestedDisk()
    disk.make_folder(PLACE)
    file = disk.open(PLACE / "a")
    file.write(0, b"1")
    disk.plan(Plan(failures={disk.operations + 1: errno.EIO}))

    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    with pytest.raises(Repeated):
        file.sync()
    file.write(0, b"1")
    file.sync()


class _FoldersNotSynced:
    """A disk for a store that leaves the syncing of folders to SQLite."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> object:
        return getattr(self._disk, name)

    def sync_folder(self, path: Path) -> None:
        """Do not sync."""


def bare(environment: Environment) -> Files:
    """The files of a store that syncs no folder, with a SQLite that does not either (built with SQLITE_DISABLE_DIRSYNC)."""
    return SimulatedFiles(cast("Disk", _FoldersNotSynced(environment.disk)), environment, syncs_folders=False)


def careful(environment: Environment) -> Files:
    """The files of the real store, with the same SQLite."""
    return SimulatedFiles(environment.disk, environment, syncs_folders=False)


def harmed(files: Callable[[Environment], Files]) -> tuple[int, int]:
    """How many of some power cuts lose or refuse acknowledged commits, and in how many of those a rollback journal came back."""
    gone = returned = 0
    for at in range(2, 200, 3):  # the first makes the folder
        life = Life(lambda path: SQLiteStore(path, OFTEN, files=files)).fork(Plan(seed=at, cut_at=at))
        with suppress(PowerCut):
            life.run()
        copied = copy.deepcopy(life.disk)  # with its dice, so it keeps the same
        copied.power_cut(Keep.ANYTHING)
        names = copied.names(PLACE.parent)
        try:
            life.after(Keep.ANYTHING)
        except (LostWrite, StoreCorrupt):
            gone += 1
            returned += f"{PLACE.name}-journal" in names
    return gone, returned


def in_the_wrong_order(connection: sqlite3.Connection, path: Path, limits: Limits, identity: str) -> None:
    del limits
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = EXTRA")
    migrate(connection, str(path), identity)


def test_a_database_made_in_place_and_in_the_wrong_order_is_undone_by_a_journal_that_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite_file, "_make", lambda files, path, *_: files.disk.open(path).close())
    monkeypatch.setattr(sqlite_file, "set_up", in_the_wrong_order)

    gone, returned = harmed(bare)

    assert gone > returned > 0


def test_a_database_made_as_it_should_be_needs_nothing_from_sqlites_own_syncs_of_the_folder() -> None:
    assert harmed(careful) == (0, 0)
