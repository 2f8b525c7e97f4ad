"""The live wait-for graph, and the cycles that must not close.

A cell waits for others while its handler in progress does: for the target of a call, of a cast that waits for room, of a start or stop
request. A cell that does not run waits for its supervisor, a supervisor for the child it is just starting or stopping. An edge that
would close a cycle is refused with `CallCycle` before anything is sent; where the closing edge is a supervisor's (it must stop an actor
that waits for it), the actor's wait ends with `CallCycle` instead. What this cannot see (deferred replies, locks, pools) ends by its
deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import attrs

from trioactors.errors import CallCycle

__all__ = ["Node", "Wait", "Waiter", "break_cycle", "chain_between", "drawn", "waiting"]


class Node(Protocol):
    """A child, as the graph knows it."""

    @property
    def name(self) -> str:
        """For errors."""
        ...

    def blockers(self) -> Iterator[Node]:
        """The children it waits for now."""
        ...


class Waiter(Protocol):
    """An incarnation whose handler can wait."""

    waits: list[Wait] | None
    """What it waits for now."""

    @property
    def child(self) -> Node:
        """Its child."""
        ...


def chain_between(start: Node, goal: Node) -> list[Node] | None:
    """The cells from *start* to *goal* along the graph, both included, or None where no path is."""
    paths: dict[Node, Node | None] = {start: None}
    frontier = [start]
    while frontier:
        child = frontier.pop()
        if child is goal:
            return _path(paths, goal)
        for blocker in child.blockers():
            if blocker not in paths:
                paths[blocker] = child
                frontier.append(blocker)
    return None


def _path(paths: dict[Node, Node | None], goal: Node) -> list[Node]:
    path: list[Node] = []
    child: Node | None = goal
    while child is not None:
        path.append(child)
        child = paths[child]
    return path[::-1]


@attrs.frozen(eq=False)
class Wait:
    """One thing that a handler waits for: these cells, until `end` is called with an error or the wait is over."""

    targets: tuple[Node, ...]
    end: Callable[[Exception], None] = attrs.field(repr=False)


@contextmanager
def waiting(incarnation: Waiter | None, end: Callable[[Exception], None], *targets: Node) -> Generator[None, None, None]:
    """While in this block, *life* waits for *targets*. Raises `CallCycle` if that would be for ever.

    *end* makes the wait end with an error: a supervisor that must stop this actor may close a cycle later.
    """
    if incarnation is None:
        yield
        return
    for target in targets:
        if chain := chain_between(target, incarnation.child):
            raise CallCycle([incarnation.child.name, *(child.name for child in chain)])
    wait = Wait(targets, end)
    incarnation.waits = [*(incarnation.waits or ()), wait]
    try:
        yield
    finally:
        incarnation.waits = [other for other in incarnation.waits if other is not wait]


def break_cycle(waiter: Node, waits: Sequence[Wait], supervisor: Node) -> None:
    """*supervisor* waits for the exit of *waiter*: end those of its *waits* that wait for *supervisor* in turn."""
    for wait in tuple(waits):
        chains = (chain_between(target, supervisor) for target in wait.targets)
        chain = next((chain for chain in chains if chain is not None), None)
        if chain is not None:
            wait.end(CallCycle([waiter.name, *(child.name for child in chain), waiter.name]))


def drawn(child: Node) -> str:
    """Whom *cell* waits for, and whom those do, as text; empty where it waits for nobody."""
    lines: list[str] = []
    seen = {child}
    frontier = [child]
    while frontier:
        waiter = frontier.pop()
        blockers = list(waiter.blockers())
        lines += [f"{waiter.name} waits for {blocker.name}" for blocker in blockers]
        fresh = [blocker for blocker in blockers if blocker not in seen]
        seen.update(fresh)
        frontier += fresh
    return "; ".join(lines)
