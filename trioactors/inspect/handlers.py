"""How long messages wait and how long handlers run, as rows: one for each class and handler, or for each handler of one actor.

Nothing is measured unless somebody wants to know: a block `with measuring(system)` is open, a viewer looks, or an alert needs it. A message
then costs less than a microsecond more. What is measured, and from when to when, is said in `trioactors.trace.handler_times`.
"""

from __future__ import annotations

import enum
import heapq
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias

import attrs

from trioactors.actors.child import ActorChild
from trioactors.errors import SpecError, WrongClass
from trioactors.inspect.actors import actor_children
from trioactors.settings import choice, count, flag
from trioactors.system.system import System, registry_of, runtime_of
from trioactors.trace.handler_times import WINDOW, Tally, Timing

__all__ = ["HandlerPage", "HandlerRow", "HandlerSort", "HandlerSortWord", "HandlerSpan", "HandlerSpanWord", "handlers", "measuring"]


class HandlerSort(enum.Enum):
    """The sort key of the rows. Names sort ascending, everything else descending."""

    HANDLING = "handling"
    """The 99th percentile of handling, or the handler that is running longest if that is more."""
    WAITING = "waiting"
    """The 99th percentile of waiting."""
    RATE = "rate"
    ERRORS = "errors"
    BUSY = "busy"
    """The seconds spent in the handler in each second."""
    NAME = "name"


HandlerSortWord: TypeAlias = Literal["handling", "waiting", "rate", "errors", "busy", "name"]
"""The words that stand for the members of `HandlerSort`."""


class HandlerSpan(enum.Enum):
    """What the figures cover."""

    MINUTE = "minute"
    """The last minute: 50 to 60 seconds."""
    ALL = "all"
    """Everything since the measuring began."""


HandlerSpanWord: TypeAlias = Literal["minute", "all"]
"""The words that stand for the members of `HandlerSpan`."""


@attrs.frozen(kw_only=True)
class HandlerRow:
    """The figures of one handler. Times are in seconds; percentiles are at most 2.2 % off, and None if nothing was counted."""

    name: str
    """The class and the handler: `Ledger.pay`."""
    actor: str
    handler: str
    rate: float
    """Messages handled per second."""
    count: int
    """Messages handled."""
    errors: int
    """Handlers that ended with an error, declared or not."""
    crashed: int
    """Errors that ended their incarnation."""
    shed: int
    """Messages dropped unhandled: their caller was gone, or their deadline had passed or was too near."""
    busy: float
    """Seconds spent in the handler in each second, by all its actors together."""
    waiting_p50: float | None
    waiting_p90: float | None
    waiting_p99: float | None
    waiting_worst: float | None
    handling_p50: float | None
    handling_p90: float | None
    handling_p99: float | None
    handling_worst: float | None
    worst_at: float | None
    """When the longest handling ended, on Trio's clock."""
    worst_by: str | None
    """The actor of the longest handling."""
    running: int
    """Actors that are in this handler now."""
    running_since: float | None
    """When the one of them began that has been in it longest."""
    running_by: str | None
    """That actor."""


@attrs.frozen(kw_only=True)
class HandlerPage:
    """One page of handlers."""

    since: float | None
    """When the measuring began, on Trio's clock; None if nothing is measured."""
    seconds: float
    """The time that the figures cover."""
    total: int
    """Handlers that have figures, or run now."""
    matched: int
    """Handlers that match the search."""
    left_out: bool
    """Whether there are more handlers than are measured."""
    rows: tuple[HandlerRow, ...]


@contextmanager
def measuring(system: System, *, actor: str | None = None) -> Generator[None, None, None]:
    """Measure how long messages wait and handlers run while this block is open, so that `handlers` reports it.

    With *actor*, the handlers of the actor with that name are measured on their own as well. Raises `UnknownName`, and `WrongClass` if
    that child is no actor.
    """
    if actor is not None:
        _actor_child(system, actor)
    with runtime_of(system).meter.wanted(actor):
        yield


