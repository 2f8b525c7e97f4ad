"""What runs have met, and what is drawn next because of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from randomlab.__main__ import options
from randomlab.chance import PLAIN, Chance, Plan
from randomlab.coverage import FAULTS, Coverage, Did, Met, met, said
from randomlab.drawing import drawn
from randomlab.jobs import Done, Job
from randomlab.notes import Got, Note, Op, Sent
from randomlab.reading import read
from randomlab.rounds import ACTS, Results, played
from randomlab.running import watched
from randomlab.source import source
from randomlab.states import BITS, STATES
from randomlab.steering import ROUND, Drawn, plan_after
from trioactors.errors.exits import CRASH, Exit
from trioactors.testing.simulation.plans import Injection, Kind
from trioactors.trace.records import ChildStarted, ChildStartFailed, CommitFailed, TraceRecord


def sent(at: float, page: str = "p") -> Sent:
    return Sent(at=at, life=1, seen=0, page=page, sender="user 0", by=None, target="a", handler="h", way="call", within=None)


def fault(at: float, kind: Kind = Kind.CRASH, seconds: float = 0.0) -> tuple[float, Injection]:
    return at, Injection(kind, at=1, seconds=seconds)


def pairs(acts: Iterable[Did], noted: Iterable[Note], *injected: tuple[float, Injection]) -> frozenset[tuple[str, str]]:
    return met(tuple(acts), tuple(noted), (), injected, frozenset()).pairs


# --- what a run has met ---


def test_a_fault_at_the_moment_of_an_act_is_a_pair_and_one_at_another_time_is_none() -> None:
    did = [Did("write", 5.0, 0, 0)]

    assert pairs(did, (), fault(5.05)) == {("write", "crash")}
    assert pairs(did, (), fault(4.5), fault(5.5)) == set()


def test_a_fault_during_a_call_is_a_pair_until_the_answer_comes() -> None:
    did, notes = [Did("call", 5.0, 0, 0)], [sent(5.0), Got(at=9.0, life=1, seen=0, page="p")]

    assert pairs(did, notes, fault(8.0)) == {("call", "crash")}
    assert pairs(did, notes, fault(9.5)) == set()


def test_an_operation_lasts_until_its_end_is_noted() -> None:
    begins = Op(at=5.0, life=1, seen=0, id="o", what="stop", target="a", phase="begins")
    ends = Op(at=7.0, life=1, seen=0, id="o", what="stop", target="a", phase="done")

    assert pairs([Did("user stop", 5.0, 0, 0)], [begins, ends], fault(6.0)) == {("user stop", "crash")}


def test_the_note_after_an_act_is_its_own_only_if_it_was_made_at_once() -> None:
    notes = [sent(6.0), Got(at=9.0, life=1, seen=0, page="p")]

    assert pairs([Did("write", 5.0, 0, 0)], notes, fault(8.0)) == set()


@pytest.mark.parametrize(("kind", "lasts"), [(Kind.DELAY, True), (Kind.POWER, True), (Kind.CRASH, False), (Kind.CLOCK, False)])
def test_a_fault_lasts_if_it_slows_or_keeps_the_node_down(kind: Kind, *, lasts: bool) -> None:
    assert bool(pairs([Did("write", 5.0, 0, 0)], (), fault(3.0, kind, 2.5))) == lasts


def test_an_act_meets_the_states_that_its_actor_was_in() -> None:
    both = BITS["mailbox: full"] | BITS["loop: in a back-off"]
    found = met([Did("call", 1.0, 0, both), Did("write", 2.0, 0, 0)], (), (), (), frozenset({"mailbox: full"}))

    assert found.places == {("call", "mailbox: full"), ("call", "loop: in a back-off")}
    assert found.acts == {"call", "write"}
    assert found.states == {"mailbox: full"}


@pytest.mark.parametrize(
    ("records", "states"),
    [
        ([CommitFailed(time=1.0, child="a", error="StoreFull")], {"gate: commit failed, store full"}),
        ([CommitFailed(time=1.0, child="a", error="StoreLocked")], {"gate: commit refused"}),
        ([ChildStartFailed(time=1.0, child="a", reason=Exit(CRASH))], set()),
        (
            [ChildStarted(time=0.5, child="a", incarnation=1), ChildStartFailed(time=1.0, child="a", reason=Exit(CRASH))],
            {"loop: restart failed"},
        ),
    ],
)
def test_the_trace_tells_of_commits_and_starts_that_failed(records: list[TraceRecord], states: set[str]) -> None:
    trace = [(1, record) for record in records]

    assert met((), (), trace, (), frozenset()).states == states


@pytest.mark.parametrize("seed", range(300, 320))
def test_what_a_run_meets_is_in_the_lists_and_is_the_same_each_time(seed: int) -> None:
    application = drawn(seed)
    found = watched(application, seed)[1]

    assert found.acts <= set(ACTS)
    assert found.states <= STATES.keys()
    assert {state for _, state in found.places} <= STATES.keys()
    assert {kind for _, kind in found.pairs} <= set(FAULTS)
    assert watched(application, seed)[1] == found


def test_a_session_says_what_it_never_met() -> None:
    coverage = Coverage()
    coverage.add(Met(frozenset({"call"}), frozenset({("call", "crash")}), frozenset({"mailbox: full"}), frozenset()))
    text = "\n".join(said(coverage, ["call", "cast"]))

    assert "1 of 2 acts were met; never: cast" in text
    assert f"1 of {2 * len(FAULTS)} pairs" in text
    assert "  crash never met cast\n  kill never met any" in text
    assert f"1 of {len(STATES)} states were met; never: gate: at rest" in text
    assert "the rarest: mailbox: full (1)" in text


def test_what_was_hardly_met_at_all_is_said_in_short() -> None:
    coverage = Coverage()
    coverage.pairs["act 0", "crash"] = 1
    text = "\n".join(said(coverage, [f"act {number}" for number in range(20)]))

    assert "crash never met act 1, act 2," in text
    assert "act 15 and 4 more" in text


# --- what is drawn next ---


def test_a_plan_is_read_as_it_is_written() -> None:
    plan = Plan({"act user forget": 2.83, "overflow drop_oldest": 0.5, "fault kills": 4.0, "act call": 1.0})

    assert str(plan) == "act user forget 2.83; fault kills 4; overflow drop_oldest 0.5"
    assert Plan.read(str(plan)) == plan
    assert Plan.read("") == PLAIN
    assert options(["--plan", str(plan)]).plan == plan
    assert options(["--plain"]).plan == PLAIN
    assert options([]).plan is None


@pytest.mark.parametrize("seed", range(20))
def test_an_application_follows_from_its_seed_and_its_plan(seed: int) -> None:
    plan = Plan({"act rest": 4.0, "overflow drop_oldest": 4.0})

    assert drawn(seed, plan) == drawn(seed, Plan.read(str(plan)))
    assert read(source(drawn(seed, plan), seed=seed)) == drawn(seed, plan)


def test_what_a_plan_wants_is_drawn_more_often() -> None:
    def often(plan: Plan, text: str) -> int:
        return sum(source(drawn(seed, plan), seed=seed).count(text) for seed in range(200))

    assert often(Plan({"act rest": 4.0}), "act.rest") > 2 * often(PLAIN, "act.rest")
    assert often(Plan({"overflow drop_oldest": 4.0}), "overflow='drop_oldest'") > 1.5 * often(PLAIN, "overflow='drop_oldest'")
    assert often(Plan({"fault kills": 4.0}), "kills=0") < often(PLAIN, "kills=0")
    assert often(Plan({"on_stop": 0.25}), "def on_stop") < 0.5 * often(PLAIN, "def on_stop")


def test_applications_without_faults_stay_as_frequent_whatever_is_wanted() -> None:
    plan = Plan({"fault kills": 4.0, "fault crashes": 4.0})

    assert sum(not any(drawn(seed, plan).faults.values()) for seed in range(150)) > 150 / 4


def test_chance_knows_what_it_drew() -> None:
    chance = Chance.of(1, Plan({"size 2": 4.0}))
    taken = chance.takes("certain", 1.0), chance.takes("never", 0.0), chance.value("size", (1, 2))

    assert taken[:2] == (True, False)
    assert chance.drew == {"certain", f"size {taken[2]}"}


def often_met(acts: Iterable[str], *, but: tuple[str, str]) -> Coverage:
    """All pairs were met a hundred times, except one."""
    coverage = Coverage(runs=100)
    for act in acts:
        for kind in FAULTS:
            coverage.pairs[act, kind] = 1 if (act, kind) == but else 100
    return coverage


def test_an_act_and_a_fault_that_rarely_met_are_drawn_more_often() -> None:
    acts = [f"act {number}" for number in range(10)]
    weights = dict(plan_after(often_met(acts, but=("act 3", "stall")), (), acts).weights)

    assert weights.keys() == {"act act 3", "fault stalls"}
    assert all(weight > 1 for weight in weights.values())


def test_an_option_whose_runs_met_rare_states_is_drawn_more_often_and_others_less() -> None:
    common = Met(frozenset(), frozenset(), frozenset({"common"}), frozenset())
    rare = Met(frozenset(), frozenset(), frozenset({"common", "rare"}), frozenset())
    runs = [*[Drawn(frozenset({"a", "b"}), common)] * 30, *[Drawn(frozenset({"b", "c"}), rare)] * 2]
    coverage = Coverage()
    for run in runs:
        coverage.add(run.met)
    weights = dict(plan_after(coverage, runs, ["call"]).weights)

    assert weights["c"] == 4.0  # the largest there is
    assert weights["a"] < 1 == weights.get("b", 1)


# --- rounds ---


def begun(log: list[Job], jobs: Iterable[Job]) -> Iterable[Done]:
    """Does the jobs at once. Every other run has drawn, and met, what no run of another round has."""
    for job in jobs:
        log.append(job)
        name = f"round {job.seeds[0] // ROUND}"
        usual = Drawn(frozenset({"usual"}), Met(frozenset(), frozenset(), frozenset({"all"}), frozenset()))
        special = Drawn(frozenset({name}), Met(frozenset(), frozenset(), frozenset({"all", name}), frozenset()))
        yield Done(tuple(special if seed % 2 else usual for seed in job.seeds), ())


def sink(_: str) -> None:
    pass


def test_each_round_is_steered_by_the_rounds_before_but_the_last_and_every_other_seed_is_drawn_as_usual() -> None:
    log: list[Job] = []
    results = Results(sink, 5)
    played(range(4 * ROUND), results, lambda jobs: list(begun(log, jobs)), shrinking=0.0, plan=None)
    plans = [{job.plans for job in log if job.seeds[0] // ROUND == number} for number in range(4)]

    assert [len(each) for each in plans] == [1] * 4
    (first,), (second,), (third,), _ = plans
    assert first == second == (PLAIN, PLAIN)
    assert third[0] == PLAIN
    assert {name for name, _ in third[1].weights} == {"usual"}  # drawn less often than what the first round alone has met
    assert [job.plan(6) for job in log] == [PLAIN] * len(log)
    assert results.coverage.runs == 4 * ROUND


def test_a_given_plan_is_that_of_every_seed() -> None:
    log: list[Job] = []
    plan = Plan({"act rest": 2.0})
    played(range(3 * ROUND), Results(sink, 5), lambda jobs: list(begun(log, jobs)), shrinking=0.0, plan=plan)

    assert {job.plan(seed) for job in log for seed in job.seeds} == {plan}


def test_the_lab_stops_after_enough_findings() -> None:
    told: list[str] = []
    results = Results(told.append, 3)
    played(
        range(10 * ROUND),
        results,
        lambda jobs: (Done((), (f"finding {job.seeds[0]}",)) for job in jobs),
        shrinking=0.0,
        plan=None,
    )

    assert len(told) == results.found == 3
