"""No module has a block under `if TYPE_CHECKING`, except those listed here.

An import in such a block hides a dependency: the program runs without it, but the module cannot be understood without it. If a plain
import would close a circle, the code belongs into another module, or a Protocol says what is needed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest

ALLOWED: Mapping[str, str] = {
    # "module": "why it has such a block"
    "trioactors": "type checkers read the public names, a program loads them when it uses one",
    "trioactors.actors.actor": "a ref has the type of its actor, so to type checkers alone an actor is a Ref",
    "trioactors.serializer.choices": "type checkers read a recursive alias; at run time it must be a single object",
}


def blocks(source: str) -> Iterator[int]:
    """The line of each condition on `TYPE_CHECKING`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.If(test=test) | ast.IfExp(test=test) if any(is_the_flag(part) for part in ast.walk(test)):
                yield node.lineno
            case _:
                pass


def is_the_flag(node: ast.AST) -> bool:
    """Whether *node* is `TYPE_CHECKING`, with or without a module before it."""
    match node:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case _:
            return False


def test_no_block_is_for_type_checkers_only(sources: dict[str, str]) -> None:
    findings = [
        f"{name}:{line}: a block under TYPE_CHECKING: import plainly, or write a Protocol"
        for name, source in sources.items()
        if name not in ALLOWED
        for line in blocks(source)
    ]

    assert not findings, "\n".join(findings)


def test_every_allowed_module_has_such_a_block(sources: dict[str, str]) -> None:
    assert {name for name in ALLOWED if not any(blocks(sources.get(name, "")))} == set()


@pytest.mark.parametrize(
    "planted",
    [
        "if TYPE_CHECKING:\n    import random",
        "import typing as t\nif t.TYPE_CHECKING:\n    import random",
        "if not TYPE_CHECKING:\n    pass",
        "class C:\n    if TYPE_CHECKING:\n        x: int",
        "Json = object if TYPE_CHECKING else dict",
    ],
)
def test_a_block_for_type_checkers_is_found(planted: str) -> None:
    assert len(list(blocks(planted))) == 1


def test_the_mere_name_is_fine() -> None:
    assert list(blocks("from typing import TYPE_CHECKING\nif x:\n    y = 'TYPE_CHECKING'")) == []
