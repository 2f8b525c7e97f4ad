"""One mutant and its trial: a copy of the packages with the bug in it, in a temporary folder, and a process that simulates with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mutants.table import PACKAGES, Mutant

__all__ = ["Hunt", "Invalid", "hunted"]

TESTS = Path(__file__).parents[1]

SECONDS = 60
"""Of real time for one simulation, which takes a few hundredths of one: after that it hangs."""


class Invalid(Exception):
    """What was tried cannot even be imported, or it is not the copy that was tried."""


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


def hunted(mutant: Mutant | None, seeds: int, *, seconds: int = SECONDS) -> Hunt:
    """Try *mutant*, or the packages as they are, under so many seeds. Raises `NotThere` and `Invalid`."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        for package, place in PACKAGES.items():
            shutil.copytree(place, root / package, ignore=shutil.ignore_patterns("__pycache__"))
        if mutant is not None:
            path = root / mutant.file
            path.write_text(mutant.applied(path.read_text()))
        return _judged(mutant, root, _tried(root, seeds, seconds))


def _tried(root: Path, seeds: int, seconds: int) -> subprocess.CompletedProcess[str]:
    places = [root, root / "backends", TESTS]  # these come before what is installed
    own = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }  # its sources are gone when it is over
    environment = {**own, "PYTHONPATH": os.pathsep.join(map(str, places)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-W", "error", "-m", "mutants.trial", str(seeds), str(seconds)]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def _judged(mutant: Mutant | None, root: Path, process: subprocess.CompletedProcess[str]) -> Hunt:
    lines = process.stdout.splitlines()
    if not lines:
        last = (process.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise Invalid(
            f"{mutant or 'the copy'} does not come up ({last}): adapt it, or draw another one with python -m mutants.drawing"
        )
    for place in json.loads(lines[0]):
        if not Path(place).is_relative_to(root):
            raise Invalid(f"{place} was tried, and not the copy in {root}: look for what puts the checkout before PYTHONPATH")
    if process.returncode == 0:
        return _read(json.loads(lines[-1]))
    tried = len(lines) - 1
    if process.returncode == -signal.SIGALRM:
        return Hunt(tried, found=True, error="stuck", text="a simulation did not come back")
    last = (process.stderr.strip().splitlines() or [""])[-1]
    return Hunt(tried, found=True, error="process ended", text=f"with {process.returncode}: {last}")


def _read(said: Mapping[str, Any]) -> Hunt:
    if "error" not in said:
        return Hunt(said["seeds"], found=False)
    return Hunt(said["seeds"], found=True, scenario=said["scenario"], error=said["error"], text=said["text"])
