"""Draining: children handle what they have accepted, before they are stopped.

The mailbox of a child that is drained refuses what comes from outside and keeps its messages. The drain ends when the child is at *rest*:
no message waits or is being handled, no commit is in flight, and no deferred reply is owed. A child that crashes meanwhile is restarted as
usual and goes on. Whether several children are at rest is asked of all of them at the same moment, so a message on its way from one to
another is never overlooked.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager

import trio

from trioactors.errors.exits import SHUTDOWN
from trioactors.errors.lists import listed
from trioactors.messaging.mailbox import Mailbox, begin_drain, end_drain
from trioactors.messaging.messages import Sender
from trioactors.persistence.committer import STORE
from trioactors.supervision.child import Child, Incarnation, waiting_incarnation
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.stopping import drain_end, longest_drain
from trioactors.supervision.tree import SupervisorChild
from trioactors.supervision.wait_graph import waiting
from trioactors.trace.records import Drained

__all__ = [
    "ask_supervisors",
    "at_rest",
    "cut_by_force",
    "drain_seconds",
    "drained",
    "in_start_order",
    "own_drain_end",
    "refuse_others",
    "refuse_outside",
    "report_drain",
    "runs",
    "wait_for_one",
    "wait_for_rest",
]

_log = logging.getLogger("trioactors")


def in_start_order(supervisor: SupervisorChild) -> Iterator[Child]:
    """All children below *supervisor* that are not supervisors themselves, in start order."""
    for child in supervisor.children.values():
        if isinstance(child, SupervisorChild):
            yield from in_start_order(child)
        else:
            yield child


def at_rest(child: Child) -> bool:
    """Whether *child* has handled what it has accepted, and owes no reply. A paused actor handles nothing more."""
    paused = any(mailbox.pause and mailbox.current is None and not mailbox.held for mailbox in child.mailboxes())
    return (paused or not child.busy) and not (child.current is not None and child.current.owes_replies)


def cut_by_force(child: Child) -> bool:
    """Whether *child* gets no grace, because the stop is forced. Supervisors stop in order, which is quick then; the store must close."""
    return child.runtime.forced is not None and not isinstance(child, SupervisorChild) and child.name != STORE


def ask_supervisors(supervisor: SupervisorChild) -> None:
    """Ask *supervisor* and all supervisors below it to stop, without waiting for their turns."""
    if supervisor.current is not None and supervisor.current.ended is None:
        supervisor.request_stop(supervisor.current, SHUTDOWN)
    for child in supervisor.children.values():
        if isinstance(child, SupervisorChild):
            ask_supervisors(child)


def own_drain_end(child: Child, own: float | None) -> float | None:
    """When the drain of *child* ends if it is stopped now; None if it is not drained. *own* is in seconds, as in `drain_end`."""
    runtime = child.runtime
    settings = runtime.settings
    return drain_end(runtime.now(), own, runtime.stopping, longest_drain(settings.stop_timeout, settings.grace))


def drain_seconds(child: Child) -> float:
    """How many seconds *child* may be drained if it is stopped now, as its spec says."""
    end = own_drain_end(child, child.spec.drain)
    return 0.0 if end is None else max(0.0, end - child.runtime.now())


def refuse_others(child: Child) -> None:
    """Let the mailbox of *child* refuse all messages but those that it sends to itself."""

    def admits(sender: Sender | None) -> bool:
        return sender is not None and sender.child is child

    for mailbox in child.mailboxes():
        begin_drain(mailbox, admits, child.runtime.resting.wake)


def refuse_outside(child: Child) -> None:
    """Let the mailbox of *child* refuse all messages that do not come from children of its system."""
    runtime = child.runtime

    def admits(sender: Sender | None) -> bool:
        return isinstance(sender, Incarnation) and sender.child.runtime is runtime

    for mailbox in child.mailboxes():
        begin_drain(mailbox, admits, runtime.resting.wake)


async def wait_for_rest(children: Callable[[], Iterable[Child]], until: float) -> None:
    """Wait until all of *children* are at rest at the same moment, or until the time *until*, or until the stop is forced.

    *children* is called again when all that were in the way have come to rest: meanwhile there may be others.
    """
    await trio.lowlevel.checkpoint()
    with trio.CancelScope(deadline=until):  # noqa: ASYNC912 - the checkpoint above is enough if they are at rest already
        while restless := [child for child in children() if _in_the_way(child)]:
            for child in restless:
                await _out_of_the_way(child)


async def wait_for_one(child: Child, until: float) -> None:
    """Wait until *child*, which is not restarted any more, is at rest or has exited, or until *until*, or until the stop is forced."""
    await trio.lowlevel.checkpoint()
    with trio.CancelScope(deadline=until):  # noqa: ASYNC912 - as above
        while _in_the_way(child) and runs(child):
            await child.runtime.resting.wait()


def runs(child: Child) -> bool:
    """Whether an incarnation of *child* has not exited yet."""
    return child.current is not None and child.current.ended is None


async def _out_of_the_way(child: Child) -> None:  # noqa: ASYNC910 - the caller has made a checkpoint
    while _in_the_way(child):
        await child.runtime.resting.wait()


def _in_the_way(child: Child) -> bool:
    """Whether a drain has to wait for *child*. A forced stop waits for none."""
    return not at_rest(child) and child.runtime.forced is None


@asynccontextmanager
async def drained(child: Child, own: float | None) -> AsyncGenerator[None, None]:
    """Drain *child*, and keep its mailbox closed to others until the block is left. If it runs on, it accepts messages again.

    A handler that waits here waits for *child*. Raises `CallCycle` if that would be for ever.
    """
    runtime, mailboxes = child.runtime, child.mailboxes()
    until = own_drain_end(child, own) if mailboxes and not at_rest(child) else None
    if until is None:
        yield
        return
    alone = not runtime.draining  # otherwise all mailboxes of the system refuse what comes from outside
    if alone:
        refuse_others(child)
    try:
        began = runtime.now()
        await _wait_alone(child, until)
        report_drain(runtime, child.name, began, mailboxes)
        yield
    finally:
        for mailbox in mailboxes if alone else ():
            end_drain(mailbox)


def report_drain(runtime: Runtime, name: str, began: float, mailboxes: Sequence[Mailbox]) -> None:
    """Emit the record of a drain that is over, and log a warning if messages are left in *mailboxes*."""
    left = {mailbox.owner: len(mailbox) for mailbox in mailboxes if len(mailbox)}
    now = runtime.now()
    if left:
        drained = f"{sum(left.values())} messages still wait in {listed(left, 10)}"
        _log.warning("%s: the drain is over after %g s, and %s", name, now - began, drained)
    if runtime.observers.listeners:
        runtime.observers.emit(Drained(time=now, child=name, seconds=now - began, left=sum(left.values())))


async def _wait_alone(child: Child, until: float) -> None:
    failed: list[Exception] = []
    scope = trio.CancelScope()

    def give_up(error: Exception) -> None:
        failed.append(error)
        scope.cancel(reason=str(error))

    with scope, waiting(waiting_incarnation(), give_up, child):
        await wait_for_rest(lambda: [child], until)
    if failed:
        raise failed[0]
