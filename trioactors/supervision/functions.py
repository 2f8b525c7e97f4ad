"""Children that are async functions or resources."""

from __future__ import annotations

from typing import Any, cast

import attrs
import trio

from trioactors.errors import StoreError, UsageError
from trioactors.errors.exits import Exit
from trioactors.persistence.committer import STORE
from trioactors.supervision.child import Cell, Life, current_life
from trioactors.supervision.specs import ChildSpec, Resource, target_of

__all__ = ["FunctionCell", "ResourceCell", "TaskStatus", "hold_resource", "run_function"]


class TaskStatus:
    """What a function that takes `task_status` calls when it is ready; as in `trio.Nursery.start`."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __repr__(self) -> str:
        """Whose it is, and whether it was used."""
        return f"<task_status of {self._life.cell.name}: {'started' if self._life.ready else 'starting'}>"

    def started(self, value: object = None) -> None:
        """The function is ready. *value* is accepted for the sake of functions written for `nursery.start`, and not kept."""
        del value
        if self._life.ready:
            raise UsageError(f"{self._life.cell.name} called task_status.started() twice")
        self._life.announce()


async def run_function(life: Life) -> None:
    """The body of a child that is an async function."""
    spec = cast("ChildSpec", life.cell.spec)
    current_life.set(life)
    if spec.wants_status:
        await spec.make(task_status=TaskStatus(life))
    else:
        life.announce()
        await spec.make()


async def hold_resource(life: Life) -> None:
    """The body of a child that is a resource."""
    cell = cast("ResourceCell", life.cell)
    resource = cast("Resource[Any]", cast("ChildSpec", cell.spec).make)
    current_life.set(life)
    async with resource.enter() as value:
        cell.value = value
        cell.held = trio.Event()
        life.announce()
        await cell.held.wait()


@attrs.define(eq=False, repr=False)
class FunctionCell(Cell):
    """A child that is an async function. It is asked to stop by cancelling it."""

    def ask(self, life: Life, reason: Exit) -> None:
        """Cancel it: a function has no other ear."""
        life.asked = life.asked or reason
        life.scope.cancel(reason=f"{self.name} is stopped: {reason}")

    def _reported(self, life: Life, reason: Exit) -> bool:
        """Why a store cannot be opened leaves `open_system` as itself."""
        return self.name == STORE and life.number == 1 and not life.ready and isinstance(reason.error, StoreError)


@attrs.define(eq=False, repr=False)
class ResourceCell(Cell):
    """A child that is an async context manager; *value* is what it yielded, while it runs."""

    value: Any = None
    held: trio.Event | None = None

    def ask(self, life: Life, reason: Exit) -> None:
        """Let it leave its context, with its grace for cleaning up; cancel it if it has not entered yet."""
        life.asked = life.asked or reason
        if self.held is not None:
            self.held.set()
        else:
            life.scope.cancel(reason=f"{self.name} is stopped: {reason}")

    def offer(self, kind: type) -> Any:
        """Its value, if it has one of that *kind* now."""
        wanted = target_of(kind)
        return self.value if isinstance(wanted, type) and isinstance(self.value, wanted) else super().offer(kind)

    def end(self, life: Life, reason: Exit) -> Life | None:
        """The value is gone with the life."""
        self.value = self.held = None
        return super().end(life, reason)
