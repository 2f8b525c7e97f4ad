"""The HTTP of a console: read one request head, send one answer, and close the connection, or hand it to the WebSocket library.

The page and the WebSocket share a port. The head is parsed with h11, which the WebSocket library depends on. If it asks for a WebSocket,
the bytes read so far are put back in front of the stream (`Replayed`), and that library parses them again. A head that is too long,
incomplete or invalid is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import attrs
import trio

from trioactors.console.access import Head, Refusal
from trioactors.console.encrypted import Encrypted, is_tls
from trioactors.environment.extras import h11

__all__ = ["POLICY", "Answer", "Replayed", "check_handshake", "last_words_read", "read_head", "send_answer", "wants_socket"]

_CHUNK = 4_096
_FAREWELL = 1.0
"""Seconds that the peer has to read what was sent last."""
_LARGE_CHUNK, _LAST_CHUNKS = 65_536, 64
_CLOSE_FRAME = b"\x88"
_LONGEST_REASON = 123
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of every answer but the page of a link, which has a form."""
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Connection": "close",
}
_ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin"}
"""Browsers accept it only over https and on this machine, and log a warning elsewhere."""
_SOCKET_VERSION = "13"
_OUR_VERSION = {"Sec-WebSocket-Version": _SOCKET_VERSION, "Upgrade": "websocket"}
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
_ONCE = ("upgrade", "sec-websocket-version", "sec-websocket-key")
_HANDSHAKE = (*_ONCE, "connection", "sec-websocket-protocol", "sec-websocket-extensions")


@attrs.frozen
class Answer:
    """The answer to one request."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = attrs.field(factory=dict[str, str])

    @classmethod
    def text(cls, status: int, line: str) -> Answer:
        """A line of text."""
        return cls(status, f"{line}\n".encode("utf-8", "backslashreplace"))

    @classmethod
    def data(cls, value: Any, status: int = 200) -> Answer:
        """A JSON value."""
        return cls(status, f"{json.dumps(value)}\n".encode(), "application/json")

    @classmethod
    def of(cls, refusal: Refusal) -> Answer:
        """The answer to a refused request."""
        headers = {"WWW-Authenticate": 'Bearer realm="trioactors"'} if refusal.status == HTTPStatus.UNAUTHORIZED else {}
        return attrs.evolve(cls.text(refusal.status, str(refusal)), headers=headers | dict(refusal.headers))


class Replayed(trio.abc.Stream):
    """A stream whose beginning has been read and is delivered once more."""

    def __init__(self, beginning: bytes, stream: trio.abc.Stream) -> None:
        self._beginning = beginning
        self._stream = stream
        self.owed: Callable[[], tuple[int, str] | None] = lambda: None
        """The close code and reason that the peer is owed if the connection is closed without a close frame."""
        self._said_goodbye = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive the beginning first, then the rest of the stream."""
        if not self._beginning:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        some, self._beginning = self._beginning[:max_bytes], self._beginning[max_bytes:] if max_bytes else b""
        return some

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send to the underlying stream."""
        if data[:1] == _CLOSE_FRAME:  # the WebSocket library sends one frame at a time
            self._said_goodbye = True
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the underlying stream."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Send the close frame that is owed, as after a protocol error, for which the library sends none. Then end the sending side.

        The console closes the stream itself, when the peer has read this. A peer that reads nothing is closed here.
        """
        await trio.lowlevel.cancel_shielded_checkpoint()
        owed = self.owed()
        try:
            with trio.move_on_after(_FAREWELL, shield=True):
                if owed is not None and not self._said_goodbye:
                    await self.send_all(_close_frame(*owed))
                await _end_sending(self._stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            await self._stream.aclose()


def _close_frame(code: int, reason: str) -> bytes:
    payload = code.to_bytes(2, "big") + reason.encode("ascii", "backslashreplace")[:_LONGEST_REASON]
    return _CLOSE_FRAME + len(payload).to_bytes(1, "big") + payload


async def last_words_read(stream: trio.abc.Stream) -> None:  # noqa: ASYNC910 - ending the sending is one
    """Before *stream* is closed: let the peer read what was sent last. Closing with unread bytes would take it away again (TCP's reset)."""
    with trio.move_on_after(_FAREWELL), suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
        await _end_sending(stream)
        for _ in range(_LAST_CHUNKS):
            if not await stream.receive_some(_LARGE_CHUNK):
                return


async def _end_sending(stream: trio.abc.Stream) -> None:
    await trio.lowlevel.checkpoint()
    if isinstance(stream, trio.abc.HalfCloseableStream):
        await stream.send_eof()


async def read_head(stream: trio.abc.Stream, limit: int) -> tuple[Head, bytes] | None:
    """Read the head of a request. Return it with all bytes read, or None if the peer disconnected first. Raises `Refusal`."""
    await trio.lowlevel.checkpoint()
    library = h11()
    connection = library.Connection(library.SERVER, max_incomplete_event_size=limit)
    read = b""
    while True:
        try:
            event = connection.next_event()
        except library.RemoteProtocolError as error:
            raise Refusal(error.error_status_hint, f"Invalid request: {error}.") from None
        if isinstance(event, library.Request):
            return _head(event), read
        if isinstance(event, library.ConnectionClosed):
            return None
        if len(read) >= limit:
            raise Refusal(431, f"Invalid request: its head is longer than {limit:,} bytes.")
        data = await stream.receive_some(min(_CHUNK, limit - len(read)))
        read += data
        if is_tls(read):
            raise Encrypted
        connection.receive_data(data)


def _head(request: Any) -> Head:
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers]
    headers: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in pairs:
        if name in headers:
            twice.add(name)
        headers[name] = f"{headers[name]}, {value}" if name in twice else value
    version = request.http_version.decode("ascii")
    return Head(request.method.decode("ascii"), request.target.decode("latin-1"), headers, frozenset(twice), version)


