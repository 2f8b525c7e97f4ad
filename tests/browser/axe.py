"""Accessibility: what axe-core finds on a page."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}


def program() -> str:
    """The program that looks for faults. Where tests must not be skipped, it has to be there."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("axe is not installed: run `nox -s browser`")
    return Path(found.origin).with_name("axe.min.js").read_text("utf-8")


def findings(page: Any) -> list[str]:
    """What axe finds on the page as it is now: the rule, and the elements."""
    page.evaluate(program())
    found = page.evaluate("(rules) => axe.run(document, rules)", RULES)
    return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]
