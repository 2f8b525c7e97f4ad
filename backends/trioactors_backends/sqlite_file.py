"""The database of a SQLite store as a file: finding it, opening it in the right mode, copying it.

A power cut must not bring old data back, and after a failed sync, a later one that succeeds must not be trusted. So a new database is made
under a temporary name, with `synchronous` at EXTRA before it is switched to write-ahead mode, and gets its own name when it is complete:
then no rollback journal ever had a name that a later opening looks for. And a log that may not have reached the disk is written again
before it is moved into the database.
"""

from __future__ import annotations

import sqlite3
import struct
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

import attrs

from trioactors.environment import Disk, DiskFile, Environment, RealDisk, refusal
from trioactors.errors import StoreCorrupt, StorePoisoned, StoreUnavailable
from trioactors.persistence import Creation, Limits
from trioactors_backends.refusals import absent, deleted, sure
from trioactors_backends.sqlite_connection import open_connection
from trioactors_backends.sqlite_schema import KEEP_BOOK, Book, migrate

__all__ = [
    "Files",
    "RealFiles",
    "check_beginning",
    "check_files",
    "connect",
    "copy_database",
    "identity_of",
    "in_place",
    "lock_of",
    "move_log",
    "put_away",
    "real_files",
    "recover_log",
    "set_up",
]

_CHUNK_BYTES = 1024 * 1024
_LOG_HEADER_BYTES = 32
_JOURNAL = struct.Struct(">8sIII")  # magic, records, nonce, pages of the database before the transaction
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")


class Files(Protocol):
    """Access to the files of a database. SQLite itself can only use the disk of the operating system."""

    @property
    def disk(self) -> Disk:
        """The disk with the files."""
        ...

    def look(self, path: Path, create: Creation) -> None:
        """Raise `StoreUnavailable` if there can be no store at the path. Nothing is changed."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether there is a file or anything else with this name."""
        ...

    def size(self, path: Path) -> int:
        """The size of the file in bytes; 0 if there is none."""
        ...

    def connect(self, path: Path, limits: Limits) -> sqlite3.Connection:
        """Open an existing database. Every statement is its own transaction, and any thread can use the connection.

        Raises `StoreUnavailable` if it cannot be written.
        """
        ...

    def identify(self, paths: Sequence[Path]) -> object:
        """A value that stays equal while the paths lead to the same files. Raises `FileNotFoundError` if a file is gone."""
        ...


@attrs.frozen
class RealFiles:
    """The files of the operating system, with Python's own SQLite."""

    disk: Disk = attrs.field(factory=RealDisk)

    def look(self, path: Path, create: Creation) -> None:
        """Raise `StoreUnavailable` if there can be no store at the path."""
        if path.is_dir():
            raise StoreUnavailable(f"{path} is a folder. sqlite: needs a file; for a folder, use file:")
        if not path.parent.is_dir():
            raise StoreUnavailable(f"the folder {path.parent} does not exist. Create it first.")
        if create is Creation.REFUSE and not self.size(path) and not self.exists(lock_of(path)):
            raise absent(f"at {path}")

    def exists(self, path: Path) -> bool:
        """Whether there is anything with this name, including a broken link."""
        return path.exists() or path.is_symlink()

    def size(self, path: Path) -> int:
        """The size of the file. The file is not opened: closing it would take the locks of other connections of this process."""
        return path.stat().st_size if path.exists() else 0

    def connect(self, path: Path, limits: Limits) -> sqlite3.Connection:
        """Open the database."""
        return open_connection(path, limits.patience)

    def identify(self, paths: Sequence[Path]) -> object:
        """The device and the inode of each file."""
        return [(status.st_dev, status.st_ino) for path in paths for status in (path.stat(),)]


def real_files(_: Environment) -> Files:
    """The files of the operating system, whatever the disk of the environment is."""
    return RealFiles()


def lock_of(path: Path) -> Path:
    """The path of the lock file beside the database."""
    return path.with_name(path.name + "-lock")


def identity_of(files: Files, path: Path) -> object:
    """A value that stays equal while an open store has the same files. Raises `FileNotFoundError` if a file is gone."""
    return files.identify((path, _log_of(path), lock_of(path)))


def check_files(files: Files, path: Path, identity: object) -> None:
    """Raise `StoreUnavailable` if the files of an open store were deleted or replaced."""
    try:
        if identity_of(files, path) == identity:
            return
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise refusal(error, f"{path} cannot be found") from error
    raise deleted(path)


def in_place(files: Files, path: Path, identity: object) -> bool:
    """Whether the paths of an open store still lead to its files."""
    try:
        check_files(files, path, identity)
    except StoreUnavailable:
        return False
    return True


