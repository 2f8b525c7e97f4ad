"""A whole application under a seed: the same run for the same seed, and a failure that is found, made small, kept and seen again."""

from __future__ import annotations

import gc
import random
import re
from operator import methodcaller

import attrs
import pytest
import trio
from attrs import define, field

import trioactors as ta
from shared.logs import our_records
from trioactors.testing.playing import Stuck
from trioactors.testing.simulation import Case, Client, Faults, Simulation, appended, crashes_are_planned, simulate
from trioactors.testing.simulation.plans import Kind


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


@define
class Offer:
    price: int = 0
    until: float = 0.0


class Shop(ta.Actor[Offer]):
    """Believes that the time of day only goes on."""

    async def on_start(self) -> None:
        world = self.context.system.environment
        self.state = Offer(world.random("price").randint(1, 9), world.wall_clock() + 1)

    @ta.handler(reads=True)
    def is_open(self) -> bool:
        return self.context.system.environment.wall_clock() < self.state.until


async def offers_end(simulation: Simulation) -> None:
    async def client(me: Client) -> None:
        await trio.sleep(1)
        async for _ in me.turns(4, pause=1.0):
            done = await me.call(Shop, "shop", methodcaller("is_open"))
            assert not done.answer, "an offer that should be over"

    await simulation.clients(1, client)


def test_a_clock_that_is_set_back_reaches_an_application_that_asks_its_system_for_the_time() -> None:
    tree = ta.Supervisor(ta.child(Shop, name="shop"), name="town")
    set_anew = attrs.evolve(Faults.none(), clocks=1)
    found: list[str] = []
    for seed in range(60):
        simulate(offers_end, tree=tree, store=None, faults=Faults.none(), seed=seed)
        try:
            simulate(offers_end, tree=tree, store=None, faults=set_anew, seed=seed, shrinking=0)
        except AssertionError as error:
            found.append(str(error).splitlines()[0])

    assert found
    assert set(found) == {"an offer that should be over"}


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
    with pytest.raises(AssertionError, match="was reported ok and is in the list 0 times") as failure:
        simulate(write_hastily, tree=HASTY, seed=3, faults=attrs.evolve(Faults(), crashes=0))

    (note,) = failure.value.__notes__
    assert "seed=3" in note
    assert "shrunk to 1 client, 1 turn, 0 faults" in note
    case = Case.loads(note.partition("case='")[2].rpartition("'")[0])
    with pytest.raises(AssertionError, match="was reported ok and is in the list 0 times"):
        simulate(write_hastily, tree=HASTY, case=case)


def test_a_case_is_repeated_without_noise(caplog: pytest.LogCaptureFixture) -> None:
    runs = (simulate(write, tree=TREE, seed=seed) for seed in range(100))
    run = next(run for run in runs if Kind.CRASH in {one.kind for one in run.happened})

    simulate(write, tree=TREE, case=Case(run.seed, run.plan, run.tape))

    assert not our_records(caplog)


# --- what does not end, and where it cannot begin ---


class Wheel(ta.Actor[Lines]):
    @ta.handler
    async def turn(self) -> None:
        while True:  # noqa: ASYNC110 - turning is the point
            await trio.lowlevel.checkpoint()


async def turn_a_wheel(simulation: Simulation) -> None:
    async def client(me: Client) -> None:
        async for _ in me.turns(1):
            await me.call(Wheel, "wheel", methodcaller("turn"))

    await simulation.clients(1, client)


async def write_nothing(simulation: Simulation) -> None:
    await simulation.settle()


async def hold_out(_: Simulation) -> None:
    """Go on whatever happens."""
    with trio.CancelScope(shield=True):
        while True:  # noqa: ASYNC110 - turning is the point
            await trio.lowlevel.checkpoint()


def test_an_actor_that_turns_for_ever_is_stuck_and_named() -> None:
    tree = ta.Supervisor(ta.child(Wheel, name="wheel"), name="mill")

    with pytest.raises(Stuck, match=r"no end after 5000 steps(.|\n)*wheel: test_simulate\.py:\d+ in turn") as caught:
        simulate(turn_a_wheel, tree=tree, faults=Faults.none(), steps=5_000)

    assert "shrunk to 1 client, 1 turn, 0 faults" in caught.value.__notes__[0]


class Round(ta.Actor[Lines]):
    """Goes on for ever, at its leisure."""

    async def on_start(self) -> None:
        await self.go.cast()

    @ta.handler
    async def go(self) -> None:
        await trio.sleep(1)
        await self.go.cast()


def test_an_application_that_never_comes_to_rest_is_stuck_and_told_how_to() -> None:
    tree = ta.Supervisor(ta.child(Round, name="round"), name="desk")

    with pytest.raises(
        Stuck,
        match=r"does not come to rest: still busy after 600 s: <actor desk/round: Round(.|\n)* make a loop a function among the children"
        r"(.|\n)*round: test_simulate\.py:\d+ in go",
    ):
        simulate(write_nothing, tree=tree, store=None, faults=Faults.none(), shrinking=0)


def test_that_app_has_not_returned_is_said_where_it_is_why_nobody_is_served() -> None:
    async def app(_: ta.System) -> None:
        await trio.sleep_forever()

    with pytest.raises(Stuck) as caught:
        simulate(write_nothing, tree=TREE, app=app, store="memory:", faults=Faults.none(), shrinking=0)

    assert caught.value.__notes__[0] == (
        "simulate: app= has not returned in life 1 of the node, so the node is not up and clients wait. "
        "Start whatever runs for ever as a child of the tree, and return from app="
    )


class Job(ta.Actor[Lines]):
    """Done as soon as it has begun."""

    async def on_start(self) -> None:
        await self.finish.cast()

    @ta.handler
    async def finish(self) -> None:
        raise ta.Shutdown


async def wait_for_long(simulation: Simulation) -> None:
    await simulation.system()
    await trio.sleep(60)


def test_that_a_tree_ends_by_itself_again_and_again_is_said() -> None:
    job = ta.child(Job, name="job", restart="transient", significant=True)
    tree = ta.Supervisor(job, name="desk", auto_shutdown=ta.AutoShutdown.ANY_SIGNIFICANT)

    with pytest.raises(Stuck) as caught:
        simulate(wait_for_long, tree=tree, store=None, faults=Faults.none(), steps=2_000, shrinking=0)

    assert re.search(
        r"the tree has exited by itself \d\d+ times, and the node was started again each time", caught.value.__notes__[0]
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Trio's, of the tasks that it had to leave
def test_a_run_that_had_to_be_left_leaves_the_next_ones_alone() -> None:
    with pytest.raises(Stuck, match=r"no end after 500 steps(.|\n)*in hold_out"):
        simulate(hold_out, tree=TREE, faults=Faults.none(), steps=500, shrinking=0)

    assert simulate(write_nothing, tree=TREE).lives > 0
    assert random.random() < 1  # which no simulation guards any more
    gc.collect()


async def test_no_simulation_begins_while_trio_runs() -> None:
    with pytest.raises(ta.UsageError, match="start it from a synchronous function, not while Trio is running"):
        simulate(write_nothing, tree=TREE)
