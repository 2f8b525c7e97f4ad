"""How a child's life ended, as data.

OTP's exit reasons: *normal*, *shutdown* (with an optional detail), *killed*, or a crash. The first two are orderly ends, the
others are not; every rule about restarts asks this and nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from types import CodeType
from typing import Any, Final, Literal, TypeAlias, TypeGuard

import attrs

__all__ = [
    "CRASH",
    "KILLED",
    "NORMAL",
    "SHUTDOWN",
    "Exit",
    "ExitKind",
    "ExitKindWord",
    "Failure",
    "RestartEntry",
    "alone",
    "forget_old_frames",
    "is_group",
    "leaves",
]


class ExitKind(enum.Enum):
    """The four ways to end."""

    NORMAL = "normal"
    SHUTDOWN = "shutdown"
    KILLED = "killed"
    CRASH = "crash"


ExitKindWord: TypeAlias = Literal["normal", "shutdown", "killed", "crash"]
"""The words that stand for the members of `ExitKind`."""

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

    name: str
    child: str
    """Its path."""
    owner: str
    """What its failures are grouped by: the class of an actor, the kind and name of another child."""
    kind: str
    """What kind of child it is."""
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


@attrs.frozen
class RestartEntry:
    """One restart that counted: when, of whom, and what had happened."""

    time: float
    child: str
    reason: Exit


def is_group(error: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    """Whether *error* is a group."""
    return isinstance(error, BaseExceptionGroup)


def alone(error: BaseException) -> BaseException:
    """The one error in a group of one, as a nursery raises it, however deep; any other error as it is."""
    while is_group(error) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The single exceptions in *error*, however deep they are grouped."""
    if is_group(error):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


_DELIVERIES: Final = 10
"""The number of times that the traceback of an error may pass the same function of the framework."""


def forget_old_frames(error: BaseException, code: CodeType) -> None:
    """Cut the traceback of an error object that is raised again and again, for example a constant of a module.

    Python adds frames at each raise and drops none, so it would grow forever and keep all their variables alive. *code* is a function
    that every raise passes once; calls inside calls pass it a few times.
    """
    passed = 0
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        passed += frame.tb_next.tb_frame.f_code is code
        if passed > _DELIVERIES:
            frame.tb_next = None
        frame = frame.tb_next
