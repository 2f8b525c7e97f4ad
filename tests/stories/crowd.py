"""A busy system, and the hash of all its trace records under some seeds: `crowd.py 20` prints one line for each seed.

Code that depends on an address, a hash seed or the real clock would change a line.
"""

from __future__ import annotations

import hashlib
import logging
import sys

import trio
from attrs import define

import trioactors as ta
from trioactors.testing import Recorder, SlowWorker, isolated_system, virtual_environment
from trioactors.testing.playing import play_seed
from trioactors.testing.stores import FaultyStore
from trioactors_backends.memory import MemoryStore


@define
class Purse:
    cents: int = 0


class Bank(ta.Actor[Purse], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def pay(self, cents: int) -> int:
        await trio.lowlevel.checkpoint()
        if cents == 13:
            raise OSError("unlucky")
        self.state.cents += cents
        return self.state.cents


class Clerk(ta.Actor[Purse], persist=ta.Within(0.5)):
    async def on_start(self) -> None:
        self.context.every(1.0, self.tick)

    @ta.handler
    def tick(self) -> None:
        self.state.cents += 1

    @ta.handler
    async def send(self, bank: Bank, cents: int) -> int:
        await trio.sleep(0.1)
        return await bank.pay(cents)


class Porter(ta.Actor[None]):
    @ta.handler
    async def ask(self, clerk: Clerk, bank: Bank, cents: int) -> int:
        self.context.start_soon(trio.sleep_forever)
        return await clerk.send(bank, cents)


async def story() -> str:
    """Run clients that call, cast, give up and crash, groups that restart, and durable actors on a slow disk. Hash the trace."""
    recorder = Recorder()
    tree = ta.Supervisor(
        ta.child(Bank, name="bank"),
        *(ta.child(Clerk, name=f"clerk-{number}") for number in range(3)),
        ta.child(Porter, name="porter"),
        name="street",
        strategy=ta.Strategy.REST_FOR_ONE,
        intensity=ta.Intensity(50, 1.0),
    )
    world = virtual_environment(worker=SlowWorker(0.01))
    async with isolated_system(tree, store=FaultyStore(MemoryStore(), blocking=True), environment=world) as system:
        system.observe(recorder)
        bank, porter = system.get(Bank, "bank"), system.get(Porter, "porter")

        async def client(number: int) -> None:
            clerk = system.get(Clerk, f"clerk-{number % 3}")
            for turn in range(3):
                with trio.move_on_after(0.15 if number == 4 else 10):
                    try:
                        await porter.ask(clerk, bank, number + 5 * turn)
                        await clerk.tick.cast()
                    except ta.DeliveryError:
                        await trio.sleep(0.05)

        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(client, number)
        await trio.sleep(3)
    return hashlib.sha256("\n".join(map(repr, recorder)).encode()).hexdigest()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for seed in range(int(sys.argv[1])):
        print(play_seed(story, seed).result.unwrap())
