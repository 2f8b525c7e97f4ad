"""Checks of supervision from the trace alone: which children restart, after which delay, and the error of a supervisor that gives up.

They state OTP's rules independently of `trioactors.supervision.restarts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

import trioactors as ta
from trioactors.testing.simulation import Check, Simulation
from trioactors.trace import ChildExited, ChildStarted, ChildStartFailed, RestartScheduled, TraceRecord

__all__ = ["SUPERVISION", "ends_are_asked_for", "restarts_follow_the_rules", "restarts_wait", "the_last_failure_is_named"]


def _lives(simulation: Simulation) -> Iterator[Sequence[TraceRecord]]:
    lives: dict[int, list[TraceRecord]] = {}
    for life, record in simulation.trace:
        lives.setdefault(life, []).append(record)
    yield from lives.values()


def _supervisors(tree: ta.Supervisor | None) -> Iterator[ta.Supervisor]:
    if tree is not None:
        yield tree
        for spec in tree.children:
            if isinstance(spec, ta.Supervisor):
                yield from _supervisors(spec)


def _declared(simulation: Simulation) -> Mapping[str, tuple[ta.Supervisor, ta.ChildSpec | ta.Supervisor]]:
    """The declared children, with their supervisors."""
    return {spec.name: (one, spec) for one in _supervisors(simulation.node.tree) for spec in one.children if spec.name is not None}


def restarts_follow_the_rules(simulation: Simulation) -> None:
    """A permanent child restarts, a transient one unless it exited normally, a temporary one never. A failed start is tried again."""
    declared = _declared(simulation)
    for records in _lives(simulation):
        ends: dict[str, TraceRecord] = {}
        for record in records:
            if isinstance(record, ChildExited | ChildStartFailed):
                ends[record.child] = record
            elif isinstance(record, RestartScheduled) and record.child in declared:
                _may_come_back(declared[record.child][1].restart, ends[record.child], record)


def _may_come_back(rule: ta.Restart, end: TraceRecord, restart: RestartScheduled) -> None:
    if isinstance(end, ChildExited):
        left = end.reason.kind in {ta.ExitKind.NORMAL, ta.ExitKind.SHUTDOWN}
        assert rule is not ta.Restart.TEMPORARY, f"{restart.child} is temporary and is restarted at {restart.time:g}"
        assert not (rule is ta.Restart.TRANSIENT and left), f"{restart.child} exited ({end.reason}) and is restarted"


def restarts_wait(simulation: Simulation) -> None:
    """A restart waits for the back-off of its child, if there is one, and otherwise not at all."""
    declared = _declared(simulation)
    for records in _lives(simulation):
        rows: dict[str, _Row] = {}
        for record in records:
            if isinstance(record, ChildStarted):
                for name in [name for name, (supervisor, _) in declared.items() if supervisor.name == record.child]:
                    rows[name] = _Row()  # a new incarnation of a supervisor begins without restarts
                rows.setdefault(record.child, _Row()).started(record.time)
            elif isinstance(record, ChildExited):
                rows.setdefault(record.child, _Row()).exited(record.time)
            elif isinstance(record, RestartScheduled) and record.child in declared:
                _waits(declared[record.child][0], record, rows.setdefault(record.child, _Row()))


@attrs.define
class _Row:
    """The restarts of one child in a row, as far as the trace tells. A restart by hand begins a new row, and is not in the trace."""

    before: set[int] = attrs.field(factory=lambda: {0})
    """The restarts that may have come before."""
    ready: float | None = None
    ran: float = -1.0
    """The time for which it was ready before its last exit; -1 if it never was."""
    due: float = math.inf

    def started(self, now: float) -> None:
        if now != self.due:  # by hand, or with its group, or a slow start
            self.before.add(0)
        self.ready, self.due = now, math.inf

    def exited(self, now: float) -> None:
        self.ran = -1.0 if self.ready is None else now - self.ready
        self.ready = None


def _waits(supervisor: ta.Supervisor, record: RestartScheduled, row: _Row) -> None:
    backoff = supervisor.backoff
    if backoff is None:
        assert record.delay == 0, f"{record.child} waits {record.delay} s for its restart: {supervisor.name} has no back-off"
        return
    if row.ran >= backoff.reset_after:
        row.before = {0}
    spans = {before: min(backoff.cap, backoff.base * backoff.factor**before) for before in row.before}
    fits = {before for before, most in spans.items() if most * (1 - backoff.jitter) <= record.delay <= most}
    assert fits, f"{record.child} waits {record.delay} s for its restart, expected at most one of {sorted(spans.values())}"
    row.before, row.due = {before + 1 for before in fits}, record.time + record.delay


def the_last_failure_is_named(simulation: Simulation) -> None:
    """A supervisor that gives up names the child that failed last; that failure is the cause of its error."""
    for records in _lives(simulation):
        last: dict[str, ta.Exit] = {}
        declared = _declared(simulation)
        for record in records:
            if isinstance(record, ChildExited | ChildStartFailed):
                _check_cause(record.reason.error, record, last)
                if record.child in declared:
                    last[declared[record.child][0].name] = record.reason


def _check_cause(error: BaseException | None, record: ChildExited | ChildStartFailed, last: Mapping[str, ta.Exit]) -> None:
    if isinstance(error, ta.SupervisorGaveUp) and record.child in last:
        assert error.__cause__ is error.history[-1].reason.error, f"the cause of {record.child} is not its last failure: {error}"
        assert f"the last was of {error.history[-1].child}" in str(error), error


def ends_are_asked_for(simulation: Simulation) -> None:
    """No declared actor exits as a function that returns: it is stopped, raises `Shutdown`, or fails."""
    declared = _declared(simulation)
    for records in _lives(simulation):
        for record in records:
            if (
                isinstance(record, ChildExited)
                and record.child in declared
                and declared[record.child][1].kind is ta.ChildKind.ACTOR
            ):
                assert record.reason.kind is not ta.ExitKind.NORMAL, (
                    f"{record.child} exited at {record.time:g} without being stopped"
                )


SUPERVISION: Final[Sequence[Check]] = (restarts_follow_the_rules, restarts_wait, the_last_failure_is_named, ends_are_asked_for)
"""All these checks."""
