"""Starting and stopping children of a dynamic supervisor beside its loop.

Children of a dynamic supervisor do not depend on each other, so nothing is gained by starting and stopping them one after another, and a
slow start would hold up all others. While the loop is idle, whoever asks does the work in its own task; a busy loop (it is restarting
somebody) is asked as usual. A life that was begun here becomes known to the loop in the moment in which it is ready; from then on its end
is the loop's business.
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
    """Whether its children can be started and stopped beside its loop, now."""
    loop = supervisor.loop
    return supervisor.plan.strategy is Strategy.DYNAMIC and loop is not None and not loop.busy


async def start_concurrently(loop: SupervisorLoop, child: Child) -> Child:
    """Start *cell* and wait until it is ready. Raises `StartFailed`; cancelled means: not started."""
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
    """Whoever asked for *cell* does not wait for it any more: if it is not ready, it shall not be.

    If it still becomes ready, before it meets the cancellation, that is no news to the supervisor, nor is its end: nobody restarts it.
    """
    if child.current is not None and not child.current.ready:
        child.status = ChildStatus.STOPPING
        child.current.kill(f"whoever asked for {child.name} was cancelled")
        if child.parent is not None:
            child.parent.forget_child(child)


def start_error(loop: SupervisorLoop, child: Child) -> StartFailed:
    """The error for a start at run time; unless it was ignored, its spec is discarded."""
    error = start_failure(child)
    if not isinstance(error.__cause__, Ignore):
        loop.child.forget_child(child)
    return error


async def stop_concurrently(loop: SupervisorLoop, child: Child) -> None:
    """Stop *cell* for good and wait until it is gone. Cancelled means: it goes on stopping, and is forgotten all the same."""
    child.leaving = True
    incarnation = loop.ask_to_stop(child)
    if incarnation is None:
        loop.child.forget_child(child)
        return
    while incarnation.ended is None:
        await incarnation.wait()
