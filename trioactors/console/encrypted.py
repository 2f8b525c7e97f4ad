"""A browser that tries https on the port of a console, which speaks http.

Browsers do so by themselves if another program was served over https on this port before. What they say then does not help their user, so
the log does. They are answered with an alert of TLS, which ends the attempt at once; many of them then try http.
"""

from __future__ import annotations

import logging
import math
from typing import Final

import attrs

from trioactors.console.access import Refusal

__all__ = ["ALERT", "Encrypted", "EncryptedPeers", "advice", "is_tls"]

_log = logging.getLogger("trioactors.console")

ALERT: Final = bytes([21, 3, 1, 0, 2, 2, 70])
"""A record of TLS: a fatal alert, `protocol_version`."""
_HANDSHAKE: Final = b"\x16"
"""The first byte of a TLS connection. No request begins with it."""
_QUIET: Final = 60.0
"""Seconds after a warning during which further attempts are logged at level INFO: a browser makes several at once."""


class Encrypted(Refusal):
    """The peer does not send a request but begins with TLS."""

    def __init__(self) -> None:
        super().__init__(400, "This port speaks http, without TLS.")


def is_tls(read: bytes) -> bool:
    """Whether a connection whose first bytes are *read* begins with TLS."""
    return read.startswith(_HANDSHAKE)


@attrs.define
class EncryptedPeers:
    """Reports attempts to use https, and the address that works instead."""

    base: str
    """The URL of the console."""
    _warned: float = attrs.field(default=-math.inf, init=False)

    def report(self, address: str, now: float) -> None:
        """Log an attempt from *address*, as a warning if the last warning is not recent."""
        level = logging.INFO
        if now - self._warned >= _QUIET:
            self._warned, level = now, logging.WARNING
        _log.log(level, "%s tried https, but this port speaks http: %s", address, advice(self.base))


def advice(base: str) -> str:
    """What to do instead of using https on the port of the console at *base*."""
    if base.startswith("https:"):
        return f"open {base}, and let the proxy there connect to this port with http"
    return f"open {base}"
