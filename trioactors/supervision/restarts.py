"""The rules of supervision, as plain functions from data to data.

They decide which children restart, which stop with them, when to give up and how long to wait. They never await, never read a clock and
never touch a task: the supervisor passes the time in and carries the decision out. The rules are OTP's, reproduced from its recorded
behaviour (`python -m trioactors.conformance` replays such recordings). Three points of them are easy to get wrong:

* a group restart counts once, and also starts those members that had exited normally, were ignored or were stopped by hand;
* a start that fails inside a restart is tried again from the end of the queue, and each try counts;
* auto-shutdown considers only exits that the supervisor did not cause itself.

Back-off and a budget for each child are not in OTP. Both count per child (`ChildRestarts`), and where one of them is declared, restarts
count against the supervisor only if it also declares an intensity of its own (`shared_intensity`). So a child whose partner is away can be
tried for ever, and one that fails alone does not take its siblings with it.

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
    "ChildRestarts",
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
    "shared_intensity",
]


class ChildStatus(enum.Enum):
    """The status of a child. *Undefined* is OTP's word: the spec is known, but nothing runs."""

    UNDEFINED = "undefined"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    FAILED = "failed"
    """It had too many restarts for one child, or its stored state cannot be read. It stays down until it is restarted by hand."""

    @property
    def down(self) -> bool:
        """Whether nothing runs, and nothing will be started by itself."""
        return self in {ChildStatus.UNDEFINED, ChildStatus.FAILED}


ChildStatusWord: TypeAlias = Literal["undefined", "starting", "running", "stopping", "restarting", "failed"]
"""The words that stand for the members of `ChildStatus`."""


@attrs.frozen
class RestartHistory:
    """The restarts that still count against an intensity: a sliding window."""

    intensity: Intensity | None = attrs.field(factory=Intensity)
    """None if restarts do not count: the history then stays empty."""
    entries: tuple[RestartEntry, ...] = ()

    def add(self, entry: RestartEntry) -> RestartHistory:
        """Add *entry* and drop those older than the period. An entry exactly as old as the period still counts, as in OTP."""
        if self.intensity is None:
            return self
        return attrs.evolve(self, entries=(*self.counting(entry.time), entry))

    def counting(self, now: float) -> tuple[RestartEntry, ...]:
        """The entries that still count at *now*."""
        if self.intensity is None:
            return ()
        oldest = now - self.intensity.period
        return tuple(old for old in self.entries if old.time >= oldest)

    @property
    def exhausted(self) -> bool:
        """Whether there were more restarts than the intensity allows."""
        return self.intensity is not None and len(self.entries) > self.intensity.limit

    def __str__(self) -> str:
        """The restarts, and how many are allowed."""
        if self.intensity is None:
            return "restarts are not counted"
        return f"{len(self.entries)} restarts within {self.intensity.period:g} s, {self.intensity.limit} are allowed"


@attrs.frozen
class ChildRestarts:
    """The restarts of one child that count: against its own budget, and for the length of its back-off."""

    history: RestartHistory = RestartHistory(None)
    in_a_row: int = 0
    """The restarts since it was last healthy."""

    def add(self, entry: RestartEntry, *, healthy: bool) -> ChildRestarts:
        """Add *entry*. If the child was *healthy* before, this restart is the first of a new row."""
        return ChildRestarts(self.history.add(entry), 1 if healthy else self.in_a_row + 1)


def shared_intensity(plan: Supervisor, default: Intensity) -> Intensity | None:
    """The intensity that all children of *plan* share; None if their restarts do not count against the supervisor.

    *default* applies only where each restart is immediate and no child has a budget of its own, as in OTP. A back-off of 0 never waits.
    """
    waits = plan.backoff is not None and plan.backoff.base > 0
    if plan.intensity is None and (waits or plan.child_intensity is not None):
        return None
    return plan.intensity or default


class Verdict(enum.Enum):
    """The reactions of a supervisor to a child that is down."""

    RESTARTS = "restarts"
    STAYS_DOWN = "stays_down"
    FAILS = "fails"
    """The child's own budget is used up: it stays down, and its siblings live on."""
    SHUTS_DOWN = "shuts_down"
    """The child was significant: the supervisor stops the others and exits."""
    GIVES_UP = "gives_up"
    """The budget is used up: the supervisor stops the others and exits."""


