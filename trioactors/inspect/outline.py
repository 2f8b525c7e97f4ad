"""The tree with some supervisors unfolded, and a page of the children of each: what a viewer looks at, whatever the size of the tree.

Only the rows that are shown are made. The sums over a supervisor's descendants need a look at each of them; `Totals` takes that look, and
viewers that share it share its answers for half a second.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import attrs

from trioactors.actors.child import ActorChild
from trioactors.errors import SpecError, UnknownName
from trioactors.inspect.tree import Branch, branch_of
from trioactors.settings import count, of_class
from trioactors.supervision.child import Child
from trioactors.supervision.registry import Registry
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.tree import SupervisorChild
from trioactors.system.system import System, registry_of, runtime_of

__all__ = ["Outline", "Totals", "outline"]

_SMALL: Final = 150
"""A supervisor with at most as many descendants is unfolded, if nothing else is said."""
_LEVELS: Final = 2
"""Levels that are unfolded in any tree."""
_FRESH: Final = 0.5
"""Seconds for which sums are used again."""


@attrs.frozen(kw_only=True)
class Outline:
    """The tree as far as it is unfolded."""

    top: Branch
    """The top of the tree. A supervisor that is folded has no `children`, and `more` says how many it has."""
    chosen: Branch | None
    """The chosen child, without its children; None if there is no such child."""
    path: tuple[str, ...]
    """The names of the supervisors above it, from the top."""


@attrs.frozen
class _Sum:
    """Sums over a child and its descendants."""

    backlog: int = 0
    restarts: int = 0
    down: int = 0
    below: int = 0


class Totals:
    """The sums over the descendants of each supervisor, used again for half a second. Share one among all viewers of a system."""

    def __init__(self) -> None:
        self._sums: dict[Child, _Sum] = {}
        self._made = float("-inf")

    def __repr__(self) -> str:
        """The number of supervisors whose sums are known."""
        return f"<totals of {len(self._sums)} supervisors>"

    def look(self, now: float) -> None:
        """Forget what is no longer fresh at *now*."""
        if not self._made <= now < self._made + _FRESH:
            self._sums.clear()
            self._made = now

    def of(self, supervisor: SupervisorChild) -> tuple[int, int, int, int]:
        """The backlog, restarts, children that are down, and children below *supervisor*."""
        found = self._sums.get(supervisor)
        if found is None:
            found = self._sums[supervisor] = self._summed(supervisor)
        return found.backlog, found.restarts, found.down, found.below

    def _summed(self, supervisor: SupervisorChild) -> _Sum:
        backlog = down = below = 0
        restarts = max(0, supervisor.incarnation - 1)
        running = ChildStatus.RUNNING
        for child in supervisor.children.values():  # a hot loop: there may be ten thousand
            below += 1
            if child.status is not running:
                down += 1
            if isinstance(child, SupervisorChild):
                waiting, restarted, lost, those = self.of(child)
                backlog, restarts, down, below = backlog + waiting, restarts + restarted, down + lost, below + those
                continue
            if isinstance(child, ActorChild):
                backlog += len(child.mailbox.queue)
            if child.incarnation > 1:
                restarts += child.incarnation - 1
        return _Sum(backlog, restarts, down, below)


def outline(
    system: System,
    *,
    chosen: str | None = None,
    folds: Mapping[str, int | None] | None = None,
    children: int = 50,
    rows: int = 400,
    totals: Totals | None = None,
) -> Outline:
    """Return the tree, unfolded to the child *chosen*, with at most *children* children per supervisor and about *rows* rows.

    *folds* says for supervisors by name the number of the first child shown, or None for a folded one. Where it says nothing, the
    supervisors above *chosen* show the page with it, and the first two levels and small parts are unfolded. If you poll, pass the same
    *totals* each time. Raises `SpecError` if an argument is invalid.
    """
    registry = registry_of(system)
    totals = Totals() if totals is None else of_class(totals, Totals, "totals", "inspect.Totals()")
    totals.look(runtime_of(system).now())
    found = None if chosen is None else _named(chosen, registry)
    path = () if found is None else _above(found)
    width = count(children, "children", least=1)
    outliner = _Outliner(totals, _checked(folds), (*path, *(() if found is None else (found,))), width, count(rows, "rows"))
    return Outline(
        top=outliner.branch(next(iter(registry.children())), 0),
        chosen=None if found is None else branch_of(found, _sums(found, totals)),
        path=tuple(child.name for child in path),
    )


def _named(name: object, registry: Registry) -> Child | None:
    if not isinstance(name, str):
        raise SpecError(f"chosen={name!r:.80} must be the name of a child")
    try:
        return registry.find(name)
    except UnknownName:
        return None


def _above(child: Child) -> tuple[Child, ...]:
    """The supervisors above *child*, from the top."""
    found: list[Child] = []
    above: object = child.parent
    while isinstance(above, Child):
        found.append(above)
        above = above.parent
    return tuple(reversed(found))


def _checked(folds: object) -> Mapping[str, int | None]:
    if folds is None:
        return {}
    if not isinstance(folds, Mapping):
        raise SpecError(f"folds={folds!r:.80} must map names of supervisors to numbers, or None")
    known = cast("Mapping[str, Any]", folds)
    return {name: None if first is None else count(first, "folds") for name, first in known.items()}


def _sums(child: Child, totals: Totals) -> tuple[int, int, int, int]:
    if isinstance(child, SupervisorChild):
        return totals.of(child)
    return len(child.mailbox) if isinstance(child, ActorChild) else 0, max(0, child.incarnation - 1), 0, 0


class _Outliner:
    """Makes the branches that are shown."""

    def __init__(self, totals: Totals, folds: Mapping[str, int | None], path: Sequence[Child], children: int, rows: int) -> None:
        self._totals = totals
        self._folds = folds
        self._next = dict(itertools.pairwise(path))
        self._children = children
        self._left = rows

    def branch(self, child: Child, level: int) -> Branch:
        """The branch of *child*, with its children if it is unfolded."""
        self._left -= 1
        sums = _sums(child, self._totals)
        if not isinstance(child, SupervisorChild) or not child.children:
            return branch_of(child, sums)
        first = self._first(child, level, sums[3])
        if first is None:
            return branch_of(child, sums, more=len(child.children))
        shown = tuple(itertools.islice(child.children.values(), first, first + self._children))
        below = tuple(self.branch(each, level + 1) for each in shown)
        return branch_of(child, sums, children=below, before=first, more=len(child.children) - len(below))

    def _first(self, child: SupervisorChild, level: int, below: int) -> int | None:
        """The number of the first child shown; None if *child* is folded."""
        number, following = len(child.children), self._next.get(child)
        if child.name in self._folds:
            first = self._folds[child.name]
            return None if first is None else min(first, (number - 1) // self._children * self._children)
        if following is not None:
            place = next((place for place, each in enumerate(child.children.values()) if each is following), 0)
            return place // self._children * self._children
        return 0 if self._left > 0 and (level < _LEVELS or below <= _SMALL) else None
