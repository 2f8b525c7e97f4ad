"""`python -m benchmarks.inspecting`: the cost of a viewer that takes a snapshot once a second, as a share of one core.

The snapshot includes its plain data, as the console sends it. The system has 10,000 actors, some of them with waiting messages. The
printed figure is the processor time of one snapshot, the median of many.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping

import trio

import trioactors as ta
from trioactors import inspect

__all__: list[str] = []

ACTORS = 10_000
LOOKS = 50
GOAL = 0.01
"""The largest share of a core, with one snapshot a second."""


class Idle(ta.Actor[None]):
    """An actor with little to do."""

    @ta.handler
    def pass_by(self) -> None:
        """Return at once."""

    @ta.handler
    async def wait(self) -> None:
        """Never return."""
        await trio.sleep_forever()


def views(system: ta.System) -> Mapping[str, Callable[[], object]]:
    """The views of a system."""
    return {
        "figures": lambda: inspect.figures(system),
        "tree": lambda: inspect.tree(system, children=100),
        "actors, by name": lambda: inspect.actors(system, limit=50),
        "actors, by waiting": lambda: inspect.actors(system, sort="waiting", limit=50),
        "actors, searched": lambda: inspect.actors(system, search="99", limit=50),
        "one actor": lambda: inspect.actor(system, "actor-77"),
        "timers": lambda: inspect.timers(system),
        "dead letters": lambda: inspect.dead_letter_groups(system),
        "budgets": lambda: inspect.budgets(system),
        "explain, once": lambda: system.explain("actor-77"),
    }


def cost(look: Callable[[], object]) -> float:
    """The processor time of one snapshot, in seconds."""
    taken: list[float] = []
    for _ in range(LOOKS):
        begun = time.process_time()
        inspect.plain(look())
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


async def measured() -> dict[str, float]:
    """Measure every view of a system with many actors."""
    settings = ta.Settings(grace=0.0)
    async with ta.open_system(settings=settings) as system:
        for number in range(ACTORS):
            ref = await system.start(Idle, name=f"actor-{number}")
            await ref.pass_by()
            for _ in range(number % 100 == 0 and 20):
                ref.wait.cast_nowait()
        await trio.lowlevel.checkpoint()
        return {name: cost(look) for name, look in views(system).items()}


def main() -> int:
    """Measure and print."""
    costs = trio.run(measured)
    for name, seconds in costs.items():
        repeated = not name.endswith("once")
        share = f"{seconds:7.2%} of a core at 1 Hz" if repeated else "      - asked for by hand"
        print(f"{name:20} {seconds * 1e3:8.2f} ms  {share}{'  MISSED' if repeated and seconds >= GOAL else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
