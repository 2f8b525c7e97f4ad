"""Connections to the files of the operating system: which files SQLite may open, and what a forked process does with a connection.

SQLite opens a database that it cannot write for reading, and makes its log and its shared memory with the mode of the database: read-only.
They stay, and refuse later writers. So nothing is opened that cannot be written.

SQLite's locks belong to the process, and its lists of open files are inherited by a fork with what they say about these locks. So in a
forked process, SQLite must not use an inherited connection and must not even close it: it would undo a transaction of the parent, or move
the log into the database, without any lock. And another connection to the same database gets no locks either, and loses commits. The
former is therefore kept for ever, and the latter is refused (https://www.sqlite.org/howtocorrupt.html, "carrying an open database
connection across a fork").
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from trioactors.environment import forked, in_forked_children
from trioactors.errors import StoreUnavailable

__all__ = ["Connection", "open_connection"]

_inherited: set[tuple[int, int]] = set()
"""The device and the inode of each database whose connection this process inherited."""


class Connection(sqlite3.Connection):
    """A connection that a forked process leaves alone."""

    database: tuple[int, int] | None = None
    """The device and the inode of the database; None while the connection is closed."""

    def close(self) -> None:
        """Close the connection. A closed one may be forked."""
        super().close()
        self.database = None

    def leave(self) -> None:
        """Called in a forked process. A reference that is never given back keeps the connection from being closed, also at the exit."""
        if self.database is not None:
            import ctypes  # noqa: PLC0415 - it is loaded already, see below

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
            _inherited.add(self.database)


def open_connection(path: Path, patience: float) -> Connection:
    """Open the existing database at *path*, and wait up to *patience* seconds for others. Every statement is its own transaction.

    Raises `StoreUnavailable` if one of its files is read-only, and `UsageError` if a connection to it was inherited by a fork.
    """
    _check_writable(path)
    status = path.stat()
    if (status.st_dev, status.st_ino) in _inherited:
        raise forked(f"the database {path}")
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False, factory=Connection)
    connection.database = (status.st_dev, status.st_ino)
    in_forked_children(connection, Connection.leave)
    return connection


def _check_writable(path: Path) -> None:
    """Check that SQLite can write all files of the database. They are not opened: closing them would end the locks of this process.

    A log or a shared memory that was made while the database was read-only gets the mode that the database has now.
    """
    beside = [file for end in ("-wal", "-shm") if (file := path.with_name(path.name + end)).exists()]
    for file in (path, *beside):
        if file is not path and not _writable(file):
            with suppress(OSError):  # it belongs to another user
                file.chmod(stat.S_IMODE(path.stat().st_mode))
        if not _writable(file):
            raise StoreUnavailable(f"{file} is read-only. Change its permissions, or choose another place for the store.")


def _writable(file: Path) -> bool:
    return os.access(file, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _load_ctypes() -> None:
    """Load it before a fork: in the child, an import may wait for a thread of the parent. It takes milliseconds, and few programs fork."""
    import_module("ctypes")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_load_ctypes)
