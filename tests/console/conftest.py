"""A console in memory, and a client that speaks to it byte by byte."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.console import serve_console
from trioactors.serializer import secret
from trioactors.testing import MemoryNetwork, isolated_system, virtual_environment
from trioactors.testing.plugin import _run_virtually

PORT = 50_000
HOST = f"127.0.0.1:{PORT}"
TOKEN = "viewer-token-0123456789"
ADMIN = "admin-token-0123456789"


@define
class Box:
    notes: list[str] = field(factory=list)
    password: str = secret(default="hunter2")


class Clerk(ta.Actor[Box], inspect=True, mailbox=20):
    @ta.handler
    async def wait(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    def note(self, text: str) -> int:
        self.state.notes.append(text)
        return len(self.state.notes)

    @ta.handler
    def fail(self) -> None:
        raise ValueError("no")


async def poll() -> None:
    """A child that is not an actor."""
    await trio.sleep(3)
    raise OSError("the line is dead")


@attrs.frozen
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@attrs.define
class Console:
    """A running console, reached as a browser or a program reaches it."""

    system: ta.System
    network: MemoryNetwork
    announced: list[str]
    actor = Clerk
    function = staticmethod(poll)

    @property
    def link(self) -> str:
        """The path of the last link that was announced."""
        found = re.search(r"http://\S+?(/open/\S+)", self.announced[-1])
        assert found is not None
        return found[1]

    async def connect(self) -> trio.abc.Stream:
        return await self.network.connect(PORT)

    async def raw(self, data: bytes) -> bytes:
        """The whole answer to *data*, until the console closes the connection."""
        stream = await self.connect()
        async with stream:
            try:
                await stream.send_all(data)
            except trio.BrokenResourceError:
                return b""
            return await _everything(stream)

    async def get(self, path: str, *, method: str = "GET", host: str = HOST, **headers: str) -> Reply:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host}",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        answer = await self.raw("\r\n".join([*lines, "", ""]).encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        return Reply(int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}, body)

    async def post(self, path: str, **headers: str) -> Reply:
        """Send a form without fields, as a page of this console does."""
        return await self.get(path, method="POST", **{"Origin": f"http://{HOST}", "Content_Length": "0", **headers})

    async def cookie(self) -> str:
        """The cookie that the link is exchanged for."""
        reply = await self.post(self.link)
        return reply.headers["set-cookie"].partition(";")[0]

    @asynccontextmanager
    async def viewer(self, token: str | None = TOKEN, **headers: str) -> AsyncGenerator[Viewer, None]:
        """A viewer, after its greeting."""
        library = pytest.importorskip("trio_websocket")
        stream = await self.connect()
        given = {**headers, **({} if token is None else {"Authorization": f"Bearer {token}"})}
        extra = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]
        async with trio.open_nursery() as nursery:
            socket = await library.wrap_client_stream(nursery, stream, HOST, "/live", extra_headers=extra)
            viewer = Viewer(socket, {})
            try:
                viewer.hello = await viewer.receive()
                yield viewer
            finally:
                with trio.move_on_after(1, shield=True):
                    await socket.aclose()
                nursery.cancel_scope.cancel()


@attrs.define
class Viewer:
    """The client side of a socket."""

    socket: Any
    hello: dict[str, Any]
    sequence: int = 0
    time: float = -math.inf

    async def send(self, **message: Any) -> None:
        await self.socket.send_message(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        """The next message that says something. None before it is missing, and their times do not run backwards."""
        with trio.fail_after(100):
            while (message := await self.next())["type"] == "beat":
                pass
        del message["sequence"], message["time"]
        return message

    async def next(self) -> dict[str, Any]:
        """The next message as it is, which may be a beat."""
        message = json.loads(await self.socket.get_message())
        assert message["sequence"] == self.sequence + 1
        assert message["time"] >= self.time
        self.sequence, self.time = message["sequence"], message["time"]
        return message

    async def ask(self, what: str, *, kind: str = "ask", **options: Any) -> dict[str, Any]:
        await self.send(type=kind, id="q", what=what, options=options)
        while (answer := await self.receive())["id"] != "q":
            pass
        return answer

    async def act(self, what: str, **options: Any) -> dict[str, Any]:
        return await self.ask(what, kind="act", **options)


async def _everything(stream: trio.abc.Stream) -> bytes:
    received = b""
    try:
        with trio.fail_after(1_000):
            while some := await stream.receive_some(10_000):
                received += some
    except trio.BrokenResourceError:
        pass
    return received


@asynccontextmanager
async def opened(*, network: MemoryNetwork | None = None, **options: Any) -> AsyncGenerator[Console, None]:
    """A system of two clerks with a console."""
    network, announced = network or MemoryNetwork(), list[str]()
    options = {"port": PORT, "token": TOKEN, "admin_token": ADMIN, "announce": announced.append} | options
    tree = ta.Supervisor(
        ta.child(Clerk, name="anna"),
        ta.child(Clerk, name="bert"),
        ta.child(partial(serve_console, **options), name="console"),
        name="shop",
    )
    environment = attrs.evolve(virtual_environment(), listen=network.listen)
    async with isolated_system(tree, environment=environment) as system:
        yield Console(system, network, announced)


Opening = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every test with a console in virtual time."""
    for item in items:
        if {"console", "console_with"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.trio(run=_run_virtually), append=False)


@pytest.fixture
def console_with() -> Opening:
    """Opens a console with given options."""
    return opened


@pytest.fixture
async def console() -> AsyncGenerator[Console, None]:
    """A console, in virtual time and on a network in memory."""
    async with opened() as running:
        yield running
