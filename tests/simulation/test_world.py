"""What a workload sees: clients and their turns, what they were told, chance, rare states, and faults at a step."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from operator import methodcaller
from typing import Any

import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.system.system import runtime_of
from trioactors.testing.clocks import EPOCH
from trioactors.testing.disk import Keep
from trioactors.testing.driving import PlannedCrash
from trioactors.testing.playing import Stuck
from trioactors.testing.simulation import Client, Faults, Injection, Plan, Simulation, Told, simulate, sometimes
from trioactors.testing.simulation.history import NodeDown, told
from trioactors.testing.simulation.plans import Kind
from trioactors.testing.simulation.scenarios import Run, Simulated
from trioactors.testing.simulation.simulating import scenario_of
from trioactors.trace import ChildExited


@define
class Lines:
    lines: list[str] = field(factory=list[str])


class Scribe(ta.Actor[Lines], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def write(self, line: str, seconds: float = 0.0) -> int:
        await trio.sleep(seconds)
        self.state.lines.append(line)
        return len(self.state.lines)

    @ta.handler(reads=True)
    def read(self) -> list[str]:
        sometimes("two lines", len(self.state.lines) == 2)
        return list(self.state.lines)


TREE = ta.Supervisor(ta.child(Scribe, name="scribe"), ta.child(Scribe, name="other"), name="desk")
Workload = Callable[[Simulation], Awaitable[None]]


def calm(workload: Workload, **options: Any) -> Simulated:
    return simulate(workload, tree=TREE, faults=Faults.none(), shrinking=0, **options)


def played(workload: Workload, *injections: Injection, without: frozenset[str] = frozenset(), policy: str = "batch") -> Run:
    """One run with these faults and no others."""
    scenario = scenario_of(workload, tree=TREE, policy=policy, faults=Faults())
    run = scenario.play(1, Plan(injections, without))
    if run.error is not None:
        raise run.error
    return run


# --- clients and turns ---


async def three_by_three(simulation: Simulation) -> None:
    async def client(me: Client) -> None:
        async for turn in me.turns(3):
            await me.call(Scribe, "scribe", methodcaller("write", f"{turn.id}:{turn.random.random()}"))
            await me.call(Scribe, "scribe", methodcaller("read"), what="read")

    await simulation.clients(2, client)
    await simulation.clients(1, client)


def ids(run: Run) -> list[str]:
    return sorted(operation.id for operation in run.world.history)


def lines_of(run: Run) -> set[object]:
    """What was written, with the chance of its turn."""
    answers: list[Any] = [operation.answer for operation in run.world.history if operation.what == "read"]
    return {line for answer in answers for line in answer}


def test_each_call_has_an_id_of_its_own() -> None:
    run = played(three_by_three)

    assert ids(run) == sorted(f"{client}.{turn}{call}" for client in range(3) for turn in range(3) for call in ("", "b"))
    assert run.world.begun != ids(run)
    assert sorted(run.world.begun) == ids(run)


def test_who_is_left_out_changes_neither_the_ids_nor_the_chance_of_others() -> None:
    whole = played(three_by_three)
    part = played(three_by_three, without=frozenset({"1", "2.0", "0.2"}))

    assert ids(part) == [one for one in ids(whole) if not one.startswith(("1", "2.0", "0.2"))]
    assert {line for line in lines_of(whole) if str(line)[:3] in {"0.0", "0.1", "2.1", "2.2"}} == lines_of(part)
    assert part.world.used_clients() == ["0", "2"]
    assert sorted(part.world.used_turns()) == ["0.0", "0.1", "2.1", "2.2"]


def test_a_client_that_takes_turns_again_goes_on_counting() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            for _ in range(2):
                async for _turn in me.turns(2):
                    await me.call(Scribe, "scribe", methodcaller("read"))

        await simulation.clients(1, client)

    assert ids(played(workload)) == ["0.0", "0.1", "0.2", "0.3"]


def test_a_client_may_have_enough_of_its_turns() -> None:
    """What it leaves behind needs no closing, or the end of such a test would warn of it."""

    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            async for turn in me.turns(5):
                if turn.id == "0.1":
                    break
            gc.collect()
            assert [turn.id async for turn in me.turns(2)] == ["0.2", "0.3"]

        await simulation.clients(1, client)

    played(workload)


def test_a_turn_may_have_any_number_of_calls() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            for _ in range(60):
                await me.call(Scribe, "scribe", methodcaller("read"))

        await simulation.clients(1, client)

    found = [operation.id for operation in played(workload).world.history]
    assert [found[number] for number in (0, 1, 2, 25, 26, 51)] == ["0", "0b", "0c", "0z", "0zb", "0zzb"]
    assert len(set(found)) == 60


def test_a_turn_begins_at_once_or_after_a_pause() -> None:
    pauses: set[bool] = set()

    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            before = trio.current_time()
            async for turn in me.turns(20, pause=3.0):
                assert turn.random is me.random
                assert trio.current_time() - before < 3.0
                pauses.add(trio.current_time() > before)
                before = trio.current_time()

        await simulation.clients(1, client)

    played(workload)
    assert pauses == {True, False}


def test_without_a_pause_no_time_passes() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            async for _ in me.turns(20, pause=0):
                assert trio.current_time() == 0

        await simulation.clients(1, client)

    played(workload)


def test_a_client_can_use_the_whole_system() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            done = await me.use(lambda system: system.start(Scribe, name="new"), what="start")
            assert (done.told, done.what) == (Told.OK, "start")
            assert (await me.call(Scribe, "new", methodcaller("write", "a"))).answer == 1

        await simulation.clients(1, client)

    played(workload)


# --- what they are told ---


def test_an_error_of_a_call_is_history() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            done = await me.call(Scribe, "nobody", methodcaller("read"))
            assert (done.told, done.ok, done.answer) == (Told.FAILED, False, None)
            assert isinstance(done.error, ta.TrioactorsError)

        await simulation.clients(1, client)
        assert len(simulation.history) == 1

    played(workload)


def test_an_assertion_within_a_call_ends_the_simulation() -> None:
    async def workload(simulation: Simulation) -> None:
        async def wrong(_: Scribe) -> None:
            raise AssertionError("wrong answer")

        async def client(me: Client) -> None:
            await me.call(Scribe, "scribe", wrong)

        await simulation.clients(1, client)

    with pytest.raises(AssertionError, match="wrong answer"):
        calm(workload)


def test_an_assertion_in_a_group_of_errors_ends_the_simulation_too() -> None:
    async def workload(simulation: Simulation) -> None:
        async def wrong(_: Scribe) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(refuse)
                await trio.sleep_forever()

        async def refuse() -> None:
            raise AssertionError("wrong answer")

        async def client(me: Client) -> None:
            await me.call(Scribe, "scribe", wrong)

        await simulation.clients(1, client)

    with pytest.raises(AssertionError, match="wrong answer"):
        calm(workload)


def test_an_assertion_of_the_workload_ends_the_simulation() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.system()
        raise AssertionError("wrong state")

    with pytest.raises(AssertionError, match="wrong state"):
        calm(workload)


def test_who_gives_up_waiting_will_never_know() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            with trio.move_on_after(1.0):
                await me.call(Scribe, "scribe", methodcaller("write", "a", 3.0))

        await simulation.clients(1, client)
        [done] = simulation.history
        assert (done.told, done.began, done.ended) == (Told.UNKNOWN, 0.0, 1.0)

    calm(workload)


def test_who_is_out_of_patience_within_a_call_does_not_know_what_became_of_it() -> None:
    async def workload(simulation: Simulation) -> None:
        async def write(scribe: Scribe) -> None:
            with trio.fail_after(1.0):
                await scribe.write("a", 3.0)

        async def client(me: Client) -> None:
            done = await me.call(Scribe, "scribe", write)
            assert (done.told, done.ended) == (Told.UNKNOWN, 1.0)

        await simulation.clients(1, client)
        await simulation.settle()
        assert await (await simulation.get(Scribe, "scribe")).read() == ["a"]

    calm(workload)


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (NodeDown("gone"), Told.UNKNOWN),
        (ta.ActorStopped("gone"), Told.UNKNOWN),
        (ta.StoreUnavailable("away"), Told.FAILED),
        (ta.StoreFull("full"), Told.FAILED),
        (ta.StorePoisoned("broken"), Told.UNKNOWN),
        (ta.CallTimeout("begun", begun=True, inherited=False), Told.UNKNOWN),
        (ta.CallTimeout("waited", begun=False, inherited=False), Told.FAILED),
        (trio.TooSlowError(), Told.UNKNOWN),
        (ExceptionGroup("both", [ValueError("declared"), NodeDown("gone")]), Told.UNKNOWN),
        (ta.MailboxFull("full"), Told.FAILED),
        (ValueError("declared"), Told.FAILED),
    ],
)
def test_what_an_error_tells(error: Exception, what: Told) -> None:
    assert told(error) is what


def test_a_run_without_end_is_stuck() -> None:
    async def workload(_: Simulation) -> None:
        await trio.sleep(101)

    with pytest.raises(Stuck, match=r"no end after 100 s of virtual time: raise limit=(.|\n)*test_world\.py:\d+ in workload"):
        calm(workload, limit=100.0)


def test_a_run_without_end_is_stuck_by_its_limit_though_somebody_would_wake_at_that_very_moment() -> None:
    async def workload(_: Simulation) -> None:
        while True:  # noqa: ASYNC110 - it is what is looked at
            await trio.sleep(20)

    with pytest.raises(Stuck, match=r"^no end after 100 s of virtual time: raise limit="):
        calm(workload, limit=100.0)


# --- chance and rare states ---


def test_chance_is_the_seeds() -> None:
    drawn: dict[int, list[float]] = {}

    async def workload(simulation: Simulation) -> None:
        drawn.setdefault(simulation.seed, []).append(simulation.random("mine").random())

    for seed in (1, 2, 1):
        calm(workload, seed=seed)
    assert drawn[1][0] == drawn[1][1] != drawn[2][0]


async def look_twice(simulation: Simulation) -> None:
    scribe = await simulation.get(Scribe, "scribe")
    for line in "ab":
        await scribe.write(line)
        await scribe.read()
    simulation.sometimes("here")
    simulation.sometimes("never", condition=False)
    sometimes("by function")


def test_points_count_how_often_they_were_reached_in_actors_too() -> None:
    assert calm(look_twice).points == {"two lines": 1, "here": 1, "never": 0, "by function": 1}


def test_a_point_outside_of_a_simulation_is_nothing() -> None:
    sometimes("nowhere")
    before = calm(look_twice).points

    sometimes("nowhere")

    assert calm(look_twice).points == before


# --- settling ---


def crowded(simulation: Simulation) -> None:
    """Something is written that was not synced."""
    disk = simulation.node.disk
    folder = next(iter(vars(disk)["_folders"]))
    disk.open(folder / "unsynced")


@pytest.mark.parametrize(
    ("allowed", "killed", "kept"),
    [
        ({"power_cuts": 1, "kills": 1}, 1, False),
        ({"power_cuts": 1}, 1, False),
        ({"kills": 1}, 1, True),
        ({"errors": 1}, 0, True),
        ({}, 0, True),
    ],
)
def test_the_node_is_started_once_more_in_the_harshest_way_that_was_allowed(allowed: Any, killed: int, kept: object) -> None:
    async def workload(simulation: Simulation) -> None:
        await (await simulation.get(Scribe, "scribe")).write("a")
        crowded(simulation)
        await simulation.settle()
        [names] = [set(disk) for disk in map(simulation.node.disk.names, vars(simulation.node.disk)["_folders"])]
        assert ("unsynced" in names) == kept
        assert (simulation.node.lives, simulation.node.killed) == (2, killed)
        assert await (await simulation.get(Scribe, "scribe")).read() == ["a"]
        await simulation.settle()
        assert simulation.node.lives == 2

    scenario = scenario_of(workload, tree=TREE, faults=Faults(**{**NO_FAULTS, **allowed}))
    run = scenario.play(1, Plan())
    assert run.error is None, run.error


NO_FAULTS: dict[str, int] = {name: 0 for name in Faults.__annotations__ if name != "seconds"}


def test_without_a_lasting_store_it_is_not_started_again() -> None:
    async def workload(simulation: Simulation) -> None:
        await (await simulation.get(Scribe, "scribe")).write("a")
        await simulation.settle()
        assert await (await simulation.get(Scribe, "scribe")).read() == ["a"]

    assert calm(workload, store="memory:").lives == 1


@define
class Job:
    begun: bool = False
    done: bool = False


class Worker(ta.Actor[Job], persist=ta.EVERY_MESSAGE):
    """Goes on with a job when it starts; so one that it has begun, and forgotten, is done after a restart only."""

    async def on_start(self) -> None:
        self.state.done = self.state.begun

    @ta.handler
    async def begin(self) -> None:
        self.state.begun = True

    @ta.handler(reads=True)
    def done(self) -> bool:
        return self.state.done


@pytest.mark.parametrize("restart", [True, False])
def test_a_job_that_hangs_until_the_next_start_is_seen_where_settling_starts_nothing(restart: bool) -> None:  # noqa: FBT001 - a parameter
    async def workload(simulation: Simulation) -> None:
        await (await simulation.get(Worker, "worker")).begin()
        await simulation.settle(restart=restart)
        assert await (await simulation.get(Worker, "worker")).done() == restart

    run = simulate(workload, tree=ta.Supervisor(ta.child(Worker, name="worker"), name="top"), faults=Faults(), seed=3, shrinking=0)

    assert run.lives == 1 + restart


def test_settling_without_a_restart_ends_faults_and_a_restart_may_follow() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.settle(restart=False)
        await simulation.settle(restart=False)
        before = (list(simulation.injected), simulation.node.lives)
        for _ in range(200):
            await (await simulation.get(Scribe, "scribe")).read()
        assert (list(simulation.injected), simulation.node.lives) == before
        await simulation.settle()
        assert simulation.node.lives == before[1] + 1

    run = played(workload, Injection(Kind.CRASH, 300), Injection(Kind.KILL, 300), Injection(Kind.HOLD, 300))
    assert run.world.injected == []


def test_a_workload_that_does_not_settle_is_settled() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.system()

    assert calm(workload).lives == 2


def test_settling_waits_for_what_is_still_to_be_done() -> None:
    async def workload(simulation: Simulation) -> None:
        await (await simulation.get(Scribe, "scribe")).write.cast("a", 30.0)
        await simulation.settle()
        assert (await simulation.system()).ledger().handled == 1

    calm(workload, store="memory:")


def test_settling_waits_for_nobody_who_stands_still() -> None:
    held: list[float] = []

    async def workload(simulation: Simulation) -> None:
        await (await simulation.get(Scribe, "scribe")).write.cast("a")
        for _ in range(8):
            await trio.lowlevel.checkpoint()
        await simulation.settle()
        held.extend(time for time, _ in simulation.injected)
        assert trio.current_time() < 60

    for at in range(1, 8):
        played(workload, Injection(Kind.HOLD, at, seconds=1_000.0))
    assert held


def test_checks_are_called_in_the_end_and_may_be_async_or_not() -> None:
    called: list[str] = []

    def plainly(simulation: Simulation) -> None:
        called.append(repr(simulation))

    async def asynchronously(simulation: Simulation) -> None:
        called.extend(await (await simulation.get(Scribe, "scribe")).read())

    calm(look_twice, check=[plainly, asynchronously])

    assert called == ["<simulation 0: 0 operations, <node in its life 2, up>>", "a", "b"]


# --- faults at a step ---


def happened(run: Run) -> list[tuple[float, Kind]]:
    return [(time, one.kind) for time, one in run.world.injected]


def test_a_crash_meets_one_of_the_actors() -> None:
    async def workload(simulation: Simulation) -> None:
        await (await simulation.get(Scribe, "scribe")).write("a")
        await trio.sleep(1)

    for pick, name in ((0.0, "other"), (0.9, "scribe"), (1.0, "scribe")):
        run = played(workload, Injection(Kind.CRASH, 1, pick))
        exits = [record for _, record in run.world.trace if isinstance(record, ChildExited)]
        assert isinstance(exits[0].reason.error, PlannedCrash)
        assert exits[0].child == name


def test_faults_come_at_their_steps_in_order_and_after_the_node_is_up() -> None:
    async def workload(simulation: Simulation) -> None:
        scribe = await simulation.get(Scribe, "scribe")
        for _ in range(20):
            with suppress(ta.TrioactorsError):
                await scribe.read()

    run = played(workload, Injection(Kind.CLOCK, 9, seconds=5.0), Injection(Kind.CRASH, 1), Injection(Kind.STALL, 5, seconds=2.0))

    assert happened(run) == [(0.0, Kind.CRASH), (0.0, Kind.STALL), (2.0, Kind.CLOCK)]


def test_a_power_cut_at_a_step_keeps_what_was_synced() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            async for turn in me.turns(3):
                await me.call(Scribe, "scribe", methodcaller("write", turn.id))

        await simulation.clients(1, client)
        assert simulation.node.lives == 2
        written = await (await simulation.get(Scribe, "scribe")).read()
        assert {done.id for done in simulation.history if done.ok} <= set(written)

    for kind in (Kind.KILL, Kind.POWER):
        assert [one for _, one in happened(played(workload, Injection(kind, 10, keep=Keep.NOTHING)))] == [kind]


def test_a_task_stands_still_and_others_go_on() -> None:
    """Whichever of the node's tasks is held for five seconds: a call of the actor it belongs to may be late, no other is."""
    late: set[float] = set()

    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            name = ("scribe", "other")[me.number]
            for _ in range(3):
                done = await me.call(Scribe, name, methodcaller("read"))
                ended[name] = done.ended

        ended: dict[str, float] = {}
        await simulation.clients(2, client)
        late.add(max(ended.values()))
        assert min(ended.values()) == 0.0

    for at in range(1, 40, 3):
        run = played(workload, Injection(Kind.HOLD, at, seconds=4.0), policy="step")
        assert [kind for _, kind in happened(run)] in ([Kind.HOLD], [])

    assert late == {0.0, 4.0}


