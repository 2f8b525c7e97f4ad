"""The durable actors as rows: the stored record of each, its last commit, and why it cannot start."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import attrs

from trioactors.actors.child import ActorChild
from trioactors.inspect.actors import actor_children, first_of, searched
from trioactors.inspect.plain import STATE_LIMITS, plain
from trioactors.settings import choice, count, flag
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.tree import status_of
from trioactors.supervision.unreadable import problem_of
from trioactors.system.system import System

__all__ = ["DurablePage", "DurableRow", "DurableSort", "DurableSortWord", "durable"]


class DurableSort(enum.Enum):
    """The sort key of the rows. Names sort ascending, everything else descending."""

    NAME = "name"
    REVISION = "revision"
    SIZE = "size"
    COMMITTED = "committed"


DurableSortWord: TypeAlias = Literal["name", "revision", "size", "committed"]
"""The words that stand for the members of `DurableSort`."""


@attrs.frozen(kw_only=True)
class DurableRow:
    """One durable actor in a list."""

    name: str
    actor: str
    policy: str
    revision: int | None
    """Of the saved record; 0 if there is none yet, None if the record was not read."""
    size: int | None
    """Of the saved record, in bytes."""
    committed_at: float | None
    """When the last commit of this incarnation completed, on Trio's clock; None if there was none."""
    committing_since: float | None
    """When the commit in progress was submitted."""
    status: ChildStatus
    problem: str | None
    """Why the actor is down, if its record cannot be read."""


@attrs.frozen(kw_only=True)
class DurablePage:
    """One page of durable actors."""

    total: int
    """Durable actors in the system."""
    matched: int
    """Durable actors that match the search."""
    rows: tuple[DurableRow, ...]


def durable(
    system: System,
    *,
    sort: DurableSort | DurableSortWord = DurableSort.NAME,
    reverse: bool = False,
    search: str = "",
    limit: int = 100,
    offset: int = 0,
) -> DurablePage:
    """Return a page of the durable actors of *system*: *limit* rows, starting at *offset*.

    *search* matches a part of the name or class, ignoring case. Raises `SpecError` if an argument is invalid.
    """
    sort = choice(sort, DurableSort, "sort")
    flag(reverse, "reverse")
    last = count(offset, "offset") + count(limit, "limit")
    children = [child for child in actor_children(system) if child.plan.durable_state is not None]
    total = len(children)
    children = searched(children, search)
    chosen = first_of(children, _KEYS[sort], last, smallest=(sort is DurableSort.NAME) is not reverse)
    return DurablePage(total=total, matched=len(children), rows=tuple(_row(child) for child in chosen[offset:]))


def _committed(child: ActorChild) -> float:
    at = None if child.saver is None else child.saver.committed_at
    return float("-inf") if at is None else at


_KEYS: Final[dict[DurableSort, Callable[[ActorChild], object]]] = {
    DurableSort.NAME: lambda child: child.name,
    DurableSort.REVISION: lambda child: -1 if child.saver is None else child.saver.revision,
    DurableSort.SIZE: lambda child: -1 if child.saver is None else child.saver.size,
    DurableSort.COMMITTED: _committed,
}


def _row(child: ActorChild) -> DurableRow:
    durable_state, saver, problem = child.plan.durable_state, child.saver, _problem(child)
    read = saver if problem is None else None
    return DurableRow(
        name=child.name,
        actor=child.plan.name,
        policy="" if durable_state is None else repr(durable_state.policy),
        revision=None if read is None else read.revision,
        size=None if read is None else read.size,
        committed_at=None if read is None else read.committed_at,
        committing_since=read.busy_since if read is not None and read.busy else None,
        status=status_of(child),
        problem=problem,
    )


def _problem(child: ActorChild) -> str | None:
    problem = problem_of(child)
    return None if problem is None else str(plain(problem, STATE_LIMITS))
