"""How a child's life ended, as data.

OTP's exit reasons: *normal*, *shutdown* (with an optional detail), *killed*, or a crash. The first two are orderly ends, the
others are not; every rule about restarts asks this and nothing else.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

import attrs

__all__ = ["CRASH", "KILLED", "NORMAL", "SHUTDOWN", "Exit", "ExitKind", "Failure", "described", "keeps_secrets"]


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


@attrs.frozen(kw_only=True, eq=False)
class Failure:
    """The last life of a child that did not end in order: what can still be told of it when the next one runs."""

    incarnation: int
    time: float
    reason: Exit
    message: Any = attrs.field(repr=False)
    """The envelope whose handling ended it, or None."""
    caller: str
    killed: str | None
    """Why it was cancelled."""


NORMAL = Exit(ExitKind.NORMAL)
SHUTDOWN = Exit(ExitKind.SHUTDOWN)
KILLED = Exit(ExitKind.KILLED)


def described(value: object, form: Callable[[object], str] = str) -> str:
    """*value* for a text, whatever its own methods do: it is of a user's class.

    An error that is a class of fields, with secret ones (`repr=False`) would tell them in its `str`, but not in its `repr`.
    """
    try:
        return repr(value) if keeps_secrets(value) else form(value) or repr(value)
    except Exception:  # a broken repr must not turn a report into a second failure
        return f"<{type(value).__name__}, which cannot be shown>"


def keeps_secrets(value: object) -> bool:
    """Whether *value* is of an attrs class or a dataclass with fields that may stand in no text."""
    kind = type(value)
    if attrs.has(kind):
        return any(field.repr is not True for field in attrs.fields(kind))
    return dataclasses.is_dataclass(kind) and any(not field.repr for field in dataclasses.fields(kind))
