"""axe has no finding in any view: light and dark, wide and narrow, with crashes, while the page is paused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe import findings
from browsing import VIEWS, expect, show, signed_in
from running import Application


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_view_has_a_fault(new_context: Callable[..., Any], application: Application, scheme: str, width: int) -> None:
    application.do("note", name="anna", text="a note")
    application.do("misread", name="anna")
    application.do("hang_up")
    application.do("pile", name="bert", messages=5)
    application.do("letters", count=4)
    page = signed_in(new_context(color_scheme=scheme, viewport={"width": width, "height": 900}), application.link)

    found: dict[str, Any] = {}
    for view in VIEWS:
        section = show(page, view)
        expect(section.locator("h1")).to_be_visible()
        for fold in section.locator("[data-crash] > details > summary").all():
            fold.click()
        if view == "overview":
            expect(page.locator("[data-badge]")).to_be_visible()
        found[view] = findings(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    page.keyboard.press("p")
    found["paused"] = findings(page)

    assert {view: faults for view, faults in found.items() if faults} == {}
