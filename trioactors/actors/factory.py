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
from trioactors.supervision.resources import Resource
from trioactors.supervision.specs import ChildKind, ChildSpec, Supervisor, target_of
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
        _check_function(spec.target)


def _check_function(target: Any) -> None:
    if isinstance(target, FunctionType) and target in _checked:
        return
    made: object = target_of(cast("Resource[object]", target).enter) if isinstance(target, Resource) else target
    function = function_behind(made)
    if function is not None and function not in _checked:
        names = Names()
        names.add(function.__qualname__, function)
        names.check()
        _checked.add(function)
    if isinstance(target, FunctionType):  # the function of a decorator, perhaps
        _checked.add(target)


def make_child(parent: SupervisorChild, spec: ChildSpec | Supervisor, *, dynamic: bool = False) -> Child:
    """The child that *spec* declares, not yet started. Raises `DefinitionError`, `StoreMissing`."""
    runtime = parent.runtime
    if isinstance(spec, Supervisor):
        check_names(spec)
        return SupervisorChild(
            spec.name, spec, runtime, parent, supervise, dynamic, make_child=make_child, registry=parent.registry
        )
    name = spec.name or parent.registry.fresh(getattr(spec.target, "__name__", spec.kind.value))
    match spec.kind:
        case ChildKind.ACTOR:
            plan = plan_of(spec)
            assert plan is not None  # every actor class has a plan
            plan.check_names()
            if plan.durable_state is not None and runtime.committer is None:
                raise StoreMissing(name)
            child = ActorChild(name, spec, runtime, parent, live, dynamic, plan=plan)
            child.ref = ActorRef(child)
            return child
        case ChildKind.RESOURCE:
            _check_function(spec.target)
            return ResourceChild(name, spec, runtime, parent, hold_resource, dynamic)
        case _:
            _check_function(spec.target)
            return FunctionChild(name, spec, runtime, parent, run_function, dynamic)
