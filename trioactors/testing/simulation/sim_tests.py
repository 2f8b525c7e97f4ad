"""Simulations as tests for pytest.

    @sim_test(tree=shop, seeds=200)
    async def test_no_order_is_lost(simulation: Simulation) -> None: ...

The test tries the cases in its corpus first, then the seeds. The first failure ends the test: it is shrunk, kept in the corpus, and raised
with a note that says how to repeat it. Commit the case together with the fix; every later run of the test tries it.
"""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import attrs

from trioactors.annotations import signature_of
from trioactors.errors import UsageError
from trioactors.persistence.store import Store
from trioactors.settings import Settings
from trioactors.supervision.specs import Supervisor
from trioactors.system.system import System
from trioactors.testing.exploring import SEEDS, Request
from trioactors.testing.given import require_type, seeds_asked, seeds_from
from trioactors.testing.playing import STEPS
from trioactors.testing.schedules import Policy, PolicyWord, chosen_policy
from trioactors.testing.simulation.cases import kept_cases
from trioactors.testing.simulation.checks import Check
from trioactors.testing.simulation.mistakes import Answers, Names
from trioactors.testing.simulation.plans import Faults
from trioactors.testing.simulation.random_clients import RandomClients
from trioactors.testing.simulation.scenarios import LIMIT, Scenario, Simulated, Workload
from trioactors.testing.simulation.simulating import SHRINKING, case_from, replayed, scenario_of, tried

__all__ = ["NEVER_MET", "NEVER_REACHED", "REACHED", "Report", "SimTest", "sim_test", "trials"]

NEVER_REACHED: Final = "trioactors: never reached"
"""The property of a test's report that holds points which none of its runs reached; the plugin prints them."""

NEVER_MET: Final = "trioactors: never met"
"""The same for points that are known only from the source; the plugin prints them unless another test reached them."""

REACHED: Final = "trioactors: reached"
"""The same for points that some run reached."""


@attrs.frozen
class Report:
    """A summary of many runs without errors."""

    runs: int
    points: Mapping[str, int]
    """The number of runs that reached each `sometimes` point."""
    lives: int
    operations: int
    faults: Mapping[str, int] = attrs.field(factory=dict[str, int])
    moments: Mapping[str, int] = attrs.field(factory=dict[str, int])
    """The number of runs that reached each moment inside the library."""
    unmet: frozenset[str] = frozenset()
    """The points in the source of the test that no run has passed."""

    @property
    def never(self) -> tuple[str, ...]:
        """The points that no run has reached."""
        return tuple(sorted(name for name, runs in self.points.items() if not runs))


def trials(scenario: Scenario, seeds: Iterable[int], *, shrinking: float = SHRINKING, corpus: Path | None = None) -> Report:
    """Run all *seeds*. Raises the first failure."""
    tally = _Tally()
    for seed in seeds:
        tally.add(tried(scenario, seed, shrinking=shrinking, corpus=corpus))
    return tally.report(scenario.points)


class _Tally:
    def __init__(self) -> None:
        self._runs = self._lives = self._operations = 0
        self._points: Counter[str] = Counter()
        self._moments: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._names = Names(runs=0)
        self._answers = Answers()

    def add(self, run: Simulated) -> None:
        """Count a run without errors."""
        self._runs += 1
        self._lives += run.lives
        self._operations += len(run.history)
        self._points.update({name: int(times > 0) for name, times in run.points.items()})
        self._moments.update({name: int(times > 0) for name, times in run.moments.items()})
        self._faults.update(one.kind.value for one in run.happened)
        self._names.add(run.names)
        self._answers.add(run.history)

    def report(self, known: frozenset[str]) -> Report:
        """The totals, with the points that are *known* from the source.

        Raises `UsageError` if the test looked up a name that no run had, or if no call got a reply.
        """
        self._names.look()
        self._answers.look()
        unmet = known - self._points.keys()
        points = {**self._points, **dict.fromkeys(unmet, 0)}
        return Report(self._runs, points, self._lives, self._operations, dict(self._faults), dict(self._moments), unmet)


