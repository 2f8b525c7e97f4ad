"""A whole application under a seed: the same run for the same seed, and a failure that is found, made small, kept and seen again."""

from __future__ import annotations

from operator import methodcaller

import attrs
import pytest
from attrs import define, field

import trioactors as ta
from trioactors.testing.simulation import Case, Client, Faults, Simulation, appended, crashes_are_planned, simulate


@define
class Lines:
    lines: list[str] = field(factory=list[str])


class Scribe(ta.Actor[Lines], persist=ta.EVERY_MESSAGE):
    @ta.handler
    def write(self, line: str) -> int:
        self.state.lines.append(line)
        return len(self.state.lines)

    @ta.handler(reads=True)
    def read(self) -> list[str]:
        return list(self.state.lines)


TREE = ta.Supervisor(ta.child(Scribe, name="scribe"), name="desk")


async def write(simulation: Simulation) -> None:
    """Three clients write; in the end everything that they were told is there."""

    async def client(me: Client) -> None:
        async for turn in me.turns(4):
            await me.call(Scribe, "scribe", methodcaller("write", turn.id))

    await simulation.clients(3, client)
    await simulation.settle()
    appended(simulation.history, await (await simulation.get(Scribe, "scribe")).read())


def test_the_same_seed_is_the_same_run() -> None:
    runs = [simulate(write, tree=TREE, seed=seed) for seed in (1, 2, 1, 2)]

    assert [run.digest for run in runs[:2]] == [run.digest for run in runs[2:]]
    assert runs[0].digest != runs[1].digest


def test_what_callers_were_told_survives_crashes_kills_and_power_cuts() -> None:
    runs = [simulate(write, tree=TREE, seed=seed, check=[crashes_are_planned()]) for seed in range(100)]

    assert max(run.lives for run in runs) > 2
    assert len({one.kind for run in runs for one in run.happened}) > 8
    assert sum(operation.ok for run in runs for operation in run.history) > 900


class Hasty(ta.Actor[Lines], persist=ta.Within(3600)):
    """Answers long before it commits."""

    write = Scribe.write
    read = Scribe.read


async def write_hastily(simulation: Simulation) -> None:
    async def client(me: Client) -> None:
        async for turn in me.turns(4):
            await me.call(Hasty, "scribe", methodcaller("write", turn.id))

    await simulation.clients(3, client)
    await simulation.settle()
    appended(simulation.history, await (await simulation.get(Hasty, "scribe")).read())


HASTY = ta.Supervisor(ta.child(Hasty, name="scribe"), name="desk")


def test_a_failure_is_made_small_and_its_case_fails_again() -> None:
    with pytest.raises(AssertionError, match="was told ok and is there 0 times") as failure:
        simulate(write_hastily, tree=HASTY, seed=3, faults=attrs.evolve(Faults(), crashes=0))

    (note,) = failure.value.__notes__
    assert "seed=3" in note
    assert "shrunk to 1 clients, 1 turns, 0 faults" in note
    case = Case.loads(note.partition("case='")[2].rpartition("'")[0])
    with pytest.raises(AssertionError, match="was told ok and is there 0 times"):
        simulate(write_hastily, tree=HASTY, case=case)
