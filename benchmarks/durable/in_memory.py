"""The bare store in memory, called in place: nothing survives the process, so it bounds what any store could do."""

from __future__ import annotations

from benchmarks.durable.bare import kept
from benchmarks.durable.payload import ACTORS, tallies
from trioactors.persistence import store_at

__all__: list[str] = []


def one_caller(count: int) -> float:
    """One record, over and over."""
    return kept(store_at("memory:"), tallies(count), 1)


def many_actors(count: int) -> float:
    """A hundred records in turn, a hundred at once."""
    return kept(store_at("memory:"), tallies(count), ACTORS, ACTORS)


def hot_actor(count: int) -> float:
    """One record, over and over, a hundred at once."""
    return kept(store_at("memory:"), tallies(count), 1, ACTORS)
