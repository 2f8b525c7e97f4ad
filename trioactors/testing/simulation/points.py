"""Finds the `sometimes` points in the source of a test.

A run cannot report a point in a branch that it never enters, so the points are read from the source. Only code that certainly belongs to
this test is read, so that points of other tests are not reported: its workload, `app=`, its checks and the children of its tree; functions
of the same module that these call by name; and, of a class, the methods in use, not overridden ones. If there is no source (in a REPL, for
example) or a name is not a literal, the point is unknown until a run passes it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from textwrap import dedent
from types import FunctionType
from typing import Any, Final

from trioactors.supervision.resources import Resource
from trioactors.supervision.specs import Supervisor, target_of
from trioactors.testing.simulation.places import OURS, standard
from trioactors.testing.simulation.world import sometimes

__all__ = ["children_of", "points_of"]

_BOUND: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def children_of(spec: Supervisor | None) -> Iterator[object]:
    """The classes and functions of all children of a tree."""
    for below in () if spec is None else spec.children:
        if isinstance(below, Supervisor):
            yield from children_of(below)
        else:
            yield below.make


def points_of(parts: Iterable[object]) -> frozenset[str]:
    """The names of the points in these functions and classes, and in the functions that they call."""
    found: set[str] = set()
    known: set[FunctionType] = set()
    left = [function for part in parts for function in _functions(part)]
    while left:
        function = left.pop()
        if function not in known and not _of_library(function):
            known.add(function)
            left += _read(function, found)
    return frozenset(found)


def _of_library(function: FunctionType) -> bool:
    return str(function.__module__).partition(".")[0] in OURS or standard(function.__code__.co_filename)


def _functions(part: object) -> Iterator[FunctionType]:
    """The functions that run when *part* is used."""
    part = target_of(part)
    if isinstance(part, Resource):
        part = target_of(part.enter)
    if isinstance(part, type):
        members = {name: member for base in reversed(part.__mro__) for name, member in vars(base).items()}
        candidates: list[Any] = [*members.values()]
    else:
        candidates = [part, getattr(type(part), "__call__", None)]  # noqa: B004 - the function that runs is wanted
    for candidate in candidates:
        function = inspect.unwrap(getattr(candidate, "__func__", candidate))
        if isinstance(function, FunctionType) and function.__name__ != "<lambda>":
            yield function


def _read(function: FunctionType, found: set[str]) -> Iterator[FunctionType]:
    """Add the points of *function* to *found*. Yields the functions of its module that it calls by name."""
    try:
        source = ast.parse(dedent(inspect.getsource(function)))
        scope: Mapping[str, Any] = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    except (OSError, TypeError, SyntaxError, ValueError):
        return
    nodes = [*ast.walk(source)]
    own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)} | {node.name for node in nodes if isinstance(node, _BOUND)}
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        name = call.args[0] if call.args else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and _is_point(call.func, scope, own):
            found.add(name.value)
    for word in {node.id for node in nodes if isinstance(node, ast.Name)} - own:
        if not isinstance(named := scope.get(word), type):
            yield from (one for one in _functions(named) if one.__module__ == function.__module__)


def _is_point(called: ast.expr, scope: Mapping[str, Any], own: set[str]) -> bool:
    if isinstance(called, ast.Name):
        return called.id not in own and scope.get(called.id) is sometimes
    if not (isinstance(called, ast.Attribute) and called.attr == sometimes.__name__ and isinstance(called.value, ast.Name)):
        return False
    owner = called.value.id
    return owner != "self" if owner in own else getattr(scope.get(owner), sometimes.__name__, None) is sometimes
