"""Refs: the handles through which the rest of the program uses an actor.

A ref offers its actor's handlers and nothing else. It belongs to the child, not to an incarnation, so it survives restarts;
each child has exactly one. To the type checkers a ref is the actor itself; at run time, any attribute that is not a handler
raises `NotAHandler`.

`isinstance(ref, Counter)` is true, as the type checkers have it: the class of its actor is the `__class__` of a ref, as it is for the
doubles of `unittest.mock`. `type(ref)` stays `ActorRef`, so `isinstance(value, Ref)` tells refs from actors, and nothing of the actor
is inherited. Python asks for `__class__` only where the type alone says no, so calls and casts do not pay for it.
"""

from __future__ import annotations

from typing import Any, NoReturn, cast

import attrs

from trioactors.actors.calls import RemoteHandler
from trioactors.actors.child import ActorChild, is_actor
from trioactors.actors.plan import ActorPlan
from trioactors.errors import NotAHandler, UsageError, WrongClass
from trioactors.supervision.registry import Registry
from trioactors.supervision.specs import ChildSpec, target_of

__all__ = ["ActorRef", "Ref", "StoredName", "actor_class_of", "child_of", "target_of_ref"]


class Ref:
    """The handle of any actor, as `start` and `get` return it, and as `stop` and `info` take it.

        counter: Counter = await system.start(Counter, name="counter")

        async def stop_all(refs: Sequence[ta.Ref]) -> None:
            for ref in refs:
                await ta.stop(ref)

    The ref of a known actor is annotated as its class, which has the handlers; `Ref` is for code that takes the ref of any actor.
    `isinstance(ref, ta.Ref)` and `isinstance(ref, Counter)` are true of the ref of a `Counter`, and only the second of a `Counter` itself.
    """

    __slots__ = ()


class ActorRef(Ref):
    """What a ref is at run time.

    One that was read from a state may know its actor by name only; it then looks the name up at each use.
    """

    def __init__(self, child: ActorChild | StoredName) -> None:
        self.__dict__["_child"] = child

    __class__: Any = property(lambda ref: actor_class_of(target_of_ref(ref)))
    """The class of the actor."""

    def __dir__(self) -> list[str]:
        """The handlers."""
        plan: ActorPlan | None = getattr(self.__class__, "__actor_plan__", None)
        return [] if plan is None else sorted(plan.handlers)

    def __getattr__(self, name: str) -> RemoteHandler[..., Any]:
        """A handler, made on first use. Raises `NotAHandler`."""
        child = child_of(self)
        spec = child.plan.handlers.get(name)
        if spec is None:
            raise NotAHandler(repr(self), name, sorted(child.plan.handlers))
        bound: RemoteHandler[..., Any] = RemoteHandler(child, spec)
        if target_of_ref(self) is child:
            self.__dict__[name] = bound
        return bound

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refused: an actor's state is private."""
        child = child_of(self)
        raise NotAHandler(repr(self), name, sorted(child.plan.handlers))

    def __delattr__(self, name: str) -> NoReturn:
        """Refused: an actor's state is private."""
        child = child_of(self)
        raise NotAHandler(repr(self), name, sorted(child.plan.handlers))

    def __reduce__(self) -> NoReturn:
        """Refused: a ref is valid in its own system only."""
        raise UsageError(f"{self!r} cannot be pickled or copied; send the actor's name, and look it up with system.get")

    def __repr__(self) -> str:
        """The actor behind the ref, with its status."""
        return f"<ref to {target_of_ref(self)!r}>"


def child_of(ref: Ref) -> ActorChild:
    """The child behind a ref.

    Raises `UsageError` for anything that is not a ref. If the ref knows only a name, raises `UnknownName` or `WrongClass` when
    the lookup fails. Raises `UsageError` in a forked process, too.
    """
    if not isinstance(ref, ActorRef):
        raise UsageError(f"{ref!r} is not a ref: pass what system.start or system.get returned")
    target = target_of_ref(ref)
    child = target.find() if isinstance(target, StoredName) else target
    child.runtime.check_fork()
    return child


def actor_class_of(target: ActorChild | StoredName) -> type:
    """The class of the actor behind a ref. Looks nothing up."""
    return target.kind if isinstance(target, StoredName) else cast("type", target_of(cast("ChildSpec", target.spec).make))


def target_of_ref(ref: ActorRef) -> ActorChild | StoredName:
    """The child behind a ref, or the name if the ref knows only that. Looks nothing up."""
    target: ActorChild | StoredName = ref.__dict__["_child"]
    return target


@attrs.frozen
class StoredName:
    """The name of an actor in a state, if the actor did not exist when the state was read."""

    name: str
    kind: type
    registry: Registry = attrs.field(repr=False, eq=False)

    def find(self) -> ActorChild:
        """The actor that has the name now. Raises `UnknownName`, `WrongClass`."""
        child = self.registry.find(self.name)
        if not is_actor(child, self.kind):
            raise WrongClass(self.name, self.kind.__name__, repr(child))
        return cast("ActorChild", child)
