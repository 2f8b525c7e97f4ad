"""A tree of plain async functions: no actor, only supervision. A sensor is sampled, and one reading is too much for the sampler."""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import trio

import trioactors as ta


class Overload(Exception):
    """Crashes whoever raises it."""


class Sensor:
    """Counts on from where it was, however often it is opened."""

    def __init__(self) -> None:
        self.readings = itertools.count(1)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Sensor, None]:
        """A resource: opened at each start, closed at each stop."""
        print("sensor opened")
        try:
            yield self
        finally:
            print("sensor closed")


async def sample(out: trio.MemorySendChannel[int], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Read the sensor ten times a second, for ever. The next sibling is not started before this one says that it is ready."""
    sensor = ta.current_system().get(Sensor, "sensor")  # an elder sibling: it is open, or this one would not have been started
    await trio.sleep(0.05)  # warming up
    print("sampler ready")
    task_status.started()
    while True:
        reading = next(sensor.readings)
        if reading == 3:
            raise Overload
        await out.send(reading)
        await trio.sleep(0.1)


async def report(readings: trio.MemoryReceiveChannel[int], *, count: int) -> None:
    """Print so many readings, then return. It is *significant*: when it ends, the tree does."""
    print("reporter ready")
    for _ in range(count):
        print(f"reading {await readings.receive()}")


def tree(sensor: Sensor, out: trio.MemorySendChannel[int], readings: trio.MemoryReceiveChannel[int]) -> ta.Supervisor:
    """A sampler that fails takes its sensor along (ONE_FOR_ALL), but not the reporter, who is outside their supervisor."""
    probe = ta.Supervisor(
        ta.child(ta.resource(sensor.connection), name="sensor"),
        ta.child(partial(sample, out), name="sampler"),
        name="probe",
        strategy=ta.Strategy.ONE_FOR_ALL,
    )
    return ta.Supervisor(
        probe,
        ta.child(partial(report, readings, count=4), name="reporter", significant=True),
        name="station",
        auto_shutdown=ta.AutoShutdown.ANY_SIGNIFICANT,
    )


async def main() -> None:
    """Run the tree until it ends by itself."""
    out, readings = trio.open_memory_channel[int](10)
    with out, readings:
        async with ta.open_system(tree(Sensor(), out, readings)) as system:
            await system.wait_stopped()
    print("the station is closed")


if __name__ == "__main__":
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # this crash is wanted; its report would only startle
    trio.run(main)
