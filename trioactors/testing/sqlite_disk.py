"""The SQLite store on a simulated disk: `simulated_sqlite(path)` is the store, unchanged, with its files on `environment.disk`.

Python's `sqlite3` can only use the disk of the system, so this module uses the SQLite of `apsw` (`pip install apsw`). `SimulatedFiles`
replaces the real files of a store. Its connection has the methods of `sqlite3.Connection` that the store and sqlite-utils call, and raises
the errors of `sqlite3`. The same seed gives the same bytes: SQLite takes its random numbers from the environment.

An exception that ends the process during an operation (a `PowerCut`) also ends the connection: SQLite is closed without touching the disk,
and further use raises the same exception again.
"""

from __future__ import annotations

import functools
import os
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import apsw
import attrs

from trioactors.environment.disk import Disk, refusal
from trioactors.environment.environment import Environment
from trioactors.errors import StoreUnavailable
from trioactors.persistence.options import Creation, Limits, Options
from trioactors.persistence.store import Store
from trioactors.persistence.urls import GROUP
from trioactors.testing.sqlite_vfs import DiskVFS, seed_chance

__all__ = ["SimulatedFiles", "simulated_sqlite"]

T = TypeVar("T")

_AUTOCHECKPOINT_PAGES: Final = 1_000
_EXTRA: Final = 3
"""The value EXTRA of `PRAGMA synchronous`."""

_MOMENT: Final = "2023-11-14 22:13:20.000000+00:00"
"""Replaces the time at which sqlite-utils applied a migration, which it reads from the real clock."""

_CLASSES: Final[dict[int, type[sqlite3.Error]]] = {
    sqlite3.SQLITE_INTERNAL: sqlite3.InternalError,
    sqlite3.SQLITE_NOTFOUND: sqlite3.InternalError,
    sqlite3.SQLITE_CORRUPT: sqlite3.DatabaseError,
    sqlite3.SQLITE_NOTADB: sqlite3.DatabaseError,
    sqlite3.SQLITE_TOOBIG: sqlite3.DataError,
    sqlite3.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    sqlite3.SQLITE_MISMATCH: sqlite3.IntegrityError,
    sqlite3.SQLITE_MISUSE: sqlite3.InterfaceError,
    sqlite3.SQLITE_RANGE: sqlite3.InterfaceError,
}
"""The same classes as in Python's `sqlite3`; every other code is an OperationalError."""


def simulated_sqlite(path: str | os.PathLike[str], options: Options | None = None) -> Store:
    """The store of `sqlite:` at *path*, on the disk of the environment that it is opened with. Its folder is made there."""
    return _real()(path, options, files=SimulatedFiles.of)


@functools.cache
def _real() -> Callable[..., Store]:
    """The class of the store, found by its entry point as for a URL: trioactors imports no stores."""
    [point] = entry_points(group=GROUP, name="sqlite")
    store: Callable[..., Store] = point.load()
    return store


@attrs.frozen
class SimulatedFiles:
    """The files of a SQLite store on a simulated disk."""

    disk: Disk
    environment: Environment
    syncs_folders: bool = True
    """False simulates a SQLite that was built with SQLITE_DISABLE_DIRSYNC."""

    @classmethod
    def of(cls, environment: Environment) -> SimulatedFiles:
        """The files on the disk of *environment*."""
        return cls(environment.disk, environment)

    def look(self, path: Path, create: Creation) -> None:
        """Make the folder of the file, unless *create* forbids it."""
        try:
            if create is Creation.CREATE:
                self.disk.make_folder(path.parent)
                return
            there = self.size(path) or self.exists(path.with_name(path.name + "-lock"))
        except OSError as error:
            raise refusal(error, str(path)) from error
        if not there:
            raise StoreUnavailable(f"there is no store at {path}, and none is to be made (create=no)")

    def exists(self, path: Path) -> bool:
        """Whether the file exists."""
        return path.name in self.disk.names(path.parent)

    def connect(self, path: Path, limits: Limits) -> sqlite3.Connection:
        """Open the database."""
        del limits  # no other process could hold a lock to wait for
        seed = f"{self.environment.random('sqlite').random()}/{self.environment.new_id()}"
        seed_chance(random.Random(seed))  # noqa: S311 - to replay, not to guard
        name = _free_name()
        vfs = DiskVFS(name, self.environment.disk, syncs_folders=self.syncs_folders)
        return cast("sqlite3.Connection", _Connection(path, vfs, name))

    def identify(self, paths: Sequence[Path]) -> object:
        """Check that all files exist. On this disk no name can be given to another file meanwhile."""
        for path in paths:
            if not self.exists(path):
                raise FileNotFoundError(str(path))
        return len(paths)

    def size(self, path: Path) -> int:
        """The size of the file."""
        if not self.exists(path):
            return 0
        file = self.disk.open(path)
        try:
            return file.size
        finally:
            file.close()


