"""Refs: the handles through which the rest of the program uses an actor.

A ref offers its actor's handlers and nothing else. It belongs to the child, not to an incarnation, so it survives restarts;
each child has exactly one. To the type checkers a ref is the actor itself; at run time, any attribute that is not a handler
raises `NotAHandler`.
"""

from __future__ import annotations

from typing import Any, NoReturn, cast

import attrs

from trioactors.actors.calls import RemoteHandler
from trioactors.actors.child import ActorChild, is_actor
from trioactors.errors import NotAHandler, UsageError, WrongClass
from trioactors.supervision.registry import Registry

__all__ = ["Ref", "StoredName", "child_of", "target_of_ref"]


class Ref:
    """The handle of an actor, as `start` and `get` return it, typed as the actor's class.

    A ref that was read from a state may know its actor by name only; it then looks the name up at each use.
    """

    def __init__(self, child: ActorChild | StoredName) -> None:
        self.__dict__["_child"] = child

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


def child_of(ref: object) -> ActorChild:
    """The child behind a ref.

    Raises `UsageError` for anything that is not a ref. If the ref knows only a name, raises `UnknownName` or `WrongClass` when
    the lookup fails. Raises `UsageError` in a forked process, too.
    """
    if not isinstance(ref, Ref):
        raise UsageError(f"{ref!r} is not a ref: pass what system.start or system.get returned")
    target = target_of_ref(ref)
    child = target.find() if isinstance(target, StoredName) else target
    child.runtime.check_fork()
    return child


def target_of_ref(ref: Ref) -> ActorChild | StoredName:
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
