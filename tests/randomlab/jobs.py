"""Jobs for the processes of the lab: some applications each."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from randomlab.chance import Chance, Plan
from randomlab.drawing import drawn_with
from randomlab.running import watched
from randomlab.shrinking import Finding, failure_of, shrunk
from randomlab.source import source
from randomlab.steering import Drawn

__all__ = ["CORPUS", "Done", "Job", "begin", "jobs", "work"]

CHUNK = 25

CORPUS = Path(__file__).parent / "corpus"


@attrs.frozen
class Job:
    """Some seeds."""

    seeds: range
    plans: Sequence[Plan]
    """Taken in turn: the first seed of all, and each so many seeds later, has the first of them."""
    shrinking: float

    def plan(self, seed: int) -> Plan:
        """The plan of *seed*."""
        return self.plans[seed % len(self.plans)]


@attrs.frozen
class Done:
    """The result of a job."""

    runs: tuple[Drawn, ...]
    findings: tuple[str, ...]


def jobs(seeds: range, plans: Sequence[Plan], shrinking: float) -> Iterator[Job]:
    """Split the seeds into small jobs."""
    for start in range(0, len(seeds), CHUNK):
        yield Job(seeds[start : start + CHUNK], plans, shrinking)


def begin() -> None:
    """Begin a process of the pool. Imported objects stay, so they are excluded from the collection after each run."""
    gc.collect()
    gc.freeze()


def work(job: Job) -> Done:
    """Run a job in a process of the pool."""
    runs: list[Drawn] = []
    findings: list[str] = []
    for seed in job.seeds:
        chance = Chance.of(seed, job.plan(seed))
        application = drawn_with(chance)
        run, met = watched(application, seed)
        runs.append(Drawn(frozenset(chance.drew), met))
        if run.error is not None:
            finding = Finding(application, seed, failure_of(run.error), str(run.error))
            findings.append(_told(seed, job.plan(seed), shrunk(finding, seconds=job.shrinking)))
    return Done(tuple(runs), tuple(findings))


def _told(seed: int, plan: Plan, finding: Finding) -> str:
    """Keep the program in the corpus, and print it."""
    note = f"Application {seed}, shrunk. {finding.failure}:\n\n{finding.text}\n"
    text = source(finding.application, seed=finding.seed, note=note)
    CORPUS.mkdir(exist_ok=True)
    place = CORPUS / f"{finding.failure}_{seed}.py"
    place.write_text(text, encoding="utf-8")
    return (
        f"application {seed} is not sound: {finding.failure}. Run it: PYTHONPATH=tests python {place.relative_to(Path.cwd())}\n"
        f"Draw it again: PYTHONPATH=tests python -m randomlab 1 --first {seed} --plan '{plan}'\n{text}"
    )
