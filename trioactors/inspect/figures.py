"""Totals for the whole system."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Final

import attrs

from trioactors.actors.child import ActorChild
from trioactors.inspect.ages import came
from trioactors.messaging.ledger import Ledger
from trioactors.messaging.mailbox import Mailbox, ledger_of
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL
from trioactors.system.system import System, registry_of, runtime_of

__all__ = ["Figures", "figures", "measured"]

_DATED: Final = 10
"""Messages of a mailbox that are searched for one that carries a time."""


@attrs.frozen(kw_only=True)
class Figures:
    """Totals for a system at one moment."""

    time: float
    """The time on Trio's clock, like all times in snapshots."""
    wall_time: float
    """The same moment on the wall clock, in seconds since 1970."""
    children: int
    actors: int
    down: int
    """Children that are not running."""
    busy: int
    """Actors that are handling a message or have messages waiting."""
    backlog: int
    """Waiting messages."""
    restarts: int
    """Restarts of all children in the system."""
    failures: int
    """Failures of children of any kind, including children that have been removed."""
    dead_letters: int
    """Dead letters so far, including those no longer kept."""
    ledger: Ledger
    store: str | None
    """The store of durable state."""
    store_broken: bool
    mailbox_wait: float
    """Seconds that the oldest waiting call or tick has waited. Casts carry no time, and a call behind very many casts is not found."""
    loop_lag: float | None
    """The longest that one task blocked the event loop in the last 10 seconds, in seconds; None if it is not measured."""


@contextmanager
def measured(system: System) -> Generator[None, None, None]:
    """Measure the loop lag while this block is open, so that `figures` reports it. It is also measured while an observer is attached."""
    with runtime_of(system).lag.wanted():
        yield


def figures(system: System) -> Figures:
    """Return the totals for *system*."""
    runtime, committer = runtime_of(system), runtime_of(system).committer
    children = actors = down = busy = restarts = handled = 0
    unsettled: list[Mailbox] = []
    running = ChildStatus.RUNNING
    for child in registry_of(system).children():  # ten thousand of them are looked at each second
        if isinstance(child, ActorChild):
            actors += 1
            mailbox = child.mailbox
            busy += mailbox.active
            if mailbox.accepted == mailbox.handled:  # then all its other counts are 0
                handled += mailbox.handled
            else:
                unsettled.append(mailbox)
        elif child.name.startswith(INTERNAL):
            continue
        children += 1
        down += child.status is not running
        if child.incarnation > 1:
            restarts += child.incarnation - 1
    ledger = Ledger(accepted=handled, handled=handled) + ledger_of(unsettled) + runtime.accounts.closed
    return Figures(
        time=runtime.now(),
        wall_time=runtime.environment.wall_clock(),
        children=children,
        actors=actors,
        down=down,
        busy=busy,
        backlog=ledger.waiting,
        restarts=restarts,
        failures=runtime.failed,
        dead_letters=runtime.accounts.dead,
        ledger=ledger,
        store=None if committer is None else committer.where,
        store_broken=committer is not None and committer.broken,
        mailbox_wait=_longest_wait(unsettled, runtime.now()),
        loop_lag=runtime.lag.worst,
    )


def _longest_wait(mailboxes: Iterable[Mailbox], now: float) -> float:
    sent = (time for mailbox in mailboxes if mailbox.queue and (time := _oldest(mailbox)) is not None)
    return max(0.0, now - min(sent, default=now))


def _oldest(mailbox: Mailbox) -> float | None:
    """When the first waiting message that carries a time was sent."""
    return next((time for envelope in itertools.islice(mailbox.queue, _DATED) if (time := came(envelope)) is not None), None)
