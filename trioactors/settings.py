"""Every number of the runtime that a user can change, and the checks of values that users pass."""

from __future__ import annotations

import enum
import inspect
import math
import sys
from typing import Literal, TypeAlias, TypeVar

import attrs

from trioactors.errors import SpecError

__all__ = [
    "Backoff",
    "Intensity",
    "OnUnreadable",
    "OnUnreadableWord",
    "Overflow",
    "OverflowWord",
    "Settings",
    "choice",
    "close_coroutine",
    "count",
    "drain_time",
    "flag",
    "of_class",
    "seconds",
    "share",
]

E = TypeVar("E", bound=enum.Enum)

T = TypeVar("T")


def choice(value: E | str, kind: type[E], option: str) -> E:
    """Return *value* as a member of *kind*; the text of a member is accepted too."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(member.value) for member in kind)
        raise SpecError(f"{option}={value!r} is unknown; choose one of {known}") from None


def seconds(value: object, option: str, *, least: float = 0.0) -> float:
    """Return *value* as a number of seconds. Raises `SpecError` if it is not a number or less than *least*."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value or (value > _HUGE and value != math.inf):
        raise SpecError(f"{option}={value!r:.80} must be a number of seconds, at least {least:g}")
    return float(value)


def drain_time(value: object, option: str) -> float:
    """Return a `drain` option as seconds: infinite for True (as long as the stop permits), 0 for False. Raises `SpecError`."""
    if isinstance(value, bool):
        return math.inf if value else 0.0
    try:
        return seconds(value, option)
    except SpecError:
        raise SpecError(f"{option}={value!r:.80} must be True, False, or a number of seconds") from None


def count(value: object, option: str, *, least: int = 0) -> int:
    """Return *value* as a whole number. Raises `SpecError` if it is not one or less than *least*."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= sys.maxsize:
        raise SpecError(f"{option}={value!r:.80} must be a whole number, at least {least}")
    return value


def share(value: object, option: str) -> float:
    """Return *value* as a share, from 0 to 1. Raises `SpecError` if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise SpecError(f"{option}={value!r:.80} must be a share, from 0 to 1")
    return float(value)


def flag(value: object, option: str) -> bool:
    """Return *value*, which must be True or False. Raises `SpecError`."""
    if not isinstance(value, bool):
        raise SpecError(f"{option}={value!r:.80} must be True or False")
    return value


def of_class(value: object, kind: type[T], option: str, example: str) -> T:
    """Return *value*, which must be a *kind*. Raises `SpecError`, with an *example* of one."""
    if not isinstance(value, kind):
        raise SpecError(f"{option}={value!r:.80} must be of the class {kind.__name__}; write {option.rpartition('.')[2]}={example}")
    return value


def close_coroutine(value: object) -> None:
    """Close *value* if it is a coroutine that was given in place of a function, so that Python does not warn that it was never awaited."""
    if inspect.iscoroutine(value):
        value.close()


_HUGE = 1e300
"""More seconds than this are a mistake, unless they are infinite; a whole number of this size need not fit into a float."""


class Overflow(enum.Enum):
    """The effect of one more message on a full mailbox."""

    WAIT = "wait"
    """The sender waits for room."""
    FAIL = "fail"
    """The sender gets `MailboxFull`."""
    DROP_OLDEST = "drop_oldest"
    """The oldest waiting message is dropped; if it is a call, its caller gets `MailboxFull`."""


OverflowWord: TypeAlias = Literal["wait", "fail", "drop_oldest"]
"""The words that stand for the members of `Overflow`."""


class OnUnreadable(enum.Enum):
    """The effect of a stored state that cannot be read when its actor is started for the first time."""

    STAY_DOWN = "stay_down"
    """The actor is down, with its cause, and everything else runs."""
    FAIL_START = "fail_start"
    """The start fails as any other: a tree with that actor does not start, and `open_system` raises `StartFailed`."""


OnUnreadableWord: TypeAlias = Literal["stay_down", "fail_start"]
"""The words that stand for the members of `OnUnreadable`."""


def _on_unreadable(value: OnUnreadable | OnUnreadableWord) -> OnUnreadable:
    return choice(value, OnUnreadable, "Settings.on_unreadable")


@attrs.frozen
class Intensity:
    """A restart intensity: at most *limit* restarts within *period* seconds. One more, and the supervisor gives up."""

    limit: int = 3
    """The number of restarts that are allowed within the period."""
    period: float = 5.0
    """The length of the period, in seconds."""

    def __attrs_post_init__(self) -> None:
        count(self.limit, "Intensity.limit")
        if seconds(self.period, "Intensity.period") in {0.0, math.inf}:
            raise SpecError(f"Intensity.period={self.period!r} must be positive and finite")


