"""Both type checkers report every planted error and nothing else.

The marks are explained in `planted_errors.py`. A checker that falls silent, and an API that lets a mistake pass, look the same
here: a marked line without a report.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARK = re.compile(r"# E(?:\((?P<only>\w+)\))?: \S")


def marked(source: str, checker: str) -> set[int]:
    """The numbers of the lines that *checker* must report."""
    marks = ((number, MARK.search(line)) for number, line in enumerate(source.splitlines(), 1))
    return {number for number, mark in marks if mark and mark["only"] in {None, checker}}


def told_by_mypy(output: str) -> dict[int, str]:
    """The errors in the output of `mypy --output=json`, by line."""
    reports = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {report["line"]: report["message"] for report in reports if report["severity"] == "error"}


def told_by_pyright(output: str) -> dict[int, str]:
    """The errors in the output of `pyright --outputjson`, by line."""
    reports = json.loads(output)["generalDiagnostics"]
    return {report["range"]["start"]["line"] + 1: report["message"] for report in reports if report["severity"] == "error"}


def differences(source: str, checker: str, told: dict[int, str]) -> list[str]:
    """Marked lines that pass, and reports on lines without a mark."""
    lines = source.splitlines()
    must = marked(source, checker)
    return [f"{number}: {checker} lets pass: {lines[number - 1].strip()}" for number in sorted(must - set(told))] + [
        f"{number}: {checker} says, and nobody planted it: {told[number]}" for number in sorted(set(told) - must)
    ]


@pytest.mark.parametrize("planted", sorted(HERE.glob("planted_*.py")), ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("checker", "options", "read"),
    [
        pytest.param("mypy", ["--output=json", "--no-error-summary"], told_by_mypy, id="mypy"),
        pytest.param(
            "pyright", ["--outputjson", "--project=pyproject.toml", f"--pythonpath={sys.executable}"], told_by_pyright, id="pyright"
        ),
    ],
)
def test_every_planted_error_is_told(
    checker: str, options: list[str], read: Callable[[str], dict[int, str]], planted: Path
) -> None:
    program = [sys.executable, "-P", "-m", checker, *options, str(planted.relative_to(ROOT))]
    source = planted.read_text(encoding="utf-8")

    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 1, done.stdout + done.stderr
    findings = differences(source, checker, read(done.stdout))
    assert not findings, "\n".join(findings)


def test_something_is_planted_for_both() -> None:
    sources = [path.read_text(encoding="utf-8") for path in HERE.glob("planted_*.py")]

    assert sum(len(marked(source, "mypy")) for source in sources) > 20
    assert sum(len(marked(source, "pyright")) for source in sources) > 20


PLANTED = "a\nb  # E: both\nc  # E(mypy): one\nd  # E(pyright): the other\n"


def test_a_mark_can_be_for_one_checker() -> None:
    assert marked(PLANTED, "mypy") == {2, 3}
    assert marked(PLANTED, "pyright") == {2, 4}


def test_silence_and_noise_are_both_told() -> None:
    assert differences(PLANTED, "mypy", {2: "yes", 1: "what"}) == [
        "3: mypy lets pass: c  # E(mypy): one",
        "1: mypy says, and nobody planted it: what",
    ]


def test_notes_and_warnings_are_no_errors() -> None:
    mypy = '{"line": 1, "message": "m", "severity": "note"}\n{"line": 2, "message": "m", "severity": "error"}\n'
    pyright = {"generalDiagnostics": [{"range": {"start": {"line": 0}}, "message": "m", "severity": "warning"}]}

    assert told_by_mypy(mypy) == {2: "m"}
    assert told_by_pyright(json.dumps(pyright)) == {}
