"""A durable inventory of a folder: what is in it, of what type, and which files are the same.

    python3 examples/inventory                 take the inventory of Python's own library, which every machine has
    python3 examples/inventory ~/Pictures      or of a folder of your choice
    python3 examples/inventory --crash 100     crash a worker at every hundredth file, and watch the tree recover

A supervised pool of workers hashes every file. Results are committed as they arrive, so you can stop the program at any time, with Ctrl-C
or `kill -9`: started again, it continues where it was. When it is done, the next run hashes only files that are new or have changed.

    inventory (rest for one)
    |-- hashers          workers.py    the pool; each worker is restarted alone, after a pause
    |   |-- hasher-1
    |   `-- ...
    |-- records          keeping.py    the durable actors, started when they are needed
    |   |-- folder ...                 one per top folder; plans the work there (planning.py)
    |   |-- page ...                   the results of up to a hundred files of a folder
    |   `-- ...
    |-- display          progress.py   a progress bar or plain lines
    `-- survey           survey.py     walks (walking.py), hands out the work, reads the results back; when it exits, the tree stops
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
"""Suffixes that the files of a store can have."""


def tree(survey: Survey, sabotage: Sabotage | None) -> ta.Supervisor:
    """Build the tree. The workers come first, because the children after them depend on them."""
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
    """Open the system, wait until the survey has finished, and print the summary."""
    async with ta.open_system(store, tree(survey, sabotage), observers=[survey.progress.observe]) as system:
        await system.wait_stopped()
    for line in summary(survey):
        survey.progress.say(line)


def options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="inventory", description="Take a durable inventory of a folder. You can stop it and start it again at any time."
    )
    library = Path(sysconfig.get_path("stdlib"))
    parser.add_argument("folder", type=Path, nargs="?", default=library, help="the folder to look through (default: %(default)s)")
    parser.add_argument("--store", default=DEFAULT_STORE, metavar="URL", help="where the inventory is kept (default: %(default)s)")
    parser.add_argument(
        "--workers",
        type=number,
        default=os.cpu_count() or 1,
        metavar="N",
        help="how many workers hash files (default: %(default)s)",
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
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def part_of_store(store: str, path: str) -> bool:
    """Whether *path* belongs to the store at *store*, a file or a folder. It changes during the walk and is not the user's."""
    return path.startswith(store) and (path.removeprefix(store) in STORE_FILES or path.startswith(f"{store}{os.sep}"))


def run(chosen: argparse.Namespace) -> None:
    """Take the inventory that *chosen* describes."""
    progress, store = Progress(chatty=chosen.verbose), parse(chosen.store).path or chosen.store
    survey = Survey(chosen.folder.resolve(), chosen.workers, progress, leave_out=partial(part_of_store, store))
    progress.say(f"{survey.root}: the inventory is kept in {store}")
    if chosen.crash:
        logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # these crashes are intended; do not log their reports
    ta.run(partial(main, survey, store=chosen.store, sabotage=Sabotage(chosen.crash) if chosen.crash else None))


def complaint(error: BaseException) -> str:
    """Describe *error* and its cause."""
    return f"inventory: {error}" + (f"\nbecause: {error.__cause__}" if error.__cause__ else "")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # if the reader of a pipe has gone, stop; the next run continues
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal may not be able to show every character of a name.
        sys.stdout.reconfigure(errors="backslashreplace")  # pyright: ignore[reportUnknownMemberType] - its buffer has no type
    try:
        run(options())
    except KeyboardInterrupt:
        print("\nstopped; start it again to continue from here")
        sys.exit(128 + signal.SIGINT)
    except ta.TrioactorsError as error:
        sys.exit(complaint(error))
