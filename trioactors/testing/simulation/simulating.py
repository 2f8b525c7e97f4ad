"""Run a whole application under a seed: its clients, its schedule, and all that goes wrong.

    simulate(workload, tree=tree, seed=17)

runs it once, in one thread and in virtual time, and raises what is wrong with a note that says how to see it again. The same arguments
give the same run, step by step: `Simulated.digest` is the same in every process. `trials` runs many; `@sim_test` makes a test of that.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from trioactors.errors import UsageError
from trioactors.persistence.options import Limits, Options
from trioactors.persistence.store import Store
from trioactors.persistence.urls import GROUP, store_at
from trioactors.settings import Settings
from trioactors.supervision.specs import Supervisor
from trioactors.system.system import System
from trioactors.testing.given import (
    look_at_check,
    look_at_count,
    look_at_function,
    look_at_instance,
    look_at_seconds,
    look_at_seeds,
)
from trioactors.testing.playing import STEPS
from trioactors.testing.schedules import Policy, chosen_policy
from trioactors.testing.simulation.cases import Case
from trioactors.testing.simulation.checks import Check, crashes_are_planned, planned_by
from trioactors.testing.simulation.node import Application
from trioactors.testing.simulation.plans import Faults
from trioactors.testing.simulation.scenarios import LIMIT, Run, Scenario, Simulated, Workload
from trioactors.testing.simulation.shrinking import failure_of, shrunk_run

__all__ = ["SHRINKING", "case_from", "quietly", "replayed", "scenario_of", "simulate", "tried"]

_FOLDER: Final = "/simulated"
_SLACK: Final = 2_048
"""Bytes of garbage in a simulated store before it is compacted, so that it is, in runs as short as these."""

_CHANCE: Final = (
    "something besides the seed decides. Look for an object that all runs share (a global, one that was handed in by partial: make it in a "
    "function, or in __init__), real time, the order of a set"
)

SHRINKING: Final = 45.0
"""Seconds of real time that making a failure small may take."""


def scenario_of(
    workload: Workload,
    *,
    tree: Supervisor | None = None,
    app: Callable[[System], Awaitable[Any]] | None = None,
    store: str | Callable[[], Store] | None = "file:",
    settings: Settings | None = None,
    faults: Faults | None = None,
    policy: Policy | str = Policy.MIX,
    check: Sequence[Check] = (),
    steps: int = STEPS,
    limit: float = LIMIT,
) -> Scenario:
    """Put together what `simulate` was given. Raises `UsageError`."""
    if not inspect.iscoroutinefunction(workload):
        raise UsageError(f"simulate() takes an async function of a Simulation, not {workload!r}")
    _look_at(faults, check)
    look_at_instance("simulate(tree=...)", tree, Supervisor | None, "ta.Supervisor(ta.child(...), name=...)")
    look_at_instance("simulate(settings=...)", settings, Settings | None, "Settings(call_timeout=3), say")
    if app is not None:
        look_at_function("simulate(app=...)", app, "the system")
    look_at_count("simulate(steps=...)", steps, "steps a run may take")
    look_at_seconds("simulate(limit=...)", limit, "of virtual time a run may take")
    lasting = store is not None and store != "memory:"
    allowed = (Faults() if lasting else Faults().survivable) if faults is None else faults
    return Scenario(
        workload=workload,
        application=Application(
            _stores(store), tree, app, Settings() if settings is None else settings, lasting, planned_by(check)
        ),
        faults=allowed,
        policy=chosen_policy(policy),
        checks=tuple(check),
        steps=steps,
        limit=limit,
    )


def _look_at(faults: Any, checks: Any) -> None:
    """Refuse what no type checker has seen, by name: the error would come late, and from elsewhere."""
    if not isinstance(faults, Faults | None):
        raise UsageError(f"simulate(faults={faults!r}): write Faults(crashes=3), say, or Faults.none()")
    if not hasattr(checks, "__getitem__") or not all(map(callable, checks)):
        raise UsageError(f"simulate(check={checks!r}): write functions of a Simulation, in a list")
    for check in checks:
        if check is crashes_are_planned:
            raise UsageError("simulate(check=[crashes_are_planned]) has no brackets: write check=[crashes_are_planned()]")
        look_at_check("simulate(check=[...])", check, "a Simulation")


def _stores(store: str | Callable[[], Store] | None) -> Callable[[], Store | None]:
    if store is None or callable(store):
        return (lambda: None) if store is None else store
    installed = tuple(entry_points(group=GROUP))  # looked up once: this takes longer than a life of the node
    match store:
        case "memory:":
            return lambda: store_at(store, backends=installed)
        case "file:":
            return lambda: store_at(f"file:///{_FOLDER}", limits=Limits(slack_bytes=_SLACK), backends=installed)
        case "sqlite:":
            return _sqlite()
        case _:
            raise UsageError(
                f"simulate(store={store!r}): the disk is simulated, so there is no place to name. "
                f'Write "file:", "sqlite:" or "memory:", None, or a function that makes a store on environment.disk'
            )


def _sqlite() -> Callable[[], Store]:
    try:
        from trioactors.testing.sqlite_disk import simulated_sqlite  # noqa: PLC0415 - it stands on a package that few need
    except ImportError as error:
        raise UsageError(
            f'simulate(store="sqlite:") needs a SQLite that can be given a disk: pip install apsw ({error})'
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
    policy: Policy | str = Policy.MIX,
    check: Sequence[Check] = (),
    case: Case | str | Path | None = None,
    steps: int = STEPS,
    limit: float = LIMIT,
    shrinking: float = SHRINKING,
) -> Simulated:
    """Run *tree* and *app* on a simulated node under *seed*, while *workload* uses it. Raises what is wrong, with a note.

    *app* is called with the system in each of the node's lives, when its tree is up. *store* is "file:", "sqlite:" or "memory:" on the
    simulated disk, or a function that makes one. *faults* says what may go wrong, by default a little of everything (without a lasting
    store, nothing that ends the process). Each *check* is called with the simulation in the end. A *case*, as text or as a file, is run
    instead of the seed. A failure is made small for up to *shrinking* seconds of real time.
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
        steps=steps,
        limit=limit,
    )
    look_at_seeds("simulate", seed, [seed])
    look_at_seconds("simulate(shrinking=...)", shrinking, "making a failure small may take", least=0)
    run = tried(scenario, seed, shrinking=shrinking) if case is None else replayed(scenario, case_from(case))
    run.names.look()
    return run


