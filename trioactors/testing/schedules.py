"""Policies that choose which task runs next, and the tape of their choices. Plain data, independent of Trio.

A schedule is a list of choices. At each of them several tasks can run, ordered by the time since which they wait (or, if that is equal, by
the order in which they were spawned), and one is chosen by its place in that order. A tape of zeros therefore runs all tasks in turn, and
every other number on it lets a task jump the queue.

There are three policies for this reason. Trio runs all tasks that are ready, in any order, before any of them runs again: tasks advance in
step, and none gets eight steps ahead of another. Under load, or when a socket, a thread or another task is slow, real programs do get
ahead; shuffling Trio's batches (`BATCH`) does not find the bugs that appear then.

- `STEP` runs one task at a time, any of those that can run. It soon finds a race that needs an unlikely order of a few steps, but hardly
  ever one that needs a task to be delayed for long.
- `PRIORITIES` finds those. It is PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: "A randomized scheduler with probabilistic guarantees
  of finding bugs", 2010): each task has a random priority, the highest runs, and at a few random moments the task that would run drops
  below all others. A bug that needs d orderings among n tasks in k steps is found by each seed with a probability of at least
  1/(n * k^(d-1)). The paper takes k from earlier runs. Here the seed alone must decide, so k is drawn too, from `HORIZONS`. Tasks that
  wait in a busy loop (`while not done: await checkpoint()`) would hold up all others: a task that runs `PATIENCE` steps in a row while
  others wait also drops below them.
"""

from __future__ import annotations

import enum
import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs

from trioactors.errors import UsageError

__all__ = [
    "CHANGES",
    "HORIZONS",
    "PATIENCE",
    "Chooser",
    "Playback",
    "Policy",
    "PolicyWord",
    "Priorities",
    "Recording",
    "Steps",
    "Tape",
    "chooser",
    "chosen_policy",
    "policy_of",
]

HORIZONS: Final = (8, 32, 128, 512, 2_048)
"""The numbers of choices within which the priorities change."""

CHANGES: Final = 3
"""The most times that they change."""

PATIENCE: Final = 200
"""The number of steps that a task may run in a row while others wait."""

_MIX: Final = (20, 40, 40)


class Policy(enum.Enum):
    """Ways to choose the next task."""

    MIX = "mix"
    """Each seed draws one of the others: 20 % batch, 40 % step, 40 % priorities."""

    BATCH = "batch"
    """As in plain Trio: all tasks that can run, in any order, before any of them runs again."""

    STEP = "step"
    """One task at a time, any of those that can run."""

    PRIORITIES = "priorities"
    """One task at a time, the one with the highest priority. Priorities are random and change a few times."""


PolicyWord: TypeAlias = Literal["mix", "batch", "step", "priorities"]
"""The words that stand for the members of `Policy`."""


def chosen_policy(policy: Policy | PolicyWord) -> Policy:
    """The policy of that name. Raises `UsageError`."""
    try:
        return Policy(policy)
    except ValueError:
        raise UsageError(f"unknown policy {policy!r}; use one of {', '.join(known.value for known in Policy)}") from None


class Chooser(Protocol):
    """Chooses the task that runs next."""

    def choose(self, waiting: Sequence[int], /) -> int:
        """The place in *waiting* of the task that runs next. *waiting* has two or more numbers of tasks."""
        ...


class Steps:
    """Chooses any of the tasks that can run."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def choose(self, waiting: Sequence[int]) -> int:
        """Draw one."""
        return self._chance.randrange(len(waiting))


class Priorities:
    """Chooses the task with the highest priority, as in PCT."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        horizon = chance.choice(HORIZONS)
        self._changes = {chance.randrange(horizon) for _ in range(chance.randint(0, CHANGES))}
        self._lowest = itertools.count(-1, -1)
        self._of: dict[int, float] = {}
        self._count = itertools.count()
        self._last, self._row = -1, 0

    def choose(self, waiting: Sequence[int]) -> int:
        """The place of the task with the highest priority, after a change that is due."""
        for task in waiting:
            if task not in self._of:
                self._of[task] = self._chance.random()
        best = self._highest(waiting)
        if next(self._count) in self._changes or (best == self._last and self._row >= PATIENCE):
            self._of[best] = next(self._lowest)
            best = self._highest(waiting)
        self._row = self._row + 1 if best == self._last else 1
        self._last = best
        return waiting.index(best)

    def _highest(self, waiting: Sequence[int]) -> int:
        return max(waiting, key=self._of.__getitem__)


