"""Actions that hold or repair one actor: pause and resume, and the reset and restore of its stored record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import trio

from trioactors.actors.child import ActorChild
from trioactors.actors.pausing import pause_child, paused_since, resume_child
from trioactors.actors.repairs import reset, restore
from trioactors.console.options import Options
from trioactors.console.source import Source
from trioactors.errors import CallTimeout, UnknownName, UsageError, WrongClass
from trioactors.persistence.quarantine import Copy
from trioactors.supervision.child import Child
from trioactors.system.system import registry_of

__all__ = ["REPAIRS"]

_PATIENCE: Final = 2.0
"""Seconds that a pause waits for the message in progress, before it answers that the actor is not at rest yet."""


def _actor(source: Source, options: Options) -> ActorChild:
    """The actor that the options name. Raises `UnknownName`, `WrongClass`, or `UsageError` if a given incarnation has exited."""
    name = options.needed("name")
    child = registry_of(source.system).find(name)
    _check_seen(child, options)
    if not isinstance(child, ActorChild):
        raise WrongClass(name, "an actor", repr(child))
    return child


def _check_seen(child: Child | None, options: Options) -> None:
    """Raise `UsageError` if the viewer saw another incarnation than the present one, or gave an unknown option."""
    seen = options.optional_number("incarnation")
    options.end()
    if child is not None and seen is not None and seen != child.incarnation:
        raise UsageError(f"{child.name} is now in incarnation {child.incarnation}, not {seen}: refresh and try again")


def _child(source: Source, name: str) -> Child | None:
    try:
        return registry_of(source.system).find(name)
    except UnknownName:
        return None


async def _pause(source: Source, options: Options) -> object:
    await trio.lowlevel.checkpoint()
    child = _actor(source, options)
    at_rest = True
    try:
        await pause_child(child, _PATIENCE, keep=True)
    except CallTimeout:  # it is paused, but not done with what is in progress
        at_rest = False
    return {"name": child.name, "paused_since": paused_since(child), "at_rest": at_rest}


async def _resume(source: Source, options: Options) -> object:
    child = _actor(source, options)
    was = paused_since(child)
    await resume_child(child)
    return {"name": child.name, "was_paused": was is not None}


async def _reset(source: Source, options: Options) -> object:
    name = options.needed("name")
    _check_seen(_child(source, name), options)
    copy = await reset(source.system, name)
    return {"name": name, "copy": copy, **_now(source, name)}


async def _restore(source: Source, options: Options) -> object:
    copy = options.needed("copy")
    parsed = Copy.of(copy)
    name = copy if parsed is None else parsed.key.name
    _check_seen(_child(source, name), options)
    replaced = await restore(source.system, copy)
    return {"name": name, "copy": copy, "replaced": replaced, **_now(source, name)}


def _now(source: Source, name: str) -> dict[str, Any]:
    """The incarnation of the repaired actor; None if no child has its name."""
    child = _child(source, name)
    return {"incarnation": None if child is None else child.incarnation}


REPAIRS: Final[Mapping[str, Callable[[Source, Options], Awaitable[object]]]] = {
    "pause": _pause,
    "resume": _resume,
    "reset": _reset,
    "restore": _restore,
}
