"""The table from the measurements.

A figure is the median over the rounds. A ratio is the median of the ratios of each round, whose measurements are adjacent in time, so
that a machine which slows down slows both.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import attrs

from benchmarks.scenarios import CONTESTANTS, LIBRARIES, VOID_BELOW, Goal, GoalKind, Scenario

__all__ = ["Results", "rendered"]

OURS = "ours"
FLOOR = "floor"
MICRO = 1e6
KILO = 1024.0


@attrs.define
class Results:
    """The measurements: by scenario and contestant, one figure (for one operation) per round."""

    figures: dict[tuple[str, str], list[float]] = attrs.field(factory=dict)
    missing: dict[tuple[str, str], str] = attrs.field(factory=dict)

    def add(self, scenario: Scenario, contestant: str, answer: Mapping[str, object]) -> None:
        """Add one result of a worker."""
        key = (scenario.name, contestant)
        cost = answer.get("cost")
        if isinstance(cost, int | float):
            unit = KILO if scenario.in_bytes else 1 / MICRO
            self.figures.setdefault(key, []).append(cost / scenario.divisor / unit)
        else:
            self.missing[key] = str(answer.get("missing"))

    def median(self, scenario: str, contestant: str) -> float | None:
        """The figure in the table."""
        figures = self.figures.get((scenario, contestant))
        return statistics.median(figures) if figures else None

    def ratio(self, above: tuple[str, str], below: tuple[str, str]) -> float | None:
        """The median over the rounds of the ratio of two figures."""
        pairs = zip(self.figures.get(above, ()), self.figures.get(below, ()), strict=False)
        ratios = [one / other for one, other in pairs]
        return statistics.median(ratios) if ratios else None

    def floor_over_pykka(self) -> float | None:
        """The number of calls of the floor for each call of pykka."""
        return self.ratio(("call", "with_pykka"), ("call", FLOOR))

    def reached(self, scenario: Scenario, goal: Goal) -> float | None:
        """The figure that *goal* bounds."""
        match goal.kind:
            case GoalKind.RATE:
                return self.ratio((scenario.name, FLOOR), (scenario.name, OURS))
            case GoalKind.BYTES:
                return self.median(scenario.name, OURS)
            case GoalKind.GROWTH:
                return self.ratio((scenario.name, OURS), (goal.beside, OURS))

    def behind(self, scenario: Scenario) -> list[str]:
        """The libraries that are better than trioactors."""
        ratios = {name: self.ratio((scenario.name, OURS), (scenario.name, name)) for name in LIBRARIES}
        return [CONTESTANTS[name] for name, ratio in ratios.items() if ratio is not None and ratio > 1]

    def verdict(self, scenario: Scenario) -> str:
        """The text of the last column."""
        faults = [f"behind {name}" for name in self.behind(scenario)]
        if scenario.goal is not None:
            figure = self.reached(scenario, scenario.goal)
            if figure is None:
                faults.insert(0, "not measured")
            elif not scenario.goal.met_by(figure):
                faults.insert(0, f"MISSED ({figure:.2f})")
            else:
                faults.insert(0, f"met ({figure:.2f})")
        return ", ".join(faults)


def cell(results: Results, scenario: Scenario, contestant: str) -> str:
    """One figure as text."""
    figure = results.median(scenario.name, contestant)
    if figure is not None:
        return f"{figure:.2f}" if figure < 100 else f"{figure:.0f}"
    return "-"


def row(results: Results, scenario: Scenario) -> list[str]:
    """One line of the table."""
    ratio = results.ratio((scenario.name, FLOOR), (scenario.name, OURS))
    return [
        f"{scenario.head} ({'kB' if scenario.in_bytes else 'us'})",
        *(cell(results, scenario, contestant) for contestant in CONTESTANTS),
        "-" if ratio is None else f"{ratio:.2f}",
        str(scenario.goal or ""),
        results.verdict(scenario),
    ]


def notes(results: Results, scenarios: Sequence[Scenario]) -> list[str]:
    """The reasons of missing figures, each once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for scenario in scenarios:
        for contestant in CONTESTANTS:
            reason = results.missing.get((scenario.name, contestant))
            if reason and reason != "not played":
                reasons.setdefault((contestant, reason), []).append(scenario.name)
    return [f"{CONTESTANTS[name]}: {reason}: {', '.join(rows)}" for (name, reason), rows in reasons.items()]


def state_of_floor(results: Results) -> tuple[bool, str]:
    """Whether the floor is fast enough to compare with, and a sentence that says so."""
    ratio = results.floor_over_pykka()
    if ratio is None:
        return False, "VOID: pykka could not be measured, so whether the floor is fast enough is unknown."
    text = f"the floor makes {ratio:.2f} times pykka's calls (at least {VOID_BELOW:g} are needed)"
    return (True, f"Valid: {text}.") if ratio >= VOID_BELOW else (False, f"VOID: {text}.")


def rendered(results: Results, scenarios: Sequence[Scenario]) -> str:
    """The table, as readable Markdown."""
    head = ["one operation", *CONTESTANTS.values(), "rate / floor's", "goal", "verdict"]
    lines = [head, *(row(results, scenario) for scenario in scenarios)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = [
        "| "
        + " | ".join(
            part.ljust(width) if column == 0 else part.rjust(width)
            for column, (part, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|")
    return "\n".join([*text, "", *notes(results, scenarios), state_of_floor(results)[1]])
