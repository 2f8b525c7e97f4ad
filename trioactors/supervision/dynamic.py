"""Starting and stopping children of a dynamic supervisor beside its loop.

Children of a dynamic supervisor do not depend on each other, so nothing is gained by starting and stopping them one after another, and a
slow start would hold up all others. While the loop is idle, whoever asks does the work in its own task; a busy loop (it is restarting
somebody) is asked as usual. A life that was begun here becomes known to the loop in the moment in which it is ready; from then on its end
is the loop's business.
"""

from __future__ import annotations

import trio

from trioactors.errors import Ignore, StartFailed
from trioactors.supervision.child import Cell, start_failure
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import Strategy
from trioactors.supervision.supervisor import Shell
from trioactors.supervision.tree import SupervisorCell

__all__ = ["abandon_start", "independent", "not_added", "start_beside", "stop_beside"]


def independent(supervisor: SupervisorCell) -> bool:
    """Whether its children can be started and stopped beside its loop, now."""
    shell = supervisor.shell
    return supervisor.plan.strategy is Strategy.DYNAMIC and shell is not None and not shell.busy


async def start_beside(shell: Shell, cell: Cell) -> Cell:
    """Start *cell* and wait until it is ready. Raises `StartFailed`; cancelled means: not started."""
    life = shell.launch(cell)
    try:
        await life.wait()
    except trio.Cancelled:
        abandon_start(cell)
        raise
    if not life.ready:
        shell.not_started(cell, life)
        raise not_added(shell, cell)
    return cell


def abandon_start(cell: Cell) -> None:
    """Whoever asked for *cell* does not wait for it any more: if it is not ready, it shall not be.

    If it still becomes ready, before it meets the cancellation, that is no news to the supervisor, nor is its end: nobody restarts it.
    """
    if cell.life is not None and not cell.life.ready:
        cell.status = ChildStatus.STOPPING
        cell.life.kill(f"whoever asked for {cell.name} was cancelled")
        if cell.parent is not None:
            cell.parent.forget_child(cell)


def not_added(shell: Shell, cell: Cell) -> StartFailed:
    """The error for a start at run time; unless it was ignored, its spec is discarded."""
    error = start_failure(cell)
    if not isinstance(error.__cause__, Ignore):
        shell.cell.forget_child(cell)
    return error


async def stop_beside(shell: Shell, cell: Cell) -> None:
    """Stop *cell* for good and wait until it is gone. Cancelled means: it goes on stopping, and is forgotten all the same."""
    cell.leaving = True
    life = shell.ask_to_stop(cell)
    if life is None:
        shell.cell.forget_child(cell)
        return
    while life.ended is None:
        await life.wait()
