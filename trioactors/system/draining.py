"""Draining a whole system before it stops.

    1. the mailboxes refuse what comes from outside the system; what its own children send is still accepted
    2. the functions among the children stop, the last one first, as they are where new work comes from
    3. the actors handle what they have, and what they send each other, until all of them are at rest at the same moment
    4. the ordered stop begins; an actor that got another message meanwhile handles it in its turn

A child with `drain=False` takes no part in this: it is not waited for, and a function runs on until its turn in the ordered stop. Timers
and child tasks of actors run on, but a drain does not wait for them.
"""

from __future__ import annotations

import trio

from trioactors.errors import ActorStopped, CallTimeout
from trioactors.supervision.child import Child
from trioactors.supervision.draining import in_start_order, refuse_outside, report_drain, wait_for_rest
from trioactors.supervision.handle import stop_child
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import ChildKind
from trioactors.supervision.tree import SupervisorChild

__all__ = ["drain_system"]


async def drain_system(root: SupervisorChild, until: float) -> None:
    """Drain all children below *root*, until the time *until* at the latest, or until the stop is forced."""
    runtime, began = root.runtime, root.runtime.now()
    for child in _taking_part(root):
        refuse_outside(child)
    with trio.CancelScope(deadline=until):  # noqa: ASYNC912 - without functions there is nothing to wait for
        for child in reversed(_taking_part(root)):
            if child.spec.kind is ChildKind.FUNCTION and child.status is not ChildStatus.UNDEFINED and runtime.forced is None:
                await _stop_function(child)
    await wait_for_rest(lambda: _taking_part(root), until)
    report_drain(runtime, root.name, began, [mailbox for child in _taking_part(root) for mailbox in child.mailboxes()])


def _taking_part(root: SupervisorChild) -> list[Child]:
    return [child for child in in_start_order(root) if child.spec.drain != 0]


async def _stop_function(child: Child) -> None:
    try:
        await stop_child(child)
    except (ActorStopped, CallTimeout):  # its supervisor is stopping itself, or is busy with something that does not end
        await trio.lowlevel.checkpoint()
