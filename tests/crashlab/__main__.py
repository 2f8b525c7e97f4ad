"""`nox -s crashlab`: the whole lab, with its controls; or `PYTHONPATH=tests python -m crashlab`. Exits 1 if anything is not as it must be.

The files of a store that broke a promise are left where they are, and are named. The seed draws the same moments again; what a moment
hits is a matter of the machine too.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from crashlab.blackout import ForgetfulDisk, cut_often
from crashlab.campaign import STORES, kill_often
from crashlab.killer import LabError
from crashlab.workload import HastyLedger

KILLS = 200
CONTROL_KILLS = 25
CUTS = 200


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="crashlab", description="Kill durable actors, and look for what was answered and forgotten."
    )
    parser.add_argument("kills", nargs="?", type=int, default=KILLS, help=f"how often each store is killed (default {KILLS})")
    parser.add_argument("--store", choices=STORES, action="append", help="this store only; may be repeated")
    parser.add_argument("--seed", type=int, help="draws the moments (default: another one each time)")
    parser.add_argument("--folder", type=Path, help="where the files of the stores are (default: for temporary files)")
    return parser.parse_args(arguments)


def say(text: str) -> None:
    """Print one line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Lab:
    """Runs one part after another, says what each has shown, and remembers what is wrong."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        self.complaints: list[str] = []

    def kill(self, store: str, kills: int) -> None:
        """The promise itself."""
        folder = self._place(store)
        tally = kill_often(store, kills, folder, self.seed)
        say(str(tally))
        complaints = tally.complaints()
        self.complain(store, [*complaints, f"its files are in {folder}"] if complaints else ())

    def kill_hasty(self, store: str) -> None:
        """The first control: answers leave before the commit."""
        tally = kill_often(store, CONTROL_KILLS, self._place(f"{store}-control"), self.seed, HastyLedger)
        say(f"control, {store}, answers before the commit: {tally.lossy} of {tally.kills} kills lost acknowledged calls")
        if not tally.lossy:
            self.complain(store, ["the control lost nothing, so this lab would not find a loss"])

    def cut_power(self) -> None:
        """The promise when the power is cut, and the second control: syncs that are skipped."""
        sound = cut_often(CUTS, self.seed)
        say(f"power, simulated: {sound}")
        if sound.wrong or sound.refused:
            self.complain("power", [f"{sound.wrong} cuts broke a promise, and {sound.refused} left a store that refuses to serve"])
        forgetful = cut_often(CUTS, self.seed, ForgetfulDisk)
        say(f"control, power, syncs skipped: {forgetful}")
        if not forgetful.lost:
            self.complain("power", ["the control lost nothing, so this lab would not find a missing sync"])

    def complain(self, where: str, complaints: Sequence[str]) -> None:
        """Say what is wrong, and remember it."""
        for complaint in complaints:
            say(f"{where}: {complaint}")
        self.complaints += complaints

    def _place(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir()
        return place


def run(lab: Lab, stores: Sequence[str], kills: int) -> None:
    """All of it. The files are removed afterwards, unless something is wrong with them."""
    try:
        for store in stores:
            lab.kill(store, kills)
            lab.kill_hasty(store)
        lab.cut_power()
    except LabError as error:
        lab.complain("lab", [f"{error}. The files are in {lab.folder}"])
    finally:
        if not lab.complaints:
            shutil.rmtree(lab.folder)


def terminated(_number: int, _frame: object) -> None:
    """End as after Ctrl-C: the child and the files are seen to."""
    sys.exit("terminated")


def main() -> int:
    """Run what the command line asks for; the exit status."""
    chosen = options()
    signal.signal(signal.SIGTERM, terminated)
    seed = random.SystemRandom().getrandbits(32) if chosen.seed is None else chosen.seed
    say(f"crash lab, seed {seed}")
    lab = Lab(seed, Path(tempfile.mkdtemp(prefix="crashlab-", dir=chosen.folder)).resolve())
    run(lab, chosen.store or list(STORES), chosen.kills)
    if lab.complaints:
        say(f"the crash lab failed; the same moments again: nox -s crashlab -- {chosen.kills} --seed {seed}")
    return 1 if lab.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