@attrs.frozen
class Decision:
    """The reaction of a supervisor to a child that is down, and the children to stop and start."""

    verdict: Verdict
    history: RestartHistory
    """The restarts that count against the supervisor, this one included."""
    own: ChildRestarts
    """The restarts of the child itself that count, this one included."""
    group: tuple[str, ...] = ()
    """The children to start, in this order."""
    stops: tuple[str, ...] = ()
    """The children to stop before that, in this order, if they run."""


def after_exit(
    plan: Supervisor,
    restart: Restart,
    history: RestartHistory,
    own: ChildRestarts,
    ended: RestartEntry,
    *,
    ran: float,
    children: Iterable[str],
    significant: Mapping[str, ChildStatus],
) -> Decision:
    """Decide what a supervisor declared as *plan* does when a child with the rule *restart* has exited by itself.

    *history* is that of the supervisor, *own* the restarts of this child. It *ran* for that many seconds after it had become ready.
    *children* are the children of the supervisor in start order; *significant* maps the significant ones to their status.
    """
    if comes_back(restart, ended.reason):
        healthy = plan.backoff is None or ran >= plan.backoff.reset_after
        return _try_again(plan, history, own.add(ended, healthy=healthy), ended, children=children, significant=significant)
    return Decision(_stays_down(plan, ended.child, significant, Verdict.STAYS_DOWN), history, own)


def after_failed_start(
    plan: Supervisor,
    history: RestartHistory,
    own: ChildRestarts,
    failed: RestartEntry,
    *,
    children: Iterable[str],
    significant: Mapping[str, ChildStatus],
) -> Decision:
    """Decide what it does when a start inside a restart has failed, whatever the rule of the child. Each try counts."""
    return _try_again(plan, history, own.add(failed, healthy=False), failed, children=children, significant=significant)


def _try_again(
    plan: Supervisor,
    history: RestartHistory,
    own: ChildRestarts,
    entry: RestartEntry,
    *,
    children: Iterable[str],
    significant: Mapping[str, ChildStatus],
) -> Decision:
    """Decide what it does when a child must be started again. A child that stays down costs the supervisor nothing."""
    if own.history.exhausted:
        return Decision(_stays_down(plan, entry.child, significant, Verdict.FAILS), history, own)
    counted = history.add(entry)
    if counted.exhausted:
        return Decision(Verdict.GIVES_UP, counted, own)
    group = casualties(plan.strategy, children, entry.child)
    return Decision(Verdict.RESTARTS, counted, own, group, tuple(name for name in reversed(group) if name != entry.child))


def _stays_down(plan: Supervisor, child: str, significant: Mapping[str, ChildStatus], verdict: Verdict) -> Verdict:
    """*verdict*, unless the supervisor shuts down because this significant child stays down."""
    return Verdict.SHUTS_DOWN if ends_supervisor(plan.auto_shutdown, child, significant) else verdict


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
            return all(status.down for status in others)
        case _:
            assert_never(rule)


def delay_before(backoff: Backoff | None, in_a_row: int, chance: float) -> float:
    """The seconds to wait before the latest of so many restarts *in_a_row*. *chance*, in [0, 1), decides the jitter."""
    if backoff is None or backoff.base == 0:  # and however often: a factor that overflows would make it the cap
        return 0.0
    try:
        full = min(backoff.cap, backoff.base * backoff.factor ** max(0, in_a_row - 1))
    except OverflowError:
        full = backoff.cap
    return full * (1.0 - backoff.jitter * chance)


def gave_up(supervisor: str, history: RestartHistory) -> SupervisorGaveUp:
    """Make the error of a *supervisor* whose *history* is exhausted, with the last failure as its cause."""
    last = history.entries[-1]
    error = SupervisorGaveUp(
        f"supervisor {supervisor} gave up: {history}; the last was of {last.child}, which exited ({last.reason})",
        history.entries,
    )
    error.__cause__ = last.reason.error
    return error
