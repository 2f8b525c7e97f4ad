"""What led to a message: the handling of another one, as far as Trio's task tree tells.

A message is caused by the one that its sender is handling, if the task that sends it is the actor's own, or one in a nursery that the
handler has opened. A task of the actor's (`context.start_soon`) goes on beside its handler, so it keeps the lineage of the message that
began it. A task that a handler started in somebody else's nursery is nobody's: what it sends begins a chain, as does a timer's tick, a
hook, and everything from outside.

Only those ask who found that somebody listens; a message that was sent unheard has no number, and what its handling sends begins anew.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from trioactors.messaging.messages import NOWHERE, Causation, Envelope, causation_of
from trioactors.supervision.child import waiting_incarnation
from trioactors.trace.observers import Observers

__all__ = ["caused_by", "give_causation", "present_causation"]

_inherited: ContextVar[Causation] = ContextVar("trioactors_causation", default=NOWHERE)
"""In a task beside a handler: the lineage of the message that began it."""


def present_causation() -> Causation:
    """That of the message in whose handling the current task does what it does."""
    incarnation = waiting_incarnation()
    if incarnation is None:
        return _inherited.get()
    envelope = incarnation.message_in_progress()
    return NOWHERE if envelope is None else causation_of(envelope)


def give_causation(envelope: Envelope, observers: Observers) -> None:
    """Number *envelope*, which the current task sends."""
    envelope.causation = present_causation().next(observers.number())


@contextmanager
def caused_by(causation: Causation) -> Generator[None, None, None]:
    """A task that is started in this block goes on beside the handler of a message of that *lineage*."""
    token = _inherited.set(causation)
    try:
        yield
    finally:
        _inherited.reset(token)
