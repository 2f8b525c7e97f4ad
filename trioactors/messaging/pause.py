"""A pause of an actor, as its mailbox keeps it."""

from __future__ import annotations

import attrs

from trioactors.scheduling.parking import Parking

__all__ = ["Pause"]


@attrs.define(eq=False)
class Pause:
    """One pause of an actor, from `ta.pause` to `ta.resume`."""

    since: float
    """When it began, on Trio's clock."""
    pausing: int = 0
    """How many calls of `ta.pause` still wait for the message in progress."""
    stays: bool = False
    """Whether one of them has returned. Otherwise the pause ends with the last of them, if that fails."""
    changed: Parking = attrs.field(factory=Parking)
    """Where they wait."""
