"""Refs: what the rest of the program holds of an actor.

A ref offers its actor's handlers and nothing else. It belongs to the lasting half of the child, so it survives restarts, and there is
exactly one per child. To the type checkers it is the actor itself; anything but a handler raises `NotAHandler` at run time.
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
    """What `start` and `get` return, typed as the actor.

    One that was read from a state may know its actor by name only; then it finds it anew at each use.
    """

    def __init__(self, child: ActorChild | StoredName) -> None:
        self.__dict__["_child"] = child

    def __getattr__(self, name: str) -> RemoteHandler[..., Any]:
        """A handler, made when it is first used."""
        child = child_of(self)
        spec = child.plan.handlers.get(name)
        if spec is None:
            raise NotAHandler(repr(self), name, sorted(child.plan.handlers))
        bound: RemoteHandler[..., Any] = RemoteHandler(child, spec)
        if target_of_ref(self) is child:
            self.__dict__[name] = bound
        return bound

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refused: an actor's state is its own."""
        child = child_of(self)
        raise NotAHandler(repr(self), name, sorted(child.plan.handlers))

    def __delattr__(self, name: str) -> NoReturn:
        """Refused, for the same reason."""
        child = child_of(self)
        raise NotAHandler(repr(self), name, sorted(child.plan.handlers))

    def __reduce__(self) -> NoReturn:
        """Refused: a ref means something in its own system only."""
        raise UsageError(f"{self!r} cannot be pickled or copied; send the actor's name, and look it up with system.get")

    def __repr__(self) -> str:
        """The state of the actor behind it."""
        return f"<ref to {target_of_ref(self)!r}>"


def child_of(ref: object) -> ActorChild:
    """The cell behind a ref. Raises `UsageError` for anything else, `UnknownName` and `WrongClass` for one that is known by name only."""
    if not isinstance(ref, Ref):
        raise UsageError(f"{ref!r} is not a ref: pass what system.start or system.get returned")
    target = target_of_ref(ref)
    return target.find() if isinstance(target, StoredName) else target


def target_of_ref(ref: Ref) -> ActorChild | StoredName:
    """The child behind a ref, or its name if that was all that is known of it. Looks nothing up."""
    target: ActorChild | StoredName = ref.__dict__["_child"]
    return target


@attrs.frozen
class StoredName:
    """An actor that a state names and that was not there when the state was read."""

    name: str
    kind: type
    registry: Registry = attrs.field(repr=False, eq=False)

    def find(self) -> ActorChild:
        """Who has the name now. Raises `UnknownName`, `WrongClass`."""
        child = self.registry.find(self.name)
        if not is_actor(child, self.kind):
            raise WrongClass(self.name, self.kind.__name__, repr(child))
        return cast("ActorChild", child)
