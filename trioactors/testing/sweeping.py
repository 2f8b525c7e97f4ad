"""Cancel a scenario, and crash each of its actors, at every moment in turn.

Code can be cancelled wherever it waits, and an actor can crash at any time. Few tests try more than one such moment. Here the scenario
first runs undisturbed and its steps are counted: each step of any task while the scenario runs. A step ends at a checkpoint, so these are
the moments at which anything can happen. Then it runs once for each moment and is cancelled there, and once for each moment and each actor
that is running then, which crashes.

Both are done by cancelling a scope. Throwing into a coroutine would reach states that no real program can be in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs
import outcome
import trio

from trioactors.errors import ActorCrashed, ActorStopped, StartFailed, UsageError
from trioactors.errors.exits import leaves
from trioactors.system.system import System
from trioactors.testing.driving import PlannedCrash, alive_in
from trioactors.testing.given import refuse_verdict, require, require_function, require_type
from trioactors.testing.leaks import isolated_system
from trioactors.testing.playing import Played, error_of, is_finding, play
from trioactors.testing.schedules import Chooser, Playback, Policy, Tape, chooser

__all__ = ["Disturbance", "Swept", "sweep_cancellation"]

_Part = Callable[[System], Awaitable[Any]]


@attrs.frozen
class Disturbance:
    """A disturbance at one moment: the scenario is cancelled, or *actor* crashes."""

    moment: int
    actor: str | None = None

    def __str__(self) -> str:
        """The text for `sweep_cancellation(only=...)`."""
        return f"cancel {self.moment}" if self.actor is None else f"crash {self.moment} {self.actor}"

    @classmethod
    def parse(cls, text: str) -> Disturbance:
        """Read the text that `str` returned. Raises `UsageError`."""
        match text.split(maxsplit=2):
            case ["cancel", moment] if moment.isdecimal():
                return cls(int(moment))
            case ["crash", moment, actor] if moment.isdecimal():
                return cls(int(moment), actor)
            case _:
                raise UsageError(f"{text!r} is not a disturbance: write 'cancel 17' or 'crash 17 <actor>'")


@attrs.frozen
class Swept:
    """A summary of a sweep without failures."""

    moments: int
    cancelled: int
    """The number of runs that were cancelled before they ended by themselves."""
    crashed: int
    """The number of runs in which an actor crashed."""


class _Probe(trio.abc.Instrument):
    """Counts the moments of one run and disturbs it at one of them."""

    def __init__(self, disturbance: Disturbance | None) -> None:
        self._disturbance = disturbance
        self.scope = trio.CancelScope()
        self.system: System | None = None
        """The system, while the scenario runs."""
        self.alive: list[tuple[str, ...]] = []
        """The actors that could crash at each moment so far."""
        self.hit = False

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count a moment."""
        del task
        if self.system is None:
            return
        alive = alive_in(self.system)
        due = self._disturbance is not None and self._disturbance.moment == len(self.alive)
        self.alive.append(tuple(alive))
        if due and self._disturbance is not None:
            actor = self._disturbance.actor
            self.hit = actor is None or actor in alive
            if actor is None:
                self.scope.cancel(reason=f"sweep_cancellation: {self._disturbance}")
            elif self.hit:
                alive[actor].crash(PlannedCrash(f"sweep_cancellation: {self._disturbance}"))


