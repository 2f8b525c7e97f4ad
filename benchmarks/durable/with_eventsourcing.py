"""eventsourcing with SQLite: each call loads an aggregate, lets it record an event, and saves it.

In the form that costs it least: aggregates come from a cache that is not copied from and asks nobody for newer events. (As it comes out
of the box it replays all events of an aggregate at each call.) Calls on one aggregate are put in a row by a lock: it has no mailbox.
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
"""A cache of 0 is one without bound."""


class Counter(Aggregate):
    """Keeps a total."""

    def __init__(self) -> None:
        self.total = 0

    @event("Added")
    def add(self, by: int, note: str) -> None:
        """Add *by*. The note makes the event as long as the others' records."""
        self.total += by
        self.note = note


class Counters(Application[UUID]):
    """All counters."""

    def add(self, number: UUID, by: int) -> int:
        """Add *by*; the answer is the new total."""
        counter: Counter = self.repository.get(number, deepcopy_from_cache=False)
        counter.add(by, NOTE)
        self.save(counter)
        return counter.total


def opened(path: Path) -> Counters:
    """The application, once its commits are known to be synced."""
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
    """So many counters, saved."""
    made = [Counter() for _ in range(count)]
    for counter in made:
        counters.save(counter)
    return [counter.id for counter in made]


def timed(counters: Counters, known: Sequence[UUID], callers: int, count: int) -> float:
    """The seconds of *count* calls by so many threads, each on a counter of its own or all on the one there is."""
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
    """The seconds of *count* calls on durable counters."""
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
