"""The values of the measures that alerts watch, read from a running system."""

from __future__ import annotations

import fnmatch
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import attrs

from trioactors.actors.child import ActorChild
from trioactors.messaging.messages import sent_of
from trioactors.supervision.alert_rules import Alert, Measure
from trioactors.supervision.child import Child
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.specs import INTERNAL
from trioactors.system.system import System, registry_of, runtime_of

__all__ = ["MINUTE", "Readings", "Recent"]

MINUTE: Final = 60.0
_DATED: Final = 10
"""Messages of a mailbox that are searched for one that carries a time."""


class Recent:
    """How often something happened to each target in the last minute, in steps of a second."""

    def __init__(self) -> None:
        self._events: dict[str, deque[tuple[float, int]]] = {}
        self._totals: dict[str, int] = {}

    def __repr__(self) -> str:
        """The number of targets."""
        return f"<recent events of {len(self._events)} targets>"

    def add(self, target: str, now: float, count: int = 1) -> None:
        """Note that it happened *count* times."""
        events = self._events.setdefault(target, deque(maxlen=int(MINUTE) + 1))
        if events and now - events[-1][0] < 1.0:
            events[-1] = (events[-1][0], events[-1][1] + count)
        else:
            events.append((now, count))
        if len(self._events) > 2 * len(self._totals) + 1_000:  # nobody reads them
            self.counts(now)

    def grown(self, totals: Mapping[str, int], now: float) -> None:
        """Note by how much the totals have grown since the last time. A new target has only the past that it was born with."""
        first = not self._totals
        for target, total in totals.items():
            before = self._totals.get(target, total if first else 0)
            if total > before:
                self.add(target, now, total - before)
        self._totals = dict(totals)

    def counts(self, now: float) -> dict[str, int]:
        """The counts of the last minute. Forgets what is older."""
        for target, events in list(self._events.items()):
            while events and events[0][0] <= now - MINUTE:
                events.popleft()
            if not events:
                del self._events[target]
        return {target: sum(count for _, count in events) for target, events in self._events.items()}


@attrs.define(eq=False)
class Readings:
    """Reads the values of measures. It remembers what happened in the last minute."""

    system: System
    crashes: Recent = attrs.field(factory=Recent)
    _recent: dict[str, Recent] = attrs.field(factory=dict[str, Recent])
    _matches: dict[str, Callable[[str], object]] = attrs.field(factory=dict[str, Callable[[str], object]])

    def of(self, rule: Alert, now: float) -> Iterable[tuple[str, float]]:
        """The targets of *rule*, and their values now."""
        return _READ[rule.kind](self, rule, now)

    def wanted(self, rule: Alert) -> Callable[[str], object]:
        """Whether a name matches the pattern of *rule*."""
        if rule.pattern == "*":
            return _any
        if rule.pattern not in self._matches:
            self._matches[rule.pattern] = re.compile(fnmatch.translate(rule.pattern)).match
        return self._matches[rule.pattern]

    def children(self, rule: Alert) -> Iterator[Child]:
        """The children whose names match."""
        wanted = self.wanted(rule)
        for child in registry_of(self.system).children():
            if not child.name.startswith(INTERNAL) and wanted(child.name):
                yield child

    def counted(self, rule: Alert, totals: Mapping[str, int], now: float) -> dict[str, int]:
        """By how much the totals have grown in the last minute, for those that are still there."""
        recent = self._recent.setdefault(rule.name, Recent())
        recent.grown(totals, now)
        return {target: count for target, count in recent.counts(now).items() if target in totals}


def _any(_: str) -> bool:
    return True


def _mailbox(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    del now
    for child in readings.children(rule):
        if isinstance(child, ActorChild):
            yield child.name, len(child.mailbox.queue)


def _wait(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    for child in readings.children(rule):
        if isinstance(child, ActorChild):
            sent = next((at for each in itertools.islice(child.mailbox.queue, _DATED) if (at := sent_of(each)) is not None), now)
            yield child.name, now - sent


def _restarts(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    totals = {child.name: max(0, child.incarnation - 1) for child in readings.children(rule)}
    recent = readings.counted(rule, totals, now)
    return ((name, recent.get(name, 0)) for name in totals)


def _crashes(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    """Children that are gone are counted too: the name of a temporary child may come back."""
    wanted, counts = readings.wanted(rule), readings.crashes.counts(now)
    names = {child.name for child in readings.children(rule)} | {name for name in counts if wanted(name)}
    return ((name, counts.get(name, 0)) for name in sorted(names))


def _down(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    for child in readings.children(rule):
        yield child.name, 0.0 if child.status is ChildStatus.RUNNING else now - child.since


def _handling(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    wanted, found = readings.wanted(rule), dict[str, float]()
    for timing in runtime_of(readings.system).meter.timings():
        name = f"{timing.actor}.{timing.handler}"
        if wanted(name):
            tally = timing.recent(now)
            found[name] = min(tally.handling.quantiles(0.99)[0] or 0.0, max(0.0, tally.longest))
    for child in registry_of(readings.system).children():
        if isinstance(child, ActorChild) and (current := child.mailbox.current) is not None and child.present is not None:
            name = f"{child.plan.name}.{current.spec.name}"
            if wanted(name):
                found[name] = max(found.get(name, 0.0), now - child.present.began)
    yield from found.items()


def _errors(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    wanted = readings.wanted(rule)
    for timing in runtime_of(readings.system).meter.timings():
        if wanted(name := f"{timing.actor}.{timing.handler}"):
            yield name, timing.recent(now).errors


def _rate(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    wanted, meter = readings.wanted(rule), runtime_of(readings.system).meter
    for timing in meter.timings():
        if wanted(name := f"{timing.actor}.{timing.handler}"):
            seconds = max(1.0, min(MINUTE, now - (meter.since or 0.0)))
            yield name, timing.recent(now).handling.count / seconds


def _backlog(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    del rule, now
    yield "", sum(len(child.mailbox.queue) for child in registry_of(readings.system).children() if isinstance(child, ActorChild))


def _failures(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    yield "", readings.counted(rule, {"": runtime_of(readings.system).failed}, now).get("", 0)


def _dead_letters(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    yield "", readings.counted(rule, {"": runtime_of(readings.system).accounts.dead}, now).get("", 0)


def _loop_lag(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    del rule, now
    yield "", runtime_of(readings.system).lag.worst or 0.0


def _store_broken(readings: Readings, rule: Alert, now: float) -> Iterator[tuple[str, float]]:
    del rule, now
    committer = runtime_of(readings.system).committer
    yield "", float(committer is not None and committer.broken)


_READ: Final[Mapping[Measure, Callable[[Readings, Alert, float], Iterator[tuple[str, float]]]]] = {
    Measure.MAILBOX: _mailbox,
    Measure.WAIT: _wait,
    Measure.RESTARTS: _restarts,
    Measure.CRASHES: _crashes,
    Measure.DOWN: _down,
    Measure.HANDLING: _handling,
    Measure.ERRORS: _errors,
    Measure.RATE: _rate,
    Measure.BACKLOG: _backlog,
    Measure.FAILURES: _failures,
    Measure.DEAD_LETTERS: _dead_letters,
    Measure.LOOP_LAG: _loop_lag,
    Measure.STORE_BROKEN: _store_broken,
}
