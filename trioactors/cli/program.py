"""The command `trioactors`: its arguments and exit codes. docs/command-line.md promises the exit codes."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from trioactors.cli.consoles import is_console
from trioactors.cli.copying import back_up
from trioactors.cli.inspecting import inspect_record, inspect_store
from trioactors.cli.live_commands import add_commands, for_console, inspect_console
from trioactors.cli.places import Place
from trioactors.cli.quarantine import reset, restore
from trioactors.cli.refusals import ExitCode, Refused, typed_name
from trioactors.cli.repairing import repair
from trioactors.cli.words import OutputLost, flush, make_encodable, shown, warn
from trioactors.errors import BackendMissing, BadStoreURL, StoreLocked, TrioactorsError
from trioactors.persistence.store import Key, Space

__all__ = ["main"]

_ABOUT = (
    "Inspect, back up or repair a store of trioactors, or reset an actor, while no program has the store open. "
    "Inspect a running system through its console: tree, ps, top, inspect, trace."
)
_NOTES = (
    "Type a NAME as `inspect` shows it: \\\\ is a backslash; \\n, \\x1b or \\u2028 are other characters. Write -- before a NAME that "
    "begins with -. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the store is in use, 4 inspect found damage, "
    "5 no console answers."
)
_STORE = "URL of the store, as in its program: sqlite:///relative.db, file:////absolute/folder"
_EITHER = f"{_STORE}; or of a console: http://127.0.0.1:8080"
_HELD = "\0"
"""Prefix of a placeholder for an argument after "--"; no real argument can contain it."""

_Run = Callable[[argparse.Namespace], ExitCode]


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit."""
        warn(f"{message}; see {self.prog} --help")
        self.exit(ExitCode.USAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    make_encodable()
    options = _read(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(options)
    except OutputLost as lost:
        _discard_output()
        if isinstance(lost.__cause__, BrokenPipeError):
            return ExitCode.PIPE
        return _ended(ExitCode.REFUSED, f"the output cannot be written: {lost.__cause__}")
    except KeyboardInterrupt:
        return _ended(ExitCode.INTERRUPTED, "interrupted")


def _run(options: argparse.Namespace) -> ExitCode:
    """Run the command; report an error in one line."""
    try:
        code: ExitCode = options.run(options)
        flush()
    except Refused as error:
        return _ended(error.code, str(error))
    except StoreLocked as error:
        return _ended(ExitCode.IN_USE, str(error))
    except BackendMissing as error:
        return _ended(ExitCode.REFUSED, str(error))
    except BadStoreURL as error:
        return _ended(ExitCode.USAGE, str(error))
    except (TrioactorsError, OSError, UnicodeError) as error:
        return _ended(ExitCode.REFUSED, str(error))
    return code


def _ended(code: ExitCode, line: str) -> ExitCode:
    warn(line)
    return code


def _discard_output() -> None:
    """Redirect stdout to nowhere: otherwise the interpreter flushes it at exit and reports the error again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments. Options may stand anywhere before "--"; nothing after it is an option."""
    parser, commands = _parsers()
    before = [*itertools.takewhile(lambda argument: argument != "--", arguments)]
    after = arguments[len(before) + 1 :]
    command = commands.get(before[0]) if before else None
    if command is None:
        return parser.parse_args(arguments)
    options = command.parse_intermixed_args([*before[1:], *(f"{_HELD}{index}" for index in range(len(after)))])
    for what, value in vars(options).items():
        if isinstance(value, str) and value.startswith(_HELD):
            setattr(options, what, after[int(value.removeprefix(_HELD))])
    return options


def _parsers() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser of the command line, and those of its commands."""
    parser = _Parser(prog="trioactors", description=_ABOUT, epilog=_NOTES, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"trioactors {version('trioactors')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: _Run, about: str, url: str = _STORE) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about, epilog=_NOTES, allow_abbrev=False)
        made.add_argument("url", metavar="URL", help=url)
        made.set_defaults(run=run)
        return made

    inspect = command(
        "inspect",
        _inspect,
        "list the records of a store, or show the record of NAME in full; for a console, show the figures or the actor NAME",
        _EITHER,
    )
    inspect.add_argument("name", metavar="NAME", nargs="?")
    inspect.add_argument("--space", metavar="SPACE", help=f"one of {_spaces()}; default: all, with NAME state")
    for_console(inspect, json=True)
    backup = command("backup", _back_up, "write a complete copy to the path TO, which must not exist, and compare it")
    backup.add_argument("to", metavar="TO")
    mend = command("repair", _repair, "make a copy, then quarantine the unreadable records; with NAME only the state of that actor")
    mend.add_argument("name", metavar="NAME", nargs="?")
    mend.add_argument("--copy", metavar="TO", help="path of the copy; default: beside the store")
    fresh = command("reset", _reset, "let the actor NAME start without saved state; its record is moved to quarantine")
    fresh.add_argument("name", metavar="NAME")
    back = command("restore", _restore, "move the record COPY from quarantine back to its place")
    back.add_argument("name", metavar="COPY")
    add_commands(command)
    return parser, commands.choices


def _inspect(options: argparse.Namespace) -> ExitCode:
    if is_console(options.url):
        return inspect_console(options)
    place = Place.of(options.url)
    space = _space(options.space)
    if options.name is None:
        return inspect_store(place, space, as_json=options.json)
    return inspect_record(place, Key(space or Space.STATE, typed_name(options.name)), as_json=options.json)


def _back_up(options: argparse.Namespace) -> ExitCode:
    return back_up(Place.of(options.url), Path(options.to))


def _repair(options: argparse.Namespace) -> ExitCode:
    place = Place.of(options.url)
    name = None if options.name is None else typed_name(options.name)
    return repair(place, name, None if options.copy is None else Path(options.copy))


def _reset(options: argparse.Namespace) -> ExitCode:
    return reset(Place.of(options.url), typed_name(options.name))


def _restore(options: argparse.Namespace) -> ExitCode:
    return restore(Place.of(options.url), typed_name(options.name))


def _space(text: str | None) -> Space | None:
    try:
        return None if text is None else Space(text)
    except ValueError:
        raise Refused(f"unknown space {shown(str(text))}; known spaces: {_spaces()}", ExitCode.USAGE) from None


def _spaces() -> str:
    return ", ".join(space.value for space in Space)
