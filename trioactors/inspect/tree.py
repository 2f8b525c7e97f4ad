"""The supervision tree: strategies, restart budgets, backlogs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

import attrs

from trioactors.actors.child import ActorChild
from trioactors.actors.pausing import paused_since
from trioactors.inspect.budgets import Budget, budget_of
from trioactors.settings import count
from trioactors.supervision.child import Child
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import ChildKind, Restart
from trioactors.supervision.tree import SupervisorChild, status_of
from trioactors.supervision.unreadable import problem_of
from trioactors.system.system import System, registry_of

__all__ = ["CHILDREN", "Branch", "branch_of", "tree"]

CHILDREN: Final = 200
"""Children shown per supervisor by default."""


@attrs.frozen(kw_only=True)
class Branch:
    """A child and its descendants."""

    name: str
    """A name that begins with a colon is internal to the system."""
    path: str
    kind: ChildKind
    actor: str | None
    """The class, if the child is an actor."""
    status: ChildStatus
    incarnation: int
    since: float
    """When the current incarnation started, or the last one exited; on Trio's clock."""
    restart_at: float | None
    """When the back-off of the child is over and it is restarted, on Trio's clock; None if it does not wait."""
    restart: Restart
    dynamic: bool
    """Whether it was started by `start` or a dynamic supervisor. Like a temporary child, it is then removed when it is stopped."""
    significant: bool
    last_exit: str | None
    problem: str | None
    """Why its stored state cannot be read, if that is what keeps it down."""
    paused_since: float | None
    """When it was paused, on Trio's clock; None if it is not paused."""
    backlog: int
    """Waiting messages of the child and its descendants."""
    restarts: int
    """Restarts of the child and its descendants."""
    down: int
    """Descendants that are not running."""
    budget: Budget | None
    """None if the child is not a supervisor."""
    children: tuple[Branch, ...]
    """In start order; if there are very many, only the first of them."""
    more: int
    """Children left out."""
    before: int
    """Children left out before the first that is shown."""
    below: int
    """All descendants."""


def tree(system: System, *, name: str | None = None, children: int = CHILDREN) -> Branch:
    """Return the tree below the child *name*, by default the whole tree, with at most *children* children per supervisor.

    Raises `UnknownName` if no child has that *name*, and `SpecError` if *children* is invalid.
    """
    registry, children = registry_of(system), count(children, "children")
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
    return branch_of(child, (sums.backlog, sums.restarts, sums.down, sums.below), children=below, more=more)


def branch_of(
    child: Child, sums: tuple[int, int, int, int], *, children: tuple[Branch, ...] = (), before: int = 0, more: int = 0
) -> Branch:
    """The branch of *child*, with the sums over it: backlog, restarts, descendants that are down, and all descendants."""
    backlog, restarts, down, below = sums
    return Branch(
        name=child.name,
        path=child.path,
        kind=child.spec.kind,
        actor=child.plan.name if isinstance(child, ActorChild) else None,
        status=status_of(child),
        incarnation=child.incarnation,
        since=child.since,
        restart_at=child.restart_at,
        restart=child.spec.restart,
        dynamic=child.dynamic,
        significant=child.spec.significant,
        last_exit=None if child.last_exit is None else str(child.last_exit),
        problem=problem_of(child),
        paused_since=paused_since(child),
        backlog=backlog,
        restarts=restarts,
        down=down,
        budget=budget_of(child) if isinstance(child, SupervisorChild) else None,
        children=children,
        more=more,
        before=before,
        below=below,
    )


class _Sums:
    """Sums over a branch."""

    def __init__(self, child: Child, below: tuple[Branch, ...]) -> None:
        self.backlog = len(child.mailbox) if isinstance(child, ActorChild) else 0
        self.restarts = max(0, child.incarnation - 1)
        self.down = 0
        self.below = len(below)
        for branch in below:
            self.below += branch.below
            self.backlog += branch.backlog
            self.restarts += branch.restarts
            self.down += branch.down + (branch.status is not ChildStatus.RUNNING)

    def add_hidden(self, children: Iterable[Child]) -> int:
        """Add children that are not shown; return their number."""
        count = backlog = down = 0
        incarnations, running = 0, ChildStatus.RUNNING
        for child in children:  # a hot loop: a console may go through ten thousand cells each second
            count += 1
            if isinstance(child, ActorChild):
                backlog += len(child.mailbox.queue)
            elif isinstance(child, SupervisorChild):
                self.add_hidden(child.children.values())
            incarnations += child.incarnation or 1
            if child.status is not running:
                down += 1
        self.backlog += backlog
        self.restarts += incarnations - count
        self.down += down
        self.below += count
        return count
