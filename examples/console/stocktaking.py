"""The inventory example as a part of this tree: its pool, its durable actors and its survey, imported unchanged.

In that example, a survey runs once and ends the program. Here it is repeated while the system runs. A function writes notes to the demo's
own folder, so that the survey always finds something to do. Every fortieth file crashes the worker that hashes it.
"""

from __future__ import annotations

import itertools
import sys
from functools import partial
from pathlib import Path
from typing import Final

import trio

import trioactors as ta

sys.path.append(str(Path(__file__).parents[1] / "inventory"))

from keeping import RECORDS
from progress import Progress
from survey import Survey
from workers import Sabotage, pool

__all__ = ["stocktaking"]

WORKERS: Final = 2
PAUSE: Final = 5.0
"""Seconds between two surveys."""
NOTES: Final = 100
"""Files that are written in turn."""
CRASH_EVERY: Final = 40


def stocktaking(folder: Path, *, leave_out: Path) -> ta.Supervisor:
    """The inventory of *folder*, without the files whose names begin with *leave_out*."""
    survey = Survey(folder, WORKERS, Progress(say=_unsaid), leave_out=lambda path: path.startswith((str(leave_out), f"{folder}/.")))
    return ta.Supervisor(
        pool(WORKERS, Sabotage(CRASH_EVERY)),
        ta.Supervisor(name=RECORDS, strategy=ta.Strategy.DYNAMIC),
        ta.child(partial(write_notes, leave_out.parent / "notes"), name="writes-notes"),
        ta.child(partial(survey_again_and_again, survey), name="survey"),
        name="inventory",
        strategy=ta.Strategy.REST_FOR_ONE,
    )


async def survey_again_and_again(survey: Survey) -> None:
    """Repeat the survey. Known files are not hashed again, so most rounds are short."""
    while True:
        await survey.run()
        await trio.sleep(PAUSE)


async def write_notes(place: Path) -> None:
    """Write a few new or changed files every second."""
    await trio.Path(place).mkdir(exist_ok=True)
    for number in itertools.count():
        await trio.Path(place / f"{number % NOTES}.txt").write_text(f"note {number}\n", encoding="utf-8")
        await trio.sleep(0.25)


def _unsaid(_: str) -> None:
    """Discard the progress: the console shows it."""
