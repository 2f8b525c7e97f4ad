"""The scenarios, and the goals of the project for them.

For each scenario that it supports, a contestant has a function from a size to the total cost: seconds, or bytes. A scenario is the
same work for all contestants, and each asserts the answers and totals, so that nothing is skipped:

    call          one caller asks one counter to add one, and waits for the new total
    callers       one hundred callers do this at the same time, on one counter
    cast          bursts of 10,000 messages without a reply, sent without waiting, each burst followed by one call as a barrier
    cast-usual    the same; the floor sends each message by `await send`, ours does not change
    awaited       the same messages sent by the awaiting form, which can wait for room, then one call
    ring          1,000 actors in a ring; one token goes from each to the next, until it has made a number of hops
    spawn         start actors one after another, each until it is ready; then stop them one after another, each until it has stopped
    restart       a call fails and its caller gets the error; the actor is restarted with a fresh state; the next call is answered
    restart-anew  the same; the floor gives each incarnation its own task, ours does not change
    bytes         the growth of the process with many idle actors (resident memory, in a fresh process)
    teardown      leave the system while many idle actors are running
    idle          the cost of a call beside many idle actors
"""

from __future__ import annotations

import enum
import math

import attrs

__all__ = ["BURST", "CALLERS", "CALLS_AMONG_IDLE", "CONTESTANTS", "LIBRARIES", "RING", "SCENARIOS", "Goal", "GoalKind", "Scenario"]

BURST = 10_000
CALLERS = 100
RING = 1_000
CALLS_AMONG_IDLE = 20_000

CONTESTANTS = {
    "floor": "the least code on Trio",
    "queues": "asyncio queues",
    "with_pykka": "pykka",
    "with_triotp": "triotp",
    "ours": "trioactors",
    "recorded": "with a recorder",
}
"""The module of each contestant and the head of its column."""

LIBRARIES = ("with_pykka", "with_triotp")
"""The actor libraries among them; the goal is to be ahead of each in every row."""


class GoalKind(enum.Enum):
    """The figure that a goal bounds."""

    RATE = "times the floor's rate, at least"
    BYTES = "kB for each, at most"
    GROWTH = "times the cost with fewer, at most"


@attrs.frozen
class Goal:
    """A goal of the project for one row."""

    kind: GoalKind
    bound: float
    beside: str = ""
    """For GROWTH: the scenario to compare with."""

    def met_by(self, figure: float) -> bool:
        """Whether *figure* reaches the goal."""
        return figure >= self.bound if self.kind is GoalKind.RATE else figure <= self.bound

    def __str__(self) -> str:
        """The bound, as text for the table."""
        match self.kind:
            case GoalKind.RATE:
                return f">= {self.bound:g}"
            case GoalKind.BYTES:
                return f"<= {self.bound:g} kB"
            case GoalKind.GROWTH:
                return f"<= {self.bound:g} of {self.beside}"


@attrs.frozen
class Scenario:
    """One row of the table."""

    name: str
    title: str
    """The title in the table; `{size}` is filled in."""
    plays: str
    """The contestants' function."""
    size: int
    operations: int = 0
    """The divisor of the cost; 0 means the size."""
    goal: Goal | None = None
    quick: int = 0
    """The size for `--quick`; 0 leaves the row out."""

    @property
    def head(self) -> str:
        """The title, with the size filled in."""
        return self.title.format(size=f"{self.size:,}")

    @property
    def divisor(self) -> int:
        """The divisor of the cost."""
        return self.operations or self.size

    @property
    def in_bytes(self) -> bool:
        """Whether the cost is memory, not time."""
        return self.plays == "bytes_of_idle"

    def smaller(self) -> Scenario:
        """The scenario with the size for `--quick`."""
        return attrs.evolve(self, size=self.quick)


def rate(bound: float) -> Goal:
    """A goal of at least *bound* times the floor's rate."""
    return Goal(GoalKind.RATE, bound)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("call", "call", "call", 20_000, goal=rate(0.85), quick=5_000),
    Scenario("keywords", "call, arguments by keyword", "call_by_keyword", 20_000, quick=5_000),
    Scenario("callers", f"call from {CALLERS} callers", "call_from_many", 30_000, goal=rate(1.5), quick=5_000),
    Scenario("cast", "cast, bursts then a barrier", "cast", 10 * BURST, goal=rate(7), quick=2 * BURST),
    Scenario("cast-usual", "the same, the floor awaits each", "cast_as_usual", 10 * BURST, quick=2 * BURST),
    Scenario("awaited", "cast, awaited", "cast_awaited", 30_000, quick=5_000),
    Scenario("ring", f"ring of {RING:,}, one hop", "ring", 30_000, goal=rate(0.8), quick=10_000),
    Scenario("spawn", "spawn and stop {size}", "spawn_and_stop", 10_000, goal=rate(0.6), quick=1_000),
    Scenario("restart", "restart to first answer", "restart", 2_000, goal=rate(1.0), quick=300),
    Scenario("restart-anew", "the same, the floor in a new task", "restart_anew", 2_000, quick=300),
    Scenario("bytes", "memory of {size} idle, each", "bytes_of_idle", 10_000, goal=Goal(GoalKind.BYTES, 7.0), quick=2_000),
    Scenario("teardown", "teardown of {size}, each", "teardown", 10_000, quick=1_000),
    Scenario(
        "teardown-more",
        "teardown of {size}, each",
        "teardown",
        100_000,
        goal=Goal(GoalKind.GROWTH, 1.5, "teardown"),
    ),
    Scenario("idle-10", "call among {size} idle", "call_among_idle", 10, CALLS_AMONG_IDLE, quick=10),
    Scenario("idle-10000", "call among {size} idle", "call_among_idle", 10_000, CALLS_AMONG_IDLE, quick=1_000),
    Scenario(
        "idle-100000",
        "call among {size} idle",
        "call_among_idle",
        100_000,
        CALLS_AMONG_IDLE,
        goal=Goal(GoalKind.GROWTH, 1.15, "idle-10"),
    ),
)

VOID_BELOW = 2.2
"""The least ratio of the floor's call rate to pykka's; below it, the floor is too slow to compare with."""

NOT_MEASURED = math.nan
