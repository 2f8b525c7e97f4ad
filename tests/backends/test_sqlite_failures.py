"""How the SQLite store reports the failures of SQLite."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from trioactors.environment import Environment
from trioactors.errors import Outcome, StoreCorrupt, StoreError, StoreFull, StorePoisoned, StoreUnavailable
from trioactors.persistence import Committed, Limits, Record
from trioactors.testing.contract_records import put, state
from trioactors_backends.sqlite import SQLiteStore
from trioactors_backends.sqlite_file import RealFiles
from trioactors_backends.sqlite_schema import explain


def opened(path: Path, environment: Environment) -> SQLiteStore:
    store = SQLiteStore(path)
    store.open(environment)
    return store


def _error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("told so")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, StoreFull),
        (sqlite3.SQLITE_BUSY, StoreUnavailable),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreUnavailable),
        (sqlite3.SQLITE_READONLY, StoreUnavailable),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreUnavailable),
        (sqlite3.SQLITE_CANTOPEN, StoreUnavailable),
        (sqlite3.SQLITE_IOERR_WRITE, StoreUnavailable),
        (sqlite3.SQLITE_IOERR_READ, StoreUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, StorePoisoned),
        (sqlite3.SQLITE_IOERR_DIR_FSYNC, StorePoisoned),
        (sqlite3.SQLITE_CORRUPT, StoreCorrupt),
        (sqlite3.SQLITE_NOTADB, StoreCorrupt),
        (sqlite3.SQLITE_ERROR, StoreCorrupt),
    ],
)
def test_each_error_of_sqlite_is_one_of_the_stores(code: int, expected: type[StoreError]) -> None:
    assert type(explain(_error(code), "store.db")) is expected


def test_an_error_without_a_code_is_damage() -> None:
    assert type(explain(sqlite3.ProgrammingError("?"), "store.db")) is StoreCorrupt


class FailingConnection(sqlite3.Connection):
    """A connection on which chosen statements fail."""

    codes: ClassVar[dict[str, int]] = {}

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # as in sqlite3
        if sql in self.codes:
            raise _error(self.codes[sql])
        return super().execute(sql, parameters)


@pytest.fixture
def failing(path: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLiteStore]:
    """A store with one record, on such a connection."""

    class Failing(RealFiles):
        def connect(self, path: Path, limits: Limits) -> sqlite3.Connection:
            del limits
            return sqlite3.connect(path, isolation_level=None, factory=FailingConnection)

    monkeypatch.setattr(FailingConnection, "codes", {})
    store = SQLiteStore(path, files=lambda _: Failing())
    store.open(environment)
    store.commit([put("a", b"1")])
    yield store
    FailingConnection.codes.clear()
    store.close()


def test_a_commit_that_cannot_be_synced_poisons(failing: SQLiteStore, environment: Environment) -> None:
    FailingConnection.codes["COMMIT"] = sqlite3.SQLITE_IOERR_FSYNC

    with pytest.raises(StorePoisoned) as caught:
        failing.commit([put("a", b"2", expected=1)])
    FailingConnection.codes.clear()

    assert caught.value.outcome is Outcome.INDETERMINATE
    assert "poisoned" in repr(failing)
    with pytest.raises(StorePoisoned):
        failing.commit([put("b", b"")])
    with pytest.raises(StorePoisoned):
        failing.read([state("a")])
    failing.close()
    failing.open(environment)
    assert list(failing.commit([put("b", b"")]))


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE])
def test_a_commit_that_cannot_be_written_changes_nothing(failing: SQLiteStore, code: int) -> None:
    FailingConnection.codes["COMMIT"] = code

    with pytest.raises(StoreUnavailable) as caught:
        failing.commit([put("a", b"2", expected=1)])
    FailingConnection.codes.clear()

    assert caught.value.outcome is Outcome.FAILED
    assert failing.read([state("a")]) == [Record(b"1", 1)]
    assert list(failing.commit([put("a", b"3", expected=1)])) == [Committed((2,))]


def test_a_transaction_that_cannot_be_undone_poisons(failing: SQLiteStore) -> None:
    FailingConnection.codes.update({"COMMIT": sqlite3.SQLITE_FULL, "ROLLBACK": sqlite3.SQLITE_IOERR})

    with pytest.raises(StorePoisoned):
        failing.commit([put("a", b"2", expected=1)])


def test_closing_where_there_is_no_room_leaves_the_log(failing: SQLiteStore, environment: Environment) -> None:
    FailingConnection.codes["PRAGMA wal_checkpoint(FULL)"] = sqlite3.SQLITE_FULL

    failing.close()
    with pytest.raises(StoreFull):
        failing.open(environment)
    FailingConnection.codes.clear()

    failing.open(environment)
    assert failing.read([state("a")]) == [Record(b"1", 1)]


def test_a_message_that_is_no_text_is_damage(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.close()
    content = path.read_bytes()
    place = content.index(b"CREATE TABLE records")
    path.write_bytes(content[:place] + b"\xc3REATE" + content[place + 6 :])

    with pytest.raises(StoreCorrupt):
        store.open(environment)


def test_a_backup_that_has_no_room_is_refused(failing: SQLiteStore, path: Path) -> None:
    FailingConnection.codes["VACUUM INTO ?"] = sqlite3.SQLITE_FULL

    with pytest.raises(StoreFull):
        failing.backup(path.with_name("backup.db"))

    assert not path.with_name("backup.db").exists()


def test_a_database_whose_name_cannot_be_synced_is_not_left_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "told so")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(StoreUnavailable, match="told so"):
        opened(path, Environment())

    assert not path.exists()
