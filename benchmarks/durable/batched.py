"""The bare store, called in place, with a hundred batches in each transaction: the floor for a hundred callers."""

from __future__ import annotations

from functools import partial

from benchmarks.durable.bare import on_disk
from benchmarks.durable.payload import ACTORS, tallies

__all__: list[str] = []


def many_actors(count: int) -> float:
    """A hundred records, written in turn."""
    return on_disk(tallies(count), ACTORS, ACTORS)


def hot_actor(count: int) -> float:
    """One record, written again and again."""
    return on_disk(tallies(count), 1, ACTORS)


def among(actors: int, count: int) -> float:
    """Many records, written in turn."""
    return on_disk(tallies(count), actors, ACTORS)


among_100 = partial(among, 100)
among_10000 = partial(among, 10_000)
