"""Refs inside a state: stored as names, and resolved when the state is read."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from trioactors.actors.child import is_actor
from trioactors.actors.ref import ActorRef, Ref, StoredName, target_of_ref
from trioactors.errors import UsageError
from trioactors.serializer import Rule
from trioactors.supervision.registry import Registry
from trioactors.supervision.specs import target_of

__all__ = ["refs_by_name", "resolving"]

_registry: ContextVar[Registry | None] = ContextVar("trioactors_registry", default=None)
"""The registry in which the names of a state are looked up while it is read."""


@contextmanager
def resolving(registry: Registry) -> Generator[None, None, None]:
    """In this block, look names in states up in *registry*."""
    token = _registry.set(registry)
    try:
        yield
    finally:
        _registry.reset(token)


def refs_by_name(annotation: Any) -> Rule[Any, Any]:
    """The serializer rule for refs to actors of an annotated class: the name, which is still valid after a restart."""
    target = target_of(annotation)
    kind = object if target is Ref else cast("type", target)

    def dump(ref: ActorRef) -> str:
        held = target_of_ref(ref)
        if isinstance(held, StoredName):
            return held.name
        if not is_actor(held, kind):
            raise ValueError(f"{held!r} is not a {kind.__name__}")
        if held.spec.name is None:
            raise ValueError(
                f"{held.name} was started without a name, so a stored ref could not find it again; start it with name=..."
            )
        return held.name

    def load(name: str) -> ActorRef:
        registry = _registry.get()
        if registry is None:
            raise ValueError(f"{name!r} names an actor, but the state is read outside a system")
        stored = StoredName(name, kind, registry)
        try:
            return cast("ActorRef", stored.find().ref)
        except UsageError:  # the actor may be started later
            return ActorRef(stored)

    return Rule(name="ref" if target is Ref else f"ref to {kind.__qualname__}", runtime=ActorRef, via=str, dump=dump, load=load)
