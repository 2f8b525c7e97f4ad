"""The folder of a contestant's database, and a check that the database is as durable as it claims.

Databases are made in Python's folder for temporary files. `--folder` chooses another one; in a folder in memory a sync costs nothing,
and the tables are void.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

__all__: list[str] = []

SYNCED = 2
"""SQLite's number for `synchronous=FULL`; from this value on, every commit in write-ahead mode is synced."""


@contextmanager
def fresh_folder() -> Generator[Path]:
    """A temporary folder, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="trioactors-bench-") as folder:
        yield Path(folder)


def url_in(folder: Path) -> str:
    """The URL of a durable store in *folder*."""
    return f"sqlite:///{folder / 'bench.db'}"


def connected(path: Path) -> sqlite3.Connection:
    """A connection with durable commits, for contestants without one of their own. Only one thread uses it at a time."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE records (name TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
    check_durable(connection)
    return connection


def check_durable(connection: sqlite3.Connection) -> None:
    """Check that commits on *connection* are synced, in write-ahead mode."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    assert mode == "wal", mode
    assert synchronous >= SYNCED, synchronous
