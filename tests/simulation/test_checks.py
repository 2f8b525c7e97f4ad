"""Each check finds what was planted in a fabricated run, and lets a sound one pass."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import attrs
import pytest
import trio

import trioactors as ta
from trioactors.errors.exits import CRASH, KILLED, Exit, ExitKind
from trioactors.messaging.ledger import Ledger
from trioactors.testing.clocks import run
from trioactors.testing.driving import PlannedCrash, crash
from trioactors.testing.simulation import Client, Faults, Operation, Simulation, Told, appended, crashes_are_planned, simulate
from trioactors.testing.simulation.checks import (
    ALWAYS,
    each_call_ends_once,
    ledgers_balance,
    restarts_are_counted,
    timers_are_of_the_living,
)
from trioactors.trace import (
    ChildExited,
    ChildFailed,
    ChildIgnored,
    ChildStarted,
    ChildStartFailed,
    GaveUp,
    RestartScheduled,
    TimerFired,
    TraceRecord,
)


class Worker(ta.Actor[None]):
    @ta.handler
    def work(self) -> None:
        pass


def operation(name: str, told: Told = Told.OK, began: float = 0.0, ended: float = 1.0) -> Operation:
    return Operation(int(name.partition(".")[0]), name, "call", began, ended, told)


def one_after_another(history: Sequence[tuple[str, Told]]) -> list[Operation]:
    return [operation(*one, began, began + 1.0) for began, one in enumerate(history)]


def fabricated(**fields: Any) -> Simulation:
    return cast("Simulation", SimpleNamespace(**fields))


# --- each call ends once ---


def test_calls_that_have_ended_pass() -> None:
    each_call_ends_once(fabricated(begun=["0.0", "1.0"], history=[operation("1.0"), operation("0.0", Told.UNKNOWN)]))


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        (["0.0"], r"calls that never finished: {'1.0': 1}; calls"),
        (["0.0", "1.0", "1.0"], r"calls that finished more often than they began: {'1.0': 1}"),
        (["0.0", "1.0", "2.0"], r"calls that finished more often than they began: {'2.0': 1}"),
    ],
)
def test_a_call_that_ended_not_once_is_found(ended: Sequence[str], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        each_call_ends_once(fabricated(begun=["0.0", "1.0"], history=[operation(name) for name in ended]))


# --- restarts are counted ---

INNER = ta.Supervisor(ta.child(Worker, name="inner"), name="below", intensity=ta.Intensity(1, 10.0))
TREE = ta.Supervisor(ta.child(Worker, name="a"), ta.child(Worker, name="b"), INNER, name="top", intensity=ta.Intensity(2, 5.0))


def restarted(time: float, child: str = "a") -> TraceRecord:
    return RestartScheduled(time=time, child=child, delay=0.0, group=(child,))


def gave_up(time: float, child: str = "top") -> TraceRecord:
    return GaveUp(time=time, child=child, restarts=2)


def started(time: float, child: str, incarnation: int = 2) -> TraceRecord:
    return ChildStarted(time=time, child=child, incarnation=incarnation)


def counted(
    *records: TraceRecord, life: int = 1, tree: ta.Supervisor | None = TREE, restarters: dict[int, str] | None = None
) -> Simulation:
    node = SimpleNamespace(tree=tree, settings=ta.Settings(intensity=ta.Intensity(0, 1.0)))
    return fabricated(node=node, trace=[(life, record) for record in records], restarters=restarters or {})


@pytest.mark.parametrize(
    "records",
    [
        [],
        [restarted(0.0), restarted(1.0, "b"), gave_up(2.0)],
        [restarted(0.0), restarted(4.0), restarted(5.1), restarted(9.1)],
        [restarted(0.0, "inner"), restarted(0.0), restarted(0.0)],
        [restarted(0.0), restarted(5.0), gave_up(5.0)],
        [restarted(0.0, "inner"), gave_up(1.0, "below"), started(1.0, "below"), restarted(1.0, "inner")],
        [restarted(0.0, "somebody")] * 9,
    ],
)
def test_restarts_within_the_intensity_pass(records: Sequence[TraceRecord]) -> None:
    restarts_are_counted(counted(*records))


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ([restarted(0.0), restarted(4.0), restarted(5.0)], r"top restarted 3 times within 5 s, at \[0\.0, 4\.0, 5\.0\]"),
        ([restarted(0.0), restarted(0.0, "b"), restarted(0.0)], "top restarted 3 times"),
        ([restarted(0.0, "inner"), restarted(10.0, "inner")], "below restarted 2 times within 10 s"),
        ([restarted(0.0), restarted(0.0, "below"), restarted(0.0)], "top restarted 3 times"),
        ([restarted(0.0), gave_up(1.0)], "top gave up after 1 restarts within 5 s"),
        ([restarted(0.0), restarted(1.0), gave_up(5.1)], "top gave up after 1 restarts"),
        ([gave_up(1.0, "below")], "below gave up after 0 restarts"),
        ([restarted(0.0), started(0.5, "a"), restarted(1.0), restarted(2.0)], "top restarted 3 times"),
    ],
)
def test_a_restart_too_many_or_too_few_is_found(records: Sequence[TraceRecord], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        restarts_are_counted(counted(*records))


def test_each_life_of_the_node_counts_anew() -> None:
    simulation = counted(restarted(0.0), restarted(0.0))
    simulation.trace.extend(counted(restarted(1.0), life=2).trace)

    restarts_are_counted(simulation)


def test_a_supervisor_without_an_intensity_has_the_default_one() -> None:
    with pytest.raises(AssertionError, match="plain restarted 1 times"):
        restarts_are_counted(counted(restarted(0.0), tree=ta.Supervisor(ta.child(Worker, name="a"), name="plain")))


INN = ta.Supervisor(
    ta.child(Worker, name="host"),
    ta.Supervisor(name="inn", strategy=ta.Strategy.DYNAMIC, intensity=ta.Intensity(2, 5.0)),
    name="street",
    intensity=ta.Intensity(9, 1.0),
)


def test_a_dynamic_supervisor_may_give_up_after_restarts_of_children_that_came_later() -> None:
    records = restarted(0.0, "guest"), restarted(1.0, "other guest"), gave_up(5.0, "inn")

    restarts_are_counted(counted(*records, tree=INN, restarters={0: "inn", 1: "inn"}))


@pytest.mark.parametrize("records", [[restarted(1.0, "guest")], [restarted(0.0, "host")] * 2, [restarted(0.0, "guest")] * 2])
def test_a_dynamic_supervisor_that_gives_up_too_early_is_found(records: Sequence[TraceRecord]) -> None:
    by_the_inn = {place: "inn" for place, record in enumerate(records) if record.child == "guest"}

    with pytest.raises(AssertionError, match=r"inn gave up after [01] restarts within 5 s"):
        restarts_are_counted(counted(*records, gave_up(5.1, "inn"), tree=INN, restarters=by_the_inn))


def test_a_dynamic_supervisor_that_restarts_too_often_is_found() -> None:
    with pytest.raises(AssertionError, match="inn restarted 3 times within 5 s"):
        restarts_are_counted(counted(*[restarted(1.0, "guest")] * 3, tree=INN, restarters=dict.fromkeys(range(3), "inn")))


def test_a_child_counts_where_it_is_now_and_not_where_it_was_declared() -> None:
    records = restarted(0.0), restarted(0.0), restarted(0.0), gave_up(1.0)

    restarts_are_counted(counted(*records, restarters={1: "elsewhere"}))


def test_children_that_are_added_and_deleted_by_hand_count_while_they_are_there() -> None:
    tree = ta.Supervisor(ta.child(Worker, name="a"), name="top", intensity=ta.Intensity(2, 5.0))

    async def change_places(system: ta.System) -> None:
        top = system.supervisor("top")
        await top.start_child(ta.child(Worker, name="b"))
        await top.terminate_child("a")
        await top.delete_child("a")

    async def workload(simulation: Simulation) -> None:
        async def client(me: Client) -> None:
            await me.use(change_places)
            for _ in range(3):
                crash(await simulation.get(Worker, "b"))
                await trio.testing.wait_all_tasks_blocked()

        await simulation.clients(1, client)
        assert [record.child for _, record in simulation.trace if isinstance(record, GaveUp)] == ["top"]

    simulate(workload, tree=tree, store=None, faults=Faults.none(), shrinking=0)


def test_without_a_tree_nobody_is_counted() -> None:
    restarts_are_counted(counted(restarted(0.0), tree=None))


PATIENT = ta.Supervisor(ta.child(Worker, name="a"), name="patient", backoff=ta.Backoff())


def test_a_supervisor_with_back_off_restarts_without_limit() -> None:
    restarts_are_counted(counted(*[restarted(0.0)] * 99, tree=PATIENT))


def test_a_supervisor_that_gives_up_although_nothing_counts_against_it_is_found() -> None:
    with pytest.raises(AssertionError, match="patient gave up, but restarts do not count against it"):
        restarts_are_counted(counted(gave_up(1.0, "patient"), tree=PATIENT))


EACH = ta.Supervisor(
    ta.child(Worker, name="a"), ta.child(Worker, name="b"), name="each", child_intensity=ta.Intensity(limit=1, period=5.0)
)


def failed(time: float, child: str = "a") -> TraceRecord:
    return ChildFailed(time=time, child=child, restarts=2, reason=KILLED)


def missed(time: float, child: str = "a") -> TraceRecord:
    return ChildStartFailed(time=time, child=child, reason=KILLED)


@pytest.mark.parametrize(
    "records",
    [
        [restarted(0.0), started(0.0, "a"), restarted(0.0, "b"), started(0.0, "b"), failed(5.0), failed(5.0, "b")],
        [restarted(0.0), started(0.0, "a"), restarted(5.1)],
        [restarted(0.0), started(0.0, "a"), started(1.0, "a"), restarted(1.0), started(1.0, "a"), failed(2.0)],
        [restarted(0.0), started(0.5, "a"), restarted(1.0)],
        [restarted(0.0), started(0.5, "a"), failed(1.0)],
        [restarted(0.0), missed(0.0), failed(0.0), started(1.0, "a"), restarted(1.0)],
        [restarted(0.0), started(0.0, "a"), started(1.0, "each"), restarted(1.0)],
        [restarted(0.0), ChildIgnored(time=0.0, child="a"), started(0.0, "a"), restarted(1.0)],
    ],
    ids=[
        "each",
        "later",
        "by hand",
        "perhaps by hand",
        "perhaps a slow start",
        "after it failed",
        "a new supervisor",
        "after it declined",
    ],
)
def test_restarts_within_the_budget_of_each_child_pass(records: Sequence[TraceRecord]) -> None:
    by_each = dict.fromkeys(range(len(records)), "each")

    restarts_are_counted(counted(*records, tree=EACH, restarters=by_each))


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ([restarted(0.0), started(0.0, "a"), restarted(5.0)], r"a is restarted at 5, again after \[0\.0\]"),
        ([restarted(0.0), missed(0.0), restarted(0.0)], "a is restarted at 0, again after"),
        ([failed(1.0)], "a failed after 0 restarts"),
        ([restarted(0.0, "b"), failed(1.0)], "a failed after 0 restarts"),
        ([restarted(0.0), started(0.0, "a"), failed(5.1)], "a failed after 0 restarts"),
        ([restarted(0.0), started(0.0, "a"), started(1.0, "a"), failed(1.0)], "a failed after 0 restarts"),
    ],
    ids=["too many", "a failed try", "none", "of another", "long ago", "by hand"],
)
def test_a_restart_too_many_or_too_few_of_one_child_is_found(records: Sequence[TraceRecord], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        restarts_are_counted(counted(*records, tree=EACH))


def test_children_of_system_start_have_the_budget_of_the_settings() -> None:
    simulation = counted(restarted(0.0, "x"), restarted(0.0, "x"), tree=None, restarters={0: ":dynamic", 1: ":dynamic"})

    with pytest.raises(AssertionError, match="x is restarted at 0, again after"):
        restarts_are_counted(simulation)


# --- timers ---


def fired(incarnation: int) -> TraceRecord:
    return TimerFired(time=2.0, child="a", handler="tick", incarnation=incarnation)


EXITED = ChildExited(time=1.0, child="a", incarnation=1, reason=Exit(ExitKind.SHUTDOWN))


def test_timers_of_the_living_pass() -> None:
    timers_are_of_the_living(fabricated(trace=[(1, fired(1)), (1, EXITED), (1, fired(2)), (2, fired(1))]))


def test_timers_of_a_child_that_was_forgotten_and_made_anew_pass() -> None:
    started = ChildStarted(time=0.5, child="a", incarnation=1)
    timers_are_of_the_living(fabricated(trace=[(1, started), (1, EXITED), (1, started), (1, fired(1))]))


def test_timers_of_a_child_that_was_made_anew_after_a_start_failed_pass() -> None:
    started = ChildStarted(time=1.5, child="a", incarnation=1)
    timers_are_of_the_living(fabricated(trace=[(1, EXITED), (1, started), (1, fired(1))]))


def test_a_timer_of_an_incarnation_that_is_over_is_found() -> None:
    with pytest.raises(AssertionError, match=r"a timer of a fired at 2, after the exit of its incarnation 1"):
        timers_are_of_the_living(fabricated(trace=[(1, EXITED), (1, fired(1))]))


# --- ledgers ---


def balanced(ledger: Ledger) -> None:
    async def quiesce(*, timeout: float) -> None:  # noqa: ASYNC109 - as a system has it
        del timeout
        await trio.lowlevel.checkpoint()

    async def system() -> object:
        await trio.lowlevel.checkpoint()
        return SimpleNamespace(ledger=lambda: ledger, quiesce=quiesce)

    async def main() -> None:
        await ledgers_balance(fabricated(system=system))

    run(main)


def test_a_ledger_in_which_all_is_done_passes() -> None:
    balanced(Ledger(accepted=4, handled=1, crashed=1, expired=1, refused=1))


@pytest.mark.parametrize(
    ("ledger", "text"),
    [
        (Ledger(accepted=4, handled=3), "the ledger does not balance"),
        (Ledger(accepted=4, handled=3, waiting=1), "messages wait"),
        (Ledger(accepted=4, handled=3, in_progress=1), "messages are in progress"),
    ],
)
def test_a_message_that_is_nowhere_or_not_done_is_found(ledger: Ledger, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        balanced(ledger)


def test_all_of_these_look_at_every_run() -> None:
    assert {each_call_ends_once, restarts_are_counted, timers_are_of_the_living, ledgers_balance} <= set(ALWAYS)


# --- crashes are planned ---


@pytest.mark.parametrize("given", ["LookupError", LookupError(), int, None, (LookupError, OSError)], ids=repr)
def test_what_is_no_class_of_errors_cannot_be_planned(given: Any) -> None:
    with pytest.raises(ta.UsageError, match=r"^crashes_are_planned\(.*\): expected the class of an error"):
        crashes_are_planned(given)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def crashed(error: BaseException, kind: ExitKind = CRASH) -> Simulation:
    return fabricated(trace=[(1, ChildExited(time=1.0, child="a", incarnation=1, reason=Exit(kind, error=error)))])


@pytest.mark.parametrize(
    "error",
    [
        PlannedCrash("planned"),
        ta.StorePoisoned("broken"),
        ta.SupervisorGaveUp("top", ()),
        caused(ta.StartFailed("a"), caused(ta.StartFailed("b"), PlannedCrash("planned"))),
        LookupError("one of these"),
        KeyError("one of these, too"),
    ],
)
def test_a_planned_crash_passes(error: Exception) -> None:
    crashes_are_planned(LookupError)(crashed(error))


@pytest.mark.parametrize("error", [ValueError("a bug"), caused(ta.StartFailed("a"), ValueError("a bug")), ta.StartFailed("a")])
def test_an_unplanned_crash_is_found(error: Exception) -> None:
    with pytest.raises(AssertionError, match=r"a crashed unplanned at 1: (ValueError\('a bug'\)|StartFailed)"):
        crashes_are_planned(LookupError)(crashed(error))


def test_an_end_that_is_no_crash_is_no_matter() -> None:
    crashes_are_planned()(crashed(ValueError("a bug"), ExitKind.KILLED))


# --- what was appended ---

OK, FAILED, UNKNOWN = Told.OK, Told.FAILED, Told.UNKNOWN


@pytest.mark.parametrize(
    ("history", "there"),
    [
        ([], []),
        ([("0.0", OK), ("0.1", OK), ("1.0", OK)], ["1.0", "0.0", "0.1"]),
        ([("0.0", FAILED), ("0.1", OK)], ["0.1"]),
        ([("0.0", UNKNOWN), ("0.1", UNKNOWN)], ["0.1"]),
        ([("0.0", OK), ("0.1", UNKNOWN), ("0.2", OK)], ["0.1", "0.0", "0.2"]),
        ([("0.1", OK), ("0.0", OK)], ["0.1", "0.0"]),
    ],
)
def test_a_row_that_fits_what_was_told_passes(history: Sequence[tuple[str, Told]], there: Sequence[str]) -> None:
    appended(one_after_another(history), there)


@pytest.mark.parametrize("there", [["0.0", "0.1", "0.2"], ["0.1", "0.0", "0.2"]])
def test_of_two_calls_at_once_either_may_come_first(there: Sequence[str]) -> None:
    history = [operation("0.0", OK, 0.0, 2.0), operation("0.1", OK, 1.0, 2.0), operation("0.2", OK, 2.0, 3.0)]

    appended(history, there)
    with pytest.raises(AssertionError, match="client 0 got OK for"):
        appended(history, ["0.0", "0.2", "0.1"])


@pytest.mark.parametrize("there", [["0.0", "0.1", "0.2"], ["0.1", "0.0", "0.2"]])
def test_calls_of_one_moment_are_told_apart_by_what_had_ended_before(there: Sequence[str]) -> None:
    spans = {"0.0": (0, 0), "0.1": (0, 1), "0.2": (2, 2)}
    history = [attrs.evolve(operation(name, OK, 0.0, 0.0), span=span) for name, span in spans.items()]

    appended(history, there)
    with pytest.raises(AssertionError, match="client 0 got OK for"):
        appended(history, ["0.0", "0.2", "0.1"])


@pytest.mark.parametrize(
    ("history", "there", "text"),
    [
        ([("0.0", OK)], [], "0.0 was reported ok and is in the list 0 times"),
        ([("0.0", OK)], ["0.0", "0.0"], "0.0 was reported ok and is in the list 2 times"),
        ([("0.0", FAILED)], ["0.0"], "0.0 was reported failed and is in the list 1 times"),
        ([("0.0", UNKNOWN)], ["0.0", "0.0"], "0.0 was reported unknown and is in the list 2 times"),
        ([("0.0", OK)], ["0.0", "7.7"], r"no call has these ids: \['7.7'\]"),
        ([("0.0", OK), ("0.1", OK)], ["0.1", "0.0"], r"client 0 got OK for \['0.0', '0.1'\], in this order, but the list has"),
    ],
)
def test_a_row_that_does_not_is_found(history: Sequence[tuple[str, Told]], there: Sequence[str], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        appended(one_after_another(history), there)