@attrs.frozen
class Tape:
    """The choices of one run. `Tape.parse(str(tape)) == tape`."""

    policy: Policy
    """`BATCH`: each batch is put in order. `STEP`: one task at a time."""
    choices: tuple[int, ...] = ()
    """Past the end all choices are zero: the tasks run in turn."""

    @classmethod
    def of(cls, policy: Policy, choices: Sequence[int]) -> Tape:
        """The tape of a run under *policy*. Zeros at the end are left out."""
        kept = len(choices)
        while kept and not choices[kept - 1]:
            kept -= 1
        return cls(Policy.BATCH if policy is Policy.BATCH else Policy.STEP, tuple(choices[:kept]))

    def __str__(self) -> str:
        """The tape as one word: `step:0*14,2` is fourteen zeros and a two."""
        runs = [(choice, len(list(group))) for choice, group in itertools.groupby(self.choices)]
        return f"{self.policy.value}:" + ",".join(f"{choice}*{times}" if times > 1 else f"{choice}" for choice, times in runs)

    @classmethod
    def parse(cls, text: str) -> Tape:
        """Read the text that `str` returned. Raises `UsageError`."""
        given: Any = text
        policy, colon, rest = given.strip().partition(":") if isinstance(given, str) else ("", "", "")
        if not colon or policy not in {Policy.BATCH.value, Policy.STEP.value}:
            raise UsageError(f"{text!r:.80} is not a tape: a tape begins with 'batch:' or 'step:'")
        return cls.of(Policy(policy), [choice for part in rest.split(",") if part for choice in _run_of(part, text)])

    @property
    def jumps(self) -> int:
        """How often a task jumps the queue."""
        return sum(choice > 0 for choice in self.choices)


def _run_of(part: str, text: str) -> Iterator[int]:
    choice, _, times = part.partition("*")
    if not choice.isdecimal() or not (times or "1").isdecimal():
        raise UsageError(f"{text!r:.80} is not a tape: {part!r:.20} is neither a number nor number*times")
    return itertools.repeat(int(choice), int(times or "1"))


class Playback:
    """Chooses as a tape says."""

    def __init__(self, tape: Tape) -> None:
        self._choices = iter(tape.choices)

    def choose(self, waiting: Sequence[int]) -> int:
        """The next choice on the tape, or the last task if fewer wait than in the recorded run."""
        return min(next(self._choices, 0), len(waiting) - 1)


@attrs.define(eq=False)
class Recording:
    """Records the choices of another chooser."""

    inner: Chooser
    choices: list[int] = attrs.field(factory=list[int], init=False)

    def choose(self, waiting: Sequence[int]) -> int:
        """Choose as the inner one, and record the choice."""
        place = self.inner.choose(waiting)
        self.choices.append(place)
        return place


def policy_of(seed: int, policy: Policy) -> Policy:
    """The policy of *seed*: under `MIX` each seed draws one."""
    if policy is not Policy.MIX:
        return policy
    [drawn] = random.Random(f"policy/{seed}").choices((Policy.BATCH, Policy.STEP, Policy.PRIORITIES), weights=_MIX)
    return drawn


def chooser(seed: int, policy: Policy) -> Chooser:
    """The chooser for *seed* and *policy*, which must not be `MIX`."""
    chance = random.Random(f"{policy.value}/{seed}")
    return Priorities(chance) if policy is Policy.PRIORITIES else Steps(chance)
