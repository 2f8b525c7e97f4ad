"""The trial of one copy of the checkout: its tests, until one fails. A process of its own; `mutants.hunting` starts and reads it.

Tests of the changed module come first. The labs are left out, and the tests of the source text. What it says is what `mutants.trial` says,
with tests in the place of seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import pytest
from mutants.telling import begin, found, say

__all__ = ["in_order"]

SECONDS = 300
"""Of real time for one test: after that it hangs."""

LEFT_OUT = frozenset(
    {"architecture", "browser", "crashlab", "debian", "mutants", "planted", "promises", "randomlab", "simlab", "soak", "typing"}
)
"""Labs, and tests that look at texts or need more than Python."""


class Teller:
    """Says each test before it runs, and keeps the first failure."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.tests = 0
        self.told: dict[str, object] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say which test begins."""
        self.tests += 1
        say(nodeid, self.out)
        signal.alarm(SECONDS)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a failure."""
        self._keep(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep a failure of an import."""
        self._keep(report)

    def _keep(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed and not self.told:
            crash = getattr(report.longrepr, "reprcrash", None)
            error, _, text = (report.longreprtext if crash is None else crash.message).partition(":")
            self.told = found(self.tests, report.nodeid, error.partition("\n")[0], text)


def in_order(tests: Path, changed: str) -> Sequence[Path]:
    """All test files: those named after the *changed* module first, then by the number of times at which they name it."""
    word = Path(changed).stem
    files = [path for path in sorted(tests.rglob("test_*.py")) if not LEFT_OUT & set(path.relative_to(tests).parts)]
    times = {path: len(re.findall(rf"\b{word}\b", path.read_text(encoding="utf-8"))) for path in files}
    return sorted(files, key=lambda path: (word not in path.stem, -times[path]))


def main(arguments: Sequence[str]) -> None:
    """Run the tests of the copy in this folder."""
    parser = argparse.ArgumentParser(prog="planted.suite", description="Run the tests of a copy of the checkout.")
    parser.add_argument("changed", help="the file that was changed")
    parser.add_argument("--deselect", action="append", default=[], help="a test that does not count; may be repeated")
    parser.add_argument("--only", help="this test alone")
    asked = parser.parse_args(arguments)
    begin()
    teller = Teller(os.fdopen(os.dup(1), "w"))
    with Path(os.devnull).open("w") as nothing:  # what pytest says is read by nobody
        os.dup2(nothing.fileno(), 1)
    deselected = [f"--deselect={each}" for each in asked.deselect]
    files = [asked.only] if asked.only else [str(path) for path in in_order(Path("tests"), asked.changed)]
    code = pytest.main(["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", "not lab", *deselected, *files], [teller])
    if code and not teller.told:
        sys.exit(f"pytest exited with {code}")
    say(json.dumps(teller.told or {"seeds": teller.tests, "found": False}), teller.out)


if __name__ == "__main__":
    main(sys.argv[1:])
