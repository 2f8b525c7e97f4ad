"""One planted bug and its trial: a copy of the sources with the bug in it, in a temporary folder, and a process that tries it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import attrs

from mutants.table import PACKAGES

__all__ = ["TESTS", "Change", "Hunt", "Invalid", "hunted", "judged", "plant", "planted_copy"]

TESTS = Path(__file__).parents[1]

SECONDS = 60
"""Of real time for one simulation, which takes a few hundredths of one: after that it hangs."""

LEFT_OUT = (".*", "__pycache__", "build", "dist")


class Invalid(Exception):
    """What was tried cannot even be imported, or it is not the copy that was tried."""


class Change(Protocol):
    """A bug: what is changed in one file."""

    @property
    def file(self) -> str:
        """From the checkout's root."""
        ...

    def applied(self, text: str) -> str:
        """The text of the file with the bug in it. Raises `NotThere`."""
        ...


@attrs.frozen
class Hunt:
    """What came of a trial."""

    seeds: int
    """How many were tried, the last of which may have shown the bug."""
    found: bool
    scenario: str = ""
    error: str = ""
    """The class of what was wrong."""
    text: str = ""


def hunted(change: Change | None, seeds: int, *, first: int = 0, lab: str = "scenarios", seconds: int = SECONDS) -> Hunt:
    """Try *change*, or the packages as they are, under so many seeds of a *lab* (`trial.LABS`). Raises `NotThere` and `Invalid`."""
    with planted_copy(change) as root:
        return judged(change, root, TESTS, "-W", "error", "-m", "mutants.trial", lab, str(first), str(seeds), str(seconds))


@contextmanager
def planted_copy(change: Change | None, places: Mapping[str, Path] = PACKAGES) -> Generator[Path]:
    """A copy of the packages, or of what else is named with its place in the copy, with the bug in it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        plant(change, root, places)
        yield root


def plant(change: Change | None, root: Path, places: Mapping[str, Path] = PACKAGES) -> None:
    """Make that copy in *root*."""
    for place, original in places.items():
        shutil.copytree(original, root / place, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
    if change is not None:
        path = root / change.file
        path.write_text(change.applied(path.read_text()))


def judged(change: Change | None, root: Path, tests: Path, *program: str) -> Hunt:
    """What came of a program, with its options of Python and its arguments, that tries the copy in *root*. Raises `Invalid`."""
    process = _tried(root, tests, *program)
    lines = process.stdout.splitlines()
    if process.returncode != 0 and len(lines) < 2:
        last = (process.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise Invalid(f"{change or 'the copy'} does not come up ({last}): adapt it, or choose another one")
    for place in json.loads(lines[0]):
        if not Path(place).is_relative_to(root):
            raise Invalid(f"{place} was tried, and not the copy in {root}: look for what puts the checkout before PYTHONPATH")
    if process.returncode == 0:
        return Hunt(**json.loads(lines[-1]))
    tried, last_try = len(lines) - 1, lines[-1]
    if process.returncode == -signal.SIGALRM:
        return Hunt(tried, found=True, scenario=last_try, error="stuck", text="it did not come back")
    last = (process.stderr.strip().splitlines() or [""])[-1]
    return Hunt(tried, found=True, scenario=last_try, error="process ended", text=f"with {process.returncode}: {last}")


def _tried(root: Path, tests: Path, *program: str) -> subprocess.CompletedProcess[str]:
    places = [root, root / "backends", tests]  # these come before what is installed
    own: dict[str, Any] = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }  # its sources are gone when it is over
    environment = {**own, "PYTHONPATH": os.pathsep.join(map(str, places)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", *program]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
