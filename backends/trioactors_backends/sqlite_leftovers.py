"""What can still be read of a database that is not sound.

A search in a table compares its way down a tree. One damaged name can send it astray, and records that are there look as if they had never
been written. So nothing is searched here: the table is walked along from either end, up to a page that cannot be read, and what the walks
pass is copied to a temporary table of the same name. SQLite looks there first, so everything that reads `records` reads the copy, and
finds what is in it. The database stays as it is until a commit puts the copy in the place of the original.
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
"""A page, or the table's own description; anything else is not the fault of what is stored."""


def gather(connection: sqlite3.Connection) -> None:
    """Copy every row that can be read; the connection gives text as bytes."""
    connection.execute(RECORDS.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    for rows in _FROM_EITHER_END:
        for row in _walk(connection, rows):
            _keep(connection, row)  # in no transaction: damage that a walk meets would take it away


def put_back(connection: sqlite3.Connection) -> None:
    """Make the copy the table, as a part of the transaction that is open."""
    connection.execute("DELETE FROM main.records")
    connection.execute("INSERT INTO main.records SELECT * FROM temp.records")
    connection.execute("DROP TABLE temp.records")


def _walk(connection: sqlite3.Connection, query: str) -> Iterator[Any]:
    """The rows from one end, as they lie, until one cannot be read."""
    try:
        rows = connection.execute(query)
        while (row := rows.fetchone()) is not None:
            yield row
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in _UNREADABLE:
            raise


def _keep(connection: sqlite3.Connection, row: Sequence[object]) -> None:
    """Copy a row; a damaged one never takes the place of a sound one whose name it got."""
    space, name, revision, checksum, data = row
    if not isinstance(space, bytes) or not isinstance(name, bytes):
        return
    texts = space.decode("utf-8", "replace"), name.decode("utf-8", "replace")
    sound = isinstance(revision, int) and isinstance(data, bytes) and row_checksum(*texts, revision, data) == checksum
    connection.execute(_REPLACE if sound else _KEEP, (*texts, revision, checksum, data))
