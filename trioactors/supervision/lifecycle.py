"""One incarnation of a child, from its start to its exit, and the classification of exits.

A child runs in one task of its supervisor's nursery, inside one cancel scope. Nothing it raises may reach that nursery, where it would
cancel the siblings: `run_incarnation` turns every outcome into an `Exit` and reports it to the supervisor. Only what is not the child's
propagates: a `Cancelled` from outside its own scope.

How an incarnation stops on request depends on the kind of child (`Child.request_stop`): an actor finishes its message, a resource leaves
its context, a supervisor stops its children, a function is cancelled. If the grace passes first, the scope is cancelled, and the exit is
*killed*.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from trioactors.errors import Ignore, Shutdown, StartFailed
from trioactors.errors.exits import CRASH, KILLED, NORMAL, Exit, ExitKind, forget_old_frames, is_group, leaves
from trioactors.supervision.child import Child, Incarnation, current_incarnation
from trioactors.supervision.unreadable import stays_down
from trioactors.trace.observers import Observers

__all__ = ["judge", "pass_through", "run_incarnation", "whose"]


def judge(error: BaseException) -> Exit:
    """Classify the *error* that ended a child. A group of expected and unexpected errors is a crash."""
    parts = [leaf for leaf in leaves(error) if not isinstance(leaf, trio.Cancelled)]
    match parts:
        case []:
            return KILLED
        case [Shutdown() as order]:
            return Exit(ExitKind.SHUTDOWN, order.detail)
        case [single]:
            return Exit(CRASH, error=single)
        case _:
            return Exit(CRASH, error=error)


async def run_incarnation(child: Child, incarnation: Incarnation) -> None:
    """Run *incarnation* to its exit and report it. If the supervisor restarts the child in place, run the next one in the same task."""
    following: Incarnation | None = incarnation
    del incarnation  # or this frame would keep the first incarnation alive, and everything its error's traceback refers to
    while following is not None:
        following = await _live(child, following)
        if following is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()  # several fatal messages in a row must not starve other tasks


async def _live(child: Child, incarnation: Incarnation) -> Incarnation | None:
    reason = KILLED
    try:
        with incarnation.scope:
            incarnation.task = trio.lowlevel.current_task()
            await child.body(incarnation)
        reason = _verdict(incarnation)
    except BaseException as error:  # noqa: ASYNC103 - pass_through raises what is not the child's
        reason = judge(error)
        forget_old_frames(error, _live.__code__)
        incarnation.ignored = not incarnation.ready and (isinstance(reason.error, Ignore) or stays_down(incarnation, reason))
        incarnation.cancelled_outside = any(isinstance(leaf, trio.Cancelled) for leaf in leaves(error))
        pass_through(error, child.runtime.interrupt)
    finally:
        if incarnation.failure is not None and (reason is KILLED or reason.orderly):
            reason = Exit(CRASH, error=incarnation.failure)
        following = child.end(incarnation, reason)
    try:
        return following
    finally:
        del following  # the error's traceback refers to this frame: whatever keeps the error must not keep all later incarnations


def _verdict(incarnation: Incarnation) -> Exit:
    """The exit of an incarnation that returned without an error."""
    if incarnation.killed is not None:
        return KILLED
    if not incarnation.ready and incarnation.asked is None:
        return Exit(CRASH, error=StartFailed(f"{incarnation.child.name} returned before it was ready (task_status.started())"))
    return incarnation.asked or NORMAL


def pass_through(error: BaseException, interrupt: Callable[[BaseException], None]) -> None:
    """Re-raise what is not the child's: interrupts stop the system, outer cancellations propagate."""
    for leaf in leaves(error):
        if isinstance(leaf, KeyboardInterrupt | SystemExit):
            interrupt(leaf)
    if isinstance(error, trio.Cancelled):
        raise error
    if is_group(error):
        outer, _ = error.split(trio.Cancelled)
        if outer is not None:
            raise outer


def whose(observers: Observers, task: trio.lowlevel.Task) -> str:
    """The name of the child that *task* belongs to; empty if it belongs to no child of the system with these *observers*."""
    incarnation = task.context.get(current_incarnation)
    return incarnation.child.name if incarnation is not None and incarnation.child.runtime.observers is observers else ""
