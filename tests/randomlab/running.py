"""Run one random application under a seed, and judge it."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio
from simlab import judging

import trioactors as ta
from randomlab import stage
from randomlab.contract import Story, broken
from randomlab.coverage import Met, met
from randomlab.data import Application
from randomlab.reading import read
from randomlab.source import source
from trioactors.testing.simulation import Client, Faults, Simulation, crashes_are_planned
from trioactors.testing.simulation.plans import Injection, Kind, Plan, drawn, stream
from trioactors.testing.simulation.scenarios import Run, Scenario
from trioactors.testing.simulation.simulating import quietly, scenario_of

__all__ = ["PROGRAMS", "Broken", "Program", "loaded", "play", "run", "watched"]

UserFunction = Callable[[stage.User], Awaitable[None]]

PROGRAMS = "randomlab.programs"
"""The module that the classes of programs belong to."""
_PLACE = "<random application>"
_CALLS = 200
"""The calls of a store that take time; few runs have more."""

_AFTER = 40.0
"""Seconds after which back-offs and hanging handlers are over."""


class Broken(AssertionError):
    """A promise was broken."""


@attrs.frozen
class Program:
    """What a program of the lab defines."""

    tree: ta.Supervisor
    users: Sequence[UserFunction]
    store: str | None
    settings: ta.Settings
    faults: Faults

    def scenario(self, application: Application) -> Scenario:
        """The program as a scenario, judged by the contract of the *application* that it is the text of."""
        faults = self.faults if application.lasting else self.faults.survivable
        return scenario_of(
            partial(_used, self.users),
            tree=self.tree,
            store=stage.made(self.store),
            settings=self.settings,
            faults=faults,
            check=[
                crashes_are_planned(ta.Ignore, stage.Fallen, stage.Refused, ta.TrioactorsError, trio.TooSlowError),
                partial(_judged, application),
                judging.restarts_wait,
                judging.the_last_failure_is_named,
            ],
        )


async def _used(users: Sequence[UserFunction], simulation: Simulation) -> None:
    stage.begin(simulation)

    async def client(me: Client) -> None:
        await users[me.number](stage.User(me))

    with stage.failing_often():
        await simulation.clients(len(users), client)
        for _ in range(3):  # what was sent before may pause actors once more
            await stage.resume_all(await simulation.system())
            await trio.sleep(6.0)
    await stage.resume_all(await simulation.system())
    await simulation.settle(restart=False)  # it comes to rest by itself first, and is started anew then
    await trio.sleep(_AFTER)
    await simulation.settle()
    await stage.roll_call(await simulation.system())


async def _judged(application: Application, simulation: Simulation) -> None:
    await trio.lowlevel.checkpoint()
    problems = broken(Story.of(application, simulation, stage.notes_of_this_run()))
    if problems:
        raise Broken("\n".join(problems[:10]))


def _slower(plan: Plan, latency: float) -> Plan:
    """The plan, if each call of the store takes up to so many seconds besides."""
    if not latency:
        return plan
    chance = stream(len(plan.injections), f"latency {plan}")
    slow = (Injection(Kind.DELAY, at=call, seconds=round(latency * chance.random(), 4)) for call in range(1, _CALLS))
    return attrs.evolve(plan, injections=(*plan.injections, *slow))


def loaded(text: str) -> Program:
    """Run the text of a program, as an import does. Tracebacks show the lines of the one that was loaded last."""
    linecache.cache[_PLACE] = (len(text), None, text.splitlines(keepends=True), _PLACE)
    space: dict[str, Any] = {"__name__": PROGRAMS, "__file__": _PLACE}
    exec(compile(text, _PLACE, "exec"), space)
    return Program(space["TREE"], space["USERS"], space["STORE"], space["SETTINGS"], space["FAULTS"])


def watched(application: Application, seed: int, text: str | None = None) -> tuple[Run, Met]:
    """Run *application* once under *seed*, and say what was met. *text* is its program, if that is at hand."""
    program = loaded(source(application, seed=seed) if text is None else text)
    with quietly(), stage.recorded() as record:
        scenario = program.scenario(application)
        run = scenario.play(seed, _slower(drawn(seed, scenario.faults), application.latency))
    return run, met(record.looks.acts, record.notes, run.world.trace, run.world.injected, record.looks.states())


def play(application: Application, seed: int, text: str | None = None) -> Run:
    """Run *application* once under *seed*; the run holds the error, if any."""
    return watched(application, seed, text)[0]


def run(file: str, *, seed: int) -> None:
    """Run a program that was kept, and judge it. Raises what went wrong."""
    text = Path(file).read_text(encoding="utf-8")
    found = play(read(text), seed, text)
    if found.error is not None:
        raise found.error
    sys.stdout.write(f"{Path(file).name}: every promise was kept\n")
