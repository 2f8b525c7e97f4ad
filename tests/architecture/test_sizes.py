"""Limits of size: modules, functions, nesting and classes.

The length of a function is *net*: lines with code, without docstring, comments and blanks. Nesting counts the blocks that a
reader has to keep in mind (loops, branches, `with`, `try`, `match`); an `elif` is no deeper than its `if`.

The tests of a contract (`class ...Contract`) do not count as its public methods: they are not called by other code.
"""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from collections.abc import Iterator

import pytest

parsed = functools.cache(ast.parse)
"""The tree of a source: several rules look at each."""

MODULE_LINES = 400
FUNCTION_LINES = 40
NINE_OF_TEN_FUNCTIONS = 20
NESTING = 3
PUBLIC_METHODS = 12

SILENT = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})
BLOCKS = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def lines_with_code(source: str) -> set[int]:
    """Numbers of the lines with code; docstrings are left out."""
    spoken: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            spoken.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            spoken -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return spoken


def functions(source: str) -> Iterator[tuple[str, Function]]:
    """Every function with its name; overloads are declarations, not functions."""
    for node in ast.walk(parsed(source)):
        if isinstance(node, Function) and not any(ast.unparse(mark).endswith("overload") for mark in node.decorator_list):
            yield node.name, node


def lengths(source: str) -> dict[tuple[str, int], int]:
    """The net length of every function, by name and line."""
    spoken = lines_with_code(source)
    return {
        (name, node.lineno): len(spoken & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
        for name, node in functions(source)
    }


def depth(node: ast.AST, level: int = 0) -> int:
    """The depth of the blocks under *node*; a function or class inside starts at zero."""
    deeper = (
        depth(child, level + (isinstance(child, BLOCKS) and not is_elif(node, child)))
        for child in ast.iter_child_nodes(node)
        if not isinstance(child, SCOPES)
    )
    return max((level, *deeper))


def is_elif(node: ast.AST, child: ast.AST) -> bool:
    """Whether *node* is an `if` and *child* its `elif`."""
    return isinstance(node, ast.If) and node.orelse == [child]


def public_methods(node: ast.ClassDef) -> set[str]:
    """Names of the public methods and properties of a class; of a contract, without its tests."""
    hidden = ("_", "test_") if node.name.endswith("Contract") else ("_",)
    return {item.name for item in node.body if isinstance(item, Function) and not item.name.startswith(hidden)}


def too_big(name: str, source: str) -> list[str]:
    """Everything in a module that is over a limit."""
    findings = [f"{name}: {count} lines"] if (count := len(source.splitlines())) > MODULE_LINES else []
    findings += [
        f"{name}:{line}: {function} has {length} net lines"
        for (function, line), length in lengths(source).items()
        if length > FUNCTION_LINES
    ]
    findings += [
        f"{name}:{node.lineno}: {function} is nested {depth(node)} deep"
        for function, node in functions(source)
        if depth(node) > NESTING
    ]
    findings += [
        f"{name}:{node.lineno}: class {node.name} has {len(public_methods(node))} public methods"
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and len(public_methods(node)) > PUBLIC_METHODS
    ]
    return findings


def long_tail(measured: list[int]) -> str | None:
    """The complaint if more than one function in ten is longer than it should be."""
    share = sum(length > NINE_OF_TEN_FUNCTIONS for length in measured) / len(measured)
    return f"{share:.0%} of all functions are over {NINE_OF_TEN_FUNCTIONS} net lines" if share > 0.1 else None


def test_nothing_is_too_big_to_read(sources: dict[str, str]) -> None:
    findings = [finding for name, source in sources.items() for finding in too_big(name, source)]

    assert not findings, "\n".join(findings)


def test_nine_functions_in_ten_fit_in_twenty_lines(sources: dict[str, str]) -> None:
    assert long_tail([length for source in sources.values() for length in lengths(source).values()]) is None


def test_docstrings_comments_and_blanks_are_free() -> None:
    planted = 'def f() -> int:\n    """One.\n\n    Two.\n    """\n\n    # why\n    text = """a\n    b"""\n    return len(text)\n'

    assert lengths(planted) == {("f", 1): 4}


def test_overloads_are_no_functions() -> None:
    planted = "@overload\ndef f(x: int) -> int: ...\n@typing.overload\ndef f(x: str) -> str: ...\ndef f(x): return x\n"

    assert lengths(planted) == {("f", 5): 1}


def test_a_long_module_is_told() -> None:
    assert too_big("planted", "x = 1\n" * 400) == []
    assert too_big("planted", "x = 1\n" * 401) == ["planted: 401 lines"]


def test_a_long_function_is_told() -> None:
    assert too_big("planted", "def f():\n" + "    x = 1\n" * 39) == []
    assert too_big("planted", "def f():\n" + "    x = 1\n" * 40) == ["planted:1: f has 41 net lines"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (" pass", 0),
        (" if a:\n  pass\n elif b:\n  pass\n elif c:\n  pass\n else:\n  pass", 1),
        (" if a:\n  pass\n else:\n  if b:\n   pass\n  x = 1", 2),
        (" with a:\n  for b in c:\n   try:\n    pass\n   except E:\n    while d:\n     pass", 4),
        (" match a:\n  case 1:\n   if b:\n    pass", 2),
        (" if a:\n  def g():\n   if b:\n    pass", 1),
    ],
)
def test_depth_counts_blocks(body: str, expected: int) -> None:
    ((_, node), *_) = functions(f"def f():\n{body}\n")

    assert depth(node) == expected


def test_deep_nesting_is_told() -> None:
    planted = "def f():\n if a:\n  if b:\n   if c:\n    if d:\n     pass\n"

    assert too_big("planted", planted) == ["planted:1: f is nested 4 deep"]


def test_a_wide_class_is_told() -> None:
    twelve = (
        "class C:\n"
        + "".join(f"    def m{n}(self): ...\n" for n in range(12))
        + "    def _m(self): ...\n    def __len__(self): ...\n"
    )

    assert too_big("planted", twelve) == []
    assert too_big("planted", twelve + "    @property\n    def p(self): ...\n") == ["planted:1: class C has 13 public methods"]
    assert too_big("planted", twelve + "    def m11(self): ...\n") == []


def test_a_contract_is_made_of_tests() -> None:
    tests = "".join(f"    def test_{n}(self): ...\n" for n in range(13))
    methods = "".join(f"    def m{n}(self): ...\n" for n in range(13))

    assert too_big("planted", f"class StoreContract:\n{tests}") == []
    assert too_big("planted", f"class Store:\n{tests}") == ["planted:1: class Store has 13 public methods"]
    assert too_big("planted", f"class StoreContract:\n{methods}") == ["planted:1: class StoreContract has 13 public methods"]


def test_a_long_tail_is_told() -> None:
    assert long_tail([5] * 9 + [21]) is None
    assert long_tail([5] * 8 + [21] * 2) == "20% of all functions are over 20 net lines"
