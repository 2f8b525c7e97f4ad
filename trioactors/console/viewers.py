"""One viewer on its socket: it is told what it watches, tick by tick, and answered what it asks.

Three tasks, and no queue between them. One reads messages and answers them, one at a time. One sleeps until the next topic is due, makes
what leads on from what this viewer has, and sends it; while a slow viewer does not read, nothing is made for it, and nobody else waits.
One asks from time to time whether anybody is still there. The end of any of them is the end of the viewer.

What a viewer sends is not believed. A message that makes no sense is answered with an error; one that is too long, or comes too fast,
ends the connection with a close code that says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Final, Protocol, cast

import attrs
import trio

from trioactors.console.actions import DEEDS, QUESTIONS, Asker, answered
from trioactors.console.options import Options
from trioactors.console.topics import STREAMS, TOPICS, Message, Source, Watched, told_error, watched
from trioactors.errors import SpecError, TrioactorsError

__all__ = ["VERSION", "Rate", "Socket", "Viewer"]

VERSION: Final = 1
"""Of the protocol: docs/console-protocol.md."""

_POLICY_VIOLATION: Final = 1008
_ID: Final = 100


class Socket(Protocol):
    """What is used of a WebSocket connection."""

    async def get_message(self) -> str | bytes:
        """The next message."""
        ...

    async def send_message(self, message: str) -> None:
        """Send one."""
        ...

    async def ping(self, payload: bytes | None = None) -> None:
        """Ask whether the other side is there, and wait for its answer."""
        ...

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None:
        """Close with a code."""
        ...


@attrs.define
class Rate:
    """How many messages may come: *limit* in a second, five times as many in one go."""

    limit: float
    now: float
    _left: float = attrs.field(default=math.nan, init=False)

    def __attrs_post_init__(self) -> None:
        self._left = 5 * self.limit

    def allows(self, now: float) -> bool:
        """Whether one more may come at *now*; it is counted."""
        self._left = min(5 * self.limit, self._left + (now - self.now) * self.limit)
        self.now = now
        self._left -= 1
        return self._left >= 0


@attrs.define(eq=False)
class _Subscription:
    """A topic that is watched under an id of the viewer's."""

    id: str
    watched: Watched
    every: float
    due: float
    scope: ExitStack
    ends: float = math.inf


