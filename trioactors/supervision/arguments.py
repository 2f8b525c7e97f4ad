"""Checking, when a child is declared, that the arguments bound to it fit its class or function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from trioactors.annotations import signature_of
from trioactors.errors import SpecError

__all__ = ["takes", "takes_nothing"]

_known: WeakKeyDictionary[Callable[..., Any], bool] = WeakKeyDictionary()
"""Cache of `takes_nothing`; weak keys keep nothing alive."""


def takes_nothing(target: Callable[..., Any]) -> bool:
    """The same as `takes` without arguments.

    The answer is cached: inspecting a signature costs as much as the rest of a start, and the same class is started many times.
    """
    if not isinstance(target, type | FunctionType):  # a method, for example: there is a new one at each access
        return takes(target, (), {})
    wants_status = _known.get(target)
    if wants_status is None:
        wants_status = _known[target] = takes(target, (), {})
    return wants_status


def takes(target: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Check that *target* takes these arguments. Returns whether it takes `task_status` too. Raises `SpecError`."""
    try:
        signature = _signature(target)
    except ValueError:  # a builtin without a signature
        return False
    wants_status = "task_status" in signature.parameters and "task_status" not in keywords
    given = {**keywords, "task_status": None} if wants_status else keywords
    try:
        signature.bind(*args, **given)
    except TypeError as error:
        name = getattr(target, "__qualname__", repr(target))
        raise SpecError(f"{name} cannot be started like this: {error}. Bind arguments with functools.partial.") from None
    return wants_status


def _signature(target: Callable[..., Any]) -> inspect.Signature:
    """The signature of *target*. For a class it is that of `__init__`, as `Actor.__new__` accepts anything."""
    if not isinstance(target, type):
        return signature_of(target)
    own = signature_of(getattr(target, "__init__"))  # noqa: B009 - not an instance's
    return own.replace(parameters=list(own.parameters.values())[1:])
