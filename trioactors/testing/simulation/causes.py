"""Decides whether planned faults explain why a life of the simulated node ended.

A life may end because the tree gave up. Each of the failures that counted was necessary: with one fewer, the supervisor would have gone on.
So one planned failure among them explains the exit. If none was planned, the exit is a bug, and a restart of the node must not hide it. A
child that was killed has not failed: only a test kills a running child.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import trio

from trioactors.errors import (
    ActorCrashed,
    DeliveryError,
    HandlerTimeout,
    StartFailed,
    StateUnreadable,
    StoreCorrupt,
    StoreError,
    SupervisorGaveUp,
)
from trioactors.errors.exits import ExitKind, is_group, leaves
from trioactors.testing.driving import PlannedCrash

__all__ = ["Causes"]


@attrs.frozen
class Causes:
    """The exits that planned faults can cause in one life."""

    planned: tuple[type[BaseException], ...]
    """Other errors by which actors may fail."""
    disturbed: bool
    """Whether a fault has happened in this life: children may then have been down or slow."""

    def explain(self, error: BaseException) -> bool:
        """Whether planned faults explain that the life ended by *error*. If the tree gave up and they do not, *error* gets a note."""
        explained = all(self._ends_a_life(leaf) for leaf in leaves(error))
        if not explained and isinstance(error, SupervisorGaveUp):
            causes = ", ".join(dict.fromkeys(_failures(error)))
            error.add_note(
                f"simulate: none of the failures over which it gave up was planned ({causes}). "
                f"If its children may fail like this, declare it: check=[crashes_are_planned(...)]"
            )
        return explained

    def crashes_a_child(self, error: BaseException | None) -> bool:
        """Whether planned faults explain that a child crashed with *error*, or failed to start."""
        while isinstance(error, StartFailed | ActorCrashed) and error.__cause__ is not None:
            error = error.__cause__
        if error is not None and is_group(error):
            return any(map(self.crashes_a_child, error.exceptions))
        return self._is_late(error) or self._is_fault(error) or isinstance(error, self.planned)

    def _ends_a_life(self, error: BaseException) -> bool:
        """Whether faults explain an error of the start of the tree, of `app=` or of the top supervisor."""
        if isinstance(error, StartFailed | ActorCrashed):
            return self.crashes_a_child(error)
        return self._is_late(error) or self._is_fault(error)

    def _is_late(self, error: BaseException | None) -> bool:
        """Whether a child was down or slow. A failed start without a cause took too long."""
        return self.disturbed and isinstance(error, DeliveryError | HandlerTimeout | trio.TooSlowError | StartFailed)

    def _is_fault(self, error: BaseException | None) -> bool:
        if isinstance(error, SupervisorGaveUp):
            reasons = [entry.reason for entry in error.history]
            return any(reason.kind is ExitKind.KILLED or self.crashes_a_child(reason.error) for reason in reasons)
        if isinstance(error, StoreCorrupt | StateUnreadable):
            return False
        return isinstance(error, PlannedCrash | StoreError | trio.Cancelled)


def _failures(error: SupervisorGaveUp) -> Iterator[str]:
    """The failures over which it gave up, and those of supervisors below it."""
    for entry in error.history:
        if isinstance(entry.reason.error, SupervisorGaveUp):
            yield from _failures(entry.reason.error)
        else:
            yield f"{entry.child}: {entry.reason}"
