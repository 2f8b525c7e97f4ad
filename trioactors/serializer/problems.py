"""What goes wrong below the wall, before it has a name and a whole path.

Hooks raise `Problem` where they find it; every container on the way out adds its step. Only the codec, which knows whether it was
building, writing or reading, turns the result into one of the errors a caller can catch.
"""

from __future__ import annotations

import attrs
from cattrs.errors import AttributeValidationNote, BaseValidationError, ForbiddenExtraKeysError

from trioactors.errors import SerializationError

__all__ = ["DATA_ERRORS", "Problem", "at_key", "expected", "from_group", "shown"]

DATA_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a user's function raises when it is handed data of the wrong shape. Anything else is a bug and stays one."""

_SHOWN = 40


class Problem(Exception):
    """Something that cannot be carried, on its way to the wall."""

    def __init__(self, what: str, next_step: str = "", error: type[SerializationError] | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
        self.error = error
        self.steps: list[str] = []
        """The path so far, innermost step first."""

    def under(self, step: str) -> Problem:
        """This problem, seen from one level further out."""
        self.steps.append(step)
        return self

    def as_error(self, default: type[SerializationError], type_name: str) -> SerializationError:
        """The public error: the problem's own class, else *default*."""
        path = "".join(reversed(self.steps)).removeprefix(".")
        return (self.error or default)(self.what, type_name=type_name, path=path, next_step=self.next_step)


def expected(what: str, value: object) -> Problem:
    """The problem of meeting *value* where *what* belongs."""
    return Problem(f"expected {what}, got {shown(value)}")


def at_key(key: object) -> str:
    """The step of a path that goes through *key*."""
    if type(key) in (str, int):
        return f"[{shown(key).rpartition(' (')[0]}]"
    return f"[{shown(key)}]"


def shown(value: object) -> str:
    """*value* in a few words. Only plain values are spelt out: a stranger's `repr` may be long, secret or broken."""
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
    """The first problem in what cattrs gathered while it built one class; the others are only counted.

    A class that is *secretive* has a field whose value may stand in no text, so what the class itself says is left out.
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
            names = ", ".join(sorted(map(shown, leaf.extra_fields))[:5])
            return Problem(
                f"unknown field {names}", "declare it, name it in renamed_fields, or keep such fields with unknown_fields()"
            )
        case KeyError() if hasattr(leaf, "__notes__"):
            return Problem("missing, and the field has no default")
        case _:
            problem = Problem(f"the class refused it: {type(leaf).__name__}: {leaf}"[:500])
            problem.__cause__ = leaf
            for argument in leaf.args:
                if isinstance(argument, attrs.Attribute):
                    problem.what = f"the class refused it: {type(leaf).__name__}: {leaf.args[0]}"[:500]
                    problem.under(f".{argument.name}")
            return problem