def check_beginning(files: Files, path: Path, create: Creation, *, was_open: bool) -> None:
    """Raise if a store must not begin at the path. *was_open* says whether the lock records a first opening that was finished.

    SQLite takes a file of up to one byte for a new database, and deletes the log beside it. A store writes its mark when the name of its
    database is on the disk, so a store whose first opening was killed has neither a mark nor a log. It may have a journal, of an empty file
    that was made into a database in its place.
    """
    size = files.size(path)
    if size > 1:
        return
    if was_open or files.size(_log_of(path)) > _LOG_HEADER_BYTES or _pages_before(files, _journal_of(path)):
        raise _emptied(files, path)
    if size and not files.exists(_journal_of(path)):
        raise StoreCorrupt(f"{path} is not a SQLite database. Choose another path, or restore a backup.")
    if create is Creation.REFUSE:
        raise absent(f"at {path}")


def connect(files: Files, path: Path, limits: Limits, identity: str) -> sqlite3.Connection:
    """Open the database and migrate it; if there is none, make one with this *identity*.

    An existing log was left by a process that was killed. Its content may not be on the disk. The same is true of its name, and a second
    sync of the folder would not put it there. So the log is moved into the database and removed by closing the connection; the next
    connection makes a new log.
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
    """Close the connection. This moves the log into the database; unless *sound*, the log is first written again and synced."""
    try:
        if not sound:
            with suppress(OSError, StorePoisoned, sqlite3.Error):  # nothing more can be done for it
                _rewrite_log(files, connection, path)
    finally:
        connection.close()


def recover_log(files: Files, connection: sqlite3.Connection, path: Path) -> bool:
    """Make the log durable and move it into the database. Returns False if a reader of an older state prevents that."""
    _rewrite_log(files, connection, path)
    return move_log(connection)


def set_up(connection: sqlite3.Connection, path: Path, limits: Limits, identity: str) -> None:
    """Set the mode and migrate the schema. The order matters, see the docstring of this module."""
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
        raise StoreUnavailable(f"{path}: this file system does not support SQLite's write-ahead log. Choose another place.")


def move_log(connection: sqlite3.Connection) -> bool:
    """Write the log into the database and sync that. Returns False if a reader of an older state prevents that."""
    busy, pages, moved = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
    return not busy and pages == moved


def copy_database(files: Files, connection: sqlite3.Connection, book: Book, identity: str, to: Path) -> None:
    """Copy the database to the path *to*, which appears when the copy is complete. The copy has its own *identity*."""
    if files.exists(to):
        raise StoreUnavailable(f"backup to {to}: the path exists. Choose a new one.")
    part = to.with_name(to.name + ".new")
    disk = files.disk
    try:
        if files.exists(part):
            disk.remove(part)
        disk.open(part).close()  # makes it readable by its owner only; to SQLite, an empty file is a new database
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
    """Give the copy its own identity, so that it is not compared with a mark that belongs to the original."""
    copy = files.connect(path, Limits())
    try:
        copy.execute(KEEP_BOOK, (*attrs.evolve(book, identity=identity).row(), book.sequence))
    finally:
        copy.close()


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _journal_of(path: Path) -> Path:
    return path.with_name(path.name + "-journal")


def _emptied(files: Files, path: Path) -> StoreCorrupt:
    problem = "is empty" if files.exists(path) else "is gone"
    left = ", ".join(file.name for file in (lock_of(path), _log_of(path), _journal_of(path)) if files.exists(file))
    return StoreCorrupt(
        f"{path} {problem}, but {left} shows that a store was here. Restore a backup. To begin anew, remove {left} as well."
    )


def _pages_before(files: Files, journal: Path) -> int:
    """The number of pages that the database had before the transaction of this rollback journal."""
    if not files.size(journal):
        return 0
    file = files.disk.open(journal)
    try:
        header = file.read_at(0, _JOURNAL.size)
    finally:
        file.close()
    if len(header) < _JOURNAL.size or not header.startswith(_JOURNAL_MAGIC):
        return 0
    pages: int = _JOURNAL.unpack(header)[-1]
    return pages


def _opened(files: Files, path: Path, limits: Limits, identity: str) -> sqlite3.Connection:
    connection = files.connect(path, limits)
    with ExitStack() as undo:
        undo.callback(put_away, files, connection, path, sound=False)
        set_up(connection, path, limits, identity)
        undo.pop_all()
    return connection


def _make(files: Files, path: Path, limits: Limits, identity: str) -> None:
    """Make a database under a temporary name, and rename it when it is complete.

    Earlier failures are discarded with the temporary name: pages that a failed sync lost, and journals whose removal it lost.
    """
    part, disk = path.with_name(path.name + ".new"), files.disk
    for left in (part, *(part.with_name(part.name + end) for end in ("-journal", "-wal"))):
        if files.exists(left):
            disk.remove(left)
    disk.open(part).close()  # makes it readable by its owner only; to SQLite, an empty file is a new database
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
    """Write the log again as it is, and sync it.

    An earlier sync of the log may have failed: then it can be read but is not on the disk. If such a log was moved into the database and
    the power failed in the middle of that, the database would be half in one state and half in another.
    """
    log = _log_of(path)
    connection.execute("BEGIN IMMEDIATE")  # no other program adds to it meanwhile
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
