"""Simulations as tests, as users of pytest meet them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

import trioactors as ta
from trioactors.testing import Policy, Tape
from trioactors.testing.simulation import Case, Faults, Plan, Simulation, appended, crashes_are_planned, sim_test, simulate
from trioactors.testing.simulation.sim_tests import trials
from trioactors.testing.simulation.simulating import scenario_of

HEAD = """
import pytest, trio, trioactors as ta
from pathlib import Path
from trioactors.testing.simulation import Faults, Simulation, sim_test
from trioactors.testing.simulation.sim_tests import trials
RUNS = []

async def runs(simulation):
    RUNS.append(simulation.seed)
    await simulation.system()

async def one_loses(simulation):
    async def client(me):
        async for turn in me.turns(1, pause=0):
            for _ in range(me.number * 5):
                await trio.lowlevel.checkpoint()
            order.append(me.number)
    RUNS.append(simulation.seed)
    order = []
    await simulation.clients(2, client)
    assert order != [1, 0], "overtaken"
"""

Outcome = Callable[..., pytest.RunResult]

COUNTED = """
@sim_test(seeds={seeds}, store=None, faults=Faults.none())
async def test_it(simulation: Simulation):
    await runs(simulation)

def test_how_often():
    assert RUNS == {runs}
"""


@pytest.mark.parametrize(
    ("seeds", "options", "runs"),
    [
        ("3", [], [0, 1, 2]),
        ("[7, 5]", [], [7, 5]),
        ("3", ["--trioactors-seeds=5"], [0, 1, 2, 3, 4]),
        ("3", ["--trioactors-seed=9"], [9]),
        ("3", ["--trioactors-seeds=5", "--trioactors-seed=9"], [9]),
    ],
)
def test_a_test_runs_under_its_seeds_or_those_of_the_command_line(
    outcome_of: Outcome, seeds: str, options: list[str], runs: list[int]
) -> None:
    outcome_of(COUNTED.format(seeds=seeds, runs=runs), *options).assert_outcomes(passed=2)


RACE = """
@sim_test(seeds=[1, 2, 5], store=None, faults=Faults.none())
async def test_race(simulation: Simulation):
    await one_loses(simulation)
"""


def test_a_failure_is_told_in_one_line_and_what_it_says_fails_again(outcome_of: Outcome, pytester: pytest.Pytester) -> None:
    result = outcome_of(RACE)

    result.assert_outcomes(failed=1)
    [line] = [line for line in result.outlines if line.startswith("E ") and "Repeat it with" in line]
    found = re.search(
        r'simulate: seed (\d+) fails\. Repeat it with seed=\1, policy="(\w+)" '
        r"\(pytest: (--trioactors-seed=\1) (--trioactors-policy=\2)\); "
        r"shrunk to 2 clients, 2 turns, 0 faults \(no fault\): case=Path\('(.*)'\)",
        line,
    )
    assert found is not None
    case = Path(found[5])
    assert case.parent == pytester.path / "corpus" / "test_a_failure_is_told_in_one_line_and_what_it_says_fails_again.test_race"
    outcome_of(RACE, f"--trioactors-case={case}").assert_outcomes(failed=1)
    kept = case.read_text(encoding="utf-8")
    case.unlink()
    outcome_of(RACE, found[3], found[4]).assert_outcomes(failed=1)
    assert case.read_text(encoding="utf-8") == kept


def test_the_policy_can_be_chosen(outcome_of: Outcome) -> None:
    outcome_of(RACE, "--trioactors-policy=batch").assert_outcomes(passed=1)


KEPT = """
@sim_test(seeds=[1, 2], store=None, faults=Faults.none(){options})
async def test_race(simulation: Simulation):
    await runs(simulation)
    assert simulation.seed != {fails}, "it fails"

def test_how_often():
    assert RUNS == {runs}
