"""The same seed is the same run, step by step, in every process; and what only a schedule decides is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from attrs import define

import trioactors as ta
from trioactors.testing.simulation import Client, Faults, Simulation
from trioactors.testing.simulation.simulating import scenario_of

STORY = Path(__file__).parent.parent / "stories" / "simulated.py"


def test_a_seed_gives_the_same_run_whatever_the_process() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, STORY, "60"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("0", "1", "random")
    ]
    printed = [process.communicate()[0].splitlines() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert printed[0] == printed[1] == printed[2]
    rows = [line.split() for line in printed[0]]
    assert [row[0] for row in rows] == [f"{seed}" for seed in range(60)]
    assert len({row[1] for row in rows}) == 60
    assert len({row[3] for row in rows}) > 2  # lives
    assert set("".join(row[4] for row in rows)) == set("ofu")
    assert sum(row[4].count("o") for row in rows) > 150
    assert sum(int(row[5]) for row in rows) > 100  # faults


@define
class Total:
    cents: int = 0
    asked: int = 0


class Till(ta.Actor[Total]):
    """Reads, then writes: two calls, and whoever comes between them is forgotten."""

    @ta.handler
    def read(self) -> int:
        return self.state.cents

    @ta.handler
    def write(self, cents: int) -> None:
        self.state.cents = cents


TREE = ta.Supervisor(ta.child(Till, name="till"), name="shop")


async def lost_update(simulation: Simulation) -> None:
    """The second client begins when the first should long be done; it would have to be late by many steps."""

    async def client(me: Client) -> None:
        for _ in range(30 * me.number):
            await trio.lowlevel.checkpoint()
        till = await simulation.get(Till, "till")
        await till.write(await till.read() + 1)

    await simulation.clients(2, client)
    assert await (await simulation.get(Till, "till")).read() == 2, "an update is lost"


def first_to_fail(policy: str, seeds: int) -> int | None:
    scenario = scenario_of(lost_update, tree=TREE, store=None, faults=Faults.none(), policy=policy)
    for seed in range(seeds):
        error = scenario.play(seed).error
        if error is not None:
            assert str(error).startswith("an update is lost")
            return seed
    return None


@pytest.mark.parametrize("policy", ["mix", "priorities"])
def test_a_race_of_clients_is_found(policy: str) -> None:
    assert first_to_fail(policy, 1_000) is not None


def test_the_shuffle_of_plain_trio_does_not_find_it() -> None:
    assert first_to_fail("batch", 100) is None


class Box(ta.Actor[Total], persist=ta.EVERY_MESSAGE):
    """Has something to keep, so there is a store."""

    @ta.handler
    def put(self, cents: int) -> None:
        self.state.cents += cents


def test_what_a_store_writes_does_not_tell_which_process_it_is() -> None:
    """Its lock does elsewhere; the number was on the simulated disk, where a bit of it, turned over, made two runs of a seed differ."""
    owners: list[bytes] = []

    async def look(simulation: Simulation) -> None:
        await (await simulation.get(Box, "box")).put(1)
        owners.append(simulation.node.disk.contents(Path("/simulated/owner")))

    scenario = scenario_of(look, tree=ta.Supervisor(ta.child(Box, name="box"), name="shop"), store="file:", faults=Faults.none())
    assert scenario.play(1).error is None
    assert [b"process 1 " in owner for owner in owners] == [True], owners
