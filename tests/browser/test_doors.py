"""Refused access, seen from a browser that would allow it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from application import SECRET
from browsing import REBOUND, Watched, expect, opened
from running import Application

READ = "address => fetch(address, {credentials: 'include'}).then(() => 'read', () => 'refused')"
KNOCK = """(address) => new Promise((resolve) => {
  const socket = new WebSocket(address);
  socket.onmessage = (event) => resolve(event.data);
  socket.onclose = (event) => resolve(`closed ${event.code}`);
})"""


def test_who_has_not_signed_in_sees_what_this_is_and_nothing_of_the_system(
    new_context: Callable[..., Any], application: Application, watched: Watched
) -> None:
    page = new_context().new_page()
    page.goto(application.url)

    expect(page.get_by_role("heading", name="trioactors console")).to_be_visible()
    expect(page.get_by_text("you sign in with a link")).to_be_visible()
    watched.expected = ("no valid credentials available",)
    assert page.evaluate(KNOCK, f"ws://127.0.0.1:{application.port}/live") == "closed 1006"
    assert "anna" not in page.content()


def test_a_link_that_was_used_signs_nobody_in(
    new_context: Callable[..., Any], page: Any, application: Application, watched: Watched
) -> None:
    watched.expected = ("403",)
    thief = new_context().new_page()

    answer = thief.goto(application.link)

    assert answer.status == 403
    expect(thief.locator("body")).to_contain_text("has already been used")
    assert thief.context.cookies() == []


class Elsewhere(subprocess.Popen[str]):
    """Another site on this machine. A browser sends it the cookies of the console, since cookies do not depend on the port."""

    def __init__(self, folder: Path, page: str) -> None:
        (folder / "index.html").write_text(page, encoding="utf-8")
        serving = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
        super().__init__(serving, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.stdout is not None
        self.netloc = f"127.0.0.1:{self.stdout.readline().split()[5]}"

    def __exit__(self, *error: object) -> None:
        self.kill()
        super().__exit__(*error)


def test_a_page_of_another_port_of_this_machine_is_refused_although_the_browser_sends_the_cookie(
    page: Any, application: Application, watched: Watched, tmp_path: Path
) -> None:
    with Elsewhere(tmp_path, "<link rel=icon href=data:,><h1>not the console</h1>") as elsewhere:
        other = page.context.new_page()
        other.goto(f"http://{elsewhere.netloc}/")
        watched.expected = ("403", "blocked by CORS policy", "ERR_FAILED")

        knocked = other.evaluate(KNOCK, f"ws://127.0.0.1:{application.port}/live")
        read = other.evaluate(READ, f"{application.url}/session")

    watched.hosts.discard(elsewhere.netloc)
    assert (knocked, read) == ("closed 1006", "refused")
    assert any("WebSocket" in text and "403" in text for text in watched.noise)


def test_no_page_can_put_the_console_into_a_frame(page: Any, application: Application, watched: Watched, tmp_path: Path) -> None:
    with Elsewhere(tmp_path, f'<link rel=icon href=data:,><iframe src="{application.url}/"></iframe>') as elsewhere:
        watched.expected = ("frame-ancestors", "X-Frame-Options")
        other = page.context.new_page()
        other.goto(f"http://{elsewhere.netloc}/")
        framed = other.frame_locator("iframe").locator("body")

        expect(framed).not_to_contain_text("trioactors console")

    watched.hosts.discard(elsewhere.netloc)
    assert any("frame-ancestors" in text or "X-Frame-Options" in text for text in watched.noise)


def test_a_name_that_was_bound_to_this_machine_is_no_console(
    new_context: Callable[..., Any], application: Application, watched: Watched
) -> None:
    watched.expected = ("421", "Cross-Origin-Opener-Policy header has been ignored", "404")  # no icon is served there
    page = new_context().new_page()

    answer = page.goto(f"http://{REBOUND}:{application.port}/")

    watched.hosts.discard(f"{REBOUND}:{application.port}")  # it resolves to this machine
    assert answer.status == 421


def test_no_script_of_somebody_elses_runs_in_the_page(page: Any, watched: Watched) -> None:
    watched.expected = ("Content Security Policy",)

    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.broken = true'}))")

    assert page.evaluate("window.broken") is None
    assert any("Content Security Policy" in text for text in watched.noise)


def test_no_script_can_read_the_cookie(page: Any) -> None:
    (cookie,) = page.context.cookies()

    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""


def test_a_secret_is_in_nothing_that_reaches_the_browser(new_context: Callable[..., Any], application: Application) -> None:
    received: list[str] = []
    context = new_context()
    context.on("response", lambda response: received.append(response.url))
    page = opened(context, application.link, lambda wire: wire.on("framereceived", lambda payload: received.append(str(payload))))
    page.locator("[data-connection=open]").wait_for(state="attached")
    page.evaluate("location.hash = '#/actor/anna'")
    expect(page.locator("[data-state]")).to_contain_text("texts")

    application.do("note", name="anna", text="something to be seen")

    expect(page.locator("[data-state]")).to_contain_text("something to be seen")
    assert any("something to be seen" in text for text in received)
    assert SECRET not in "".join(received)
