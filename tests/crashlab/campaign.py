"""One store, killed again and again: draws the moments, kills, starts anew, checks, and counts.

After the last kill one more child starts, says what it found, and stops in order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs

from crashlab.checker import Checker, Kind, Violation
from crashlab.child import Life, live
from crashlab.killer import Moments, killed, lived
from crashlab.protocol import READY, Transcript
from crashlab.workload import Ledger

STORES = {"sqlite": "sqlite:///{folder}/lab.db", "file": "file:///{folder}/lab"}
"""The URL of each store, in an absolute folder."""

IN_FLIGHT = 0.3
"""How many kills must hit a commit in flight."""

ROOM = 32 * 1024 * 1024
"""How many bytes the files of a store may take, however often it is killed."""

_SHOWN = 10


@attrs.define
class Tally:
    """What the kills of one store have shown."""

    store: str
    kills: int = 0
    in_flight: int = 0
    """How many hit a commit."""

    opening: int = 0
    """How many hit a child that had not yet said all that it found."""

    lossy: int = 0
    """After how many an acknowledged call was gone."""

    violations: list[tuple[int, Violation]] = attrs.field(factory=list[tuple[int, Violation]])
    """What was wrong, with the life in which it came out."""

    acknowledged: int = 0
    unanswered: int = 0
    """Calls that were kept, and had not been answered when the process died."""

    largest: int = 0
    """The most bytes that the files have taken."""

    seconds: float = 0.0

    def __str__(self) -> str:
        """For people."""
        return (
            f"{self.store}: {self.kills} kills, {self.in_flight} in a commit ({self.share:.0%}), {self.opening} before it had come back; "
            f"{self.acknowledged:,} calls acknowledged, {self.unanswered} more were kept unanswered; "
            f"files up to {self.largest // 1024:,} KiB; {self.seconds:.1f} s"
        )

    @property
    def share(self) -> float:
        """How many of the kills hit a commit in flight."""
        return self.in_flight / self.kills if self.kills else 0.0

    def complaints(self) -> Sequence[str]:
        """Why the promise does not hold, or has not been tried."""
        found = [f"found in life {life}: {violation}" for life, violation in self.violations[:_SHOWN]]
        if len(self.violations) > _SHOWN:
            found.append(f"and {len(self.violations) - _SHOWN} more")
        if self.acknowledged < self.kills:
            found.append(f"only {self.acknowledged} calls were acknowledged, so there was nothing to lose")
        if self.share < IN_FLIGHT:
            found.append(f"only {self.share:.0%} of the kills hit a commit in flight; {IN_FLIGHT:.0%} must")
        if self.largest > ROOM:
            found.append(f"the files grew to {self.largest:,} bytes; {ROOM:,} are enough")
        return found


def kill_often(store: str, kills: int, folder: Path, seed: int, ledger: type[Ledger] = Ledger) -> Tally:
    """Kill a process that uses the *store* so many times. Raises `LabError` if a child does not do its part."""
    chance = random.Random(f"{seed} {store}")
    moments, checker, tally = Moments(chance), Checker(), Tally(store)
    began = time.monotonic()
    url = STORES[store].format(folder=folder)
    for number in range(1, kills + 1):
        life = Life(number, url, ledger, chance.getrandbits(32))
        transcript = killed(partial(live, life), moments.draw())
        tally.kills += 1
        tally.in_flight += transcript.in_flight
        tally.opening += READY not in transcript.lines
        _check(tally, checker, transcript, number, folder)
    last = Life(kills + 1, url, ledger, chance.getrandbits(32), works=False)
    _check(tally, checker, lived(partial(live, last)), last.number, folder)
    tally.acknowledged, tally.unanswered = checker.acknowledged, checker.unanswered
    tally.seconds = time.monotonic() - began
    return tally


def _check(tally: Tally, checker: Checker, transcript: Transcript, life: int, folder: Path) -> None:
    found = checker.read(transcript.reports, life)
    tally.violations += [(life, violation) for violation in found]
    tally.lossy += any(violation.kind is Kind.LOST for violation in found)
    tally.largest = max(tally.largest, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