"""


def keep_a_case(folder: Path) -> Path:
    return Case(77, Plan(), Tape(Policy.STEP)).keep_in(folder)


def test_the_corpus_is_tried_first(outcome_of: Outcome, pytester: pytest.Pytester) -> None:
    path = keep_a_case(pytester.path / "corpus" / "test_the_corpus_is_tried_first.test_race")

    result = outcome_of(KEPT.format(fails=77, runs=[77], options=""))

    result.assert_outcomes(failed=1, passed=1)
    assert f"simulate: the case is {path}; run it alone with --trioactors-case={path}" in result.stdout.str()
    assert [*path.parent.iterdir()] == [path]


def test_what_was_mended_passes_with_its_corpus(outcome_of: Outcome, pytester: pytest.Pytester) -> None:
    keep_a_case(pytester.path / "corpus" / "test_what_was_mended_passes_with_its_corpus.test_race")

    outcome_of(KEPT.format(fails=78, runs=[77, 1, 2], options="")).assert_outcomes(passed=2)


def test_the_corpus_can_be_elsewhere(outcome_of: Outcome, pytester: pytest.Pytester) -> None:
    keep_a_case(pytester.path / "elsewhere")

    outcome_of(KEPT.format(fails=2, runs=[], options=", corpus=Path(__file__).parent / 'elsewhere'"))

    assert len(list((pytester.path / "elsewhere").iterdir())) == 2


def test_a_bad_case_in_the_corpus_is_named(outcome_of: Outcome, pytester: pytest.Pytester) -> None:
    corpus = pytester.path / "corpus" / "test_a_bad_case_in_the_corpus_is_named.test_race"
    corpus.mkdir(parents=True)
    (corpus / "bad.json").write_text("{}", encoding="utf-8")

    result = outcome_of(RACE)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*UsageError: *bad.json: this is not a case of a simulation*"])


def test_two_modules_with_a_test_of_the_same_name_have_each_its_corpus(outcome_of: Outcome, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_other=HEAD + RACE)

    outcome_of(RACE).assert_outcomes(failed=2)

    kept = sorted(path.name for path in (pytester.path / "corpus").iterdir())
    assert kept == ["test_other.test_race", "test_two_modules_with_a_test_of_the_same_name_have_each_its_corpus.test_race"]


def test_a_case_of_another_test_is_refused_by_name(outcome_of: Outcome, pytester: pytest.Pytester) -> None:
    outcome_of(RACE).assert_outcomes(failed=1)
    [case] = pytester.path.glob("corpus/*/*.json")

    result = outcome_of(RACE.replace("test_race", "test_other"), f"--trioactors-case={case}")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*UsageError: this case (seed *) belongs to *.test_race and means nothing in *.test_other: *-k*"])


def test_a_case_that_is_not_there_is_named(outcome_of: Outcome) -> None:
    result = outcome_of(RACE, "--trioactors-case=nowhere.json")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*UsageError: nowhere.json: *"])


def test_points_that_no_run_has_reached_are_printed(outcome_of: Outcome) -> None:
    result = outcome_of("""
@sim_test(seeds=5, store=None, faults=Faults.none())
async def test_it(simulation: Simulation):
    await runs(simulation)
    simulation.sometimes("in none", condition=False)
    simulation.sometimes("in one", condition=simulation.seed == 3)
    simulation.sometimes("nor here", condition=None)
""")

    result.assert_outcomes(passed=1)
    assert [line for line in result.outlines if "no run reached" in line] == [
        "test_points_that_no_run_has_reached_are_printed.py::test_it: no run reached 'in none', 'nor here'"
    ]


def test_points_that_were_never_passed_are_printed_unless_another_test_has_reached_them(outcome_of: Outcome) -> None:
    result = outcome_of("""
def shared(simulation, number):
    if number == 3:
        simulation.sometimes("three")
    if number == 4:
        simulation.sometimes("four")

@sim_test(seeds=5, store=None, faults=Faults.none())
async def test_zero(simulation: Simulation):
    await runs(simulation)
    shared(simulation, 0)

@sim_test(seeds=5, store=None, faults=Faults.none())
async def test_three(simulation: Simulation):
    await runs(simulation)
    shared(simulation, 3)
""")

    result.assert_outcomes(passed=2)
    told = [line.partition("::")[2] for line in result.outlines if "no run reached" in line]
    assert told == ["test_zero: no run reached 'four'", "test_three: no run reached 'four'"]


def test_where_every_point_was_reached_nothing_is_printed(outcome_of: Outcome) -> None:
    assert not [line for line in outcome_of(COUNTED.format(seeds=1, runs=[0])).outlines if "no run reached" in line]


def test_moments_that_the_library_itself_wants_to_reach_are_no_news_to_a_test(outcome_of: Outcome) -> None:
    result = outcome_of("""
from attrs import define

@define
class Kept:
    times: int = 0

