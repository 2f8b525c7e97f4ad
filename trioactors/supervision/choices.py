"""The choices in a declaration: each is an enum, and a word that stands for each member.

The words are spelt out once more as a `Literal`, so that type checkers find one that is misspelt. A test keeps the two in step.
"""

from __future__ import annotations

import enum
from typing import Literal, TypeAlias

__all__ = [
    "AutoShutdown",
    "AutoShutdownWord",
    "ChildKind",
    "GiveUp",
    "GiveUpWord",
    "Restart",
    "RestartWord",
    "Strategy",
    "StrategyWord",
]


class Strategy(enum.Enum):
    """The children that restart together with one that must be restarted."""

    ONE_FOR_ONE = "one_for_one"
    """Only that child."""
    ONE_FOR_ALL = "one_for_all"
    """All children of the supervisor."""
    REST_FOR_ONE = "rest_for_one"
    """That child and those declared after it."""
    DYNAMIC = "dynamic"
    """Only that child. Children are started at run time only, forgotten when they exit, and stopped concurrently."""


StrategyWord: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one", "dynamic"]
"""The words that stand for the members of `Strategy`."""


class Restart(enum.Enum):
    """The exits after which a child is restarted."""

    PERMANENT = "permanent"
    """After every exit."""
    TRANSIENT = "transient"
    """After a crash, or if it was killed."""
    TEMPORARY = "temporary"
    """Never; it is forgotten when it exits."""


RestartWord: TypeAlias = Literal["permanent", "transient", "temporary"]
"""The words that stand for the members of `Restart`."""


class AutoShutdown(enum.Enum):
    """Whether a supervisor shuts down when significant children have exited."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    """When the first of them has exited by itself."""
    ALL_SIGNIFICANT = "all_significant"
    """When the last of them has exited by itself."""


AutoShutdownWord: TypeAlias = Literal["never", "any_significant", "all_significant"]
"""The words that stand for the members of `AutoShutdown`."""


class GiveUp(enum.Enum):
    """The exit of a supervisor that gives up, as its own supervisor sees it."""

    SHUTDOWN = "shutdown"
    """An orderly exit, as in OTP: if it is transient, it stays down."""
    CRASH = "crash"


GiveUpWord: TypeAlias = Literal["shutdown", "crash"]
"""The words that stand for the members of `GiveUp`."""


class ChildKind(enum.Enum):
    """The kinds of children."""

    ACTOR = "actor"
    FUNCTION = "function"
    RESOURCE = "resource"
    SUPERVISOR = "supervisor"
