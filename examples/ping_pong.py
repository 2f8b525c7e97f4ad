"""Two actors. One of them crashes in the middle of the game and is restarted; the other hardly notices."""

from __future__ import annotations

import logging
from functools import partial

import trio
from attrs import define

import trioactors as ta


@define
class Returns:
    """The state of one incarnation."""

    count: int = 0


class BallLost(Exception):
    """An undeclared error: it crashes the actor that raises it."""


class Pong(ta.Actor[Returns]):
    """An actor that returns every ball but the third."""

    @ta.handler
    async def ball(self, number: int) -> str:
        """Return one ball."""
        if number == 3:
            raise BallLost
        self.state.count += 1
        return f"pong (incarnation {self.context.incarnation}, {self.state.count} returned)"


class Ping(ta.Actor[None]):
    """An actor that serves the balls."""

    def __init__(self, pong: Pong) -> None:
        self.pong = pong

    @ta.handler
    async def play(self, balls: int) -> list[str]:
        """Serve so many balls and return the outcome of each."""
        return [f"ping {number}: {await self.serve(number)}" for number in range(1, balls + 1)]

    async def serve(self, number: int) -> str:
        """Serve one ball. This is a plain method: others can only reach methods marked `@handler`."""
        try:
            return await self.pong.ball(number)
        except ta.ActorCrashed as crash:
            return f"lost, because {crash}"


async def main() -> None:
    """Start both actors and play five balls."""
    async with ta.open_system() as system:
        pong = await system.start(Pong, name="pong")
        ping = await system.start(partial(Ping, pong), name="ping")
        for line in await ping.play(balls=5):
            print(line)


if __name__ == "__main__":
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # this crash is intended; do not log its report
    trio.run(main)
