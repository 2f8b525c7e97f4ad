"""A command that asks nothing does not wait for the runtime. Modules are counted, not milliseconds: `-X importtime` shows those."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trioactors.cli import parsers as words
from trioactors.cli.parsers import parsers
from trioactors.cli.program import function_of
from trioactors.inspect import HandlerSort, HandlerSpan, SortBy
from trioactors.persistence import Space
from trioactors.supervision.restarts import ChildStatus

HEAVY = {
    "attr",
    "attrs",
    "cattrs",
    "trio",
    "importlib.metadata",
    "inspect",
    "dataclasses",
    "email",
    "socket",
    "ssl",
    "logging",
    "h11",
}
OURS = {
    "trioactors",
    "trioactors.cli",
    "trioactors.cli.parsers",
    "trioactors.cli.program",
    "trioactors.cli.refusals",
    "trioactors.cli.words",
}
FEW = 20
"""Modules of the standard library that a command may load besides those that any command line with argparse and json does."""


def loaded(*arguments: str) -> set[str]:
    """The modules that the command has loaded at its end, besides those that argparse (from 3.14 on, with colours) and json load."""
    program = f"""
import argparse, json, sys
sys.stdout = sys.stderr = open({str(Path("/dev/null"))!r}, "w")
other = argparse.ArgumentParser()
other.print_help()
try:
    other.error("no command")
except SystemExit:
    pass
before = set(sys.modules)
from trioactors.cli import main
try:
    main({list(arguments)!r})
except SystemExit:
    pass
print(*(set(sys.modules) - before), file=sys.__stdout__)
"""
    own = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # that would load what it measures
    command = [sys.executable, "-I", "-c", program]
    return set(subprocess.run(command, env=own, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["nonsense"], [], ["tree", "--help"], ["top"], ["ps", "http://h", "--sort", "x"]]
)
def test_help_and_a_mistake_load_the_parsers_alone(arguments: list[str]) -> None:
    modules = loaded(*arguments)

    assert {each for each in modules if each.partition(".")[0] == "trioactors"} == OURS
    assert modules & HEAVY == set()
    assert len(modules - OURS) < FEW, sorted(modules)


def test_the_version_loads_what_looks_it_up_and_nothing_else() -> None:
    modules = loaded("--version")

    assert {each for each in modules if each.partition(".")[0] == "trioactors"} == OURS
    assert modules & HEAVY <= {"importlib.metadata", "email", "inspect", "socket", "logging"}


@pytest.mark.parametrize("shell", words.SHELLS)
def test_a_shell_that_starts_does_not_wait_for_the_runtime(shell: str) -> None:
    modules = loaded("completions", shell)

    assert {each for each in modules if each.partition(".")[0] == "trioactors"} == OURS | {"trioactors.cli.completions"}
    assert modules & HEAVY == set()


def test_the_words_that_are_repeated_are_those_of_the_runtime() -> None:
    assert [each.value for each in SortBy] == [*words.SORTS]
    assert [each.value for each in HandlerSort] == [*words.HANDLER_SORTS]
    assert [each.value for each in HandlerSpan] == [*words.HANDLER_SPANS]
    assert [each.value for each in ChildStatus] == [*words.STATUSES]
    assert [each.value for each in Space] == [*words.SPACES]
    assert set(words.DOWN.values()) <= set(words.STATUSES)


def test_every_command_names_a_function_that_is_there() -> None:
    _, commands = parsers()

    for command in commands.values():
        assert callable(function_of(command.get_default("run")))
