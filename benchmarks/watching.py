"""`python -m benchmarks.watching`: what a message costs more while handlers are measured.

Casts that do nothing are sent to one actor in bursts, each followed by one call as a barrier, as in the scenario `cast`; and calls, one
after another. Bursts with and without measuring alternate, so that both see the same machine. The printed figures are medians of
processor time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import trio

import trioactors as ta
from trioactors import inspect

__all__: list[str] = []

MESSAGES = 5_000
ROUNDS = 60
GOAL = 1e-6
"""The most seconds that a message may cost more."""


class Idle(ta.Actor[None]):
    """An actor with nothing to do."""

    @ta.handler
    def pass_by(self) -> None:
        """Return at once."""


async def casts(idle: Idle) -> None:
    """Send casts, then wait until they are handled."""
    for _ in range(MESSAGES // 500):
        for _ in range(500):
            idle.pass_by.cast_nowait()
        await idle.pass_by()


async def calls(idle: Idle) -> None:
    """Call again and again."""
    for _ in range(MESSAGES):
        await idle.pass_by()


async def cost(system: ta.System, send: Callable[[Idle], Awaitable[None]], idle: Idle) -> tuple[float, float]:
    """Seconds for each message, not measured and measured."""
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(2 * ROUNDS):
        with inspect.measuring(system) if turn % 2 else nullcontext():
            begun = time.process_time()
            await send(idle)
            taken[turn % 2].append((time.process_time() - begun) / MESSAGES)
    return statistics.median(taken[0]), statistics.median(taken[1])


async def main() -> int:
    """Print the figures; return 1 if one is beyond the goal."""
    missed = 0
    async with ta.open_system() as system:
        idle = await system.start(Idle, name="idle")
        for name, send in (("cast", casts), ("call", calls)):
            without, measured = await cost(system, send, idle)
            more = measured - without
            missed += more > GOAL
            print(
                f"{name}: {without * 1e6:.2f} us, measured {measured * 1e6:.2f} us: {more * 1e6:+.2f} us, goal below {GOAL * 1e6:g}"
            )
    return bool(missed)


if __name__ == "__main__":
    sys.exit(trio.run(main))
