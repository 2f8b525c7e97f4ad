"""Execution limits: `@handler(execution_timeout=30.0)` bounds the time that a handler runs.

When the limit passes, what becomes of the message is decided, whatever the handler does afterwards: its actor crashes with
`HandlerTimeout`. The caller gets `ActorCrashed` at that moment, and the handler is cancelled. Usually it ends at once. One that shields
itself to clean up, or swallows `Cancelled`, may go on; what it then returns or raises no longer counts. Trio cannot stop such a task, so
after the system's grace it is reported, once.

A handler that does not wait cannot be interrupted. If it returns before any other task has run, it was in time.

The limit is an entry among the system's deadlines, not the deadline of a cancel scope: so the decision is made at one moment.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import trio

from trioactors.errors import HandlerTimeout
from trioactors.messaging.messages import causation_of
from trioactors.scheduling.deadlines import Alarm
from trioactors.supervision.child import Incarnation
from trioactors.trace.formatting import awaited_at
from trioactors.trace.records import HandlerOverran

__all__ = ["LEAST_GRACE", "Execution"]

LEAST_GRACE: Final = 1.0
"""The least time in seconds that a cancelled handler has to end before it is reported, if `Settings.grace` is shorter."""

_log = logging.getLogger("trioactors")


@attrs.define(eq=False)
class Execution:
    """One run of a handler that has an execution limit, as an entry among the deadlines."""

    handler: str
    seconds: float
    deadline: float
    """When the limit passes, on Trio's clock."""
    _incarnation: Incarnation | None = attrs.field(repr=False)
    """None when the run is over: the list of deadlines must not keep an incarnation alive."""
    _passed: Callable[[HandlerTimeout], None] | None = attrs.field(repr=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False, repr=False)
    _error: HandlerTimeout | None = attrs.field(default=None, init=False, repr=False)
    _report: Alarm | None = attrs.field(default=None, init=False, repr=False)

    async def run(self, body: Awaitable[object]) -> object:
        """Await *body*. Raises what it raises, and `HandlerTimeout` if the limit passed before it ended."""
        result: object = None
        try:
            with self._scope:
                result = await body
        except Exception as error:  # what others ask for (Cancelled from outside, an interrupt) is no Exception, and goes on
            if self._error is None:
                raise
            raise self._error from error
        finally:
            self._incarnation = self._passed = None
            if self._report is not None:
                self._report.cancel()
        if self._error is not None:
            raise self._error
        return result

    @property
    def pending(self) -> bool:
        """Whether the handler still runs."""
        return self._incarnation is not None

    def fire(self) -> None:
        """Cancel the handler: its limit has passed."""
        incarnation, passed = self._incarnation, self._passed
        assert incarnation is not None  # it is pending
        assert passed is not None
        child = incarnation.child
        self._error = HandlerTimeout(child.name, self.handler, self.seconds, _place(incarnation))
        passed(self._error)
        self._scope.cancel(reason=f"execution_timeout of {self.handler}")
        runtime = child.runtime
        self._report = runtime.deadlines.at(runtime.now() + max(runtime.settings.grace, LEAST_GRACE), self._overran)

    def _overran(self) -> None:
        """Report that the handler still runs."""
        incarnation = self._incarnation
        assert incarnation is not None  # the alarm is cancelled when the handler ends
        child, message = incarnation.child, incarnation.message_in_progress()
        observers, now = child.runtime.observers, child.runtime.now()
        ran = now - self.deadline + self.seconds
        if observers.listeners and message is not None:
            fields = causation_of(message).as_fields
            observers.emit(HandlerOverran(time=now, child=child.name, handler=self.handler, seconds=ran, **fields))
        _log.error(
            "%s: %r was cancelled at its execution_timeout of %g s and still runs after %g s, %s. It swallows trio.Cancelled, or is in a "
            "shielded scope, so it cannot be stopped; the actor is restarted only when it ends. Let Cancelled through, and bound what "
            "is shielded.",
            child.path,
            self.handler,
            self.seconds,
            ran,
            _place(incarnation),
        )


def _place(incarnation: Incarnation) -> str:
    """Where the handler waits: the line of the handler itself, and the innermost one outside of Trio."""
    places = [] if incarnation.task is None else awaited_at(incarnation.task, "trio", "trioactors")
    shown = dict.fromkeys([*places[:1], *places[-1:]])
    return f"at {' > '.join(shown)}" if shown else "in Trio"