def case_from(case: Case | str | Path) -> Case:
    """A case, from what people have of it. Raises `UsageError`."""
    look_at_instance("simulate(case=...)", case, Case | str | Path, "Path(...) of a file that was kept, or the text of a case")
    if isinstance(case, Case):
        return case
    return Case.load(case) if isinstance(case, Path) else Case.loads(case)


def replayed(scenario: Scenario, case: Case) -> Simulated:
    """Run *case* once more. Raises what is wrong, and `UsageError` for a case of another test."""
    case.look_at_test(scenario.test)
    with quietly():
        run = scenario.play(case.seed, case.plan, case.tape)
    if run.error is not None:
        run.error.add_note(f"simulate: this is a case that is kept ({case.plan})")
        raise run.error
    return run.summed_up()


def tried(scenario: Scenario, seed: int, *, shrinking: float = SHRINKING, corpus: Path | None = None) -> Simulated:
    """Run *seed*. Raises what is wrong, made small, kept in *corpus*, and with a note of one line that says how to see it again."""
    with quietly():
        run = scenario.play(seed)
        error = run.error
        if error is None:
            return run.summed_up()
        if run.world.mistake is not None:  # each run of each seed makes it: there is nothing to repeat, to shrink or to keep
            raise error
        if failure_of(scenario.play(seed, run.plan, run.played.tape)) != failure_of(run):
            error.add_note(f"simulate: seed {seed} failed, and did not when it ran again: {_CHANCE}")
            raise error
        small = _small(scenario, run, shrinking) if shrinking else run
    error.add_note(f"simulate: seed {seed} fails. {_advice(run, small, _kept(small, corpus, error))}")
    raise error


def _small(scenario: Scenario, run: Run, seconds: float) -> Run:
    try:
        return shrunk_run(scenario, run, seconds=seconds)
    except KeyboardInterrupt as interrupt:  # what was found must not go with it
        interrupt.add_note(
            f"simulate: seed {run.seed} had failed, and was being made small: {run.error!r}. {_advice(run, run, None)}"
        )
        raise


def _kept(run: Run, corpus: Path | None, error: BaseException) -> Path | None:
    """Where the case is now; None where there is no corpus, or it cannot be written."""
    if corpus is None:
        return None
    try:
        return run.case.keep_in(corpus)
    except OSError as problem:
        error.add_note(f"simulate: its case could not be kept in {corpus} ({problem}); the next line has it")
        return None


def _advice(run: Run, small: Run, place: Path | None) -> str:
    """How to repeat it, on one line."""
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
    """Within the block the library logs nothing: thousands of planned crashes are no news."""
    log = logging.getLogger("trioactors")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
