"""trioactors on the store in memory: the runtime with an ideal disk. All promises hold, except that nothing survives the process."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.durable import ours
from benchmarks.durable.payload import ACTORS

__all__: list[str] = []


def in_memory(_: Path) -> str:
    """The URL of a store that needs no folder."""
    return "memory:"


one_caller = partial(ours.one_caller, address=in_memory)
many_actors = partial(ours.played, callers=ACTORS, actors=ACTORS, address=in_memory)
hot_actor = partial(ours.played, callers=ACTORS, address=in_memory)
among_100 = partial(ours.played, callers=ACTORS, actors=100, address=in_memory)
among_10000 = partial(ours.played, callers=ACTORS, actors=10_000, address=in_memory)
state_1k = partial(ours.with_state, 1_000, address=in_memory)
state_100k = partial(ours.with_state, 100_000, address=in_memory)
state_10m = partial(ours.with_state, 10_000_000, address=in_memory)
