"""What may go wrong in a simulation, and what will: plain data, drawn from a seed, small enough to be read, kept and shrunk.

A fault is planned before the run begins, at a place that is counted in the run: a step of any task, an operation of the disk, a call of the
store. So the plan of a run is a short list, a run with a shorter list is a run too, and that is how a failure is made small. Nobody knows
how long a run will be, so the seed draws from how many places it chooses, as for priorities (`schedules.py`); a fault whose place never
comes does not happen.
"""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import attrs

from trioactors.errors import UsageError
from trioactors.testing.disk import Keep

__all__ = ["AT_DISK", "AT_STEP", "Faults", "Injection", "Kind", "Plan", "drawn", "stream"]

T = TypeVar("T")

_STEPS: Final = (16, 64, 256, 1_024)
"""Within how many steps the faults of a run are, after its node has come up."""

_OPERATIONS: Final = (4, 16, 64)
"""The same for operations of the disk, and for calls of the store."""

_QUIET: Final = 0.1
"""How many runs have no fault at all."""


class Kind(enum.Enum):
    """What goes wrong."""

    CRASH = "crash"
    """An actor fails, at any step of any task."""

    KILL = "kill"
    """The node's process is gone, at any step. What it had written is there."""

    POWER = "power"
    """The node's power is gone, at any step. What was not synced may be lost, in part or whole."""

    HOLD = "hold"
    """One task of the node stands still for some seconds: a slow handler, a slow start, a slow stop."""

    STALL = "stall"
    """The whole process stands still for some seconds: all clocks jump, as for a machine that slept."""

    CLOCK = "clock"
    """The wall clock is set, ahead or back."""

    ERROR = "disk error"
    """The disk refuses one operation. A write may have been made in part."""

    FULL = "disk full"
    """The same, for want of room."""

    SYNC = "failed sync"
    """A sync fails, and what it should have kept is lost with the next power cut."""

    KILL_BEFORE = "kill before"
    """The process is gone just before an operation of the disk."""

    KILL_AFTER = "kill after"
    """The process is gone just after an operation of the disk."""

    CUT = "power cut in"
    """The power is gone in the middle of an operation of the disk; a write may arrive torn."""

    DELAY = "slow store"
    """One call of the store takes some seconds."""


AT_STEP: Final = frozenset({Kind.CRASH, Kind.KILL, Kind.POWER, Kind.HOLD, Kind.STALL, Kind.CLOCK})
"""Those whose place is a step."""

AT_DISK: Final = frozenset({Kind.ERROR, Kind.FULL, Kind.SYNC, Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.CUT})
"""Those whose place is an operation of the disk; a `SYNC`'s is a sync."""


def _times(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"Faults({attribute.name}={value!r}): write how often it may happen in one run, 0 for never")


