"""The system in figures."""

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
"""How many messages of a mailbox are looked at for one that says when it came."""


@attrs.frozen(kw_only=True)
class Figures:
    """A system as it is now, in figures."""

    time: float
    """On Trio's clock, like all times in snapshots."""
    wall_time: float
    """The same moment in seconds since 1970."""
    children: int
    actors: int
    down: int
    """Children that do not run."""
    busy: int
    """Actors with something to do."""
    backlog: int
    """Messages that wait."""
    restarts: int
    """Lives after the first, of all children that are known."""
    failures: int
    """Lives of any child that did not end in order, also of children that are gone."""
    dead_letters: int
    """How many there were, also those that are not kept any more."""
    ledger: Ledger
    store: str | None
    """Where durable state is kept."""
    store_broken: bool
    mailbox_wait: float
    """How long the call or tick has waited that has waited longest. Casts do not say; a call behind very many of them is not seen."""
    loop_lag: float | None
    """The longest time in the last 10 seconds that one task held the loop; None where nobody measures."""


@contextmanager
def measured(system: System) -> Generator[None, None, None]:
    """While this block is open, `figures` tell the lag of the loop. It is measured too while an observer is attached."""
    with runtime_of(system).lag.wanted():
        yield


def figures(system: System) -> Figures:
    """The figures of *system*."""
    runtime, committer = runtime_of(system), runtime_of(system).committer
    children = actors = down = busy = restarts = handled = 0
    unsettled: list[Mailbox] = []
    running = ChildStatus.RUNNING
    for child in registry_of(system).children():  # ten thousand of them are looked at each second
        if isinstance(child, ActorChild):
            actors += 1
            mailbox = child.mailbox
            busy += mailbox.active
            if mailbox.accepted == mailbox.handled:  # then nothing else is in its account
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
    """When the first waiting message came that says so."""
    return next((time for envelope in itertools.islice(mailbox.queue, _DATED) if (time := came(envelope)) is not None), None)
