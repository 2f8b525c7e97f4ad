"""The arguments of every command. This module imports none of the modules that carry the commands out.

`trioactors --help`, a mistyped command and a shell that starts and loads its completions must not wait for Trio and the runtime, which take
half a second to import. So a command names the function that carries it out as `module:function`, and the few words that the runtime
defines are repeated here; tests/test_cli_light.py compares them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

from trioactors.cli.refusals import ExitCode
from trioactors.cli.words import warn

__all__ = ["DOWN", "HANDLER_SORTS", "HANDLER_SPANS", "RATE", "SHELLS", "SORTS", "SPACES", "STATUSES", "TOKEN", "Parser", "parsers"]

_ABOUT: Final = (
    "Inspect, back up or repair a store of trioactors, or reset an actor, while no program has the store open. "
    "Inspect a running system through its console: tree, ps, top, inspect, failures, trace, handlers, alerts, quarantine, letters, audit. "
    "Act on it: call, cast, restart, stop, pause, resume, reset, restore, silence."
)
_NOTES: Final = (
    "Type a NAME as `inspect` shows it: \\\\ is a backslash; \\n, \\x1b or \\u2028 are other characters. Write -- before a NAME that "
    "begins with -. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the store is in use, 4 inspect found damage, "
    "5 no console answers."
)
_STORE: Final = "URL of the store, as in its program: sqlite:///relative.db, file:////absolute/folder"
_CONSOLE: Final = "URL of the console: http://127.0.0.1:8080, or the link that it announced"
_EITHER: Final = f"{_STORE}; or of a console: http://127.0.0.1:8080"

TOKEN: Final = "TRIOACTORS_CONSOLE_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable with the token."""
SPACES: Final = ("state", "event", "snapshot", "outbox", "inbox", "timer", "dead_letter", "quarantine", "meta")
STATUSES: Final = ("undefined", "starting", "running", "stopping", "restarting", "failed")
SORTS: Final = ("name", "actor", "waiting", "restarts", "handled", "busy", "age")
HANDLER_SORTS: Final = ("handling", "waiting", "rate", "errors", "busy", "name")
HANDLER_SPANS: Final = ("minute", "all")
RATE: Final = "rate"
"""What only `top` can sort by: messages per second."""
DOWN: Final[Mapping[str, str]] = {"down": "undefined"}
"""Status names that differ between the page and the protocol."""
SHELLS: Final = ("bash", "zsh", "fish")
_LETTER_ACTIONS: Final = ("list", "resend", "discard", "edit")
_OUTCOMES: Final = ("running", "done", "failed", "refused", "unknown")

_LIVE: Final = "trioactors.cli.live_commands"
_STORES: Final = "trioactors.cli.store_commands"
_ALERTS: Final = "trioactors.cli.alert_commands"
_ACTING: Final = "trioactors.cli.acting"
_LETTERS: Final = "trioactors.cli.letters"
_REPAIRS: Final = "trioactors.cli.repair_commands"


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit."""
        warn(f"{message}; see {self.prog} --help")
        self.exit(ExitCode.USAGE)


class _Version(argparse.Action):
    """Prints the version. It is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 - it takes longer to import than everything else here

        print(f"trioactors {version('trioactors')}")  # noqa: T201 - a command: its output is its product
        parser.exit()


