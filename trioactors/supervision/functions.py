"""Children that are async functions or resources."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import attrs
import trio

from trioactors.errors import StoreError, UsageError
from trioactors.errors.exits import Exit
from trioactors.persistence.committer import STORE
from trioactors.scheduling.deadlines import Alarm
from trioactors.scheduling.parking import Parking
from trioactors.supervision.child import Child, Incarnation, current_incarnation, leaves_for_good
from trioactors.supervision.draining import drain_seconds
from trioactors.supervision.resources import Resource
from trioactors.supervision.specs import ChildSpec, target_of

__all__ = ["FunctionChild", "ResourceChild", "TaskStatus", "hold_resource", "run_function", "stop_requested"]


class TaskStatus:
    """The `task_status` of a function, by which it reports that it is ready; as in `trio.Nursery.start`."""

    def __init__(self, incarnation: Incarnation) -> None:
        self._incarnation = incarnation

    def __repr__(self) -> str:
        """The name of the child, and whether it is ready."""
        return f"<task_status of {self._incarnation.child.name}: {'started' if self._incarnation.ready else 'starting'}>"

    def started(self, value: object = None) -> None:
        """Report that the function is ready. *value* is ignored; it is accepted so that functions for `nursery.start` can be used."""
        del value
        if self._incarnation.ready:
            raise UsageError(f"{self._incarnation.child.name} called task_status.started() twice")
        self._incarnation.announce()


async def run_function(incarnation: Incarnation) -> None:
    """Run one incarnation of a child that is an async function."""
    spec = cast("ChildSpec", incarnation.child.spec)
    current_incarnation.set(incarnation)
    if spec.wants_status:
        await spec.make(task_status=TaskStatus(incarnation))
    else:
        incarnation.announce()
        await spec.make()


async def stop_requested() -> None:
    """Wait until the function that runs this, a child with `drain=`, is asked to stop for good.

        async def serve() -> None:
            async with trio.open_nursery() as requests, trio.open_nursery() as accepting:
                accepting.start_soon(accept, requests)
                await ta.stop_requested()
                accepting.cancel_scope.cancel()    # no new requests; those that have begun are finished

        ta.child(serve, drain=10.0)

    The function finishes what it has begun and returns. When its drain is over it is cancelled. Raises `UsageError` outside a function that
    is a child, and in one without `drain=`, which is cancelled at once and never told.
    """
    incarnation = current_incarnation.get()
    child = None if incarnation is None else incarnation.child
    if incarnation is None or not isinstance(child, FunctionChild):
        raise UsageError("stop_requested() is for an async function that is a child: ta.child(serve, drain=10.0)")
    if child.spec.drain is None:  # with drain=False somebody decided that it waits until it is cancelled
        raise UsageError(f"stop_requested(): {child.path} has no drain= and is never told; declare it as ta.child(..., drain=10.0)")
    await trio.lowlevel.checkpoint()
    while incarnation.asked is None:
        await child.told.wait()


async def hold_resource(incarnation: Incarnation) -> None:
    """Run one incarnation of a child that is a resource: enter it, wait for the stop, leave it."""
    child = cast("ResourceChild", incarnation.child)
    resource = cast("Resource[Any]", cast("ChildSpec", child.spec).make)
    current_incarnation.set(incarnation)
    async with resource.enter() as value:
        child.value = value
        child.held = trio.Event()
        incarnation.announce()
        await child.held.wait()


@attrs.define(eq=False, repr=False)
class FunctionChild(Child):
    """A child that is an async function."""

    told: Parking = attrs.field(factory=Parking, init=False)
    """Where `stop_requested` waits."""
    _alarm: Alarm | None = attrs.field(default=None, init=False)
    """Cancels a function that was told, when its drain is over."""

    @property
    def grace(self) -> float:
        """The time in seconds that it may take to stop, a drain included."""
        return super().grace + self._patience

    @property
    def _patience(self) -> float:
        """For how many seconds it may go on after it was told, if it is stopped now."""
        if not self.spec.drain or self.runtime.forced is not None or not leaves_for_good(self):
            return 0.0
        return drain_seconds(self)

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Cancel the function; if it is drained, tell it first, and cancel it only if it does not return in time."""
        incarnation.asked = incarnation.asked or reason
        cancel = partial(incarnation.scope.cancel, reason=f"{self.name} is stopped: {reason}")
        if (patience := self._patience) > 0:
            self._alarm = self.runtime.deadlines.at(self.runtime.now() + patience, cancel)
            self.told.wake()
        else:
            cancel()

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """Drop the alarm, and record the exit."""
        if self._alarm is not None:
            self._alarm.cancel()
        return super().end(incarnation, reason)

    def _reported(self, incarnation: Incarnation, reason: Exit) -> bool:
        """Whether this is the store, which could not be opened: `open_system` raises that error itself."""
        return self.name == STORE and incarnation.number == 1 and not incarnation.ready and isinstance(reason.error, StoreError)


@attrs.define(eq=False, repr=False)
class ResourceChild(Child):
    """A child that is an async context manager."""

    value: Any = None
    """The value that it yielded; None while it does not run."""
    held: trio.Event | None = None
    """Set to leave the context; None while it does not run."""

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Leave the context, with the grace for cleaning up. If the context is not entered yet, cancel that."""
        incarnation.asked = incarnation.asked or reason
        if self.held is not None:
            self.held.set()
        else:
            incarnation.scope.cancel(reason=f"{self.name} is stopped: {reason}")

    def offer(self, kind: type) -> Any:
        """Its value, if it is a *kind*. Raises `WrongClass` otherwise, also while the resource does not run."""
        wanted = target_of(kind)
        return self.value if isinstance(wanted, type) and isinstance(self.value, wanted) else super().offer(kind)

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """Drop the value, and record the exit."""
        self.value = self.held = None
        return super().end(incarnation, reason)
