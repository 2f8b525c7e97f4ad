"""Problems inside the serializer, before they become public errors with a whole path.

A hook raises a `Problem` where it finds one, and every container around it adds its step to the path. The codec, which knows whether it
was building, writing or reading, turns the problem into one of the errors that callers can catch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from cattrs.errors import AttributeValidationNote, BaseValidationError, ForbiddenExtraKeysError

from trioactors.errors import SerializationError
from trioactors.errors.lists import listed

__all__ = ["DATA_ERRORS", "Problem", "at_key", "expected", "from_group", "inside", "raised", "shown"]

T = TypeVar("T")

DATA_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    *(StopIteration, StopAsyncIteration),  # of `next` on something empty
)
"""The errors that a user's function raises for data of the wrong shape. Any other error is a bug and is not caught."""

_SHOWN = 40
_ERROR_SHOWN = 500


class Problem(Exception):
    """A value, type or record that is refused, on its way to the public error."""

    def __init__(self, what: str, next_step: str = "", error: type[SerializationError] | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
        self.error = error
        self.steps: list[str] = []
        """The path so far, the innermost step first."""

    def under(self, step: str) -> Problem:
        """Add *step* to the path and return the problem."""
        self.steps.append(step)
        return self

    def as_error(self, default: type[SerializationError], type_name: str) -> SerializationError:
        """Return the public error, of the problem's own class or else of *default*."""
        path = "".join(reversed(self.steps)).removeprefix(".")
        return (self.error or default)(self.what, type_name=type_name, path=path, next_step=self.next_step)


def expected(what: str, value: object) -> Problem:
    """The problem of a *value* in the place of *what*."""
    return Problem(f"expected {what}, got {shown(value)}")


def raised(what: str, error: Exception) -> Problem:
    """The problem of an *error* that a user's class or function raised; *what* begins its text."""
    return Problem(f"{what}: {type(error).__name__}: {error}"[:_ERROR_SHOWN])


def inside(step: str, hook: Callable[..., T], *arguments: Any) -> T:
    """Call *hook*; a problem in it gets *step* added to its path."""
    try:
        return hook(*arguments)
    except Problem as problem:
        raise problem.under(step) from problem.__cause__


def at_key(key: object) -> str:
    """The step of a path through *key*."""
    if type(key) in (str, int):
        return f"[{shown(key).rpartition(' (')[0]}]"
    return f"[{shown(key)}]"


def shown(value: object) -> str:
    """*value* in a few words. Only plain values are shown: the `repr` of another class may be long, secret or broken."""
    kind = type(value).__name__
    match value:
        case None | True | False:
            return repr(value)
        case str() if type(value) is str:
            return f"{value[:_SHOWN]!r}{'...' if len(value) > _SHOWN else ''} (str)"
        case int() | float() if type(value) in (int, float) and abs(value) < 2**64:
            return f"{value!r} ({kind})"
        case _:
            return kind


def from_group(group: BaseValidationError, *, secretive: bool = False) -> Problem:
    """The first of the problems that cattrs collected while it built one object; the others are only counted.

    If *secretive*, the class has a secret field, so the text of an error that the class raised is left out.
    """
    first = group.exceptions[0]
    problem = _of_leaf(first)
    if secretive and problem.__cause__ is first:
        problem.what, problem.__cause__ = f"the class refused it: {type(first).__name__}", None
    notes: list[str] = getattr(first, "__notes__", [])
    if notes and isinstance(notes[-1], AttributeValidationNote):
        problem.under(f".{notes[-1].name}")
        notes.clear()  # the same exception may pass through the next class further out
    if others := len(group.exceptions) - 1:
        problem.what += f" (and {others} more in the same object)"
    return problem


def _of_leaf(leaf: Exception) -> Problem:
    match leaf:
        case Problem():
            return leaf
        case ForbiddenExtraKeysError():
            names = listed(sorted(map(shown, leaf.extra_fields)), 5)
            return Problem(
                f"unknown field {names}", "declare it, name it in renamed_fields, or keep such fields with unknown_fields()"
            )
        case KeyError() if hasattr(leaf, "__notes__"):
            return Problem("missing, and the field has no default")
        case _:
            problem = raised("the class refused it", leaf)
            problem.__cause__ = leaf
            for argument in leaf.args:
                if isinstance(argument, attrs.Attribute):
                    problem.what = f"the class refused it: {type(leaf).__name__}: {leaf.args[0]}"[:_ERROR_SHOWN]
                    problem.under(f".{argument.name}")
            return problem
