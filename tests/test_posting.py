"""`post_http`: what leaves a program by HTTP, to a real server on this machine."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from trioactors.environment.posting import post_http
from trioactors.testing import ThreadGuard

TLS = b"\x16\x03"
"""How a handshake begins."""


@asynccontextmanager
async def server(answer: bytes) -> AsyncGenerator[tuple[int, list[bytes]]]:
    """A server that keeps what it reads, and answers each connection with *answer*."""
    got: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        read = b""
        while b"\r\n\r\n" not in read or not read.endswith(b"}"):
            some = await stream.receive_some()
            read += some
            if not some or read.startswith(TLS):
                break
        got.append(read)
        await stream.send_all(answer)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, serve, listeners)
        yield listeners[0].socket.getsockname()[1], got
        nursery.cancel_scope.cancel()


async def test_a_document_is_sent_and_the_status_returned(autojump_clock: MockClock, thread_guard: ThreadGuard) -> None:
    async with server(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n") as (port, got):
        status = await post_http(f"http://127.0.0.1:{port}/hook/T1?a=b", b'{"a": 1}', 10.0)

    head, _, body = got[0].partition(b"\r\n\r\n")
    assert (status, body) == (202, b'{"a": 1}')
    assert head.startswith(b"POST /hook/T1?a=b HTTP/1.1\r\n")
    assert b"Content-Type: application/json" in head


async def test_a_redirect_is_not_followed(autojump_clock: MockClock, thread_guard: ThreadGuard) -> None:
    async with server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as (port, _):
        assert await post_http(f"http://127.0.0.1:{port}/", b"{}", 10.0) == 302


async def test_what_is_no_http_is_an_os_error(autojump_clock: MockClock, thread_guard: ThreadGuard) -> None:
    async with server(b"hello\r\n") as (port, _):
        with pytest.raises(OSError, match="HTTP"):
            await post_http(f"http://127.0.0.1:{port}/", b"{}", 10.0)


async def test_a_server_that_is_not_there_is_an_os_error(autojump_clock: MockClock, thread_guard: ThreadGuard) -> None:
    async with server(b"") as (port, _):
        pass
    with pytest.raises(ConnectionRefusedError):
        await post_http(f"http://127.0.0.1:{port}/", b"{}", 10.0)


async def test_https_to_a_server_without_it_is_an_os_error(autojump_clock: MockClock, thread_guard: ThreadGuard) -> None:
    async with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _):
        with pytest.raises(ssl.SSLError):
            await post_http(f"https://127.0.0.1:{port}/", b"{}", 10.0)
