"""The bare store in memory, called in place. Nothing survives the process, so it is an upper bound for any store."""

from __future__ import annotations

from benchmarks.durable.bare import kept
from benchmarks.durable.payload import ACTORS, tallies
from trioactors.persistence import store_at

__all__: list[str] = []


def one_caller(count: int) -> float:
    """One record, written again and again."""
    return kept(store_at("memory:"), tallies(count), 1)


def many_actors(count: int) -> float:
    """A hundred records, written in turn, with a hundred batches at once."""
    return kept(store_at("memory:"), tallies(count), ACTORS, ACTORS)


def hot_actor(count: int) -> float:
    """One record, written again and again, with a hundred batches at once."""
    return kept(store_at("memory:"), tallies(count), 1, ACTORS)
