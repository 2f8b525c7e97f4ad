"""The factory of children: which class and which body each kind of spec gets."""

from __future__ import annotations

from trioactors.actors.child import ActorChild
from trioactors.actors.loop import live
from trioactors.actors.plan import ActorPlan
from trioactors.actors.ref import ActorRef
from trioactors.errors import StoreMissing
from trioactors.supervision.child import Child
from trioactors.supervision.functions import FunctionChild, ResourceChild, hold_resource, run_function
from trioactors.supervision.specs import ChildKind, ChildSpec, Supervisor
from trioactors.supervision.supervisor import supervise
from trioactors.supervision.tree import SupervisorChild

__all__ = ["make_child", "plan_of"]


def plan_of(spec: ChildSpec) -> ActorPlan | None:
    """The plan of the actor that *spec* declares; None for other kinds."""
    return spec.plan if isinstance(spec.plan, ActorPlan) else None


def make_child(parent: SupervisorChild, spec: ChildSpec | Supervisor, *, dynamic: bool = False) -> Child:
    """The child that *spec* declares, not yet started."""
    runtime = parent.runtime
    if isinstance(spec, Supervisor):
        return SupervisorChild(
            spec.name, spec, runtime, parent, supervise, dynamic, make_child=make_child, registry=parent.registry
        )
    name = spec.name or parent.registry.fresh(getattr(spec.target, "__name__", spec.kind.value))
    match spec.kind:
        case ChildKind.ACTOR:
            plan = plan_of(spec)
            assert plan is not None  # every actor class has a plan
            if plan.durable_state is not None and runtime.committer is None:
                raise StoreMissing(name)
            child = ActorChild(name, spec, runtime, parent, live, dynamic, plan=plan)
            child.ref = ActorRef(child)
            return child
        case ChildKind.RESOURCE:
            return ResourceChild(name, spec, runtime, parent, hold_resource, dynamic)
        case _:
            return FunctionChild(name, spec, runtime, parent, run_function, dynamic)
