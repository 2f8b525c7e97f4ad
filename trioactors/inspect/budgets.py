"""How many restarts a supervisor has used, of how many it is allowed."""

from __future__ import annotations

import attrs

from trioactors.supervision.restarts import RestartHistory
from trioactors.supervision.specs import Strategy
from trioactors.supervision.tree import SupervisorCell
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
    cells = registry_of(system).cells()
    return tuple(budget_of(cell) for cell in cells if isinstance(cell, SupervisorCell))


def budget_of(cell: SupervisorCell) -> Budget:
    """What *cell* has used by now."""
    intensity = cell.plan.intensity or cell.runtime.settings.intensity
    history = RestartHistory(intensity) if cell.shell is None else cell.shell.history
    counting = history.counting(cell.runtime.now())
    return Budget(
        name=cell.name,
        path=cell.path,
        strategy=cell.plan.strategy,
        used=len(counting),
        allowed=intensity.limit,
        period=intensity.period,
        restarts=tuple(CountedRestart(time=e.time, child=e.child, reason=str(e.reason)) for e in counting),
    )
