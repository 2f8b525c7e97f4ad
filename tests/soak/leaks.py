"""A scenario, soaked: rounds, readings between them, and what they mean."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from functools import partial

import attrs
import trio

from soak.clocks import StillClock
from soak.culprits import accused
from soak.measures import COUNTS, PER, Readings, Slope, settle, slope, without_step
from soak.scenarios import PERIOD, SETTINGS, Scenario, Stage

ALLOCATED = 10 * 1024
"""How many bytes may be lost in 100,000 calls; in a shorter run, in all of them, for a table that doubles once is no leak."""

RESIDENT = 1024 * 1024
"""How much the process itself may grow in 100,000 calls: one arena of CPython's allocator."""

CRASHES = 0.02
"""How many of the calls must crash an actor, at least."""

READINGS = 24
LOOKS = 3
"""How many rounds in a row each reading looks at: what is there after one of them only does not count."""
WARM_UP = 0.25
"""What part of all calls is left out, at least."""

ACCUSED = 20
"""How many more rounds are done to find the culprit."""


@attrs.frozen
class Verdict:
    """What one scenario has shown."""

    scenario: str
    calls: int
    """With those that warmed it up."""
    measured: int
    """Without them."""
    crashes: int
    allocated: Slope
    resident: Slope
    step: int
    """One change of allocated memory that is left out of its slope, in bytes."""
    counts: dict[str, tuple[int, int]]
    """Of tasks, threads and descriptors: the fewest and the most."""
    culprits: Sequence[str]
    seconds: float

    def complaints(self) -> list[str]:
        """Which bounds are broken."""
        found: list[str] = []
        for what, grows, allowed in (("allocated", self.allocated, ALLOCATED), ("resident", self.resident, RESIDENT)):
            bound = allowed * max(1.0, PER / self.measured)
            if grows.surely > bound:
                found.append(f"{what} memory grows by {grows} KiB in {PER:,} calls; {bound / 1024:,.0f} are allowed")
        found += [f"{name}: from {few} to {most} at rest" for name, (few, most) in self.counts.items() if few != most]
        if self.crashes < CRASHES * self.calls:
            found.append(f"only {self.crashes} of {self.calls} calls crashed, so restarts were not tried enough")
        return found


def warm_up(calls: int, kept: int) -> float:
    """How many calls come before the measured *calls*: a part of all, and enough that as many crashes are kept as may be."""
    return max(calls * WARM_UP / (1 - WARM_UP), kept / CRASHES)


def soak(scenario: Scenario, calls: int, readings: int = READINGS, kept: int = SETTINGS.crashes_kept) -> Verdict:
    """Do rounds of *scenario* until that many *calls* are done, after as many as it takes to warm up.

    A run that says nothing of memory need not wait until so many crashes are *kept*.
    """
    clock = StillClock()
    settle()
    gc.freeze()  # what was there before need not be looked at in each collection
    try:
        return trio.run(partial(_soak, scenario, clock, calls, readings, warm_up(calls, kept)), clock=clock)
    finally:
        gc.unfreeze()


async def _soak(scenario: Scenario, clock: StillClock, calls: int, readings: int, warm: float) -> Verdict:
    began = time.monotonic()
    taken = Readings(readings)
    async with scenario.stage(clock) as stage:
        await _rounds(scenario, stage, until=warm / 2)
        Readings(1).take(0)  # the first one costs more
        for reading in range(readings):
            await _rounds(scenario, stage, until=warm + calls * reading / (readings - 1))
            taken.take(stage.ledger.accepted)
            for _ in range(LOOKS - 1):
                await _round(scenario, stage)
                taken.lower()
        ledger = stage.ledger
        calm, step = without_step(taken.of("allocated"))
        verdict = Verdict(
            scenario=scenario.name,
            calls=ledger.accepted,
            measured=taken.calls()[-1] - taken.calls()[0],
            crashes=stage.crashes,
            allocated=slope(taken.calls(), calm),
            resident=slope(taken.calls(), without_step(taken.of("resident"))[0]),
            step=step,
            counts={name: (min(taken.of(name)), max(taken.of(name))) for name in COUNTS},
            culprits=(),
            seconds=time.monotonic() - began,
        )
        if verdict.complaints():
            gc.unfreeze()  # one of those may be what grows
            verdict = attrs.evolve(verdict, culprits=await accused(ACCUSED, partial(_round, scenario, stage)))
    return verdict


async def _rounds(scenario: Scenario, stage: Stage, until: float) -> None:
    """Rounds until so many calls are done; at least two, so that a reading does not see what the last one has changed."""
    least = 2
    while least > 0 or stage.ledger.accepted < until:
        await _round(scenario, stage)
        least -= 1


async def _round(scenario: Scenario, stage: Stage) -> None:
    """One round, and then time enough that nothing of it is due or counts any more."""
    await scenario.round(stage)
    await stage.pass_time(PERIOD)
