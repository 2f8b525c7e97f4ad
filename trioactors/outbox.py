"""What a durable handler sends, held until its state is committed.

Nobody may see an effect of a state that could still be lost: casts, timers and deferred replies wait for the commit of the message that
made them. Each effect can do two things, one of them once: `release` when the commit is done, `undo` when it failed. Effects are undone in
the opposite order, so that what two of them touched is as before.

A timer that is replaced or cancelled falls silent at once, since that only concerns the actor itself; undone, it rings when it was due.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

import attrs

from trioactors.errors import ActorStopped
from trioactors.messages import Late
from trioactors.settings import Overflow
from trioactors.timers import Timer

if TYPE_CHECKING:
    from trioactors.cells import ActorCell
    from trioactors.lives import Life
    from trioactors.messages import Call, Envelope

__all__ = ["Answered", "Armed", "Disarmed", "Effect", "Sent", "undo_all"]


class Effect(Protocol):
    """Something that leaves with a commit, or never."""

    def release(self) -> None:
        """The commit is done."""
        ...

    def undo(self) -> None:
        """The commit failed, or there will be none."""
        ...


def undo_all(effects: Sequence[Effect]) -> None:
    """Undo them, the last first."""
    for effect in reversed(effects):
        effect.undo()


@attrs.frozen(eq=False)
class Sent:
    """A cast."""

    envelope: Envelope
    cell: ActorCell
    accepted: Callable[[Envelope], None] | None = None
    """Told when it is in the mailbox, if somebody wants to know."""

    def release(self) -> None:
        """Put it into the mailbox: now, or when there is room within the call deadline. What finds none becomes a dead letter."""
        cell, cast = self.cell, self.envelope
        mailbox, runtime = cell.mailbox, cell.runtime
        try:
            accepted = mailbox.put(cast)
        except ActorStopped:
            runtime.bury(cell.name, cast, "it stopped before the sender's state was committed")
            return
        if accepted:
            if self.accepted is not None:
                self.accepted(cast)
            return
        bury = partial(runtime.bury, cell.name)
        late = Late(cast, runtime.now() + runtime.settings.call_timeout, bury, self.accepted)
        if mailbox.overflow is not Overflow.FAIL and mailbox.wait_for_room(late, bounded=True):
            runtime.alarms.add(late.deadline, late)
        else:
            mailbox.rejected += 1
            bury(cast, "its mailbox was full when the sender's state was committed")

    def undo(self) -> None:
        """It was never sent."""


@attrs.frozen(eq=False)
class Armed:
    """A timer that was set, perhaps in the place of another."""

    timer: Timer
    replaced: Timer | None

    def release(self) -> None:
        """It rings from now on, at once if it is due."""
        self.timer.schedule()

    def undo(self) -> None:
        """It was never set."""
        self.timer.forget()
        if self.replaced is not None:
            self.replaced.revive()


@attrs.frozen(eq=False)
class Disarmed:
    """A timer that was cancelled."""

    timer: Timer

    def release(self) -> None:
        """It is silent already."""

    def undo(self) -> None:
        """It was never cancelled."""
        self.timer.revive()


@attrs.frozen(eq=False)
class Answered:
    """A deferred reply that was given."""

    call: Call
    life: Life
    give: Callable[[Call], None]
    take_back: Callable[[], None]

    def release(self) -> None:
        """Answer the caller."""
        self.give(self.call)

    def undo(self) -> None:
        """It is owed again, if the actor lives to give it."""
        if self.life.ended is not None:
            self.call.fail(ActorStopped(f"{self.life.cell.name} ended, and the state behind its answer was not committed"))
        else:
            self.life.deferred = {*(self.life.deferred or ()), self.call}
            self.take_back()
