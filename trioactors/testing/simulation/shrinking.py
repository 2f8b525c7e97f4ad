"""Make a failing run small: fewer faults, clients and turns, then fewer jumps of the queue.

Where something is left out the schedule does not fit any more: the failing run's tape then serves other tasks, and a fault that came
between two calls comes after the last. So a smaller plan is tried by the tape, and by a few schedules besides, half of them with faults
that come sooner; it is taken if one of them fails in the same way, with the same error from the same line.
An assertion that counts on clients (`assert total == 4`) fails in the same way where nobody did anything. Then clients and turns stay:
without them it would fail whatever the application does.
Parts go in halves first and then one by one, until nothing can go or the time is up.
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
"""How many schedules a smaller plan is given to fail."""


def shrunk_run(scenario: Scenario, run: Run, *, seconds: float) -> Run:
    """A run that fails as *run* does, as small as *seconds* of real time allow."""
    return _Shrinking(scenario, run, time.monotonic() + seconds).run()


class _Shrinking:
    def __init__(self, scenario: Scenario, failing: Run, until: float) -> None:
        self._scenario = scenario
        self._best = failing
        self._wanted = failure_of(failing)
        self._until = until

    def run(self) -> Run:
        """Take away what can go, again and again."""
        size, counts = -1, self._counts_on_clients()
        while size != (size := self._size()) and not self._late():
            self._without(lambda: self._best.plan.injections, self._fewer_faults)
            if not counts:
                self._without(lambda: self._best.world.used_clients(), self._fewer_turns)  # noqa: PLW0108 - `_best` changes meanwhile
                self._without(lambda: self._best.world.used_turns(), self._fewer_turns)  # noqa: PLW0108 - the same
        self._fewer_jumps()
        return self._best

    def _counts_on_clients(self) -> bool:
        """Whether it fails so though nobody does anything and nothing goes wrong."""
        nobody = Plan(without=frozenset(self._best.world.used_clients()))
        return failure_of(self._scenario.play(self._best.seed, nobody, Tape(self._best.played.tape.policy))) == self._wanted

    def _size(self) -> int:
        return len(self._best.plan.injections) + len(self._best.world.used_turns())

    def _late(self) -> bool:
        return time.monotonic() >= self._until

    def _without(self, parts: Callable[[], Sequence[T]], smaller: Callable[[Sequence[T]], Plan]) -> None:
        """Leave out half of the parts, then a quarter, and so on down to one."""
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
        """Whether some schedule fails with *plan*, too; then it is the best so far."""
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
    """The same faults, each at some place before its own."""
    chance = stream(number, "sooner")
    return attrs.evolve(plan, injections=tuple(attrs.evolve(one, at=1 + chance.randrange(one.at)) for one in plan.injections))


def failure_of(run: Run) -> tuple[str, str, int] | None:
    """What a failure is: its error, and the line that raised it."""
    error = run.error
    if error is None:
        return None
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return (type(error).__qualname__, "", 0)
    return (type(error).__qualname__, trace.tb_frame.f_code.co_filename, trace.tb_lineno)
