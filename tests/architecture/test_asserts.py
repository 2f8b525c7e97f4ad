"""`python -O` removes each `assert`. So an assert of the library, or of a program of the tests, does no work that anything else needs.

It neither awaits nor assigns, and calls only what looks at something. What it compares is calculated before it. The rule does not hold
for tests, nor for the contract of stores: pytest replaces their asserts by statements that `-O` leaves alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LOOKS = frozenset(
    {
        "all",
        "any",
        "enumerate",
        "get",
        "info",
        "isclose",
        "isinstance",
        "issuperset",
        "keys",
        "len",
        "list",
        "map",
        "max",
        "names",
        "partial",
        "set",
        "sorted",
        "startswith",
        "str",
        "values",
        "_limit",
        "_scanned",
    }
)
"""What an assert may call: functions and methods that change nothing and wait for nobody, whatever they are called on."""

CONTRACT = "trioactors.testing.contract_"
WORKS = (ast.Await, ast.NamedExpr, ast.Yield, ast.YieldFrom)


def work_in_asserts(name: str, source: str) -> Iterator[str]:
    """What asserts do beside looking."""
    for one in ast.walk(ast.parse(source)):
        if isinstance(one, ast.Assert):
            for node in ast.walk(one.test):
                if isinstance(node, WORKS) or (isinstance(node, ast.Call) and _called(node) not in LOOKS):
                    yield f"{name}:{one.lineno}: {ast.unparse(node)} does not belong into an assert: do it before"


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def programs(root: Path) -> dict[str, str]:
    """The sources of the modules in tests/ that are no tests: labs and what tests share."""
    paths = (path for path in sorted((root / "tests").rglob("*.py")) if not path.name.startswith(("test_", "conftest")))
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in paths}


def test_no_assert_does_work(sources: dict[str, str], root: Path) -> None:
    library = {name: source for name, source in sources.items() if not name.startswith(CONTRACT)}
    findings = [each for name, source in (library | programs(root)).items() for each in work_in_asserts(name, source)]

    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("async def f(ref): assert await ref.work() == 1", "await ref.work()"),
        ("assert next(numbers)", "next(numbers)"),
        ("assert self.context.cancel('key'), 'it was set'", "self.context.cancel('key')"),
        ("assert (found := 3)", "(found := 3)"),
        ("assert all(store.commit([each]) for each in batches)", "store.commit([each])"),
    ],
)
def test_work_in_an_assert_is_found(source: str, what: str) -> None:
    findings = list(work_in_asserts("planted", source))

    assert f"planted:1: {what} does not belong into an assert: do it before" in findings


def test_what_only_looks_may_stand_in_an_assert() -> None:
    source = "assert isinstance(one, int) and not other.startswith('a'), read(page)"

    assert list(work_in_asserts("planted", source)) == []
