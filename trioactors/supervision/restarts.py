"""The rules of supervision, as plain functions from data to data.

They decide who falls with whom, who comes back, when to give up and how long to wait. They never await, never read a clock and
never touch a task: the supervisor passes the time in and carries the answer out. The rules are OTP's, reproduced from its recorded
behaviour (`python -m trioactors.conformance` replays such recordings); three points are less obvious than they look:

* a group restart counts once, and brings back also those members that had ended normally, were ignored or were stopped by hand;
* a start that fails inside a restart is tried again from the end of the inbox, and each try counts;
* auto-shutdown asks only about ends that the supervisor did not cause itself.

`after_end` and `after_failed_start` put the rules together. The supervisor asks them when a child has ended, and `System.explain` asks them
what would happen if one did: there is no second opinion.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import assert_never

import attrs

from trioactors.errors import SupervisorGaveUp
from trioactors.errors.exits import Exit, RestartEntry
from trioactors.settings import Backoff, Intensity
from trioactors.supervision.specs import AutoShutdown, Restart, Strategy, Supervisor

__all__ = [
    "ChildStatus",
    "Decision",
    "RestartHistory",
    "Verdict",
    "after_end",
    "after_failed_start",
    "casualties",
    "comes_back",
    "delay_before",
    "ends_supervisor",
    "gave_up",
]


class ChildStatus(enum.Enum):
    """What a supervisor knows of a child. *Undefined* is OTP's word: the spec is kept, nothing runs."""

    UNDEFINED = "undefined"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RESTARTING = "restarting"


@attrs.frozen
class RestartHistory:
    """The restarts that still count against an intensity."""

    intensity: Intensity = attrs.field(factory=Intensity)
    entries: tuple[RestartEntry, ...] = ()

    def add(self, entry: RestartEntry) -> RestartHistory:
        """Remember *entry* and forget those older than the period. The edge counts, as in OTP."""
        return attrs.evolve(self, entries=(*self.counting(entry.time), entry))

    def counting(self, now: float) -> tuple[RestartEntry, ...]:
        """Those that still count at *now*."""
        oldest = now - self.intensity.period
        return tuple(old for old in self.entries if old.time >= oldest)

    @property
    def exhausted(self) -> bool:
        """Whether the supervisor must give up."""
        return len(self.entries) > self.intensity.limit


class Verdict(enum.Enum):
    """What a supervisor does about a child that is down."""

    RESTARTS = "restarts"
    STAYS_DOWN = "stays_down"
    SHUTS_DOWN = "shuts_down"
    """The child was significant: the supervisor stops the others and ends."""
    GIVES_UP = "gives_up"
    """The budget is used up: the supervisor stops the others and ends."""


@attrs.frozen
class Decision:
    """What a supervisor does about a child that is down, and to whom."""

    verdict: Verdict
    history: RestartHistory
    group: tuple[str, ...] = ()
    """Who is started then, in this order."""
    falls: tuple[str, ...] = ()
    """Who is stopped before that, in this order, as far as they run."""


def after_end(
    plan: Supervisor,
    restart: Restart,
    history: RestartHistory,
    ended: RestartEntry,
    *,
    children: Iterable[str],
    significant: Mapping[str, ChildStatus],
) -> Decision:
    """What the supervisor of *plan* does when a child that is restarted by the rule *restart* has ended by itself.

    *children* are its children in start order; *significant* holds the present status of those who are.
    """
    if comes_back(restart, ended.reason):
        return after_failed_start(plan, history, ended, children=children)
    ends = ends_supervisor(plan.auto_shutdown, ended.child, significant)
    return Decision(Verdict.SHUTS_DOWN if ends else Verdict.STAYS_DOWN, history)


def after_failed_start(plan: Supervisor, history: RestartHistory, failed: RestartEntry, *, children: Iterable[str]) -> Decision:
    """What it does when a child must be started again, whatever its rule: each try counts."""
    counted = history.add(failed)
    if counted.exhausted:
        return Decision(Verdict.GIVES_UP, counted)
    group = casualties(plan.strategy, children, failed.child)
    return Decision(Verdict.RESTARTS, counted, group, tuple(name for name in reversed(group) if name != failed.child))


def comes_back(restart: Restart, reason: Exit) -> bool:
    """Whether a child that ended for *reason* by itself is restarted. An interrupt is everybody's end, and restarts nobody."""
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
    """Names to stop and start again, in start order."""
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
    """Whether the end of *ended*, which is not restarted, ends its supervisor.

    *significant* holds the present status of every significant child that is still known.
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
    """Seconds to wait before the latest of *restarts* that count; *chance* in [0, 1) takes jitter off."""
    if backoff is None:
        return 0.0
    try:
        full = min(backoff.cap, backoff.base * backoff.factor ** max(0, restarts - 1))
    except OverflowError:
        full = backoff.cap
    return full * (1.0 - backoff.jitter * chance)


def gave_up(supervisor: str, history: RestartHistory) -> SupervisorGaveUp:
    """The error of a *supervisor* whose *history* is exhausted, with the last failure as its cause."""
    last, allowed = history.entries[-1], history.intensity
    error = SupervisorGaveUp(
        f"supervisor {supervisor} gave up: {len(history.entries)} restarts within {allowed.period:g} s, {allowed.limit} are allowed; "
        f"the last was of {last.child}, which ended ({last.reason})",
        history.entries,
    )
    error.__cause__ = last.reason.error
    return error