def _free_name() -> str:
    """An unused name for a connection; each open one has its own."""
    taken = set(apsw.vfs_names())
    return next(name for number in range(len(taken) + 1) if (name := f"trioactors-{number}") not in taken)


class _Cursor:
    """The rows of a statement. As in `sqlite3` it reads one row ahead, so that fetching the last row raises an error of the statement."""

    def __init__(self, connection: _Connection, rows: apsw.Cursor, rowcount: int) -> None:
        self._connection = connection
        self._rows = rows
        self._ahead: Any = rows.fetchone()
        self.rowcount = rowcount

    @property
    def description(self) -> Sequence[Sequence[object]]:
        """The columns; none after the last row, when they are not needed."""
        try:
            return self._rows.get_description()
        except apsw.ExecutionCompleteError:
            return ()

    @property
    def lastrowid(self) -> int:
        """The id of the last inserted row."""
        number: int = self._connection.inner.last_insert_rowid()
        return number

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def fetchone(self) -> Any:
        """The next row; None if there are no more."""
        row = self._ahead
        if row is not None:
            self._ahead = self._connection.run(self._rows.fetchone)
        if row is None or self._connection.text_factory is str:
            return row
        return tuple(value.encode() if isinstance(value, str) else value for value in row)

    def fetchall(self) -> list[Any]:
        """All remaining rows."""
        return list(self)


@attrs.define
class _Log:
    """The length of the write-ahead log."""

    pages: int = 0

    def grown(self, _: apsw.Connection, __: str, pages: int) -> int:
        """Called by SQLite after each commit."""
        self.pages = pages
        return apsw.SQLITE_OK


class _Connection:
    """The part of `sqlite3.Connection` that a store and sqlite-utils use."""

    isolation_level = None
    text_factory: type = str

    def __init__(self, path: Path, vfs: DiskVFS, name: str) -> None:
        self._vfs = vfs
        self._log = _Log()
        self._closed = True
        with ExitStack() as undo:
            undo.callback(vfs.unregister)
            self.inner: Any = self.run(lambda: apsw.Connection(str(path), vfs=name))
            undo.pop_all()
        self._closed = False
        self.inner.set_wal_hook(self._log.grown)  # the default hook checkpoints, and its failure looks like one of the commit
        self._all("PRAGMA locking_mode = EXCLUSIVE")
        self._all("PRAGMA temp_store = MEMORY")

    def __del__(self) -> None:
        """Close without touching the disk: a connection that was not closed belongs to a dead process."""
        self._vfs.abandoned = True
        self.close()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return not self._closed and self.inner.in_transaction

    def cursor(self) -> _Connection:
        """Return the connection itself; sqlite-utils executes on it."""
        return self

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> _Cursor:
        """Execute one statement."""
        if "INSERT" in sql and "applied_at" in sql:
            parameters = [_MOMENT if str(value).endswith(_MOMENT[-6:]) else value for value in parameters]
        rows = self.run(lambda: self.inner.execute(sql, tuple(parameters)))
        if sql.startswith("PRAGMA synchronous"):
            self._vfs.extra = self._all("PRAGMA synchronous") == [(_EXTRA,)]
        self._checkpoint()
        return _Cursor(self, rows, self.inner.changes())

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Execute the statement for each of *rows*."""
        for row in rows:
            self.execute(sql, row)

    def executescript(self, sql: str) -> None:
        """Execute all statements in *sql*."""
        self._all(sql)
        self._checkpoint()

    def close(self) -> None:
        """Close the database. Errors are ignored, as in SQLite."""
        if self._closed:
            return
        self._closed = True
        try:
            with suppress(apsw.Error):
                self.inner.close()
        finally:
            self._vfs.unregister()

    def run(self, do: Callable[[], T]) -> T:
        """Call SQLite and raise its errors as `sqlite3` does."""
        self._vfs.check()
        try:
            return do()
        except apsw.Error as error:
            self._vfs.check()
            raise _explained(error) from error
        finally:
            if self._vfs.dead:
                self.close()

    def _all(self, sql: str) -> list[Any]:
        found: list[Any] = self.run(lambda: self.inner.execute(sql).fetchall())
        return found

    def _checkpoint(self) -> None:
        """Move a long log into the database after a commit. The commit stands even if that fails."""
        if self._log.pages >= _AUTOCHECKPOINT_PAGES:
            self._log.pages = 0
            with suppress(sqlite3.Error):
                self.run(self.inner.wal_checkpoint)


def _explained(error: apsw.Error) -> sqlite3.Error:
    """The error of `sqlite3` that corresponds to an error of apsw."""
    code: int | None = getattr(error, "extendedresult", None)
    if code is None:
        return sqlite3.ProgrammingError(str(error))
    same = _CLASSES.get(code & 0xFF, sqlite3.OperationalError)(
        str(error) or apsw.mapping_extended_result_codes.get(code, str(code))
    )
    same.sqlite_errorcode = code
    return same
