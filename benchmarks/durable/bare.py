"""The bare store, called in place: prepared records, one transaction for each, and nothing around it.

It is the floor for one caller. Records are encoded before the clock starts, and no revision is expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks.durable.folder import fresh_folder, url_in
from benchmarks.durable.payload import ACTORS, batches, sized, tallies
from benchmarks.measure import Stopwatch
from trioactors.environment import Environment
from trioactors.persistence import Batch, Committed, Store, store_at

__all__: list[str] = []

WARM = 100


def committed(store: Store, work: Sequence[Batch], together: int) -> float:
    """The time of committing *work*, in seconds, with several batches in each transaction."""
    parts = [work[begin : begin + together] for begin in range(0, len(work), together)]
    with Stopwatch() as watch:
        for part in parts:
            for answer in store.commit(part):
                assert isinstance(answer, Committed)
    return watch.seconds


def on_disk(records: Sequence[bytes], actors: int, together: int = 1) -> float:
    """The time of saving *records* in a new database, in seconds. The first commit, which makes the first pages, is not counted."""
    with fresh_folder() as folder:
        return kept(store_at(url_in(folder)), records, actors, together)


def kept(store: Store, records: Sequence[bytes], actors: int, together: int = 1) -> float:
    """The time of saving *records* in the new *store*, in seconds."""
    store.open(Environment())
    try:
        committed(store, batches(tallies(max(WARM, actors)), actors), ACTORS)
        cost = committed(store, batches(records, actors), together)
        last = store.read([batches(records, actors)[-1].writes[0].key])
        assert last[0] is not None
    finally:
        store.close()
    return cost


def one_caller(count: int) -> float:
    """One record, written again and again."""
    return on_disk(tallies(count), 1)


def many_actors(count: int) -> float:
    """A hundred records, written in turn."""
    return on_disk(tallies(count), ACTORS)


def among(actors: int, count: int) -> float:
    """Many records, written in turn."""
    return on_disk(tallies(count), actors)


def with_state(size: int, count: int) -> float:
    """One record of a given size."""
    return on_disk(sized(size, count), 1)


hot_actor = one_caller
among_100 = partial(among, 100)
among_10000 = partial(among, 10_000)
state_1k = partial(with_state, 1_000)
state_100k = partial(with_state, 100_000)
state_10m = partial(with_state, 10_000_000)