def test_a_stall_moves_all_clocks() -> None:
    times: list[tuple[float, float]] = []

    async def app(system: ta.System) -> None:
        apps.append(system)
        await trio.lowlevel.checkpoint()

    apps: list[ta.System] = []

    async def workload(simulation: Simulation) -> None:
        await simulation.system()
        for _ in range(9):
            times.append((trio.current_time(), runtime_of(apps[0]).environment.wall_clock() - EPOCH))
            await trio.lowlevel.checkpoint()

    scenario = scenario_of(workload, tree=TREE, app=app, policy="batch")
    assert scenario.play(1, Plan((Injection(Kind.STALL, 5, seconds=7.0),))).error is None
    assert set(times) == {(0.0, 0.0), (7.0, 7.0)}
    times.clear()
    apps.clear()
    assert scenario.play(1, Plan((Injection(Kind.CLOCK, 5, seconds=-700.0),))).error is None
    assert set(times) == {(0.0, 0.0), (0.0, -700.0)}


def test_after_settling_nothing_goes_wrong_any_more() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.settle()
        before = list(simulation.injected)
        for _ in range(200):
            await (await simulation.get(Scribe, "scribe")).read()
        assert simulation.injected == before

    played(workload, Injection(Kind.CRASH, 300), Injection(Kind.KILL, 300), Injection(Kind.HOLD, 300), Injection(Kind.ERROR, 60))


# --- what is told of a run ---


def test_a_sound_run_is_summed_up() -> None:
    run = simulate(three_by_three, tree=TREE, seed=11)

    assert run.seed == 11
    assert len(run.history) == 18
    assert run.lives >= 2
    assert run.steps > 100
    assert set(run.happened) <= set(run.plan.injections)
    assert len(run.digest) == 32


def test_an_object_without_a_name_does_not_change_the_digest() -> None:
    kept: list[object] = []

    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            done = await me.use(anything)
            kept.append(done.answer)

        async def anything(_: ta.System) -> object:
            await trio.lowlevel.checkpoint()
            return object()

        await simulation.clients(1, client)

    assert len({calm(workload).digest for _ in range(3)}) == 1
    assert len({repr(one) for one in kept}) == 3
