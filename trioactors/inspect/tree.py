"""The tree as it is now: who supervises whom, by what strategy, with how much of the budget used, and where messages pile up."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

import attrs

from trioactors.actors.child import ActorChild
from trioactors.inspect.budgets import Budget, budget_of
from trioactors.supervision.child import Child
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import ChildKind, Restart
from trioactors.supervision.tree import SupervisorChild
from trioactors.system.system import System, registry_of

__all__ = ["CHILDREN", "Branch", "tree"]

CHILDREN: Final = 200
"""How many children of one supervisor are shown, if nothing else is asked for."""


@attrs.frozen(kw_only=True)
class Branch:
    """A child, and all below it."""

    name: str
    """Names that begin with a colon are the system's own."""
    path: str
    kind: ChildKind
    actor: str | None
    """The class, where it is an actor."""
    status: ChildStatus
    incarnation: int
    since: float
    """When this life began, or the last one ended; on Trio's clock."""
    restart: Restart
    dynamic: bool
    """Whether `start` made it, or a dynamic supervisor: then it is forgotten when it is stopped, as a temporary child is."""
    significant: bool
    last_exit: str | None
    backlog: int
    """Messages that wait, in it and everywhere below."""
    restarts: int
    """Lives after the first, in it and everywhere below."""
    down: int
    """How many of those below do not run."""
    budget: Budget | None
    """Where it is a supervisor."""
    children: tuple[Branch, ...]
    """In start order; the first of them, where there are very many."""
    more: int
    """How many children are left out."""


def tree(system: System, *, name: str | None = None, children: int = CHILDREN) -> Branch:
    """The tree from the child *name* on, by default all of it, at most so many *children* of each supervisor. Raises `UnknownName`."""
    registry = registry_of(system)
    child = next(iter(registry.children())) if name is None else registry.find(name)
    return _branch(child, children)


def _branch(child: Child, width: int) -> Branch:
    below: tuple[Branch, ...] = ()
    hidden: Iterable[Child] = ()
    if isinstance(child, SupervisorChild):
        children = child.children.values()
        below = tuple(_branch(child, width) for child in itertools.islice(children, width))
        hidden = itertools.islice(children, width, None)
    sums = _Sums(child, below)
    more = sums.add_hidden(hidden)
    return Branch(
        name=child.name,
        path=child.path,
        kind=child.spec.kind,
        actor=child.plan.name if isinstance(child, ActorChild) else None,
        status=child.status,
        incarnation=child.incarnation,
        since=child.since,
        restart=child.spec.restart,
        dynamic=child.dynamic,
        significant=child.spec.significant,
        last_exit=None if child.last_exit is None else str(child.last_exit),
        backlog=sums.backlog,
        restarts=sums.restarts,
        down=sums.down,
        budget=budget_of(child) if isinstance(child, SupervisorChild) else None,
        children=below,
        more=more,
    )


class _Sums:
    """What is added up over a branch."""

    def __init__(self, child: Child, below: tuple[Branch, ...]) -> None:
        self.backlog = len(child.mailbox) if isinstance(child, ActorChild) else 0
        self.restarts = max(0, child.incarnation - 1)
        self.down = 0
        for branch in below:
            self.backlog += branch.backlog
            self.restarts += branch.restarts
            self.down += branch.down + (branch.status is not ChildStatus.RUNNING)

    def add_hidden(self, children: Iterable[Child]) -> int:
        """Count children that are not shown; how many there are."""
        count = backlog = down = 0
        lives, running = 0, ChildStatus.RUNNING
        for child in children:  # ten thousand of them are looked at each second
            count += 1
            if isinstance(child, ActorChild):
                backlog += len(child.mailbox.queue)
            elif isinstance(child, SupervisorChild):
                self.add_hidden(child.children.values())
            lives += child.incarnation or 1
            if child.status is not running:
                down += 1
        self.backlog += backlog
        self.restarts += lives - count
        self.down += down
        return count
