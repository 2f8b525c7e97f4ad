"""Small actors, their states and their errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import trio
from attrs import define, field

import trioactors as ta


class Refused(Exception):
    """An error that handlers declare: it does not crash their actor."""


class Broken(Exception):
    """An error that no handler declares: it crashes the actor."""


@define
class Tally:
    """The state of a counter."""

    total: int = 0


class Counter(ta.Actor[Tally]):
    """Adds numbers."""

    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler(reads=True)
    def total(self) -> int:
        return self.state.total


@define
class Seen:
    """The state of a collector."""

    items: list[str] = field(factory=list[str])


class Collector(ta.Actor[Seen]):
    """Collects items, waits, and fails. It is not durable."""

    @ta.handler
    async def keep(self, item: str) -> int:
        """Keep *item*, and return the number of the incarnation."""
        self.state.items.append(item)
        return self.context.incarnation

    @ta.handler
    def seen(self) -> list[str]:
        return list(self.state.items)

    @ta.handler
    async def fail(self, error: BaseException | type[BaseException] = Broken, after: float = 0) -> None:
        """Crash with *error*, *after* so many seconds."""
        await trio.sleep(after)
        raise error

    @ta.handler
    async def wait(self, seconds: float) -> str:
        await trio.sleep(seconds)
        return "waited"


@define
class Book:
    """The state of a clerk."""

    lines: list[str] = field(factory=list[str])


class Clerk(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
    """Writes lines into a book. It is durable."""

    @ta.handler
    def write(self, line: str) -> int:
        """Append *line*, and return the number of lines."""
        self.state.lines.append(line)
        return len(self.state.lines)

    @ta.handler(reads=True)
    def read(self) -> list[str]:
        return list(self.state.lines)


class Keeper(Clerk):
    """A clerk that also does what a message asks for."""

    def __init__(self) -> None:
        self.aside: dict[str, Any] = {}
        """Not part of the state: lost with the incarnation, and not rolled back."""

    @ta.handler(raises=(Refused,))
    async def do(self, act: Callable[[Any], Any]) -> Any:
        """Call *act* with the actor, and wait for its result if it is awaitable."""
        result = act(self)
        return await result if inspect.isawaitable(result) else result

    @ta.handler
    def defer(self, name: str) -> str:
        """Reply later, by `self.aside[name]`."""
        token: ta.Deferred[str] = self.context.defer()
        self.aside[name] = token
        return token.pending


class Ear(ta.Actor[None]):
    """Hears what other actors send. It is not durable."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.open = trio.Event()
        self.open.set()

    @ta.handler
    async def hear(self, text: str) -> None:
        await self.open.wait()
        self.heard.append(text)

    @ta.handler
    def shut(self, until: trio.Event) -> None:
        """Hear nothing until that event is set."""
        self.open = until

    @ta.handler
    def all(self) -> list[str]:
        return list(self.heard)
