"""What a page receives before its first figures. How long that takes is measured by opening.py, on a machine that is not busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opening import RECEIVED, opened_anew
from running import Application

MOST = 130_000


def test_the_whole_page_is_small_on_the_wire_and_no_module_waits_for_another(
    new_context: Callable[..., Any], application: Application
) -> None:
    page = opened_anew(new_context(), application)
    received = page.evaluate(RECEIVED)

    assert 50_000 < sum(entry["transferSize"] for entry in received) < MOST
    modules = {entry["path"]: entry for entry in received if entry["path"].endswith("js")}
    first = modules.pop("/static/app.js")
    assert len(modules) > 20
    assert [path for path, entry in modules.items() if entry["startTime"] > first["responseEnd"]] == []
