"""Simulated ends in order: a drain loses no cast that was accepted, a forced stop loses nothing that was answered."""

from __future__ import annotations

from functools import partial
from operator import methodcaller
from typing import Any

import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.testing.simulation import Client, Faults, Simulation, appended, simulate


@define
class Lines:
    lines: list[str] = field(factory=list[str])


class Scribe(ta.Actor[Lines], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def write(self, line: str) -> int:
        await trio.sleep(0.05)
        self.state.lines.append(line)
        return len(self.state.lines)

    @ta.handler(reads=True)
    def read(self) -> list[str]:
        return list(self.state.lines)


class Relay(ta.Actor[None]):
    """Passes lines on to an actor that was started before it, or by the detour of one that was started after it."""

    def __init__(self, by: str) -> None:
        self.by = by

    @ta.handler
    async def take(self, line: str, hops: int) -> None:
        await trio.sleep(0.02)
        if hops:
            await self.context.system.get(Relay, self.by).take.cast(line, hops - 1)
        else:
            await self.context.system.get(Scribe, "scribe").write.cast(line)


TREE = ta.Supervisor(
    ta.child(Scribe, name="scribe"),
    ta.child(partial(Relay, "second"), name="first"),
    ta.child(partial(Relay, "first"), name="second"),
    name="desk",
)

HARMLESS = Faults(crashes=0, kills=0, power_cuts=0, errors=0, full=0, syncs=0)
"""Slow disks and held tasks, but nothing that loses a message that is being handled."""


async def cast_and_end(simulation: Simulation) -> None:
    """Casts go through three actors; the node ends in order while they are on their way."""
    system = await simulation.system()
    for number in range(6):
        await system.get(Relay, "first").take.cast(f"line {number}", 3)
    await simulation.node.stop()
    system = await simulation.system()
    assert sorted(await system.get(Scribe, "scribe").read()) == [f"line {number}" for number in range(6)]


def ended(seed: int, **settings: Any) -> None:
    simulate(cast_and_end, tree=TREE, seed=seed, faults=HARMLESS, settings=ta.Settings(**settings), shrinking=0)


@pytest.mark.parametrize("seed", range(25))
def test_a_drain_loses_no_accepted_cast(seed: int) -> None:
    ended(seed, drain_on_stop=True, stop_timeout=1_000)


def test_without_a_drain_casts_are_lost() -> None:
    with pytest.raises(AssertionError):
        ended(1)


async def write(simulation: Simulation) -> None:
    """Clients write while the node ends in order, again and again; what they were told is there in the end."""

    async def client(me: Client) -> None:
        async for turn in me.turns(4):
            await me.call(Scribe, "scribe", methodcaller("write", turn.id))

    async def end() -> None:
        for _ in range(3):
            await trio.sleep(0.13)
            await simulation.node.stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(end)
        await simulation.clients(3, client)
    await simulation.settle()
    appended(simulation.history, await (await simulation.get(Scribe, "scribe")).read())


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("drain", [True, False], ids=["drained", "not drained"])
def test_a_forced_stop_loses_nothing_that_was_answered(seed: int, *, drain: bool) -> None:
    settings = ta.Settings(stop_timeout=0.03, drain_on_stop=drain)
    simulate(write, tree=TREE, seed=seed, faults=Faults(crashes=2, delays=0), settings=settings, shrinking=0)


def test_a_drain_under_a_seed_is_the_same_again() -> None:
    settings = ta.Settings(stop_timeout=0.1, drain_on_stop=True)
    runs = [simulate(write, tree=TREE, seed=5, settings=settings).digest for _ in range(2)]

    assert runs[0] == runs[1]
