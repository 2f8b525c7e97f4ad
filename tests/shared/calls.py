"""Calls, and what came of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Refused


class Outcomes(dict[str, Any]):
    """By the name of a call: its result, or the class of its error."""

    async def call(self, name: str, handler: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Call, and note the outcome."""
        try:
            self[name] = await handler(*args)
        except (ta.DeliveryError, Refused) as error:
            self[name] = type(error)


class Callers:
    """Calls made in the background, and what came of them."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.told: dict[str, Any] = {}
        """By the name of the call: its result, or the error that it raised."""
        self.scopes: dict[str, trio.CancelScope] = {}

    def call(self, name: str, handler: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Begin a call."""
        self.scopes[name] = trio.CancelScope()
        self._nursery.start_soon(self._wait, name, handler, args)

    async def now(self, name: str, handler: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Begin a call, and let everything happen that can happen without its reply."""
        self.call(name, handler, *args)
        await wait_all_tasks_blocked()

    async def _wait(self, name: str, handler: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        with self.scopes[name]:
            try:
                self.told[name] = await handler(*args)
            except Exception as error:
                self.told[name] = error

    def news(self) -> dict[str, Any]:
        """The outcomes since the last look; of an error, its class."""
        told, self.told = self.told, {}
        return {name: type(value) if isinstance(value, Exception) else value for name, value in told.items()}
