"""The alerts of a system, and which of them are raised."""

from __future__ import annotations

import attrs

from trioactors.supervision.alert_board import AlertBoard
from trioactors.supervision.alert_rules import Alert
from trioactors.system.system import System, runtime_of

__all__ = ["AlertPage", "AlertRow", "AlertTarget", "alerts"]


@attrs.frozen(kw_only=True)
class AlertTarget:
    """A target whose value is, or was a moment ago, beyond the limit of an alert."""

    target: str
    """A child or a handler; empty for the whole system."""
    value: float
    since: float
    """When the value went beyond the limit, on Trio's clock."""
    raised: float | None
    """When the alert was raised; None if that has not been for long enough."""


@attrs.frozen(kw_only=True)
class AlertRow:
    """One alert."""

    name: str
    measure: str
    limit: float
    above: bool
    clear: float
    for_: float
    silenced: float | None
    """Until when it is silenced, on Trio's clock; None if it is not."""
    raised: int
    """Targets for which it is raised."""
    more: int
    """Targets beyond the limit that are not followed, because there are too many."""
    of_children: bool
    """Whether its targets are children."""
    targets: tuple[AlertTarget, ...]
    """The targets that are not quiet, those that are raised first."""


@attrs.frozen(kw_only=True)
class AlertPage:
    """All alerts of a system."""

    raised: int
    """Alerts that are raised for one target or more, and not silenced."""
    rows: tuple[AlertRow, ...]


def alerts(system: System) -> AlertPage:
    """Return the alerts of *system*: those that are raised first, then in the order in which they were given."""
    runtime = runtime_of(system)
    rows = [_row(runtime.alerts, rule, runtime.now()) for rule in runtime.alerts.rules]
    return AlertPage(
        raised=sum(row.raised > 0 and row.silenced is None for row in rows),
        rows=tuple(sorted(rows, key=lambda row: row.raised == 0)),
    )


def _row(board: AlertBoard, rule: Alert, now: float) -> AlertRow:
    phases = board.phases.get(rule.name, {})
    targets = [AlertTarget(target=name, value=each.value, since=each.since, raised=each.raised) for name, each in phases.items()]
    targets.sort(key=lambda each: (each.raised is None, each.since, each.target))
    return AlertRow(
        name=rule.name,
        measure=rule.measure,
        limit=rule.limit,
        above=rule.above,
        clear=rule.clear,
        for_=rule.for_,
        silenced=board.silenced(rule.name, now),
        raised=sum(each.raised is not None for each in targets),
        more=board.more.get(rule.name, 0),
        of_children=rule.of_children,
        targets=tuple(targets),
    )
