"""Causation: which message led to which, as far as Trio's task tree shows it.

A message is caused by the one that its sender is handling, if the sending task is the actor's own task or runs in a nursery
that the handler opened. A task started with `context.start_soon` runs beside its handler, so it keeps the causation of the
message that started it. A task that a handler started in a nursery from elsewhere has no cause: what it sends begins a new
chain. So do timer ticks, hooks, and everything sent from outside the system.

Causation is computed only while observers are attached. A message sent without observers has no number, and what its handling
sends begins a new chain.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import trio

from trioactors.messaging.messages import NOWHERE, Causation, Envelope, causation_of
from trioactors.supervision.child import waiting_incarnation
from trioactors.trace.observers import Observers

__all__ = ["caused_by", "give_causation", "present_causation"]

_inherited: ContextVar[Causation] = ContextVar("trioactors_causation", default=NOWHERE)
"""In a child task: the causation of the message that started it."""


def present_causation() -> Causation:
    """The causation of the message that the current task is working on."""
    incarnation = waiting_incarnation()
    if incarnation is None:
        return _inherited.get()
    envelope = incarnation.message_in_progress()
    return NOWHERE if envelope is None else causation_of(envelope)


def give_causation(envelope: Envelope, observers: Observers) -> None:
    """Number *envelope*, which the current task is about to send, if anyone observes; note the time, if handlers are measured."""
    if observers.meter is not None:
        envelope.sent = trio.current_time()
    if observers.listeners:
        envelope.causation = present_causation().next(observers.number())


@contextmanager
def caused_by(causation: Causation) -> Generator[None, None, None]:
    """Tasks started in this block keep *causation*."""
    token = _inherited.set(causation)
    try:
        yield
    finally:
        _inherited.reset(token)
