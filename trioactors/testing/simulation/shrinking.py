"""Shrinks a failing run: fewer faults, clients and turns, then fewer jumps of the queue.

If something is left out, the schedule no longer fits: the tape of the failing run then schedules other tasks, and a fault that happened
between two calls happens after the last one. So a smaller plan is tried with the tape and with a few other schedules, half of them with
earlier faults. It is accepted if one of these runs fails in the same way: with the same error from the same line.
An assertion that depends on clients (`assert total == 4`) fails in the same way if the clients do nothing. In that case clients and turns
are kept: without them it would fail whatever the application does.
Parts are removed in halves first and then one by one, until nothing can be removed or the time is up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import attrs

from trioactors.testing.exploring import shrunk
from trioactors.testing.schedules import Tape
from trioactors.testing.simulation.plans import Plan, stream
from trioactors.testing.simulation.scenarios import Run, Scenario

__all__ = ["failure_of", "shrunk_run"]

T = TypeVar("T")

_SCHEDULES: Final = 12
"""The number of schedules under which a smaller plan may fail."""


def shrunk_run(scenario: Scenario, run: Run, *, seconds: float) -> Run:
    """The smallest run found within *seconds* of real time that fails as *run* does."""
    return _Shrinking(scenario, run, time.monotonic() + seconds).run()


class _Shrinking:
    def __init__(self, scenario: Scenario, failing: Run, until: float) -> None:
        self._scenario = scenario
        self._best = failing
        self._wanted = failure_of(failing)
        self._until = until

    def run(self) -> Run:
        """Remove parts until no more can be removed."""
        size, counts = -1, self._counts_on_clients()
        while size != (size := self._size()) and not self._late():
            self._without(lambda: self._best.plan.injections, self._fewer_faults)
            if not counts:
                self._without(lambda: self._best.world.used_clients(), self._fewer_turns)  # noqa: PLW0108 - `_best` changes meanwhile
                self._without(lambda: self._best.world.used_turns(), self._fewer_turns)  # noqa: PLW0108 - the same
        self._fewer_jumps()
        return self._best

    def _counts_on_clients(self) -> bool:
        """Whether it fails in the same way without clients and faults."""
        nobody = Plan(without=frozenset(self._best.world.used_clients()))
        return failure_of(self._scenario.play(self._best.seed, nobody, Tape(self._best.played.tape.policy))) == self._wanted

    def _size(self) -> int:
        return len(self._best.plan.injections) + len(self._best.world.used_turns())

    def _late(self) -> bool:
        return time.monotonic() >= self._until

    def _without(self, parts: Callable[[], Sequence[T]], smaller: Callable[[Sequence[T]], Plan]) -> None:
        """Try to leave out half of the parts, then quarters, and so on down to single parts."""
        size = max(1, len(parts()) // 2)
        while size and not self._late():
            at = 0
            while at < len(left := parts()) and not self._late():
                if not self._fails(smaller(left[at : at + size])):
                    at += size
            size //= 2

    def _fewer_faults(self, dropped: Sequence[object]) -> Plan:
        plan = self._best.plan
        return attrs.evolve(plan, injections=tuple(one for one in plan.injections if one not in dropped))

    def _fewer_turns(self, dropped: Sequence[str]) -> Plan:
        return attrs.evolve(self._best.plan, without=self._best.plan.without | frozenset(dropped))

    def _fails(self, plan: Plan) -> bool:
        """Whether some schedule fails with *plan* too. If so, that run is the best so far."""
        for run in self._runs(plan):
            if failure_of(run) == self._wanted:
                self._best = run
                return True
            if self._late():
                break
        return False

    def _runs(self, plan: Plan) -> Iterator[Run]:
        seed = self._best.seed
        yield self._scenario.play(seed, plan, self._best.played.tape)
        for schedule in range(_SCHEDULES):
            tried = _sooner(plan, schedule) if schedule % 2 else plan
            yield self._scenario.play(seed, tried, schedule=seed + schedule)

    def _fewer_jumps(self) -> None:
        plan, seed = self._best.plan, self._best.seed

        def fails(tape: Tape) -> Tape | None:
            if self._late():
                return None
            run = self._scenario.play(seed, plan, tape)
            if failure_of(run) != self._wanted:
                return None
            self._best = run
            return run.played.tape

        tape = shrunk(fails, self._best.played.tape)
        if tape != self._best.played.tape:
            self._best = self._scenario.play(seed, plan, tape)


def _sooner(plan: Plan, number: int) -> Plan:
    """The same faults, each at an earlier place or its own."""
    chance = stream(number, "sooner")
    return attrs.evolve(plan, injections=tuple(attrs.evolve(one, at=1 + chance.randrange(one.at)) for one in plan.injections))


def failure_of(run: Run) -> tuple[str, str, int] | None:
    """The identity of a failure: the class of its error and the line that raised it."""
    error = run.error
    if error is None:
        return None
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return (type(error).__qualname__, "", 0)
    return (type(error).__qualname__, trace.tb_frame.f_code.co_filename, trace.tb_lineno)
