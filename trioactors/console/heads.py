"""The HTTP of a console: one head is read, one answer is given, and the connection is closed; or it becomes a socket.

Page and socket share a port. The head is read with h11, which comes with the library of the sockets; if it asks for a socket, what was
read is put back in front of the stream (`Replayed`), and that library reads it once more. A head that is too long, cut short or none at
all never gets further than here.
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
"""Browsers heed it over https and on this machine only, and complain of it elsewhere."""


@attrs.frozen
class Answer:
    """What is answered to one request."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = attrs.field(factory=dict[str, str])

    @classmethod
    def text(cls, status: int, line: str) -> Answer:
        """A line for a person."""
        return cls(status, f"{line}\n".encode("utf-8", "backslashreplace"))

    @classmethod
    def data(cls, value: Any, status: int = 200) -> Answer:
        """JSON, for a program."""
        return cls(status, f"{json.dumps(value)}\n".encode(), "application/json")

    @classmethod
    def of(cls, refusal: Refusal) -> Answer:
        """What whoever is refused gets to see."""
        headers = {"WWW-Authenticate": 'Bearer realm="trioactors"'} if refusal.status == HTTPStatus.UNAUTHORIZED else {}
        return attrs.evolve(cls.text(refusal.status, str(refusal)), headers=headers)


class Replayed(trio.abc.Stream):
    """A stream of which the beginning was read already, and is read again."""

    def __init__(self, beginning: bytes, stream: trio.abc.Stream) -> None:
        self._beginning = beginning
        self._stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """First what was read before."""
        if not self._beginning:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        some, self._beginning = self._beginning[:max_bytes], self._beginning[max_bytes:] if max_bytes else b""
        return some

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """To the stream itself."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Of the stream itself."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream itself."""
        await self._stream.aclose()


async def read_head(stream: trio.abc.Stream, limit: int) -> tuple[Head, bytes] | None:
    """The head of a request and all bytes that were read; None where the peer went away first. Raises `Refusal`."""
    await trio.lowlevel.checkpoint()
    library = h11()
    connection = library.Connection(library.SERVER, max_incomplete_event_size=limit)
    read = b""
    while True:
        try:
            event = connection.next_event()
        except library.RemoteProtocolError as error:
            raise Refusal(getattr(error, "error_status_hint", 400), f"That is no request: {error}.") from None
        if isinstance(event, library.Request):
            return _head(event), read
        if isinstance(event, library.ConnectionClosed):
            return None
        if len(read) >= limit:
            raise Refusal(431, f"That is no request: its head is longer than {limit:,} bytes.")
        data = await stream.receive_some(min(_CHUNK, limit - len(read)))
        read += data
        connection.receive_data(data)


def _head(request: Any) -> Head:
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers]
    counted = Counter(name for name, _ in pairs)
    twice = frozenset(name for name, times in counted.items() if times > 1)
    return Head(request.method.decode("ascii"), request.target.decode("latin-1"), dict(pairs), twice)


def wants_socket(head: Head) -> bool:
    """Whether it asks for a socket."""
    return head.headers.get("upgrade", "").lower() == "websocket"


async def send_answer(stream: trio.abc.Stream, answer: Answer, *, head_only: bool, isolated: bool) -> None:
    """Give the answer. The caller sets the deadline, and closes the stream."""
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
