"""Starting and stopping children of a dynamic supervisor concurrently, outside its loop.

Children of a dynamic supervisor do not depend on each other, so there is no need to start and stop them one after another, and a slow start
would delay all others. While the loop is idle, the task that asks does the work itself. If the loop is busy (with a restart, for example),
it gets a request as usual. The loop learns of an incarnation started here when it becomes ready, and handles its exit from then on.
"""

from __future__ import annotations

import trio

from trioactors.errors import Ignore, StartFailed
from trioactors.supervision.child import Child, start_failure
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import Strategy
from trioactors.supervision.supervisor import SupervisorLoop
from trioactors.supervision.tree import SupervisorChild

__all__ = ["abandon_start", "independent", "start_concurrently", "start_error", "stop_concurrently"]


def independent(supervisor: SupervisorChild) -> bool:
    """Whether children of *supervisor* can be started and stopped outside its loop now."""
    loop = supervisor.loop
    return supervisor.plan.strategy is Strategy.DYNAMIC and loop is not None and not loop.busy


async def start_concurrently(loop: SupervisorLoop, child: Child) -> Child:
    """Start *child* and wait until it is ready. If the caller is cancelled, the child is not started. Raises `StartFailed`."""
    incarnation = loop.launch(child)
    try:
        await incarnation.wait()
    except trio.Cancelled:
        abandon_start(child)
        raise
    if not incarnation.ready:
        loop.not_started(child, incarnation)
        raise start_error(loop, child)
    return child


def abandon_start(child: Child) -> None:
    """The starter was cancelled: kill the child if it is not ready yet.

    The child may still become ready before the cancellation reaches it. The supervisor ignores that, and its exit too, so it is not
    restarted.
    """
    if child.current is not None and not child.current.ready:
        child.status = ChildStatus.STOPPING
        child.current.kill(f"the task that started {child.name} was cancelled")
        if child.parent is not None:
            child.parent.forget_child(child)


def start_error(loop: SupervisorLoop, child: Child) -> StartFailed:
    """The error for a failed start at run time. Unless the start was ignored, the child is forgotten."""
    error = start_failure(child)
    if not isinstance(error.__cause__, Ignore):
        loop.child.forget_child(child)
    return error


async def stop_concurrently(loop: SupervisorLoop, child: Child) -> None:
    """Stop *child* for good and wait until it has exited. If the caller is cancelled, the child still stops and is forgotten."""
    child.leaving = True
    incarnation = loop.ask_to_stop(child)
    if incarnation is None:
        loop.child.forget_child(child)
        return
    while incarnation.ended is None:
        await incarnation.wait()
