"""The state of an actor as its saver reads and replaces it: hooks run, and refs are stored by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trioactors.actors.child import ActorIncarnation
from trioactors.actors.plan import ActorPlan
from trioactors.actors.stored_refs import resolving
from trioactors.serializer import Codec
from trioactors.supervision.registry import Registry

__all__ = ["HeldState"]


class HeldState:
    """The state of the actor of *incarnation*, to and from bytes.

    It is taken from the actor's `__dict__`: a commit may be made in any task, also where actors must not use `self.state`.
    """

    def __init__(self, incarnation: ActorIncarnation, plan: ActorPlan, codec: Codec[Any], registry: Registry) -> None:
        self._incarnation = incarnation
        self._actor = incarnation.actor
        self._codec = codec
        self._registry = registry
        self._saves = "on_save" in plan.hooks
        self._loads = "on_load" in plan.hooks
        self.inspect = plan.inspect
        """Whether the actor's class permits its state to be shown."""

    def encode(self) -> bytes:
        """The present state as a record. Raises what `on_save` raises, and `SerializationError`."""
        if self._saves:
            self._run(self._actor.on_save)
        return self._codec.encode(vars(self._actor)["state"])

    def restore(self, data: bytes) -> None:
        """Replace the state with the one in the record *data*. Raises what `on_load` raises, and `SerializationError`."""
        vars(self._actor)["state"] = self.decode(data)
        if self._loads:
            self._run(self._actor.on_load)

    def _run(self, hook: Callable[[], None]) -> None:
        self._incarnation.in_plain_hook = True
        try:
            hook()
        finally:
            self._incarnation.in_plain_hook = False

    def decode(self, data: bytes) -> Any:
        """The state in a record; no hook runs. Raises `SerializationError`."""
        with resolving(self._registry):
            return self._codec.decode(data)