@attrs.frozen(kw_only=True)
class Backoff:
    """The delay before a restart, in seconds: *base*, times *factor* for each earlier restart in a row, at most *cap*.

    It is counted for each child. A row ends when the child has run for *reset_after* seconds: its next restart waits *base* again. It also
    ends when the child is restarted by hand. A random part of the delay, up to the share *jitter* of it, is taken off, so that children
    that failed together do not all restart at the same moment.

    With a *base* of 0 nothing ever waits. Then restarts count as without a back-off: a child that fails at once would be restarted without
    end, and nothing else could run.
    """

    base: float = 0.1
    """The delay before the first restart of a row, in seconds; 0 never waits."""
    factor: float = 2.0
    """The number by which each further restart multiplies the delay; at least 1."""
    cap: float = 30.0
    """The longest delay, in seconds; at least *base*."""
    jitter: float = 0.5
    """The largest share of the delay that is taken off at random, from 0 to 1."""
    reset_after: float = 60.0
    """The time for which a child must run, after it has become ready, to count as healthy again, in seconds."""

    def __attrs_post_init__(self) -> None:
        if seconds(self.cap, "Backoff.cap") == math.inf:
            raise SpecError("Backoff.cap=inf: delays would grow until nobody sees their end; the default is 30 seconds")
        seconds(self.base, "Backoff.base")
        if seconds(self.factor, "Backoff.factor", least=1.0) == math.inf:
            raise SpecError("Backoff.factor=inf must be finite; with a factor of 1 all delays are equal")
        if self.base > self.cap:
            raise SpecError(f"Backoff.base={self.base!r} is longer than Backoff.cap={self.cap!r}: no delay is longer than the cap")
        share(self.jitter, "Backoff.jitter")
        seconds(self.reset_after, "Backoff.reset_after")


@attrs.frozen(kw_only=True)
class Settings:
    """The numbers of one system.

        async with ta.open_system(tree, settings=ta.Settings(call_timeout=30, mailbox=10_000)) as system:
            ...

    All times are in seconds.
    """

    call_timeout: float = 5.0
    """The time a call waits for its reply if neither its handler nor its actor sets one, in seconds."""
    grace: float = 5.0
    """The time a child has to stop before it is cancelled, in seconds."""
    start_timeout: float = 30.0
    """The time a child has to become ready, in seconds."""
    stop_timeout: float = 20.0
    """The time the whole system has to stop before all that still runs is cancelled at once, in seconds. The store then closes, within
    one `grace`. Both together, 25 s, are less than the 30 s after which Kubernetes kills a program."""
    drain_on_stop: bool | float = False
    """Whether actors handle what they have accepted before the system stops: True, or for how many seconds at most; see `open_system`."""
    intensity: Intensity = Intensity()
    """The restart intensity of supervisors that set none, and that of each single child of `system.start`."""
    mailbox: int = 1_000
    """The number of messages that can wait in a mailbox."""
    timers: int = 1_000
    """The number of timers that an actor can have at once."""
    drain_messages: int = 64
    """The number of messages that an actor handles in a row before other tasks run."""
    drain_seconds: float = 0.005
    """The time for which an actor handles messages in a row before other tasks run, in seconds; checked every eight messages."""
    dead_letters: int = 1_000
    """The number of dead letters that can be listed; older ones are only counted."""
    crash_logs: int = 10
    """The number of crash reports that are logged in full within `crash_logs_period`; the next report counts the rest."""
    crash_logs_period: float = 60.0
    """The period for `crash_logs`, in seconds."""
    crashes_kept: int = 1_000
    """The number of crashes that are remembered, also over restarts of the program if it has a store."""
    crashes_kept_for: float = 86_400.0
    """The time for which crashes are remembered, in seconds."""
    on_unreadable: OnUnreadable = attrs.field(default=OnUnreadable.STAY_DOWN, converter=_on_unreadable)
    """What a stored state that cannot be read means for the start of a tree. At a restart, the actor always stays down alone."""
    loop_held: float = 0.1
    """The time for which one task can hold the event loop before a `LoopHeld` record reports it, in seconds."""

    def __attrs_post_init__(self) -> None:
        of_class(self.intensity, Intensity, "Settings.intensity", "ta.Intensity(limit=3, period=5.0)")
        for name in (
            "call_timeout",
            "grace",
            "start_timeout",
            "stop_timeout",
            "drain_seconds",
            "crash_logs_period",
            "crashes_kept_for",
            "loop_held",
        ):
            seconds(getattr(self, name), f"Settings.{name}")
        drain_time(self.drain_on_stop, "Settings.drain_on_stop")
        for name in ("mailbox", "timers", "drain_messages", "dead_letters", "crash_logs", "crashes_kept"):
            count(getattr(self, name), f"Settings.{name}", least=1)
