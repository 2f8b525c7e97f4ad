"""What keeps a supervisor occupied: it does one thing after another, and sees an exit when it has done what came before."""

from __future__ import annotations

import math
from collections.abc import Iterator

from randomlab.contract.declared import members
from randomlab.contract.story import Story
from randomlab.data import Tree
from trioactors.trace.records import ChildIgnored, ChildStarted, ChildStartFailed, RestartScheduled

__all__ = ["idle_from"]


def idle_from(story: Story, tree: Tree, time: float) -> float:
    """When a supervisor, in the first life of the node, had time for what happened at *time*."""
    spans = sorted((*_starts(story, tree), *_by_hand(story, tree)))
    for begun, over in spans:
        if begun <= time < over:
            time = over
    return time


def _starts(story: Story, tree: Tree) -> Iterator[tuple[float, float]]:
    """From when until when it starts children: first of all, and in each restart, which begins with stopping what depends on the child."""
    since = {child.name: -math.inf for child in tree.children}
    now = 0.0
    for life, record in story.trace:
        if life != 1:
            break
        now = max(now, record.time)  # a restart is told when the stops are over, with the time at which they began
        if isinstance(record, RestartScheduled) and record.child in since:
            yield record.time, now
            since.update(dict.fromkeys(record.group, record.time + record.delay))
        elif isinstance(record, ChildStarted | ChildStartFailed | ChildIgnored) and record.child in since:
            yield since[record.child], record.time
            since[record.child] = math.inf
    yield from ((begun, math.inf) for begun in since.values())


def _by_hand(story: Story, tree: Tree) -> Iterator[tuple[float, float]]:
    """From when until when somebody stopped or restarted one of its children."""
    names = members(tree)
    yield from ((each.begins, each.ends) for each in story.by_hand if each.life == 1 and each.child in names)
