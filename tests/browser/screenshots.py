"""Take new screenshots for docs/screenshots: every view, of the system in examples/console.

    nox -s screenshots

This is a program, not a test: it runs for a while, so that the charts have data.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from browsing import launched, show, signed_in
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
TO = ROOT / "docs" / "screenshots"
HOME = Path("/tmp/demo")
"""The folder of the demo; it is visible in the pictures."""
WORDS = ("letters", "crash", "flood", "hold", "row", "crash", "hold", "row", "letters", "flood")
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
PICTURES = {
    "overview": "#/",
    "tree": "#/tree/ledger",
    "actors": "#/actors?sort=waiting",
    "actor": "#/actor/crashes-on-request",
    "messages": "#/messages?child=till-1",
    "failures": "#/failures",
    "durable": "#/durable?sort=committed&reverse=true",
}
DARK = ("overview", "tree")
LARGEST = 150_000
"""The maximum size of a picture, in bytes."""


class Demo(subprocess.Popen[str]):
    """The running demo."""

    stdin: IO[str]
    stdout: IO[str]

    def __init__(self) -> None:
        demo = [sys.executable, str(ROOT / "examples" / "console" / "demo.py"), str(HOME)]
        super().__init__(demo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def link(self) -> str:
        """An unused link: the first, or the next after one was used."""
        return next(word for line in self.stdout for word in line.split() if "/open/" in word)

    def ask(self, word: str) -> None:
        """Type a word into the terminal of the demo."""
        self.stdin.write(f"{word}\n")
        self.stdin.flush()


def take(page: Any, view: str, name: str) -> None:
    """Take a picture of the visible part of the page."""
    section = show(page, view, PICTURES[view])
    if view == "messages":
        chain = section.locator("[data-correlation]").last.get_attribute("data-correlation")
        show(page, view, f"#/messages?correlation={chain}")
    page.wait_for_timeout(2_500)
    page.screenshot(path=TO / f"{name}.png", animations="disabled", caret="hide")
    size = (TO / f"{name}.png").stat().st_size
    print(f"{name}.png: {size:,} bytes")
    if size > LARGEST:
        sys.exit(f"{name}.png is larger than {LARGEST:,} bytes")


def main() -> None:
    """Start the system, cause trouble, take the screenshots."""
    if HOME.exists():
        sys.exit(f"{HOME} exists: remove it first, since the screenshots show a new system")
    TO.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright, Demo() as demo:
        browser = launched(playwright, home)
        pages = {
            scheme: signed_in(browser.new_context(viewport=WIDE, color_scheme=scheme), demo.link()) for scheme in ("light", "dark")
        }
        small = signed_in(browser.new_context(viewport=NARROW, color_scheme="light", device_scale_factor=2), demo.link())
        for word in WORDS:
            demo.ask(word)
            pages["light"].wait_for_timeout(7_000)
        for view in PICTURES:
            take(pages["light"], view, view)
        for view in DARK:
            take(pages["dark"], view, f"{view}-dark")
        take(small, "overview", "overview-narrow")
        browser.close()
        demo.terminate()
        demo.stdout.read()
    shutil.rmtree(HOME)


if __name__ == "__main__":
    main()
