"""The types of what can be started, as precise as type checkers can be told.

To a type checker, a class and a function that returns its instances are alike: both can be called. But an actor class has handlers, hooks
and options, which are read before there is an instance, so a lambda cannot stand for it. Plain functions therefore have an overload of
their own. It gives a `NotStartable`, which can be neither awaited nor put under a supervisor, so the checker reports the line.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from types import CodeType
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

import trio

__all__ = ["ActorLike", "NotStartable", "PlainFunction", "ReadyFunction", "Startable"]

A = TypeVar("A")


class ActorLike(Protocol):
    """An actor, as far as a declaration needs it."""

    __actor_plan__: ClassVar[Any]
    """Its handlers and options, which every actor class has."""


class PlainFunction(Protocol):
    """A function or a lambda, and no class."""

    @property
    def __code__(self) -> CodeType:
        """Its code, which a class has not."""
        ...


class NotStartable(Protocol):
    """What type checkers see in the place of a child that is none: a lambda, or a function that is not async or lacks arguments.

    Pass the class or the async function itself, or a `partial` of it.
    """


class ReadyFunction(Protocol):
    """An async function that says when it is ready."""

    def __call__(self, *, task_status: trio.TaskStatus[Any]) -> Awaitable[object]:
        """Run, and call `task_status.started()` when it is ready."""
        ...


Startable: TypeAlias = type[A] | partial[A]
"""What `System.start` takes, for functions that hand it on: an actor class, or a `partial` of one."""
