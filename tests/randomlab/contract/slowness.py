"""When something was slow: the only times for which lateness is excused."""

from __future__ import annotations

from collections.abc import Collection

from randomlab.contract.story import JUST, Story
from trioactors.testing.simulation.plans import Kind

__all__ = ["FAILING", "STORE", "TASKS", "begun", "happened", "over", "slow"]

TASKS = frozenset({Kind.HOLD, Kind.STALL})
"""Faults that keep tasks from running."""

STORE = frozenset({Kind.DELAY, Kind.STALL})
"""Faults that keep the store from answering."""

FAILING = frozenset({Kind.ERROR, Kind.FULL, Kind.SYNC})
"""Faults by which the store fails."""


def _spans(story: Story, kinds: Collection[Kind]) -> list[tuple[float, float]]:
    """When the faults lasted. The store does one thing after the other, so what is slow in it waits for what is slow before it.

    A stall stops the others: they go on after it.
    """
    spans: list[tuple[float, float]] = []
    store = 0.0
    for at, one in sorted(story.injected, key=lambda each: each[0]):
        if one.kind in kinds:
            if one.kind is Kind.STALL:
                spans = [(begun, until + one.seconds if until > at else until) for begun, until in spans]
                store += one.seconds if store > at else 0.0
            until = (max(at, store) if one.kind is Kind.DELAY else at) + one.seconds
            store = until if one.kind is Kind.DELAY else store
            spans.append((at, until))
    return spans


def slow(story: Story, kinds: Collection[Kind], start: float, end: float) -> bool:
    """Whether a fault of these kinds lasted at some moment from *start* to *end*."""
    return any(at <= end + JUST and until >= start - JUST for at, until in _spans(story, kinds))


def over(story: Story, kinds: Collection[Kind], moment: float) -> float:
    """The first time from *moment* on at which no fault of these kinds lasts."""
    for at, until in _spans(story, kinds):
        if at <= moment + JUST and until > moment:
            moment = until
    return moment


def begun(story: Story, kinds: Collection[Kind], moment: float) -> float:
    """The last time up to *moment* at which no fault of these kinds lasts."""
    for at, until in reversed(_spans(story, kinds)):
        if at < moment <= until + JUST:
            moment = at
    return moment


def happened(story: Story, kinds: Collection[Kind], start: float, end: float) -> bool:
    """Whether a fault of these kinds began from *start* to *end*."""
    return any(one.kind in kinds and start <= at <= end for at, one in story.injected)