class SimTest(Protocol):
    """A test that runs many simulations. Other programs can run its `scenario` under more seeds."""

    scenario: Scenario

    def __call__(self, *, request: Request | None = None) -> None:
        """Run the corpus and the seeds, as the command line of pytest says."""
        ...


def sim_test(
    without_brackets: None = None,
    /,
    *,
    tree: Supervisor | None = None,
    app: Callable[[System], Awaitable[Any]] | None = None,
    store: str | Callable[[], Store] | None = "file:",
    settings: Settings | None = None,
    seeds: int | Sequence[int] = SEEDS,
    faults: Faults | None = None,
    policy: Policy | PolicyWord = Policy.MIX,
    check: Sequence[Check] = (),
    random_clients: RandomClients | None = None,
    corpus: Path | None = None,
    steps: int = STEPS,
    limit: float = LIMIT,
) -> Callable[[Workload], SimTest]:
    """Make a test of a workload, which is simulated under many seeds.

        @sim_test(tree=bank, seeds=200)
        async def test_no_money_is_lost(simulation: Simulation) -> None: ...

    *seeds* is their number, or a list of seeds. Failures are kept in *corpus*, by default the folder `corpus/<file>.<name of the test>`
    beside the file of the test. The other arguments are those of `simulate`.
    """
    _look_at(without_brackets, corpus)
    tried_seeds = seeds_from("sim_test", seeds)

    make = functools.partial(
        scenario_of,
        tree=tree,
        app=app,
        store=store,
        settings=settings,
        faults=faults,
        policy=policy,
        check=check,
        random_clients=random_clients,
        steps=steps,
        limit=limit,
    )

    def decorated(workload: Workload) -> SimTest:
        scenario = make(workload)
        _look_at_workload(workload)
        place = Path(inspect.getfile(workload)).parent / "corpus" / scenario.test if corpus is None else corpus

        return _as_test(workload, scenario, functools.partial(_run, scenario, tried_seeds, place))

    return decorated


def _look_at(test: object, corpus: object) -> None:
    if test is not None:
        name = getattr(test, "__name__", repr(test))
        raise UsageError(f"@sim_test above {name} has no parentheses: write @sim_test(tree=...)")
    require_type("sim_test(corpus=...)", corpus, Path | None, "Path(...) of a folder")


def _look_at_workload(workload: Workload) -> None:
    if len(signature_of(workload).parameters) != 1:
        raise UsageError(
            f"{workload.__name__} must take a Simulation and nothing else: a workload runs many times, so it cannot be a method or use "
            f"fixtures; create what it needs inside it"
        )


def _as_test(workload: Workload, scenario: Scenario, run: Callable[[Request | None], None]) -> SimTest:
    @functools.wraps(workload)
    def simulated(*, request: Request | None = None) -> None:
        run(request)

    vars(simulated)["__signature__"] = inspect.Signature([inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY)])
    vars(simulated)["scenario"] = scenario
    made: Any = simulated
    test: SimTest = made
    return test


def _run(scenario: Scenario, seeds: Sequence[int], corpus: Path, request: Request | None) -> None:
    def asked(option: str) -> Any:
        return None if request is None else request.config.getoption(f"--trioactors-{option}", None)

    if (case := asked("case")) is not None:
        replayed(scenario, case_from(Path(case)))
        return
    if (policy := asked("policy")) is not None:
        scenario = attrs.evolve(scenario, policy=chosen_policy(policy))
    if (seed := asked("seed")) is not None:
        trials(scenario, [seed], corpus=corpus)
        return
    for path, kept in kept_cases(corpus):
        _replay(scenario, path, kept)
    number = asked("seeds")
    report = trials(scenario, seeds if number is None else seeds_asked(number), corpus=corpus)
    if request is not None:
        request.node.user_properties += [
            (REACHED if runs else NEVER_MET if point in report.unmet else NEVER_REACHED, point)
            for point, runs in sorted(report.points.items())
        ]


def _replay(scenario: Scenario, path: Path, kept: Any) -> None:
    try:
        replayed(scenario, kept)
    except BaseException as error:
        error.add_note(f"simulate: the case is {path}; run it alone with --trioactors-case={path}")
        raise
