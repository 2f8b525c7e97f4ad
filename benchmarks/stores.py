"""What a commit costs on each store, alone and a hundred batches at once, and what opening costs: python benchmarks/stores.py."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from trioactors.environment import Environment
from trioactors.persistence import Batch, Key, Space, Store, Write
from trioactors.store_urls import store_at

DATA = os.urandom(260)
ACTORS = 1_000
URLS = (
    "sqlite:///{}/durable.db",
    "sqlite:///{}/relaxed.db?durability=relaxed",
    "file:///{}/durable",
    "file:///{}/relaxed?durability=relaxed",
    "memory:",
)


def seconds_of(do: Callable[[], object]) -> float:
    """How long it takes, once."""
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


def batches(begin: int, size: int, actors: int = ACTORS) -> list[Batch]:
    """One write of 260 bytes for each of *size* actors."""
    keys = [Key(Space.STATE, f"actor-{number % actors:07}") for number in range(begin, begin + size)]
    return [Batch((Write(key, DATA, expected=None),)) for key in keys]


def commit_cost(store: Store, size: int, rounds: int) -> float:
    """Seconds per batch when *size* of them are committed at once."""
    work = [batches(number * size, size) for number in range(rounds)]
    return median(seconds_of(partial(store.commit, one)) for one in work) / size


def opening_cost(url: str, records: int) -> float:
    """Seconds that opening takes with so many records."""
    store = store_at(url)
    store.open(Environment())
    for begin in range(0, records, 1_000):
        store.commit(batches(begin, 1_000, records))
    seconds: list[float] = []
    for _ in range(5):
        store.close()
        seconds.append(seconds_of(lambda: store.open(Environment())))
    store.close()
    return median(seconds)


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'store':45} {'alone':>12} {'of a hundred':>15}")
        for url in URLS:
            store = store_at(url.format(folder))
            store.open(Environment())
            alone, together = commit_cost(store, 1, 2_000), commit_cost(store, 100, 200)
            store.close()
            print(f"{url.format('...'):45} {alone * 1e6:9.1f} us {together * 1e6:12.1f} us")
        for scheme in ("sqlite", "file"):
            for records in (1_000, 10_000, 100_000):
                seconds = opening_cost(f"{scheme}:///{folder}/{scheme}-{records}", records)
                print(f"{scheme}: opening {records} records {seconds * 1e3:25.1f} ms")


if __name__ == "__main__":
    main()
