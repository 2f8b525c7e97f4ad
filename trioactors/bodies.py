"""What the life of each kind of child consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import trio

from trioactors.cells import ActorCell, Cell, FunctionCell, ResourceCell
from trioactors.errors import StoreMissing, UsageError
from trioactors.lives import Life, current_life
from trioactors.refs import Ref
from trioactors.serving import live
from trioactors.specs import ChildKind, ChildSpec, Resource, Supervisor, target_of
from trioactors.supervisor import SupervisorCell, supervise

if TYPE_CHECKING:
    from trioactors.actor import Actor, ActorPlan

__all__ = ["TaskStatus", "make_cell", "plan_of"]


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


async def _run_function(life: Life) -> None:
    spec = cast("ChildSpec", life.cell.spec)
    current_life.set(life)
    if spec.wants_status:
        await spec.make(task_status=TaskStatus(life))
    else:
        life.announce()
        await spec.make()


async def _hold_resource(life: Life) -> None:
    cell = cast("ResourceCell", life.cell)
    resource = cast("Resource[Any]", cast("ChildSpec", cell.spec).make)
    current_life.set(life)
    async with resource.enter() as value:
        cell.value = value
        cell.held = trio.Event()
        life.announce()
        await cell.held.wait()


def plan_of(spec: ChildSpec) -> ActorPlan | None:
    """What the framework knows of the actor that *spec* declares; None where it declares something else."""
    if spec.kind is not ChildKind.ACTOR:
        return None
    plan: ActorPlan = cast("type[Actor[Any]]", target_of(spec.make)).__actor_plan__
    return plan


def make_cell(parent: SupervisorCell, spec: ChildSpec | Supervisor, *, dynamic: bool = False) -> Cell:
    """The lasting half of the child that *spec* declares."""
    runtime = parent.runtime
    if isinstance(spec, Supervisor):
        return SupervisorCell(spec.name, spec, runtime, parent, supervise, dynamic, make_cell=make_cell)
    target = target_of(spec.make)
    name = spec.name or runtime.registry.fresh(getattr(target, "__name__", spec.kind.value))
    match spec.kind:
        case ChildKind.ACTOR:
            plan = plan_of(spec)
            assert plan is not None  # an actor has one
            if plan.keeping is not None and runtime.committer is None:
                raise StoreMissing(name)
            cell = ActorCell(name, spec, runtime, parent, live, dynamic, plan=plan)
            cell.ref = Ref(cell)
            return cell
        case ChildKind.RESOURCE:
            return ResourceCell(name, spec, runtime, parent, _hold_resource, dynamic)
        case _:
            return FunctionCell(name, spec, runtime, parent, _run_function, dynamic)
