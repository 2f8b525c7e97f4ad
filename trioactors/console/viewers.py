"""One viewer on its WebSocket: it receives updates of the topics it watches, and answers to its questions and actions.

A viewer has three tasks and no queue between them. One reads messages and answers them, one at a time. One sleeps until the next topic is
due, makes the update from what this viewer was last sent, and sends it. While a slow viewer does not read, nothing is made for it, and no
other viewer waits. One sends pings. If one of the three ends, so does the viewer.

Messages of a viewer are not trusted. An invalid message is answered with an error. A message that is too long, or too many messages, closes
the connection with a matching close code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Final, Protocol, cast

import attrs
import trio

from trioactors.console.actions import ACTIONS, QUESTIONS, Client, answered
from trioactors.console.options import Options
from trioactors.console.topics import STREAMS, TOPICS, Message, Source, Watched, error_fields, watched
from trioactors.errors import SpecError, TrioactorsError

__all__ = ["VERSION", "Rate", "Socket", "Viewer"]

VERSION: Final = 1
"""The version of the protocol, docs/console-protocol.md."""

_POLICY_VIOLATION: Final = 1008
_ID: Final = 100
_FIELDS: Final = {
    "watch": ("type", "id", "topic", "options", "every", "seconds"),
    "resync": ("type", "id"),
    "unwatch": ("type", "id"),
    "ask": ("type", "id", "what", "options"),
    "act": ("type", "id", "what", "options"),
}


class Socket(Protocol):
    """The part of a WebSocket connection that is used here."""

    async def get_message(self) -> str | bytes:
        """The next message."""
        ...

    async def send_message(self, message: str) -> None:
        """Send a message."""
        ...

    async def ping(self, payload: bytes | None = None) -> None:
        """Send a ping and wait for the answer."""
        ...

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None:
        """Close with a code."""
        ...


@attrs.define
class Rate:
    """A rate limiter: *limit* messages per second, five times as many in a burst."""

    limit: float
    now: float
    _left: float = attrs.field(default=math.nan, init=False)

    def __attrs_post_init__(self) -> None:
        self._left = 5 * self.limit

    def allows(self, now: float) -> bool:
        """Count a message at *now* and return whether it is within the limit."""
        self._left = min(5 * self.limit, self._left + (now - self.now) * self.limit)
        self.now = now
        self._left -= 1
        return self._left >= 0


@attrs.define(eq=False)
class _Subscription:
    """A topic watched under an id of the viewer."""

    id: str
    watched: Watched
    every: float
    due: float
    scope: ExitStack
    ends: float = math.inf


class _Closing(Exception):
    """The close code and reason of a connection that is to be closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Viewer:
    """A client on an open WebSocket."""

    def __init__(self, socket: Socket, source: Source, client: Client, *, lost: type[Exception]) -> None:
        self._socket = socket
        self._lost = lost
        self._source = source
        self._client = client
        self._limits = source.limits
        self._subscriptions: dict[str, _Subscription] = {}
        self._changed = trio.Event()
        self._scope = trio.CancelScope()
        self._end: _Closing | None = None

    def __repr__(self) -> str:
        """The client, and the number of topics it watches."""
        return f"<viewer {self._client.address} ({self._client.role.value}): {len(self._subscriptions)} topics>"

    async def serve(self) -> None:
        """Serve the viewer until its connection is closed."""
        try:
            with self._scope:
                await self._talk()
        finally:
            for subscription in self._subscriptions.values():
                subscription.scope.close()
            self._subscriptions.clear()
        if self._end is not None:
            with trio.move_on_after(1.0):
                await self._socket.aclose(self._end.code, self._end.reason)

    async def _talk(self) -> None:
        async with trio.open_nursery() as nursery:
            for part in (self._receive, self._update, self._keep_alive):
                nursery.start_soon(self._until_lost, part, name=f"console: {part.__name__}")

    async def _until_lost(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run one of the tasks. A lost connection ends all of them and is not a failure."""
        await trio.lowlevel.checkpoint()
        try:
            await part()
        except self._lost:
            self._scope.cancel(reason="the connection is lost")

    def _hello(self) -> Message:
        limits = attrs.asdict(self._limits)
        return {
            "type": "hello",
            "version": VERSION,
            "role": self._client.role.value,
            "topics": [*TOPICS, *STREAMS],
            "questions": [*QUESTIONS],
            "actions": [*ACTIONS],
            "limits": {name: limits[name] for name in ("message_bytes", "messages", "subscriptions", "least_interval", "rows")},
        }

    # --- sending ---

    async def _send(self, message: Message) -> None:
        """Send the message. The viewer must read it within `send_time`."""
        await self._in_time(self._socket.send_message(json.dumps(message)), self._limits.send_time, "read too slowly")

    async def _in_time(self, sending: Awaitable[None], seconds: float, reason: str) -> None:
        with trio.move_on_after(seconds) as scope:
            await sending
        if scope.cancelled_caught:
            self._leave(_Closing(_POLICY_VIOLATION, reason))
            await trio.lowlevel.checkpoint()

    def _leave(self, end: _Closing) -> None:
        self._end = self._end or end
        self._scope.cancel(reason=end.reason)

    async def _keep_alive(self) -> None:
        while True:
            await trio.sleep(self._limits.ping_every)
            await self._in_time(self._socket.ping(), self._limits.ping_every, "did not answer a ping")

    async def _update(self) -> None:
        """Send updates of the watched topics when they are due."""
        while True:
            now = trio.current_time()
            for subscription in [each for each in self._subscriptions.values() if each.due <= now]:
                await self._tick(subscription)
            self._changed = trio.Event()
            next_due = min((each.due for each in self._subscriptions.values()), default=math.inf)
            with trio.move_on_at(next_due):
                await self._changed.wait()

    async def _tick(self, subscription: _Subscription) -> None:
        await trio.lowlevel.checkpoint()
        if self._subscriptions.get(subscription.id) is not subscription:
            return  # it was unwatched while another message was being sent
        now = trio.current_time()
        subscription.due = now + subscription.every
        messages = subscription.watched.messages()
        if now >= subscription.ends and not any(message["type"] == "end" for message in messages):
            messages.append({"type": "end"})
        for message in messages:
            if message["type"] == "end":
                self._drop(subscription.id)
            await self._send({**message, "id": subscription.id})

    # --- receiving ---

    async def _receive(self) -> None:
        await self._send(self._hello())
        rate = Rate(self._limits.messages, trio.current_time())
        while True:
            text = await self._socket.get_message()
            if not rate.allows(trio.current_time()):
                self._leave(_Closing(_POLICY_VIOLATION, f"more than {self._limits.messages} messages a second"))
                await trio.lowlevel.checkpoint()
            for answer in await self._answers(text):
                await self._send(answer)

    async def _answers(self, text: str | bytes) -> list[Message]:
        await trio.lowlevel.checkpoint()
        try:
            message = _read(text)
        except SpecError as error:
            return [{"type": "error", "id": None, "error": error_fields(error)}]
        name = message["id"]
        if (problem := _problem(message)) is not None:
            return [{"type": "error", "id": name, "error": error_fields(problem)}]
        match message["type"]:
            case "ask" | "act":
                return [{**await answered(self._source, self._client, message), "id": name}]
            case "watch":
                return self._tried(name, lambda: self._watch(name, message))
            case "resync":
                return self._tried(name, lambda: self._resync(name))
            case _:
                self._drop(name)
                return [{"type": "end", "id": name}]

    def _tried(self, name: str, step: Callable[[], None]) -> list[Message]:
        try:
            step()
        except TrioactorsError as error:
            return [{"type": "error", "id": name, "error": error_fields(error)}]
        self._changed.set()
        return []

    def _watch(self, name: str, message: Message) -> None:
        """Watch a topic instead of the one watched under the same id, if any. Raises `SpecError`."""
        self._drop(name)
        if len(self._subscriptions) >= self._limits.subscriptions:
            raise SpecError(f"{self._limits.subscriptions} topics are already being watched, which is the limit; unwatch one first")
        timing = _timing(message, self._limits.least_interval)
        view = watched(self._source, message.get("topic"), message.get("options", {}))
        scope = ExitStack()
        scope.enter_context(view.open())
        now = trio.current_time()
        self._subscriptions[name] = _Subscription(name, view, timing[0], now, scope, now + timing[1])

    def _resync(self, name: str) -> None:
        subscription = self._subscriptions.get(name)
        if subscription is None:
            raise SpecError(f"no topic is being watched under the id {name!r}")
        subscription.watched.resync()
        subscription.due = trio.current_time()

    def _drop(self, name: str) -> None:
        subscription = self._subscriptions.pop(name, None)
        if subscription is not None:
            subscription.scope.close()


def _timing(message: Message, least: float) -> tuple[float, float]:
    """The interval of the updates, and the total time, in seconds. Raises `SpecError`."""
    options = Options({name: message[name] for name in ("every", "seconds") if name in message}, "watch")
    return options.duration("every", 1.0, least=least), options.duration("seconds", math.inf, least=least, most=1e9)


def _problem(message: Message) -> SpecError | None:
    """What is wrong with the type or the fields of a message, or None."""
    kind = message["type"]
    if not isinstance(kind, str) or kind not in _FIELDS:
        return SpecError(f"unknown message type {str(kind)[:100]!r}; known types: {', '.join(_FIELDS)}")
    unknown = next((name for name in message if name not in _FIELDS[kind]), None)
    if unknown is None:
        return None
    return SpecError(f"{kind} has no field {unknown[:100]!r}; its fields: {', '.join(_FIELDS[kind])}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object. Raises `SpecError` if it has a key twice: two readers could take different ones."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise SpecError(f"invalid JSON: an object has the key {name[:100]!r} twice")
        found[name] = value
    return found


def _read(text: str | bytes) -> Message:
    """Parse a message; it has an id and a type. Raises `SpecError`."""
    if isinstance(text, bytes):
        raise SpecError("a message must be text that contains one JSON object")
    try:
        message = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"invalid JSON: {str(error)[:200]}") from None
    if not isinstance(message, dict):
        raise SpecError("a message must be one JSON object")
    fields = cast("Message", message)
    name = fields.get("id")
    if not isinstance(name, str) or len(name) > _ID:
        raise SpecError(f"a message must have an id, a string of at most {_ID} characters")
    return {"type": None, **fields}
