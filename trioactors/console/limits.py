"""The limits of a console on its connections."""

from __future__ import annotations

from typing import Final

import attrs

from trioactors.settings import count, seconds

__all__ = ["ConsoleLimits"]

_SHORTEST: Final = 0.01


@attrs.frozen(kw_only=True)
class ConsoleLimits:
    """Limits on connections. Exceeding one closes or refuses that connection only. Times are in seconds."""

    connections: int = 100
    """Open connections; further ones are refused."""
    head_bytes: int = 16_384
    """Size of a request head, in bytes."""
    head_time: float = 10.0
    """Time until a request is answered or a handshake is complete."""
    message_bytes: int = 65_536
    """Size of a viewer's message, in bytes."""
    messages: int = 20
    """Messages per second from one viewer, on average; five times as many in a burst."""
    send_time: float = 20.0
    """Time that a viewer may take to read a message."""
    ping_every: float = 30.0
    """Interval of pings, and time for their answer."""
    subscriptions: int = 32
    """Topics that one viewer may watch at the same time."""
    least_interval: float = 0.1
    """Shortest interval between two updates of a topic."""
    rows: int = 1_000
    """Rows of a table, or records of one message, sent to a viewer."""
    sessions: int = 100
    """Sign-ins kept; the oldest is dropped first."""
    session_time: float = 43_200.0
    """Lifetime of a sign-in."""

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(type(self)):
            value, name = getattr(self, field.name), f"ConsoleLimits.{field.name}"
            if isinstance(field.default, int):
                count(value, name, least=1)
            else:
                seconds(value, name, least=_SHORTEST)
