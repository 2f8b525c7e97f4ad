"""The restart budgets of supervisors and of their children: restarts used, and restarts allowed."""

from __future__ import annotations

import attrs

from trioactors.settings import count
from trioactors.supervision.child import Child
from trioactors.supervision.restarts import RestartHistory, shared_intensity
from trioactors.supervision.specs import Strategy
from trioactors.supervision.tree import SupervisorChild
from trioactors.system.system import System, registry_of

__all__ = ["Budget", "BudgetPage", "CountedRestart", "budget_of", "budget_page", "budgets"]


@attrs.frozen(kw_only=True)
class CountedRestart:
    """A restart that still counts against a budget."""

    time: float
    child: str
    reason: str


@attrs.frozen(kw_only=True)
class Budget:
    """The restarts that count below one supervisor now."""

    name: str
    path: str
    strategy: Strategy
    used: int
    """Restarts that count now: against the shared budget, else against those of single children."""
    allowed: int | None
    """Restarts allowed within *period*; one more, and the supervisor gives up. None if its children share no budget."""
    period: float | None
    """Seconds."""
    child_allowed: int | None
    """Restarts allowed for each single child within *child_period*; one more, and the child stays down. None if there is no such limit."""
    child_period: float | None
    """Seconds."""
    restarts: tuple[CountedRestart, ...]
    """Oldest first."""


def budgets(system: System) -> tuple[Budget, ...]:
    """Return the budget of every supervisor, including the system's own."""
    children = registry_of(system).children()
    return tuple(budget_of(child) for child in children if isinstance(child, SupervisorChild))


@attrs.frozen(kw_only=True)
class BudgetPage:
    """One page of the budgets that restarts count against."""

    total: int
    """Supervisors below which restarts count now."""
    rows: tuple[Budget, ...]
    """The largest shares first; those without a shared budget last."""


def budget_page(system: System, *, limit: int = 100, offset: int = 0) -> BudgetPage:
    """Return a page of the budgets that restarts count against now: *limit* rows, starting at *offset*.

    Raises `SpecError` if *limit* or *offset* is invalid.
    """
    last = count(offset, "offset") + count(limit, "limit")
    supervisors = [child for child in registry_of(system).children() if isinstance(child, SupervisorChild)]
    found = [budget_of(child) for child in supervisors if any(map(_restarted, child.children.values())) or child.earlier_restarts]
    rows = sorted((budget for budget in found if budget.used), key=_share, reverse=True)
    return BudgetPage(total=len(rows), rows=tuple(rows[offset:last]))


def _restarted(child: Child) -> bool:
    return bool(child.restarts.history.entries)


def _share(budget: Budget) -> float:
    return 0.0 if budget.allowed is None else budget.used / max(1, budget.allowed)


def budget_of(child: SupervisorChild) -> Budget:
    """The budget of *child* now."""
    shared, each = shared_intensity(child.plan, child.runtime.settings.intensity), child.plan.child_intensity
    if shared is not None:
        histories = [RestartHistory(shared) if child.loop is None else child.loop.history]
    else:
        histories = [below.restarts.history for below in child.children.values() if below.restarts.history.entries]
    now = child.runtime.now()
    counting = sorted((entry for history in histories for entry in history.counting(now)), key=lambda entry: entry.time)
    return Budget(
        name=child.name,
        path=child.path,
        strategy=child.plan.strategy,
        used=len(counting),
        allowed=None if shared is None else shared.limit,
        period=None if shared is None else shared.period,
        child_allowed=None if each is None else each.limit,
        child_period=None if each is None else each.period,
        restarts=tuple(CountedRestart(time=e.time, child=e.child, reason=str(e.reason)) for e in counting),
    )