def _seconds(_: object, attribute: attrs.Attribute[float], value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise UsageError(f"Faults({attribute.name}={value!r}): write how many seconds a fault may last")


def _often(default: int) -> Any:
    return attrs.field(default=default, validator=_times)


@attrs.frozen(kw_only=True)
class Faults:
    """How often each kind of fault may happen in one run, at the most. `Faults.none()` has none of them."""

    crashes: int = _often(2)
    """Actors that fail."""
    kills: int = _often(1)
    """Processes that are gone; what they had written is there. Also just before and after an operation of the disk."""
    power_cuts: int = _often(1)
    """Machines that are gone; what was not synced may be lost. Also in the middle of an operation of the disk."""
    holds: int = _often(1)
    """Tasks that stand still for a while: slow handlers."""
    stalls: int = _often(1)
    """Processes that stand still for a while."""
    clocks: int = _often(1)
    """Wall clocks that are set."""
    errors: int = _often(1)
    """Operations that the disk refuses, for whatever reason."""
    full: int = _often(1)
    """Operations that the disk refuses for want of room."""
    syncs: int = _often(1)
    """Syncs that fail."""
    delays: int = _often(2)
    """Calls of the store that take their time."""
    seconds: float = attrs.field(default=8.0, validator=_seconds)
    """How long a hold, a stall, a delay or a time without a node lasts at the most."""

    @classmethod
    def none(cls) -> Faults:
        """Nothing goes wrong; only the schedule differs."""
        return cls(**{field.name: 0 for field in attrs.fields(cls) if field.type != "float"})

    @property
    def survivable(self) -> Faults:
        """Those that a store in memory can stand: nothing that ends the process."""
        return attrs.evolve(self, kills=0, power_cuts=0, errors=0, full=0, syncs=0)


_KINDS: Final[tuple[tuple[str, tuple[Kind, ...]], ...]] = (
    ("crashes", (Kind.CRASH,)),
    ("kills", (Kind.KILL, Kind.KILL_BEFORE, Kind.KILL_AFTER)),
    ("power_cuts", (Kind.POWER, Kind.CUT, Kind.CUT)),
    ("holds", (Kind.HOLD,)),
    ("stalls", (Kind.STALL,)),
    ("clocks", (Kind.CLOCK,)),
    ("errors", (Kind.ERROR,)),
    ("full", (Kind.FULL,)),
    ("syncs", (Kind.SYNC,)),
    ("delays", (Kind.DELAY,)),
)


@attrs.frozen
class Injection:
    """One fault of one run."""

    kind: Kind
    at: int
    """The place, counted from one."""
    pick: float = 0.0
    """Which of those that it could meet: 0 is the first of them, almost 1 the last."""
    seconds: float = 0.0
    """How long it lasts; for a clock, how far it is set."""
    keep: Keep = Keep.EVERYTHING
    """What a power cut leaves of what was not synced."""

    def one_of(self, these: Sequence[T]) -> T:
        """The one of *these* that it meets."""
        return these[min(int(self.pick * len(these)), len(these) - 1)]

    def __str__(self) -> str:
        """As people say it."""
        place = "step" if self.kind in AT_STEP else "sync" if self.kind is Kind.SYNC else "operation"
        details = [f"{self.seconds:g} s"] if self.seconds else []
        details += [f"keeps {self.keep.value}"] if self.kind in (Kind.POWER, Kind.CUT) else []
        return f"{self.kind.value} at {'call' if self.kind is Kind.DELAY else place} {self.at}" + "".join(
            f", {detail}" for detail in details
        )


@attrs.frozen
class Plan:
    """All that a run has besides its seed and its schedule."""

    injections: tuple[Injection, ...] = ()
    without: frozenset[str] = frozenset()
    """Clients ("2") and turns ("2.5") that are left out."""

    def __str__(self) -> str:
        """The faults, in words."""
        return "; ".join(map(str, self.injections)) or "no fault"

    def smaller(self) -> Iterator[Plan]:
        """This plan without one of its faults, each in turn."""
        for place in range(len(self.injections)):
            yield attrs.evolve(self, injections=self.injections[:place] + self.injections[place + 1 :])


def stream(seed: int, label: str) -> random.Random:
    """The stream of chance for *label*, the same whenever the seed is."""
    return random.Random(f"{seed}/{label}")  # noqa: S311 - to replay, not to guard


def drawn(seed: int, faults: Faults) -> Plan:
    """The plan of *seed*."""
    chance = stream(seed, "plan")
    if chance.random() < _QUIET:
        return Plan()
    steps, operations = chance.choice(_STEPS), chance.choice(_OPERATIONS)
    found: list[Injection] = []
    for name, kinds in _KINDS:
        for _ in range(chance.randint(0, getattr(faults, name))):
            kind = chance.choice(kinds)
            horizon = steps if kind in AT_STEP else operations
            found.append(_injection(kind, 1 + chance.randrange(horizon), faults.seconds, chance.random))
    return Plan(tuple(sorted(found, key=lambda one: (one.kind.value, one.at, one.pick))))


def _injection(kind: Kind, at: int, longest: float, random: Callable[[], float]) -> Injection:
    pick, long, keep = random(), random(), random()
    seconds = round(longest * long**2, 3)  # mostly short ones
    if kind is Kind.CLOCK:
        seconds = round(100 * longest * (2 * long - 1), 3)
    if kind in (Kind.CRASH, Kind.ERROR, Kind.FULL, Kind.SYNC):
        seconds = 0.0
    return Injection(kind, at, round(pick, 4), seconds, list(Keep)[int(keep * len(Keep))])
