"""The rows of the tables, and the goals of the project for them.

For each row that it supports, a contestant has a function from a number of calls to their total time in seconds:

    one_caller     one caller asks one counter to add one, and waits for the new total, which is committed by then
    many_actors    a hundred callers do this, each on its own counter
    hot_actor      a hundred callers do this, all on one counter
    policy_...     one caller, or a hundred on one counter, whose handler computes for 1 ms: the cost that a policy adds
    state_...      one caller, with a state of the given size
    among_...      a hundred callers, which call many counters in turn
    start_...      the start of many counters, each with a record to read
    recovery_...   seconds from opening the system to the first answer of an actor with a state of 1 MB: the 95th percentile
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

__all__ = ["CONTESTANTS", "GOALS", "LEAST_SYNC", "MEMORY", "ROWS", "Contestant", "Goal", "Row", "Section", "Unit"]


@attrs.frozen
class Contestant:
    """A contestant, which is a column."""

    head: str
    grouped: bool
    """Whether it can put many calls into one sync, so that more calls must be timed."""


CONTESTANTS: Mapping[str, Contestant] = {
    "disk": Contestant("write and sync", grouped=False),
    "plain_rows": Contestant("SQLite rows", grouped=True),
    "bare": Contestant("bare store, one each", grouped=False),
    "batched": Contestant("bare store, by 100", grouped=True),
    "with_pykka": Contestant("pykka", grouped=False),
    "with_eventsourcing": Contestant("eventsourcing", grouped=False),
    "ours": Contestant("trioactors", grouped=True),
    "in_memory": Contestant("bare store in memory", grouped=True),
    "ours_in_memory": Contestant("trioactors in memory", grouped=True),
}
"""The module of each contestant and its column. The two in memory are not durable; they are upper bounds."""

MEMORY = ("in_memory", "ours_in_memory")

LEAST_SYNC = 20e-6
"""The least time of a sync, in seconds. If a sync takes less, nothing is synced, and the tables are void."""


class Section(enum.Enum):
    """The sections; each is a table."""

    CALLS = "Durable calls per second"
    POLICIES = "What a policy adds to a call whose handler computes for 1 ms"
    GROWTH = "How the cost grows"
    RECOVERY = "From opening to the first answer, 95th percentile"


class Unit(enum.Enum):
    """The unit in which a figure is shown; costs are in seconds."""

    RATE = "calls/s"
    MICRO = "us"
    MILLI = "ms"


@attrs.frozen
class Row:
    """One row of a table."""

    plays: str
    """The contestants' function."""
    title: str
    section: Section
    unit: Unit
    size: int
    """The number of calls of contestants that group them."""
    quick: int
    """The number of calls for `--quick`; 0 leaves the row out."""
    alone: int = 0
    """The number of calls of the other contestants; 0 means the same number."""
    whole: bool = False
    """Whether the cost is shown in total, not divided by the calls."""
    module: str = ""
    """The module that runs the row for trioactors, if it is not `ours`."""

    def module_of(self, contestant: str) -> str:
        """The module that runs the row for *contestant*."""
        return f"durable.{self.module if contestant == 'ours' and self.module else contestant}"

    def calls(self, contestant: str, *, quick: bool) -> int:
        """The number of calls that are timed."""
        full = self.size if CONTESTANTS[contestant].grouped else self.alone or self.size
        return max(1, full * self.quick // self.size) if quick else full


@attrs.frozen
class Goal:
    """A goal for trioactors: a figure, or a ratio to another figure. Of the goals with the same *title*, one is enough."""

    title: str
    row: str
    bound: float
    over: tuple[str, str] = ("", "")
    """The contestant and row by which the rate is divided. If empty, the goal is the rate itself, or the milliseconds of a time."""

    @property
    def at_most(self) -> bool:
        """Whether less is better."""
        return self.row.startswith("recovery")


def _policy(plays: str, title: str, size: int = 1_000) -> Row:
    return Row(plays, title, Section.POLICIES, Unit.MICRO, size, 200, module="policies")


def _growth(plays: str, title: str, size: int, quick: int, alone: int = 0) -> Row:
    return Row(plays, title, Section.GROWTH, Unit.MICRO, size, quick, alone)


def _recovery(plays: str, title: str) -> Row:
    return Row(plays, title, Section.RECOVERY, Unit.MILLI, 100, 20, whole=True, module="recovery")


ROWS: tuple[Row, ...] = (
    Row("one_caller", "one caller", Section.CALLS, Unit.RATE, 4_000, 1_000),
    Row("many_actors", "100 callers on 100 actors", Section.CALLS, Unit.RATE, 40_000, 10_000, alone=4_000),
    Row("hot_actor", "100 callers on one actor", Section.CALLS, Unit.RATE, 40_000, 10_000, alone=4_000),
    _policy("policy_reads", "EVERY_MESSAGE, `reads=True`"),
    _policy("policy_within", "Within(0.5)"),
    _policy("policy_every", "EVERY_MESSAGE"),
    _policy("policy_reads_hot", "EVERY_MESSAGE, `reads=True`, 100 callers"),
    _policy("policy_within_hot", "Within(0.5), 100 callers"),
    _policy("policy_every_hot", "EVERY_MESSAGE, 100 callers"),
    _growth("state_1k", "state of 1 kB, one caller", 2_000, 500),
    _growth("state_100k", "state of 100 kB, one caller", 200, 50),
    _growth("state_10m", "state of 10 MB, one caller", 10, 3),
    _growth("among_100", "100 durable actors, 100 callers", 40_000, 10_000, alone=4_000),
    _growth("among_10000", "10,000 durable actors, 100 callers", 40_000, 10_000, alone=4_000),
    _growth("start_100", "starting one of 100 with a record", 100, 100),
    _growth("start_10000", "starting one of 10,000 with a record", 10_000, 2_000),
    _recovery("recovery_of_lines", "1 MB of lines"),
    _recovery("recovery_of_orders", "1 MB of orders, each an object"),
    _recovery("recovery_after_kill", "1 MB of orders, after `kill -9`"),
)

GOALS: tuple[Goal, ...] = (
    Goal("one caller, of the bare store", "one_caller", 0.65, ("bare", "one_caller")),
    Goal("100 callers, of the bare store's rows by 100", "many_actors", 0.15, ("batched", "many_actors")),
    Goal("100 callers, times pykka", "many_actors", 8, ("with_pykka", "many_actors")),
    Goal("100 callers, times eventsourcing", "many_actors", 8, ("with_eventsourcing", "many_actors")),
    Goal("hot actor, calls a second, or times one caller", "hot_actor", 30_000),
    Goal("hot actor, calls a second, or times one caller", "hot_actor", 8, ("ours", "one_caller")),
    Goal("recovery of 1 MB of lines, ms", "recovery_of_lines", 100),
    Goal("recovery of 1 MB of orders, ms", "recovery_of_orders", 100),
    Goal("recovery of 1 MB of orders after `kill -9`, ms", "recovery_after_kill", 100),
)
