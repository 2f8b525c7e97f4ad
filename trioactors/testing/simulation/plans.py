"""The faults of a simulation as plain data, drawn from a seed: small enough to read, keep and shrink.

A fault is planned before the run begins, at a place that is counted during the run: a step of any task, an operation of the disk or a call
of the store. The plan of a run is therefore a short list, and a shorter list is a valid plan too: this is how failures are shrunk.
The length of a run is not known in advance, so the seed also draws the range of places that it chooses from, as for priorities
(`schedules.py`). A fault whose place is never reached does not happen.
"""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from trioactors.testing.disk import Keep
from trioactors.testing.given import require

__all__ = ["AT_DISK", "AT_STEP", "Faults", "Injection", "Kind", "Plan", "Stream", "drawn", "stream"]

T = TypeVar("T")

Stream: TypeAlias = random.Random
"""Random numbers from a seed."""

_STEPS: Final = (16, 64, 256, 1_024)
"""The faults of a run happen within one of these numbers of steps, counted from when its node is up."""

_OPERATIONS: Final = (4, 16, 64)
"""The same for operations of the disk and calls of the store."""

_QUIET: Final = 0.1
"""The share of runs without any fault."""


class Kind(enum.Enum):
    """The kinds of faults."""

    CRASH = "crash"
    """An actor fails at any step of any task."""

    KILL = "kill"
    """The node's process is killed at any step. Everything it has written is kept."""

    POWER = "power"
    """The node loses power at any step. Unsynced data may be lost, in part or entirely."""

    HOLD = "hold"
    """One task of the node is held for some seconds: a slow handler, start or stop."""

    STALL = "stall"
    """The whole process stands still for some seconds: all clocks jump, as after a suspended machine wakes up."""

    CLOCK = "clock"
    """The wall clock is set forward or back."""

    ERROR = "disk error"
    """One operation of the disk fails. A failed write may have been made in part."""

    FULL = "disk full"
    """One operation of the disk fails because the disk is full."""

    SYNC = "failed sync"
    """A sync fails; the data that it covers is lost at the next power cut."""

    KILL_BEFORE = "kill before"
    """The process is killed just before an operation of the disk."""

    KILL_AFTER = "kill after"
    """The process is killed just after an operation of the disk."""

    CUT = "power cut in"
    """The power fails during an operation of the disk; a write may be torn."""

    DELAY = "slow store"
    """One call of the store takes some seconds."""


AT_STEP: Final = frozenset({Kind.CRASH, Kind.KILL, Kind.POWER, Kind.HOLD, Kind.STALL, Kind.CLOCK})
"""The kinds whose place is a step."""

AT_DISK: Final = frozenset({Kind.ERROR, Kind.FULL, Kind.SYNC, Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.CUT})
"""The kinds whose place is an operation of the disk; for `SYNC`, a sync."""


def _times(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    holds = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    require(holds, f"Faults({attribute.name}=...)", value, "how often it may happen in one run, 0 or more")


def _seconds(_: object, attribute: attrs.Attribute[float], value: object) -> None:
    holds = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    require(holds, f"Faults({attribute.name}=...)", value, "the longest duration of a fault in seconds")


def _often(default: int) -> Any:
    return attrs.field(default=default, validator=_times)


@attrs.frozen(kw_only=True)
class Faults:
    """The most times that each kind of fault may happen in one run.

        simulate(workload, tree=tree, faults=Faults(crashes=3, power_cuts=0))

    Kinds that are not named keep their defaults; `Faults.none()` allows no faults.
    """

    crashes: int = _often(2)
    """Crashes of actors."""
    kills: int = _often(1)
    """Kills of the process, at any step or just before or after an operation of the disk. Everything written is kept."""
    power_cuts: int = _often(1)
    """Power cuts, at any step or during an operation of the disk. Unsynced data may be lost."""
    holds: int = _often(1)
    """Tasks that are held for a while, such as slow handlers."""
    stalls: int = _often(1)
    """Stalls of the whole process."""
    clocks: int = _often(1)
    """Changes of the wall clock."""
    errors: int = _often(1)
    """Operations of the disk that fail."""
    full: int = _often(1)
    """Operations of the disk that fail because it is full."""
    syncs: int = _often(1)
    """Syncs that fail."""
    delays: int = _often(2)
    """Slow calls of the store."""
    seconds: float = attrs.field(default=8.0, validator=_seconds)
    """The longest duration, in seconds, of a hold, a stall, a delay or the time until a killed node is started again."""

    @classmethod
    def none(cls) -> Faults:
        """No faults; only the schedule varies."""
        return cls(**{field.name: 0 for field in attrs.fields(cls) if field.type != "float"})

    @property
    def survivable(self) -> Faults:
        """The faults that a store in memory survives: none that ends the process."""
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
    """Selects one of the possible targets: 0 is the first, almost 1 the last."""
    seconds: float = 0.0
    """The duration in seconds; for a clock, how far it is set."""
    keep: Keep = Keep.EVERYTHING
    """The unsynced data that a power cut leaves."""

    def one_of(self, these: Sequence[T]) -> T:
        """The one of *these* that is hit."""
        return these[min(int(self.pick * len(these)), len(these) - 1)]

    def __str__(self) -> str:
        """The fault in words: `hold at step 6, 4.927 s`."""
        place = "step" if self.kind in AT_STEP else "sync" if self.kind is Kind.SYNC else "operation"
        details = [f"{self.seconds:g} s"] if self.seconds else []
        details += [f"keeps {self.keep.value}"] if self.kind in (Kind.POWER, Kind.CUT) else []
        return f"{self.kind.value} at {'call' if self.kind is Kind.DELAY else place} {self.at}" + "".join(
            f", {detail}" for detail in details
        )


@attrs.frozen
class Plan:
    """The faults of a run, and the clients and turns that are left out of it."""

    injections: tuple[Injection, ...] = ()
    without: frozenset[str] = frozenset()
    """Clients ("2") and turns ("2.5") that are left out."""

    def __str__(self) -> str:
        """The faults, in words."""
        return "; ".join(map(str, self.injections)) or "no fault"


def stream(seed: int, label: str) -> Stream:
    """The random stream for *label*; the same seed and label give the same stream."""
    return random.Random(f"{seed}/{label}")  # noqa: S311 - to replay, not to guard


def drawn(seed: int, faults: Faults) -> Plan:
    """Draw the plan of *seed*."""
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
