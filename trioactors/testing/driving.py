"""Crash, kill and hold actors, and wait for what follows. The events themselves wake the waiter: nothing polls or waits for records."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar, cast

import outcome
import trio

from trioactors.actors.actor import Actor
from trioactors.actors.child import ActorChild, is_gone
from trioactors.actors.ref import Ref, child_of
from trioactors.errors import ActorStopped, UsageError
from trioactors.messaging.mailbox import is_over, looked_at
from trioactors.supervision.child import Incarnation
from trioactors.supervision.restarts import ChildStatus
from trioactors.supervision.tree import SupervisorChild
from trioactors.supervision.watchers import unwatch, watched
from trioactors.system.system import System, registry_of
from trioactors.testing.given import require, require_seconds

__all__ = ["PlannedCrash", "alive_in", "crash", "kill", "restarted", "suspended", "until"]

S = TypeVar("S")


class PlannedCrash(Exception):
    """The default error of `crash`."""


def alive_in(system: System) -> dict[str, Incarnation]:
    """The running incarnations of all actors, by name, in the order of registration."""
    children = (child for child in registry_of(system).children() if isinstance(child, ActorChild))
    return {
        child.name: incarnation for child in children if (incarnation := child.current) is not None and incarnation.ended is None
    }


def crash(ref: Ref, error: BaseException | None = None) -> None:
    """Crash the actor's current incarnation, as if one of its tasks had raised *error*. Follow with `await restarted(ref)`."""
    _running(ref).crash(PlannedCrash("crashed by a test") if error is None else error)


def kill(ref: Ref) -> None:
    """Cancel the actor's current incarnation without grace; its exit is *killed*."""
    _running(ref).kill("killed by a test")


def _running(ref: Ref) -> Incarnation:
    incarnation = child_of(ref).current
    if incarnation is None or incarnation.ended is not None:
        raise ActorStopped(f"{ref!r} does not run")
    return incarnation


async def restarted(ref: Ref, *, after: int = 0, timeout: float = 60.0) -> None:
    """Wait until an incarnation of the actor runs that is not about to exit. Raises `ActorStopped` if there will be none.

    An actor that is stopped because another one failed runs on until its supervisor stops it: wait for an incarnation *after* the one
    you saw. Waits up to *timeout* seconds.
    """
    child = child_of(ref)
    require(isinstance(cast("object", after), int), "restarted(after=...)", after, "the number of an incarnation")
    require_seconds("restarted(timeout=...)", timeout, "the longest wait", least=0)
    change = _Change()
    with trio.fail_after(timeout), watched(child, change):
        await trio.lowlevel.checkpoint()
        while not _settled(child, after):
            await change.wait()


def _settled(child: ActorChild, after: int) -> bool:
    if is_over(child.mailbox):
        raise child.stopped()
    incarnation = child.present
    if incarnation is None or incarnation.number <= after:
        return False
    return child.status is ChildStatus.RUNNING and incarnation.fatal is None and incarnation.killed is None


class _Change:
    """Wakes its one waiter after each change."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def __call__(self, *_: object) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event = trio.Event()


async def until(ref: Actor[S], predicate: Callable[[S], bool], *, timeout: float = 60.0) -> None:
    """Wait until *predicate* holds for the actor's state, now or after a message. Raises what *predicate* raises.

        await until(counter, lambda state: state.total >= 30)

    Also looks at the last state of an actor that has stopped in order. Raises `ActorStopped` as soon as the actor has exited and will
    not be restarted. Waits up to *timeout* seconds.
    """
    child = child_of(ref)
    require(callable(predicate), "until(...)", predicate, "a function of the state")
    require_seconds("until(timeout=...)", timeout, "the longest wait", least=0)
    found: list[outcome.Outcome[bool]] = []
    change = _Change()

    def look() -> None:
        """Between two messages, in the actor's own task: nothing may be raised here, and what is seen here may be gone soon."""
        incarnation = child.present
        if not found and incarnation is not None and _has_a_state(incarnation) and child.mailbox.current is None:
            seen = outcome.capture(predicate, incarnation.state)
            if isinstance(seen, outcome.Error) or seen.value:
                found.append(seen)
                unwatch(child, change)  # now, not when the waiting task runs: the test may be over before
                change()

    with watched(child, change), looked_at(child.mailbox, look), trio.fail_after(timeout):
        await trio.lowlevel.checkpoint()
        look()
        while not found:
            if is_gone(child):
                raise child.stopped()
            await change.wait()
            look()
    found[0].unwrap()


def _has_a_state(incarnation: Incarnation) -> bool:
    """Whether the state is the actor's: what a crash leaves behind may be half changed, and is lost."""
    return incarnation.ready and (incarnation.ended is None or incarnation.ended.orderly)


@contextmanager
def suspended(system: System, *names: str) -> Generator[None, None, None]:
    """Hold the loops of these supervisors (without *names*, of all), so that several children can exit before any exit is handled."""
    registry = registry_of(system)
    children = [registry.find(name) for name in names] if names else registry.children()
    held = [child for child in children if isinstance(child, SupervisorChild)]
    if not held:
        raise UsageError(f"none of {names} is a supervisor")
    for child in held:
        child.suspension.held = True
    try:
        yield
    finally:
        for child in held:
            child.suspension.held = False
            if child.loop is not None:
                child.loop.wake()