def wants_socket(head: Head) -> bool:
    """Whether the request asks for a WebSocket."""
    return head.headers.get("upgrade", "").lower() == "websocket"


def check_handshake(head: Head) -> None:
    """Check the request for a WebSocket as RFC 6455 demands, so that the library accepts it. Raises `Refusal`."""
    headers = head.headers
    if head.method != "GET":
        raise Refusal(405, "A WebSocket is opened with GET.")
    if head.version != "1.1":
        raise Refusal(505, f"A WebSocket needs HTTP/1.1, not HTTP/{head.version}.")
    for name in _HANDSHAKE:
        if name in head.twice and name in _ONCE:
            raise Refusal(400, f"Invalid request for a WebSocket: more than one header {name}.")
        if not headers.get(name, "").isascii():
            raise Refusal(400, f"Invalid request for a WebSocket: the header {name} is not ASCII.")
    if "upgrade" not in [token.strip().lower() for token in headers.get("connection", "").split(",")]:
        raise Refusal(400, "Invalid request for a WebSocket: the header Connection does not say Upgrade.")
    if headers.get("sec-websocket-version") != _SOCKET_VERSION:
        raise Refusal(426, f"A WebSocket of version {_SOCKET_VERSION} is served here.", _OUR_VERSION)
    if not _KEY.fullmatch(headers.get("sec-websocket-key", "")):
        raise Refusal(400, "Invalid request for a WebSocket: Sec-WebSocket-Key is not 16 bytes in base64.")
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise Refusal(400, "Invalid request for a WebSocket: it has a body.")


async def send_answer(stream: trio.abc.Stream, answer: Answer, *, head_only: bool, isolated: bool) -> None:
    """Send the answer. The caller sets the deadline and closes the stream."""
    headers = {
        "Content-Type": answer.kind,
        "Content-Length": str(len(answer.body)),
        **_HEADERS,
        **(_ISOLATED if isolated else {}),
        **answer.headers,
    }
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    await stream.send_all(head if head_only else head + answer.body)
