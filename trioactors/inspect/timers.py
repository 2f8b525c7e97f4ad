"""The timers of one or all actors, page by page."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final

import attrs

from trioactors.actors.child import ActorChild
from trioactors.actors.timers import Timer
from trioactors.inspect.actors import actor_child, actor_children
from trioactors.settings import count
from trioactors.system.system import System
from trioactors.trace.formatting import described, told

__all__ = ["TimerPage", "TimerRow", "timer_page", "timer_rows", "timers", "timers_of"]

_ALL: Final = 2**53


@attrs.frozen(kw_only=True)
class TimerRow:
    """A timer of an actor."""

    actor: str
    key: str
    """Empty if none was given."""
    handler: str
    due: float
    """When the timer fires next, on Trio's clock."""
    period: float | None
    """Seconds; None for a timer that fires once."""
    waiting: bool
    """Whether its tick waits in the mailbox."""


@attrs.frozen(kw_only=True)
class TimerPage:
    """One page of timers."""

    total: int
    """Number of timers."""
    rows: tuple[TimerRow, ...]
    """The next to fire first."""


def timers(system: System) -> tuple[TimerRow, ...]:
    """Return the timers of all actors, the next to fire first."""
    return timer_page(system, limit=_ALL).rows


def timer_page(system: System, *, name: str | None = None, limit: int = 100, offset: int = 0) -> TimerPage:
    """Return a page of the timers, the next to fire first, of the actor *name* or of all: *limit* rows, starting at *offset*.

    Raises `UnknownName` if no child has that *name*, `WrongClass` if the child is not an actor, and `SpecError` if *limit* or *offset*
    is invalid.
    """
    last = count(offset, "offset") + count(limit, "limit")
    children = actor_children(system) if name is None else [actor_child(system, name)]
    found = [each for child in children for each in timers_of(child)]
    return TimerPage(total=len(found), rows=timer_rows(found, offset, last))


def timers_of(child: ActorChild) -> list[tuple[ActorChild, Timer]]:
    """The timers of *child*."""
    own = None if child.present is None else child.present.timers
    return [(child, timer) for timer in own or ()]


def timer_rows(found: Iterable[tuple[ActorChild, Timer]], first: int, last: int) -> tuple[TimerRow, ...]:
    """The rows from the *first* to before the *last*, the next to fire first. Only these are made."""
    chosen = heapq.nsmallest(last, found, key=lambda each: each[1].due)
    return tuple(_row(child, timer) for child, timer in chosen[first:])


def _row(child: ActorChild, timer: Timer) -> TimerRow:
    return TimerRow(
        actor=child.name,
        key="" if type(timer.key) is object else described(timer.key, told),
        handler=timer.spec.name,
        due=timer.due,
        period=timer.period,
        waiting=timer.waiting,
    )