def handlers(
    system: System,
    *,
    sort: HandlerSort | HandlerSortWord = HandlerSort.HANDLING,
    reverse: bool = False,
    search: str = "",
    actor: str | None = None,
    span: HandlerSpan | HandlerSpanWord = HandlerSpan.MINUTE,
    limit: int = 100,
    offset: int = 0,
) -> HandlerPage:
    """Return a page of the handlers of *system*, slowest first: *limit* rows, starting at *offset*.

    *search* matches a part of `Class.handler`, ignoring case. With *actor*, the rows are those of one actor, from the time since which
    `measuring` was asked for it. Raises `UnknownName`, `WrongClass`, and `SpecError` if an argument is invalid.
    """
    key, covers = choice(sort, HandlerSort, "sort"), choice(span, HandlerSpan, "span")
    flag(reverse, "reverse")
    last = count(offset, "offset") + count(limit, "limit")
    children = actor_children(system) if actor is None else [_actor_child(system, actor)]
    meter, now = runtime_of(system).meter, runtime_of(system).now()
    running = _running(children) if meter.since is not None else {}
    timings = {f"{each.actor}.{each.handler}": each for each in meter.timings(actor)}
    part = _text(search).casefold()
    names = sorted({*running, *timings})
    found = [name for name in names if part in name.casefold()]
    since = now if meter.since is None else meter.since
    tallies = {name: _tally(timings.get(name), covers, now) for name in found}
    rows = [_row(name, tally, running.get(name, []), now - max(tally.start, since)) for name, tally in tallies.items()]
    smallest = (key is HandlerSort.NAME) is not reverse
    pick: Callable[..., list[HandlerRow]] = heapq.nsmallest if smallest else heapq.nlargest
    chosen = pick(last, rows, key=lambda row: _KEYS[key](row, now))
    return HandlerPage(
        since=meter.since,
        seconds=min(now - since, WINDOW) if covers is HandlerSpan.MINUTE else now - since,
        total=len(names),
        matched=len(found),
        left_out=meter.left_out,
        rows=tuple(chosen[offset:]),
    )


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise SpecError(f"search={given!r:.80} must be a text")
    return given


def _actor_child(system: System, name: str) -> ActorChild:
    """The actor called *name*. Raises `UnknownName`, `WrongClass`."""
    found = registry_of(system).find(name)
    if not isinstance(found, ActorChild):
        raise WrongClass(found.name, "an actor", repr(found))
    return found


def _running(children: list[ActorChild]) -> dict[str, list[tuple[float, str]]]:
    """For each handler that runs now, when it began in which actors."""
    found: dict[str, list[tuple[float, str]]] = {}
    for child in children:
        current, incarnation = child.mailbox.current, child.present
        if current is not None and incarnation is not None:
            found.setdefault(f"{child.plan.name}.{current.spec.name}", []).append((incarnation.began, child.name))
    return found


def _tally(timing: Timing | None, span: HandlerSpan, now: float) -> Tally:
    if timing is None:
        return Tally(now)
    return timing.recent(now) if span is HandlerSpan.MINUTE else timing.everything(now)


def _row(name: str, tally: Tally, running: list[tuple[float, str]], seconds: float) -> HandlerRow:
    handled = tally.handling.count
    handling, waiting = tally.handling.quantiles(0.5, 0.9, 0.99), tally.waiting.quantiles(0.5, 0.9, 0.99)
    longest = min(running, default=None)
    actor, _, handler = name.rpartition(".")
    return HandlerRow(
        name=name,
        actor=actor,
        handler=handler,
        rate=handled / seconds if seconds > 0 else 0.0,
        count=handled,
        errors=tally.errors,
        crashed=tally.crashed,
        shed=tally.shed,
        busy=tally.handling.seconds / seconds if seconds > 0 else 0.0,
        **_percentiles("waiting", waiting, tally.waited),
        **_percentiles("handling", handling, tally.longest),
        worst_at=tally.longest_at if handled else None,
        worst_by=tally.longest_by if handled else None,
        running=len(running),
        running_since=None if longest is None else longest[0],
        running_by=None if longest is None else longest[1],
    )


def _percentiles(what: str, found: tuple[float | None, ...], worst: float) -> dict[str, float | None]:
    """The fields for *what*. The worst is exact, and no percentile is above it."""
    limited = [None if each is None else max(0.0, min(each, worst)) for each in found]
    names = (f"{what}_p50", f"{what}_p90", f"{what}_p99")
    return {**dict(zip(names, limited, strict=True)), f"{what}_worst": None if worst == -math.inf else max(0.0, worst)}


def _slowest(row: HandlerRow, now: float) -> float:
    """How long the handler takes: a run that has not ended yet counts too, because a stuck handler has no other figure."""
    return max(
        -1.0 if row.handling_p99 is None else row.handling_p99, -1.0 if row.running_since is None else now - row.running_since
    )


_KEYS: Final[dict[HandlerSort, Callable[[HandlerRow, float], Any]]] = {
    HandlerSort.HANDLING: _slowest,
    HandlerSort.WAITING: lambda row, _: -1.0 if row.waiting_p99 is None else row.waiting_p99,
    HandlerSort.RATE: lambda row, _: row.rate,
    HandlerSort.ERRORS: lambda row, _: row.errors,
    HandlerSort.BUSY: lambda row, _: row.busy,
    HandlerSort.NAME: lambda row, _: row.name,
}