class Memory(ta.Actor[Kept], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def keep(self) -> None:
        self.state.times += 1

@sim_test(seeds=10, tree=ta.Supervisor(ta.child(Memory, name="memory"), name="top"))
async def test_it(simulation: Simulation):
    async def client(me):
        await me.call(Memory, "memory", lambda memory: memory.keep())
    await simulation.clients(1, client)

def test_moments():
    moments = trials(test_it.scenario, range(10)).moments
    assert not all(moments.values())
    assert all(name.endswith("while a commit is on its way") for name in moments)
""")

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*no run reached*")


def test_no_seeds_on_the_command_line_are_refused(outcome_of: Outcome) -> None:
    result = outcome_of(COUNTED.format(seeds=3, runs=[]), "--trioactors-seeds=0")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*UsageError: --trioactors-seeds=0: this would try nothing*"])


def test_what_shuffles_tests_and_seeds_chance_anew_changes_no_run(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(
        HEAD
        + """
from trioactors.testing.simulation import simulate

class Memory(ta.Actor[None]):
    @ta.handler
    async def keep(self) -> None:
        await trio.sleep(0.1)

async def work(simulation):
    async def client(me):
        async for turn in me.turns(4):
            await me.call(Memory, "memory", lambda memory: memory.keep())
    await simulation.clients(3, client)

@pytest.mark.parametrize("seed", range(8))
def test_it(seed):
    run = simulate(work, tree=ta.Supervisor(ta.child(Memory, name="memory"), name="top"), seed=seed)
    with open("digests", "a") as file:
        file.write(f"{seed} {run.digest}\\n")
"""
    )
    digests: list[list[str]] = []
    for options in (["-p", "no:randomly"], ["--randomly-seed=1"], ["--randomly-seed=2"]):
        pytester.runpytest("-p", "no:cacheprovider", *options).assert_outcomes(passed=8)
        digests.append((pytester.path / "digests").read_text(encoding="utf-8").splitlines())
        (pytester.path / "digests").unlink()

    assert digests[0] != digests[1], "nothing was shuffled"
    assert sorted(digests[0]) == sorted(digests[1]) == sorted(digests[2])
    assert len(set(digests[0])) == 8


# --- without pytest ---


async def quiet(simulation: Simulation) -> None:
    await simulation.system()
    simulation.sometimes("odd", condition=simulation.seed % 2)
    simulation.sometimes("never", condition=False)


def test_a_sim_test_can_be_called(tmp_path: Path) -> None:
    seen: list[int] = []

    @sim_test(seeds=4, store=None, faults=Faults.none(), corpus=tmp_path)
    async def test(simulation: Simulation) -> None:
        await simulation.system()
        seen.append(simulation.seed)

    test()

    assert seen == [0, 1, 2, 3]
    assert trials(test.scenario, [8]).runs == 1
    assert seen[-1] == 8


def test_trials_are_summed_up() -> None:
    report = trials(scenario_of(quiet), range(20))

    assert (report.runs, report.operations) == (20, 0)
    assert report.points["odd"] == 10
    assert "never" in report.never
    assert "odd" not in report.never
    assert report.lives > 40
    assert sum(report.faults.values()) > 10


def test_trials_keep_what_fails(tmp_path: Path) -> None:
    async def third(simulation: Simulation) -> None:
        await simulation.system()
        assert simulation.seed != 2, "the third"

    with pytest.raises(AssertionError, match="the third"):
        trials(scenario_of(third, store=None), range(5), corpus=tmp_path)

    [path] = tmp_path.iterdir()
    assert Case.load(path).seed == 2
    assert Case.load(path).failure.startswith("AssertionError: the third")


# --- bad use ---


def test_nothing_to_try_is_refused() -> None:
    nothing: list[Any] = [0, -1, []]
    for seeds in nothing:
        with pytest.raises(
            ta.UsageError, match=re.escape(f"sim_test(seeds={seeds!r}): this would try nothing; expected a number above zero")
        ):
            sim_test(seeds=seeds)


@pytest.mark.parametrize("use", [sim_test(), simulate])
def test_a_synchronous_workload_is_refused(use: Callable[..., Any]) -> None:
    def test(simulation: Simulation) -> None:
        pass

    with pytest.raises(ta.UsageError, match="takes an async function that takes a Simulation, not <function"):
        use(test)


def test_a_workload_with_fixtures_is_refused() -> None:
    async def test_it(simulation: Simulation, tmp_path: Path) -> None:
        pass

    refused: Any = test_it
    with pytest.raises(ta.UsageError, match="test_it must take a Simulation and nothing else"):
        sim_test()(refused)


@pytest.mark.parametrize("store", ["sqlite:///x", "file:///tmp", "file", "", 7])
def test_a_store_with_a_place_is_refused(store: Any) -> None:
    with pytest.raises(
        ta.UsageError, match=re.escape(f"simulate(store={store!r}): the disk is simulated, so a path has no meaning")
    ):
        simulate(quiet, store=store)


def test_an_unknown_policy_is_refused_by_name() -> None:
    with pytest.raises(ta.UsageError, match="unknown policy 'chaos'; use one of mix, batch, step, priorities"):
        sim_test(policy="chaos")(quiet)


def test_a_case_that_is_no_case_is_refused() -> None:
    with pytest.raises(ta.UsageError, match="this is not a case of a simulation"):
        simulate(quiet, case="{}")


def test_a_file_that_is_given_as_text_is_explained() -> None:
    with pytest.raises(ta.UsageError, match=r"to pass a file, write case=Path\(\.\.\.\)"):
        simulate(quiet, case="corpus/1c37e1ce4517.json")


def plain_app(_: ta.System) -> None: ...


async def never_run(_: Simulation) -> Any:
    yield await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"faults": "none"}, "simulate(faults='none'): expected Faults, such as Faults(crashes=3) or Faults.none()"),
        ({"check": quiet}, "): expected a list of functions that take a Simulation"),
        ({"check": ["sound"]}, "simulate(check=['sound']): expected a list of functions that take a Simulation"),
        (
            {"check": [crashes_are_planned]},
            "simulate(check=[crashes_are_planned]): expected check=[crashes_are_planned()], with parentheses",
        ),
        (
            {"check": [crashes_are_planned(), AssertionError]},
            "simulate(check=[AssertionError]): expected a function, async or not, that takes a Simulation and raises AssertionError",
        ),
        (
            {"check": [never_run]},
            "simulate(check=[never_run]): it contains `yield`, so calling it runs nothing; expected a function",
        ),
        (
            {"check": [appended]},
            "simulate(check=[appended]): it is called with a Simulation, but takes (history: 'Iterable[Operation]'",
        ),
        ({"seed": "17"}, "simulate(seed='17'): expected an integer"),
        (
            {"tree": ta.Actor},
            "simulate(tree=Actor): expected ta.Supervisor(ta.child(...), name=...)",
        ),
        ({"settings": {}}, "simulate(settings={}): expected Settings, such as Settings(call_timeout=3)"),
        (
            {"app": plain_app},
            "simulate(app=plain_app): this is not an async function; expected an async function that takes the system",
        ),
        ({"app": "app"}, "simulate(app='app'): expected an async function that takes the system"),
        ({"case": 5}, "simulate(case=5): expected Path(...) of a kept case, or the text of a case"),
        ({"steps": 0}, "simulate(steps=0): expected the number of steps a run may take, at least 1"),
        ({"limit": -1}, "simulate(limit=-1): expected the virtual time that a run may take in seconds, more than 0"),
        ({"limit": float("nan")}, "simulate(limit=nan): expected the virtual time that a run may take in seconds"),
        ({"limit": "1h"}, "simulate(limit='1h'): expected the virtual time that a run may take in seconds"),
        ({"shrinking": -1}, "simulate(shrinking=-1): expected the real time for shrinking a failure in seconds, 0 or more"),
    ],
)
def test_what_is_no_such_option_is_refused_by_name(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ta.UsageError, match=re.escape(text)):
        simulate(quiet, **options)


def test_seeds_that_are_none_are_refused_by_name() -> None:
    strange: Any = "12"
    with pytest.raises(ta.UsageError, match=re.escape("sim_test(seeds=['1']): expected an integer")):
        sim_test(seeds=strange)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"seeds": 2.5}, "sim_test(seeds=2.5): expected a number of seeds, or a list of seeds"),
        ({"corpus": "corpus"}, "sim_test(corpus='corpus'): expected Path(...) of a folder"),
        ({"limit": 0}, "simulate(limit=0): expected the virtual time"),
    ],
)
def test_what_is_no_such_option_of_a_test_is_refused_by_name(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ta.UsageError, match=re.escape(text)):
        sim_test(**options)(quiet)


def test_a_test_without_brackets_is_told_to_have_some() -> None:
    bare: Any = sim_test

    with pytest.raises(ta.UsageError, match=re.escape("@sim_test above quiet has no parentheses: write @sim_test(tree=...)")):
        bare(quiet)
