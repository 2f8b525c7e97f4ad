"""Where a contestant keeps its database, and whether what it keeps there is as durable as it says.

Everything is made in Python's folder for temporary files, which `--folder` moves: to memory, say, where no sync costs anything, and
where the table is void.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

__all__: list[str] = []

SYNCED = 2
"""SQLite's number for `synchronous=FULL`; in write-ahead mode every commit is synced from there on."""


@contextmanager
def fresh_folder() -> Generator[Path]:
    """A folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="trioactors-bench-") as folder:
        yield Path(folder)


def url_in(folder: Path) -> str:
    """The address of a durable store in *folder*."""
    return f"sqlite:///{folder / 'bench.db'}"


def connected(path: Path) -> sqlite3.Connection:
    """A connection whose commits are durable, for those who bring none; used by one thread at a time."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE records (name TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")
    check_durable(connection)
    return connection


def check_durable(connection: sqlite3.Connection) -> None:
    """See that commits on *connection* are synced, in write-ahead mode."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    assert mode == "wal", mode
    assert synchronous >= SYNCED, synchronous
