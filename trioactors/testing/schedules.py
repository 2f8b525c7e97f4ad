"""Who runs next: policies that choose, and the tape of what they chose. Plain data; nothing here knows Trio.

A schedule is a row of choices. At each of them some tasks could run, listed in the order in which they began to wait (those that began
together, in the order in which they were spawned), and one is chosen by its place in that list. So a tape of zeros serves everybody in
turn, and each other number on it lets somebody jump the queue.

Why three policies? Trio runs all tasks that are ready, in any order, before any of them runs again: tasks advance in step, and one of them
never gets eight steps ahead of another. Programs are so under load (and when a socket, a thread or another task is slow); plain Trio on an
idle machine is not, and so a shuffle of its batches (`BATCH`) does not find what happens there.

- `STEP` runs one task at a time, any of those that can. A race that needs one unlikely order of a few steps is found soon; one that needs
  one task to be delayed for long, hardly ever.
- `PRIORITIES` finds those. It is PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: "A randomized scheduler with probabilistic guarantees
  of finding bugs", 2010): each task has a random priority, the highest runs, and at a few random moments the task that would run falls
  below all others. A bug that needs d orderings among n tasks in k steps is found by each seed with a probability of at least
  1/(n * k^(d-1)). The paper takes k from earlier runs. Here a seed must say all by itself, so k is drawn too, from `HORIZONS`. Tasks that
  wait by turning (`while not done: await checkpoint()`) would hold up all others: who runs `PATIENCE` steps in a row while somebody waits
  falls as well.
"""

from __future__ import annotations

import enum
import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import attrs

from trioactors.errors import UsageError

__all__ = [
    "CHANGES",
    "HORIZONS",
    "PATIENCE",
    "Chooser",
    "Playback",
    "Policy",
    "Priorities",
    "Recording",
    "Steps",
    "Tape",
    "chooser",
    "chosen_policy",
    "policy_of",
]

HORIZONS: Final = (8, 32, 128, 512, 2_048)
"""Within how many choices the priorities change."""

CHANGES: Final = 3
"""How often they change at the most."""

PATIENCE: Final = 200
"""How many steps a task may run in a row while others could."""

_MIX: Final = (20, 40, 40)


class Policy(enum.Enum):
    """How the next task is chosen."""

    MIX = "mix"
    """Each seed has one of the others: 20 % batch, 40 % step, 40 % priorities."""

    BATCH = "batch"
    """As plain Trio: all that can run, in any order, before any runs again."""

    STEP = "step"
    """One at a time, any of those that can run."""

    PRIORITIES = "priorities"
    """One at a time, the one with the highest priority; random priorities, which change a few times."""


def chosen_policy(policy: Policy | str) -> Policy:
    """The policy of that name. Raises `UsageError`."""
    try:
        return Policy(policy)
    except ValueError:
        raise UsageError(f"policy {policy!r} is none of {', '.join(known.value for known in Policy)}") from None


class Chooser(Protocol):
    """Chooses who runs next."""

    def choose(self, waiting: Sequence[int], /) -> int:
        """The place in *waiting* of who runs next; there are two or more, each a task's own number."""
        ...


class Steps:
    """Any of those that can run."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def choose(self, waiting: Sequence[int]) -> int:
        """Draw one."""
        return self._chance.randrange(len(waiting))


class Priorities:
    """Who has the highest priority, as in PCT."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        horizon = chance.choice(HORIZONS)
        self._changes = {chance.randrange(horizon) for _ in range(chance.randint(0, CHANGES))}
        self._lowest = itertools.count(-1, -1)
        self._of: dict[int, float] = {}
        self._count = itertools.count()
        self._last, self._row = -1, 0

    def choose(self, waiting: Sequence[int]) -> int:
        """The highest; one that falls in this moment is not it any more."""
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
    """The choices of one run. Printed and read back it is the same tape: `Tape.parse(str(tape)) == tape`."""

    policy: Policy
    """`BATCH`: each batch is put in order. `STEP`: one task at a time."""
    choices: tuple[int, ...] = ()
    """Past the end all are zero: everybody in turn."""

    @classmethod
    def of(cls, policy: Policy, choices: Sequence[int]) -> Tape:
        """The tape of a run under *policy*. What the end of a tape stands for anyway is left out."""
        kept = len(choices)
        while kept and not choices[kept - 1]:
            kept -= 1
        return cls(Policy.BATCH if policy is Policy.BATCH else Policy.STEP, tuple(choices[:kept]))

    def __str__(self) -> str:
        """One word: `step:0*14,2` is fourteen zeros and a two."""
        runs = [(choice, len(list(group))) for choice, group in itertools.groupby(self.choices)]
        return f"{self.policy.value}:" + ",".join(f"{choice}*{times}" if times > 1 else f"{choice}" for choice, times in runs)

    @classmethod
    def parse(cls, text: str) -> Tape:
        """Read what `str` wrote. Raises `UsageError`."""
        policy, colon, rest = text.strip().partition(":")
        if not colon or policy not in {Policy.BATCH.value, Policy.STEP.value}:
            raise UsageError(f"{text!r:.80} is no tape: it begins with 'batch:' or 'step:'")
        return cls.of(Policy(policy), [choice for part in rest.split(",") if part for choice in _run_of(part, text)])

    @property
    def jumps(self) -> int:
        """How often somebody jumps the queue."""
        return sum(choice > 0 for choice in self.choices)


def _run_of(part: str, text: str) -> Iterator[int]:
    choice, _, times = part.partition("*")
    if not choice.isdecimal() or not (times or "1").isdecimal():
        raise UsageError(f"{text!r:.80} is no tape: {part!r:.20} is neither a number nor number*times")
    return itertools.repeat(int(choice), int(times or "1"))


class Playback:
    """What a tape says."""

    def __init__(self, tape: Tape) -> None:
        self._choices = iter(tape.choices)

    def choose(self, waiting: Sequence[int]) -> int:
        """The next choice on the tape; where fewer wait than there, the last of them."""
        return min(next(self._choices, 0), len(waiting) - 1)


@attrs.define(eq=False)
class Recording:
    """Lets another choose, and writes down what it chose."""

    inner: Chooser
    choices: list[int] = attrs.field(factory=list[int], init=False)

    def choose(self, waiting: Sequence[int]) -> int:
        """As the inner one."""
        place = self.inner.choose(waiting)
        self.choices.append(place)
        return place


def policy_of(seed: int, policy: Policy) -> Policy:
    """The policy that *seed* runs under: a mix has one for each."""
    if policy is not Policy.MIX:
        return policy
    [drawn] = random.Random(f"policy/{seed}").choices((Policy.BATCH, Policy.STEP, Policy.PRIORITIES), weights=_MIX)
    return drawn


def chooser(seed: int, policy: Policy) -> Chooser:
    """Who chooses under *seed* and *policy*, which is none of a mix."""
    chance = random.Random(f"{policy.value}/{seed}")
    return Priorities(chance) if policy is Policy.PRIORITIES else Steps(chance)
