"""Refs inside a state: stored by name, resolved when the state is read."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from trioactors.actors.child import is_actor
from trioactors.actors.ref import Ref, StoredName, target_of_ref
from trioactors.errors import UsageError
from trioactors.serializer import Rule
from trioactors.supervision.registry import Registry
from trioactors.supervision.specs import target_of

__all__ = ["refs_by_name", "resolving"]

_registry: ContextVar[Registry | None] = ContextVar("trioactors_registry", default=None)
"""Where the names in a state that is being read are looked up."""


@contextmanager
def resolving(registry: Registry) -> Generator[None, None, None]:
    """In this block, names in states mean the actors of this system."""
    token = _registry.set(registry)
    try:
        yield
    finally:
        _registry.reset(token)


def refs_by_name(annotation: Any) -> Rule[Any, Any]:
    """How a ref to an actor of this class is carried: as the actor's name, which means the same after a restart."""
    kind = cast("type", target_of(annotation))

    def dump(ref: Ref) -> str:
        held = target_of_ref(ref)
        if isinstance(held, StoredName):
            return held.name
        if not is_actor(held, kind):
            raise ValueError(f"{held!r} is no {kind.__name__}")
        if held.spec.name is None:
            raise ValueError(
                f"{held.name} was given no name when it was started, so nothing could find it again; start it with name=..."
            )
        return held.name

    def load(name: str) -> Ref:
        registry = _registry.get()
        if registry is None:
            raise ValueError(f"{name!r} names an actor, and is read outside a system")
        stored = StoredName(name, kind, registry)
        try:
            return cast("Ref", stored.find().ref)
        except UsageError:  # it may start later
            return Ref(stored)

    return Rule(name=f"ref to {kind.__qualname__}", runtime=Ref, via=str, dump=dump, load=load)
