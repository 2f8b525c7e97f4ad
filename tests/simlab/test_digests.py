"""`--digest` covers every scenario; with `shape` it does not depend on wording."""

from __future__ import annotations

from collections import Counter

import pytest
import trio

import trioactors as ta
from simlab.campaigns import SCENARIOS
from simlab.jobs import Job, digest_of, shape_of, spread
from simlab.shapes import shape
from trioactors.testing.simulation import Client, Faults, Simulation
from trioactors.testing.simulation.simulating import scenario_of


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
