"""Children that are async functions or resources."""

from __future__ import annotations

from typing import Any, cast

import attrs
import trio

from trioactors.errors import StoreError, UsageError
from trioactors.errors.exits import Exit
from trioactors.persistence.committer import STORE
from trioactors.supervision.child import Child, Incarnation, current_incarnation
from trioactors.supervision.resources import Resource
from trioactors.supervision.specs import ChildSpec, target_of

__all__ = ["FunctionChild", "ResourceChild", "TaskStatus", "hold_resource", "run_function"]


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

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Cancel the function: there is no other way to stop it."""
        incarnation.asked = incarnation.asked or reason
        incarnation.scope.cancel(reason=f"{self.name} is stopped: {reason}")

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
