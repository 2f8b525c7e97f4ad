"""Tables and verdicts from the measurements.

A figure is the median over the rounds, followed by the minimum and the maximum. A ratio is the median of the ratios of each round,
whose measurements are adjacent in time, so that a machine which slows down slows both.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

import attrs

from benchmarks.durable.rows import CONTESTANTS, GOALS, LEAST_SYNC, Goal, Row, Section, Unit

__all__ = ["Results", "rendered", "state_of_disk"]

OURS = "ours"
Figure = tuple[str, str]
"""A contestant and a row."""


@attrs.define
class Results:
    """The measurements: by contestant and row, the seconds of one call (or in total, if the row says so), per round."""

    seconds: dict[Figure, list[float]] = attrs.field(factory=dict[Figure, list[float]])
    missing: dict[Figure, str] = attrs.field(factory=dict[Figure, str])

    def add(self, contestant: str, row: Row, calls: int, answer: Mapping[str, object]) -> None:
        """Add one result of a worker."""
        cost = answer.get("cost")
        if isinstance(cost, int | float):
            self.seconds.setdefault((contestant, row.plays), []).append(cost if row.whole else cost / calls)
        else:
            self.missing[contestant, row.plays] = str(answer.get("missing"))

    def ratios(self, above: Figure, below: Figure) -> list[float]:
        """The seconds of *above* divided by those of *below*, in each round."""
        return [one / other for one, other in zip(self.seconds.get(above, ()), self.seconds.get(below, ()), strict=False)]

    def towards(self, goal: Goal) -> list[float]:
        """The figures that *goal* bounds, in each round."""
        ours = (OURS, goal.row)
        if goal.over[0]:
            return self.ratios(goal.over, ours)
        return [seconds * 1e3 if goal.at_most else 1 / seconds for seconds in self.seconds.get(ours, ())]


def shown(figure: float) -> str:
    """A figure as text: about three digits."""
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"


def with_spread(figures: Sequence[float]) -> str:
    """The median and the range of *figures*, as text."""
    if not figures:
        return "-"
    middle = shown(statistics.median(figures))
    return middle if len(figures) == 1 else f"{middle} ({shown(min(figures))} to {shown(max(figures))})"


def in_unit(seconds: Sequence[float], unit: Unit) -> list[float]:
    """The figures in the unit of a row."""
    match unit:
        case Unit.RATE:
            return [1 / each for each in seconds]
        case Unit.MICRO:
            return [each * 1e6 for each in seconds]
        case Unit.MILLI:
            return [each * 1e3 for each in seconds]


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A readable Markdown table; the first line is the head."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = [f"| {' | '.join(_padded(line, widths))} |" for line in lines]
    texts.insert(1, "|" + "|".join("-" * (width + 1) + (":" if at else "-") for at, width in enumerate(widths)) + "|")
    return "\n".join(texts)


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Align words to the left and figures to the right."""
    return [part.rjust(width) if at else part.ljust(width) for at, (part, width) in enumerate(zip(line, widths, strict=True))]


def table(results: Results, section: Section, rows: Sequence[Row]) -> str:
    """One section, with the columns that have figures; empty if there are none."""
    chosen = [row for row in rows if row.section is section]
    columns = [name for name in CONTESTANTS if any((name, row.plays) in results.seconds for row in chosen)]
    if not columns:
        return ""
    lines = [[section.value, *(CONTESTANTS[name].head for name in columns)]]
    for row in chosen:
        cells = [with_spread(in_unit(results.seconds.get((name, row.plays), ()), row.unit)) for name in columns]
        lines.append([f"{row.title} ({row.unit.value})", *cells])
    return aligned(lines)


def verdicts(results: Results) -> Iterator[list[str]]:
    """Each goal with the figure that was reached, and whether it is enough."""
    for title in dict.fromkeys(goal.title for goal in GOALS):
        ways = [(goal, results.towards(goal)) for goal in GOALS if goal.title == title]
        measured = [(goal, figures) for goal, figures in ways if figures]
        reached = [statistics.median(f) <= g.bound if g.at_most else statistics.median(f) >= g.bound for g, f in measured]
        yield [
            title,
            " or ".join(f"{'<=' if goal.at_most else '>='} {goal.bound:,g}" for goal, _ in ways),
            " or ".join(with_spread(figures) for _, figures in measured) or "-",
            "not measured" if not measured else "met" if any(reached) else "MISSED",
        ]


def notes(results: Results) -> Iterator[str]:
    """The reasons why contestants are missing that should have figures."""
    for name, reason in dict.fromkeys((name, reason) for (name, _), reason in results.missing.items() if reason != "not played"):
        rows = [row for (who, row), why in results.missing.items() if (who, why) == (name, reason)]
        yield f"{CONTESTANTS[name].head}: {reason}: {', '.join(rows)}"


def state_of_disk(results: Results) -> tuple[bool, str]:
    """Whether a sync costs time here, and a sentence that says so."""
    syncs = results.seconds.get(("disk", "one_caller"))
    if not syncs:
        return False, "VOID: whether anything is synced here is unknown."
    text = f"a write and a sync cost {with_spread(in_unit(syncs, Unit.MICRO))} us (at least {LEAST_SYNC * 1e6:g} are needed)"
    return (True, f"Valid: {text}.") if statistics.median(syncs) >= LEAST_SYNC else (False, f"VOID: {text}.")


def rendered(results: Results, rows: Sequence[Row]) -> str:
    """All tables, the verdicts, and whether these are valid."""
    tables = [text for section in Section if (text := table(results, section, rows))]
    goals = aligned([["goal", "bound", "reached", "verdict"], *verdicts(results)])
    return "\n\n".join([*tables, goals, "\n".join([*notes(results), state_of_disk(results)[1]])])
