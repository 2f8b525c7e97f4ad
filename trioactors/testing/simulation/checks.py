"""Checks of a run, based on what was observed from outside: none of them asks the code under test.

A check is a function, async or not, that takes the simulation. It is called after all faults, when the node has been started once more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import attrs

from trioactors.errors import StartFailed, StoreError, SupervisorGaveUp
from trioactors.errors.exits import CRASH
from trioactors.settings import Intensity
from trioactors.supervision.specs import Supervisor
from trioactors.system.root import DYNAMIC
from trioactors.testing.driving import PlannedCrash
from trioactors.testing.given import require
from trioactors.testing.simulation.causes import Causes
from trioactors.testing.simulation.history import Operation, Told
from trioactors.testing.simulation.node import come_to_rest
from trioactors.testing.simulation.world import Simulation
from trioactors.trace.records import (
    ChildExited,
    ChildFailed,
    ChildIgnored,
    ChildStarted,
    ChildStartFailed,
    GaveUp,
    RestartScheduled,
    TimerFired,
    TraceRecord,
)

__all__ = [
    "ALWAYS",
    "Check",
    "appended",
    "crashes_are_planned",
    "crashes_have_causes",
    "each_call_ends_once",
    "ledgers_balance",
    "no_effect_twice",
    "planned_by",
    "restarts_are_counted",
    "timers_are_of_the_living",
]

Check: TypeAlias = Callable[[Simulation], Awaitable[Any] | None]


# --- on any run ---


def each_call_ends_once(simulation: Simulation) -> None:
    """Every call that a client began has finished exactly once: ok, failed or unknown."""
    ended = Counter(operation.id for operation in simulation.history)
    begun = Counter(simulation.begun)
    assert ended == begun, (
        f"calls that never finished: {dict(begun - ended)}; calls that finished more often than they began: {dict(ended - begun)}"
    )


def restarts_are_counted(simulation: Simulation) -> None:
    """No supervisor restarts more often than its intensity allows, and none gives up earlier; no child more often than its own allows.

    The supervisors of the tree are counted, with the children that they had at the time: children can be added or deleted later. So are
    the children of `system.start`.
    """
    supervisors = list(_supervisors(simulation.node.tree))
    default = simulation.node.settings.intensity
    declared = {spec.name: supervisor.name for supervisor in supervisors for spec in supervisor.children}
    lives: dict[int, list[tuple[TraceRecord, str | None]]] = {}
    for place, (life, record) in enumerate(simulation.trace):
        restarter = simulation.restarters.get(place) or declared.get(record.child)
        lives.setdefault(life, []).append((record, restarter))
    for records in lives.values():
        _counted_each(DYNAMIC, default, records)
        for supervisor in supervisors:
            _counted(supervisor, _shared(supervisor, default), records)
            if supervisor.child_intensity is not None:
                _counted_each(supervisor.name, supervisor.child_intensity, records)


def _supervisors(tree: Supervisor | None) -> Iterator[Supervisor]:
    if tree is not None:
        yield tree
        for spec in tree.children:
            if isinstance(spec, Supervisor):
                yield from _supervisors(spec)


def _shared(supervisor: Supervisor, default: Intensity) -> Intensity | None:
    """The intensity that its children share: that of OTP, unless it has back-off or a budget for each child, and no other."""
    waits = supervisor.backoff is not None and supervisor.backoff.base > 0
    beyond_otp = waits or supervisor.child_intensity is not None
    return supervisor.intensity or (None if beyond_otp else default)


def _counted(supervisor: Supervisor, allowed: Intensity | None, records: Iterable[tuple[TraceRecord, str | None]]) -> None:
    """Count as OTP does: the restarts within the period, including its edge, before one too many."""
    times: list[float] = []
    for record, restarter in records:
        if allowed is None:
            given_up = isinstance(record, GaveUp) and record.child == supervisor.name
            assert not given_up, f"{supervisor.name} gave up, but restarts do not count against it"
            continue
        if isinstance(record, ChildStarted) and record.child == supervisor.name:
            times = []  # a new incarnation begins without restarts
        elif isinstance(record, RestartScheduled) and restarter == supervisor.name:
            times = [*(time for time in times if time >= record.time - allowed.period), record.time]
            assert len(times) <= allowed.limit, (
                f"{supervisor.name} restarted {len(times)} times within {allowed.period:g} s, at {times}: {allowed} allows less"
            )
        elif isinstance(record, GaveUp) and record.child == supervisor.name:
            recent = [time for time in times if time >= record.time - allowed.period]
            assert len(recent) == allowed.limit, (
                f"{supervisor.name} gave up after {len(recent)} restarts within {allowed.period:g} s: {allowed} allows more"
            )


def _counted_each(supervisor: str, allowed: Intensity, records: Iterable[tuple[TraceRecord, str | None]]) -> None:
    """Count the restarts of each child. A restart by hand begins a new count.

    A start after the restart that was scheduled may also be one by hand, so each child has two counts: with and without what came before.
    """
    most: dict[str, list[float]] = {}
    least: dict[str, list[float]] = {}
    due: dict[str, float] = {}
    for record, restarter in records:
        child, now = record.child, record.time
        if isinstance(record, ChildStarted) and child == supervisor:
            most, least, due = {}, {}, {}
        elif isinstance(record, ChildStartFailed | ChildIgnored):
            due.pop(child, None)  # the next try is scheduled again, and who declines is started by hand only
        elif isinstance(record, ChildStarted):
            planned = due.pop(child, math.inf)
            if now != planned:
                least.pop(child, None)
            if now < planned:
                most.pop(child, None)
        elif isinstance(record, RestartScheduled | ChildFailed) and restarter == supervisor:
            for times in (most, least):
                times[child] = [time for time in times.get(child, ()) if time >= now - allowed.period]
            if isinstance(record, ChildFailed):
                assert len(most[child]) >= allowed.limit, f"{child} failed after {len(most[child])} restarts: {allowed} allows more"
                continue
            assert len(least[child]) < allowed.limit, (
                f"{child} is restarted at {now:g}, again after {least[child]}: {allowed} allows less"
            )
            due[child] = now + record.delay
            most[child].append(now)
            least[child].append(now)


def timers_are_of_the_living(simulation: Simulation) -> None:
    """No timer of an incarnation fires after its exit.

    A child that its supervisor forgot and made anew counts its incarnations from 1 again; those that have a number twice are left out.
    """
    over: set[tuple[int, str, int]] = set()
    numbers = _incarnations(simulation)
    for life, record in simulation.trace:
        if isinstance(record, ChildExited):
            over.add((life, record.child, record.incarnation))
        elif isinstance(record, TimerFired):
            known = (life, record.child, record.incarnation)
            assert known not in over or numbers[known] > 1, (
                f"a timer of {record.child} fired at {record.time:g}, after the exit of its incarnation {record.incarnation}"
            )


def _incarnations(simulation: Simulation) -> Counter[tuple[int, str, int]]:
    """How many incarnations of each child had the same number in a life of the node; one whose start fails only exits."""
    numbers: Counter[tuple[int, str, int]] = Counter()
    running: set[tuple[int, str, int]] = set()
    for life, record in simulation.trace:
        if isinstance(record, ChildStarted | ChildExited):
            known = (life, record.child, record.incarnation)
            numbers[known] += known not in running
            (running.add if isinstance(record, ChildStarted) else running.discard)(known)
    return numbers


def no_effect_twice(simulation: Simulation) -> None:
    """No effect on the outside world happened twice."""
    twice = [name for name, times in Counter(simulation.effects).items() if times > 1]
    assert not twice, f"effects that happened more than once: {', '.join(twice)}"


async def ledgers_balance(simulation: Simulation) -> None:
    """At the end every accepted message is accounted for, and none waits."""
    system = await simulation.system()
    await come_to_rest(system)
    ledger = system.ledger()
    assert ledger.balanced, f"the ledger does not balance: {ledger}"
    assert not ledger.waiting, f"messages wait although the system is at rest: {ledger}"
    assert not ledger.in_progress, f"messages are in progress although the system is at rest: {ledger}"


ALWAYS: Final[Sequence[Check]] = (
    each_call_ends_once,
    no_effect_twice,
    restarts_are_counted,
    timers_are_of_the_living,
    ledgers_balance,
)
"""The checks of every simulation."""


def crashes_have_causes(simulation: Simulation) -> None:
    """Every crash of an actor has a cause besides the messages of clients: a fault, an error of the store, or one that the checks accept.

    This is checked if there are random clients: whatever a client sends, it must not be able to crash an actor.
    """
    for life, record in simulation.trace:
        if isinstance(record, ChildExited) and record.reason.kind is CRASH:
            causes = Causes(simulation.node.planned, life in simulation.node.disturbed)
            explained = causes.crashes_a_child(record.reason.error)
            assert explained, (
                f"{record.child} crashed at {record.time:g}, and no fault explains it: {record.reason.error!r}. If it may crash so, say "
                f"check=[crashes_are_planned(...)]; if it is an answer, declare it: @ta.handler(raises=...)"
            )


# --- on request ---


@attrs.frozen
class _CrashesArePlanned:
    more: tuple[type[BaseException], ...]

    def __call__(self, simulation: Simulation) -> None:
        """The check."""
        expected = (PlannedCrash, StoreError, SupervisorGaveUp, *self.more)
        for _, record in simulation.trace:
            if isinstance(record, ChildExited) and record.reason.kind is CRASH:
                error = record.reason.error
                while isinstance(error, StartFailed) and error.__cause__ is not None:
                    error = error.__cause__
                assert isinstance(error, expected), f"{record.child} crashed unplanned at {record.time:g}: {error!r}"


def crashes_are_planned(*more: type[BaseException]) -> Check:
    """A check for `simulate(check=[...])`: every crash is a planned fault, an error of the store, a supervisor that gave up, or in *more*.

    A tree that gives up over errors in *more* is started again, as after a fault. Raises `UsageError` if *more* holds anything but
    exception classes.
    """
    for kind in more:
        given: Any = kind
        is_class = isinstance(given, type) and issubclass(given, BaseException)
        require(is_class, "crashes_are_planned(...)", given, "the class of an error, such as LookupError")
    return _CrashesArePlanned(more)


def planned_by(checks: Iterable[Check]) -> tuple[type[BaseException], ...]:
    """The errors that the checks accept as planned, besides faults."""
    return tuple(kind for check in checks if isinstance(check, _CrashesArePlanned) for kind in check.more)


def appended(history: Iterable[Operation], ids: Sequence[str]) -> None:
    """Check an actor that appends the `Operation.id` of each call to a list; *ids* is the final list. Raises AssertionError.

    An id that was reported OK is in the list once, FAILED ids are not in it, UNKNOWN ids are in it at most once. Of two OK calls of one
    client, the one that had finished before the other began comes first.
    """
    there = Counter(ids)
    known = list(history)
    for operation in known:
        times = there.pop(operation.id, 0)
        least, most = {Told.OK: (1, 1), Told.FAILED: (0, 0), Told.UNKNOWN: (0, 1)}[operation.told]
        assert least <= times <= most, (
            f"{operation.id} was reported {operation.told.value} and is in the list {times} times: {operation}"
        )
    assert not there, f"no call has these ids: {sorted(there)}"
    places = {name: place for place, name in enumerate(ids)}
    mine: dict[int, list[Operation]] = {}
    for operation in known:
        if operation.ok:
            mine.setdefault(operation.client, []).append(operation)
    for client, done in mine.items():
        order = sorted(done, key=lambda operation: places[operation.id])
        wrong = any(late.before(early) for place, early in enumerate(order) for late in order[place + 1 :])
        told, kept = ([operation.id for operation in row] for row in (done, order))
        assert not wrong, f"client {client} got OK for {told}, in this order, but the list has {kept}"
