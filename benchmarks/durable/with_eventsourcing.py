"""eventsourcing with SQLite: each call loads an aggregate, lets it record an event, and saves it.

This is its cheapest form: aggregates come from a cache that is not copied and not checked for newer events. (By default, it replays
all events of an aggregate at each call.) A lock serializes the calls of one aggregate, because there is no mailbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.sqlite import SQLiteRecorder

from benchmarks.durable.folder import SYNCED, fresh_folder
from benchmarks.durable.payload import ACTORS, NOTE
from benchmarks.measure import Stopwatch

__all__: list[str] = []

OPTIONS = {
    "PERSISTENCE_MODULE": "eventsourcing.sqlite",
    "AGGREGATE_CACHE_MAXSIZE": "0",
    "AGGREGATE_CACHE_FASTFORWARD": "n",
    "SQLITE_POOL_TIMEOUT": "60",
}
"""A cache size of 0 means no limit."""


class Counter(Aggregate):
    """An actor that keeps a total."""

    def __init__(self) -> None:
        self.total = 0

    @event("Added")
    def add(self, by: int, note: str) -> None:
        """Add *by*. The note makes the event as long as the records of the other contestants."""
        self.total += by
        self.note = note


class Counters(Application[UUID]):
    """The application with all counters."""

    def add(self, number: UUID, by: int) -> int:
        """Add *by* and return the new total."""
        counter: Counter = self.repository.get(number, deepcopy_from_cache=False)
        counter.add(by, NOTE)
        self.save(counter)
        return counter.total


def opened(path: Path) -> Counters:
    """Make the application, and check that its commits are synced."""
    counters = Counters(env={**OPTIONS, "SQLITE_DBNAME": str(path)})
    recorder = counters.recorder
    assert isinstance(recorder, SQLiteRecorder)
    with recorder.datastore.transaction(commit=False) as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone()[0] == "wal"
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone()[0] >= SYNCED
    return counters


def new_counters(counters: Counters, count: int) -> list[UUID]:
    """Make and save *count* counters."""
    made = [Counter() for _ in range(count)]
    for counter in made:
        counters.save(counter)
    return [counter.id for counter in made]


def timed(counters: Counters, known: Sequence[UUID], callers: int, count: int) -> float:
    """The time of *count* calls by several threads, in seconds. Each thread has its own counter, or all share a single one."""
    locks = [Lock() for _ in known]

    def caller(number: int) -> None:
        at = number % len(known)
        for _ in range(count // callers):
            with locks[at]:
                counters.add(known[at], 1)

    with ThreadPoolExecutor(callers) as pool, Stopwatch() as watch:
        list(pool.map(caller, range(callers)))
    return watch.seconds


def played(count: int, *, callers: int = 1, actors: int = 1) -> float:
    """The time of *count* calls of durable counters, in seconds."""
    with fresh_folder() as folder:
        counters = opened(folder / "bench.db")
        known = new_counters(counters, actors)
        cost = timed(counters, known, callers, count)
        assert sum(counters.add(number, 0) for number in known) == count
        counters.close()
    return cost


one_caller = played
many_actors = partial(played, callers=ACTORS, actors=ACTORS)
hot_actor = partial(played, callers=ACTORS)
