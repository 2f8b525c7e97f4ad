"""What the actors and users of a random application note: everything that the model knows of a run, beside the trace of supervision.

Each note is made by the application itself, through nothing but its own eyes: a handler notes that it begins and in which state, whoever
sends notes what it sends and what it got. So the notes do not depend on anything that the library reports about itself.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

__all__ = [
    "Began",
    "Cancelled",
    "Ended",
    "Finished",
    "Got",
    "Hook",
    "Note",
    "Op",
    "Present",
    "Row",
    "Saw",
    "Sent",
    "State",
    "TimerSet",
]

State: TypeAlias = tuple[str, ...]
"""The ids of the pages that an actor has written down, in order."""


@attrs.frozen(kw_only=True)
class Note:
    """Something that happened, at a time of the virtual clock, in a life of the node."""

    at: float
    life: int
    seen: int
    """How many records the trace had."""


@attrs.frozen(kw_only=True)
class Sent(Note):
    """Somebody begins to send a page."""

    page: str
    sender: str
    """An actor with its instance, `a#2`, or a user, `user 1`."""
    by: str | None
    """The page that the sender was handling."""
    target: str
    handler: str
    way: str
    """call, cast, nowait, or the name of another way."""
    within: float | None
    """A deadline of its own, in seconds."""


@attrs.frozen(kw_only=True)
class Got(Note):
    """What the sender of a page got: for a cast that it was accepted, for a call the answer; or an error."""

    page: str
    value: State | None = None
    error: str | None = None
    """The name of the error's class."""
    begun: bool | None = None
    """What a `CallTimeout` says."""
    outcome: str | None = None
    """What the error says about its outcome."""


@attrs.frozen(kw_only=True)
class _OfActor(Note):
    actor: str
    instance: int
    """Unique in the run."""
    incarnation: int


@attrs.frozen(kw_only=True)
class Began(_OfActor):
    """A handler begins with a page."""

    page: str
    handler: str
    state: State


@attrs.frozen(kw_only=True)
class Ended(_OfActor):
    """A handler ends."""

    page: str
    state: State
    how: str
    """returned, declared, crashed, left (`Shutdown`), expired (a nested call had the deadline of this message), store (an error of the
    store, passed on) or killed (it was cancelled)."""
    value: State | None = None
    """What it returns; None if the reply is deferred."""
    error: str = ""
    """The name of the class of the error."""


@attrs.frozen(kw_only=True)
class Finished(_OfActor):
    """A deferred reply is given."""

    page: str
    by: str
    """The page whose handler gives it."""
    value: State | None


@attrs.frozen(kw_only=True)
class Hook(_OfActor):
    """A hook begins or ends."""

    hook: str
    phase: str
    """begins, returned, or the name of the error's class."""
    state: State
    why: str = ""
    """Why the actor exits, for `on_stop`."""


@attrs.frozen(kw_only=True)
class Present(_OfActor):
    """An actor answers the roll call."""

    state: State


@attrs.frozen(kw_only=True)
class TimerSet(_OfActor):
    """A timer is set; one with the same key is replaced."""

    key: str
    page: str
    by: str
    handler: str
    delay: float
    repeats: bool


@attrs.frozen(kw_only=True)
class Cancelled(_OfActor):
    """A timer is cancelled."""

    key: str
    by: str
    existed: bool


@attrs.frozen(kw_only=True)
class Saw(Note):
    """A watch reports an exit; without a reason, that there will be none any more."""

    watch: str
    target: str
    incarnation: int
    reason: str | None


@attrs.frozen(kw_only=True)
class Op(Note):
    """Somebody asks for an operation (stop, restart, pause ...), or it is done."""

    id: str
    what: str
    target: str
    phase: str
    """begins, done, or the name of the error's class."""
    seconds: float = 0.0
    """Of a watch: how long it lasts, when it begins, and the pause after each report, when it is open."""


@attrs.frozen(kw_only=True)
class Row(Note):
    """What a supervisor, or an actor's own `info`, says about a child."""

    supervisor: str
    """Empty if the child itself was asked."""
    child: str
    status: str
    incarnation: int
    restart_at: float | None = None
    """When its back-off is over."""
