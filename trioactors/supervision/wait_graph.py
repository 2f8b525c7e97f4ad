"""The wait-for graph of a running system, and the detection of deadlocks: cycles in it.

The nodes are children. A child waits for others while its handler does: for the target of a call, of a cast that waits for room in a
mailbox, of a start or stop request. A child that does not run waits for its supervisor; a supervisor waits for the child that it is
starting or stopping.

A wait that would close a cycle is refused with `CallCycle` before anything is sent. If a supervisor closes the cycle (it must stop an actor
that waits for it), the wait of that actor ends with `CallCycle` instead. Waits that the graph does not know (deferred replies, locks,
pools) end by their deadlines.
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
        """The name, for errors."""
        ...

    def blockers(self) -> Iterator[Node]:
        """The children it waits for now."""
        ...


class Waiter(Protocol):
    """An incarnation whose handler can wait."""

    waits: list[Wait] | None
    """Its current waits; None until there is one."""

    @property
    def child(self) -> Node:
        """The child whose incarnation it is."""
        ...


def chain_between(start: Node, goal: Node) -> list[Node] | None:
    """The children on a path from *start* to *goal*, both included; None if there is no path."""
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
    """One wait of a handler, for the children *targets*. Calling *end* makes it fail with an error."""

    targets: tuple[Node, ...]
    end: Callable[[Exception], None] = attrs.field(repr=False)


@contextmanager
def waiting(incarnation: Waiter | None, end: Callable[[Exception], None], *targets: Node) -> Generator[None, None, None]:
    """Record, while the block runs, that *incarnation* waits for *targets*. Raises `CallCycle` if that would be a deadlock.

    A supervisor that closes a cycle later calls *end*, which makes the wait fail with the given error.
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
    """End those *waits* of *waiter* that wait for *supervisor*, which itself waits for the exit of *waiter*."""
    for wait in tuple(waits):
        chains = (chain_between(target, supervisor) for target in wait.targets)
        chain = next((chain for chain in chains if chain is not None), None)
        if chain is not None:
            wait.end(CallCycle([waiter.name, *(child.name for child in chain), waiter.name]))


def drawn(child: Node) -> str:
    """The waits of *child*, and of the children it waits for, as text; empty if there are none."""
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
