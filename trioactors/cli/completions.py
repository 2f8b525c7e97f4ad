"""Completions for shells, made from the parsers: a new command or option needs nothing here.

Paths are completed for `--copy`, `--token-file` and TO, words where only certain words are accepted. Nothing is asked of a store or a
console: a key pressed by mistake must not open one. A shell that starts waits for this module, so it imports little: tuples, not attrs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from trioactors.cli.parsers import parsers
from trioactors.cli.refusals import ExitCode
from trioactors.cli.words import say

__all__ = ["Completable", "Word", "completables", "show"]

_PATHS: Final = frozenset({"TO", "PATH"})
"""The arguments that are paths."""


class Word(NamedTuple):
    """An option, or an argument if it has no flags."""

    flags: tuple[str, ...]
    about: str
    choices: tuple[str, ...] = ()
    takes_value: bool = False
    is_path: bool = False


class Completable(NamedTuple):
    """A command and what can follow it."""

    name: str
    about: str
    options: tuple[Word, ...]
    arguments: tuple[Word, ...]


def show(options: argparse.Namespace) -> ExitCode:
    """Print the completions for a shell."""
    written: Mapping[str, Callable[[list[Completable]], list[str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    for line in written[options.shell](completables()):
        say(line)
    return ExitCode.OK


def completables() -> list[Completable]:
    """All commands."""
    _, commands = parsers()
    return [_completable(name, parser) for name, parser in commands.items()]


def _completable(name: str, parser: argparse.ArgumentParser) -> Completable:
    actions: list[argparse.Action] = parser._actions  # noqa: SLF001 - argparse has no other way to list them
    words = [_word(action) for action in actions if action.help is not argparse.SUPPRESS]
    return Completable(
        name,
        parser.description or "",
        tuple(word for word in words if word.flags),
        tuple(word for word in words if not word.flags),
    )


def _word(action: argparse.Action) -> Word:
    choices = tuple(str(each) for each in action.choices or ())
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    about = (action.help or metavar or action.dest).replace("\n", " ")
    return Word(tuple(action.option_strings), about, choices, action.nargs != 0, metavar in _PATHS)


# --- bash ---


def _bash(commands: list[Completable]) -> list[str]:
    return [
        "# bash completion for trioactors: source <(trioactors completions bash)",
        "_trioactors() {",
        '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="${COMP_WORDS[1]}"',
        "    COMPREPLY=()",
        "    if [[ $COMP_CWORD -eq 1 ]]; then",
        f"        COMPREPLY=($(compgen -W '{' '.join([*(each.name for each in commands), '--help', '--version'])}' -- \"$word\"))",
        "        return",
        "    fi",
        '    case "$command" in',
        *(f"    {line}" for each in commands for line in _bash_command(each)),
        "    esac",
        "}",
        "complete -o default -F _trioactors trioactors",
    ]


def _bash_command(command: Completable) -> list[str]:
    words = [flag for option in command.options for flag in option.flags if flag.startswith("--")]
    words += [choice for argument in command.arguments for choice in argument.choices]
    files = ' $(compgen -f -- "$word")' if any(argument.is_path for argument in command.arguments) else ""
    return [
        f"{command.name})",
        '    case "$before" in',
        *(f"    {line}" for option in command.options if option.takes_value for line in _bash_value(option)),
        "    esac",
        f"    COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$word\"){files}) ;;",
    ]


def _bash_value(option: Word) -> list[str]:
    pattern = "|".join(option.flags)
    if option.choices:
        return [f"{pattern}) COMPREPLY=($(compgen -W '{' '.join(option.choices)}' -- \"$word\")); return ;;"]
    files = 'COMPREPLY=($(compgen -f -- "$word")); ' if option.is_path else ""
    return [f"{pattern}) {files}return ;;"]


# --- zsh ---


def _zsh(commands: list[Completable]) -> list[str]:
    return [
        "#compdef trioactors",
        "# zsh completion for trioactors: source <(trioactors completions zsh), after compinit",
        "_trioactors() {",
        "    local context state state_descr line",
        "    typeset -A opt_args",
        "    _arguments -C '(- *)--help[show help and exit]' '(- *)--version[show the version and exit]' '1: :->command' '*:: :->rest'",
        "    case $state in",
        "    command)",
        "        local -a commands=(",
        *(f"            {_quoted(f'{each.name}:{each.about}')}" for each in commands),
        "        )",
        "        _describe -t commands 'command' commands ;;",
        "    rest)",
        "        case $words[1] in",
        *(f"        {line}" for each in commands for line in _zsh_command(each)),
        "        esac ;;",
        "    esac",
        "}",
        'if [[ $funcstack[1] = _trioactors ]]; then _trioactors "$@"; else compdef _trioactors trioactors; fi',
    ]


def _zsh_command(command: Completable) -> list[str]:
    specs = [_zsh_option(option, flag) for option in command.options for flag in option.flags]
    specs += [f"{number}:{_zsh_text(each.about)}:{_zsh_values(each)}" for number, each in enumerate(command.arguments, 1)]
    return [f"{command.name})", f"    _arguments -S {' '.join(_quoted(spec) for spec in specs)} ;;"]


def _zsh_option(option: Word, flag: str) -> str:
    value = f":{_zsh_text(option.about)}:{_zsh_values(option)}" if option.takes_value else ""
    return f"{flag}[{_zsh_text(option.about)}]{value}"


def _zsh_values(word: Word) -> str:
    if word.choices:
        return f"({' '.join(word.choices)})"
    return "_files" if word.is_path else " "


def _zsh_text(text: str) -> str:
    """*text* where zsh would take colons and brackets for its own."""
    return "".join(f"\\{character}" if character in ":[]\\" else character for character in text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# --- fish ---


def _fish(commands: list[Completable]) -> list[str]:
    return [
        "# fish completion for trioactors: trioactors completions fish | source",
        "complete -c trioactors -f",
        "complete -c trioactors -n __fish_use_subcommand -l help -d 'show help and exit'",
        "complete -c trioactors -n __fish_use_subcommand -l version -d 'show the version and exit'",
        *(line for each in commands for line in _fish_command(each)),
    ]


def _fish_command(command: Completable) -> list[str]:
    begin = f"complete -c trioactors -n '__fish_seen_subcommand_from {command.name}'"
    lines = [f"complete -c trioactors -n __fish_use_subcommand -a {command.name} -d {_fish_quoted(command.about)}"]
    for option in command.options:
        flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        lines.append(f"{begin} {flags}{_fish_value(option) if option.takes_value else ''} -d {_fish_quoted(option.about)}")
    lines += [f"{begin}{_fish_value(each)}" for each in command.arguments if each.choices or each.is_path]
    return lines


def _fish_value(word: Word) -> str:
    if word.choices:
        return f" {'-x ' if word.flags else ''}-a {_fish_quoted(' '.join(word.choices))}"
    return (" -r -F" if word.flags else " -F") if word.is_path else " -x"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
