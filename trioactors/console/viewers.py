"""One viewer on its WebSocket: it receives updates of the topics it watches, and answers to its questions and actions.

A viewer has three tasks and no queue between them. One reads messages and answers them, one at a time; a call, which may take long, gets
a task of its own. One sleeps until the next topic is due, makes the update from what this viewer was last sent, and sends it. While a slow
viewer does not read, nothing is made for it, and no other viewer waits. One sends pings. If one of the three ends, so does the viewer.

Every message has a `sequence`, one more than that of the message before, and the `time`. If there is nothing to say for a second, a `beat`
is sent. A viewer can so tell a system that does nothing from one that stands still, or from a dead line.

Messages of a viewer are not trusted. An invalid message is answered with an error. A message that is too long, or too many messages, closes
the connection with a matching close code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from typing import Final, Protocol, cast

import attrs
import trio

from trioactors.console.access import Role, Session
from trioactors.console.actions import ACTIONS, QUESTIONS, answered
from trioactors.console.audit import Client
from trioactors.console.options import Options, parsed
from trioactors.console.source import Message, Source
from trioactors.console.topics import STREAMS, TOPICS, Watched, error_fields, watched
from trioactors.errors import SpecError, TrioactorsError

__all__ = ["VERSION", "Rate", "Socket", "Viewer"]

VERSION: Final = 1
"""The version of the protocol, docs/console-protocol.md."""

_POLICY_VIOLATION: Final = 1008
_SIGNED_OUT: Final = 4401
"""The close code of viewers whose session has ended. Codes from 4000 on are free to use; this one is modelled on 401."""
_BEAT: Final = 1.0
"""Longest time in seconds without a message to the viewer."""
_ID: Final = 100
_CALLS: Final = 8
"""Calls of one viewer that may wait for their replies at the same time."""
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

    def __init__(
        self, socket: Socket, source: Source, client: Client, session: Session | None = None, *, lost: type[Exception]
    ) -> None:
        self._socket = socket
        self._session = session
        self._lost = lost
        self._source = source
        self._client = client
        self._limits = source.limits
        self._subscriptions: dict[str, _Subscription] = {}
        self._changed = trio.Event()
        self._scope = trio.CancelScope()
        self._end: _Closing | None = None
        self._sequence = 0
        self._last_sent = trio.current_time()
        self._calls = 0

    def __repr__(self) -> str:
        """The client, and the number of topics it watches."""
        return f"<viewer {self._client.address} ({self._client.role.value}): {len(self._subscriptions)} topics>"

    async def serve(self) -> None:
        """Serve the viewer until its connection is closed."""
        try:
            with nullcontext() if self._session is None else self._session.used(self._signed_out), self._scope:
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
            nursery.start_soon(self._until_lost, partial(self._receive, nursery), name="console: _receive")
            for part in (self._update, self._keep_alive, self._beat, self._expire):
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
            "session": self._session is not None,
            "limits": {name: limits[name] for name in ("message_bytes", "messages", "subscriptions", "least_interval", "rows")},
        }

    # --- sending ---

    async def _send(self, message: Message) -> None:
        """Send the message. The viewer must read it within `send_time`."""
        self._sequence += 1
        self._last_sent = trio.current_time()
        text = json.dumps({**message, "sequence": self._sequence, "time": self._last_sent})
        await self._in_time(self._socket.send_message(text), self._limits.send_time, "read too slowly")

    async def _in_time(self, sending: Awaitable[None], seconds: float, reason: str) -> None:
        with trio.move_on_after(seconds) as scope:
            await sending
        if scope.cancelled_caught:
            self._leave(_Closing(_POLICY_VIOLATION, reason))
            await trio.lowlevel.checkpoint()

    def _signed_out(self, reason: str) -> None:
        self._leave(_Closing(_SIGNED_OUT, reason))

    def _leave(self, end: _Closing) -> None:
        self._end = self._end or end
        self._scope.cancel(reason=end.reason)

    async def _keep_alive(self) -> None:
        while True:
            await trio.sleep(self._limits.ping_every)
            await self._in_time(self._socket.ping(), self._limits.ping_every, "did not answer a ping")

    async def _beat(self) -> None:
        """Let no second pass without a message."""
        while True:
            await trio.sleep_until(self._last_sent + _BEAT)
            if trio.current_time() >= self._last_sent + _BEAT:
                await self._send({"type": "beat"})

    async def _expire(self) -> None:
        """Sign the viewer out when its session is over."""
        await trio.sleep_until(math.inf if self._session is None else self._session.ends)
        self._signed_out("the sign-in has expired")
        await trio.lowlevel.checkpoint()

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

    async def _receive(self, nursery: trio.Nursery) -> None:
        await self._send(self._hello())
        rate = Rate(self._limits.messages, trio.current_time())
        while True:
            text = await self._socket.get_message()
            if not rate.allows(trio.current_time()):
                self._leave(_Closing(_POLICY_VIOLATION, f"more than {self._limits.messages} messages a second"))
                await trio.lowlevel.checkpoint()
            for answer in await self._answers(text, nursery):
                await self._send(answer)

    async def _answers(self, text: str | bytes, nursery: trio.Nursery) -> list[Message]:
        await trio.lowlevel.checkpoint()
        try:
            message = _read(text)
        except SpecError as error:
            return [{"type": "error", "id": None, "error": error_fields(error)}]
        name = message["id"]
        if (problem := _problem(message)) is not None:
            return [{"type": "error", "id": name, "error": error_fields(problem)}]
        match message["type"]:
            case "act" if message.get("what") == "call" and self._client.role is Role.ADMIN:
                return self._tried(name, lambda: self._start_call(nursery, name, message))
            case "watch":
                return self._tried(name, lambda: self._watch(name, message))
            case "resync":
                return self._tried(name, lambda: self._resync(name))
            case "unwatch":
                self._drop(name)
                answer: Message = {"type": "end"}
            case _:
                answer = await answered(self._source, self._client, message)
        return [{**answer, "id": name}]

    def _start_call(self, nursery: trio.Nursery, name: str, message: Message) -> None:
        """Call in a task of its own. Raises `SpecError` if too many calls wait already."""
        if self._calls >= _CALLS:
            raise SpecError(
                f"{_CALLS} calls of yours are still waiting for their replies, which is the limit; wait for one of them"
            )
        self._calls += 1
        nursery.start_soon(self._until_lost, partial(self._call, name, message), name="console: a call")

    async def _call(self, name: str, message: Message) -> None:
        try:
            answer = await answered(self._source, self._client, message)
        finally:
            self._calls -= 1
        await self._send({**answer, "id": name})

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


def _read(text: str | bytes) -> Message:
    """Parse a message; it has an id and a type. Raises `SpecError`."""
    if isinstance(text, bytes):
        raise SpecError("a message must be text that contains one JSON object")
    message = parsed(text)
    if not isinstance(message, dict):
        raise SpecError("a message must be one JSON object")
    fields = cast("Message", message)
    name = fields.get("id")
    if not isinstance(name, str) or len(name) > _ID:
        raise SpecError(f"a message must have an id, a string of at most {_ID} characters")
    return {"type": None, **fields}
