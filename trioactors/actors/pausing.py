"""Pausing an actor: its messages wait until it is resumed.

The pause is a flag of the mailbox, which outlasts incarnations. The loop looks at it only where it looks at rare things anyway: a
message costs nothing for it.
"""

from __future__ import annotations

import trio

from trioactors.actors.child import ActorChild
from trioactors.actors.ref import Ref, child_of
from trioactors.errors import CallTimeout
from trioactors.messaging.mailbox import is_over, looked_at
from trioactors.settings import seconds
from trioactors.supervision.child import Child, Incarnation, waiting_incarnation
from trioactors.supervision.wait_graph import waiting
from trioactors.supervision.watchers import watched

__all__ = ["pause", "pause_child", "paused_since", "resume", "resume_child"]


def paused_since(child: Child) -> float | None:
    """When *child* was paused, on Trio's clock; None if it is not paused, or no actor."""
    return child.mailbox.paused_at if isinstance(child, ActorChild) and child.mailbox.paused else None


async def pause(ref: Ref, *, timeout: float | None = None) -> None:
    """Let an actor take no more messages, and wait until the one in progress is done. Does nothing if it is paused already.

        await ta.pause(counter)
        ...  # messages wait, the state stands still
        await ta.resume(counter)

    Messages are accepted and wait, up to the limit of the mailbox; calls and limited casts keep their deadlines, timers fire, child tasks
    run, and a stop or a restart is carried out. The pause belongs to the name: it outlasts restarts and ends with `resume`. An actor that
    pauses itself in a handler does so after that message. *timeout* is in seconds, by default the call deadline of the system. Raises
    `CallTimeout` if the message in progress takes longer (the actor is paused all the same), `CallCycle` if it waits for the caller, and
    `ActorStopped` if the actor is gone for good. As `sys:suspend` of OTP.
    """
    await pause_child(child_of(ref), timeout)


async def pause_child(child: ActorChild, timeout: float | None = None) -> None:
    """Pause the actor *child*, see `pause`."""
    child.runtime.check_thread(child)
    limit = child.runtime.settings.call_timeout if timeout is None else seconds(timeout, "pause: timeout")
    await trio.lowlevel.checkpoint()
    mailbox = child.mailbox
    if is_over(mailbox):
        raise child.stopped()
    if not mailbox.paused:
        mailbox.paused_at = child.runtime.now()
    mailbox.paused = mailbox.attention = True
    waiter = waiting_incarnation()
    if waiter is not None and waiter.child is child:
        return
    await _until_at_rest(child, waiter, limit)


async def resume(ref: Ref) -> None:
    """Let a paused actor take messages again. Does nothing if it is not paused.

    Raises `ActorStopped` if the actor is gone for good.
    """
    await resume_child(child_of(ref))


async def resume_child(child: ActorChild) -> None:
    """Resume the actor *child*, see `resume`."""
    child.runtime.check_thread(child)
    await trio.lowlevel.checkpoint()
    if is_over(child.mailbox):
        raise child.stopped()
    child.mailbox.paused = False
    if child.mailbox.active:  # it may be held
        child.mailbox.wake()


async def _until_at_rest(child: ActorChild, waiter: Incarnation | None, limit: float) -> None:
    """Wait until *child* handles no message. Raises `CallTimeout` after *limit* seconds."""
    mailbox, over, failed = child.mailbox, trio.Event(), list[Exception]()

    def look(*_: object) -> None:
        if mailbox.current is None:
            over.set()

    def end(error: Exception) -> None:
        failed.append(error)
        over.set()

    with looked_at(mailbox, look), watched(child, look), waiting(waiter, end, child), trio.move_on_after(limit):
        look()
        await over.wait()
    if failed:
        raise failed[0]
    if not over.is_set():
        handling = "" if mailbox.current is None else f" with {mailbox.current.spec.name!r}"
        raise CallTimeout(f"{child.name} is paused, but was not done{handling} within {limit:g} s", begun=True, inherited=False)
