"""All actors as rows: sorted, searched and limited here, so that thousands of them cost whoever asks no more than the page it shows."""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable
from typing import Final

import attrs

from trioactors.actors.child import ActorCell
from trioactors.settings import choice, count
from trioactors.supervision.restarts import ChildStatus
from trioactors.system.system import System, registry_of

__all__ = ["ActorPage", "ActorRow", "SortBy", "actors", "first_of", "searched"]


class SortBy(enum.Enum):
    """What rows are sorted by; the largest first, but for names and classes."""

    NAME = "name"
    ACTOR = "actor"
    WAITING = "waiting"
    RESTARTS = "restarts"
    HANDLED = "handled"
    BUSY = "busy"
    """How long the handler in progress has been at it."""
    AGE = "age"
    """How long this life has lasted, or the actor has been down."""


@attrs.frozen(kw_only=True)
class ActorRow:
    """One actor in a list."""

    name: str
    path: str
    actor: str
    status: ChildStatus
    incarnation: int
    since: float
    """When this life began, or the last one ended; on Trio's clock."""
    handling: str | None
    handling_since: float | None
    waiting: int
    limit: int
    handled: int
    crashed: int
    last_exit: str | None
    durable: bool


@attrs.frozen(kw_only=True)
class ActorPage:
    """A part of the list."""

    total: int
    """How many actors there are."""
    matched: int
    """How many of them were searched for."""
    rows: tuple[ActorRow, ...]


def _busy_since(cell: ActorCell) -> float:
    """Sorts the one that has been busy longest first, the idle ones last."""
    return -cell.present.began if cell.mailbox.current is not None and cell.present is not None else float("-inf")


_KEYS: Final[dict[SortBy, Callable[[ActorCell], object]]] = {
    SortBy.NAME: lambda cell: cell.name,
    SortBy.ACTOR: lambda cell: (cell.plan.name, cell.name),
    SortBy.WAITING: lambda cell: len(cell.mailbox.queue),
    SortBy.RESTARTS: lambda cell: cell.incarnation,
    SortBy.HANDLED: lambda cell: cell.mailbox.handled,
    SortBy.BUSY: _busy_since,
    SortBy.AGE: lambda cell: -cell.since,
}
_SMALLEST_FIRST: Final = frozenset({SortBy.NAME, SortBy.ACTOR})


def actors(
    system: System,
    *,
    sort: SortBy | str = SortBy.NAME,
    reverse: bool = False,
    search: str = "",
    status: ChildStatus | str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> ActorPage:
    """The actors of *system*, *limit* of them from *offset* on.

    *search* is a part of the name or the class, whatever its case. Rows that sort alike come in the order in which the actors were started.
    Raises `SpecError`.
    """
    sort = choice(sort, SortBy, "sort")
    wanted = None if status is None else choice(status, ChildStatus, "status")
    last = count(offset, "offset") + count(limit, "limit")
    cells = [cell for cell in registry_of(system).cells() if isinstance(cell, ActorCell)]
    total = len(cells)
    cells = searched(cells, search)
    if wanted is not None:
        cells = [cell for cell in cells if cell.status is wanted]
    smallest = (sort in _SMALLEST_FIRST) is not reverse
    chosen = first_of(cells, _KEYS[sort], last, smallest=smallest)
    return ActorPage(total=total, matched=len(cells), rows=tuple(_row(cell) for cell in chosen[offset:]))


def searched(cells: list[ActorCell], search: str) -> list[ActorCell]:
    """Those in whose name or class *search* is a part, whatever its case."""
    part = search.casefold()
    return [cell for cell in cells if part in cell.name.casefold() or part in cell.plan.name.casefold()] if part else cells


def first_of(cells: list[ActorCell], key: Callable[[ActorCell], object], number: int, *, smallest: bool) -> list[ActorCell]:
    """The first *number* in order: without sorting all of them where few are wanted, which is the usual case."""
    pick = heapq.nsmallest if smallest else heapq.nlargest
    return pick(number, cells, key=key)  # type: ignore[arg-type]  # keys of one kind compare


def _row(cell: ActorCell) -> ActorRow:
    mailbox, current, life = cell.mailbox, cell.mailbox.current, cell.present
    return ActorRow(
        name=cell.name,
        path=cell.path,
        actor=cell.plan.name,
        status=cell.status,
        incarnation=cell.incarnation,
        since=cell.since,
        handling=None if current is None else current.spec.name,
        handling_since=None if current is None or life is None else life.began,
        waiting=len(mailbox),
        limit=mailbox.limit,
        handled=mailbox.handled,
        crashed=mailbox.crashed,
        last_exit=None if cell.last_exit is None else str(cell.last_exit),
        durable=cell.plan.keeping is not None,
    )
