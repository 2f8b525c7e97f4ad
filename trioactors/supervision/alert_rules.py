"""Rules over figures: what an alert watches, and when it is raised and cleared. Decisions only, from data to data.

    quiet ──beyond──> waiting ──beyond for `for_`──> raised ──back for `clear_for`──> quiet

*Beyond* is above `above`, or below `below`. *Back* is at `clear` or better, which is the same limit unless the rule says otherwise: between
the two, a raised alert stays raised. It also stays raised until its value has been back for `clear_for`, so a value that goes up and down
raises it once. What is watched and is gone has no value: its alert is cleared at once.
"""

from __future__ import annotations

import difflib
import enum
import math
from collections.abc import Awaitable, Callable
from typing import Final, cast
from urllib.parse import urlsplit

import attrs

from trioactors.errors import SpecError
from trioactors.settings import close_coroutine, seconds

__all__ = ["MEASURES", "Alert", "AlertNotice", "AlertStatus", "Measure", "Notify", "Phase", "alert", "beyond", "step"]

_LONGEST: Final = 200
"""Characters of a measure or of a name."""
_HUGE: Final = 1e300
"""A limit beyond this is a mistake, and may not fit into a float."""


class Measure(enum.Enum):
    """What an alert can watch."""

    MAILBOX = "mailbox"
    """Messages that wait for an actor."""
    WAIT = "wait"
    """Seconds that the oldest of them has waited."""
    RESTARTS = "restarts"
    """Restarts of a child in the last minute."""
    CRASHES = "crashes"
    """Exits of a child in the last minute that were not orderly."""
    DOWN = "down"
    """Seconds for which a child has not been running."""
    HANDLING = "handling"
    """The 99th percentile of a handler's time in the last minute, or how long it has been running, in seconds."""
    ERRORS = "errors"
    """Handlers that ended with an error, per minute."""
    RATE = "rate"
    """Messages handled, per second."""
    BACKLOG = "backlog"
    """Waiting messages in the whole system."""
    FAILURES = "failures"
    """Exits of any child in the last minute that were not orderly."""
    DEAD_LETTERS = "dead letters"
    """Dead letters of the last minute."""
    LOOP_LAG = "loop lag"
    """The longest time that one task blocked the event loop in the last ten seconds, in seconds."""
    STORE_BROKEN = "store broken"
    """1 while the store must be reopened, otherwise 0."""


_OF_ACTORS: Final = frozenset({Measure.MAILBOX, Measure.WAIT})
_OF_HANDLERS: Final = frozenset({Measure.HANDLING, Measure.ERRORS, Measure.RATE})
_OF: Final = frozenset({*_OF_ACTORS, *_OF_HANDLERS, Measure.RESTARTS, Measure.CRASHES, Measure.DOWN})

MEASURES: Final = tuple(
    f"{each.value} of {'CLASS.HANDLER' if each in _OF_HANDLERS else 'NAME'}" if each in _OF else each.value for each in Measure
)
"""The measures as they are written."""


class AlertStatus(enum.Enum):
    """Whether an alert has been raised or cleared."""

    RAISED = "raised"
    CLEARED = "cleared"


@attrs.frozen(kw_only=True)
class AlertNotice:
    """An alert that was raised or cleared, as its `notify` gets it, and its webhook as JSON."""

    status: AlertStatus
    alert: str
    """The name of the alert."""
    measure: str
    target: str
    """The child or the handler; empty if the measure is of the whole system."""
    value: float | None
    """None if the target is gone."""
    limit: float
    above: bool
    """Whether the value is to stay below *limit*; otherwise above it."""
    since: float
    """When the value went beyond the limit, on the wall clock."""
    time: float
    """When the alert was raised or cleared, on the wall clock."""

    def __str__(self) -> str:
        """The notice in one line."""
        where = f" ({self.target})" if self.target else ""
        now = "its target is gone" if self.value is None else f"now {self.value:g}"
        limit = f"limit {self.limit:g}" if self.above else f"least {self.limit:g}"
        return f"{self.alert}{where} {self.status.value}: {now}, {limit}, for {max(0.0, self.time - self.since):.0f} s"


Notify = Callable[[AlertNotice], Awaitable[object]]


@attrs.frozen(kw_only=True)
class Alert:
    """A rule over a figure, made by `ta.alert`."""

    name: str
    measure: str
    kind: Measure
    pattern: str
    """The names of the targets, with `*`, `?` and `[...]` as in file names; empty if the measure is of the whole system."""
    limit: float
    above: bool
    clear: float
    for_: float
    clear_for: float
    every: float
    webhook: str | None = attrs.field(repr=False)
    notify: Notify | None

    @property
    def of_children(self) -> bool:
        """Whether its targets are children."""
        return self.kind in _OF and self.kind not in _OF_HANDLERS

    @property
    def of_handlers(self) -> bool:
        """Whether handlers must be measured for it. `wait` needs the times of casts."""
        return self.kind in _OF_HANDLERS or self.kind is Measure.WAIT


