"""The command `trioactors`: it reads the command line and hands it to the module that carries the command out.

That module is imported only then (`parsers` says why). docs/command-line.md promises the exit codes.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, cast

from trioactors.cli.parsers import parsers
from trioactors.cli.refusals import ExitCode
from trioactors.cli.words import OutputLost, make_encodable, warn

__all__ = ["function_of", "main"]

_HELD: Final = "\0"
"""Prefix of a placeholder for an argument after "--"; no real argument can contain it."""
_WITH_ERRORS: Final = "trioactors.cli.outcomes:carry_out"
"""Carries out a command that may end with an error of the runtime."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    make_encodable()
    options = _read(sys.argv[1:] if arguments is None else arguments)
    try:
        return function_of(options.run if options.light else _WITH_ERRORS)(options)
    except OutputLost as lost:
        _discard_output()
        if isinstance(lost.__cause__, BrokenPipeError):
            return ExitCode.PIPE
        warn(f"the output cannot be written: {lost.__cause__}")
        return ExitCode.REFUSED
    except KeyboardInterrupt:
        warn("interrupted")
        return ExitCode.INTERRUPTED


def function_of(reference: str) -> Callable[[argparse.Namespace], ExitCode]:
    """The function that `module:function` names."""
    module, _, name = reference.partition(":")
    found: Callable[[argparse.Namespace], ExitCode] = getattr(import_module(module), name)
    return found


def _discard_output() -> None:
    """Redirect stdout to nowhere: otherwise the interpreter flushes it at exit and reports the error again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments. Options may stand anywhere before "--"; nothing after it is an option."""
    parser, commands = parsers()
    before = [*itertools.takewhile(lambda argument: argument != "--", arguments)]
    after = arguments[len(before) + 1 :]
    command = commands.get(before[0]) if before else None
    if command is None:
        return parser.parse_args(arguments)
    options = command.parse_intermixed_args([*before[1:], *(f"{_HELD}{index}" for index in range(len(after)))])
    for what, value in vars(options).items():
        if isinstance(value, list):
            setattr(options, what, [_given(each, after) for each in cast("list[object]", value)])
        else:
            setattr(options, what, _given(value, after))
    return options


def _given(value: object, after: Sequence[str]) -> object:
    """*value*, or the argument in *after* that it stands for."""
    return after[int(value.removeprefix(_HELD))] if isinstance(value, str) and value.startswith(_HELD) else value
