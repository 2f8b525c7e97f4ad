"""The durable actors of a system: what is stored of each, since when, and why one does not start."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

import attrs

from trioactors.actors.child import ActorCell
from trioactors.errors import StateUnreadable
from trioactors.inspect.actors import first_of, searched
from trioactors.inspect.plain import STATE_LIMITS, plain
from trioactors.settings import choice, count
from trioactors.supervision.restarts import ChildStatus
from trioactors.system.system import System, registry_of

__all__ = ["DurablePage", "DurableRow", "DurableSort", "durable"]


class DurableSort(enum.Enum):
    """What rows are sorted by; the largest or latest first, but for names."""

    NAME = "name"
    REVISION = "revision"
    SIZE = "size"
    COMMITTED = "committed"


@attrs.frozen(kw_only=True)
class DurableRow:
    """One durable actor in a list."""

    name: str
    actor: str
    policy: str
    revision: int | None
    """Of the record that is kept, 0 for none yet; None where it was not read."""
    size: int | None
    """Bytes of the record."""
    committed_at: float | None
    """When the last commit of this life was done, on Trio's clock; None for none yet."""
    committing_since: float | None
    """When the commit that is on its way was handed in."""
    status: ChildStatus
    problem: str | None
    """Why it does not run, where its record cannot be read."""


@attrs.frozen(kw_only=True)
class DurablePage:
    """A part of the list."""

    total: int
    """How many durable actors there are."""
    matched: int
    """How many of them were searched for."""
    rows: tuple[DurableRow, ...]


def durable(
    system: System,
    *,
    sort: DurableSort | str = DurableSort.NAME,
    reverse: bool = False,
    search: str = "",
    limit: int = 100,
    offset: int = 0,
) -> DurablePage:
    """The durable actors of *system*, *limit* of them from *offset* on. *search* is a part of the name or the class. Raises `SpecError`."""
    sort = choice(sort, DurableSort, "sort")
    last = count(offset, "offset") + count(limit, "limit")
    cells = [cell for cell in registry_of(system).cells() if isinstance(cell, ActorCell) and cell.plan.keeping is not None]
    total = len(cells)
    cells = searched(cells, search)
    chosen = first_of(cells, _KEYS[sort], last, smallest=(sort is DurableSort.NAME) is not reverse)
    return DurablePage(total=total, matched=len(cells), rows=tuple(_row(cell) for cell in chosen[offset:]))


def _committed(cell: ActorCell) -> float:
    at = None if cell.saver is None else cell.saver.committed_at
    return float("-inf") if at is None else at


_KEYS: Final[dict[DurableSort, Callable[[ActorCell], object]]] = {
    DurableSort.NAME: lambda cell: cell.name,
    DurableSort.REVISION: lambda cell: -1 if cell.saver is None else cell.saver.revision,
    DurableSort.SIZE: lambda cell: -1 if cell.saver is None else cell.saver.size,
    DurableSort.COMMITTED: _committed,
}


def _row(cell: ActorCell) -> DurableRow:
    keeping, saver, problem = cell.plan.keeping, cell.saver, _problem(cell)
    read = saver if problem is None else None
    return DurableRow(
        name=cell.name,
        actor=cell.plan.name,
        policy="" if keeping is None else repr(keeping.policy),
        revision=None if read is None else read.revision,
        size=None if read is None else read.size,
        committed_at=None if read is None else read.committed_at,
        committing_since=read.busy_since if read is not None and read.busy else None,
        status=cell.status,
        problem=problem,
    )


def _problem(cell: ActorCell) -> str | None:
    error = None if cell.last_exit is None else cell.last_exit.error
    if cell.status is ChildStatus.RUNNING or not isinstance(error, StateUnreadable):
        return None
    return str(plain(str(error), STATE_LIMITS))
