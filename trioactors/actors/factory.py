"""The factory of children: which class and which body each kind of spec gets."""

from __future__ import annotations

from types import FunctionType
from typing import Any, cast
from weakref import WeakSet

from trioactors.actors.child import ActorChild
from trioactors.actors.loop import live
from trioactors.actors.plan import ActorPlan
from trioactors.actors.ref import ActorRef
from trioactors.annotations import Names, function_behind
from trioactors.errors import StoreMissing
from trioactors.supervision.child import Child
from trioactors.supervision.functions import FunctionChild, ResourceChild, hold_resource, run_function
from trioactors.supervision.specs import ChildKind, ChildSpec, Resource, Supervisor, target_of
from trioactors.supervision.supervisor import supervise
from trioactors.supervision.tree import SupervisorChild

__all__ = ["check_names", "make_child", "plan_of"]

_checked: WeakSet[FunctionType] = WeakSet()
"""The functions whose annotations were checked; weak references keep nothing alive."""


def plan_of(spec: ChildSpec) -> ActorPlan | None:
    """The plan of the actor that *spec* declares; None for other kinds."""
    return spec.plan if isinstance(spec.plan, ActorPlan) else None


def check_names(spec: ChildSpec | Supervisor) -> None:
    """Check that the names in all annotations of *spec*, and of what is below it, exist by now. Raises `DefinitionError`."""
    if isinstance(spec, Supervisor):
        for each in spec.children:
            check_names(each)
    elif (plan := plan_of(spec)) is not None:
        plan.check_names()
    else:
        made: object = spec.target
        _check_function(target_of(cast("Resource[object]", made).enter if isinstance(made, Resource) else made))


def _check_function(target: Any) -> None:
    function = function_behind(target)
    if function is not None and function not in _checked:
        names = Names()
        names.add(function.__qualname__, target)
        names.check()
        _checked.add(function)


def make_child(parent: SupervisorChild, spec: ChildSpec | Supervisor, *, dynamic: bool = False) -> Child:
    """The child that *spec* declares, not yet started. Raises `DefinitionError`, `StoreMissing`."""
    check_names(spec)
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
