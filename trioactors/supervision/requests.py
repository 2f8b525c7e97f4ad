"""What a supervisor's inbox holds: exits of its children, continuations of its own work, and requests from outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import attrs
import outcome
import trio

from trioactors.errors import CallTimeout
from trioactors.errors.exits import Exit
from trioactors.scheduling.activity import Activity
from trioactors.scheduling.parking import Parking
from trioactors.supervision.child import Child, Incarnation
from trioactors.supervision.restarts import RestartHistory

__all__ = ["ContinueRestart", "Exited", "Loop", "Message", "Request", "StopRequested", "Suspension"]

T = TypeVar("T")


class StopRequested(Exception):
    """Not an error: the loop gives way, because the supervisor must stop while it starts a child or waits for one."""


@attrs.frozen
class Exited:
    """A child's life ended."""

    child: Child
    incarnation: Incarnation


@attrs.frozen
class ContinueRestart:
    """Go on with a restart: after a failed start (which counts again) or after a back-off (which does not)."""

    child: Child
    group: tuple[str, ...]
    counts: bool
    reason: Exit


@attrs.define(eq=False)
class Request(Generic[T]):
    """Something asked of the supervisor from outside; the asker is parked until it is done."""

    action: Callable[[], Awaitable[T]] = attrs.field(repr=False)
    asker: trio.lowlevel.Task | None = attrs.field(repr=False)
    what: str
    """What is asked, for the error when time runs out."""
    withdrawn: Callable[[], None] | None = attrs.field(default=None, repr=False)
    """What to do when the asker gives up while the action runs."""

    @property
    def pending(self) -> bool:
        """Whether somebody still waits for it."""
        return self.asker is not None

    def settle(self, answer: outcome.Outcome[T]) -> None:
        """Let the asker go on."""
        if self.asker is not None:
            asker, self.asker = self.asker, None
            trio.lowlevel.reschedule(asker, answer)

    def fire(self) -> None:
        """The deadline passed."""
        self.fail(CallTimeout(f"{self.what}: not done in time", begun=True, inherited=False))

    def fail(self, error: Exception) -> None:
        """Raise *error* in the asker, who wants nothing any more."""
        self.settle(outcome.Error(error))
        self._withdraw()

    def abandon(self, _: object) -> trio.lowlevel.Abort:
        """The asker was cancelled."""
        self.asker = None
        self._withdraw()
        return trio.lowlevel.Abort.SUCCEEDED

    def _withdraw(self) -> None:
        if self.withdrawn is not None:
            self.withdrawn()


Message = Exited | ContinueRestart | Request[Any]


@attrs.define(eq=False)
class Suspension:
    """Whether the loop of a supervisor leaves its inbox alone; tests use it to let several children exit at once."""

    held: bool = False


@attrs.define(eq=False)
class Loop(Parking, ABC):
    """The inbox of one supervisor, and the place where its loop waits: for a message, or for a child."""

    _activity: Activity = attrs.field(alias="activity", repr=False)
    suspension: Suspension = attrs.field(repr=False)
    attending: Child | None = attrs.field(default=None, init=False)
    """The child it is just starting or stopping."""
    history: RestartHistory = attrs.field(init=False)
    queue: deque[Message] = attrs.field(factory=deque["Message"], init=False)
    busy: bool = attrs.field(default=False, init=False)
    """Whether its loop has something to do."""

    @abstractmethod
    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """An incarnation of a child is ready."""

    @abstractmethod
    def child_exited(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """An incarnation of a child has ended; returns the next one, if the same task is to go on with it."""

    @abstractmethod
    def end(self) -> None:
        """The supervisor's own incarnation has ended: settle what is left in the inbox."""

    def post(self, message: Message) -> None:
        """Put *message* into the inbox."""
        self.queue.append(message)
        self.set_busy()
        if not self.suspension.held:
            self.wake()

    def set_busy(self) -> None:
        """There is something to do; `quiesce` waits for it."""
        if not self.busy:
            self.busy = True
            self._activity.busy += 1

    def set_idle(self) -> None:
        """There is nothing to do."""
        if self.busy:
            self.busy = False
            self._activity.less()
