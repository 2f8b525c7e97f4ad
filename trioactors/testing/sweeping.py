"""Cancel a scenario, and crash each of its actors, at every moment in turn.

Code that waits can be cancelled wherever it waits, and an actor can crash whatever its callers are about. Few tests try more than one such
moment. Here the scenario runs once undisturbed, and its steps are counted: each step of any task, from the moment in which the scenario
begins until it has ended. A step ends at a checkpoint, so these are the moments at which anything can happen. Then it runs once for each
moment, and is cancelled there; and once for each moment and each actor that is alive then, which crashes.

Both are done by cancelling a scope, never by throwing into a coroutine, which reaches states that no real program can be in.
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
from trioactors.testing.given import look_at_function, look_at_instance, look_at_opening, look_at_verdict
from trioactors.testing.leaks import isolated_system
from trioactors.testing.playing import Played, error_of, is_finding, play
from trioactors.testing.schedules import Chooser, Playback, Policy, Tape, chooser

__all__ = ["Disturbance", "Swept", "sweep_cancellation"]

_Part = Callable[[System], Awaitable[Any]]


@attrs.frozen
class Disturbance:
    """What happens at one moment: the scenario is cancelled, or *actor* crashes."""

    moment: int
    actor: str | None = None

    def __str__(self) -> str:
        """As `sweep_cancellation(only=...)` takes it."""
        return f"cancel {self.moment}" if self.actor is None else f"crash {self.moment} {self.actor}"

    @classmethod
    def parse(cls, text: str) -> Disturbance:
        """Read what `str` wrote. Raises `UsageError`."""
        match text.split(maxsplit=2):
            case ["cancel", moment] if moment.isdecimal():
                return cls(int(moment))
            case ["crash", moment, actor] if moment.isdecimal():
                return cls(int(moment), actor)
            case _:
                raise UsageError(f"{text!r} is no disturbance: write 'cancel 17' or 'crash 17 <actor>'")


@attrs.frozen
class Swept:
    """What was tried, and nothing failed."""

    moments: int
    cancelled: int
    """How many runs were cancelled before they had ended by themselves."""
    crashed: int
    """How many runs had an actor crash."""


class _Probe(trio.abc.Instrument):
    """Counts the moments of one run, and disturbs one of them."""

    def __init__(self, disturbance: Disturbance | None) -> None:
        self._disturbance = disturbance
        self.scope = trio.CancelScope()
        self.system: System | None = None
        """The system, while the scenario runs."""
        self.alive: list[tuple[str, ...]] = []
        """Who could crash at each moment so far."""
        self.hit = False

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """A moment."""
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
        """Once, with this disturbance. Raises what fails, with a note."""
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
        look_at_verdict("sweep_cancellation(check=...)", self.check, verdict)
        return probe

    def run_only(self, disturbance: Disturbance) -> Swept:
        """Once, with this disturbance, which must come. Raises `UsageError` where it does not."""
        probe = self.run(disturbance)
        if probe.hit:
            return Swept(1, int(probe.scope.cancelled_caught), int(disturbance.actor is not None))
        where = f"the scenario has {len(probe.alive)} moments, and the first is 0"
        if disturbance.moment < len(probe.alive):
            where = f"those that live at that moment: {sorted(probe.alive[disturbance.moment])}"
        raise UsageError(
            f'sweep_cancellation(only="{disturbance}") disturbs nothing: {where}; those that live at some moment: {_ever(probe.alive)}'
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
        return f"sweep_cancellation: it came in a run with this disturbance: {disturbance or 'none'}"
    what = "It was not disturbed" if disturbance is None else f'Repeat it with only="{disturbance}"'
    return f"sweep_cancellation: the scenario, its check or its end fails. {what}"


def _ever(alive: Sequence[Sequence[str]]) -> list[str]:
    """Who lives at some moment."""
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
    """Run *scenario* again and again: cancelled at each moment, then with an actor crashed at each moment; *check* looks at what is left.

    Each run has a system of its own, from *opening*, which is checked for leaks. Of *actors* (all, unless named) those crash that are
    alive. A crash may end the scenario by an error in *accept*; any other error fails the sweep, with a note that says how to repeat that
    run. With a *seed* tasks do not run in turn, but under that seed's random priorities.
    """
    look_at_function("sweep_cancellation(...)", scenario, "the system")
    if check is not None:
        look_at_function("sweep_cancellation(check=...)", check, "the system")
    look_at_opening("sweep_cancellation(opening=...)", opening)
    if isinstance(actors, str):
        raise UsageError(f"sweep_cancellation(actors={actors!r}): write the names of actors, in a list")
    look_at_instance("sweep_cancellation(only=...)", only, str | None, '"cancel 17" or "crash 17 <actor>"')
    sweep = _Sweep(scenario, check, opening, accept, seed)
    if only is not None:
        return sweep.run_only(Disturbance.parse(only))
    alive = sweep.run(None).alive
    ever = _ever(alive)
    strangers = [name for name in actors or () if name not in ever]
    if strangers:
        raise UsageError(f"sweep_cancellation(actors={actors!r}): {strangers[0]!r} never lives in it; those that do: {ever}")
    cancelled = sum(sweep.run(Disturbance(moment)).scope.cancelled_caught for moment in range(len(alive)))
    crashes = [
        Disturbance(moment, name) for moment, names in enumerate(alive) for name in names if actors is None or name in actors
    ]
    return Swept(len(alive), cancelled, sum(sweep.run(crash).hit for crash in crashes))
