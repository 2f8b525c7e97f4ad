"""Synchronous code in threads that talks to an actor through a portal: four threads, one counter, no lock."""

from __future__ import annotations

import trio
from attrs import define

import trioactors as ta


@define
class Tally:
    """The state of the counter."""

    total: int = 0


class Counter(ta.Actor[Tally]):
    """An actor that counts."""

    @ta.handler
    def add(self, by: int) -> int:
        """Add *by* and return the new total."""
        self.state.total += by
        return self.state.total


def old_code(portal: ta.Portal, counter: Counter) -> None:
    """Run plain blocking code that knows nothing of Trio. A call blocks its thread until the actor has answered."""
    for _ in range(25):
        portal.call(counter.add, by=1)


async def main() -> int:
    """Run the old code in four threads and return the total."""
    async with ta.open_system() as system:
        counter = await system.start(Counter, name="counter")
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(trio.to_thread.run_sync, old_code, system.portal(), counter)
        return await counter.add(by=0)


if __name__ == "__main__":
    print(trio.run(main))
