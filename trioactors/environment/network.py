"""The network, as far as the runtime listens on it: the console does. A simulation can replace it.

`Environment.listen(host, port)` opens a listener and returns it with its port; port 0 asks for any free one. Nothing else in the runtime
opens a socket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs
import trio

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
    return Opened(listener=first, port=first.socket.getsockname()[1])
