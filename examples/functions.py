"""A tree of plain async functions: supervision without actors. A sensor is sampled, and one reading crashes the sampler."""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import trio

import trioactors as ta


class Overload(Exception):
    """An error that crashes the child that raises it."""


class Sensor:
    """A sensor that continues counting each time it is opened."""

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
    """Read the sensor ten times a second, forever. The next sibling starts when this function reports that it is ready."""
    sensor = ta.current_system().get(Sensor, "sensor")  # declared before this child, so it is open by now
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
    """Print *count* readings, then return. This child is *significant*: when it exits, the tree stops."""
    print("reporter ready")
    for _ in range(count):
        print(f"reading {await readings.receive()}")


def tree(sensor: Sensor, out: trio.MemorySendChannel[int], readings: trio.MemoryReceiveChannel[int]) -> ta.Supervisor:
    """Build the tree: a sampler that fails restarts its sensor too (ONE_FOR_ALL), but not the reporter, which is outside *probe*."""
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
    """Run the tree until it stops by itself."""
    out, readings = trio.open_memory_channel[int](10)
    with out, readings:
        async with ta.open_system(tree(Sensor(), out, readings)) as system:
            await system.wait_stopped()
    print("the station is closed")


if __name__ == "__main__":
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # this crash is intended; do not log its report
    trio.run(main)
