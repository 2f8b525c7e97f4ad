"""One life of a child, between a start and an exit, and how its end is judged.

A child runs in one task of its supervisor's nursery, inside one cancel scope. Nothing it raises may reach that nursery, where it would
cancel the siblings: `run_life` turns every end into an `Exit` and posts it to the supervisor. Only what is not the child's goes through:
a `Cancelled` from outside its own scope.

How a life ends on request is the child's kind's business (`Cell.ask`): an actor finishes its message, a resource leaves its context, a
supervisor stops its children, a function is cancelled. If the grace passes first, the scope is cancelled, and the exit is *killed*.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from trioactors.errors import Ignore, Shutdown, StartFailed, StateUnreadable
from trioactors.errors.exits import CRASH, KILLED, NORMAL, Exit, ExitKind, is_group, leaves
from trioactors.supervision.child import Cell, Life

__all__ = ["judge", "pass_through", "run_life"]


def judge(error: BaseException) -> Exit:
    """What a child's end by *error* means. A mixture of expected and unexpected is unexpected."""
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


async def run_life(cell: Cell, life: Life) -> None:
    """Live *life* to its end, whatever the end is, and tell the supervisor; live on in the next one, if it says so at once."""
    following: Life | None = life
    del life  # or this frame would keep the first life as long as there are others, and all that its error's traceback holds
    while following is not None:
        following = await _live(cell, following)
        if following is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()  # a row of poisoned messages must not stop the others


async def _live(cell: Cell, life: Life) -> Life | None:
    reason = KILLED
    try:
        with life.scope:
            life.task = trio.lowlevel.current_task()
            await cell.body(life)
        reason = _verdict(life)
    except BaseException as error:  # noqa: ASYNC103 - pass_through raises what is not the child's
        reason = judge(error)
        life.ignored = not life.ready and (isinstance(reason.error, Ignore) or _hopeless(life, reason))
        life.torn = any(isinstance(leaf, trio.Cancelled) for leaf in leaves(error))
        pass_through(error, cell.runtime.interrupt)
    finally:
        if life.failure is not None and (reason is KILLED or reason.orderly):
            reason = Exit(CRASH, error=life.failure)
        following = cell.end(life, reason)
    try:
        return following
    finally:
        del following  # the traceback of this life's error holds this frame: who keeps the error must not keep all lives to come


def _hopeless(life: Life, reason: Exit) -> bool:
    """Whether a restart met a record that cannot be read: trying again cannot help, and the others are not to blame."""
    return life.number > 1 and isinstance(reason.error, StateUnreadable)


def _verdict(life: Life) -> Exit:
    """The reason of a life that ended without an error."""
    if life.killed is not None:
        return KILLED
    if not life.ready and life.asked is None:
        return Exit(CRASH, error=StartFailed(f"{life.cell.name} returned before it was ready (task_status.started())"))
    return life.asked or NORMAL


def pass_through(error: BaseException, interrupt: Callable[[BaseException], None]) -> None:
    """What no wall may keep: an interrupt is everybody's, a cancellation from outside belongs to whoever asked for it."""
    for leaf in leaves(error):
        if isinstance(leaf, KeyboardInterrupt | SystemExit):
            interrupt(leaf)
    if isinstance(error, trio.Cancelled):
        raise error
    if is_group(error):
        outer, _ = error.split(trio.Cancelled)
        if outer is not None:
            raise outer
