"""Exit codes, and the exception for a command that is not carried out."""

from __future__ import annotations

import enum

from trioactors.cli.words import named

__all__ = ["ExitCode", "Refused", "typed_name"]


class ExitCode(enum.IntEnum):
    """The exit codes of the commands."""

    OK = 0
    REFUSED = 1
    """The command was refused or failed; a line on stderr says why."""

    USAGE = 2
    """The command line or the URL is invalid."""

    IN_USE = 3
    """The store is open in another program."""

    DAMAGED = 4
    """`inspect` has found a record or a store that cannot be read."""

    UNREACHABLE = 5
    """No console answers, or the connection was lost."""

    INTERRUPTED = 130
    """Interrupted by Ctrl-C, as in shells."""

    PIPE = 141
    """The reader of the output has closed it, as in shells."""


class Refused(Exception):
    """The command is not carried out. The text tells the user why and what to do."""

    def __init__(self, text: str, code: ExitCode = ExitCode.REFUSED) -> None:
        super().__init__(text)
        self.code = code


def typed_name(text: str) -> str:
    """The name that was typed as *text*. Raises `Refused` if it has an invalid escape."""
    try:
        return named(text)
    except ValueError as error:
        raise Refused(str(error), ExitCode.USAGE) from None
