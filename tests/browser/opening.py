"""How long a page takes from the request to its first figures, with nothing in the browser's cache: `python tests/browser/opening.py`.

This is a measurement, not a test: the goal is half a second on a machine that is not busy with other things. It prints the median, the
slowest, and the bytes on the wire.
"""

from __future__ import annotations

import re
import sys
import tempfile
from statistics import median
from typing import Any

from browsing import expect, launched, opened
from playwright.sync_api import sync_playwright
from running import Application

ROUNDS = 15
FIGURES = """new MutationObserver((_, observer) => {
  if (!/\\d/.test(document.querySelector("[data-figure=actors]")?.textContent ?? "")) return;
  observer.disconnect();
  window.figuresAfter = performance.now();
}).observe(document, {subtree: true, childList: true, characterData: true});"""
"""Notes when there are figures, in milliseconds since the page was requested."""
RECEIVED = """performance.getEntries().filter((entry) => entry.transferSize !== undefined)
  .map(({name, transferSize, startTime, responseEnd}) => ({path: new URL(name).pathname, transferSize, startTime, responseEnd}))"""
"""What was received over HTTP, with its headers, and when."""


def opened_anew(context: Any, application: Application) -> Any:
    """A page that has its first figures, in a context with an empty cache."""
    context.add_init_script(FIGURES)
    page = opened(context, application.new_link())
    expect(page.locator("[data-figure=actors]")).to_have_text(re.compile(r"\d"))
    return page


def main() -> None:
    """Measure, and print the result."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with Application() as application, sync_playwright() as playwright, tempfile.TemporaryDirectory() as home:
        browser = launched(playwright, home)
        times: list[float] = []
        size = 0
        for _ in range(rounds + 1):  # the first one is for the browser to warm up
            context = browser.new_context()
            page = opened_anew(context, application)
            times.append(page.evaluate("window.figuresAfter"))
            size = sum(entry["transferSize"] for entry in page.evaluate(RECEIVED))
            context.close()
        browser.close()
    print(f"first figures after {median(times[1:]):.0f} ms, at most {max(times[1:]):.0f} ms; {size:,} bytes on the wire")


if __name__ == "__main__":
    main()
