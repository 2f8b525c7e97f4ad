"""The HTTP of a console: read one request head, send one answer, and close the connection, or hand it to the WebSocket library.

The page and the WebSocket share a port. The head is parsed with h11, which the WebSocket library depends on. If it asks for a WebSocket,
the bytes read so far are put back in front of the stream (`Replayed`), and that library parses them again. A head that is too long,
incomplete or invalid is refused here.
"""

from __future__ import annotations

import json
from collections import Counter
from http import HTTPStatus
from typing import Any

import attrs
import trio

from trioactors.console.access import Head, Refusal
from trioactors.environment.extras import h11

__all__ = ["Answer", "Replayed", "read_head", "send_answer", "wants_socket"]

_CHUNK = 4_096
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Connection": "close",
}
_ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin"}
"""Browsers accept it only over https and on this machine, and log a warning elsewhere."""


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
        return attrs.evolve(cls.text(refusal.status, str(refusal)), headers=headers)


class Replayed(trio.abc.Stream):
    """A stream whose beginning has been read and is delivered once more."""

    def __init__(self, beginning: bytes, stream: trio.abc.Stream) -> None:
        self._beginning = beginning
        self._stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive the beginning first, then the rest of the stream."""
        if not self._beginning:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        some, self._beginning = self._beginning[:max_bytes], self._beginning[max_bytes:] if max_bytes else b""
        return some

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send to the underlying stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the underlying stream."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the underlying stream."""
        await self._stream.aclose()


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
        connection.receive_data(data)


def _head(request: Any) -> Head:
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers]
    counted = Counter(name for name, _ in pairs)
    twice = frozenset(name for name, times in counted.items() if times > 1)
    return Head(request.method.decode("ascii"), request.target.decode("latin-1"), dict(pairs), twice)


def wants_socket(head: Head) -> bool:
    """Whether the request asks for a WebSocket."""
    return head.headers.get("upgrade", "").lower() == "websocket"


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
