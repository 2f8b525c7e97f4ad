"""Requests that two readers could understand differently are refused at once, with the reason."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any

import pytest
import trio

import trioactors as ta
from shared.logs import our_records
from trioactors.console import serve_console
from trioactors.testing import isolated_system

pytest.importorskip("trio_websocket")

TOKEN = "viewer-token-0123456789"
OURS = "http://127.0.0.1:50000"
GOOD = [
    "GET /live HTTP/1.1",
    "Host: 127.0.0.1:50000",
    f"Authorization: Bearer {TOKEN}",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]


def request(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def changed(old: str, *new: str) -> list[str]:
    """The good handshake with other lines for the one that begins with *old*."""
    return [each for line in GOOD for each in (new if line.startswith(old) else (line,))]


HANDSHAKES: list[tuple[list[str], int, str]] = [
    (changed("GET", "GET /live HTTP/1.0"), 505, "HTTP/1.1"),
    (changed("GET", "POST /live HTTP/1.1"), 405, "GET"),
    (changed("Connection"), 400, "Connection"),
    (changed("Connection", "Connection: close"), 400, "Connection"),
    (changed("Sec-WebSocket-Version"), 426, "13"),
    (changed("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426, "13"),
    (changed("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"), 400, "version"),
    (changed("Sec-WebSocket-Key"), 400, "Key"),
    (changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: "), 400, "Key"),
    (changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: short"), 400, "Key"),
    (changed("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), 400, "Key"),
    (changed("Sec-WebSocket-Key", GOOD[-1], GOOD[-1]), 400, "key"),
    ([*GOOD, "Sec-WebSocket-Protocol: \xe9"], 400, "ASCII"),
    ([*GOOD, "Sec-WebSocket-Extensions: \xe9"], 400, "ASCII"),
    ([*GOOD, "Content-Length: 5"], 400, "body"),
    ([*GOOD, "Transfer-Encoding: chunked"], 400, "body"),
    ([*GOOD, f"Origin: {OURS}", f"Origin: {OURS}"], 403, "page of"),
    ([*GOOD, f"Origin: {OURS}", "Origin: https://evil.example"], 403, "page of"),
    ([*GOOD, "Origin: https://evil.example", f"Origin: {OURS}"], 403, "page of"),
    ([*GOOD, "Origin: https://127.0.0.1:50000"], 403, "page of"),
    ([*GOOD, "Origin: null"], 403, "page of"),
    ([*GOOD, "Origin: "], 403, "page of"),
    ([*GOOD, f"Origin: {OURS}/"], 403, "page of"),
]


@pytest.mark.parametrize(("lines", "status", "reason"), HANDSHAKES)
async def test_a_handshake_that_is_none_is_refused_at_once_with_its_reason(
    console: Any, lines: list[str], status: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    began = trio.current_time()
    answer = await console.raw(request(lines))
    free = trio.current_time()

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert reason in answer.decode().partition("\r\n\r\n")[2]
    assert free == began
    assert [record for record in our_records(caplog) if record.levelno >= logging.ERROR] == []


async def test_a_version_of_websockets_that_is_not_spoken_is_told_which_one_is(console: Any) -> None:
    answer = await console.raw(request(changed("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8")))

    assert b"Sec-WebSocket-Version: 13\r\n" in answer


async def test_the_good_handshake_is_one(console: Any) -> None:
    stream = await console.connect()
    async with stream:
        await stream.send_all(request(GOOD))

        assert (await stream.receive_some(100)).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("path", ["/", "/session", "/metrics"])
async def test_the_origin_of_a_console_over_http_is_http_everywhere(console: Any, path: str) -> None:
    token = {"Authorization": f"Bearer {TOKEN}"}
    assert (await console.get(path, Origin="https://127.0.0.1:50000", **token)).status == 403
    assert (await console.get(path, Origin=OURS, **token)).status == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("console.example.org", "https://console.example.org", 200),
        ("console.example.org", "http://console.example.org", 403),
        ("127.0.0.1:50000", "http://127.0.0.1:50000", 200),
        ("127.0.0.1:50000", "https://console.example.org", 403),
    ],
)
async def test_behind_https_the_public_name_has_https_and_this_machine_has_not(
    console_with: Any, host: str, origin: str, status: int
) -> None:
    async with console_with(public_url="https://Console.example.org:443/") as console:
        assert (await console.get("/session", host=host, Origin=origin)).status == status


# --- frames ---


def frame(first: int, payload: bytes, *, masked: bool = True) -> bytes:
    """A frame, masked with zeros."""
    return bytes([first, len(payload) | (0x80 if masked else 0)]) + (b"\0\0\0\0" if masked else b"") + payload


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(0x81, b"{}", masked=False), 1002),
        (frame(0x83, b""), 1002),
        (frame(0xC1, b"{}"), 1002),
        (frame(0x09, b""), 1002),
        (frame(0x80, b""), 1002),
        (frame(0x88, b"\x03"), 1002),
        (frame(0x88, b"\x03\xee"), 1002),
        (frame(0x88, b"\x00\x01"), 1002),
        (frame(0x81, b"\xff"), 1007),
        (frame(0x81, b"\xed\xa0\x80"), 1007),
        (frame(0x88, b"\x03\xe8\xff"), 1007),
        (b"\x81\xff" + (70_000).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 70_000, 1009),
    ],
)
async def test_a_frame_that_is_none_gets_its_close_frame_and_frees_its_place_at_once(
    console: Any, sent: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    stream = await console.connect()
    await stream.send_all(request(GOOD))
    received = b""
    while b'"hello"' not in received:
        received += await stream.receive_some(10_000)
    began = trio.current_time()
    await stream.send_all(sent)
    received = b""
    while some := await stream.receive_some(10_000):
        received += some
    await stream.aclose()

    assert received[:1] == b"\x88"
    assert received[1] == len(received) - 2 <= 125
    assert int.from_bytes(received[2:4], "big") == code
    assert received[4:].decode()
    assert trio.current_time() == began
    assert [record for record in our_records(caplog) if record.levelno >= logging.ERROR] == []


# --- messages ---


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"id": "a", "id": "b", "type": "unwatch"}', "'id' twice"),
        ('{"id": "a", "type": "unwatch", "type": "watch"}', "'type' twice"),
        ('{"id": "a", "type": "watch", "topic": "actors", "options": {"limit": 1, "limit": 2}}', "'limit' twice"),
    ],
)
async def test_a_message_that_says_something_twice_is_refused(console: Any, text: str, told: str) -> None:
    async with console.viewer() as viewer:
        await viewer.socket.send_message(text)
        error = await viewer.receive()

    assert (error["type"], error["id"]) == ("error", None)
    assert told in error["error"]["text"]


@pytest.mark.parametrize("kind", ["watch", "resync", "unwatch", "ask", "act"])
@pytest.mark.parametrize("field", ["every_", "option", "seconds ", "", "__proto__"])
async def test_a_field_that_is_none_is_refused_and_nothing_is_done(console: Any, kind: str, field: str) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="budgets", every=1_000.0)
        await viewer.receive()
        await viewer.socket.send_message(json.dumps({"type": kind, "id": "a", field: 1}))
        error = await viewer.receive()

    assert (error["type"], error["id"], error["error"]["kind"]) == ("error", "a", "SpecError")
    assert f"{kind} has no field {field!r}; its fields: type, id" in error["error"]["text"]


# --- public_url ---


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https://:443",
        "http://h:0",
        "http://h:99999",
        "http://h:x",
        "http://[::1",
        "http://[:::1]",
        "http://@h",
        "http://a:b@h",
        "http://h/#x",
        "http://h?x",
        "http://h//",
        "http://h h",
        "http://h\n",
        " http://h",
        "http://m\u00fcnchen.example",
        "http://0.0.0.0:80",
        "http://[::]:80",
        "http://-h",
        "ws://h",
        b"http://h",
    ],
)
async def test_a_public_url_that_no_browser_opens_is_refused_at_the_start(url: Any, autojump_clock: trio.testing.MockClock) -> None:
    tree = ta.Supervisor(ta.child(partial(serve_console, public_url=url), name="console"), name="top")
    with pytest.raises(ta.StartFailed) as failed:
        async with isolated_system(tree):
            pass

    assert isinstance(failed.value.__cause__, ta.SpecError)
    assert "public_url=" in str(failed.value.__cause__)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://console.example.org", "console.example.org"),
        ("https://console.example.org:443/", "console.example.org"),
        ("http://Console.Example.org:80", "console.example.org"),
        ("http://192.0.2.7:8080", "192.0.2.7:8080"),
        ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080"),
        ("https://xn--mnchen-3ya.example:8443", "xn--mnchen-3ya.example:8443"),
    ],
)
async def test_a_public_url_is_known_as_browsers_send_it(console_with: Any, url: str, host: str) -> None:
    async with console_with(public_url=url) as console:
        assert (await console.get("/", host=host)).status == 200