class _NoToken(argparse.Action):
    """Refuses a token on the command line."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        parser.error(
            f"--token is not accepted, since every user of this machine can read command lines: set {TOKEN}, or pass --token-file PATH"
            " (- asks for it). A token that was typed here is in the history of the shell: replace it"
        )


_Command = Callable[..., argparse.ArgumentParser]


def parsers() -> tuple[Parser, Mapping[str, argparse.ArgumentParser]]:
    """The parser of the command line, and those of its commands by name."""
    parser = Parser(prog="trioactors", description=_ABOUT, epilog=_NOTES, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: str, about: str, url: str | None) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about, epilog=_NOTES, allow_abbrev=False)
        if url is not None:
            made.add_argument("url", metavar="URL", help=url)
        made.set_defaults(run=run, light=False)
        return made

    _add_store_commands(command)
    _add_console_commands(command)
    _add_alert_commands(command)
    _add_acting_commands(command)
    _add_letter_commands(command)
    shell = command("completions", "trioactors.cli.completions:show", "print the completions for a shell, which loads them", None)
    shell.add_argument("shell", choices=SHELLS, help="source <(trioactors completions bash)")
    shell.set_defaults(light=True)
    return parser, commands.choices


def _add_store_commands(command: _Command) -> None:
    inspect = command(
        "inspect",
        f"{_STORES}:inspect",
        "list the records of a store, or show the record of NAME in full; for a console, show the figures or the actor NAME",
        _EITHER,
    )
    inspect.add_argument("name", metavar="NAME", nargs="?")
    inspect.add_argument("--space", metavar="SPACE", help=f"one of {', '.join(SPACES)}; default: all, with NAME state")
    _for_console(inspect)
    about = "show what has failed, also before a restart of the program; NAME in full"
    failures = command("failures", f"{_STORES}:show_failures", about, _EITHER)
    failures.add_argument("name", metavar="NAME", nargs="?")
    _for_console(failures)
    about = "write a complete copy to the path TO, which must not exist, and compare it"
    command("backup", f"{_STORES}:backup", about, _STORE).add_argument("to", metavar="TO")
    about = "make a copy, then quarantine the unreadable records; with NAME only the state of that actor"
    repair = command("repair", f"{_STORES}:mend", about, _STORE)
    repair.add_argument("name", metavar="NAME", nargs="?")
    repair.add_argument("--copy", metavar="TO", help="path of the copy; default: beside the store")
    about = "let the actor NAME start without saved state; its record is moved to quarantine"
    reset = command("reset", f"{_STORES}:start_afresh", about, _EITHER)
    reset.add_argument("name", metavar="NAME")
    _confirmed(reset, as_json=True)
    about = "move the record COPY from quarantine back to its place"
    restore = command("restore", f"{_STORES}:put_back", about, _EITHER)
    restore.add_argument("name", metavar="COPY")
    _confirmed(restore, as_json=True)
    about = "list the quarantined records of a running program, or of a store"
    quarantine = command("quarantine", f"{_STORES}:show_quarantine", about, _EITHER)
    quarantine.add_argument("--csv", action="store_true", help="for a console: print CSV, for spreadsheets")
    _for_console(quarantine, repeated=False)


def _add_console_commands(command: _Command) -> None:
    tree = command("tree", f"{_LIVE}:show_tree", "show the supervision tree, or the part below NAME", _CONSOLE)
    tree.add_argument("name", metavar="NAME", nargs="?")
    tree.add_argument("--children", type=int, default=50, metavar="N", help="children per supervisor; default: 50")
    _for_console(tree)
    ps = command("ps", f"{_LIVE}:show_actors", "list the actors", _CONSOLE)
    ps.add_argument("--csv", action="store_true", help="print CSV, for spreadsheets")
    _listing(ps, sort="name")
    top = command("top", "trioactors.cli.top:show", "list the busiest actors, updated in place; in a terminal, keys sort", _CONSOLE)
    _listing(top, sort="waiting", sorts=(*SORTS, RATE))
    trace = command("trace", f"{_LIVE}:show_trace", "show trace records as they are emitted", _CONSOLE)
    trace.add_argument("--child", metavar="NAME", help="only records of this child")
    trace.add_argument("--kind", metavar="KIND", help="only records of this kind, such as MessageHandled")
    trace.add_argument("--handler", metavar="HANDLER", help="only records of this handler")
    trace.add_argument("--correlation", type=int, metavar="N", help="only records of the chain that message N started")
    trace.add_argument("--count", type=int, metavar="N", help="stop after N records; default: run until Ctrl-C")
    _for_console(trace, repeated=False)


def _add_alert_commands(command: _Command) -> None:
    about = "list the handlers, slowest first: rate, errors, waiting and handling"
    handlers = command("handlers", f"{_ALERTS}:show_handlers", about, _CONSOLE)
    handlers.add_argument("--sort", choices=HANDLER_SORTS, default="handling")
    handlers.add_argument("--reverse", action="store_true")
    handlers.add_argument("--search", metavar="TEXT", help="only handlers with TEXT in CLASS.HANDLER")
    handlers.add_argument("--actor", metavar="NAME", help="only the handlers of this actor, measured from now on")
    handlers.add_argument("--span", choices=HANDLER_SPANS, default="minute")
    handlers.add_argument("--limit", type=int, default=100, metavar="N", help="number of handlers; default: 100")
    about = "measure for so long, if nobody does yet; default: 5"
    handlers.add_argument("--seconds", type=float, default=5.0, metavar="S", help=about)
    _for_console(handlers)
    _for_console(command("alerts", f"{_ALERTS}:show_alerts", "list the alerts, those that are raised first", _CONSOLE))
    silence = command("silence", f"{_ALERTS}:silence", "tell nobody of the alert NAME for SECONDS; 0 ends that", _CONSOLE)
    silence.add_argument("name", metavar="NAME")
    silence.add_argument("duration", metavar="SECONDS", type=float)
    _for_console(silence, as_json=False, repeated=False)


def _add_acting_commands(command: _Command) -> None:
    for name, run, about in (
        ("call", "call", "call HANDLER of the actor NAME, and print its reply as JSON"),
        ("cast", "send_cast", "cast to HANDLER of the actor NAME: deliver the message, and do not wait for a reply"),
    ):
        sending = command(name, f"{_ACTING}:{run}", about, _CONSOLE)
        sending.add_argument("name", metavar="NAME")
        sending.add_argument("handler", metavar="HANDLER")
        sending.add_argument("arguments", metavar="KEY=VALUE", nargs="*", help="an argument: text as it is, anything else as JSON")
        sending.add_argument("--json", metavar="JSON", help="the arguments as one JSON object; - reads it from standard input")
        if name == "call":
            sending.add_argument("--deadline", type=float, metavar="SECONDS", help="default: that of the handler, at most 60")
        _confirmed(sending)
    for name, about in (
        ("restart", "restart the child NAME, and all below it"),
        ("stop", "stop the child NAME, and all below it; it stays down until it is restarted"),
    ):
        ending = command(name, f"{_ACTING}:{name}", about, _CONSOLE)
        ending.add_argument("name", metavar="NAME")
        _confirmed(ending)
    for name, about in (
        ("pause", "let the actor NAME of a running program take no more messages; they wait"),
        ("resume", "let the paused actor NAME take messages again"),
    ):
        holding = command(name, f"{_REPAIRS}:{name}", about, _CONSOLE)
        holding.add_argument("name", metavar="NAME")
        _for_console(holding, repeated=False)


def _add_letter_commands(command: _Command) -> None:
    about = "list the dead letters; send them again, discard them, or edit the arguments of one and send it"
    letters = command("letters", f"{_LETTERS}:handle_letters", about, _CONSOLE)
    about = f"one of {', '.join(_LETTER_ACTIONS)}"
    letters.add_argument("action", metavar="ACTION", nargs="?", choices=_LETTER_ACTIONS, default="list", help=about)
    about = "of one dead letter; without it, those of the filter"
    letters.add_argument("number", metavar="NUMBER", nargs="?", type=int, help=about)
    letters.add_argument("arguments", metavar="KEY=VALUE", nargs="*", help="edit: the arguments to change")
    letters.add_argument("--cause", metavar="TEXT", help="only dead letters with this cause")
    letters.add_argument("--target", metavar="NAME", help="only dead letters to this actor")
    letters.add_argument("--all", action="store_true", help="resend and discard: all dead letters, without a filter")
    letters.add_argument("--limit", type=int, default=100, metavar="N", help="list: number of dead letters; default: 100")
    about = "edit: all arguments as one JSON object, - reads it from standard input; list: print one JSON object. Write it last"
    letters.add_argument("--json", metavar="JSON", nargs="?", const="", help=about)
    _confirmed(letters)
    about = "show the actions that were carried out through consoles, newest first"
    audit = command("audit", f"{_LETTERS}:show_audit", about, _CONSOLE)
    audit.add_argument("--action", metavar="ACTION", help="only this action, such as call")
    audit.add_argument("--outcome", choices=_OUTCOMES, help="only this outcome")
    audit.add_argument("--limit", type=int, default=100, metavar="N", help="number of entries; default: 100")
    _for_console(audit)


def _confirmed(parser: argparse.ArgumentParser, *, as_json: bool = False) -> None:
    """Add the options common to all commands that ask before they act."""
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where no terminal can answer")
    _for_console(parser, as_json=as_json, repeated=False)


def _listing(parser: argparse.ArgumentParser, *, sort: str, sorts: Sequence[str] = SORTS) -> None:
    """Add the options that choose actors."""
    parser.add_argument("--sort", choices=sorts, default=sort)
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--search", metavar="TEXT", help="only actors with TEXT in their name or class")
    about = "only actors with this status; down is the same as undefined"
    parser.add_argument("--status", choices=[*STATUSES, *DOWN], help=about)
    parser.add_argument("--limit", type=int, metavar="N", help="number of actors; default: 100, or what fits the screen")
    _for_console(parser)


def _for_console(parser: argparse.ArgumentParser, *, as_json: bool = True, repeated: bool = True) -> None:
    """Add the options common to all commands that connect to a console."""
    if as_json:
        parser.add_argument("--json", action="store_true", help="print one JSON object per line, for programs")
    if repeated:
        parser.add_argument("--watch", action="store_true", help="for a console: repeat until Ctrl-C")
        parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="interval of --watch; default: 2")
        parser.add_argument("--frames", type=int, metavar="N", help="stop after N updates")
    parser.add_argument("--token-file", metavar="PATH", help=f"file with the token, - asks for it; default: the variable {TOKEN}")
    parser.add_argument("--token", action=_NoToken, nargs="?", help=argparse.SUPPRESS)
