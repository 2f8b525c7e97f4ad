"""A network in memory: its connections use no sockets, so everything on it happens in virtual time."""

from __future__ import annotations

import json
import math
from typing import Any

import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, memory_stream_pair

from trioactors.environment.network import Opened

__all__ = ["MemoryNetwork"]


class _Listener(trio.abc.Listener[trio.abc.Stream]):
    def __init__(
        self, arriving: trio.MemorySendChannel[trio.abc.Stream], streams: trio.MemoryReceiveChannel[trio.abc.Stream]
    ) -> None:
        self._arriving = arriving
        self._streams = streams

    async def accept(self) -> trio.abc.Stream:
        return await self._streams.receive()

    async def aclose(self) -> None:
        self._arriving.close()
        self._streams.close()
        await trio.lowlevel.checkpoint()


class _Pipe:
    """One direction of a connection, which buffers *room* bytes."""

    def __init__(self, room: float) -> None:
        self._room = room
        self._held = 0
        self._read = trio.Event()
        self.sender = MemorySendStream(send_all_hook=self._wait_for_room)
        self.receiver = _Receiver(self)
        self.sender.close_hook = self.receiver.stream.put_eof

    async def _wait_for_room(self) -> None:
        await trio.lowlevel.checkpoint()
        data = self.sender.get_data_nowait()
        self._held += len(data)
        self.receiver.stream.put_data(data)
        while self._held > self._room and not self.receiver.closed:
            self._read = trio.Event()
            await self._read.wait()
        if self.receiver.closed:
            raise trio.BrokenResourceError

    def took(self, count: int) -> None:
        """Note that *count* bytes were read."""
        self._held -= count
        self._read.set()


class _Receiver(trio.abc.ReceiveStream):
    def __init__(self, pipe: _Pipe) -> None:
        self.stream = MemoryReceiveStream()
        self.closed = False
        self._pipe = pipe

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self.stream.receive_some(max_bytes)
        self._pipe.took(len(data))
        return data

    async def aclose(self) -> None:
        self.closed = True
        self._pipe.took(0)
        await self.stream.aclose()


class MemoryNetwork:
    """A network in memory.

        network = MemoryNetwork()
        environment = attrs.evolve(virtual_environment(), listen=network.listen)
        stream = await network.connect(port)

    Each direction of a connection buffers *room* unread bytes; sending more waits.

    With `post=network.post`, what alerts send is kept in `posted`, and answered with `status`, or with the error if that is one.
    """

    def __init__(self, room: float = math.inf) -> None:
        self.posted: list[tuple[str, Any]] = []
        """The URL and the JSON value of each document that was sent by HTTP POST."""
        self.status: int | OSError = 200
        """The answer to each of them."""
        self._room = room
        self._open: dict[int, trio.MemorySendChannel[trio.abc.Stream]] = {}
        self._last = 49_151

    def __repr__(self) -> str:
        """Show the open ports."""
        return f"<memory network: {', '.join(map(str, self._open)) or 'no open ports'}>"

    async def listen(self, host: str, port: int) -> Opened:
        """Listen on *port*, or for 0 on the next free one; *host* is ignored. Raises `OSError` if the port is in use."""
        await trio.lowlevel.checkpoint()
        self._forget_closed()
        if port in self._open:
            raise OSError(f"port {port} of {host} is in use")
        if not port:
            self._last = port = self._last + 1
        arriving, streams = trio.open_memory_channel[trio.abc.Stream](0)
        self._open[port] = arriving
        return Opened(listener=_Listener(arriving, streams), port=port)

    async def connect(self, port: int) -> trio.abc.Stream:
        """Connect to the listener on *port*. Raises `OSError` if there is none."""
        self._forget_closed()
        ours, theirs = self._pair()
        try:
            await self._open[port].send(theirs)
        except (KeyError, trio.BrokenResourceError, trio.ClosedResourceError):
            raise OSError(f"no listener on port {port}") from None
        return ours

    async def post(self, url: str, body: bytes, seconds: float) -> int:
        """Keep the document that is sent to *url*, and answer with `status`. Raises `OSError` if that is one."""
        del seconds
        await trio.lowlevel.checkpoint()
        self.posted.append((url, json.loads(body)))
        if isinstance(self.status, OSError):
            raise self.status
        return self.status

    def _pair(self) -> tuple[trio.abc.Stream, trio.abc.Stream]:
        if self._room == math.inf:
            return memory_stream_pair()
        there, back = _Pipe(self._room), _Pipe(self._room)
        return trio.StapledStream(there.sender, back.receiver), trio.StapledStream(back.sender, there.receiver)

    def _forget_closed(self) -> None:
        for port, arriving in list(self._open.items()):
            if not arriving.statistics().open_receive_channels:
                del self._open[port]
