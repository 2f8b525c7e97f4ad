"""The messages that wait in a mailbox, page by page."""

from __future__ import annotations

import math

import attrs

from trioactors.actors.child import ActorChild
from trioactors.inspect.actors import actor_child
from trioactors.inspect.ages import Marks, ages
from trioactors.messaging.messages import Call, Envelope, caller_of
from trioactors.settings import count, of_class
from trioactors.system.system import System

__all__ = ["WaitingMessage", "WaitingPage", "kind_of", "waiting", "waiting_rows"]


@attrs.frozen(kw_only=True)
class WaitingMessage:
    """A message that waits in a mailbox."""

    handler: str
    kind: str
    """`call`, `cast` or `tick`."""
    sender: str
    age: float
    """Seconds that the message has waited."""
    exact: bool
    """Whether *age* is exact. For a cast it is a lower bound, since casts carry no time."""
    left: float | None
    """Seconds until the deadline; None if there is none."""


@attrs.frozen(kw_only=True)
class WaitingPage:
    """One page of the messages that wait in a mailbox."""

    total: int
    """Number of waiting messages."""
    rows: tuple[WaitingMessage, ...]
    """Oldest first."""


def waiting(system: System, name: str, *, limit: int = 100, offset: int = 0, marks: Marks | None = None) -> WaitingPage:
    """Return a page of the messages that wait for the actor *name*, oldest first: *limit* rows, starting at *offset*.

    If you poll, pass the same *marks* each time: the ages of casts become more precise. Raises `UnknownName` if no child has that *name*,
    `WrongClass` if the child is not an actor, and `SpecError` if another argument is invalid.
    """
    child = actor_child(system, name)
    last = count(offset, "offset") + count(limit, "limit")
    marks = Marks() if marks is None else of_class(marks, Marks, "marks", "inspect.Marks()")
    marks.look(child)
    return WaitingPage(total=len(child.mailbox), rows=waiting_rows(child, marks, offset, last))


def waiting_rows(child: ActorChild, marks: Marks, first: int, last: int) -> tuple[WaitingMessage, ...]:
    """The messages from the *first* to before the *last*."""
    now = child.runtime.now()
    queue = tuple(child.mailbox.queue)
    return tuple(
        WaitingMessage(
            handler=envelope.spec.name,
            kind=kind_of(envelope),
            sender=caller_of(envelope),
            age=age.seconds,
            exact=age.exact,
            left=None if envelope.deadline == math.inf else envelope.deadline - now,
        )
        for envelope, age in zip(queue[first:last], ages(child, marks, first, last), strict=True)
    )


def kind_of(envelope: Envelope) -> str:
    """`call`, `cast` or `tick`."""
    if envelope.tick is not None:
        return "tick"
    return "call" if isinstance(envelope, Call) else "cast"
