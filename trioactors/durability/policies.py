"""When an actor's state is committed: `persist=` of an actor class."""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from trioactors.errors import SpecError
from trioactors.settings import seconds as checked_seconds

__all__ = ["EVERY_MESSAGE", "LONGEST_WINDOW", "EveryMessage", "Policy", "Within", "checked_policy"]

LONGEST_WINDOW: Final = 86_400.0
"""Seconds. A longer window is a mistake."""


@attrs.frozen
class EveryMessage:
    """A reply implies a commit: what was answered is never forgotten. Use `EVERY_MESSAGE`."""

    def __repr__(self) -> str:
        """As it is written."""
        return "EVERY_MESSAGE"


EVERY_MESSAGE: Final = EveryMessage()
"""Each message that changes the state is committed before its answer, its casts and its timers leave."""


@attrs.frozen
class Within:
    """Answers leave at once; a change is handed to the store at most *seconds* after the first one that was not.

    A crash of the actor or the process loses at most what changed in that time, and the time that the commit itself takes.
    """

    seconds: float = attrs.field()

    def __attrs_post_init__(self) -> None:
        given = checked_seconds(self.seconds, "Within")
        if given == 0:
            raise SpecError("Within(0) would be EVERY_MESSAGE without its promise: write persist=ta.EVERY_MESSAGE")
        if given > LONGEST_WINDOW:
            raise SpecError(f"Within({given:g}): a window is a day ({LONGEST_WINDOW:g} s) at the most; more is a mistake")


Policy: TypeAlias = EveryMessage | Within


def checked_policy(policy: object, where: str) -> Policy:
    """*policy*, if it is one. Raises `SpecError`."""
    if isinstance(policy, EveryMessage | Within):
        return policy
    raise SpecError(f"{where}: persist is ta.EVERY_MESSAGE or ta.Within(seconds), not {policy!r}")