class _Gone(Exception):
    """The viewer's connection is to be closed; with a code, it is told why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Viewer:
    """Somebody who looks."""

    def __init__(self, socket: Socket, source: Source, asker: Asker, *, lost: type[Exception]) -> None:
        self._socket = socket
        self._lost = lost
        self._source = source
        self._asker = asker
        self._limits = source.limits
        self._subscriptions: dict[str, _Subscription] = {}
        self._changed = trio.Event()
        self._scope = trio.CancelScope()
        self._end: _Gone | None = None

    def __repr__(self) -> str:
        """Who it is, and what it watches."""
        return f"<viewer {self._asker.address} ({self._asker.role.value}): {len(self._subscriptions)} topics>"

    async def serve(self) -> None:
        """Serve it until its connection is over."""
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
            for part in (self._listen, self._tell, self._keep_alive):
                nursery.start_soon(self._until_lost, part, name=f"console: {part.__name__}")

    async def _until_lost(self, part: Callable[[], Awaitable[None]]) -> None:
        """Do one part of the work; a connection that is lost ends all of it, and is no failure."""
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
            "role": self._asker.role.value,
            "topics": [*TOPICS, *STREAMS],
            "questions": [*QUESTIONS],
            "actions": [*DEEDS],
            "limits": {name: limits[name] for name in ("message_bytes", "messages", "subscriptions", "least_interval", "rows")},
        }

    # --- what is sent ---

    async def _send(self, message: Message) -> None:
        """Send it, within the time that a viewer may take to read."""
        await self._in_time(self._socket.send_message(json.dumps(message)), self._limits.send_time, "read too slowly")

    async def _in_time(self, sending: Awaitable[None], seconds: float, reason: str) -> None:
        with trio.move_on_after(seconds) as scope:
            await sending
        if scope.cancelled_caught:
            self._leave(_Gone(_POLICY_VIOLATION, reason))
            await trio.lowlevel.checkpoint()

    def _leave(self, end: _Gone) -> None:
        self._end = self._end or end
        self._scope.cancel(reason=end.reason)

    async def _keep_alive(self) -> None:
        while True:
            await trio.sleep(self._limits.ping_every)
            await self._in_time(self._socket.ping(), self._limits.ping_every, "did not answer a ping")

    async def _tell(self) -> None:
        """Tell it what it watches, whenever something is due."""
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
            return  # it was let go while another message was sent
        now = trio.current_time()
        subscription.due = now + subscription.every
        messages = subscription.watched.messages()
        if now >= subscription.ends and not any(message["type"] == "end" for message in messages):
            messages.append({"type": "end"})
        for message in messages:
            if message["type"] == "end":
                self._drop(subscription.id)
            await self._send({**message, "id": subscription.id})

    # --- what is read ---

    async def _listen(self) -> None:
        await self._send(self._hello())
        rate = Rate(self._limits.messages, trio.current_time())
        while True:
            text = await self._socket.get_message()
            if not rate.allows(trio.current_time()):
                self._leave(_Gone(_POLICY_VIOLATION, f"more than {self._limits.messages} messages a second"))
                await trio.lowlevel.checkpoint()
            for answer in await self._answers(text):
                await self._send(answer)

    async def _answers(self, text: str | bytes) -> list[Message]:
        await trio.lowlevel.checkpoint()
        try:
            message = _read(text)
        except SpecError as error:
            return [{"type": "error", "id": None, "error": told_error(error)}]
        name = message["id"]
        match message["type"]:
            case "ask" | "act":
                return [{**await answered(self._source, self._asker, message), "id": name}]
            case "watch":
                return self._tried(name, lambda: self._watch(name, message))
            case "resync":
                return self._tried(name, lambda: self._resync(name))
            case "unwatch":
                self._drop(name)
                return [{"type": "end", "id": name}]
            case other:
                known = SpecError(f"no message has the type {str(other)[:100]!r}; there are ask, act, watch, resync, unwatch")
                return [{"type": "error", "id": name, "error": told_error(known)}]

    def _tried(self, name: str, step: Callable[[], None]) -> list[Message]:
        try:
            step()
        except TrioactorsError as error:
            return [{"type": "error", "id": name, "error": told_error(error)}]
        self._changed.set()
        return []

    def _watch(self, name: str, message: Message) -> None:
        """Watch a topic; one that is watched under the same id is let go. Raises `SpecError`."""
        self._drop(name)
        if len(self._subscriptions) >= self._limits.subscriptions:
            raise SpecError(f"{self._limits.subscriptions} topics are watched already, which is the most; unwatch one")
        timing = _timing(message, self._limits.least_interval)
        view = watched(self._source, message.get("topic"), message.get("options", {}))
        scope = ExitStack()
        scope.enter_context(view.open())
        now = trio.current_time()
        self._subscriptions[name] = _Subscription(name, view, timing[0], now, scope, now + timing[1])

    def _resync(self, name: str) -> None:
        subscription = self._subscriptions.get(name)
        if subscription is None:
            raise SpecError(f"nothing is watched under the id {name!r}")
        subscription.watched.resync()
        subscription.due = trio.current_time()

    def _drop(self, name: str) -> None:
        subscription = self._subscriptions.pop(name, None)
        if subscription is not None:
            subscription.scope.close()


def _timing(message: Message, least: float) -> tuple[float, float]:
    """How often it is looked at, and for how long. Raises `SpecError`."""
    options = Options({name: message[name] for name in ("every", "seconds") if name in message}, "watch")
    return options.duration("every", 1.0, least=least), options.duration("seconds", math.inf, least=least, most=1e9)


def _read(text: str | bytes) -> Message:
    """The object that *text* holds, with its id and type. Raises `SpecError`."""
    if isinstance(text, bytes):
        raise SpecError("a message is text, and holds one JSON object")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"that is no JSON: {str(error)[:200]}") from None
    if not isinstance(message, dict):
        raise SpecError("a message is one JSON object")
    told = cast("Message", message)
    name = told.get("id")
    if not isinstance(name, str) or len(name) > _ID:
        raise SpecError(f"a message has an id, a text of at most {_ID} characters; answers carry it")
    return {"type": None, **told}
