"""A program that stands still, seen from a terminal: it is told when that begins and when it is over."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from trioactors.cli.consoles import Address
from trioactors.cli.live_commands import _figures, shown_live, traced_live
from trioactors.cli.program import _read
from trioactors.cli.refusals import Refused
from trioactors.cli.top import top_live

pytest.importorskip("trio_websocket")

URL = "http://127.0.0.1:50000"
TOKEN = "viewer-token-0123456789"
BEGINS = "trioactors: No data for 2 s: the program is frozen or the line is dead; waiting\n"


@attrs.define
class Line:
    """The way to a console, which can be held up: what was sent arrives later."""

    console: Any
    held: trio.Event | None = None

    async def connect(self, address: Address) -> trio.abc.Stream:
        return Held(await self.console.network.connect(address.port), self)

    async def hold(self, after: float, seconds: float) -> None:
        await trio.sleep(after)
        self.held = trio.Event()
        await trio.sleep(seconds)
        self.held.set()
        self.held = None


@attrs.define
class Held(trio.abc.Stream):
    stream: trio.abc.Stream
    line: Line

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self.stream.receive_some(max_bytes)
        if self.line.held is not None:
            await self.line.held.wait()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self.stream.aclose()


def options(*arguments: str) -> Any:
    return _read([arguments[0], URL, *arguments[1:]])


async def test_a_trace_tells_of_silence_once_and_of_its_end(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    line = Line(console)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.hold, 5.0, 20.0)
        nursery.start_soon(traced_live, Address.of(URL, TOKEN), line.connect, options("trace", "--count", "1"))
        await trio.sleep(15)
        assert capsys.readouterr().err == BEGINS
        await trio.sleep(12)
        told = capsys.readouterr().err
        assert told.startswith("trioactors: data again, after ")
        assert 18 <= int(told.split()[-2]) <= 21
        await console.system.get(console.actor, "anna").note("x")

    assert "MessageAccepted" in capsys.readouterr().out


async def test_a_trace_of_a_system_that_does_nothing_is_no_silence(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(traced_live, Address.of(URL, TOKEN), Line(console).connect, options("trace"))
        await trio.sleep(300)
        nursery.cancel_scope.cancel()

    assert capsys.readouterr().err == ""


async def test_a_command_that_is_repeated_waits_and_tells(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    line = Line(console)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.hold, 5.0, 20.0)
        await shown_live(Address.of(URL, TOKEN), line.connect, options("inspect", "--watch", "--frames", "30"), _figures)
        nursery.cancel_scope.cancel()

    told = capsys.readouterr()
    assert told.err.startswith(BEGINS)
    assert told.err.count("\n") == 2
    assert told.out.count("2 actors") == 30


async def test_a_long_interval_is_no_silence_and_keeps_the_connection(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await shown_live(
        Address.of(URL, TOKEN), Line(console).connect, options("inspect", "--watch", "--every", "600", "--frames", "3"), _figures
    )

    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.count("2 actors") == 3


async def test_top_without_a_terminal_tells_on_stderr(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    line = Line(console)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.hold, 5.0, 20.0)
        await top_live(Address.of(URL, TOKEN), line.connect, options("top", "--frames", "10"))
        nursery.cancel_scope.cancel()

    assert capsys.readouterr().err.startswith(BEGINS)


async def test_a_command_that_is_not_repeated_gives_up(console: Any) -> None:
    line = Line(console)
    began = trio.current_time()
    line.held = trio.Event()

    with pytest.raises(Refused, match="no console answers"):
        await shown_live(Address.of(URL, TOKEN), line.connect, options("inspect"), _figures)

    assert trio.current_time() - began <= 16
