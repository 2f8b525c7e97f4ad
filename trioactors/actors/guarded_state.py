"""The check of `self.state` under test: an actor's state belongs to its messages, and nothing else may touch it.

A child task that reads the state sees what a handler has half changed, or what is not committed; what it writes belongs to no commit and is
not undone with one. Both look right in most runs. So in a system whose `Environment` says `check_state`, which all those of
`trioactors.testing` do, such a use is a `UsageError`.

The check is a data descriptor on `Actor`, put there when the first such system opens. It keeps the state where it always is, in the
actor's `__dict__`, so actors of other systems notice nothing. A subclass made for the check would be noticed: `type(self)` would be
another class, and the `__init_subclass__` of a user's base class would run for it. Programs that open no such system have no descriptor and
pay nothing.

Not found: another name for the state (`state = self.state` in a handler, which a child task then uses), other attributes of the actor, and
a thread of a child task while a message is being handled.
"""

from __future__ import annotations

from typing import Any

from trioactors.actors.actor import Actor
from trioactors.messaging.definitions import INCARNATION

__all__ = ["guard_states"]

_STATE = "state"


class _GuardedState:
    """The attribute `state` of actors: where it always is, and checked if the actor's system wants that."""

    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {_STATE!r}", name=_STATE, obj=owner)
        _check(instance, "read")
        try:
            return vars(instance)[_STATE]
        except KeyError:
            raise _missing(instance) from None

    def __set__(self, instance: object, value: object) -> None:
        _check(instance, "replaced")
        vars(instance)[_STATE] = value

    def __delete__(self, instance: object) -> None:
        _check(instance, "deleted")
        try:
            del vars(instance)[_STATE]
        except KeyError:
            raise _missing(instance) from None


def _check(instance: object, how: str) -> None:
    incarnation = vars(instance).get(INCARNATION)
    if incarnation is not None:  # otherwise no system has started the actor, and it is a plain object
        incarnation.check_state(how)


def _missing(instance: object) -> AttributeError:
    return AttributeError(f"{type(instance).__name__!r} object has no attribute {_STATE!r}", name=_STATE, obj=instance)


def guard_states() -> None:
    """Check the use of `self.state` in systems that want it. Once is enough for all."""
    if _STATE not in vars(Actor):
        type.__setattr__(Actor, _STATE, _GuardedState())
