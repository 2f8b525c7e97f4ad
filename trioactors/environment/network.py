"""The port through which anybody listens on a network: the console does, and a simulation can put a network of its own in its place.

`Environment.listen(host, port)` opens one place where streams come in, and says which port it got (0 asks for any that is free). Nothing
else in the runtime opens a socket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs
import trio

__all__ = ["Listen", "Opened", "open_tcp"]


@attrs.frozen(kw_only=True)
class Opened:
    """A place where streams come in."""

    listener: trio.abc.Listener[trio.abc.Stream]
    port: int


Listen: TypeAlias = Callable[[str, int], Awaitable[Opened]]


async def open_tcp(host: str, port: int) -> Opened:
    """Listen on *port* of the address *host* names, the first one where it has several. Raises `OSError`."""
    first, *others = await trio.open_tcp_listeners(port, host=host)
    for other in others:
        await trio.aclose_forcefully(other)  # with port 0 each would have a number of its own
    return Opened(listener=first, port=first.socket.getsockname()[1])
