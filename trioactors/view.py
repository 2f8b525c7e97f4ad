"""Looking at a system, without touching it: the half of `System` that asks, starts and waits for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trioactors.cells import ActorCell
from trioactors.exits import ExitKind
from trioactors.explaining import Explanation, explained
from trioactors.messages import Ledger
from trioactors.settings import choice

if TYPE_CHECKING:
    from trioactors.messages import DeadLetter
    from trioactors.runtime import Runtime
    from trioactors.trace import Observer

__all__ = ["SystemView"]


class SystemView:
    """What can be seen of a system."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def ledger(self) -> Ledger:
        """Where every message went that any mailbox of this system has accepted."""
        cells = self._runtime.registry.cells()
        return Ledger.of([cell.mailbox for cell in cells if isinstance(cell, ActorCell)]) + self._runtime.retired

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The messages that could not be delivered, oldest first; the last `Settings.dead_letters` of them."""
        return tuple(self._runtime.dead_letters)

    def observe(self, observer: Observer) -> None:
        """Tell *observer* of every trace record from now on."""
        self._runtime.observers.attach(observer)

    def unobserve(self, observer: Observer) -> None:
        """Tell it nothing more."""
        self._runtime.observers.detach(observer)

    def explain(self, name: str, *, reason: ExitKind | str = ExitKind.CRASH) -> Explanation:
        """What would stop and start, in which order, if the child *name* ended for *reason* now.

        The rules that decide are the supervisor's own; nothing is touched. Raises `UnknownName`, `SpecError`.
        """
        return explained(self._runtime.registry.find(name), choice(reason, ExitKind, "reason"))
