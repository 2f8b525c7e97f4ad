"""pykka with SQLite in its handler: the row is written and committed, then the reply is sent.

This is its cheapest form: all actors share one connection with a lock. With a connection for each actor, they would wait for the lock
of the database, which SQLite polls.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from threading import Lock

import attrs
import pykka

from benchmarks.durable.folder import connected, fresh_folder
from benchmarks.durable.payload import ACTORS, Lines, Tally, lines_of
from benchmarks.durable.plain_rows import PUT
from benchmarks.measure import Stopwatch

__all__: list[str] = []

Ref = pykka.ActorRef["Counter"]


class Counter(pykka.ThreadingActor):
    """An actor that keeps a total and saves it in a row."""

    def __init__(
        self, name: str, connection: sqlite3.Connection, lock: AbstractContextManager[object], state: Tally | Lines
    ) -> None:
        super().__init__()
        self.name = name
        self.connection = connection
        self.lock = lock
        self.state = state

    def on_receive(self, message: object) -> int:
        """Add the message and return the new total after it is committed."""
        assert isinstance(message, int)
        self.state.total += message
        row = (self.name, json.dumps(attrs.asdict(self.state)).encode())
        with self.lock:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute(PUT, row)
            self.connection.execute("COMMIT")
        return self.state.total


def timed(counters: Sequence[Ref], callers: int, count: int) -> float:
    """The time of *count* calls by several threads, in seconds. Each thread has its own counter, or all share a single one."""

    def caller(number: int) -> None:
        counter = counters[number % len(counters)]
        for _ in range(count // callers):
            counter.ask(1)

    with ThreadPoolExecutor(callers) as pool, Stopwatch() as watch:
        list(pool.map(caller, range(callers)))
    return watch.seconds


def played(count: int, *, callers: int = 1, actors: int = 1, size: int = 0) -> float:
    """The time of *count* calls of durable counters, in seconds. Their state has *size* bytes (0: that of a tally)."""
    with fresh_folder() as folder:
        connection, lock = connected(folder / "bench.db"), Lock()
        states = [Lines(0, lines_of(size)) if size else Tally() for _ in range(actors)]
        counters = [Counter.start(f"actor-{number}", connection, lock, state) for number, state in enumerate(states)]
        for counter in counters:
            counter.ask(0)
        cost = timed(counters, callers, count)
        assert sum(state.total for state in states) == count
        pykka.ActorRegistry.stop_all()
        connection.close()
    return cost


one_caller = played
many_actors = partial(played, callers=ACTORS, actors=ACTORS)
hot_actor = partial(played, callers=ACTORS)
state_1k = partial(played, size=1_000)
state_100k = partial(played, size=100_000)
state_10m = partial(played, size=10_000_000)
