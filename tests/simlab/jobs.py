"""Some seeds of one scenario at a time, for the processes of the lab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import attrs

from simlab.campaigns import SCENARIOS
from trioactors.testing.simulation.sim_tests import Report, trials
from trioactors.testing.simulation.simulating import tried

__all__ = ["CORPUS", "Done", "Job", "digest_of", "jobs", "work"]

CHUNK = 100

CORPUS = Path(__file__).parent / "corpus"


@attrs.frozen
class Job:
    """Some seeds of one scenario."""

    scenario: str
    seeds: range


@attrs.frozen
class Done:
    """What a job has shown; where a seed was not sound, what is wrong with it."""

    job: Job
    report: Report
    failure: str = ""


def jobs(names: Sequence[str], first: int, count: int) -> Iterator[Job]:
    """The seeds from *first* on, shared among the scenarios, in small parts."""
    each = -(-count // len(names))
    for start in range(first, first + each, CHUNK):
        for name in names:
            yield Job(name, range(start, min(start + CHUNK, first + each)))


def digest_of(job: Job) -> str:
    """A hash of all that happens in *job*, step by step; the same in every process, or something is left to chance."""
    found = blake2b(digest_size=16)
    for seed in job.seeds:
        found.update(tried(SCENARIOS[job.scenario], seed, shrinking=0).digest.encode())
    return found.hexdigest()


def work(job: Job) -> Done:
    """Do *job*, in a process of the pool."""
    try:
        return Done(job, trials(SCENARIOS[job.scenario], job.seeds, corpus=CORPUS / job.scenario.replace(" ", "_")))
    except Exception as error:  # whatever is wrong with a run is what this lab is for
        notes = "\n".join(getattr(error, "__notes__", ()))
        return Done(job, Report(0, {}, 0, 0), f"{job.scenario}: {type(error).__name__}: {error}\n{notes}")
