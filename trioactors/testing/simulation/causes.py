"""Why a life of the simulated node has ended, and whether that is the work of planned faults.

A life may end because the tree gave up. Each of the failures that counted then was needed for it: with one less the supervisor would have
gone on. So one that was planned explains the end, and an end over none is a bug that no restart of the machine may hide. Who was killed
has not failed: only a test does that to somebody who runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import trio

from trioactors.errors import (
    ActorCrashed,
    DeliveryError,
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
    """What planned faults can lead to, in one life."""

    planned: tuple[type[BaseException], ...]
    """By what else than faults actors may fail."""
    disturbed: bool
    """Whether a fault has come to pass in this life: then somebody may have been down, or slow."""

    def explain(self, error: BaseException) -> bool:
        """Whether the life's end by *error* needs no other explanation. Where a tree gave up that does, a note says what is missing."""
        explained = all(self._ends_a_life(leaf) for leaf in leaves(error))
        if not explained and isinstance(error, SupervisorGaveUp):
            causes = ", ".join(dict.fromkeys(_failures(error)))
            error.add_note(
                f"simulate: no planned fault is among the failures over which it gave up ({causes}). "
                f"If its children may fail so, say it: check=[crashes_are_planned(...)]"
            )
        return explained

    def _ends_a_life(self, error: BaseException) -> bool:
        """Whether what the tree's start, the application's function or the supervisor on top raised is the work of faults."""
        if isinstance(error, StartFailed | ActorCrashed):
            return self._fails_a_child(error)
        return self._is_late(error) or self._is_fault(error)

    def _is_late(self, error: BaseException | None) -> bool:
        """Whether somebody was down, or slow. A failed start without a cause took too long."""
        return self.disturbed and isinstance(error, DeliveryError | trio.TooSlowError | StartFailed)

    def _is_fault(self, error: BaseException | None) -> bool:
        if isinstance(error, SupervisorGaveUp):
            reasons = [entry.reason for entry in error.history]
            return any(reason.kind is ExitKind.KILLED or self._fails_a_child(reason.error) for reason in reasons)
        if isinstance(error, StoreCorrupt | StateUnreadable):
            return False
        return isinstance(error, PlannedCrash | StoreError | trio.Cancelled)

    def _fails_a_child(self, error: BaseException | None) -> bool:
        while isinstance(error, StartFailed | ActorCrashed) and error.__cause__ is not None:
            error = error.__cause__
        if error is not None and is_group(error):
            return any(map(self._fails_a_child, error.exceptions))
        return self._is_late(error) or self._is_fault(error) or isinstance(error, self.planned)


def _failures(error: SupervisorGaveUp) -> Iterator[str]:
    """Over what it gave up, and those below it."""
    for entry in error.history:
        if isinstance(entry.reason.error, SupervisorGaveUp):
            yield from _failures(entry.reason.error)
        else:
            yield f"{entry.child}: {entry.reason}"
