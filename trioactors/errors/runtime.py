"""What goes wrong between actors, supervisors and those who use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from trioactors.errors.base import TrioactorsError

if TYPE_CHECKING:
    from trioactors.errors.exits import RestartEntry

__all__ = [
    "ActorCrashed",
    "ActorStopped",
    "AdministrationError",
    "CallCycle",
    "CallTimeout",
    "ChildPresent",
    "ChildRestarting",
    "ChildRunning",
    "DefinitionError",
    "DeliveryError",
    "Ignore",
    "MailboxFull",
    "NameTaken",
    "NoReply",
    "NotAHandler",
    "Shutdown",
    "SpecError",
    "StartFailed",
    "StoreMissing",
    "SupervisorGaveUp",
    "SystemClosed",
    "TooManyTimers",
    "UnknownName",
    "UsageError",
    "WrongClass",
    "WrongThread",
]

_SHOWN = 20
"""How many names an error lists."""


class UsageError(TrioactorsError):
    """The calling program is wrong."""


class DefinitionError(UsageError, TypeError):
    """An actor class, one of its handlers or one of its hooks is defined wrongly."""


class SpecError(UsageError, ValueError):
    """A child, a supervisor or an option that makes no sense."""


class StoreMissing(SpecError):
    """A durable actor in a system that has no store."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is durable (persist=...), and its system has no store. "
            f"Name one: open_system('sqlite:///state.db', ...), or 'memory:'"
        )


class NotAHandler(UsageError, AttributeError):
    """A ref offers its actor's handlers and nothing else."""

    def __init__(self, target: str, attribute: str, handlers: Sequence[str]) -> None:
        offered = ", ".join(handlers) or "none at all"
        super().__init__(
            f"{target} is a ref: it offers the handlers of its actor, not {attribute!r}. Handlers: {offered}. "
            f"To reach anything else, add a method marked @handler."
        )
        self.name = attribute
        self.handlers = tuple(handlers)


class NameTaken(UsageError):
    """Names are unique in a system."""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"the name {name!r} belongs to {holder}; choose another name, or stop that one first")
        self.name = name


class UnknownName(UsageError, LookupError):
    """No child of this system has the name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        shown = ", ".join(sorted(known)[:_SHOWN]) or "none"
        super().__init__(f"no child is named {name!r}. Known names: {shown}{', ...' if len(known) > _SHOWN else ''}")
        self.name = name


class WrongClass(UsageError, TypeError):
    """The name belongs to something of another class."""

    def __init__(self, name: str, wanted: str, found: str) -> None:
        super().__init__(f"{name!r} is {found}, not {wanted}")


class WrongThread(UsageError, RuntimeError):
    """A ref works inside the Trio run of its system only, a portal only outside of it."""

    def __init__(
        self,
        target: str,
        problem: str = "was used outside the Trio run of its system. From another thread, go through system.portal().",
    ) -> None:
        super().__init__(f"{target} {problem}")


class TooManyTimers(UsageError):
    """An actor asked for more timers than `Settings.timers`."""


class AdministrationError(TrioactorsError):
    """A supervisor refuses what was asked of it."""


class ChildRunning(AdministrationError):
    """The child runs: terminate it first."""


class ChildRestarting(AdministrationError):
    """The child is being restarted: terminate it first, or wait."""


class ChildPresent(AdministrationError):
    """A child of this name is known, though it does not run: restart or delete it."""


class DeliveryError(TrioactorsError):
    """A message was not accepted, or found no answer."""


class ActorStopped(DeliveryError):
    """The target does not run and will not come back by itself."""


class SystemClosed(ActorStopped):
    """The target's system is closed."""


class ActorCrashed(DeliveryError):
    """The target failed while it handled this message; `__cause__` is what it raised, where it raised something."""


class MailboxFull(DeliveryError):
    """The target's mailbox is full; nothing was sent."""


class NoReply(DeliveryError):
    """The target deferred its reply and then lost it."""


class CallCycle(DeliveryError):
    """Actors would wait for each other for ever; `chain` names them in order."""

    def __init__(self, chain: Sequence[str]) -> None:
        super().__init__(f"this would wait for ever: {' -> '.join(chain)}. Use cast, defer the reply, or call from a child task.")
        self.chain = tuple(chain)


class CallTimeout(DeliveryError, trio.TooSlowError):
    """The deadline passed before the answer came.

    `begun` tells whether the target had begun to handle this message, `inherited` whether the deadline was that of the message
    being handled by the caller (then the caller's handler ends as expired, which is no crash).
    """

    def __init__(self, message: str, *, begun: bool, inherited: bool) -> None:
        super().__init__(message)
        self.begun = begun
        self.inherited = inherited


class StartFailed(TrioactorsError):
    """A child could not be started; `__cause__` says why."""


class SupervisorGaveUp(TrioactorsError):
    """A supervisor restarted its children more often than its intensity allows.

    `history` holds the restarts that counted, oldest first; `group` every failure among them, or None where nothing was raised.
    """

    def __init__(self, message: str, history: Sequence[RestartEntry]) -> None:
        super().__init__(message)
        self.history = tuple(history)

    @property
    def group(self) -> BaseExceptionGroup[BaseException] | None:
        """The failures behind the history, as one group."""
        failures = [entry.reason.error for entry in self.history if entry.reason.error is not None]
        return BaseExceptionGroup(str(self), failures) if failures else None


class Ignore(Exception):
    """Raise it from a start (`on_start`, or a function before it is ready) to say: do not run me now."""


class Shutdown(Exception):
    """Raise it from a running child to end in order: permanent children come back, transient ones do not."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
