"""Two actors. One of them crashes in the middle of the game and comes back; the other hardly notices."""

from __future__ import annotations

import logging
from functools import partial

import trio
from attrs import define

import trioactors as ta


@define
class Returns:
    """What one life of the actor knows."""

    count: int = 0


class BallLost(Exception):
    """Nobody declared this error, so it crashes the actor that raises it."""


class Pong(ta.Actor[Returns]):
    """Returns balls, all but the third."""

    @ta.handler
    async def ball(self, number: int) -> str:
        """Return one ball."""
        if number == 3:
            raise BallLost
        self.state.count += 1
        return f"pong (life {self.context.incarnation}, {self.state.count} returned)"


class Ping(ta.Actor[None]):
    """Serves the balls."""

    def __init__(self, pong: Pong) -> None:
        self.pong = pong

    @ta.handler
    async def play(self, balls: int) -> list[str]:
        """Serve so many balls, and say what became of each."""
        return [f"ping {number}: {await self.serve(number)}" for number in range(1, balls + 1)]

    async def serve(self, number: int) -> str:
        """Serve one ball. A plain method: only `@handler` can be reached from outside."""
        try:
            return await self.pong.ball(number)
        except ta.ActorCrashed as crash:
            return f"lost, because {crash}"


async def main() -> None:
    """Start both, play five balls."""
    async with ta.open_system() as system:
        pong = await system.start(Pong, name="pong")
        ping = await system.start(partial(Ping, pong), name="ping")
        for line in await ping.play(balls=5):
            print(line)


if __name__ == "__main__":
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # this crash is wanted; its report would only startle
    trio.run(main)
