"""The file of a SQLite store, as a file: finding it, opening it in the right mode, copying it.

A power cut must not bring back what is over, and a sync that failed must not be trusted when a later one succeeds. So a new database is
made under another name, with `synchronous` at EXTRA before it is switched to write-ahead mode, and gets its own name when it is whole: no
rollback journal ever had a name that a later opening looks for. And a log that may never have reached the disk is written once more before
it is moved into the database.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

import attrs

from trioactors.environment import Disk, DiskFile, Environment, RealDisk, refusal
from trioactors.errors import StorePoisoned, StoreUnavailable
from trioactors.persistence import Creation, Limits
from trioactors_backends.generations import sure
from trioactors_backends.sqlite_schema import KEEP_BOOK, Book, migrate

__all__ = [
    "Files",
    "RealFiles",
    "connect",
    "copy_database",
    "identity_of",
    "lock_of",
    "move_log",
    "put_away",
    "real_files",
    "recover_log",
    "see_that_it_is_there",
    "set_up",
]

_CHUNK_BYTES = 1024 * 1024


class Files(Protocol):
    """Where the files of a database are, and what opens them: SQLite itself knows no disk but the system's."""

    @property
    def disk(self) -> Disk:
        """Where they are."""
        ...

    def look(self, path: Path, create: Creation) -> None:
        """Say what is wrong with the path, while nothing has been touched."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether something has this name."""
        ...

    def connect(self, path: Path, limits: Limits) -> sqlite3.Connection:
        """Open the database, which is there; every statement is its own transaction, any thread may use it."""
        ...

    def identify(self, paths: Sequence[Path]) -> object:
        """Something that is equal as long as the paths lead to the same files; FileNotFoundError if one is gone."""
        ...


@attrs.frozen
class RealFiles:
    """The real ones, with Python's own SQLite."""

    disk: Disk = attrs.field(factory=RealDisk)

    def look(self, path: Path, create: Creation) -> None:
        """Say what is wrong with the path."""
        if path.is_dir():
            raise StoreUnavailable(f"{path} is a folder. sqlite: needs a file; a folder is what file: is for")
        if not path.parent.is_dir():
            raise StoreUnavailable(f"the folder {path.parent} does not exist. Create it first.")
        if create is Creation.REFUSE and not (path.exists() and path.stat().st_size):  # an empty file is no store yet
            raise StoreUnavailable(f"there is no store at {path}, and none is to be made (create=no)")

    def exists(self, path: Path) -> bool:
        """Whether something has this name, a dead link too."""
        return path.exists() or path.is_symlink()

    def connect(self, path: Path, limits: Limits) -> sqlite3.Connection:
        """Open the database."""
        return sqlite3.connect(path, timeout=limits.patience, isolation_level=None, check_same_thread=False)

    def identify(self, paths: Sequence[Path]) -> object:
        """The device and the number of each."""
        return [(status.st_dev, status.st_ino) for path in paths for status in (path.stat(),)]


def real_files(_: Environment) -> Files:
    """The real ones, whatever the environment's disk is."""
    return RealFiles()


def lock_of(path: Path) -> Path:
    """The file beside the database that says who owns it."""
    return path.with_name(path.name + "-lock")


def identity_of(files: Files, path: Path) -> object:
    """Something that is equal as long as the files of an open store are the same; FileNotFoundError if one is gone."""
    return files.identify((path, _log_of(path), lock_of(path)))


def see_that_it_is_there(files: Files, path: Path, identity: object) -> None:
    """Refuse to go on where the files are no longer those that had this identity."""
    try:
        if identity_of(files, path) == identity:
            return
    except FileNotFoundError:
        pass
    except OSError as error:
        raise refusal(error, f"{path} cannot be found") from error
    raise StoreUnavailable(f"{path} was deleted while in use. Nothing is written to what cannot be found again.")


def connect(files: Files, path: Path, limits: Limits, identity: str) -> sqlite3.Connection:
    """Open the database and bring it up to date; where there is none, make one of this *identity*.

    A log that is there was left by a process that was killed. Its content may not be on the disk, and neither may its name, which no second
    sync of the folder would put there: so it is moved, and goes when the connection is closed, and the next one makes its own.
    """
    if not files.exists(path):
        _make(files, path, limits, identity)
    if files.exists(_log_of(path)):
        connection = _opened(files, path, limits, identity)
        moved = False
        try:
            moved = recover_log(files, connection, path)
        finally:
            put_away(files, connection, path, sound=moved)
    return _opened(files, path, limits, identity)


