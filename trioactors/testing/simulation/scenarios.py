"""A scenario and its runs: `simulate` runs it once for each seed, plan and schedule."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

import attrs
import trio

from trioactors.errors.exits import is_group, leaves
from trioactors.testing.given import refuse_verdict
from trioactors.testing.playing import Played, Stuck, error_of, is_finding, play, who_waits
from trioactors.testing.schedules import Chooser, Playback, Policy, Tape, chooser, policy_of
from trioactors.testing.scheduling import Schedule
from trioactors.testing.simulation.cases import Case, name_of
from trioactors.testing.simulation.checks import ALWAYS, Check
from trioactors.testing.simulation.escapes import contained
from trioactors.testing.simulation.history import Operation
from trioactors.testing.simulation.mistakes import Names, kept_as_mistake
from trioactors.testing.simulation.node import Application
from trioactors.testing.simulation.plans import Faults, Injection, Plan, drawn
from trioactors.testing.simulation.points import children_of, points_of
from trioactors.testing.simulation.world import Simulation

__all__ = ["LIMIT", "Run", "Scenario", "Simulated", "Workload", "plain"]

_TEXT: Final = 400
"""The longest error text that is kept, in characters."""

LIMIT: Final = 3_600.0
"""Seconds of virtual time after which a run is stuck."""

Workload = Callable[[Simulation], Awaitable[Any]]


@attrs.frozen
class Simulated:
    """A run without errors."""

    seed: int
    plan: Plan
    tape: Tape
    steps: int
    history: tuple[Operation, ...]
    points: Mapping[str, int]
    """How often each `sometimes` point was reached."""
    happened: tuple[Injection, ...]
    """The faults that happened, in order."""
    lives: int
    """How often the node was started."""
    moments: Mapping[str, int] = attrs.field(repr=False)
    """The same for moments inside the library."""
    names: Names = attrs.field(repr=False, eq=False)
    """The names of its children, and those that were looked up and not found."""
    _lines: tuple[str, ...] = attrs.field(repr=False, alias="lines")

    @property
    def digest(self) -> str:
        """A hash of everything that happened, in order."""
        return blake2b("\n".join(self._lines).encode(), digest_size=16).hexdigest()


class _End:
    """The time limit of a run. Notes where each task waits before the tasks are cancelled."""

    def __init__(self, scope: trio.CancelScope) -> None:
        self._scope = scope
        self.waits = ""

    def look(self) -> None:
        """Called in each pass of the loop. Reads the clock: asking the scope whether it is cancelled would cancel it."""
        if not self.waits and trio.current_time() >= self._scope.deadline:
            self.waits = who_waits()


@attrs.frozen(kw_only=True)
class Scenario:
    """Everything about a simulation that does not depend on the seed."""

    workload: Workload
    application: Application
    faults: Faults
    policy: Policy
    checks: tuple[Check, ...]
    steps: int
    limit: float

    @property
    def test(self) -> str:
        """The file and name of the workload: the test that its cases belong to."""
        return name_of(self.workload)

    @cached_property
    def points(self) -> frozenset[str]:
        """The `sometimes` points in its source, read once for all seeds."""
        return points_of((self.workload, self.application.body, *self.checks, *children_of(self.application.tree)))

    def play(self, seed: int, plan: Plan | None = None, tape: Tape | None = None, *, schedule: int | None = None) -> Run:
        """Run *seed* once; with another *plan*, by a *tape*, or by the *schedule* of another seed. The result holds the error, if any.

        Errors that are not failures (Ctrl-C, a skipped test) are raised.
        """
        drawn_plan = drawn(seed, self.faults) if plan is None else plan
        number = seed if schedule is None else schedule
        policy = policy_of(number, self.policy) if tape is None else tape.policy
        choosing: Chooser = chooser(number, policy) if tape is None else Playback(tape)
        worlds: list[Simulation] = []
        ends: list[_End] = []
        nets = ExitStack()  # not a block in `main`: if Trio itself crashes, that is not unwound

        async def main() -> None:
            simulation = Simulation(self.application, seed, drawn_plan, self.faults)
            worlds.append(simulation)
            escapes = nets.enter_context(contained())
            try:
                await self._bounded(simulation, ends)
            finally:
                nets.close()
                if escapes:
                    raise escapes[0]

        def look(schedule: Schedule) -> None:
            for end in ends:
                end.look()
            if worlds:
                worlds[0].look(schedule)

        with nets:
            played = play(main, choosing, policy=policy, steps=self.steps, look=look)
        if not worlds:  # the run ended before it began
            played.result.unwrap()
        run = Run(self.test, seed, drawn_plan, policy, played, worlds[0])
        if isinstance(run.error, Stuck):
            for trouble in run.world.node.troubles():
                run.error.add_note(f"simulate: {trouble}")
        if run.error is not None and not is_finding(run.error):
            run.error.add_note(f'simulate: it was raised under seed={seed}, policy="{policy.value}"')
            raise run.error
        return run

    async def _bounded(self, simulation: Simulation, ends: list[_End]) -> None:
        with trio.move_on_after(self.limit) as scope:
            ends.append(_End(scope))
            await simulation.run(self.workload, self._check)
        if scope.cancelled_caught:
            raise Stuck(f"no end after {self.limit:g} s of virtual time: raise limit= if nothing waits for ever. {ends[0].waits}")

    async def _check(self, simulation: Simulation) -> None:
        for check in (*ALWAYS, *self.checks):
            verdict = check(simulation)
            if inspect.isawaitable(verdict):
                verdict = await verdict
            with kept_as_mistake(simulation):
                refuse_verdict("simulate(check=[...])", check, verdict)
        await trio.lowlevel.checkpoint()


@attrs.frozen
class Run:
    """One run, failed or not."""

    test: str
    seed: int
    plan: Plan
    policy: Policy
    played: Played[None]
    world: Simulation

    @property
    def error(self) -> BaseException | None:
        """The error of the run."""
        error = self.world.mistake or error_of(self.played.result)
        return None if error is None else plain(error)

    @property
    def case(self) -> Case:
        """The run as text."""
        error = self.error
        failure = "" if error is None else f"{type(error).__name__}: {error}"[:_TEXT]
        return Case(self.seed, self.plan, self.played.tape, failure, self.test)

    def summed_up(self) -> Simulated:
        """The report of a run without errors."""
        world = self.world
        world.names.over()
        return Simulated(
            self.seed,
            self.plan,
            self.played.tape,
            self.played.steps,
            tuple(world.history),
            dict(world.points),
            tuple(injection for _, injection in world.injected),
            world.node.lives,
            dict(world.moments),
            world.names,
            lines=(str(self.played.tape), *world.lines()),
        )


def plain(error: BaseException) -> BaseException:
    """The one error in nested groups. If there are several, the first, with a note that lists the others."""
    if not is_group(error):
        return error
    parts = [leaf for leaf in leaves(error) if not isinstance(leaf, trio.Cancelled)] or [error]
    first = next((part for part in parts if not is_finding(part)), None)
    first = first or next((part for part in parts if isinstance(part, AssertionError)), parts[0])
    others = [part for part in parts if part is not first]
    if others and not getattr(first, "__notes__", ()):
        first.add_note(f"at the same time: {', '.join(f'{type(part).__name__}: {part}' for part in others)}"[:_TEXT])
    return first
