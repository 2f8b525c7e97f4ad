"""The alerts of one system: where each target is, and which alerts are silenced. It waits for nothing and reads no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

import attrs

from trioactors.errors import SpecError, UsageError
from trioactors.supervision.alert_rules import Alert, AlertNotice, AlertStatus, Phase, beyond, step

__all__ = ["FOLLOWED", "AlertBoard", "Change", "checked_alerts"]

FOLLOWED: Final = 100
"""Targets of one alert that are followed at the same time; the others are only counted."""
_MOST: Final = 100
"""Alerts of one system."""


@attrs.frozen(kw_only=True)
class Change:
    """An alert of one target that was raised or cleared."""

    rule: Alert
    target: str
    status: AlertStatus
    value: float | None
    since: float
    """When the value went beyond the limit, on Trio's clock."""
    raised: float
    time: float
    silenced: bool
    new: bool
    """False if it was raised before, and is told only now, because a silence has ended."""
    told: bool
    """Whether it is told now: in the log, to the webhook and to the function of the alert."""

    def notice(self, ago: float) -> AlertNotice:
        """The notice of it; *ago* is what the wall clock is ahead of Trio's."""
        return AlertNotice(
            status=self.status,
            alert=self.rule.name,
            measure=self.rule.measure,
            target=self.target,
            value=self.value,
            limit=self.rule.limit,
            above=self.rule.above,
            since=self.since + ago,
            time=self.time + ago,
        )


@attrs.define(eq=False)
class AlertBoard:
    """The alerts of one system."""

    rules: tuple[Alert, ...] = ()
    phases: dict[str, dict[str, Phase]] = attrs.field(factory=dict[str, dict[str, Phase]], repr=False)
    """By alert and target: those that are not quiet."""
    more: dict[str, int] = attrs.field(factory=dict[str, int], repr=False)
    """By alert: the targets beyond the limit that are not followed, because there are too many."""
    _silences: dict[str, float] = attrs.field(factory=dict[str, float], init=False, repr=False)

    def silence(self, name: str, seconds: float, now: float) -> float | None:
        """Tell nothing of the alert *name* for *seconds*; 0 ends it. Returns until when, or None. Raises `UsageError`."""
        known = [rule.name for rule in self.rules]
        if name not in known:
            raise UsageError(f"there is no alert {name!r:.100}; alerts: {', '.join(known) or 'none'}")
        self._silences.pop(name, None)
        if seconds > 0:
            self._silences[name] = now + seconds
        return self._silences.get(name)

    def silenced(self, name: str, now: float) -> float | None:
        """Until when the alert *name* is silenced; None if it is not."""
        until = self._silences.get(name)
        return until if until is not None and now < until else None

    def look(self, rule: Alert, readings: Iterable[tuple[str, float]], now: float) -> list[Change]:
        """Take the values of all targets of *rule*, and return what changed by them."""
        phases = self.phases.setdefault(rule.name, {})
        gone = set(phases)
        changes: list[Change] = []
        more = 0
        for target, value in readings:
            if target in phases:
                gone.discard(target)
            elif not beyond(rule, value):
                continue
            elif len(phases) >= FOLLOWED:
                more += 1
                continue
            changes += self._step(rule, target, value, now)
        for target in sorted(gone):
            changes += self._step(rule, target, None, now)
        self.more[rule.name] = more
        return changes

    def _step(self, rule: Alert, target: str, value: float | None, now: float) -> Iterator[Change]:
        phases = self.phases[rule.name]
        before = phases.get(target)
        after, event = step(rule, before, value, now)
        silenced = self.silenced(rule.name, now) is not None
        tell = False
        if after is not None:
            tell = after.raised is not None and not after.told and not silenced
            phases[target] = after = attrs.evolve(after, told=True) if tell else after
        else:
            phases.pop(target, None)
            tell = event is AlertStatus.CLEARED and before is not None and before.told
        status = event or (AlertStatus.RAISED if tell else None)  # it is told late: a silence has ended
        shown = after or before
        if status is None or shown is None:
            return
        raised = now if shown.raised is None else shown.raised
        yield Change(
            rule=rule, target=target, status=status, value=value, since=shown.since, raised=raised, time=now,
            silenced=silenced, new=event is not None, told=tell,
        )  # fmt: skip


def checked_alerts(given: object) -> tuple[Alert, ...]:
    """The alerts of a system. Raises `SpecError`."""
    problem = SpecError(f"alerts={given!r:.80} must be a list of ta.alert(...)")
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise problem
    rules: list[Alert] = []
    for each in cast("Sequence[object]", given):
        if not isinstance(each, Alert):
            raise problem
        if each.name in {rule.name for rule in rules}:
            raise SpecError(f"alerts: two have the name {each.name!r}; give one of them another: ta.alert(..., name='...')")
        rules.append(each)
    if len(rules) > _MOST:
        raise SpecError(f"alerts: {len(rules)} are more than {_MOST}; use patterns, as in 'mailbox of worker-*'")
    return tuple(rules)
