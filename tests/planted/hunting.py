"""One bug and one way to look for it: what finds it, and after how many tries. What fails without the bug does not count."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import attrs
from mutants.hunting import Hunt, hunted, judged, planted_copy

from planted.table import Bug

__all__ = ["WAYS", "Result", "by_seeds", "by_tests", "hunt"]

CHECKOUT = Path(__file__).parents[2]

Trial = Callable[..., Hunt]


@attrs.frozen
class Result:
    """What came of a hunt: one line of the file of results."""

    bug: str
    by: str
    first: int
    seeds: int
    """How many were tried from the first one on, the last of which may have shown the bug; for tests, how many of them."""
    found: bool
    rule: str = ""
    """The rule of the contract that was broken, the scenario, or the test."""
    text: str = ""
    seconds: float = 0.0
    passed_over: tuple[str, ...] = attrs.field(default=(), converter=tuple[str, ...])
    """What failed with the bug and fails without it, too."""

    def __str__(self) -> str:
        """A line of the table."""
        unit = "tests" if self.by == "tests" else "seeds"
        what = f"found after {self.seeds} {unit} by {self.rule}: {self.text}" if self.found else f"SURVIVED {self.seeds} {unit}"
        return f"{self.bug:15} {self.by:12} {self.seconds:5.0f} s  {what}"


def by_seeds(lab: str, bug: Bug, first: int, seeds: int, *, begun: int = 0, trial: Trial = hunted) -> Result:
    """Try the seeds of a lab but the first *begun*, until one is not sound that is sound without the bug."""
    passed_over: list[str] = []
    at, end = first + begun, first + seeds
    while at < end:
        found = trial(bug, end - at, first=at, lab=lab)
        if not found.found:
            break
        at += found.seeds
        if not trial(None, 1, first=at - 1, lab=lab).found:
            return Result(bug.name, lab, first, at - first, found.found, *told(found), passed_over=passed_over)
        passed_over.append(str(at - 1))
    return Result(bug.name, lab, first, seeds, found=False, passed_over=passed_over)


def by_tests(bug: Bug, *, trial: Trial | None = None) -> Result:
    """Run the tests, until one fails that passes without the bug."""
    run = partial(suite, bug.file) if trial is None else trial
    passed_over: list[str] = []
    while True:
        found = run(bug, passed_over=passed_over)
        if not found.found or not run(None, only=found.scenario).found:
            return Result(bug.name, "tests", 0, found.seeds, found.found, *told(found), passed_over=passed_over)
        passed_over.append(found.scenario)


def suite(changed: str, bug: Bug | None, *, passed_over: Sequence[str] = (), only: str = "") -> Hunt:
    """Run the tests of a copy of the checkout with the bug in it, or *only* one."""
    with planted_copy(bug, {"": CHECKOUT}) as root:
        options = [f"--deselect={each}" for each in passed_over] + [f"--only={only}"] * bool(only)
        return judged(bug, root, root / "tests", "-m", "planted.suite", changed, *options)


def told(found: Hunt) -> tuple[str, str]:
    """What found it, the rule of the contract or what was tried and the class of the error; and in which words."""
    if found.error == "Broken":
        broken, _, text = found.text.partition(": ")
        return broken, text
    return (f"{found.scenario}, {found.error}", found.text) if found.found else ("", "")


WAYS = ("applications", "scenarios", "tests")


def hunt(bug: Bug, by: str, first: int, seeds: int, before: Result | None = None) -> Result:
    """Look for *bug* in one of the `WAYS`, behind the seeds that it survived *before*, and tell how long it took in all."""
    began = time.monotonic()
    if by == "tests":
        result, earlier = by_tests(bug), None
    else:
        result, earlier = by_seeds(by, bug, first, seeds, begun=before.seeds if before else 0), before
    seconds = round(time.monotonic() - began, 1)
    if earlier is None:
        return attrs.evolve(result, seconds=seconds)
    return attrs.evolve(result, seconds=earlier.seconds + seconds, passed_over=earlier.passed_over + result.passed_over)
