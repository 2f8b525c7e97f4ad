"""The actors as rows. They are sorted, searched and limited here, so a client with thousands of actors pays only for the page it shows."""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import attrs

from trioactors.actors.child import ActorChild
from trioactors.actors.pausing import paused_since
from trioactors.errors import SpecError, WrongClass
from trioactors.settings import choice, count, flag
from trioactors.supervision.restarts import ChildStatus, ChildStatusWord
from trioactors.supervision.tree import status_of
from trioactors.supervision.unreadable import problem_of
from trioactors.system.system import System, registry_of

__all__ = [
    "ActorPage",
    "ActorRow",
    "SortBy",
    "SortByWord",
    "actor_child",
    "actor_children",
    "actors",
    "first_of",
    "folded",
    "searched",
]


class SortBy(enum.Enum):
    """The sort key of the rows. Names and classes sort ascending, everything else descending."""

    NAME = "name"
    ACTOR = "actor"
    WAITING = "waiting"
    RESTARTS = "restarts"
    HANDLED = "handled"
    BUSY = "busy"
    """How long the current handler has been running."""
    AGE = "age"
    """How long the actor has been running, or down."""


SortByWord: TypeAlias = Literal["name", "actor", "waiting", "restarts", "handled", "busy", "age"]
"""The words that stand for the members of `SortBy`."""


@attrs.frozen(kw_only=True)
class ActorRow:
    """One actor in a list."""

    name: str
    path: str
    actor: str
    status: ChildStatus
    incarnation: int
    since: float
    """When the current incarnation started, or the last one exited; on Trio's clock."""
    handling: str | None
    handling_since: float | None
    waiting: int
    limit: int
    handled: int
    crashed: int
    last_exit: str | None
    problem: str | None
    """Why its stored state cannot be read, if that is what keeps it down."""
    paused_since: float | None
    """When it was paused, on Trio's clock; None if it is not paused."""
    durable: bool


@attrs.frozen(kw_only=True)
class ActorPage:
    """One page of actors."""

    total: int
    """Actors in the system."""
    matched: int
    """Actors that match the search and the status."""
    rows: tuple[ActorRow, ...]


def _busy_since(child: ActorChild) -> float:
    """Sorts the one that has been busy longest first, the idle ones last."""
    return -child.present.began if child.mailbox.current is not None and child.present is not None else float("-inf")


_KEYS: Final[dict[SortBy, Callable[[ActorChild], object]]] = {
    SortBy.NAME: lambda child: child.name,
    SortBy.ACTOR: lambda child: (child.plan.name, child.name),
    SortBy.WAITING: lambda child: len(child.mailbox.queue),
    SortBy.RESTARTS: lambda child: child.incarnation,
    SortBy.HANDLED: lambda child: child.mailbox.handled,
    SortBy.BUSY: _busy_since,
    SortBy.AGE: lambda child: -child.since,
}
_SMALLEST_FIRST: Final = frozenset({SortBy.NAME, SortBy.ACTOR})


def actors(
    system: System,
    *,
    sort: SortBy | SortByWord = SortBy.NAME,
    reverse: bool = False,
    search: str = "",
    status: ChildStatus | ChildStatusWord | None = None,
    limit: int = 100,
    offset: int = 0,
) -> ActorPage:
    """Return a page of the actors of *system*: *limit* rows, starting at *offset*.

    *search* matches a part of the name or class, ignoring case. Rows with equal keys keep the order in which the actors were started.
    Raises `SpecError` if an argument is invalid.
    """
    sort = choice(sort, SortBy, "sort")
    flag(reverse, "reverse")
    wanted = None if status is None else choice(status, ChildStatus, "status")
    last = count(offset, "offset") + count(limit, "limit")
    children = actor_children(system)
    total = len(children)
    children = searched(children, search)
    if wanted is not None:
        children = [child for child in children if status_of(child) is wanted]
    smallest = (sort in _SMALLEST_FIRST) is not reverse
    chosen = first_of(children, _KEYS[sort], last, smallest=smallest)
    return ActorPage(total=total, matched=len(children), rows=tuple(_row(child) for child in chosen[offset:]))


def actor_children(system: System) -> list[ActorChild]:
    """The actors of *system*, in the order in which they were started."""
    return [child for child in registry_of(system).children() if isinstance(child, ActorChild)]


def actor_child(system: System, name: str) -> ActorChild:
    """The actor *name*. Raises `UnknownName`, and `WrongClass` if the child is not an actor."""
    child = registry_of(system).find(name)
    if not isinstance(child, ActorChild):
        raise WrongClass(child.name, "an actor", repr(child))
    return child


def searched(children: list[ActorChild], search: str) -> list[ActorChild]:
    """The *cells* whose name or class contains *search*, ignoring case."""
    part = folded(search)
    return (
        [child for child in children if part in child.name.casefold() or part in child.plan.name.casefold()] if part else children
    )


def folded(search: object) -> str:
    """The text of a search, without the difference of capitals. Raises `SpecError`."""
    if not isinstance(search, str):
        raise SpecError(f"search={search!r:.80} must be a text")
    return search.casefold()


def first_of(children: list[ActorChild], key: Callable[[ActorChild], object], number: int, *, smallest: bool) -> list[ActorChild]:
    """The first *number* of *cells* in order. Usually few are wanted, so this does not sort all of them."""
    pick = heapq.nsmallest if smallest else heapq.nlargest
    return pick(number, children, key=key)  # type: ignore[arg-type]  # keys of one kind compare


def _row(child: ActorChild) -> ActorRow:
    mailbox, current, incarnation = child.mailbox, child.mailbox.current, child.present
    return ActorRow(
        name=child.name,
        path=child.path,
        actor=child.plan.name,
        status=status_of(child),
        incarnation=child.incarnation,
        since=child.since,
        handling=None if current is None else current.spec.name,
        handling_since=None if current is None or incarnation is None else incarnation.began,
        waiting=len(mailbox),
        limit=mailbox.limit,
        handled=mailbox.handled,
        crashed=mailbox.crashed,
        last_exit=None if child.last_exit is None else str(child.last_exit),
        problem=problem_of(child),
        paused_since=paused_since(child),
        durable=child.plan.durable_state is not None,
    )
