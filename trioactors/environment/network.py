"""The network, as far as the runtime listens on it: the console does. A simulation can replace it.

`Environment.listen(host, port)` opens a listener and returns it with its port; port 0 asks for any free one. Nothing else in the runtime
opens a socket.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs
import trio

from trioactors.environment.forks import in_forked_children

__all__ = ["Listen", "Opened", "open_tcp"]


@attrs.frozen(kw_only=True)
class Opened:
    """An open listener and its port."""

    listener: trio.abc.Listener[trio.abc.Stream]
    port: int


Listen: TypeAlias = Callable[[str, int], Awaitable[Opened]]


async def open_tcp(host: str, port: int) -> Opened:
    """Listen on *port* of *host*; on its first address, if it has several. Raises `OSError`."""
    first, *others = await trio.open_tcp_listeners(port, host=host)
    for other in others:
        await trio.aclose_forcefully(other)  # with port 0, each address would get a different port
    in_forked_children(first.socket, _leave)
    return Opened(listener=first, port=first.socket.getsockname()[1])


def _leave(socket: trio.socket.SocketType) -> None:
    """Close the copy of a listener in a forked process. With it, the port would stay taken, and connections to it would never be served."""
    if (descriptor := socket.detach()) >= 0:
        os.close(descriptor)
