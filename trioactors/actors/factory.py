"""What the life of each kind of child consists of."""

from __future__ import annotations

from typing import Any, cast

from trioactors.actors.actor import Actor
from trioactors.actors.child import ActorCell
from trioactors.actors.loop import live
from trioactors.actors.plan import ActorPlan
from trioactors.actors.ref import Ref
from trioactors.errors import StoreMissing
from trioactors.supervision.child import Cell
from trioactors.supervision.functions import FunctionCell, ResourceCell, hold_resource, run_function
from trioactors.supervision.specs import ChildKind, ChildSpec, Supervisor, target_of
from trioactors.supervision.supervisor import supervise
from trioactors.supervision.tree import SupervisorCell

__all__ = ["make_cell", "plan_of"]


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
        return SupervisorCell(spec.name, spec, runtime, parent, supervise, dynamic, make_cell=make_cell, registry=parent.registry)
    target = target_of(spec.make)
    name = spec.name or parent.registry.fresh(getattr(target, "__name__", spec.kind.value))
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
            return ResourceCell(name, spec, runtime, parent, hold_resource, dynamic)
        case _:
            return FunctionCell(name, spec, runtime, parent, run_function, dynamic)
