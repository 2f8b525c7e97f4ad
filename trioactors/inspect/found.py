"""Children of any kind found by name, class or path."""

from __future__ import annotations

import attrs

from trioactors.actors.child import ActorChild
from trioactors.inspect.actors import folded
from trioactors.settings import count
from trioactors.supervision.child import Child
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import ChildKind
from trioactors.supervision.tree import status_of
from trioactors.system.system import System, registry_of

__all__ = ["FoundPage", "FoundRow", "found"]


@attrs.frozen(kw_only=True)
class FoundRow:
    """A child that was found."""

    name: str
    path: str
    kind: ChildKind
    actor: str | None
    """The class, if the child is an actor."""
    status: ChildStatus


@attrs.frozen(kw_only=True)
class FoundPage:
    """One page of the children that were found."""

    total: int
    """Children in the system."""
    matched: int
    """Children found."""
    rows: tuple[FoundRow, ...]
    """Those found by name first, then those found by class, then those found by the path above them; in the order of their starts."""


def found(system: System, search: str, *, limit: int = 100, offset: int = 0) -> FoundPage:
    """Return a page of the children whose name, class or path contains *search*, ignoring case: *limit* rows, starting at *offset*.

    Raises `SpecError` if an argument is invalid.
    """
    last = count(offset, "offset") + count(limit, "limit")
    part = folded(search)
    named: list[Child] = []
    classed: list[Child] = []
    placed: list[Child] = []
    children = registry_of(system).children()
    for child in children:  # a hot loop: there may be ten thousand
        if part in child.name.casefold():
            named.append(child)
        elif isinstance(child, ActorChild) and part in child.plan.name.casefold():
            classed.append(child)
        elif part in child.path.casefold():
            placed.append(child)
    those = [*named, *classed, *placed]
    return FoundPage(total=len(children), matched=len(those), rows=tuple(map(_row, those[offset:last])))


def _row(child: Child) -> FoundRow:
    return FoundRow(
        name=child.name,
        path=child.path,
        kind=child.spec.kind,
        actor=child.plan.name if isinstance(child, ActorChild) else None,
        status=status_of(child),
    )
