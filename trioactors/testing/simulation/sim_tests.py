"""Simulations as tests for pytest.

    @sim_test(tree=shop, seeds=200)
    async def test_no_order_is_lost(simulation: Simulation) -> None: ...

First the cases in the test's corpus are tried, then the seeds. The first failure ends the test: it is made small, kept in the corpus, and
re-raised with a note that says how to see it again. Commit the case together with what mends it; it is tried at every run from then on.
"""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import attrs

from trioactors.errors import UsageError
from trioactors.persistence.store import Store
from trioactors.settings import Settings
from trioactors.supervision.specs import Supervisor
from trioactors.system.system import System
from trioactors.testing.exploring import SEEDS
from trioactors.testing.given import look_at_instance, look_at_seeds, seeds_asked
from trioactors.testing.playing import STEPS
from trioactors.testing.schedules import Policy, chosen_policy
from trioactors.testing.simulation.cases import kept_cases
from trioactors.testing.simulation.checks import Check
from trioactors.testing.simulation.mistakes import Answers, Names
from trioactors.testing.simulation.plans import Faults
from trioactors.testing.simulation.scenarios import LIMIT, Scenario, Simulated, Workload
from trioactors.testing.simulation.simulating import SHRINKING, case_from, replayed, scenario_of, tried

__all__ = ["NEVER_MET", "NEVER_REACHED", "REACHED", "Report", "SimTest", "sim_test", "trials"]

NEVER_REACHED: Final = "trioactors: never reached"
"""The property of a test's report that has the points which no run of it has reached; the plugin prints them."""

NEVER_MET: Final = "trioactors: never met"
"""The same for those that are known by their source only; the plugin prints them where no other test has reached them."""

REACHED: Final = "trioactors: reached"
"""Those that some run has reached."""


@attrs.frozen
class Report:
    """What many sound runs have shown."""

    runs: int
    points: Mapping[str, int]
    """How many runs have reached each `sometimes` point of the test."""
    lives: int
    operations: int
    faults: Mapping[str, int] = attrs.field(factory=dict[str, int])
    moments: Mapping[str, int] = attrs.field(factory=dict[str, int])
    """How many have reached each moment of the library's own."""
    unmet: frozenset[str] = frozenset()
    """The points that stand in the source of the test, and that no run has passed."""

    @property
    def never(self) -> tuple[str, ...]:
        """The points that none of them has reached."""
        return tuple(sorted(name for name, runs in self.points.items() if not runs))


def trials(scenario: Scenario, seeds: Iterable[int], *, shrinking: float = SHRINKING, corpus: Path | None = None) -> Report:
    """Run all *seeds*. Raises what is wrong with the first that is not sound."""
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
        """Count a sound run."""
        self._runs += 1
        self._lives += run.lives
        self._operations += len(run.history)
        self._points.update({name: int(times > 0) for name, times in run.points.items()})
        self._moments.update({name: int(times > 0) for name, times in run.moments.items()})
        self._faults.update(one.kind.value for one in run.happened)
        self._names.add(run.names)
        self._answers.add(run.history)

    def report(self, known: frozenset[str]) -> Report:
        """What was counted, with the points that are *known* by their source.

        Raises `UsageError` where the test asked for a name that none of its runs has met, and where nobody was ever answered.
        """
        self._names.look()
        self._answers.look()
        unmet = known - self._points.keys()
        points = {**self._points, **dict.fromkeys(unmet, 0)}
        return Report(self._runs, points, self._lives, self._operations, dict(self._faults), dict(self._moments), unmet)


class _Request(Protocol):
    """What pytest's `request` is used for."""

    @property
    def config(self) -> Any: ...
    @property
    def node(self) -> Any: ...


class SimTest(Protocol):
    """A test of many simulations; `scenario` is what they run, for programs that run more of them."""

    scenario: Scenario

    def __call__(self, *, request: _Request | None = None) -> None:
        """Run the corpus and the seeds, as pytest's command line says."""
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
    policy: Policy | str = Policy.MIX,
    check: Sequence[Check] = (),
    corpus: Path | None = None,
    steps: int = STEPS,
    limit: float = LIMIT,
) -> Callable[[Workload], SimTest]:
    """Make a test of a workload: it is simulated under so many *seeds*, or under just those. The rest is as for `simulate`.

    Failures are kept in *corpus*, by default the folder `corpus/<file>.<name of the test>` beside the test's file.
    """
    _look_at(without_brackets, seeds, corpus)
    tried_seeds = range(seeds) if isinstance(seeds, int) else tuple(seeds)

    make = functools.partial(
        scenario_of,
        tree=tree,
        app=app,
        store=store,
        settings=settings,
        faults=faults,
        policy=policy,
        check=check,
        steps=steps,
        limit=limit,
    )

    def decorated(workload: Workload) -> SimTest:
        scenario = make(workload)
        if len(inspect.signature(workload).parameters) != 1:
            raise UsageError(
                f"{workload.__name__} must take a Simulation and nothing else: a workload runs many times, so it is no method and has no "
                f"fixtures; make what you need in it"
            )
        place = Path(inspect.getfile(workload)).parent / "corpus" / scenario.test if corpus is None else corpus

        return _as_test(workload, scenario, functools.partial(_run, scenario, tried_seeds, place))

    return decorated


def _look_at(test: object, seeds: Any, corpus: object) -> None:
    """Refuse what no type checker has seen."""
    if test is not None:
        name = getattr(test, "__name__", repr(test))
        raise UsageError(f"@sim_test above {name} has no brackets: write @sim_test(tree=...), with what is to be simulated")
    look_at_instance("sim_test(seeds=...)", seeds, int | Sequence, "how many, or the seeds themselves, in a list")
    look_at_instance("sim_test(corpus=...)", corpus, Path | None, "Path(...) of a folder")
    if seeds < 1 if isinstance(seeds, int) else not seeds:
        raise UsageError(f"sim_test(seeds={seeds!r}) would try nothing: give a number above zero, or the seeds themselves")
    if not isinstance(seeds, int):
        look_at_seeds("sim_test", seeds, seeds)


def _as_test(workload: Workload, scenario: Scenario, run: Callable[[_Request | None], None]) -> SimTest:
    @functools.wraps(workload)
    def simulated(*, request: _Request | None = None) -> None:
        run(request)

    vars(simulated)["__signature__"] = inspect.Signature([inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY)])
    vars(simulated)["scenario"] = scenario
    made: Any = simulated
    test: SimTest = made
    return test


def _run(scenario: Scenario, seeds: Sequence[int], corpus: Path, request: _Request | None) -> None:
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
        error.add_note(f"simulate: it is kept in {path}; run it alone with --trioactors-case={path}")
        raise
