"""What people hand to the functions that run their programs, looked at before anything runs.

What no type checker has seen fails late otherwise, far from the line that is wrong. Each of these raises `UsageError`, which shows what was
given where it was given, and says what to write there.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from types import UnionType
from typing import Any

from trioactors.errors import UsageError

__all__ = [
    "look_at_check",
    "look_at_count",
    "look_at_exception",
    "look_at_function",
    "look_at_instance",
    "look_at_opening",
    "look_at_seconds",
    "look_at_seeds",
    "look_at_verdict",
    "seeds_asked",
]


def look_at_function(call: str, given: Any, *parameters: str, hint: str = "") -> None:
    """Refuse what is no async function of these parameters. *call* has `...` where it was given: `simulate(app=...)`."""
    shown = call.replace("...", _shown(given))
    wanted = f"an async function of {' and '.join(parameters) or 'nothing'}{hint}"
    _look_at_callable(shown, given, wanted)
    if _plain(given):
        raise UsageError(f"{shown}: that is no async function; write `async def`, for {wanted}")
    _look_at_parameters(shown, given, parameters, wanted)


def look_at_check(call: str, given: Any, parameter: str) -> None:
    """Refuse what visibly checks nothing: what is no function of this parameter, and one that does not run when it is called."""
    shown = call.replace("...", _shown(given))
    wanted = f"a function of {parameter} that raises AssertionError, async or not"
    _look_at_callable(shown, given, wanted)
    if _yields(given):
        raise UsageError(f"{shown}: there is a `yield` in it, so a call runs nothing of it; write {wanted}")
    _look_at_parameters(shown, given, (parameter,), wanted)


def look_at_verdict(call: str, check: Any, verdict: object) -> None:
    """Refuse what a check has returned, unless it is nothing: nobody looks at it, so who returns False has checked nothing."""
    if verdict is None:
        return
    more = "; what makes a check must be called: write brackets behind it" if callable(verdict) else ""
    raise UsageError(
        f"{call.replace('...', _shown(check))}: a check raises AssertionError and returns nothing; this one returned {verdict!r:.80}. "
        f"Write `assert` where it says `return`{more}"
    )


def _look_at_callable(shown: str, given: Any, wanted: str) -> None:
    if inspect.iscoroutine(given):
        given.close()  # or Python warns that nobody has awaited it
        raise UsageError(f"{shown}: hand in the function itself, not what it gives when it is called")
    if not callable(given) or inspect.isclass(given):
        raise UsageError(f"{shown}: write {wanted}")


def _look_at_parameters(shown: str, given: Any, parameters: Sequence[str], wanted: str) -> None:
    try:
        signature = inspect.signature(given)
    except ValueError:
        return
    try:
        signature.bind(*parameters)
    except TypeError as error:
        raise UsageError(
            f"{shown}: it is called with {_listed(parameters)}, and takes {signature} ({error}); write {wanted}"
        ) from None


def _yields(given: Any) -> bool:
    return inspect.isasyncgenfunction(given) or inspect.isgeneratorfunction(given)


def _plain(given: Any) -> bool:
    """Whether calling it cannot give anything to wait for, as far as can be told without calling it."""
    if _yields(given):
        return True
    function = inspect.unwrap(getattr(given, "__func__", given))
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function) or function.__name__ == "<lambda>":
        return False
    return function.__annotations__.get("return", None) in (None, "None")


def _listed(parameters: Iterable[str]) -> str:
    return ", ".join(parameters) or "nothing"


def _shown(given: Any) -> str:
    return str(getattr(given, "__qualname__", None) or repr(given))


def look_at_instance(call: str, given: object, kinds: type | UnionType, write: str) -> None:
    """Refuse what is of another class. *write* says what to write instead."""
    if not isinstance(given, kinds):
        raise UsageError(f"{call.replace('...', repr(given))}: write {write}")


def look_at_exception(call: str, given: Any) -> None:
    """Refuse what is no class of exceptions."""
    shown = call.replace("...", repr(given))
    if not isinstance(given, type) or not issubclass(given, BaseException):
        raise UsageError(f"{shown}: write the class of the error, LookupError say")


def look_at_opening(call: str, given: Any) -> None:
    """Refuse what is no function that opens a system, but one that is open, say."""
    shown = repr(given)
    if not callable(given) or isinstance(given, AbstractAsyncContextManager):
        raise UsageError(f"{call.replace('...', shown)}: write a function that opens a system, as isolated_system does")


def look_at_count(call: str, given: Any, what: str) -> None:
    """Refuse what is no whole number above zero. *what* is counted."""
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise UsageError(f"{call.replace('...', repr(given))}: write how many {what}, one at least")


def look_at_seconds(call: str, given: Any, what: str, *, least: float = math.ulp(0.0)) -> None:
    """Refuse what is no number of seconds, or less than *least*. *what* lasts so long."""
    if not isinstance(given, int | float) or isinstance(given, bool) or not given >= least:
        bound = "zero or more" if least == 0 else "more than zero"
        raise UsageError(f"{call.replace('...', repr(given))}: write how many seconds {what}, {bound}")


def seeds_asked(number: int) -> range:
    """The seeds of `--trioactors-seeds`. Raises `UsageError` for none."""
    if number < 1:
        raise UsageError(f"--trioactors-seeds={number} would try nothing: give a number above zero")
    return range(number)


def look_at_seeds(who: str, given: object, seeds: Sequence[Any]) -> None:
    """Refuse seeds that are no integers."""
    for seed in seeds:
        if not isinstance(seed, int):
            raise UsageError(f"{who}({'seed' if given is seed else 'seeds'}={given!r}): {seed!r} is no seed; a seed is an integer")
