"""A long run of `nox -s sim` in parts, their logs concatenated: read, checked, and summed up as the output of a single run.

Only lines of the lab are accepted, so a part that was cut off, or was not sound, cannot hide among the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import attrs

__all__ = ["BadLog", "summed"]

_SCENARIO = re.compile(
    r"(?P<name>[\w ]+): (?P<runs>[\d,]+) runs, (?P<operations>[\d,]+) operations, (?P<lives>[\d,]+) starts of the node; "
    r"faults: (?P<faults>.*)"
)
_NEVER = re.compile(r"  never reached: (?P<points>.*)")
_LAST = re.compile(
    r"seeds (?P<first>\d+) and up: (?P<runs>[\d,]+) runs in (?P<seconds>\d+) s \(\d+ a second\), (?P<wrong>\d+) not sound"
)
_EXIT = re.compile(r"exit (?P<status>\d+)")


class BadLog(ValueError):
    """This is not a log of complete and sound runs; the text says where."""


@attrs.define
class _Tally:
    runs: int = 0
    operations: int = 0
    lives: int = 0
    faults: Counter[str] = attrs.field(factory=Counter[str])

    def add(self, more: _Tally) -> None:
        self.runs += more.runs
        self.operations += more.operations
        self.lives += more.lives
        self.faults += more.faults

    def __str__(self) -> str:
        faults = ", ".join(f"{kind} {times:,}" for kind, times in sorted(self.faults.items()))
        return f"{self.runs:,} runs, {self.operations:,} operations, {self.lives:,} starts of the node; faults: {faults or 'none'}"


@attrs.define
class _Part:
    tallies: dict[str, _Tally] = attrs.field(factory=dict[str, _Tally])
    never: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])
    first: int = 0
    runs: int = 0
    seconds: int = 0

    @property
    def end(self) -> int:
        """The seed after the last one that it tried."""
        return self.first + max(tally.runs for tally in self.tallies.values())


def summed(lines: Sequence[str]) -> Sequence[str]:
    """The lines of a run; or those of several runs, summed up as one. Raises `BadLog`."""
    parts = list(_parts(lines))
    if not parts:
        raise BadLog("there is no run in it")
    if len(parts) == 1:
        return [line for line in lines if not _EXIT.fullmatch(line)]
    in_order = sorted(parts, key=lambda part: part.first)
    for one, other in pairwise(in_order):
        if other.first < one.end:
            raise BadLog(f"the seeds {other.first} and up are counted twice: the part before ends with seed {one.end - 1}")
        if other.tallies.keys() != one.tallies.keys():
            raise BadLog(f"the parts from seed {one.first} and from seed {other.first} have not the same scenarios")
    return list(_said(in_order))


def _said(parts: Sequence[_Part]) -> Iterator[str]:
    for name in parts[0].tallies:
        tally = _Tally()
        for part in parts:
            tally.add(part.tallies[name])
        yield f"{name}: {tally}"
        never = set[str].intersection(*(part.never.get(name, set()) for part in parts))
        if never:
            yield f"  never reached: {', '.join(sorted(never))}"
    runs, seconds = sum(part.runs for part in parts), sum(part.seconds for part in parts)
    rate = runs / max(1, seconds)
    yield (
        f"seeds {parts[0].first} and up, in {len(parts)} parts one after another: "
        f"{runs:,} runs in {seconds:,} s ({rate:.0f} a second), 0 not sound"
    )


def _parts(lines: Sequence[str]) -> Iterator[_Part]:
    part, scenario, over = _Part(), "", True
    for number, line in enumerate(lines, 1):
        if found := _SCENARIO.fullmatch(line):
            scenario, over = found["name"], False
            if scenario in part.tallies:
                raise BadLog(f"line {number}: {scenario} comes twice, so the run before was cut off")
            runs, operations, lives = (_number(found[what]) for what in ("runs", "operations", "lives"))
            part.tallies[scenario] = _Tally(runs, operations, lives, _faults(found["faults"]))
        elif (found := _NEVER.fullmatch(line)) and not over:
            part.never[scenario] = set(found["points"].split(", "))
        elif found := _LAST.fullmatch(line):
            yield _finished(part, found, number)
            part, over = _Part(), True
        elif (found := _EXIT.fullmatch(line)) and over:
            if found["status"] != "0":
                raise BadLog(f"line {number}: a run ended with {line}")
        elif line:
            raise BadLog(f"line {number} is none that a sound run of the lab says: {line[:100]!r}")
    if not over:
        raise BadLog("the last run was cut off: it does not say how many were not sound")


def _finished(part: _Part, found: re.Match[str], number: int) -> _Part:
    part.first, part.runs, part.seconds = int(found["first"]), _number(found["runs"]), int(found["seconds"])
    if found["wrong"] != "0":
        raise BadLog(f"line {number}: {found['wrong']} of these runs were not sound: {found[0]}")
    counted = sum(tally.runs for tally in part.tallies.values())
    if counted != part.runs:
        raise BadLog(f"line {number}: its scenarios have {counted:,} runs, and it says {part.runs:,}")
    return part


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _faults(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in re.split(r", (?=[a-z])", text) if text != "none" else ():
        kind, _, times = one.rpartition(" ")
        found[kind] = _number(times)
    return found
