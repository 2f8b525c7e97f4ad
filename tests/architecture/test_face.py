"""`dir(trioactors)` shows the public names and the public submodules, and nothing else.

A public name is imported in `trioactors/names.py` under its own name: `from trioactors.actors.actor import Actor as Actor`.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

import trioactors

SUBMODULES = frozenset(
    {"conformance", "console", "environment", "errors", "inspect", "persistence", "serializer", "testing", "trace"},
)
"""Submodules that users import. The others are rooms of the runtime."""


def public_names(source: str) -> set[str]:
    """The names that *source* imports under their own name, `x as x`."""
    return {
        alias.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }


def shown() -> set[str]:
    """The names in `dir(trioactors)` once every public submodule is imported, without special ones."""
    for name in SUBMODULES:
        importlib.import_module(f"trioactors.{name}")
    return {name for name in dir(trioactors) if not (name.startswith("__") and name.endswith("__"))}


def test_dir_shows_what_is_public_and_nothing_else(sources: dict[str, str]) -> None:
    assert shown() == public_names(sources["trioactors.names"]) | SUBMODULES


def test_every_shown_name_is_there() -> None:
    assert [name for name in sorted(shown()) if not hasattr(trioactors, name)] == []


def test_a_star_imports_the_public_names(sources: dict[str, str]) -> None:
    program = "from trioactors import *; print(*(name for name in dir() if name[0] != '_'))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert set(printed.split()) == public_names(sources["trioactors.names"])


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Suprvisor'"):
        trioactors.Suprvisor  # type: ignore[attr-defined]  # noqa: B018


def test_a_name_is_public_under_its_own_name_only() -> None:
    planted = "import attrs as attrs\nfrom trioactors.a import one as one, two, three as _three\n"

    assert public_names(planted) == {"one"}
