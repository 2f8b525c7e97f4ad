"""The numbers that the runtime lives by, and how what a user says is checked."""

from __future__ import annotations

import enum
import math
from typing import TypeVar

import attrs

from trioactors.errors import SpecError

__all__ = ["Backoff", "Intensity", "Overflow", "Settings", "choice", "count", "seconds"]

E = TypeVar("E", bound=enum.Enum)


def choice(value: E | str, kind: type[E], option: str) -> E:
    """*value* as a member of *kind*; its text is accepted too."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(member.value) for member in kind)
        raise SpecError(f"{option}={value!r} is unknown; choose one of {known}") from None


def seconds(value: object, option: str, *, least: float = 0.0) -> float:
    """*value* as a number of seconds that is not less than *least*."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value < least:
        raise SpecError(f"{option}={value!r} must be a number of seconds, at least {least:g}")
    return float(value)


def count(value: object, option: str, *, least: int = 0) -> int:
    """*value* as a whole number that is not less than *least*."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SpecError(f"{option}={value!r} must be a whole number, at least {least}")
    return value


class Overflow(enum.Enum):
    """What a full mailbox does with one message more."""

    WAIT = "wait"
    FAIL = "fail"
    DROP_OLDEST = "drop_oldest"


@attrs.frozen
class Intensity:
    """At most *limit* restarts within *period* seconds; one more, and the supervisor gives up."""

    limit: int = 3
    period: float = 5.0

    def __attrs_post_init__(self) -> None:
        count(self.limit, "Intensity.limit")
        if seconds(self.period, "Intensity.period") in {0.0, math.inf}:
            raise SpecError(f"Intensity.period={self.period!r} must be positive and finite")


@attrs.frozen(kw_only=True)
class Backoff:
    """How long to wait before a restart: *base* seconds, times *factor* for each earlier restart that still counts, at most *cap*.

    Up to the share *jitter* of the delay is taken off at random, so that children that fell together do not come back together.
    """

    base: float = 0.1
    factor: float = 2.0
    cap: float = 30.0
    jitter: float = 0.5

    def __attrs_post_init__(self) -> None:
        seconds(self.base, "Backoff.base")
        seconds(self.factor, "Backoff.factor", least=1.0)
        seconds(self.cap, "Backoff.cap")
        if seconds(self.jitter, "Backoff.jitter") > 1.0:
            raise SpecError(f"Backoff.jitter={self.jitter!r} is a share, from 0 to 1")


@attrs.frozen(kw_only=True)
class Settings:
    """Every number that the runtime lives by. Times are seconds. Hand your own to `open_system(settings=...)`."""

    call_timeout: float = 5.0
    """A call's deadline, where neither its handler nor its actor names one."""
    grace: float = 5.0
    """How long a child may take to stop before it is cancelled."""
    start_timeout: float = 30.0
    """How long a child may take to become ready."""
    intensity: Intensity = Intensity()
    """How many restarts a supervisor allows that names no intensity of its own; the one behind `system.start` among them."""
    mailbox: int = 1_000
    """How many messages wait in a mailbox."""
    timers: int = 1_000
    """How many timers an actor may have at once."""
    drain_messages: int = 64
    """How many messages an actor handles in a row before others run."""
    drain_seconds: float = 0.005
    """How long an actor handles messages in a row before others run (looked at every eight messages)."""
    dead_letters: int = 1_000
    """How many dead letters can be listed; older ones are counted only."""
    crash_logs: int = 10
    """How many crash reports are logged in full within `crash_logs_period`; the rest are counted in the next one."""
    crash_logs_period: float = 60.0
    loop_held: float = 0.1
    """How long one task may hold the loop before a `LoopHeld` tells of it."""

    def __attrs_post_init__(self) -> None:
        for name in ("call_timeout", "grace", "start_timeout", "drain_seconds", "crash_logs_period", "loop_held"):
            seconds(getattr(self, name), f"Settings.{name}")
        for name in ("mailbox", "timers", "drain_messages", "dead_letters", "crash_logs"):
            count(getattr(self, name), f"Settings.{name}", least=1)
