"""Checks of the arguments of the testing tools, made before anything runs.

A wrong argument that no type checker has seen would fail late, far from the line that is wrong. Each of these functions raises
`UsageError`, which shows the argument in its place and says what was expected. *call* has `...` in that place: `simulate(app=...)`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from types import UnionType
from typing import Any

from trioactors.annotations import function_behind, signature_of
from trioactors.errors import UsageError

__all__ = [
    "refuse_verdict",
    "require",
    "require_check",
    "require_count",
    "require_function",
    "require_seconds",
    "require_type",
    "seeds_asked",
    "seeds_from",
]


def require(holds: object, call: str, given: Any, wanted: str, *, but: str = "") -> None:
    """Raise `UsageError` unless *holds*. *wanted* says what was expected; *but* says what is wrong with *given*, if that is not clear."""
    if not holds:
        raise UsageError(f"{_shown(call, given)}: {f'{but}; ' if but else ''}expected {wanted}")


def require_type(call: str, given: object, kinds: type | UnionType, wanted: str) -> None:
    """Require an instance of *kinds*."""
    require(isinstance(given, kinds), call, given, wanted)


def require_function(call: str, given: Any, *parameters: str, hint: str = "") -> None:
    """Require an async function that takes *parameters*."""
    wanted = f"an async function that takes {' and '.join(parameters) or 'no arguments'}{hint}"
    _require_callable(call, given, parameters, wanted)
    require(not _plain(given), call, given, wanted, but="this is not an async function")


def require_check(call: str, given: Any, parameter: str) -> None:
    """Require a function that takes *parameter* and checks something: one that runs when it is called."""
    wanted = f"a function, async or not, that takes {parameter} and raises AssertionError"
    _require_callable(call, given, (parameter,), wanted)
    require(not _yields(given), call, given, wanted, but="it contains `yield`, so calling it runs nothing")


def refuse_verdict(call: str, check: Any, verdict: object) -> None:
    """Refuse whatever a check returns: the value is not used, so a check that returns False checks nothing."""
    if verdict is None:
        return
    more = "; a function that makes a check must be called: add parentheses" if callable(verdict) else ""
    raise UsageError(
        f"{_shown(call, check)}: a check raises AssertionError and returns nothing, but this one returned {verdict!r:.80}. "
        f"Use `assert` instead of `return`{more}"
    )


def require_count(call: str, given: Any, what: str) -> None:
    """Require a whole number above zero. *what* is counted."""
    holds = isinstance(given, int) and not isinstance(given, bool) and given >= 1
    require(holds, call, given, f"the number of {what}, at least 1")


def require_seconds(call: str, given: Any, what: str, *, least: float = math.ulp(0.0)) -> None:
    """Require a number of seconds, *least* or more. *what* lasts that long."""
    holds = isinstance(given, int | float) and not isinstance(given, bool) and least <= given <= math.inf and _fits(given)
    require(holds, call, given, f"{what} in seconds, {'0 or more' if least == 0 else 'more than 0'}")


def _fits(given: float) -> bool:
    """Whether it is a float, or becomes one."""
    try:
        float(given)
    except OverflowError:
        return False
    return True


def seeds_asked(number: int) -> range:
    """The seeds of `--trioactors-seeds`. Raises `UsageError` if there are none."""
    require(number > 0, "--trioactors-seeds=...", number, "a number above zero", but="this would try nothing")
    return range(number)


def seeds_from(who: str, given: int | Sequence[int]) -> Sequence[int]:
    """The seeds that *who* tries: the first *given* of them, or exactly those. Raises `UsageError`."""
    call = f"{who}(seeds=...)"
    require_type(call, given, int | Sequence, "a number of seeds, or a list of seeds")
    if isinstance(given, int):
        require(given > 0, call, given, "a number above zero, or a list of seeds", but="this would try nothing")
        return range(given)
    require(given, call, given, "a number above zero, or a list of seeds", but="this would try nothing")
    for seed in given:
        require_type(f"{who}(seeds=[...])", seed, int, "an integer")
    return tuple(given)


def _require_callable(call: str, given: Any, parameters: Sequence[str], wanted: str) -> None:
    if inspect.iscoroutine(given):
        given.close()  # or Python warns that it was never awaited
        require(False, call, given, wanted, but="pass the function itself, not what it returns")  # noqa: FBT003
    function: Any = given
    require(callable(function) and not isinstance(function, type), call, given, wanted)
    try:
        signature = signature_of(function)
    except ValueError:
        return
    try:
        signature.bind(*parameters)
    except TypeError as error:
        but = f"it is called with {', '.join(parameters) or 'no arguments'}, but takes {signature} ({error})"
        raise UsageError(f"{_shown(call, given)}: {but}; expected {wanted}") from None


def _yields(given: Any) -> bool:
    return inspect.isasyncgenfunction(given) or inspect.isgeneratorfunction(given)


def _plain(given: Any) -> bool:
    """Whether calling it cannot return an awaitable, as far as is known without calling it."""
    if _yields(given):
        return True
    function = function_behind(given)
    if function is None or inspect.iscoroutinefunction(function) or function.__name__ == "<lambda>":
        return False
    return signature_of(function).return_annotation in (inspect.Signature.empty, None, "None")


def _shown(call: str, given: Any) -> str:
    return call.replace("...", str(getattr(given, "__qualname__", None) or repr(given)))
