"""How a command ends when it does not do what was asked."""

from __future__ import annotations

import enum

__all__ = ["ExitCode", "Refused"]


class ExitCode(enum.IntEnum):
    """What the shell is told."""

    OK = 0
    REFUSED = 1
    """It was refused, or it failed; the line on stderr says why."""

    USAGE = 2
    """The command line or the URL makes no sense."""

    IN_USE = 3
    """The store is open elsewhere."""

    DAMAGED = 4
    """`inspect` did its work, and found something that cannot be read."""

    UNREACHABLE = 5
    """No console answers there, or its connection was lost."""

    INTERRUPTED = 130
    """Ctrl-C, as shells have it."""

    PIPE = 141
    """Whoever read the output went away, as shells have it."""


class Refused(Exception):
    """A command does not do what was asked; the text is for the user and says what to do."""

    def __init__(self, text: str, code: ExitCode = ExitCode.REFUSED) -> None:
        super().__init__(text)
        self.code = code
