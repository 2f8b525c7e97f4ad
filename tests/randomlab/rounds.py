"""Round after round of seeds: what each one meets steers a later one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from randomlab.acts import HANDLERS, USERS
from randomlab.chance import PLAIN, Plan
from randomlab.coverage import Coverage
from randomlab.jobs import Done, Job, jobs
from randomlab.steering import LATEST, ROUND, Drawn, plan_after

__all__ = ["ACTS", "Results", "played"]

ACTS = (*(act.name for act in (*HANDLERS, *USERS)), "defer", "defer left")
"""All acts."""


@attrs.define(eq=False)
class Results:
    """What the rounds have given until now."""

    say: Callable[[str], None]
    """Called with each finding."""
    most: int
    """The number of findings that is enough."""
    coverage: Coverage = attrs.field(factory=Coverage)
    plan: Plan = PLAIN
    """What the latest round that is over leads to."""
    found: int = 0
    _latest: deque[Sequence[Drawn]] = attrs.field(factory=lambda: deque(maxlen=LATEST))
    """The runs of the latest rounds."""

    @property
    def enough(self) -> bool:
        """Whether to stop."""
        return self.found >= self.most

    def take(self, done: Iterable[Done]) -> None:
        """Take the results of a round, until there are enough findings."""
        runs: list[Drawn] = []
        for each in done:
            runs += each.runs
            for run in each.runs:
                self.coverage.add(run.met)
            for finding in each.findings:
                self.found += 1
                self.say(finding)
            if self.enough:
                return
        self._latest.append(runs)
        self.plan = plan_after(self.coverage, [run for each in self._latest for run in each], ACTS)


def played(
    seeds: range, results: Results, start: Callable[[Iterable[Job]], Iterable[Done]], *, shrinking: float, plan: Plan | None
) -> None:
    """Try *seeds*. *start* begins jobs, and gives their results in order. All are drawn with *plan*; without one, plans follow."""
    ahead: deque[Iterable[Done]] = deque()
    for part in _rounds(seeds):
        plans: Sequence[Plan] = (PLAIN, results.plan) if plan is None else (plan,)
        ahead.append(start(jobs(part, plans, shrinking)))
        if len(ahead) > 1:
            results.take(ahead.popleft())
        if results.enough:
            return
    while ahead and not results.enough:
        results.take(ahead.popleft())


def _rounds(seeds: range) -> Iterator[range]:
    for start in range(0, len(seeds), ROUND):
        yield seeds[start : start + ROUND]
