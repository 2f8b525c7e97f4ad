"""Jobs for the processes of the lab: some seeds of one scenario each."""

from __future__ import annotations

import gc
import itertools
import traceback
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import attrs

from simlab.campaigns import SCENARIOS, SHARE, SHARES
from simlab.shapes import shape
from trioactors.testing.simulation.sim_tests import Report, trials
from trioactors.testing.simulation.simulating import quietly, tried

__all__ = ["CORPUS", "Done", "Job", "begin", "digest_of", "jobs", "shape_of", "spread", "work"]

CHUNK = 50

_FRAMES = 4
"""The longest traceback that is shown."""

CORPUS = Path(__file__).parent / "corpus"


@attrs.frozen
class Job:
    """Some seeds of one scenario."""

    scenario: str
    seeds: range


@attrs.frozen
class Done:
    """The result of a job, with the error if a seed was not sound."""

    job: Job
    report: Report
    failure: str = ""


def jobs(names: Sequence[str], first: int, count: int) -> Iterator[Job]:
    """Split *count* seeds into small jobs. The seeds of each scenario begin at *first*, and it gets its share of them."""
    starts = dict.fromkeys(names, first)
    left = count
    for name in itertools.cycle(part for part in names for _ in range(SHARES.get(part, SHARE))):
        if not left:
            return
        size = min(CHUNK, left)
        yield Job(name, range(starts[name], starts[name] + size))
        starts[name] += size
        left -= size


def spread(names: Sequence[str], first: int, count: int) -> Iterator[Job]:
    """Split *count* seeds into small jobs, equally among the scenarios (the first few get one more)."""
    for position, name in enumerate(names):
        size = count // len(names) + (position < count % len(names))
        for start in range(first, first + size, CHUNK):
            yield Job(name, range(start, min(start + CHUNK, first + size)))


def begin() -> None:
    """Begin a process of the pool. Imported objects stay, so they are excluded from the collection after each run (7 % of the time)."""
    gc.collect()
    gc.freeze()


def digest_of(job: Job) -> str:
    """A hash of everything that happens in *job*, step by step. It must be the same in every process."""
    found = blake2b(digest_size=16)
    for seed in job.seeds:
        found.update(tried(SCENARIOS[job.scenario], seed, shrinking=0).digest.encode())
    return found.hexdigest()


def shape_of(job: Job) -> str:
    """A hash of what happens in *job*, without texts: it stays the same if messages, reprs and class names change."""
    found = blake2b(digest_size=16)
    for seed in job.seeds:
        with quietly():
            run = SCENARIOS[job.scenario].play(seed)
        if run.error is not None:
            raise run.error
        found.update("\n".join(shape(run.world)).encode())
    return found.hexdigest()


def work(job: Job) -> Done:
    """Run *job* in a process of the pool."""
    try:
        return Done(job, trials(SCENARIOS[job.scenario], job.seeds, corpus=CORPUS / job.scenario.replace(" ", "_")))
    except Exception as error:  # any error of a run is a result of the lab
        text = "".join(traceback.format_exception(error, limit=-_FRAMES)).rstrip()
        return Done(job, Report(0, {}, 0, 0), f"{job.scenario}: {text}")
