"""A supervised pool. A job that crashes its worker costs one restart; a job that crashes every worker ends the program."""

from __future__ import annotations

import itertools
import logging

import trio

import trioactors as ta
from trioactors.trace import GaveUp, RestartScheduled, TraceRecord


class Worker(ta.Actor[None]):
    """A worker that does one job after the other. A job that it cannot do crashes it."""

    @ta.handler
    async def divide(self, share: int) -> int:
        """Divide 60 by *share*."""
        return 60 // share


def pool(size: int) -> ta.Supervisor:
    """Build a pool of *size* workers, each restarted alone. It allows two restarts within 0.2 s and gives up at the third."""
    workers = [ta.child(Worker, name=f"worker-{number}") for number in range(size)]
    return ta.Supervisor(*workers, name="pool", strategy=ta.Strategy.ONE_FOR_ONE, intensity=ta.Intensity(limit=2, period=0.2))


def narrate(record: TraceRecord) -> None:
    """Print what happens. This is an observer: it sees trace records and decides nothing."""
    match record:
        case RestartScheduled(child=name):
            print(f"  restarting {name}")
        case GaveUp(child=name, restarts=count):
            print(f"  {name} gives up: {count} crashes")
        case _:
            pass


async def do(worker: Worker, share: int) -> None:
    """Have *worker* do one job. The supervisor handles a crash; this function only reports the result."""
    try:
        print(f"60 / {share} = {await worker.divide(share)}")
    except ta.DeliveryError as error:
        print(f"60 / {share}: {type(error.__cause__ or error).__name__}")


async def main() -> None:
    """Do some good jobs and two bad ones; then try one bad job again and again."""
    shop = ta.Supervisor(pool(size=3), name="shop", intensity=ta.Intensity(limit=1, period=5.0))
    try:
        async with ta.open_system(shop, observers=[narrate]) as system:
            workers = [system.get(Worker, f"worker-{number}") for number in range(3)]
            for worker, share in zip(itertools.cycle(workers), (1, 0, 3, 4, 0, 6), strict=False):
                await do(worker, share)
            await trio.sleep(0.3)  # those two crashes leave the window and no longer count
            print("now the poisoned job, until the supervisors give up")
            for worker in itertools.cycle(workers):
                await do(worker, 0)
                await trio.sleep(0.01)
    except ta.SupervisorGaveUp as error:
        print(error)


if __name__ == "__main__":
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # these crashes are intended; `narrate` prints enough
    trio.run(main)
