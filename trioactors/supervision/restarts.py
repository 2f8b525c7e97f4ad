"""The rules of supervision, as plain functions from data to data.

They decide which children restart, which stop with them, when to give up and how long to wait. They never await, never read a clock and
never touch a task: the supervisor passes the time in and carries the decision out. The rules are OTP's, reproduced from its recorded
behaviour (`python -m trioactors.conformance` replays such recordings). Three points are easy to get wrong:

* a group restart counts once, and also starts those members that had exited normally, were ignored or were stopped by hand;
* a start that fails inside a restart is tried again from the end of the queue, and each try counts;
* auto-shutdown considers only exits that the supervisor did not cause itself.

`after_exit` and `after_failed_start` put the rules together. The supervisor asks them when a child has exited, and `System.explain` asks
them what would happen if it did, so both always agree.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, assert_never

import attrs

from trioactors.errors import SupervisorGaveUp
from trioactors.errors.exits import Exit, RestartEntry
from trioactors.settings import Backoff, Intensity
from trioactors.supervision.specs import AutoShutdown, Restart, Strategy, Supervisor

__all__ = [
    "ChildStatus",
    "ChildStatusWord",
    "Decision",
    "RestartHistory",
    "Verdict",
    "after_exit",
    "after_failed_start",
    "casualties",
    "comes_back",
    "delay_before",
    "ends_supervisor",
    "gave_up",
]


class ChildStatus(enum.Enum):
    """The status of a child. *Undefined* is OTP's word: the spec is known, but nothing runs."""

    UNDEFINED = "undefined"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RESTARTING = "restarting"


ChildStatusWord: TypeAlias = Literal["undefined", "starting", "running", "stopping", "restarting"]
"""The words that stand for the members of `ChildStatus`."""


@attrs.frozen
class RestartHistory:
    """The restarts that still count against an intensity: a sliding window."""

    intensity: Intensity = attrs.field(factory=Intensity)
    entries: tuple[RestartEntry, ...] = ()

    def add(self, entry: RestartEntry) -> RestartHistory:
        """Add *entry* and drop those older than the period. An entry exactly as old as the period still counts, as in OTP."""
        return attrs.evolve(self, entries=(*self.counting(entry.time), entry))

    def counting(self, now: float) -> tuple[RestartEntry, ...]:
        """The entries that still count at *now*."""
        oldest = now - self.intensity.period
        return tuple(old for old in self.entries if old.time >= oldest)

    @property
    def exhausted(self) -> bool:
        """Whether the supervisor must give up."""
        return len(self.entries) > self.intensity.limit


class Verdict(enum.Enum):
    """The reactions of a supervisor to a child that is down."""

    RESTARTS = "restarts"
    STAYS_DOWN = "stays_down"
    SHUTS_DOWN = "shuts_down"
    """The child was significant: the supervisor stops the others and exits."""
    GIVES_UP = "gives_up"
    """The budget is used up: the supervisor stops the others and exits."""


@attrs.frozen
class Decision:
    """The reaction of a supervisor to a child that is down, and the children to stop and start."""

    verdict: Verdict
    history: RestartHistory
    """The restarts that count, this one included."""
    group: tuple[str, ...] = ()
    """The children to start, in this order."""
    stops: tuple[str, ...] = ()
    """The children to stop before that, in this order, if they run."""


def after_exit(
    plan: Supervisor,
    restart: Restart,
    history: RestartHistory,
    ended: RestartEntry,
    *,
    children: Iterable[str],
    significant: Mapping[str, ChildStatus],
) -> Decision:
    """Decide what a supervisor declared as *plan* does when a child with the rule *restart* has exited by itself.

    *children* are its children in start order; *significant* maps the significant ones to their status.
    """
    if comes_back(restart, ended.reason):
        return after_failed_start(plan, history, ended, children=children)
    ends = ends_supervisor(plan.auto_shutdown, ended.child, significant)
    return Decision(Verdict.SHUTS_DOWN if ends else Verdict.STAYS_DOWN, history)


def after_failed_start(plan: Supervisor, history: RestartHistory, failed: RestartEntry, *, children: Iterable[str]) -> Decision:
    """Decide what it does when a child must be started again, whatever its rule. Each try counts."""
    counted = history.add(failed)
    if counted.exhausted:
        return Decision(Verdict.GIVES_UP, counted)
    group = casualties(plan.strategy, children, failed.child)
    return Decision(Verdict.RESTARTS, counted, group, tuple(name for name in reversed(group) if name != failed.child))


def comes_back(restart: Restart, reason: Exit) -> bool:
    """Whether a child that exited by itself for *reason* is restarted. An interrupt stops the whole system, so it restarts no child."""
    if isinstance(reason.error, KeyboardInterrupt | SystemExit):
        return False
    match restart:
        case Restart.PERMANENT:
            return True
        case Restart.TRANSIENT:
            return not reason.orderly
        case Restart.TEMPORARY:
            return False
        case _:
            assert_never(restart)


def casualties(strategy: Strategy, children: Iterable[str], failed: str) -> tuple[str, ...]:
    """The names to stop and start again, in start order."""
    match strategy:
        case Strategy.ONE_FOR_ONE | Strategy.DYNAMIC:
            return (failed,)
        case Strategy.REST_FOR_ONE:
            names = tuple(children)
            return names[names.index(failed) :]
        case Strategy.ONE_FOR_ALL:
            return tuple(children)
        case _:
            assert_never(strategy)


def ends_supervisor(rule: AutoShutdown, ended: str, significant: Mapping[str, ChildStatus]) -> bool:
    """Whether the exit of *ended*, which is not restarted, shuts its supervisor down.

    *significant* maps every significant child that is still known to its status.
    """
    if ended not in significant:
        return False
    match rule:
        case AutoShutdown.NEVER:
            return False
        case AutoShutdown.ANY_SIGNIFICANT:
            return True
        case AutoShutdown.ALL_SIGNIFICANT:
            others = (status for name, status in significant.items() if name != ended)
            return all(status is ChildStatus.UNDEFINED for status in others)
        case _:
            assert_never(rule)


def delay_before(backoff: Backoff | None, restarts: int, chance: float) -> float:
    """The seconds to wait before the latest of *restarts* that count. *chance*, in [0, 1), decides the jitter."""
    if backoff is None:
        return 0.0
    try:
        full = min(backoff.cap, backoff.base * backoff.factor ** max(0, restarts - 1))
    except OverflowError:
        full = backoff.cap
    return full * (1.0 - backoff.jitter * chance)


def gave_up(supervisor: str, history: RestartHistory) -> SupervisorGaveUp:
    """Make the error of a *supervisor* whose *history* is exhausted, with the last failure as its cause."""
    last, allowed = history.entries[-1], history.intensity
    error = SupervisorGaveUp(
        f"supervisor {supervisor} gave up: {len(history.entries)} restarts within {allowed.period:g} s, {allowed.limit} are allowed; "
        f"the last was of {last.child}, which exited ({last.reason})",
        history.entries,
    )
    error.__cause__ = last.reason.error
    return error
