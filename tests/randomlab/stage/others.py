"""Children that are no actors."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

import trioactors as ta

__all__ = ["Stranger", "idle", "room"]


async def idle() -> None:
    """A function that returns after a while."""
    await trio.sleep(5)


@asynccontextmanager
async def room() -> AsyncGenerator[str, None]:
    """A resource among the actors."""
    await trio.lowlevel.checkpoint()
    yield "room"
    await trio.lowlevel.checkpoint()


class Stranger(ta.Actor):
    """An actor that takes a name which another child had."""
