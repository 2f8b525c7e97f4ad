"""What is offered is documented, and the two commands are the ones that run."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

DOORS = ("trioactors", "trioactors.testing")


def unmentioned(names: list[str], reference: str) -> list[str]:
    """Names that the *reference* never shows as code."""
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", reference, flags=re.DOTALL))
    return [name for name in names if not re.search(rf"\b{re.escape(name)}\b", code)]


@pytest.mark.parametrize("door", DOORS)
def test_every_public_name_is_in_the_reference(door: str, root: Path) -> None:
    pages = sorted((root / "docs").glob("reference*.md")) + sorted((root / "docs" / "reference").glob("*.md"))
    reference = "\n".join(page.read_text(encoding="utf-8") for page in pages)

    assert unmentioned(list(importlib.import_module(door).__all__), reference) == []


def test_ci_types_what_the_readme_shows(root: Path) -> None:
    last = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]

    assert last in (root / "README.md").read_text(encoding="utf-8").splitlines()


def test_a_name_in_prose_is_not_a_mention() -> None:
    reference = "A child is what a supervisor runs. See `ta.flush(ref)`.\n\n```python\nta.stop(ref)\n```\n"

    assert unmentioned(["child", "flush", "stop", "sto"], reference) == ["child", "sto"]