def put_away(files: Files, connection: sqlite3.Connection, path: Path, *, sound: bool) -> None:
    """Close the connection. SQLite moves the log into the database then; unless all is *sound*, it may not be on the disk."""
    try:
        if not sound:
            with suppress(OSError, StorePoisoned, sqlite3.Error):  # then it is as it is
                _rewrite_log(files, connection, path)
    finally:
        connection.close()


def recover_log(files: Files, connection: sqlite3.Connection, path: Path) -> bool:
    """Make the log durable, wherever it comes from, and move it; False where a reader of an older state is in the way."""
    _rewrite_log(files, connection, path)
    return move_log(connection)


def set_up(connection: sqlite3.Connection, path: Path, limits: Limits, identity: str) -> None:
    """Bring mode and schema up to date; the order matters, see the top of this file."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA synchronous = EXTRA")
    if sys.platform == "darwin":
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute(f"PRAGMA journal_size_limit = {limits.slack_bytes:d}")
    migrate(connection, str(path), identity)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreUnavailable(f"{path}: this file system does not carry SQLite's write-ahead log. Choose another place.")


def move_log(connection: sqlite3.Connection) -> bool:
    """Write the log into the database and sync that; False where a reader of an older state is in the way."""
    busy, pages, moved = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
    return not busy and pages == moved


def copy_database(files: Files, connection: sqlite3.Connection, book: Book, identity: str, to: Path) -> None:
    """Write the database to the path *to*, which appears when it is whole; the copy is a store of its own *identity*."""
    if files.exists(to):
        raise StoreUnavailable(f"backup to {to}: something is there. Choose a new path.")
    part = to.with_name(to.name + ".new")
    disk = files.disk
    try:
        if files.exists(part):
            disk.remove(part)
        disk.open(part).close()  # so that only its owner can read it; SQLite takes an empty file for none
        connection.execute("VACUUM INTO ?", (str(part),))
        _give_identity(files, part, book, identity)
        file = disk.open(part)
        file.sync()
        file.close()
        disk.rename(part, to)
        disk.sync_folder(to.parent)
    except OSError as error:
        raise refusal(error, f"backup to {to}") from error


def _give_identity(files: Files, path: Path, book: Book, identity: str) -> None:
    """Otherwise a mark that the owner of the original left would be held against the copy."""
    copy = files.connect(path, Limits())
    try:
        copy.execute(KEEP_BOOK, (*attrs.evolve(book, identity=identity).row(), book.sequence))
    finally:
        copy.close()


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _opened(files: Files, path: Path, limits: Limits, identity: str) -> sqlite3.Connection:
    connection = files.connect(path, limits)
    with ExitStack() as undo:
        undo.callback(put_away, files, connection, path, sound=False)
        set_up(connection, path, limits, identity)
        undo.pop_all()
    return connection


def _make(files: Files, path: Path, limits: Limits, identity: str) -> None:
    """Make a database under another name, and give it its own when it is whole.

    What went wrong before that is forgotten with the other name: pages that a failed sync lost, journals whose removal it lost.
    """
    part, disk = path.with_name(path.name + ".new"), files.disk
    for left in (part, *(part.with_name(part.name + end) for end in ("-journal", "-wal"))):
        if files.exists(left):
            disk.remove(left)
    disk.open(part).close()  # so that only its owner can read it; SQLite takes an empty file for none
    connection = files.connect(part, limits)
    try:
        set_up(connection, part, limits, identity)
    finally:
        connection.close()
    disk.rename(part, path)
    try:
        disk.sync_folder(path.parent)
    except OSError:  # a second sync would prove nothing
        disk.remove(path)
        raise


def _rewrite_log(files: Files, connection: sqlite3.Connection, path: Path) -> None:
    """Write the log once more as it is, and sync it.

    A sync of it may have failed: then it can be read and is not on the disk. Moved into the database so, and cut off in the middle of
    that, it would leave a database that is half of one state and half of another.
    """
    log = _log_of(path)
    connection.execute("BEGIN IMMEDIATE")  # nobody else adds to it meanwhile
    try:
        if files.exists(log):
            with sure(log):
                _rewrite(files.disk.open(log))
    finally:
        connection.execute("ROLLBACK")


def _rewrite(file: DiskFile) -> None:
    try:
        size = file.size
        for offset in range(0, size, _CHUNK_BYTES):
            file.write(offset, file.read_at(offset, _CHUNK_BYTES))
        if size:
            file.sync()
    finally:
        file.close()
