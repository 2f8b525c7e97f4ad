"""A varied application, simulated: `simulated.py 60` prints one line for each seed, with the digest and the results of its run.

Code that depends on an address, a hash seed or the real clock would change a line. The application has durable actors, one of which commits
late, timers, dynamic children, deferred replies, and a supervisor whose children restart together.
"""

from __future__ import annotations

import logging
import sys
from functools import partial
from operator import methodcaller

import trio
from attrs import define, field

import trioactors as ta
from trioactors.testing.simulation import Client, Simulation, simulate

STORES = ("file:", "file:", "memory:")


@define
class Purse:
    cents: int = 0
    seen: set[str] = field(factory=set[str])


class Bank(ta.Actor[Purse], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def pay(self, line: str, cents: int) -> int:
        await trio.lowlevel.checkpoint()
        self.state.seen.add(line)
        self.state.cents += cents
        return len(self.state.seen)


class Clerk(ta.Actor[Purse], persist=ta.Within(0.5)):
    async def on_start(self) -> None:
        self.context.every(0.3, self.tick)

    @ta.handler
    def tick(self) -> None:
        self.state.cents += 1

    @ta.handler
    async def send(self, line: str, cents: int) -> int:
        bank = self.context.system.get(Bank, "bank")
        await self.tick.cast()
        return await bank.pay(line, cents)


class Porter(ta.Actor[None]):
    @ta.handler
    def ask(self, seconds: float) -> str:
        later: ta.Deferred[str] = self.context.defer()
        self.context.start_soon(self._answer, later, seconds)
        return later.pending

    async def _answer(self, later: ta.Deferred[str], seconds: float) -> None:
        await trio.sleep(seconds)
        later.reply(self.context.name)


TREE = ta.Supervisor(
    ta.child(Bank, name="bank"),
    ta.Supervisor(
        *(ta.child(Clerk, name=f"clerk-{number}") for number in range(2)),
        ta.child(Porter, name="porter"),
        name="counter",
        strategy=ta.Strategy.ONE_FOR_ALL,
        intensity=ta.Intensity(20, 1.0),
    ),
    name="street",
)


async def crowd(simulation: Simulation) -> None:
    """Run clients that pay, call, start and stop actors."""

    async def client(me: Client) -> None:
        async for turn in me.turns(2):
            match turn.random.randrange(4):
                case 0:
                    await me.call(Bank, "bank", methodcaller("pay", turn.id, 3))
                case 1:
                    await me.call(Clerk, f"clerk-{me.number % 2}", methodcaller("send", turn.id, 5))
                case 2:
                    await me.call(Porter, "porter", methodcaller("ask", turn.random.random()))
                case _:
                    await me.use(partial(come_and_go, name=turn.id))

    await simulation.clients(3, client)


async def come_and_go(system: ta.System, name: str) -> str:
    """Start a child for one call."""
    porter = await system.start(Porter, name=f"porter-{name}")
    answer = await porter.ask(0.1)
    await ta.stop(porter)
    return answer


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for seed in range(int(sys.argv[1])):
        run = simulate(crowd, tree=TREE, seed=seed, store=STORES[seed % len(STORES)])
        told = "".join(operation.told.value[0] for operation in run.history)
        print(seed, run.digest, run.steps, run.lives, told, len(run.happened))
