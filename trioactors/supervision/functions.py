"""Children that are async functions or resources."""

from __future__ import annotations

from typing import Any, cast

import attrs
import trio

from trioactors.errors import StoreError, UsageError
from trioactors.errors.exits import Exit
from trioactors.persistence.committer import STORE
from trioactors.supervision.child import Child, Incarnation, current_incarnation
from trioactors.supervision.specs import ChildSpec, Resource, target_of

__all__ = ["FunctionChild", "ResourceChild", "TaskStatus", "hold_resource", "run_function"]


class TaskStatus:
    """What a function that takes `task_status` calls when it is ready; as in `trio.Nursery.start`."""

    def __init__(self, incarnation: Incarnation) -> None:
        self._incarnation = incarnation

    def __repr__(self) -> str:
        """Whose it is, and whether it was used."""
        return f"<task_status of {self._incarnation.child.name}: {'started' if self._incarnation.ready else 'starting'}>"

    def started(self, value: object = None) -> None:
        """The function is ready. *value* is accepted for the sake of functions written for `nursery.start`, and not kept."""
        del value
        if self._incarnation.ready:
            raise UsageError(f"{self._incarnation.child.name} called task_status.started() twice")
        self._incarnation.announce()


async def run_function(incarnation: Incarnation) -> None:
    """The body of a child that is an async function."""
    spec = cast("ChildSpec", incarnation.child.spec)
    current_incarnation.set(incarnation)
    if spec.wants_status:
        await spec.make(task_status=TaskStatus(incarnation))
    else:
        incarnation.announce()
        await spec.make()


async def hold_resource(incarnation: Incarnation) -> None:
    """The body of a child that is a resource."""
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
    """A child that is an async function. It is asked to stop by cancelling it."""

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Cancel it: a function has no other ear."""
        incarnation.asked = incarnation.asked or reason
        incarnation.scope.cancel(reason=f"{self.name} is stopped: {reason}")

    def _reported(self, incarnation: Incarnation, reason: Exit) -> bool:
        """Why a store cannot be opened leaves `open_system` as itself."""
        return self.name == STORE and incarnation.number == 1 and not incarnation.ready and isinstance(reason.error, StoreError)


@attrs.define(eq=False, repr=False)
class ResourceChild(Child):
    """A child that is an async context manager; *value* is what it yielded, while it runs."""

    value: Any = None
    held: trio.Event | None = None

    def request_stop(self, incarnation: Incarnation, reason: Exit) -> None:
        """Let it leave its context, with its grace for cleaning up; cancel it if it has not entered yet."""
        incarnation.asked = incarnation.asked or reason
        if self.held is not None:
            self.held.set()
        else:
            incarnation.scope.cancel(reason=f"{self.name} is stopped: {reason}")

    def offer(self, kind: type) -> Any:
        """Its value, if it has one of that *kind* now."""
        wanted = target_of(kind)
        return self.value if isinstance(wanted, type) and isinstance(self.value, wanted) else super().offer(kind)

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """The value is gone with the life."""
        self.value = self.held = None
        return super().end(incarnation, reason)
