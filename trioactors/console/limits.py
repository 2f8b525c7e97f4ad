"""What a console puts up with from those who connect, in numbers that can be changed."""

from __future__ import annotations

from typing import Final

import attrs

from trioactors.settings import count, seconds

__all__ = ["ConsoleLimits"]

_SHORTEST: Final = 0.01


@attrs.frozen(kw_only=True)
class ConsoleLimits:
    """Each of them ends or refuses one connection; none concerns the others. Times are seconds."""

    connections: int = 100
    """How many are open at once; one more is refused."""
    head_bytes: int = 16_384
    """How long the head of a request may be."""
    head_time: float = 10.0
    """How long a connection may take until its request is answered, or its handshake done."""
    message_bytes: int = 65_536
    """How long a message of a viewer may be."""
    messages: int = 20
    """How many messages a viewer may send in a second, on average; five times as many in one go."""
    send_time: float = 20.0
    """How long a viewer may take to read what it was sent."""
    ping_every: float = 30.0
    """How often a viewer is asked whether it is still there; it has as long to answer."""
    subscriptions: int = 32
    """How many topics one viewer watches at once."""
    least_interval: float = 0.1
    """How often a topic is looked at, at most."""
    rows: int = 1_000
    """How many rows of a table, or records in one go, a viewer gets at most."""
    sessions: int = 100
    """How many sign-ins are remembered; the oldest is forgotten first."""
    session_time: float = 43_200.0
    """How long a sign-in lasts."""

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(type(self)):
            value, name = getattr(self, field.name), f"ConsoleLimits.{field.name}"
            if isinstance(field.default, int):
                count(value, name, least=1)
            else:
                seconds(value, name, least=_SHORTEST)
