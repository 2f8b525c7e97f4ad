"""A page of a running console for each test. In every test, the pages log nothing to their developer consoles, and contact no other host.

If chromium or playwright is missing, the tests are skipped with a hint how to install it; if `CI` is `true`, they fail.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

sys.path.append(str(Path(__file__).parent))

from application import VIEWER
from browsing import PATIENCE, Watched, chromium_at, launched, signed_in
from running import Application


def missing() -> str | None:
    """What is missing for these tests."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: run `nox -s browser`, or `pip install playwright`"
    if chromium_at() is None:
        return "no chromium was found: `apt-get install chromium`, or name one in TRIOACTORS_CHROMIUM"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip each test with the reason if something is missing."""
    if (reason := missing()) is not None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture
def start() -> Iterator[Callable[..., Application]]:
    """Starts applications; they are stopped after the test."""
    started: list[Application] = []

    def starting(port: int = 0, store: str = "memory:") -> Application:
        started.append(Application(port, store))
        return started[-1]

    yield starting
    for each in started:
        each.__exit__(None, None, None)


@pytest.fixture
def application(start: Callable[..., Application]) -> Application:
    """A running application."""
    return start()


@pytest.fixture
def free_port() -> int:
    """A port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests; each test uses a context of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launched(playwright, str(tmp_path_factory.mktemp("chromium")))
        yield browser
        browser.close()


@pytest.fixture
def watched(application: Application) -> Iterator[Watched]:
    """Checks for every test: its pages print nothing on their consoles, and connect to no host but their own console."""
    seen = Watched()
    yield seen
    assert seen.unexpected() == []
    assert seen.hosts <= {urlsplit(application.url).netloc}


@pytest.fixture
def new_context(chromium: Any, watched: Watched) -> Iterator[Callable[..., Any]]:
    """Opens browser contexts that share nothing."""
    opened: list[Any] = []

    def opening(**options: Any) -> Any:
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE)
        watched.attend(context)
        opened.append(context)
        return context

    yield opening
    for each in opened:
        each.close()


@pytest.fixture
def page(new_context: Callable[..., Any], application: Application) -> Any:
    """A page signed in as admin."""
    return signed_in(new_context(), application.link)


@pytest.fixture
def viewer(new_context: Callable[..., Any], application: Application) -> Any:
    """A page signed in as viewer."""
    return signed_in(new_context(), application.new_link(VIEWER))
