"""A failure is made as small as it can be: fewest faults, clients, turns and jumps of the queue, within a time that is set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from operator import methodcaller
from typing import Any

import attrs
import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.testing.simulation import Client, Faults, Injection, Plan, Simulation
from trioactors.testing.simulation import shrinking as shrinking_module
from trioactors.testing.simulation.plans import Kind
from trioactors.testing.simulation.scenarios import Run, Scenario
from trioactors.testing.simulation.shrinking import shrunk_run
from trioactors.testing.simulation.simulating import quietly, scenario_of


@define
class Lines:
    lines: list[str] = field(factory=list[str])


class Scribe(ta.Actor[Lines]):
    """Forgets with each crash what it was told, though it is asked to know two lines of one client."""

    @ta.handler
    def write(self, line: str) -> list[str]:
        self.state.lines.append(line)
        return list(self.state.lines)


TREE = ta.Supervisor(ta.child(Scribe, name="scribe"), name="desk", intensity=ta.Intensity(50, 1.0))
Workload = Callable[[Simulation], Awaitable[None]]


async def forgetful(simulation: Simulation) -> None:
    """Fails where a client's second line is not behind its first: that takes one client, two turns and one crash."""

    async def client(me: Client) -> None:
        mine: list[str] = []
        async for turn in me.turns(6):
            done = await me.call(Scribe, "scribe", methodcaller("write", turn.id))
            if done.ok:
                mine.append(turn.id)
                kept: Any = done.answer
                assert [line for line in kept if line in mine] == mine, "a line is gone"

    await simulation.clients(4, client)


def scenario(workload: Workload, **options: Any) -> Scenario:
    return scenario_of(workload, tree=TREE, store=None, **options)


def failing(scenario: Scenario, seed: int, plan: Plan | None = None) -> Run:
    with quietly():
        run = scenario.play(seed, plan)
    assert run.error is not None
    return run


def shrunk(scenario: Scenario, run: Run, seconds: float = 600.0) -> Run:  # as long as it takes, however busy the machine is
    with quietly():
        return shrunk_run(scenario, run, seconds=seconds)


def sizes(run: Run) -> tuple[int, int, int]:
    return len(run.world.used_clients()), len(run.world.used_turns()), len(run.plan.injections)


CROWD = Plan(
    (
        *(Injection(Kind.CRASH, at) for at in (50, 90, 400)),
        *(Injection(Kind.HOLD, at, 0.5, 2.0) for at in (20, 60)),
        *(Injection(Kind.STALL, at, 0.5, 2.0) for at in (30, 70)),
        Injection(Kind.CLOCK, 10, 0.5, 20.0),
    )
)


@pytest.fixture(scope="module")
def small() -> Run:
    whole = failing(scenario(forgetful), 3, CROWD)
    assert sizes(whole) > (3, 8, 7)
    return shrunk(scenario(forgetful), whole)


def test_a_bug_that_takes_one_client_two_turns_and_one_fault_is_shrunk_to_that(small: Run) -> None:
    assert sizes(small) == (1, 2, 1)
    assert small.plan.injections[0].kind is Kind.CRASH
    assert str(small.error).startswith("a line is gone")


def test_clients_without_a_turn_are_left_out_too() -> None:
    async def crowded(simulation: Simulation) -> None:
        async def idle(me: Client) -> None:
            await me.call(Scribe, "scribe", methodcaller("write", me.random.choice("ab")))

        await simulation.clients(3, idle)
        await forgetful(simulation)

    small = shrunk(scenario(crowded), failing(scenario(crowded), 3, CROWD))

    assert sizes(small) == (1, 2, 1)
    assert len({begun.partition(".")[0] for begun in small.world.begun}) == 1


def test_what_is_left_fails_again_by_its_case(small: Run) -> None:
    with quietly():
        again = scenario(forgetful).play(small.case.seed, small.case.plan, small.case.tape)

    assert str(again.error) == str(small.error)
    assert again.case == small.case


def test_a_bug_that_needs_nothing_keeps_no_fault_and_no_jump() -> None:
    async def broken(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            async for _ in me.turns(3):
                pass

        await simulation.clients(3, client)
        raise AssertionError("always")

    small = shrunk(scenario(broken), failing(scenario(broken), 3, CROWD))

    assert small.case.plan == Plan()
    assert small.case.tape.jumps == 0


def test_clients_whose_work_is_counted_stay_since_without_them_nothing_would_mend_it() -> None:
    async def counting(simulation: Simulation) -> None:
        written: list[str] = []

        async def client(me: Client) -> None:
            async for turn in me.turns(2):
                before = len(written)
                await trio.lowlevel.checkpoint()
                written[before:] = [turn.id]

        await simulation.clients(2, client)
        assert len(written) == 4, "an update is lost"

    runs = (scenario(counting, faults=Faults.none()).play(seed) for seed in range(200))
    small = shrunk(scenario(counting), next(run for run in runs if run.error is not None))

    assert sizes(small) == (2, 4, 0)


def test_jumps_of_the_queue_that_do_not_matter_go() -> None:
    async def race(simulation: Simulation) -> None:
        order: list[str] = []

        async def client(me: Client) -> None:
            for _ in range(3 * me.number):
                await trio.lowlevel.checkpoint()
            order.append(f"{me.number}")

        await simulation.clients(3, client)
        assert order == ["0", "1", "2"], "overtaken"

    runs = (scenario(race, faults=Faults.none()).play(seed) for seed in range(200))
    whole = next(run for run in runs if run.error is not None)
    small = shrunk(scenario(race, faults=Faults.none()), whole)

    assert 1 <= small.case.tape.jumps < whole.case.tape.jumps
    assert small.case.tape.jumps <= 5


def test_another_failure_is_not_taken_for_this_one() -> None:
    """Without its faults the run fails too, but in another line."""

    async def two_bugs(simulation: Simulation) -> None:
        await trio.sleep(1)
        if simulation.plan.injections:
            raise AssertionError("a bug")
        raise AssertionError("a bug")

    whole = failing(scenario(two_bugs), 3, Plan(CROWD.injections[-2:]))

    assert len(shrunk(scenario(two_bugs), whole).plan.injections) == 1


def test_it_stops_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = failing(scenario(forgetful), 3, CROWD)
    runs: list[int] = []
    play = Scenario.play

    def counted(self: Scenario, *arguments: Any, **options: Any) -> Run:
        runs.append(1)
        return play(self, *arguments, **options)

    monkeypatch.setattr(Scenario, "play", counted)
    monkeypatch.setattr(shrinking_module, "time", Clock(runs))
    small = shrunk(scenario(forgetful), whole, seconds=10.0)

    assert len(runs) <= 12
    assert str(small.error).startswith("a line is gone")


@attrs.frozen
class Clock:
    """Each run takes a second."""

    runs: list[int]

    def monotonic(self) -> float:
        return float(len(self.runs))
