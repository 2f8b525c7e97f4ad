"""How many restarts a supervisor has used, of how many it is allowed."""

from __future__ import annotations

import attrs

from trioactors.supervision.restarts import RestartHistory
from trioactors.supervision.specs import Strategy
from trioactors.supervision.tree import SupervisorChild
from trioactors.system.system import System, registry_of

__all__ = ["Budget", "CountedRestart", "budget_of", "budgets"]


@attrs.frozen(kw_only=True)
class CountedRestart:
    """A restart that still counts: when, of whom, and what had happened."""

    time: float
    child: str
    reason: str


@attrs.frozen(kw_only=True)
class Budget:
    """The restarts of one supervisor that count now."""

    name: str
    path: str
    strategy: Strategy
    used: int
    allowed: int
    """One more than that, and it gives up."""
    period: float
    restarts: tuple[CountedRestart, ...]
    """Oldest first."""


def budgets(system: System) -> tuple[Budget, ...]:
    """The budget of every supervisor, the system's own among them."""
    children = registry_of(system).children()
    return tuple(budget_of(child) for child in children if isinstance(child, SupervisorChild))


def budget_of(child: SupervisorChild) -> Budget:
    """What *cell* has used by now."""
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
