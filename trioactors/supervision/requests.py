"""The queue of a supervisor's loop: exits of its children, continuations of restarts, and requests from outside."""

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
    """Leaves the loop because the supervisor must stop: it was asked to, gave up, or shut down. Not an error."""


@attrs.frozen
class Exited:
    """An incarnation of a child has exited."""

    child: Child
    incarnation: Incarnation


@attrs.frozen
class ContinueRestart:
    """The rest of a restart: after a failed start or after a back-off."""

    child: Child
    group: tuple[str, ...]
    """The names to start, after a back-off."""
    counts: bool
    """Whether it counts as one more restart: True after a failed start, False after a back-off."""
    reason: Exit


@attrs.define(eq=False)
class Request(Generic[T]):
    """A request to the supervisor from outside. The task that asks is parked until it is done."""

    action: Callable[[], Awaitable[T]] = attrs.field(repr=False)
    asker: trio.lowlevel.Task | None = attrs.field(repr=False)
    what: str
    """The request as text, for errors: "stopping counter", for example."""
    withdrawn: Callable[[], None] | None = attrs.field(default=None, repr=False)
    """Called when the asker gives up while the action runs."""

    @property
    def pending(self) -> bool:
        """Whether the asker still waits."""
        return self.asker is not None

    def settle(self, answer: outcome.Outcome[T]) -> None:
        """Wake the asker with *answer*. Without effect if it waits no more."""
        if self.asker is not None:
            asker, self.asker = self.asker, None
            trio.lowlevel.reschedule(asker, answer)

    def fire(self) -> None:
        """Fail the request: its deadline has passed."""
        self.fail(CallTimeout(f"{self.what}: not done in time", begun=True, inherited=False))

    def fail(self, error: Exception) -> None:
        """Raise *error* in the asker, and withdraw the request."""
        self.settle(outcome.Error(error))
        self._withdraw()

    def abandon(self, _: object) -> trio.lowlevel.Abort:
        """Withdraw the request: the asker was cancelled."""
        self.asker = None
        self._withdraw()
        return trio.lowlevel.Abort.SUCCEEDED

    def _withdraw(self) -> None:
        if self.withdrawn is not None:
            self.withdrawn()


Message = Exited | ContinueRestart | Request[Any]


@attrs.define(eq=False)
class Suspension:
    """Whether the loop of a supervisor leaves its queue alone. Tests use it to let several children exit at once."""

    held: bool = False


@attrs.define(eq=False)
class Loop(Parking, ABC):
    """The loop of one supervisor, as its `SupervisorChild` knows it: a queue, and a place to wait for messages and for children."""

    _activity: Activity = attrs.field(alias="activity", repr=False)
    suspension: Suspension = attrs.field(repr=False)
    attending: Child | None = attrs.field(default=None, init=False)
    """The child that is being started or stopped now."""
    restarting: Child | None = attrs.field(default=None, init=False)
    """The child that is being started in a restart."""
    waiting_group: dict[Child, dict[str, None]] = attrs.field(factory=dict["Child", "dict[str, None]"], init=False)
    """Names, in start order, that restart together with a child that waits for its restart."""
    history: RestartHistory = attrs.field(init=False)
    """The restarts that still count."""
    queue: deque[Message] = attrs.field(factory=deque["Message"], init=False)
    busy: bool = attrs.field(default=False, init=False)
    """Whether the loop has something to do."""

    @abstractmethod
    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """Note that an incarnation of a child is ready."""

    @abstractmethod
    def child_exited(self, child: Child, incarnation: Incarnation) -> Incarnation | None:
        """Note that an incarnation of a child has exited. Returns the next one if it restarts in the same task."""

    @abstractmethod
    def end(self) -> None:
        """Fail the requests that are left: the supervisor's own incarnation is over."""

    def awaits(self, child: Child) -> bool:
        """Whether *child* is among those that will be started together with one that waits for its restart."""
        return any(child.name in group for group in self.waiting_group.values())

    def post(self, message: Message) -> None:
        """Put *message* into the queue."""
        self.queue.append(message)
        self.set_busy()
        if not self.suspension.held:
            self.wake()

    def set_busy(self) -> None:
        """Note that there is something to do; `quiesce` waits until it is done."""
        if not self.busy:
            self.busy = True
            self._activity.busy += 1

    def set_idle(self) -> None:
        """Note that there is nothing to do."""
        if self.busy:
            self.busy = False
            self._activity.less()
