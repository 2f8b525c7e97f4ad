"""A node lives, is killed, and lives again on what is left of its disk; an end that no fault explains fails the simulation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.environment import Environment
from trioactors.persistence import Batch, Key, Space, Write
from trioactors.system.system import runtime_of
from trioactors.testing.disk import Keep
from trioactors.testing.driving import PlannedCrash, kill
from trioactors.testing.simulation import Faults, NodeDown, Operation, Simulation, Told, crashes_are_planned, simulate
from trioactors.testing.simulation.plans import Injection, Kind, Plan
from trioactors.testing.simulation.scenarios import Run
from trioactors.testing.simulation.simulating import scenario_of
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.memory import MemoryStore


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
        return list(self.state.lines)


TREE = ta.Supervisor(ta.child(Scribe, name="scribe"), name="desk")
Workload = Callable[[Simulation], Awaitable[None]]


def played(workload: Workload, *injections: Injection, faults: Faults | None = None, **options: Any) -> Run:
    """One run with these faults and no others; "memory:" and the like as for `simulate`."""
    scenario = scenario_of(workload, tree=TREE, faults=Faults() if faults is None else faults, policy="batch", **options)
    run = scenario.play(1, Plan(injections))
    if run.error is not None:
        raise run.error
    return run


async def told(simulation: Simulation, do: Callable[[Scribe], Awaitable[Any]]) -> Operation:
    """What one client is told."""
    found: list[Operation] = []

    async def client(me: Any) -> None:
        found.append(await me.call(Scribe, "scribe", do))

    await simulation.clients(1, client)
    return found[0]


async def read(simulation: Simulation) -> list[str]:
    return await (await simulation.get(Scribe, "scribe")).read()


def slow_down(simulation: Simulation) -> None:
    """The next call of the store takes four seconds."""
    faulty: Any = vars(simulation)["_faulty"]
    faulty.injections = [Injection(Kind.DELAY, faulty.calls + 1, seconds=4.0)]


# --- kills ---


@pytest.mark.parametrize("keep", [None, *Keep])
def test_what_was_answered_is_there_after_a_kill_and_after_a_power_cut(keep: Keep | None) -> None:
    async def workload(simulation: Simulation) -> None:
        await told(simulation, methodcaller("write", "a"))
        simulation.node.kill(keep)
        assert not simulation.node.serves
        assert simulation.node.disk.power.epoch == 1, "what was open is still open"
        assert await read(simulation) == ["a"]
        assert simulation.node.lives == 2

    played(workload)


def test_the_node_is_up_again_when_its_pause_is_over() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.system()
        simulation.node.kill(None, 5.0)
        await simulation.system()
        assert trio.current_time() == 5.0

    played(workload)


def test_who_waits_for_an_answer_is_told_that_the_node_is_down() -> None:
    async def workload(simulation: Simulation) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill)
            done = await told(simulation, methodcaller("write", "a", 3.0))
        assert (done.told, type(done.error), done.ended) == (Told.UNKNOWN, NodeDown, 1.0)
        assert await read(simulation) == []

    async def kill() -> None:
        await trio.sleep(1.0)
        run_of[0].node.kill(None)

    run_of: list[Simulation] = []

    async def remembered(simulation: Simulation) -> None:
        run_of.append(simulation)
        await workload(simulation)

    played(remembered)


def test_two_calls_of_one_client_at_once_are_both_told_that_the_node_is_down() -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Any) -> None:
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    nursery.start_soon(me.call, Scribe, "scribe", methodcaller("write", "a", 3.0))
                await trio.sleep(1.0)
                simulation.node.kill(None)

        await simulation.clients(1, client)
        assert [type(done.error) for done in simulation.history] == [NodeDown, NodeDown]

    played(workload)


def test_what_a_dead_node_unwinds_is_not_kept() -> None:
    """Its tasks are cancelled after the fence; a hook that writes then writes to nothing."""

    async def workload(simulation: Simulation) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(told, simulation, methodcaller("write", "lost", 3.0))
            await trio.sleep(1.0)
            simulation.node.kill(None)
            before = simulation.node.disk.operations
            await trio.testing.wait_all_tasks_blocked()
            assert simulation.node.disk.operations == before
            nursery.cancel_scope.cancel()

    played(workload)


def test_a_life_that_is_over_reports_nothing_any_more() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.system()
        simulation.node.kill(None)
        before = len(simulation.trace)
        await trio.sleep(0.5)
        assert all(life == 2 for life, _ in simulation.trace[before:])

    played(workload)


def test_a_kill_during_a_slow_call_of_the_store_leaves_it_undone() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.system()
        slow_down(simulation)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(kill, simulation)
            done = await told(simulation, methodcaller("write", "a"))
        assert (done.told, done.ended) == (Told.UNKNOWN, 1.0)
        assert await read(simulation) == []
        assert trio.current_time() >= 4.0

    async def kill(simulation: Simulation) -> None:
        await trio.sleep(1.0)
        simulation.node.kill(None)

    played(workload)


def test_a_slow_call_of_the_store_takes_its_time() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.system()
        slow_down(simulation)
        done = await told(simulation, methodcaller("write", "a"))
        assert (done.told, done.ended - done.began) == (Told.OK, 4.0)

    played(workload)


def test_a_store_in_memory_is_emptied_by_a_kill() -> None:
    async def workload(simulation: Simulation) -> None:
        await told(simulation, methodcaller("write", "a"))
        simulation.node.kill(None)
        assert await read(simulation) == []

    played(workload, store="memory:")


def test_without_a_lasting_store_nothing_ends_the_process_unless_it_is_asked_for() -> None:
    async def workload(simulation: Simulation) -> None:
        await told(simulation, methodcaller("write", "a"))

    for store in ("memory:", None):
        tree = TREE if store else None
        assert scenario_of(workload, tree=tree, store=store).faults == Faults().survivable
    assert scenario_of(workload, store="memory:", faults=Faults(kills=5)).faults.kills == 5
    assert scenario_of(workload, store=MemoryStore).faults == Faults()


def test_chance_and_ids_differ_from_life_to_life_and_not_from_run_to_run() -> None:
    def drawn() -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []

        async def app(system: ta.System) -> None:
            environment = runtime_of(system).environment
            found.append((environment.random("mine").random(), environment.new_id()))
            await trio.lowlevel.checkpoint()

        async def workload(simulation: Simulation) -> None:
            await simulation.system()

        played(workload, app=app)
        return found

    first, second = drawn()
    assert first[0] != second[0]
    assert first[1] != second[1]
    assert drawn() == [first, second]


# --- starts ---


def test_a_start_that_fails_by_a_fault_is_tried_again() -> None:
    async def workload(simulation: Simulation) -> None:
        done = await told(simulation, methodcaller("write", "a"))
        assert done.told is Told.OK
        assert simulation.node.failed_starts == 1
        assert simulation.node.lives == 2

    played(workload, Injection(Kind.ERROR, 1))


class Unavailable(MemoryStore):
    """Cannot be opened."""

    opened = 0

    def open(self, environment: Environment) -> Any:
        del environment
        Unavailable.opened += 1
        raise ta.StoreUnavailable("it is not there")


def test_a_node_that_does_not_come_up_again_and_again_fails_the_simulation() -> None:
    Unavailable.opened = 0

    async def workload(simulation: Simulation) -> None:
        await simulation.system()

    with pytest.raises(AssertionError, match="the node does not come up again: 61 starts in a row failed"):
        played(workload, store=Unavailable)
    assert Unavailable.opened == 61


@pytest.mark.parametrize("failures", [1, 2])
def test_when_faults_are_over_one_start_may_still_fail_and_two_may_not(failures: int) -> None:
    left: list[Exception] = []

    class Shaky(FilesystemStore):
        def open(self, environment: Environment) -> Any:
            if left:
                raise left.pop()
            return super().open(environment)

    async def workload(simulation: Simulation) -> None:
        await simulation.system()
        left.extend(ta.StoreUnavailable("it is not there") for _ in range(failures))
        await simulation.settle()

    with nullcontext() if failures == 1 else pytest.raises(AssertionError, match="2 starts in a row failed"):
        played(workload, store=lambda: Shaky(Path("/simulated")))


# --- ends that nothing explains ---


def test_a_bug_of_the_application_fails_the_simulation() -> None:
    async def app(_: ta.System) -> None:
        raise ZeroDivisionError("a bug")

    async def workload(simulation: Simulation) -> None:
        await simulation.system()

    with pytest.raises(ZeroDivisionError, match="a bug"):
        played(workload, app=app)


class Faulty(ta.Actor[None]):
    async def on_start(self) -> None:
        raise ZeroDivisionError("a bug in a start")


def test_a_tree_that_cannot_start_fails_the_simulation() -> None:
    async def workload(simulation: Simulation) -> None:
        await simulation.system()

    with pytest.raises(ta.StartFailed):
        simulate(workload, tree=ta.Supervisor(ta.child(Faulty, name="faulty"), name="top"), faults=Faults.none(), shrinking=0)


def test_a_store_that_is_found_corrupt_fails_the_simulation() -> None:
    async def workload(simulation: Simulation) -> None:
        for number in range(3):
            await told(simulation, methodcaller("write", str(number)))
        disk, folder = simulation.node.disk, Path("/simulated")
        for path in [folder / name for name in disk.names(folder)]:
            content = bytearray(disk.contents(path))
            content[len(content) // 2 : len(content) // 2 + 1] = b"\xff"
            disk.damage(path, bytes(content))
        await simulation.node.stop()
        await simulation.system()
        await read(simulation)

    with pytest.raises((ta.StoreCorrupt, ta.StateUnreadable, ta.StartFailed)):
        played(workload)


def test_a_record_that_cannot_be_read_at_a_start_fails_the_simulation() -> None:
    async def workload(simulation: Simulation) -> None:
        await told(simulation, methodcaller("write", "a"))
        committer = runtime_of(await simulation.system()).committer
        assert committer is not None
        await committer.commit(Batch((Write(Key(Space.STATE, "scribe"), b"junk", expected=None),)))
        await simulation.node.stop()
        await simulation.system()

    with pytest.raises(ta.StartFailed) as caught:
        played(workload)
    assert isinstance(caught.value.__cause__, ta.StateUnreadable)


def test_ctrl_c_in_a_dead_node_is_heard() -> None:
    lives: list[ta.System] = []

    async def app(system: ta.System) -> None:
        lives.append(system)
        if len(lives) == 1:
            try:
                await trio.sleep_forever()
            finally:
                raise KeyboardInterrupt

    async def workload(simulation: Simulation) -> None:
        await trio.sleep(1)
        simulation.node.kill(None)

    with pytest.raises(KeyboardInterrupt):
        played(workload, app=app)


# --- ends in order ---


def test_an_end_in_order_keeps_what_was_answered() -> None:
    async def workload(simulation: Simulation) -> None:
        await told(simulation, methodcaller("write", "a"))
        await simulation.node.stop()
        assert await read(simulation) == ["a"]
        assert (simulation.node.lives, simulation.node.killed) == (2, 0)

    played(workload)


def test_a_store_that_closes_too_slowly_at_an_end_in_order_is_left_behind_and_nobodys_fault() -> None:
    async def workload(simulation: Simulation) -> None:
        scribe = await simulation.get(Scribe, "scribe")
        slow_down(simulation)
        await scribe.write.cast("a")
        await simulation.node.stop()
        assert await read(simulation) in ([], ["a"])
        assert (simulation.node.lives, simulation.node.killed) == (2, 0)

    played(workload, settings=ta.Settings(grace=1.0))


def test_what_a_node_leaves_behind_at_an_end_in_order_fails_the_simulation() -> None:
    watches: list[Any] = []

    async def app(system: ta.System) -> None:
        watches.append(ta.watch(system.get(Scribe, "scribe")))
        await watches[-1].__aenter__()

    async def workload(simulation: Simulation) -> None:
        await simulation.system()

    with pytest.raises(AssertionError, match="watch: scribe is still watched"):
        played(workload, app=app)


def test_what_a_killed_node_leaves_behind_is_nobodys_fault() -> None:
    async def app(system: ta.System) -> None:
        if not watches:
            watches.append(ta.watch(system.get(Scribe, "scribe")))
            await watches[-1].__aenter__()

    watches: list[Any] = []

    async def workload(simulation: Simulation) -> None:
        await simulation.system()
        simulation.node.kill(None)

    played(workload, app=app)
    assert watches


def test_a_tree_that_gives_up_is_started_again() -> None:
    tree = ta.Supervisor(ta.child(Scribe, name="scribe"), name="desk", intensity=ta.Intensity(0, 1.0))

    async def workload(simulation: Simulation) -> None:
        life = await simulation.node.up()
        simulation.node.actors()[0].crash(PlannedCrash("planned"))
        assert (await simulation.node.up(after=life.number)).number == 2

    simulate(workload, tree=tree, faults=Faults.none(), shrinking=0)


def test_a_node_that_stops_takes_no_more_calls() -> None:
    async def workload(simulation: Simulation) -> None:
        life = await simulation.node.up()
        life.leave.set()
        with pytest.raises(NodeDown), life.asked():
            pass
        assert (await simulation.node.up()).number == 2

    simulate(workload, faults=Faults.none(), shrinking=0)


# --- trees that give up ---


class Fragile(ta.Actor[None]):
    @ta.handler
    async def divide(self) -> None:
        raise ZeroDivisionError("a bug")

    @ta.handler
    async def fail_below(self) -> None:
        raise ExceptionGroup("both", [ZeroDivisionError("a bug"), PlannedCrash("planned")])

    @ta.handler
    async def ask(self, other: str) -> None:
        await self.context.system.get(Fragile, other).divide()

    @ta.handler
    async def wait(self) -> None:
        with trio.fail_after(1):
            await trio.sleep(2)

    @ta.handler(execution_timeout=1.0)
    async def overrun(self) -> None:
        await trio.sleep(2)


FRAGILE = ta.Supervisor(
    ta.Supervisor(ta.child(Fragile, name="a"), ta.child(Fragile, name="b"), name="below", intensity=ta.Intensity(1, 5.0)),
    name="top",
    intensity=ta.Intensity(0, 1.0),
)


def falling(*asked: str, planned: int = 0, check: Any = ()) -> Run:
    """A run in which a is asked these things, and crashes by plan so often before; then the tree has given up, or not."""

    async def workload(simulation: Simulation) -> None:
        async def client(me: Any) -> None:
            life = await simulation.node.up()
            for _ in range(planned):
                simulation.node.actors()[0].crash(PlannedCrash("planned"))
                await trio.testing.wait_all_tasks_blocked()
            for what in asked:
                await me.call(Fragile, "a", methodcaller(*what.split()))
            assert (await simulation.node.up(after=life.number)).number == 2

        await simulation.clients(1, client)

    return scenario_of(workload, tree=FRAGILE, store=None, faults=Faults.none(), check=check, limit=60).play(1)


def test_a_tree_that_gives_up_over_bugs_alone_fails_the_simulation_and_says_what_is_missing() -> None:
    error = falling("divide", "divide").error

    assert isinstance(error, ta.SupervisorGaveUp)
    [note] = error.__notes__
    assert note == (
        "simulate: none of the failures over which it gave up was planned (a: crash: ZeroDivisionError). "
        "If its children may fail like this, declare it: check=[crashes_are_planned(...)]"
    )


@pytest.mark.parametrize(
    ("asked", "planned"), [(("divide",), 1), (("divide", "fail_below"), 0), ((), 2)], ids=["one of two", "in a group", "both"]
)
def test_one_planned_failure_among_those_that_counted_explains_it(asked: tuple[str, ...], planned: int) -> None:
    assert falling(*asked, planned=planned).error is None


def test_crashes_that_a_check_takes_for_planned_explain_it() -> None:
    assert falling("divide", "divide", check=[crashes_are_planned(ZeroDivisionError)]).error is None
    assert isinstance(falling("divide", "divide", check=[crashes_are_planned(LookupError)]).error, ta.SupervisorGaveUp)


def test_a_crash_that_a_caller_was_told_of_is_judged_by_its_cause() -> None:
    """Asking b, a meets the bug of b: two failures, and none was planned."""
    assert isinstance(falling("ask b").error, ta.SupervisorGaveUp)


# --- starts that meet slow stores and crashes ---


class Member(ta.Actor[None]):
    """Writes a line when it starts."""

    async def on_start(self) -> None:
        await self.context.system.get(Scribe, "scribe").write("member")


async def write_at_once(system: ta.System) -> None:
    await system.get(Scribe, "scribe").write("program")


async def fall_over_a_bug(system: ta.System) -> None:
    await system.get(Fragile, "a").divide()


async def be_a_bug(_: ta.System) -> None:
    raise ZeroDivisionError


def starting(*injections: Injection, tree: ta.Supervisor = TREE, app: Any = None, check: Any = ()) -> Run:
    """A run with these faults, in which nothing is asked of what has started."""

    async def workload(simulation: Simulation) -> None:
        await simulation.system()

    scenario = scenario_of(workload, tree=tree, app=app, faults=Faults(), check=check, policy="batch", limit=600)
    return scenario.play(1, Plan(injections))


def beside_a_member(**options: Any) -> ta.Supervisor:
    return ta.Supervisor(ta.child(Scribe, name="scribe"), ta.child(Member, name="member", **options), name="desk")


@pytest.mark.parametrize(
    "options",
    [{"app": write_at_once}, {"tree": beside_a_member()}, {"tree": beside_a_member(start_timeout=2.0)}],
    ids=["program", "start", "start with a time of its own"],
)
def test_a_start_that_waits_too_long_for_a_slow_store_is_tried_again(options: Any) -> None:
    run = starting(*(Injection(Kind.DELAY, call, seconds=8.0) for call in range(1, 9)), **options)

    assert run.error is None
    assert run.world.node.failed_starts > 0


def test_a_start_that_waits_too_long_for_nobody_fails_the_simulation() -> None:
    class Sleeper(ta.Actor[None]):
        async def on_start(self) -> None:
            await trio.sleep(3.0)

    run = starting(tree=ta.Supervisor(ta.child(Sleeper, start_timeout=2.0), name="dormitory"))

    assert isinstance(run.error, ta.StartFailed)


def test_a_program_that_meets_a_crash_is_judged_by_its_cause() -> None:
    planned = [crashes_are_planned(ZeroDivisionError)]

    assert isinstance(starting(tree=FRAGILE, app=fall_over_a_bug).error, ta.ActorCrashed)
    assert isinstance(starting(tree=FRAGILE, app=be_a_bug, check=planned).error, ZeroDivisionError), "no actor has crashed"
    with pytest.raises(AssertionError, match="the node does not come up again"):
        raise starting(tree=FRAGILE, app=fall_over_a_bug, check=planned).error or TypeError


def test_a_tree_that_gives_up_over_kills_is_started_again() -> None:
    """Nobody kills an actor that runs but a test."""

    async def workload(simulation: Simulation) -> None:
        life = await simulation.node.up()
        for _ in range(2):
            kill(await simulation.get(Fragile, "a"))
            await trio.testing.wait_all_tasks_blocked()
        assert (await simulation.node.up(after=life.number)).number == 2

    simulate(workload, tree=FRAGILE, store=None, faults=Faults.none(), shrinking=0)


@pytest.mark.parametrize("disturbed", [False, True])
@pytest.mark.parametrize("handler", ["wait", "overrun"])
def test_who_was_too_slow_is_excused_by_a_fault_only(handler: str, *, disturbed: bool) -> None:
    async def workload(simulation: Simulation) -> None:
        async def client(me: Any) -> None:
            life = await simulation.node.up()
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(2):
                await me.call(Fragile, "a", methodcaller(handler))
            await simulation.node.up(after=life.number)

        await simulation.clients(1, client)

    plan = Plan((Injection(Kind.CLOCK, 1, seconds=5.0),) if disturbed else ())
    error = scenario_of(workload, tree=FRAGILE, store=None, limit=60).play(1, plan).error

    assert (error is None) == disturbed
