"""A program of the lab as an application: the inverse of `source`. So what is kept is a program, which people can read, change and run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from randomlab.data import Application, Child, Handler, Kind, Line, Node, Options, Tree

__all__ = ["Unreadable", "read"]


class Unreadable(Exception):
    """It is not a program of the lab."""


def read(text: str) -> Application:
    """The application that a program defines. Raises `Unreadable`."""
    module = ast.parse(text)
    values = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    missing = {"TREE", "STORE", "SETTINGS", "FAULTS", "USERS"} - set(values)
    if missing:
        raise Unreadable(f"a program of the lab defines {', '.join(sorted(missing))}")
    users = {node.name: node for node in module.body if isinstance(node, ast.AsyncFunctionDef)}
    names = [each.id for each in _call(values["USERS"], ast.Tuple).elts if isinstance(each, ast.Name)]
    tree = _node(values["TREE"])
    if not isinstance(tree, Tree):
        raise Unreadable("TREE must be a supervisor")
    return Application(
        kinds=tuple(_kind(node) for node in module.body if isinstance(node, ast.ClassDef)),
        tree=tree,
        users=tuple(tuple(_turns(users[name])) for name in names),
        store=ast.literal_eval(values["STORE"]),
        settings=_options(_call(values["SETTINGS"], ast.Call).keywords),
        faults=_options(_call(values["FAULTS"], ast.Call).keywords),
        latency=ast.literal_eval(values["LATENCY"]) if "LATENCY" in values else 0.0,
    )


def _call(node: ast.expr, kind: type[Any]) -> Any:
    if not isinstance(node, kind):
        raise Unreadable(f"line {node.lineno}: {ast.unparse(node)}")
    return node


def _options(keywords: list[ast.keyword]) -> Options:
    return {each.arg: _value(each.value) for each in keywords if each.arg is not None}


def _value(node: ast.expr) -> Any:
    """A plain value; the text of anything else."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _kind(node: ast.ClassDef) -> Kind:
    handlers: list[Handler] = []
    hooks: dict[str, tuple[Line, ...]] = {}
    for each in node.body:
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = _lines(each)
        if each.decorator_list:
            mark = each.decorator_list[0]
            options = _options(mark.keywords) if isinstance(mark, ast.Call) else {}
            last = ast.unparse(lines[-1]).removeprefix("return act.")
            handlers.append(Handler(each.name, options, _acts(lines[:-1]), "" if last.startswith("answer") else last))
        else:
            hooks[each.name] = _acts(lines)
    return Kind(node.name, _options(node.keywords), tuple(handlers), hooks)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    block = function.body[-1]
    if not isinstance(block, ast.With):
        raise Unreadable(f"line {function.lineno}: {function.name} has no `with self.page(...)` or `with self.hook(...)`")
    return [each for each in block.body if not isinstance(each, ast.Pass)]


def _acts(lines: list[ast.stmt]) -> tuple[Line, ...]:
    return tuple(Line(ast.unparse(each), waits=any(isinstance(part, ast.Await) for part in ast.walk(each))) for each in lines)


def _node(node: ast.expr) -> Node:
    call = _call(node, ast.Call)
    options = dict(_options(call.keywords))
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise Unreadable(f"line {node.lineno}: every child has a name")
    if ast.unparse(call.func) == "ta.Supervisor":
        return Tree(name, options, tuple(_node(each) for each in call.args))
    return Child(name, ast.unparse(call.args[0]), options)


def _turns(function: ast.AsyncFunctionDef) -> Iterator[Line]:
    (loop,) = (each for each in function.body if isinstance(each, ast.AsyncFor))
    block: list[ast.stmt] = loop.body
    while block and isinstance(block[0], ast.If):
        yield from _acts(block[0].body)
        block = block[0].orelse
