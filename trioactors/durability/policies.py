"""When the state of an actor is committed: `persist=` of an actor class."""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from trioactors.errors import SpecError
from trioactors.settings import seconds as checked_seconds

__all__ = ["EVERY_MESSAGE", "LONGEST_WINDOW", "EveryMessage", "Policy", "Within", "checked_policy"]

LONGEST_WINDOW: Final = 86_400.0
"""The longest window, in seconds. A longer one is a mistake."""


@attrs.frozen
class EveryMessage:
    """The class of `EVERY_MESSAGE`: a reply implies a commit. Use the constant."""

    def __repr__(self) -> str:
        """The name of the constant."""
        return "EVERY_MESSAGE"


EVERY_MESSAGE: Final = EveryMessage()
"""A reply implies a commit: what a caller was told is never forgotten.

    class Counter(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
        ...

Each message that changes the state is committed before its reply, its casts and its timers leave.
"""


@attrs.frozen
class Within:
    """Replies leave at once. A change is submitted to the store at most *seconds* after the first uncommitted one.

        class Presence(ta.Actor[LastSeen], persist=ta.Within(5.0)):
            ...

    A crash of the actor or the process loses at most the changes of that time and of the commit itself. Raises `SpecError` if
    *seconds* is not above zero and at most a day.
    """

    seconds: float = attrs.field()

    def __attrs_post_init__(self) -> None:
        given = checked_seconds(self.seconds, "Within")
        if given == 0:
            raise SpecError("Within(0) would be EVERY_MESSAGE without its promise: write persist=ta.EVERY_MESSAGE")
        if given > LONGEST_WINDOW:
            raise SpecError(f"Within({given:g}): a window is at most a day ({LONGEST_WINDOW:g} s); more is a mistake")


Policy: TypeAlias = EveryMessage | Within


def checked_policy(policy: object, where: str) -> Policy:
    """*policy*, if it is a policy. Raises `SpecError`."""
    if isinstance(policy, EveryMessage | Within):
        return policy
    raise SpecError(f"{where}: persist must be ta.EVERY_MESSAGE or ta.Within(seconds), not {policy!r}")
