"""The file of a SQLite store, as a file: finding it, opening it in the right mode, copying it.

A new database is put at `synchronous` EXTRA before it is switched to write-ahead mode, and its folder is synced after that:
otherwise a power cut can bring back the rollback journal of the switch, and with it an empty database.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import attrs

from trioactors.disk import RealDisk, refusal
from trioactors.errors import StoreUnavailable
from trioactors.persistence import Creation, Limits
from trioactors_backends.sqlite_schema import KEEP_BOOK, Book, migrate

__all__ = ["connect", "copy_database", "files_of", "lock_of", "look", "move_log", "set_up"]


def lock_of(path: Path) -> Path:
    """The file beside the database that says who owns it."""
    return path.with_name(path.name + "-lock")


def files_of(path: Path) -> dict[Path, tuple[int, int]]:
    """The files of an open store, each with its device and number; FileNotFoundError if one is gone."""
    paths = (path, path.with_name(path.name + "-wal"), lock_of(path))
    return {one: (status.st_dev, status.st_ino) for one in paths for status in (one.stat(),)}


def look(path: Path, create: Creation) -> None:
    """Say what is wrong with the path, while nothing has been touched."""
    if path.is_dir():
        raise StoreUnavailable(f"{path} is a folder. sqlite: needs a file; a folder is what file: is for")
    if not path.parent.is_dir():
        raise StoreUnavailable(f"the folder {path.parent} does not exist. Create it first.")
    if create is Creation.REFUSE and not (path.exists() and path.stat().st_size):  # an empty file is no store yet
        raise StoreUnavailable(f"there is no store at {path}, and none is to be made (create=no)")


def connect(path: Path, limits: Limits) -> sqlite3.Connection:
    """Open the database, or make an empty one that only its owner can read."""
    if not path.exists():
        _make(path)
    return sqlite3.connect(path, timeout=limits.patience, isolation_level=None, check_same_thread=False)


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


def copy_database(connection: sqlite3.Connection, book: Book, identity: str, to: Path) -> None:
    """Write the database to the path *to*, which appears when it is whole; the copy is a store of its own *identity*."""
    if to.exists() or to.is_symlink():
        raise StoreUnavailable(f"backup to {to}: something is there. Choose a new path.")
    part = to.with_name(to.name + ".new")
    disk = RealDisk()
    try:
        part.unlink(missing_ok=True)
        disk.open(part).close()  # so that only its owner can read it; SQLite takes an empty file for none
        connection.execute("VACUUM INTO ?", (str(part),))
        _give_identity(part, book, identity)
        file = disk.open(part)
        file.sync()
        file.close()
        disk.rename(part, to)
        disk.sync_folder(to.parent)
    except OSError as error:
        raise refusal(error, f"backup to {to}") from error


def _make(path: Path) -> None:
    """Make an empty file; one whose name could not be synced is removed, since a second sync would prove nothing."""
    disk = RealDisk()
    disk.open(path).close()
    try:
        disk.sync_folder(path.parent)
    except OSError:
        disk.remove(path)
        raise


def _give_identity(path: Path, book: Book, identity: str) -> None:
    """Otherwise a mark that the owner of the original left would be held against the copy."""
    copy = sqlite3.connect(path, isolation_level=None)
    try:
        copy.execute(KEEP_BOOK, (*attrs.evolve(book, identity=identity).row(), book.sequence))
    finally:
        copy.close()
