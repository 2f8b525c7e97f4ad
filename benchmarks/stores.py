"""The cost of a commit on each store, alone and with a hundred batches at once, and of opening: `python benchmarks/stores.py`.

A copy of the files that is made while the store is open is the state after a `kill -9`. Openings of such a copy and openings after an
orderly close alternate, so that their ratio is valid on a busy machine, too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from trioactors.environment import Environment
from trioactors.persistence import Batch, Key, Space, Store, Write, store_at

DATA = os.urandom(260)
ACTORS = 1_000
OPENINGS = 7
RECORDS = ((1, 1_000_000), (1_000, 260), (10_000, 260), (100_000, 260), (1, 100_000_000))
"""The number of records, and the size of each in bytes."""
URLS = (
    "sqlite:///{}/durable.db",
    "sqlite:///{}/relaxed.db?durability=relaxed",
    "file:///{}/durable",
    "file:///{}/relaxed?durability=relaxed",
    "memory:",
)


def seconds_of(do: Callable[[], object]) -> float:
    """The time of one run, in seconds."""
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


def batches(begin: int, size: int, actors: int = ACTORS) -> list[Batch]:
    """A batch with one write of 260 bytes for each of *size* actors."""
    keys = [Key(Space.STATE, f"actor-{number % actors:07}") for number in range(begin, begin + size)]
    return [Batch((Write(key, DATA, expected=None),)) for key in keys]


def commit_cost(store: Store, size: int, rounds: int) -> float:
    """The time per batch if *size* batches are committed at once, in seconds."""
    work = [batches(number * size, size) for number in range(rounds)]
    return median(seconds_of(partial(store.commit, one)) for one in work) / size


def opening_costs(scheme: str, folder: Path, records: int, size: int) -> tuple[float, float]:
    """The times of opening a store with *records* records of *size* bytes, after an orderly close and after a kill, in seconds."""
    work, killed = folder / "work", folder / "killed"
    work.mkdir(parents=True)
    store = store_at(_url(scheme, work))
    store.open(Environment())
    data = os.urandom(size)
    for begin in range(0, records, ACTORS):
        keys = [Key(Space.STATE, f"actor-{number:07}") for number in range(begin, min(begin + ACTORS, records))]
        store.commit([Batch((Write(key, data, expected=None),)) for key in keys])
    shutil.copytree(work, killed, ignore=shutil.ignore_patterns("*-shm"))
    store.close()
    seconds = [(_opening(scheme, work), _opening(scheme, killed)) for _ in range(OPENINGS)]
    return median(closed for closed, _ in seconds), median(after for _, after in seconds)


def _url(scheme: str, folder: Path) -> str:
    return f"{scheme}:///{folder}/store{'.db' if scheme == 'sqlite' else ''}"


def _opening(scheme: str, left: Path) -> float:
    """The time of opening a copy of the files, in seconds."""
    copy = shutil.copytree(left, left.with_name("copy"))
    store = store_at(_url(scheme, copy))
    seconds = seconds_of(lambda: store.open(Environment()))
    store.close()
    shutil.rmtree(copy)
    return seconds


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
            for records, size in RECORDS:
                closed, killed = opening_costs(scheme, Path(folder, f"{scheme}-{records}-{size}"), records, size)
                took = f"{closed * 1e3:8.1f} ms, after a kill {killed * 1e3:8.1f} ms ({killed / closed:.1f} times as long)"
                print(f"{scheme}: opening {records:7,} records of {size:11,} bytes {took}")


if __name__ == "__main__":
    main()
