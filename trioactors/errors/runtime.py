"""Errors of actors and supervisors, raised in the code that uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from trioactors.errors.base import TrioactorsError
from trioactors.errors.exits import RestartEntry
from trioactors.errors.lists import listed

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
    "HandlerTimeout",
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
    "TooManyChildren",
    "TooManyTimers",
    "UnknownName",
    "UsageError",
    "WrongClass",
    "WrongThread",
]


class UsageError(TrioactorsError):
    """A mistake in the calling program."""


class DefinitionError(UsageError, TypeError):
    """An actor class, one of its handlers or one of its hooks is defined wrongly."""


class SpecError(UsageError, ValueError):
    """A child, a supervisor or an option is invalid."""


class StoreMissing(SpecError):
    """A durable actor was started in a system without a store."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is durable (persist=...), but its system has no store. "
            f"Name one: open_system('sqlite:///state.db', ...), or 'memory:'"
        )


class NotAHandler(UsageError, AttributeError):
    """An attribute of a ref is not a handler of its actor. Refs offer handlers and nothing else."""

    def __init__(self, target: str, attribute: str, handlers: Sequence[str]) -> None:
        offered = listed(handlers, 50, none="none at all")
        super().__init__(
            f"{target} is a ref: it offers the handlers of its actor, not {attribute!r}. Handlers: {offered}. "
            f"To reach anything else, add a method marked @handler."
        )
        self.name = attribute
        self.handlers = tuple(handlers)

    def _attributes(self) -> dict[str, Any]:
        return {**super()._attributes(), "name": self.name}  # `AttributeError` keeps it in a slot


class NameTaken(UsageError):
    """The name belongs to another child; names are unique in a system."""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"the name {name!r} belongs to {holder}; choose another name, or stop that one first")
        self.name = name


class UnknownName(UsageError, LookupError):
    """No child of the system has this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no child is named {name!r}. Known names: {listed(sorted(known))}")
        self.name = name


class WrongClass(UsageError, TypeError):
    """The child with this name is of another class."""

    def __init__(self, name: str, wanted: str, found: str) -> None:
        super().__init__(f"{name!r} is {found}, not {wanted}")


class WrongThread(UsageError, RuntimeError):
    """A ref was used outside the Trio run of its system, or a portal inside it."""

    def __init__(
        self,
        target: str,
        problem: str = "was used outside the Trio run of its system. From another thread, go through system.portal().",
    ) -> None:
        super().__init__(f"{target} {problem}")


class TooManyTimers(UsageError):
    """An actor already has `Settings.timers` timers and asked for another."""


class AdministrationError(TrioactorsError):
    """A supervisor refuses a request in its present state."""


class ChildRunning(AdministrationError):
    """The child is running: terminate it first."""


class ChildRestarting(AdministrationError):
    """The child is being restarted: terminate it first, or wait."""


class TooManyChildren(AdministrationError):
    """The supervisor has as many children as its `max_children` allows."""


class ChildPresent(AdministrationError):
    """The supervisor has a stopped child of this name: restart or delete it."""


class DeliveryError(TrioactorsError):
    """A message was not accepted, or got no reply."""


class ActorStopped(DeliveryError):
    """The target has stopped and will not be restarted by its supervisor."""


class SystemClosed(ActorStopped):
    """The target's system is closed."""


class ActorCrashed(DeliveryError):
    """The target failed while it handled this message; `__cause__` is the exception that it raised, if any."""


class MailboxFull(DeliveryError):
    """The target's mailbox is full; nothing was sent."""


class NoReply(DeliveryError):
    """The target deferred its reply and then lost it."""


class CallCycle(DeliveryError):
    """Actors would wait for each other forever; `chain` names them in order.

    `begun` is True if a message was being handled when its caller had to be stopped. Otherwise nothing was sent, or it is not handled.
    """

    begun: bool = False

    def __init__(self, chain: Sequence[str]) -> None:
        super().__init__(f"this would wait for ever: {' -> '.join(chain)}. Use cast, defer the reply, or call from a child task.")
        self.chain = tuple(chain)


class CallTimeout(DeliveryError, trio.TooSlowError):
    """The deadline passed before the reply came.

    `begun` says whether the target had started to handle this message. `inherited` says whether the deadline was that of the message
    which the caller was handling; the caller's handler then ends as expired, which is not a crash.
    """

    def __init__(self, message: str, *, begun: bool, inherited: bool) -> None:
        super().__init__(message)
        self.begun = begun
        self.inherited = inherited


class HandlerTimeout(TrioactorsError):
    """A handler ran longer than its `execution_timeout`: it was cancelled, and its actor crashed.

    `handler` is the handler's name, `seconds` its limit. A caller finds it as the `__cause__` of `ActorCrashed`.
    """

    def __init__(self, actor: str, handler: str, seconds: float, place: str) -> None:
        super().__init__(
            f"{actor}: {handler!r} still ran after {seconds:g} s (execution_timeout), and was cancelled {place}. Give it more time, "
            f"or less to do; a wait that can be long belongs into a child task, or under a deadline of its own (trio.move_on_after)"
        )
        self.handler = handler
        self.seconds = seconds


class StartFailed(TrioactorsError):
    """A child could not be started; `__cause__` says why."""


class SupervisorGaveUp(TrioactorsError):
    """A supervisor would have to restart its children more often than its intensity allows.

    `history` holds the restarts that counted, oldest first. `group` holds the exceptions among them, or is None if there were none.
    """

    def __init__(self, message: str, history: Sequence[RestartEntry]) -> None:
        super().__init__(message)
        self.history = tuple(history)

    @property
    def group(self) -> BaseExceptionGroup[BaseException] | None:
        """The exceptions behind the history, as one group; None if there were none."""
        failures = [entry.reason.error for entry in self.history if entry.reason.error is not None]
        return BaseExceptionGroup(str(self), failures) if failures else None


class Ignore(Exception):
    """Raise it from a start (`on_start`, or a function before it is ready) if the child should not run now. This is not a failure."""


class Shutdown(Exception):
    """Raise it from a running child to stop in order. A permanent child is restarted, a transient one is not."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