def alert(
    measure: str,
    *,
    above: float | None = None,
    below: float | None = None,
    for_: float = 0.0,
    clear: float | None = None,
    clear_for: float = 30.0,
    every: float = 1.0,
    name: str | None = None,
    webhook: str | None = None,
    notify: Notify | None = None,
) -> Alert:
    """A rule over a figure, for `open_system(alerts=[...])`: raised when the figure is beyond a limit, and cleared when it is back.

        ta.alert("mailbox of *", above=800, for_=30.0)
        ta.alert("handling of Ledger.pay", above=0.5, clear=0.2, webhook="https://hooks.example.org/T1")
        ta.alert("crashes of worker-*", above=5, name="workers crash")

    * *measure*: what to watch, see docs/alerts.md; a *NAME* is the name of a child, and may have `*`, `?` and `[...]` as in file names;
    * *above*, *below*: the limit; one of them. *for_*: for how many seconds the value must be beyond it;
    * *clear*: where the value counts as back, by default at the limit. *clear_for*: for how many seconds it must be back;
    * *every*: how often to look, in seconds, at least 1;
    * *name*: what it is called on the page and when it is silenced, by default as the measure;
    * *webhook*: a URL that gets each notice as JSON. *notify*: an async function that gets each `AlertNotice`.

    Raises `SpecError` if an argument is invalid.
    """
    where = f"alert({measure!r:.80})"
    kind, pattern = _parsed(measure)
    limit = _limit(where, above, below)
    chosen = limit if clear is None else _number(clear, f"{where}: clear")
    if (chosen > limit) if above is not None else (chosen < limit):
        side = "above" if above is not None else "below"
        raise SpecError(
            f"{where}: clear={clear!r} is beyond {side}={limit:g}: the value would be back while it is beyond the limit"
        )
    return Alert(
        name=_name(where, measure if name is None else name),
        measure=measure,
        kind=kind,
        pattern=pattern,
        limit=limit,
        above=above is not None,
        clear=chosen,
        for_=_finite(for_, f"{where}: for_"),
        clear_for=_finite(clear_for, f"{where}: clear_for"),
        every=_finite(every, f"{where}: every", least=1.0),
        webhook=_webhook(where, webhook),
        notify=_notify(where, notify),
    )


def _parsed(measure: object) -> tuple[Measure, str]:
    """What *measure* means. Raises `SpecError`, with the nearest measures."""
    if not isinstance(measure, str) or len(measure) > _LONGEST:
        raise SpecError(f"alert(): measure={measure!r:.80} must be a text of at most {_LONGEST} characters, as in 'mailbox of *'")
    word, of, pattern = measure.partition(" of ")
    kind = next((each for each in Measure if each.value == word.strip()), None)
    if kind is not None and bool(of and pattern.strip()) is (kind in _OF):
        return kind, pattern.strip()
    words = [each.value for each in Measure]
    near = [kind.value] if kind is not None else difflib.get_close_matches(word.strip(), words, n=2)
    meant = [written for written in MEASURES if written.partition(" of ")[0] in near]
    hint = f"did you mean {' or '.join(map(repr, meant))}? " if meant else ""
    raise SpecError(f"alert(): unknown measure {measure!r:.80}; {hint}Measures: {', '.join(MEASURES)}")


def _limit(where: str, above: object, below: object) -> float:
    if (above is None) is (below is None):
        raise SpecError(f"{where}: give one limit, above= or below=")
    return _number(above, f"{where}: above") if above is not None else _number(below, f"{where}: below")


def _number(value: object, option: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_HUGE < value < _HUGE:
        raise SpecError(f"{option}={value!r:.80} must be a number")
    return float(value)


def _finite(value: object, option: str, *, least: float = 0.0) -> float:
    checked = seconds(value, option, least=least)
    if checked == math.inf:
        raise SpecError(f"{option}={value!r} must be finite")
    return checked


def _name(where: str, name: object) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST or not name.isprintable():
        raise SpecError(f"{where}: name={name!r:.80} must be a line of text of at most {_LONGEST} characters")
    return name


def _webhook(where: str, url: object) -> str | None:
    """The URL. An error does not show it, because it may contain a secret."""
    if url is None:
        return None
    problem = SpecError(f"{where}: webhook= must be a URL, as in 'https://hooks.example.org/T1'")
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        raise problem
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise problem from None
    if not good or parts.username is not None:
        raise problem
    return url


def _notify(where: str, notify: object) -> Notify | None:
    if notify is not None and not callable(notify):
        close_coroutine(notify)
        raise SpecError(f"{where}: notify={notify!r:.80} must be an async function that takes an AlertNotice")
    return cast("Notify | None", notify)


# --- the state of one target ---


@attrs.frozen(kw_only=True)
class Phase:
    """Where one target of an alert is. A target that is quiet has none."""

    since: float
    """When the value went beyond the limit."""
    value: float
    """The last value."""
    raised: float | None = None
    """When the alert was raised; None if the value has not been beyond the limit for long enough."""
    back: float | None = None
    """Since when the value of a raised alert has been back."""
    told: bool = False
    """Whether it was told that the alert is raised."""


def beyond(rule: Alert, value: float) -> bool:
    """Whether *value* is beyond the limit."""
    return value > rule.limit if rule.above else value < rule.limit


def step(rule: Alert, phase: Phase | None, value: float | None, now: float) -> tuple[Phase | None, AlertStatus | None]:
    """Where a target is after its *value* was seen, and whether its alert was raised or cleared by that. None: the target is gone."""
    if phase is not None and phase.raised is not None:
        return _stepped_raised(rule, phase, value, now)
    if value is None or not beyond(rule, value):
        return None, None
    waiting = Phase(since=now, value=value) if phase is None else attrs.evolve(phase, value=value)
    if now - waiting.since < rule.for_:
        return waiting, None
    return attrs.evolve(waiting, raised=now), AlertStatus.RAISED


def _stepped_raised(rule: Alert, phase: Phase, value: float | None, now: float) -> tuple[Phase | None, AlertStatus | None]:
    if value is None:
        return None, AlertStatus.CLEARED
    if value > rule.clear if rule.above else value < rule.clear:
        return attrs.evolve(phase, value=value, back=None), None
    back = now if phase.back is None else phase.back
    if now - back >= rule.clear_for:
        return None, AlertStatus.CLEARED
    return attrs.evolve(phase, value=value, back=back), None
