"""Run a whole application under a seed that decides its clients, its schedule and its faults.

    simulate(workload, tree=tree, seed=17)

runs it once, in one thread and in virtual time. A failure is raised with a note that says how to repeat it. The same arguments give the
same run, step by step: `Simulated.digest` is the same in every process. `trials` runs many seeds; `@sim_test` makes a test of them.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from trioactors.errors import UsageError
from trioactors.persistence.options import Limits, Options
from trioactors.persistence.store import Store
from trioactors.persistence.urls import installed, store_at
from trioactors.settings import Settings
from trioactors.supervision.specs import Supervisor
from trioactors.system.system import System
from trioactors.testing.given import require, require_check, require_count, require_function, require_seconds, require_type
from trioactors.testing.playing import STEPS
from trioactors.testing.schedules import Policy, PolicyWord, chosen_policy
from trioactors.testing.simulation.cases import Case
from trioactors.testing.simulation.checks import Check, crashes_are_planned, crashes_have_causes, planned_by
from trioactors.testing.simulation.node import Application
from trioactors.testing.simulation.plans import Faults
from trioactors.testing.simulation.random_clients import Crowd, RandomClients
from trioactors.testing.simulation.random_turns import as_workload
from trioactors.testing.simulation.scenarios import LIMIT, Run, Scenario, Simulated, Workload
from trioactors.testing.simulation.shrinking import failure_of, shrunk_run
from trioactors.testing.simulation.world import Simulation

__all__ = ["SHRINKING", "case_from", "quietly", "replayed", "scenario_of", "simulate", "tried"]

_FOLDER: Final = "/simulated"
_SLACK: Final = 2_048
"""Bytes of garbage in a simulated store before it is compacted; few, so that short runs reach it."""

_CHANCE: Final = (
    "something besides the seed decides the run. Look for an object that all runs share (a global, or one that is passed by partial: make "
    "it in a function, or in __init__), real time, the order of a set"
)

SHRINKING: Final = 45.0
"""Seconds of real time for shrinking a failure."""


def scenario_of(
    workload: Workload,
    *,
    tree: Supervisor | None = None,
    app: Callable[[System], Awaitable[Any]] | None = None,
    store: str | Callable[[], Store] | None = "file:",
    settings: Settings | None = None,
    faults: Faults | None = None,
    policy: Policy | PolicyWord = Policy.MIX,
    check: Sequence[Check] = (),
    random_clients: RandomClients | None = None,
    steps: int = STEPS,
    limit: float = LIMIT,
) -> Scenario:
    """Check the arguments of `simulate` and make a scenario of them. Raises `UsageError`."""
    if not inspect.iscoroutinefunction(workload):
        raise UsageError(f"simulate() takes an async function that takes a Simulation, not {workload!r}")
    _look_at(faults, check)
    require_type("simulate(tree=...)", tree, Supervisor | None, "ta.Supervisor(ta.child(...), name=...)")
    require_type("simulate(settings=...)", settings, Settings | None, "Settings, such as Settings(call_timeout=3)")
    if app is not None:
        require_function("simulate(app=...)", app, "the system")
    require_type("simulate(random_clients=...)", random_clients, RandomClients | None, "RandomClients(...)")
    require_count("simulate(steps=...)", steps, "steps a run may take")
    require_seconds("simulate(limit=...)", limit, "the virtual time that a run may take")
    lasting = store is not None and store != "memory:"
    allowed = (Faults() if lasting else Faults().survivable) if faults is None else faults
    return Scenario(
        workload=workload if random_clients is None else _behind(random_clients.on(tree), workload),
        application=Application(
            _stores(store), tree, app, Settings() if settings is None else settings, lasting, planned_by(check)
        ),
        faults=allowed,
        policy=chosen_policy(policy),
        checks=(*check, *([crashes_have_causes] if random_clients is not None else [])),
        steps=steps,
        limit=limit,
    )


def _behind(crowd: Crowd, workload: Workload) -> Workload:
    """The *workload*, once random clients have used the node."""

    @functools.wraps(workload)
    async def both(simulation: Simulation) -> None:
        await crowd.run(simulation)
        await workload(simulation)

    return both


def _look_at(faults: Any, checks: Any) -> None:
    require_type("simulate(faults=...)", faults, Faults | None, "Faults, such as Faults(crashes=3) or Faults.none()")
    functions = hasattr(checks, "__getitem__") and all(map(callable, checks))
    require(functions, "simulate(check=...)", checks, "a list of functions that take a Simulation")
    for check in checks:
        require(check is not crashes_are_planned, "simulate(check=[...])", check, "check=[crashes_are_planned()], with parentheses")
        require_check("simulate(check=[...])", check, "a Simulation")


def _stores(store: str | Callable[[], Store] | None) -> Callable[[], Store | None]:
    if store is None or callable(store):
        return (lambda: None) if store is None else store
    known = tuple(installed())  # looked up once: this takes longer than a life of the node
    match store:
        case "memory:":
            return lambda: store_at(store, backends=known)
        case "file:":
            return lambda: store_at(f"file:///{_FOLDER}", limits=Limits(slack_bytes=_SLACK), backends=known)
        case "sqlite:":
            return _sqlite()
        case _:
            raise UsageError(
                f"simulate(store={store!r}): the disk is simulated, so a path has no meaning. "
                f'Write "file:", "sqlite:" or "memory:", None, or a function that makes a store on environment.disk'
            )


def _sqlite() -> Callable[[], Store]:
    try:
        from trioactors.testing.sqlite_disk import simulated_sqlite  # noqa: PLC0415 - it needs a package that few users have
    except ImportError as error:
        raise UsageError(
            f'simulate(store="sqlite:") needs a SQLite that runs on a simulated disk: pip install apsw ({error})'
        ) from error
    return lambda: simulated_sqlite(f"{_FOLDER}/store.db", Options(limits=Limits(slack_bytes=_SLACK)))


def simulate(
    workload: Workload,
    *,
    tree: Supervisor | None = None,
    app: Callable[[System], Awaitable[Any]] | None = None,
    store: str | Callable[[], Store] | None = "file:",
    settings: Settings | None = None,
    seed: int = 0,
    faults: Faults | None = None,
    policy: Policy | PolicyWord = Policy.MIX,
    check: Sequence[Check] = (),
    random_clients: RandomClients | None = None,
    case: Case | str | Path | None = None,
    steps: int = STEPS,
    limit: float = LIMIT,
    shrinking: float = SHRINKING,
) -> Simulated:
    """Run *tree* and *app* on a simulated node under *seed*, while *workload* uses it. Raises the failure, with a note.

        run = simulate(no_money_is_lost, tree=bank, seed=17, faults=Faults(crashes=3))
        print(run.digest)

    *app* is called with the system in each life of the node, when its tree is up. *store* is "file:", "sqlite:" or "memory:" on the
    simulated disk, or a function that makes a store. *faults* sets how often each kind of fault may happen, by default a few of every kind
    (without a lasting store, none that ends the process). Each *check* is called with the simulation at the end. *random_clients* use the
    node before the workload does. A *case*, as text or as a path, is run instead of the seed. A run may take *steps* steps and *limit*
    seconds of virtual time. A failure is shrunk for up to *shrinking* seconds of real time.
    """
    scenario = scenario_of(
        workload,
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
    require_type("simulate(seed=...)", seed, int, "an integer")
    require_seconds("simulate(shrinking=...)", shrinking, "the real time for shrinking a failure", least=0)
    run = tried(scenario, seed, shrinking=shrinking) if case is None else replayed(scenario, case_from(case))
    run.names.look()
    return run


def case_from(case: Case | str | Path) -> Case:
    """Read a case from its text or its file. Raises `UsageError`."""
    require_type("simulate(case=...)", case, Case | str | Path, "Path(...) of a kept case, or the text of a case")
    if isinstance(case, Case):
        return case
    return Case.load(case) if isinstance(case, Path) else Case.loads(case)


def replayed(scenario: Scenario, case: Case) -> Simulated:
    """Run *case* once more. Raises the failure, and `UsageError` for a case of another test."""
    case.look_at_test(scenario.test)
    with quietly():
        run = scenario.play(case.seed, case.plan, case.tape)
    if run.error is not None:
        run.error.add_note(f"simulate: this is a kept case ({case.plan})")
        _show(run, run.error)
        raise run.error
    return run.summed_up()


def tried(scenario: Scenario, seed: int, *, shrinking: float = SHRINKING, corpus: Path | None = None) -> Simulated:
    """Run *seed*. A failure is shrunk, kept in *corpus*, and raised with a note of one line that says how to repeat it."""
    with quietly():
        run = scenario.play(seed)
        error = run.error
        if error is None:
            return run.summed_up()
        if run.world.mistake is not None:  # every seed makes it, so there is nothing to repeat, shrink or keep
            raise error
        if failure_of(scenario.play(seed, run.plan, run.played.tape)) != failure_of(run):
            error.add_note(f"simulate: seed {seed} failed, but not when it ran again: {_CHANCE}")
            raise error
        small = _small(scenario, run, shrinking) if shrinking else run
    error.add_note(f"simulate: seed {seed} fails. {_advice(run, small, _kept(small, corpus, error))}")
    _show(small, error)
    raise error


def _show(run: Run, error: BaseException) -> None:
    """Add what the random clients did to *error*, as a workload."""
    if run.world.script:
        error.add_note(f"simulate: what the random clients did, as a workload:\n\n{as_workload(run.world.script, run.test)}\n")


def _small(scenario: Scenario, run: Run, seconds: float) -> Run:
    try:
        return shrunk_run(scenario, run, seconds=seconds)
    except KeyboardInterrupt as interrupt:  # do not lose the failure
        interrupt.add_note(f"simulate: seed {run.seed} failed and was being shrunk: {run.error!r}. {_advice(run, run, None)}")
        raise


def _kept(run: Run, corpus: Path | None, error: BaseException) -> Path | None:
    """Keep the case in *corpus*. Returns its path; None if there is no corpus or it cannot be written."""
    if corpus is None:
        return None
    try:
        return run.case.keep_in(corpus)
    except OSError as problem:
        error.add_note(f"simulate: the case could not be kept in {corpus} ({problem}); it is in the next line")
        return None


def _advice(run: Run, small: Run, place: Path | None) -> str:
    """How to repeat the failure, on one line."""
    world = small.world
    sizes: dict[str, Sequence[object]] = {
        "client": world.used_clients(),
        "turn": world.used_turns(),
        "fault": small.plan.injections,
    }
    size = f"{', '.join(_counted(len(found), what) for what, found in sizes.items())} ({small.plan})"
    kept = f"case=Path({str(place)!r})" if place is not None else f"case={small.case.line()!r}"
    policy = run.policy.value
    return (
        f'Repeat it with seed={run.seed}, policy="{policy}" (pytest: --trioactors-seed={run.seed} --trioactors-policy={policy}); '
        f"shrunk to {size}: {kept}"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextmanager
def quietly() -> Generator[None, None, None]:
    """Disable the library's log in the block: thousands of planned crashes would fill it."""
    log = logging.getLogger("trioactors")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
