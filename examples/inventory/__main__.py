"""A durable inventory of a folder: what is in it, of what type, and which files are the same.

    python3 examples/inventory                 an example that every machine has: Python's own library
    python3 examples/inventory ~/Pictures      or a folder of your choice
    python3 examples/inventory --crash 100     kill a worker at every hundredth file, and watch the tree recover

Every file is hashed by a supervised pool of workers. Results are committed as they come, so you can stop the program at any time, with
Ctrl-C or with `kill -9`: started again it goes on where it was. When it is done, the next run hashes only what is new or has changed.

    inventory (rest for one)
    |-- hashers          workers.py    the pool; each worker is restarted alone, after a pause
    |   |-- hasher-1
    |   `-- ...
    |-- records          keeping.py    the durable actors, started as they are needed
    |   |-- folder ...                 one for each top folder; knows what is to be done there (planning.py)
    |   |-- page ...                   the results of some hundred files of a folder
    |   `-- ...
    |-- display          progress.py   a bar or lines
    `-- survey           survey.py     walks (walking.py), hands out the work, reads back; when it ends, the tree does
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
import sysconfig
from functools import partial
from pathlib import Path

import trioactors as ta
from keeping import RECORDS
from progress import Progress, way_to_show
from summary import summary
from survey import Survey
from trioactors.persistence.urls import parse
from workers import Sabotage, pool

DEFAULT_STORE = "sqlite:///inventory.db"
STORE_FILES = ("", "-lock", "-wal", "-shm")
"""What the name of a store's file can be followed by."""


def tree(survey: Survey, sabotage: Sabotage | None) -> ta.Supervisor:
    """Workers first: whoever comes after them depends on them."""
    return ta.Supervisor(
        pool(survey.workers, sabotage),
        ta.Supervisor(name=RECORDS, strategy=ta.Strategy.DYNAMIC),
        ta.child(partial(way_to_show(), survey.progress), name="display"),
        ta.child(survey.run, name="survey", significant=True),
        name="inventory",
        strategy=ta.Strategy.REST_FOR_ONE,
        auto_shutdown=ta.AutoShutdown.ANY_SIGNIFICANT,
    )


async def main(survey: Survey, *, store: str, sabotage: Sabotage | None = None) -> None:
    """Open the system, and wait until the survey has ended it."""
    async with ta.open_system(store, tree(survey, sabotage), observers=[survey.progress.observe]) as system:
        await system.wait_stopped()
    for line in summary(survey):
        survey.progress.say(line)


def options() -> argparse.Namespace:
    """What the user wants."""
    parser = argparse.ArgumentParser(
        prog="inventory", description="A durable inventory of a folder. Stop it and start it as you like."
    )
    library = Path(sysconfig.get_path("stdlib"))
    parser.add_argument("folder", type=Path, nargs="?", default=library, help="what to look through (default: %(default)s)")
    parser.add_argument("--store", default=DEFAULT_STORE, metavar="URL", help="where the inventory is kept (default: %(default)s)")
    parser.add_argument(
        "--workers", type=number, default=os.cpu_count() or 1, metavar="N", help="how many hash at once (default: %(default)s)"
    )
    parser.add_argument("--crash", type=number, metavar="EVERY", help="crash a worker at every Nth file")
    parser.add_argument("--verbose", action="store_true", help="print a line for each commit of results")
    chosen = parser.parse_args()
    if not chosen.folder.is_dir():
        parser.error(f"{chosen.folder} is not a folder")
    if not os.access(chosen.folder, os.R_OK | os.X_OK):
        parser.error(f"{chosen.folder} cannot be read")
    return chosen


def number(text: str) -> int:
    """A number that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def part_of_store(store: str, path: str) -> bool:
    """Whether *path* belongs to the store at *store*, a file or a folder: it changes while we look, and is not the user's."""
    return path.startswith(store) and (path.removeprefix(store) in STORE_FILES or path.startswith(f"{store}{os.sep}"))


def run(chosen: argparse.Namespace) -> None:
    """Do what the user wants."""
    progress, store = Progress(chatty=chosen.verbose), parse(chosen.store).path or chosen.store
    survey = Survey(chosen.folder.resolve(), chosen.workers, progress, leave_out=partial(part_of_store, store))
    progress.say(f"{survey.root}: the inventory is kept in {store}")
    if chosen.crash:
        logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # these crashes are wanted; their reports would only startle
    ta.run(partial(main, survey, store=chosen.store, sabotage=Sabotage(chosen.crash) if chosen.crash else None))


def complaint(error: BaseException) -> str:
    """What went wrong, and why."""
    return f"inventory: {error}" + (f"\nbecause: {error.__cause__}" if error.__cause__ else "")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # where nobody reads any more, stop; it goes on the next time
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A console may not know all letters that a name has.
        sys.stdout.reconfigure(errors="backslashreplace")  # pyright: ignore[reportUnknownMemberType] - what of its buffer?
    try:
        run(options())
    except KeyboardInterrupt:
        print("\nstopped; started again it goes on from here")
        sys.exit(128 + signal.SIGINT)
    except ta.TrioactorsError as error:
        sys.exit(complaint(error))
