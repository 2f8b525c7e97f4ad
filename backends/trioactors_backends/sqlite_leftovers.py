"""Reading what is left of a damaged database.

A search in a table follows a tree by comparing names. A single damaged name can lead it astray, and existing records then look as if they
had never been written. So nothing is searched here. Instead, the table is read from both ends, up to a page that cannot be read, and the
rows are copied to a temporary table of the same name. SQLite looks at temporary tables first, so everything that reads `records` reads the
copy. The database stays as it is until a commit replaces the original by the copy.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from trioactors_backends.sqlite_schema import RECORDS, row_checksum

__all__ = ["gather", "put_back"]

_ROWS = "SELECT space, name, revision, checksum, data FROM main.records"
_FROM_EITHER_END = (f"{_ROWS} ORDER BY space, name", f"{_ROWS} ORDER BY space DESC, name DESC")
_REPLACE = "INSERT OR REPLACE INTO temp.records VALUES (?, ?, ?, ?, ?)"
_KEEP = "INSERT OR IGNORE INTO temp.records VALUES (?, ?, ?, ?, ?)"
_UNREADABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR})
"""Errors of a damaged page or a damaged table description; other errors have nothing to do with the stored data."""


def gather(connection: sqlite3.Connection) -> None:
    """Copy every row that can be read. The connection must return text as bytes."""
    connection.execute(RECORDS.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    for rows in _FROM_EITHER_END:
        for row in _walk(connection, rows):
            _keep(connection, row)  # outside a transaction: an error caused by damage would roll it back


def put_back(connection: sqlite3.Connection) -> None:
    """Replace the table by the copy, as a part of the open transaction."""
    connection.execute("DELETE FROM main.records")
    connection.execute("INSERT INTO main.records SELECT * FROM temp.records")
    connection.execute("DROP TABLE temp.records")


def _walk(connection: sqlite3.Connection, query: str) -> Iterator[Any]:
    """Yield the rows from one end until one cannot be read."""
    try:
        rows = connection.execute(query)
        while (row := rows.fetchone()) is not None:
            yield row
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in _UNREADABLE:
            raise


def _keep(connection: sqlite3.Connection, row: Sequence[object]) -> None:
    """Copy a row. A row with a damaged name never replaces an undamaged one that has this name."""
    space, name, revision, checksum, data = row
    if not isinstance(space, bytes) or not isinstance(name, bytes):
        return
    texts = space.decode("utf-8", "replace"), name.decode("utf-8", "replace")
    sound = isinstance(revision, int) and isinstance(data, bytes) and row_checksum(*texts, revision, data) == checksum
    connection.execute(_REPLACE if sound else _KEEP, (*texts, revision, checksum, data))
