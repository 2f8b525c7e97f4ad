"""Handlers that are decorated: what is behind the outermost function, and whether its result must be awaited.

A decorator whose wrapper is a plain `def` (many that time, trace or retry are) hides that the method below it is async. Its result is
a coroutine, which nothing would run. The same is true of a plain method that returns an awaitable. Both are awaited, as the type
checkers have it: for them, the answer is what the awaitable gives. What cannot be decided when the class is made is refused then.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Final

from trioactors.annotations import signature_of
from trioactors.errors import DefinitionError

__all__ = ["awaiting", "check_body", "is_async_below"]

_AWAITABLES: Final = frozenset({"Awaitable", "Coroutine", "CoroutineType"})


def check_body(where: str, function: Callable[..., Any]) -> None:
    """Refuse a function whose body would never run. Raises `DefinitionError`."""
    if _is_generator(function):
        raise DefinitionError(f"{where} is a generator: a handler returns one value. Return a list, or cast the items.")
    returned = set(_returned(function))
    if returned & _AWAITABLES and len(returned) > 1:
        raise DefinitionError(
            f"{where} returns an awaitable or something else, so its callers cannot know what they get; write `async def`"
        )


def awaiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function*, as an async function if what it returns may have to be awaited.

    If it turns out to return a generator, which is known only then, it raises `DefinitionError`.
    """
    decorated = len(list(_layers(function))) > 1
    if inspect.iscoroutinefunction(function):
        return _awaiting_twice(function) if decorated else function
    hidden = is_async_below(function) or any(map(_is_generator, _layers(function))) or set(_returned(function)) & _AWAITABLES
    if not hidden:
        return _passing_on(function) if decorated else function

    @wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            raise DefinitionError(f"handler {function.__qualname__} returned a generator: a handler returns one value")
        return await result if inspect.isawaitable(result) else result  # noqa: ASYNC910 - as the function has it

    return awaited


def _awaiting_twice(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function*, the async wrapper of a decorator, with what it returns awaited, too: wrappers forget to."""

    @wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return awaited


def _passing_on(function: Callable[..., Any]) -> Callable[..., Any]:
    """*function*, a plain wrapper of a plain method; what it gives is awaited after all if it can be."""

    @wraps(function)
    def passed(*args: Any, **kwargs: Any) -> Any:
        result: Any = function(*args, **kwargs)
        return _waited_for(result) if inspect.isawaitable(result) else result

    return passed


async def _waited_for(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _is_generator(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def is_async_below(function: object) -> bool:
    """Whether *function*, or one that it wraps, is async."""
    return any(map(inspect.iscoroutinefunction, _layers(function)))


def _layers(function: object) -> Iterator[Any]:
    """*function* and what it wraps, the outermost first."""
    seen: list[object] = []
    while function is not None and all(function is not each for each in seen):
        seen.append(function)
        yield function
        function = getattr(function, "__wrapped__", None)


def _returned(function: Callable[..., Any]) -> Iterator[str]:
    """The names of the classes that *function* is annotated to return, without evaluating the annotation."""
    if inspect.iscoroutinefunction(function):
        return
    annotation = signature_of(function).return_annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    try:
        yield from _names(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError):  # the text of an object that is no expression
        return


def _names(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _names(left)
            yield from _names(right)
        case ast.Subscript(value=ast.Name("Annotated") | ast.Attribute(attr="Annotated"), slice=ast.Tuple(elts=[first, *_])):
            yield from _names(first)
        case ast.Subscript(value=ast.Name("Union" | "Optional") | ast.Attribute(attr="Union" | "Optional"), slice=inner):
            for each in inner.elts if isinstance(inner, ast.Tuple) else (inner, ast.Constant(None)):
                yield from _names(each)
        case ast.Subscript(value=outer):
            yield from _names(outer)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            yield name
        case ast.Constant(value=str(text)):
            yield from _names(ast.parse(text, mode="eval").body)
        case _:
            yield "None"
