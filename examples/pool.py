"""A supervised pool. Jobs that crash their worker cost one restart each; a job that crashes every worker ends the program, loudly."""

from __future__ import annotations

import itertools
import logging

import trio

import trioactors as ta
from trioactors.trace import GaveUp, RestartScheduled, TraceRecord


class Worker(ta.Actor[None]):
    """Does one job after the other; a job it cannot do crashes it."""

    @ta.handler
    async def divide(self, share: int) -> int:
        """Divide 60 among so many."""
        return 60 // share


def pool(size: int) -> ta.Supervisor:
    """So many workers, each restarted alone. Two crashes within 0.2 s are forgiven, the third is one too many."""
    workers = [ta.child(Worker, name=f"worker-{number}") for number in range(size)]
    return ta.Supervisor(*workers, name="pool", strategy=ta.Strategy.ONE_FOR_ONE, intensity=ta.Intensity(limit=2, period=0.2))


def narrate(record: TraceRecord) -> None:
    """An observer: it is told what happened, and decides nothing."""
    match record:
        case RestartScheduled(child=name):
            print(f"  restarting {name}")
        case GaveUp(child=name, restarts=count):
            print(f"  {name} gives up: {count} crashes")
        case _:
            pass


async def do(worker: Worker, share: int) -> None:
    """Let *worker* do one job. A crash is its supervisor's business; ours is what to tell the customer."""
    try:
        print(f"60 / {share} = {await worker.divide(share)}")
    except ta.DeliveryError as error:
        print(f"60 / {share}: {error.__cause__ or error}")


async def main() -> None:
    """Some good jobs and two bad ones; then one bad job that somebody tries again and again."""
    shop = ta.Supervisor(pool(size=3), name="shop", intensity=ta.Intensity(limit=1, period=5.0))
    try:
        async with ta.open_system(shop, observers=[narrate]) as system:
            workers = [system.get(Worker, f"worker-{number}") for number in range(3)]
            for worker, share in zip(itertools.cycle(workers), (1, 0, 3, 4, 0, 6), strict=False):
                await do(worker, share)
            await trio.sleep(0.3)  # a quiet while: those two crashes are out of the window, and count no more
            print("now the poisoned job, until somebody gives up")
            for worker in itertools.cycle(workers):
                await do(worker, 0)
                await trio.sleep(0.01)
    except ta.SupervisorGaveUp as error:
        print(error)


if __name__ == "__main__":
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # these crashes are wanted; `narrate` tells enough
    trio.run(main)
