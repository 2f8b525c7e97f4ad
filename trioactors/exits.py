"""How a child's life ended, as data.

OTP's exit reasons: *normal*, *shutdown* (with an optional detail), *killed*, or a crash. The first two are orderly ends, the
others are not; every rule about restarts asks this and nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs

__all__ = ["CRASH", "KILLED", "NORMAL", "SHUTDOWN", "Exit", "ExitKind", "described"]


class ExitKind(enum.Enum):
    """The four ways to end."""

    NORMAL = "normal"
    SHUTDOWN = "shutdown"
    KILLED = "killed"
    CRASH = "crash"


CRASH = ExitKind.CRASH


@attrs.frozen
class Exit:
    """How a life ended, and what was raised if anything was."""

    kind: ExitKind
    detail: str = ""
    error: BaseException | None = attrs.field(default=None, eq=False)

    @property
    def orderly(self) -> bool:
        """Whether a transient child stays down after it."""
        return self.kind in {ExitKind.NORMAL, ExitKind.SHUTDOWN}

    def __str__(self) -> str:
        """The reason in OTP's words; a crash names its error."""
        if self.error is not None and self.kind is CRASH:
            return f"crash: {type(self.error).__name__}"
        return f"{self.kind.value}:{self.detail}" if self.detail else self.kind.value


NORMAL = Exit(ExitKind.NORMAL)
SHUTDOWN = Exit(ExitKind.SHUTDOWN)
KILLED = Exit(ExitKind.KILLED)


def described(value: object, form: Callable[[object], str] = str) -> str:
    """*value* for a text, whatever its own methods do: it is of a user's class."""
    try:
        return form(value) or repr(value)
    except Exception:  # a broken repr must not turn a report into a second failure
        return f"<{type(value).__name__}, which cannot be shown>"
