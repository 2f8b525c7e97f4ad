"""`--digest` covers every scenario; with `shape` it does not depend on wording. No two scenarios repeat each other."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

import trioactors as ta
from simlab.campaigns import SCENARIOS
from simlab.jobs import Job, digest_of, shape_of, spread
from simlab.shapes import shape
from trioactors.testing.simulation import Client, Faults, Simulation
from trioactors.testing.simulation.simulating import scenario_of, tried

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("count", [11, 550, 1_205])
def test_the_seeds_are_spread_over_every_scenario(count: int) -> None:
    found = list(spread(list(SCENARIOS), 7, count))

    seeds = Counter[str]()
    for job in found:
        assert job.seeds.start >= 7
        seeds[job.scenario] += len(job.seeds)
    assert set(seeds) == set(SCENARIOS)
    assert sum(seeds.values()) == count
    assert max(seeds.values()) - min(seeds.values()) <= 1


@pytest.mark.parametrize("digest", [digest_of, shape_of])
def test_a_digest_is_of_the_seeds(digest: object) -> None:
    assert callable(digest)
    first, again, other = (digest(Job("windows", range(start, start + 2))) for start in (3, 3, 4))

    assert first == again != other


def test_no_two_scenarios_share_most_of_their_runs() -> None:
    seeds = range(10)
    found = {name: {tried(scenario, seed, shrinking=0).digest for seed in seeds} for name, scenario in SCENARIOS.items()}
    shared = {(one, other): len(found[one] & found[other]) for one, other in itertools.combinations(found, 2)}

    assert [pair for pair, times in shared.items() if times > len(seeds) // 2] == []


def simlab(*arguments: str, flags: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Begin the lab in a process of its own."""
    command = [sys.executable, *flags, "-W", "error", "-m", "simlab", "--processes=1", *arguments]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=subprocess.PIPE, text=True)


def test_the_same_happens_without_asserts() -> None:
    digests = [f"{2 * len(SCENARIOS)}", "--first=7000", "--digest"]
    processes = [simlab(*digests), simlab(*digests, flags=["-O"])]
    printed = [process.communicate()[0].splitlines() for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert len(printed[0]) == len(SCENARIOS)
    assert printed[0] == printed[1]


def test_without_asserts_no_run_is_called_sound() -> None:
    process = simlab("1", flags=["-O"])

    assert "python -O removes the checks" in process.communicate()[0]
    assert process.returncode == 1


def shape_where(worker: type[ta.Actor[None]], *, pause: float = 0.0) -> list[str]:
    """The shape of a run in which *worker* is asked once."""

    async def ask(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            await trio.sleep(pause)
            with pytest.raises(ta.ActorCrashed):
                await (await simulation.get(worker, "worker")).work()  # type: ignore[attr-defined]

        await simulation.clients(1, client)

    tree = ta.Supervisor(ta.child(worker, name="worker"), name="shop")
    run = scenario_of(ask, tree=tree, store=None, faults=Faults.none()).play(1)
    assert run.error is None
    return list(shape(run.world))


class Unlucky(Exception):
    """An error by another name."""


class Failing(ta.Actor[None]):
    @ta.handler
    async def work(self) -> None:
        raise LookupError("nothing here")


class Rephrased(ta.Actor[None]):
    @ta.handler
    async def work(self) -> None:
        raise Unlucky("other words")


def test_the_shape_of_a_run_has_no_words() -> None:
    assert shape_where(Failing) == shape_where(Rephrased)


def test_the_shape_of_a_run_has_its_times() -> None:
    assert shape_where(Failing) != shape_where(Failing, pause=1.0)
