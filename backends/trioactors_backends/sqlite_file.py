"""The file of a SQLite store, as a file: finding it, opening it in the right mode, copying it.

A new database is put at `synchronous` EXTRA before it is switched to write-ahead mode, and its folder is synced after that:
otherwise a power cut can bring back the rollback journal of the switch, and with it an empty database.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import attrs

from trioactors.disk import Disk, RealDisk, refusal
from trioactors.environment import Environment
from trioactors.errors import StoreUnavailable
from trioactors.persistence import Creation, Limits
from trioactors_backends.sqlite_schema import KEEP_BOOK, Book, migrate

__all__ = [
    "Files",
    "RealFiles",
    "connect",
    "copy_database",
    "identity_of",
    "lock_of",
    "move_log",
    "real_files",
    "see_that_it_is_there",
    "set_up",
]


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
    return files.identify((path, path.with_name(path.name + "-wal"), lock_of(path)))


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


def connect(files: Files, path: Path, limits: Limits) -> sqlite3.Connection:
    """Open the database, or make an empty one that only its owner can read."""
    if not files.exists(path):
        _make(files.disk, path)
    return files.connect(path, limits)


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


def _make(disk: Disk, path: Path) -> None:
    """Make an empty file; one whose name could not be synced is removed, since a second sync would prove nothing."""
    disk.open(path).close()
    try:
        disk.sync_folder(path.parent)
    except OSError:
        disk.remove(path)
        raise


def _give_identity(files: Files, path: Path, book: Book, identity: str) -> None:
    """Otherwise a mark that the owner of the original left would be held against the copy."""
    copy = files.connect(path, Limits())
    try:
        copy.execute(KEEP_BOOK, (*attrs.evolve(book, identity=identity).row(), book.sequence))
    finally:
        copy.close()
