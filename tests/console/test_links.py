"""Signing in with a link and signing out: what uses a link up, and what ends with a session."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio

from shared.logs import our_records
from trioactors.console import ConsoleLimits

pytest.importorskip("trio_websocket")

OURS = "http://127.0.0.1:50000"
SIGNED_OUT = 4401


# --- looking at a link ---


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_preview_of_a_chat_program_leaves_the_link_as_good_as_it_was(console: Any, method: str) -> None:
    link = console.link
    for _ in range(3):
        looked = await console.get(link, method=method, User_Agent="Slackbot-LinkExpanding 1.0")
        assert (looked.status, "set-cookie" in looked.headers) == (200, False)

    assert len(console.announced) == 1
    assert (await console.post(link)).status == 303


async def test_the_page_of_a_link_is_a_form_that_may_be_sent_to_this_console_only_and_needs_no_script(console: Any) -> None:
    page = await console.get(console.link)

    assert b'<form method="post"><button class="primary" autofocus>Sign in</button></form>' in page.body
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "same-origin"  # with no-referrer, a browser sends `Origin: null`
    assert page.headers["cache-control"] == "no-store"


async def test_no_other_page_may_send_a_form(console: Any) -> None:
    for path in ("/", "/static/link.html", "/open/used"):
        reply = await console.get(path)

        assert "form-action 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["referrer-policy"] == "no-referrer"


async def test_a_used_link_goes_to_the_page_if_the_browser_is_signed_in(console: Any) -> None:
    link = console.link
    cookie = (await console.post(link)).headers["set-cookie"].partition(";")[0]

    looked = await console.get(link, Cookie=cookie)
    sent = await console.post(link, Cookie=cookie)

    assert (looked.status, looked.headers["location"], "set-cookie" in looked.headers) == (303, "/", False)
    assert (sent.status, sent.headers["location"], "set-cookie" in sent.headers) == (303, "/", False)


async def test_a_used_link_says_what_it_is_to_all_others_and_shows_the_way(console: Any) -> None:
    link = console.link
    await console.post(link)

    looked = await console.get(link)

    assert looked.status == 403
    assert b"has already been used" in looked.body
    assert b'<a href="/">' in looked.body


async def test_a_link_of_a_role_that_the_browser_does_not_have_can_still_be_used(console: Any) -> None:
    cookie = await console.cookie()
    token = {"Authorization": "Bearer admin-token-0123456789"}
    link = (await console.get("/link", **token)).body.decode().strip().removeprefix(OURS)

    assert (await console.get(link, Cookie=cookie)).status == 200
    admin = (await console.post(link, Cookie=cookie)).headers["set-cookie"].partition(";")[0]
    assert (await console.get("/session", Cookie=admin)).json == {"role": "admin"}


# --- what is sent ---


@pytest.mark.parametrize("path", ["link", "/sign-out"])
@pytest.mark.parametrize("origin", ["null", "http://evil.example", "https://127.0.0.1:50000", "http://127.0.0.1", ""])
async def test_a_form_of_another_site_does_nothing(console: Any, path: str, origin: str) -> None:
    cookie = await console.cookie()
    sent = await console.post(console.link if path == "link" else path, Origin=origin, Cookie=cookie)

    assert sent.status == 403
    assert (await console.get("/session", Cookie=cookie)).json == {"role": "viewer"}
    assert (await console.post(console.link)).status == 303


async def test_a_post_without_an_origin_is_refused_with_the_reason(console: Any) -> None:
    sent = await console.get(console.link, method="POST", Content_Length="0")

    assert (sent.status, b"Origin" in sent.body) == (403, True)


@pytest.mark.parametrize("headers", [{"Content_Length": "5"}, {"Content_Length": "5000000000"}, {"Transfer_Encoding": "chunked"}])
async def test_a_body_is_refused_before_it_is_read(console: Any, headers: dict[str, str]) -> None:
    given = {"Content_Length": "", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value]
    began = trio.current_time()
    answer = await console.raw(
        "\r\n".join([f"POST {console.link} HTTP/1.1", "Host: 127.0.0.1:50000", f"Origin: {OURS}", *lines, "", ""]).encode()
    )

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert trio.current_time() - began <= 1
    assert (await console.post(console.link)).status == 303


# --- signing out ---


async def closed(viewer: Any) -> tuple[int, str]:
    with pytest.raises(Exception, match="CloseReason"):  # noqa: PT012
        while True:
            await viewer.receive()
    return int(viewer.socket.closed.code), str(viewer.socket.closed.reason)


async def test_signing_out_ends_the_session_and_all_its_viewers_and_no_others(console: Any) -> None:
    cookie, other = await console.cookie(), await console.cookie()
    async with (
        console.viewer(None, Cookie=cookie, Origin=OURS) as first,
        console.viewer(None, Cookie=cookie, Origin=OURS) as second,
        console.viewer(None, Cookie=other, Origin=OURS) as third,
    ):
        out = await console.post("/sign-out", Cookie=cookie)

        assert (out.status, out.headers["location"]) == (303, "/")
        assert out.headers["set-cookie"].startswith("trioactors-50000=; Max-Age=0; Path=/;")
        assert [await closed(first), await closed(second)] == [(SIGNED_OUT, "signed out")] * 2
        assert (await console.get("/session", Cookie=cookie)).json == {"role": None}
        assert (await third.ask("explain", name="anna"))["ok"]
    assert (await console.get("/session", Cookie=other)).json == {"role": "viewer"}


async def test_who_is_not_signed_in_can_sign_out_all_the_same(console: Any) -> None:
    assert (await console.post("/sign-out")).status == 303
    assert (await console.get("/sign-out")).status == 404


async def test_signing_out_is_in_the_log(console: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await console.post("/sign-out", Cookie=await console.cookie())

    assert [record.getMessage() for record in our_records(caplog)][-1].endswith("signed out (viewer)")


async def test_a_viewer_leaves_when_its_session_is_over(console_with: Any) -> None:
    async with console_with(limits=ConsoleLimits(session_time=60.0)) as console:
        began = trio.current_time()
        async with console.viewer(None, Cookie=await console.cookie(), Origin=OURS) as viewer:
            assert await closed(viewer) == (SIGNED_OUT, "the sign-in has expired")
            assert trio.current_time() - began == pytest.approx(60, abs=1)


async def test_a_viewer_leaves_when_its_session_is_dropped_for_newer_ones(console_with: Any) -> None:
    async with (
        console_with(limits=ConsoleLimits(sessions=1)) as console,
        console.viewer(None, Cookie=await console.cookie(), Origin=OURS) as viewer,
    ):
        await console.cookie()

        assert (await closed(viewer))[0] == SIGNED_OUT


async def test_the_page_learns_whether_it_can_sign_out(console: Any) -> None:
    async with console.viewer() as by_token, console.viewer(None, Cookie=await console.cookie(), Origin=OURS) as by_link:
        assert (by_token.hello["session"], by_link.hello["session"]) == (False, True)


# --- https ---


async def test_https_on_the_port_is_answered_with_an_alert_and_explained_once(
    console: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

    answers = [await console.raw(hello) for _ in range(3)]

    assert answers == [b"\x15\x03\x01\x00\x02\x02\x46"] * 3
    told = [record for record in our_records(caplog) if "https" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.WARNING, logging.INFO, logging.INFO]
    assert f"this port speaks http: open {OURS}" in told[0].getMessage()
    await trio.sleep(60)
    await console.raw(hello)
    assert [r.levelno for r in our_records(caplog) if "https" in r.getMessage()][-1] == logging.WARNING


async def test_a_proxy_that_uses_https_inwards_is_told_what_to_change(console_with: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with console_with(public_url="https://console.example.org") as console:
        await console.raw(b"\x16\x03\x01\x02\x00\x01")

    assert "open https://console.example.org, and let the proxy there connect to this port with http" in caplog.text
