"""The boundary of the console: whatever a peer or a value of the user's does, the console and the application go on."""

from __future__ import annotations

import logging
import re
import socket
import struct
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import trio
from attrs import define, field

import trioactors as ta
from shared.logs import our_records
from trioactors.inspect import TraceRing

pytest.importorskip("trio_websocket")

PORT = 50_000
TOKEN = "viewer-token-0123456789"


class Odd(BaseException):
    """An error that is no `Exception`, as asyncio's CancelledError."""


ERRORS = [ValueError, RecursionError, SystemExit, GeneratorExit, Odd]


def reset_connection() -> trio.SocketStream:
    """The console's side of a connection that its peer reset at once."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    return trio.SocketStream(trio.socket.from_stdlib_socket(ours))


async def test_peers_that_reset_before_they_are_served_disturb_nobody(console: Any, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        stream = reset_connection()
        await console.network._open[PORT].send(stream)

        assert (await console.get("/health")).status == 200
    assert console.system.get(console.actor, "anna")
    assert len(console.announced) == 1, "the console was not restarted"
    assert [record for record in our_records(caplog) if record.levelno >= logging.ERROR] == []


class Attribute:
    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __get__(self, instance: object, owner: object) -> Any:
        raise self.error("an attribute")


def box_with(where: str, error: type[BaseException]) -> Any:
    """A value of which *where* raises *error*."""

    class Repr:
        def __repr__(self) -> str:
            raise error("a repr")

    class Rows(list[int]):
        def __iter__(self) -> Iterator[int]:
            raise error("an iteration")

    class Table(dict[str, int]):
        def items(self) -> Any:
            raise error("an iteration")

    class Sized(list[int]):
        def __len__(self) -> int:
            raise error("a length")

    class Classless:
        def __getattribute__(self, name: str) -> Any:
            raise error(name)

    @attrs.define(slots=False)
    class Fields:
        size: int = 0

    Fields.size = Attribute(error)  # type: ignore[assignment] - the attribute that raises
    text = attrs.make_class("Text", {"secret": field(default=1, repr=lambda _: Repr().__repr__())})
    made = {"repr": Repr, "list": Rows, "dict": Table, "len": Sized, "class": Classless, "field's repr": text}
    return Fields.__new__(Fields) if where == "attribute" else made[where]()


@define
class Held:
    value: Any = None


class Holder(ta.Actor[Held], inspect=True):
    @ta.handler
    def hold(self, where: str, error: Any) -> None:
        self.state.value = box_with(where, error)

    @ta.handler
    def count(self) -> int:
        return 1


WHERES = ["repr", "list", "dict", "len", "class", "field's repr", "attribute"]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("where", WHERES)
async def test_a_state_that_raises_when_it_is_looked_at_fails_its_topic_and_nothing_more(
    console: Any, where: str, error: type[BaseException]
) -> None:
    holder = await console.system.start(Holder, name="holder")
    await holder.hold(where, error)
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="actor", options={"name": "holder"}, every=1.0)
        first = await viewer.receive()
        looked = await viewer.ask("look", topic="actor", name="holder")
        others = await viewer.ask("look", topic="actors")

    assert first["type"] == "failed" or re.search("cannot be shown|instance at 0x", str(first["value"]["state"]))
    assert looked["ok"] is (first["type"] == "snapshot")
    assert others["ok"]
    assert await holder.count() == 1
    assert console.system.explain("holder")


@pytest.mark.parametrize("error", ERRORS)
async def test_a_state_that_can_be_shown_again_is_a_snapshot(console: Any, error: type[BaseException]) -> None:
    holder = await console.system.start(Holder, name="holder")
    await holder.hold("list", error)
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="actor", options={"name": "holder"}, every=1.0)
        failed = await viewer.receive()
        await ta.restart(holder)
        back = await viewer.receive()

    assert (failed["type"], failed["error"]["kind"]) == ("failed", "NotShown")
    assert error.__name__ in failed["error"]["text"]
    assert (back["type"], back["value"]["state"]["value"]) == ("snapshot", {"value": None})


@pytest.mark.parametrize("error", ERRORS)
async def test_a_function_of_the_users_that_raises_anything_lets_nobody_in(console_with: Any, error: type[BaseException]) -> None:
    def authorize(_: Any) -> Any:
        raise error("no")

    async with console_with(authorize=authorize) as console:
        assert (await console.get("/metrics")).status == 401
        assert len(console.announced) == 1


@pytest.mark.parametrize("error", ERRORS)
async def test_an_announcement_that_raises_anything_ends_its_connection_only(
    console_with: Any, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    announced: list[str] = []

    def announce(line: str) -> None:
        announced.append(line)
        if len(announced) > 1:
            raise error("no")

    async with console_with(announce=announce) as console:
        path = "/open/" + announced[0].split("/open/")[1].split()[0]

        request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:50000\r\nOrigin: http://127.0.0.1:50000\r\n\r\n"
        assert await console.raw(request.encode()) == b""
        assert (await console.get("/health")).status == 200
    assert error.__name__ in caplog.text


class Evil(Exception):
    def __str__(self) -> str:
        raise SystemExit("a text")

    __repr__ = __str__


class Thrower(ta.Actor[None]):
    @ta.handler
    def throw(self) -> None:
        raise Evil


async def test_an_error_that_cannot_be_shown_crashes_its_actor_only_while_a_trace_is_watched(console: Any) -> None:
    thrower = await console.system.start(Thrower, name="thrower")
    ring = TraceRing()
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="t", topic="trace", options={"child": "thrower"}, every=1.0)
        assert (await viewer.ask("explain", name="anna"))["ok"]
        with ring.watching(console.system), pytest.raises(ta.ActorCrashed):
            await thrower.throw()
        told = await viewer.receive()

    assert "MessageHandled" in [row["kind"] for row in told["rows"]]
    assert "Evil" in str(told["rows"])
