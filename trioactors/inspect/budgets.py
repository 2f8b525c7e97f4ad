"""The restart budgets of supervisors: restarts used, and restarts allowed."""

from __future__ import annotations

import attrs

from trioactors.supervision.restarts import RestartHistory
from trioactors.supervision.specs import Strategy
from trioactors.supervision.tree import SupervisorChild
from trioactors.system.system import System, registry_of

__all__ = ["Budget", "CountedRestart", "budget_of", "budgets"]


@attrs.frozen(kw_only=True)
class CountedRestart:
    """A restart that still counts against the budget."""

    time: float
    child: str
    reason: str


@attrs.frozen(kw_only=True)
class Budget:
    """The restarts that count against one supervisor now."""

    name: str
    path: str
    strategy: Strategy
    used: int
    allowed: int
    """Restarts allowed within *period*; one more, and the supervisor gives up."""
    period: float
    """Seconds."""
    restarts: tuple[CountedRestart, ...]
    """Oldest first."""


def budgets(system: System) -> tuple[Budget, ...]:
    """Return the budget of every supervisor, including the system's own."""
    children = registry_of(system).children()
    return tuple(budget_of(child) for child in children if isinstance(child, SupervisorChild))


def budget_of(child: SupervisorChild) -> Budget:
    """The budget of *child* now."""
    intensity = child.plan.intensity or child.runtime.settings.intensity
    history = RestartHistory(intensity) if child.loop is None else child.loop.history
    counting = history.counting(child.runtime.now())
    return Budget(
        name=child.name,
        path=child.path,
        strategy=child.plan.strategy,
        used=len(counting),
        allowed=intensity.limit,
        period=intensity.period,
        restarts=tuple(CountedRestart(time=e.time, child=e.child, reason=str(e.reason)) for e in counting),
    )