@attrs.frozen
class _Sweep:
    scenario: _Part
    check: _Part | None
    opening: Callable[[], AbstractAsyncContextManager[System]]
    accept: tuple[type[BaseException], ...]
    seed: int | None

    def run(self, disturbance: Disturbance | None) -> _Probe:
        """Run the scenario once with this disturbance. Raises the failure, with a note."""
        probe = _Probe(disturbance)
        verdict: object = None

        async def main() -> None:
            nonlocal verdict
            async with self.opening() as system:
                await self._disturbed(system, probe, () if disturbance is None or disturbance.actor is None else self.accept)
                if self.check is not None:
                    verdict = await self.check(system)

        policy = Policy.STEP if self.seed is None else Policy.PRIORITIES
        choosing: Chooser = Playback(Tape(policy)) if self.seed is None else chooser(self.seed, policy)
        played: Played[None] = play(main, choosing, policy=policy, instruments=(probe,))
        error = error_of(played.result)
        if error is not None:
            error.add_note(_note(error, disturbance if probe.hit else None))
        played.result.unwrap()
        refuse_verdict("sweep_cancellation(check=...)", self.check, verdict)
        return probe

    def run_only(self, disturbance: Disturbance) -> Swept:
        """Run the scenario once with this disturbance. Raises `UsageError` if it does not happen."""
        probe = self.run(disturbance)
        if probe.hit:
            return Swept(1, int(probe.scope.cancelled_caught), int(disturbance.actor is not None))
        where = f"the scenario has {len(probe.alive)} moments, the first of which is 0"
        if disturbance.moment < len(probe.alive):
            where = f"actors that run at that moment: {sorted(probe.alive[disturbance.moment])}"
        raise UsageError(
            f'sweep_cancellation(only="{disturbance}") disturbs nothing: {where}; actors that run at some moment: {_ever(probe.alive)}'
        )

    async def _disturbed(self, system: System, probe: _Probe, accept: tuple[type[BaseException], ...]) -> None:
        probe.system = system
        with probe.scope:
            result = await outcome.acapture(self.scenario, system)
            probe.system = None
            error = error_of(result)
            if error is not None and not (accept and all(isinstance(leaf, accept) for leaf in leaves(error))):
                result.unwrap()
        await trio.lowlevel.checkpoint()


def _note(error: BaseException, disturbance: Disturbance | None) -> str:
    if not is_finding(error):
        return f"sweep_cancellation: it was raised in a run with this disturbance: {disturbance or 'none'}"
    what = "It was not disturbed" if disturbance is None else f'Repeat it with only="{disturbance}"'
    return f"sweep_cancellation: the scenario, its check or its cleanup fails. {what}"


def _ever(alive: Sequence[Sequence[str]]) -> list[str]:
    """The actors that run at some moment."""
    return sorted({name for names in alive for name in names})


def sweep_cancellation(
    scenario: _Part,
    *,
    check: _Part | None = None,
    opening: Callable[[], AbstractAsyncContextManager[System]] = isolated_system,
    actors: Sequence[str] | None = None,
    accept: tuple[type[BaseException], ...] = (ActorCrashed, ActorStopped, StartFailed),
    seed: int | None = None,
    only: str | None = None,
) -> Swept:
    """Run *scenario* many times: cancelled at each moment, then with an actor crashed at each moment. *check* looks at the result.

        sweep_cancellation(scenario, check=check)
        sweep_cancellation(scenario, check=check, only="crash 17 ledger")       repeat one run

    Each run has its own system, made by *opening* and checked for leaks. Only *actors* are crashed (by default all), while they run. A
    crash may end the scenario with an error in *accept*; any other error fails the sweep, with a note that says how to repeat the run. With
    a *seed*, tasks run under the random priorities of that seed instead of in turn.
    """
    require_function("sweep_cancellation(...)", scenario, "the system")
    if check is not None:
        require_function("sweep_cancellation(check=...)", check, "the system")
    given: Any = opening
    opens = callable(given) and not isinstance(given, AbstractAsyncContextManager)
    require(opens, "sweep_cancellation(opening=...)", given, "a function that opens a system, such as isolated_system")
    require(not isinstance(actors, str), "sweep_cancellation(actors=...)", actors, "a list of the names of actors")
    require_type("sweep_cancellation(only=...)", only, str | None, '"cancel 17" or "crash 17 <actor>"')
    sweep = _Sweep(scenario, check, opening, accept, seed)
    if only is not None:
        return sweep.run_only(Disturbance.parse(only))
    alive = sweep.run(None).alive
    ever = _ever(alive)
    strangers = [name for name in actors or () if name not in ever]
    if strangers:
        raise UsageError(
            f"sweep_cancellation(actors={actors!r}): {strangers[0]!r} never runs in the scenario; actors that do: {ever}"
        )
    cancelled = sum(sweep.run(Disturbance(moment)).scope.cancelled_caught for moment in range(len(alive)))
    crashes = [
        Disturbance(moment, name) for moment, names in enumerate(alive) for name in names if actors is None or name in actors
    ]
    return Swept(len(alive), cancelled, sum(sweep.run(crash).hit for crash in crashes))
