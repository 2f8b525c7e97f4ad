"""Pausing an actor: its messages wait until it is resumed.

The pause is a flag of the mailbox, which outlasts incarnations. The loop looks at it only where it looks at rare things anyway: a
message costs nothing for it.
"""

from __future__ import annotations

import trio

from trioactors.actors.child import ActorChild
from trioactors.actors.ref import Ref, child_of
from trioactors.errors import CallTimeout, UsageError
from trioactors.messaging.mailbox import Mailbox, is_over, is_parked, looked_at
from trioactors.messaging.pause import Pause
from trioactors.settings import seconds
from trioactors.supervision.child import Child, Incarnation, leaves_for_good, waiting_incarnation
from trioactors.supervision.draining import runs
from trioactors.supervision.wait_graph import waiting
from trioactors.supervision.watchers import watched

__all__ = ["pause", "pause_child", "paused_since", "resume", "resume_child"]


def paused_since(child: Child) -> float | None:
    """When *child* was paused, on Trio's clock; None if it is not paused, or no actor."""
    pause = child.mailbox.pause if isinstance(child, ActorChild) else None
    return None if pause is None else pause.since


async def pause(ref: Ref, *, timeout: float | None = None) -> None:
    """Let an actor take no more messages, and wait until the message or the hook in progress is done.

        await ta.pause(counter)
        ...  # messages wait, the state stands still
        await ta.resume(counter)

    Messages are accepted and wait, up to the limit of the mailbox; calls and limited casts keep their deadlines, timers fire, child tasks
    run, and a stop or a restart is carried out. The pause belongs to the name: it outlasts restarts and ends with `resume`. An actor that
    pauses itself in a handler does so after that message. One that is down is paused at once, and runs its hooks when it is restarted.
    One that is paused already stays so. *timeout* is in seconds, by default the
    call deadline of the system.

    Raises `CallTimeout` if what is in progress takes longer, `CallCycle` if it waits for the caller, `UsageError` if somebody resumed the
    actor meanwhile, and `ActorStopped` if it is gone for good. If it raises, or is cancelled, it has paused nothing. As `sys:suspend` of
    OTP.
    """
    await pause_child(child_of(ref), timeout)


async def pause_child(child: ActorChild, timeout: float | None = None, *, keep: bool = False) -> None:
    """Pause the actor *child*, see `pause`. With *keep* it stays paused if it was not at rest in time."""
    child.runtime.check_thread(child)
    limit = child.runtime.settings.call_timeout if timeout is None else seconds(timeout, "pause: timeout")
    await trio.lowlevel.checkpoint()
    mailbox = child.mailbox
    if is_over(mailbox):
        raise child.stopped()
    pause = mailbox.pause = mailbox.pause or Pause(child.runtime.now())
    mailbox.attention = True
    pause.pausing += 1
    try:
        waiter = waiting_incarnation()
        if waiter is None or waiter.child is not child:
            await _until_at_rest(child, pause, waiter, limit)
        pause.stays = True
    finally:
        pause.pausing -= 1
        pause.stays |= keep
        if mailbox.pause is pause and not pause.stays and not pause.pausing:
            _go_on(mailbox)


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
    _go_on(child.mailbox)


def _go_on(mailbox: Mailbox) -> None:
    if mailbox.pause is not None:
        mailbox.pause.changed.wake()
        mailbox.pause = None
    if mailbox.active:  # it may be held
        mailbox.wake()


async def _until_at_rest(  # noqa: ASYNC910 - the caller has made a checkpoint
    child: ActorChild, pause: Pause, waiter: Incarnation | None, limit: float
) -> None:
    """Wait until *child* runs no handler and no hook. Raises `CallTimeout` after *limit* seconds, and `UsageError` if it is resumed."""
    mailbox, name, failed = child.mailbox, child.name, list[Exception]()

    def look(*_: object) -> None:
        pause.changed.wake()

    def end(error: Exception) -> None:
        failed.append(error)
        pause.changed.wake()

    with looked_at(mailbox, look), watched(child, look), waiting(waiter, end, child), trio.move_on_after(limit) as scope:  # noqa: ASYNC912
        while not failed and mailbox.pause is pause and runs(child) and not is_parked(mailbox):
            await pause.changed.wait()
    if failed:
        raise failed[0]
    if is_over(mailbox) or (leaves_for_good(child) and not runs(child)):  # its mailbox is about to be closed
        raise child.stopped()
    if mailbox.pause is not pause:
        raise UsageError(
            f"{name} is not paused: somebody resumed it while it was being paused. Pause it again if that was a mistake"
        )
    if scope.cancelled_caught:
        busy = f"was {child.status.value}" if mailbox.current is None else f"was not done with {mailbox.current.spec.name!r}"
        raise CallTimeout(f"{name} could not be paused: it {busy} after {limit:g} s", begun=True, inherited=False)
