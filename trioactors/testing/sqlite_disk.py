"""The SQLite store on a simulated disk: `simulated_sqlite(path)` is the store, unchanged, with its files on `environment.disk`.

Python's own `sqlite3` knows no other disk than the system's, so here is a SQLite of its own, which `apsw` brings (`pip install apsw`).
`SimulatedFiles` takes the place of the real files of a store; its connection has those methods of `sqlite3.Connection` that the store and
sqlite-utils call, and raises the errors of `sqlite3`. The same seed gives the same bytes: SQLite's chance comes from the environment.

What ends the process in the middle of an operation (a `PowerCut`) ends the connection too: SQLite is closed without touching the disk, and
whoever goes on using it gets the same exception again.
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
"""What `PRAGMA synchronous` calls EXTRA."""

_MOMENT: Final = "2023-11-14 22:13:20.000000+00:00"
"""When sqlite-utils applied a migration, as it writes it down; it reads the real clock itself."""

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
"""As Python's `sqlite3` does it; every other code is an OperationalError."""


def simulated_sqlite(path: str | os.PathLike[str], options: Options | None = None) -> Store:
    """The store of `sqlite:` at *path* on the disk of the environment it is opened with; its folder is made there."""
    return _real()(path, options, files=SimulatedFiles.of)


@functools.cache
def _real() -> Callable[..., Store]:
    """The class of the store. It is found as a URL finds it: trioactors imports no stores."""
    [point] = entry_points(group=GROUP, name="sqlite")
    store: Callable[..., Store] = point.load()
    return store


@attrs.frozen
class SimulatedFiles:
    """The files of a SQLite store, on a disk that is not the system's."""

    disk: Disk
    environment: Environment
    syncs_folders: bool = True
    """False is how SQLite behaves that was built with SQLITE_DISABLE_DIRSYNC."""

    @classmethod
    def of(cls, environment: Environment) -> SimulatedFiles:
        """Those on the disk of the *environment*."""
        return cls(environment.disk, environment)

    def look(self, path: Path, create: Creation) -> None:
        """Make the folder of the file, unless nothing is to be made."""
        try:
            if create is Creation.CREATE:
                self.disk.make_folder(path.parent)
                return
            there = self.exists(path) and self._size(path) > 0
        except OSError as error:
            raise refusal(error, str(path)) from error
        if not there:
            raise StoreUnavailable(f"there is no store at {path}, and none is to be made (create=no)")

    def exists(self, path: Path) -> bool:
        """Whether something has this name."""
        return path.name in self.disk.names(path.parent)

    def connect(self, path: Path, limits: Limits) -> sqlite3.Connection:
        """Open the database."""
        del limits  # nobody else is there who could be waited for
        seed = f"{self.environment.random('sqlite').random()}/{self.environment.new_id()}"
        seed_chance(random.Random(seed))  # noqa: S311 - to replay, not to guard
        name = _free_name()
        vfs = DiskVFS(name, self.environment.disk, syncs_folders=self.syncs_folders)
        return cast("sqlite3.Connection", _Connection(path, vfs, name))

    def identify(self, paths: Sequence[Path]) -> object:
        """Whether all of them are there; no name on this disk is given to another file by anybody."""
        for path in paths:
            if not self.exists(path):
                raise FileNotFoundError(str(path))
        return len(paths)

    def _size(self, path: Path) -> int:
        file = self.disk.open(path)
        try:
            return file.size
        finally:
            file.close()


def _free_name() -> str:
    """A name for one more connection; all that are open have their own."""
    taken = set(apsw.vfs_names())
    return next(name for number in range(len(taken) + 1) if (name := f"trioactors-{number}") not in taken)


class _Cursor:
    """The rows of a statement. As in `sqlite3` it is a row ahead, so that whoever takes the last one is told how the statement ended."""

    def __init__(self, connection: _Connection, rows: apsw.Cursor, rowcount: int) -> None:
        self._connection = connection
        self._rows = rows
        self._ahead: Any = rows.fetchone()
        self.rowcount = rowcount

    @property
    def description(self) -> Sequence[Sequence[object]]:
        """The columns; none where there is no row left, and nobody needs them."""
        try:
            return self._rows.get_description()
        except apsw.ExecutionCompleteError:
            return ()

    @property
    def lastrowid(self) -> int:
        """The number of the row that was inserted last."""
        number: int = self._connection.inner.last_insert_rowid()
        return number

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def fetchone(self) -> Any:
        """The next row; None when there are no more."""
        row = self._ahead
        if row is not None:
            self._ahead = self._connection.run(self._rows.fetchone)
        if row is None or self._connection.text_factory is str:
            return row
        return tuple(value.encode() if isinstance(value, str) else value for value in row)

    def fetchall(self) -> list[Any]:
        """All that are left."""
        return list(self)


@attrs.define
class _Log:
    """How long the write-ahead log is."""

    pages: int = 0

    def grown(self, _: apsw.Connection, __: str, pages: int) -> int:
        """Told by SQLite after each commit."""
        self.pages = pages
        return apsw.SQLITE_OK


class _Connection:
    """What a store and sqlite-utils use of `sqlite3.Connection`."""

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
        self.inner.set_wal_hook(self._log.grown)  # SQLite's own would checkpoint, and let nobody tell its failure from the commit's
        self._all("PRAGMA locking_mode = EXCLUSIVE")
        self._all("PRAGMA temp_store = MEMORY")

    def __del__(self) -> None:
        """A connection that nobody closed belongs to a process that is dead: what is on the disk is none of its business."""
        self._vfs.abandoned = True
        self.close()

    @property
    def in_transaction(self) -> bool:
        """Whether something is left to be committed or undone."""
        return not self._closed and self.inner.in_transaction

    def cursor(self) -> _Connection:
        """sqlite-utils executes on it."""
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
        """Execute all statements, and all that they do."""
        self._all(sql)
        self._checkpoint()

    def close(self) -> None:
        """Close the database; what fails in it, fails unheard, as in SQLite."""
        if self._closed:
            return
        self._closed = True
        try:
            with suppress(apsw.Error):
                self.inner.close()
        finally:
            self._vfs.unregister()

    def run(self, do: Callable[[], T]) -> T:
        """Call SQLite, and raise its errors as `sqlite3` does."""
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
        """After a commit that made the log long, move it into the database; where that fails, the commit stands."""
        if self._log.pages >= _AUTOCHECKPOINT_PAGES:
            self._log.pages = 0
            with suppress(sqlite3.Error):
                self.run(self.inner.wal_checkpoint)


def _explained(error: apsw.Error) -> sqlite3.Error:
    """The error of `sqlite3` for one of apsw's."""
    code: int | None = getattr(error, "extendedresult", None)
    if code is None:
        return sqlite3.ProgrammingError(str(error))
    same = _CLASSES.get(code & 0xFF, sqlite3.OperationalError)(
        str(error) or apsw.mapping_extended_result_codes.get(code, str(code))
    )
    same.sqlite_errorcode = code
    return same
