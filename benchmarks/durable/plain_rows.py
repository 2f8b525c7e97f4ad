"""Rows in SQLite with nothing around them, not even a store: the upper bound of the database.

For one caller, each row has a transaction; for a hundred callers, a hundred rows share one. There are no checksums and no revisions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from benchmarks.durable.folder import connected, fresh_folder
from benchmarks.durable.payload import ACTORS, tallies
from benchmarks.measure import Stopwatch

__all__: list[str] = []

PUT = "INSERT OR REPLACE INTO records VALUES (?, ?)"
Row = tuple[str, bytes]


def written(connection: sqlite3.Connection, rows: Sequence[Row], together: int) -> float:
    """The time of writing *rows*, in seconds, with several rows in each transaction."""
    parts = [rows[begin : begin + together] for begin in range(0, len(rows), together)]
    with Stopwatch() as watch:
        for part in parts:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(PUT, part)
            connection.execute("COMMIT")
    return watch.seconds


def kept(count: int, actors: int, together: int) -> float:
    """The time of saving tallies in a new database, in seconds."""
    rows = [(f"actor-{at % actors}", data) for at, data in enumerate(tallies(count))]
    with fresh_folder() as folder:
        connection = connected(folder / "bench.db")
        try:
            written(connection, rows[:ACTORS], ACTORS)
            cost = written(connection, rows, together)
            assert connection.execute("SELECT count(*) FROM records").fetchone() == (min(actors, count),)
        finally:
            connection.close()
    return cost


def one_caller(count: int) -> float:
    """One record, written again and again."""
    return kept(count, 1, 1)


def many_actors(count: int) -> float:
    """A hundred records, written in turn."""
    return kept(count, ACTORS, ACTORS)


def hot_actor(count: int) -> float:
    """One record, written again and again."""
    return kept(count, 1, ACTORS)
