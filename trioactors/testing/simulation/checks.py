"""What must be true of any run, judged from what was seen from outside: none of this asks the code that is under test.

A check is a function of the simulation, called when all faults are over and the node has been started once more; it may be async.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from trioactors.errors import StartFailed, StoreError, SupervisorGaveUp
from trioactors.errors.exits import CRASH
from trioactors.settings import Intensity
from trioactors.supervision.specs import Supervisor
from trioactors.testing.driving import PlannedCrash
from trioactors.testing.given import look_at_exception
from trioactors.testing.simulation.history import Operation, Told
from trioactors.testing.simulation.node import come_to_rest
from trioactors.trace.records import ChildExited, ChildStarted, GaveUp, RestartScheduled, TimerFired, TraceRecord

if TYPE_CHECKING:
    from trioactors.testing.simulation.world import Simulation

__all__ = [
    "ALWAYS",
    "Check",
    "appended",
    "crashes_are_planned",
    "each_call_ends_once",
    "ledgers_balance",
    "no_effect_twice",
    "planned_by",
    "restarts_are_counted",
    "timers_are_of_the_living",
]

Check: TypeAlias = "Callable[[Simulation], Awaitable[Any] | None]"


# --- on any run ---


def each_call_ends_once(simulation: Simulation) -> None:
    """Every call that a client began has ended, once: as ok, failed or unknown."""
    ended = Counter(operation.id for operation in simulation.history)
    begun = Counter(simulation.begun)
    assert ended == begun, (
        f"calls begun {dict(begun - ended)} never ended; calls ended more often than they began: {dict(ended - begun)}"
    )


def restarts_are_counted(simulation: Simulation) -> None:
    """No supervisor restarts more often than its intensity allows, and none gives up before that.

    Counted are those of the tree. Their children are those who were under them then: some are added later, or deleted.
    """
    supervisors = list(_supervisors(simulation.node.tree))
    default = simulation.node.settings.intensity
    declared = {spec.name: supervisor.name for supervisor in supervisors for spec in supervisor.children}
    lives: dict[int, list[tuple[TraceRecord, str | None]]] = {}
    for place, (life, record) in enumerate(simulation.trace):
        restarter = simulation.restarters.get(place) or declared.get(record.child)
        lives.setdefault(life, []).append((record, restarter))
    for records in lives.values():
        for supervisor in supervisors:
            _counted(supervisor, supervisor.intensity or default, records)


def _supervisors(tree: Supervisor | None) -> Iterator[Supervisor]:
    if tree is not None:
        yield tree
        for spec in tree.children:
            if isinstance(spec, Supervisor):
                yield from _supervisors(spec)


def _counted(supervisor: Supervisor, allowed: Intensity, records: Iterable[tuple[TraceRecord, str | None]]) -> None:
    """Count as OTP does: those within the period, its edge included, before one that would be one too many."""
    times: list[float] = []
    for record, restarter in records:
        if isinstance(record, ChildStarted) and record.child == supervisor.name:
            times = []  # a new incarnation of it has restarted nobody yet
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


def timers_are_of_the_living(simulation: Simulation) -> None:
    """No timer of an incarnation that is over fires."""
    over: set[tuple[int, str, int]] = set()
    for life, record in simulation.trace:
        if isinstance(record, ChildExited):
            over.add((life, record.child, record.incarnation))
        elif isinstance(record, TimerFired):
            assert (life, record.child, record.incarnation) not in over, (
                f"a timer of {record.child} fired at {record.time:g}, in an incarnation ({record.incarnation}) that was over"
            )


def no_effect_twice(simulation: Simulation) -> None:
    """Nothing that the application did to the world outside was done again."""
    twice = [name for name, times in Counter(simulation.effects).items() if times > 1]
    assert not twice, f"done more than once: {', '.join(twice)}"


async def ledgers_balance(simulation: Simulation) -> None:
    """In the end every message that was accepted is accounted for, and none waits."""
    system = await simulation.system()
    await come_to_rest(system)
    ledger = system.ledger()
    assert ledger.balanced, f"the ledger does not balance: {ledger}"
    assert not ledger.waiting, f"messages wait although nothing is to be done: {ledger}"
    assert not ledger.in_progress, f"messages are in progress although nothing is to be done: {ledger}"


ALWAYS: Final[Sequence[Check]] = (
    each_call_ends_once,
    no_effect_twice,
    restarts_are_counted,
    timers_are_of_the_living,
    ledgers_balance,
)
"""The checks of every simulation."""


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
    """A check for `simulate(check=[...])`: nobody crashed but by a planned fault, an error of the store, a supervisor, or one of these.

    A tree that gives up over *more* is started again, as after a fault. Raises `UsageError` for what is no class of exceptions.
    """
    for kind in more:
        look_at_exception("crashes_are_planned(...)", kind)
    return _CrashesArePlanned(more)


def planned_by(checks: Iterable[Check]) -> tuple[type[BaseException], ...]:
    """The errors that the checks take for planned, besides faults."""
    return tuple(kind for check in checks if isinstance(check, _CrashesArePlanned) for kind in check.more)


def appended(history: Iterable[Operation], ids: Sequence[str]) -> None:
    """For actors that append to a row: *ids* is the row in the end, by `Operation.id`.

    What was told OK is there, once; what was told FAILED is not there; what nobody could say is there once at the most; and of what
    one client was told OK, that comes first which had ended before the other began. Raises AssertionError.
    """
    there = Counter(ids)
    known = list(history)
    for operation in known:
        times = there.pop(operation.id, 0)
        least, most = {Told.OK: (1, 1), Told.FAILED: (0, 0), Told.UNKNOWN: (0, 1)}[operation.told]
        assert least <= times <= most, f"{operation.id} was told {operation.told.value} and is there {times} times: {operation}"
    assert not there, f"nobody asked for {sorted(there)}"
    places = {name: place for place, name in enumerate(ids)}
    mine: dict[int, list[Operation]] = {}
    for operation in known:
        if operation.ok:
            mine.setdefault(operation.client, []).append(operation)
    for client, done in mine.items():
        order = sorted(done, key=lambda operation: places[operation.id])
        wrong = any(late.before(early) for place, early in enumerate(order) for late in order[place + 1 :])
        told, kept = ([operation.id for operation in row] for row in (done, order))
        assert not wrong, f"client {client} was told {told}, in this order, and they are kept as {kept}"
