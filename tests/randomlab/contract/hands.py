"""What was done to children by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import attrs

from randomlab.notes import Note, Op

__all__ = ["BY_HAND", "OUT", "Window", "windows"]

BY_HAND: Final = frozenset(
    {
        *("stop", "stop and drain", "restart", "forget", "terminate_child", "restart_child", "delete_child"),
        *("replace", "rebuild", "take"),
    }
)
OUT: Final = frozenset({"delete_child", "replace", "rebuild", "take"})
"""Those that may take a child out of its supervisor."""
_MAY_GO_ON: Final = frozenset({"begins", "cancelled", "CallTimeout", "CallCycle", "ActorStopped"})
"""How an operation ends that its supervisor may carry out all the same."""


@attrs.frozen
class Window:
    """An operation on a child by hand. It takes effect somewhere between two places of the trace."""

    child: str
    what: str
    life: int
    """The life of the node in which it began."""
    first: int
    last: float
    """Infinite if it may take effect later."""
    done: bool
    """Whether it succeeded."""
    begins: float
    ends: float


def windows(notes: Iterable[Note]) -> list[Window]:
    """All operations by hand that stop, start or forget a child."""
    found: dict[str, Window] = {}
    for note in notes:
        if not isinstance(note, Op) or note.what not in BY_HAND:
            continue
        if note.phase == "begins":
            found[note.id] = Window(
                note.target, note.what, note.life, note.seen, math.inf, done=False, begins=note.at, ends=math.inf
            )
        elif note.phase == "CallCycle" and note.id in found and note.seen == found[note.id].first:
            del found[note.id]  # it was refused at once
        elif note.id in found and note.phase not in _MAY_GO_ON:
            found[note.id] = attrs.evolve(found[note.id], last=note.seen, done=note.phase == "done", ends=note.at)
    return list(found.values())
