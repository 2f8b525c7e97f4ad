"""Every public name is documented, every error is raised in a test, and the README shows the command that CI runs."""

from __future__ import annotations

import ast
import importlib
import re
from inspect import ismodule
from pathlib import Path

import pytest

DOORS = ("trioactors", "trioactors.console", "trioactors.inspect", "trioactors.testing", "trioactors.testing.simulation")


def unmentioned(names: list[str], reference: str) -> list[str]:
    """Names that the *reference* does not show as code."""
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", reference, flags=re.DOTALL))
    return [name for name in names if not re.search(rf"\b{re.escape(name)}\b", code)]


def offered(door: str) -> list[str]:
    """The names that a package offers: what it says in `__all__`, else what `dir` shows of it."""
    package = importlib.import_module(door)
    return list(getattr(package, "__all__", None) or (name for name in dir(package) if not ismodule(getattr(package, name))))


def raised(source: str) -> set[str]:
    """The error classes that can be raised, without base classes of families."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    families = {ast.unparse(base) for node in classes for base in node.bases}
    return {node.name for node in classes} - families


@pytest.mark.parametrize("door", DOORS)
def test_every_public_name_is_in_the_reference(door: str, root: Path) -> None:
    pages = sorted((root / "docs").glob("reference*.md")) + sorted((root / "docs" / "reference").glob("*.md"))
    reference = "\n".join(page.read_text(encoding="utf-8") for page in pages)

    assert unmentioned(offered(door), reference) == []


def test_every_error_is_met_in_a_test(root: Path) -> None:
    rooms = sorted(path for path in (root / "trioactors" / "errors").glob("*.py") if path.name != "exits.py")  # which is data
    errors = raised("\n".join(room.read_text(encoding="utf-8") for room in rooms))
    tests = [path for path in (root / "tests").rglob("test_*.py") if "architecture" not in path.parts]
    met = set(re.findall(r"\w+", "\n".join(path.read_text(encoding="utf-8") for path in tests)))

    assert sorted(errors - met) == []


def test_ci_types_what_the_readme_shows(root: Path) -> None:
    lines = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    typed = [line.removesuffix(" || code=$?") for line in lines if " -m nox" in line]

    assert typed == ['python3 -m pip install "nox[uv]" && python3 -m nox', "python3 -m nox -s labs"]
    assert set(typed) <= set((root / "README.md").read_text(encoding="utf-8").splitlines())


def test_a_name_in_prose_is_not_a_mention() -> None:
    reference = "A child is what a supervisor runs. See `ta.flush(ref)`.\n\n```python\nta.stop(ref)\n```\n"

    assert unmentioned(["child", "flush", "stop", "sto"], reference) == ["child", "sto"]


def test_a_family_of_errors_is_not_raised_itself() -> None:
    assert raised("class Family(Exception): ...\nclass Full(Family): ...\nclass _Own(Family): ...\n") == {"Full"}
