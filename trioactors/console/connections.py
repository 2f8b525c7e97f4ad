"""One connection, from its first byte to its end. Whatever goes wrong in it ends it, is logged, and concerns nobody else."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import attrs
import trio

from trioactors.console.access import Access, Head, Refusal, Role
from trioactors.console.actions import Asker
from trioactors.console.heads import Answer, Replayed, read_head, send_answer, wants_socket
from trioactors.console.health import health
from trioactors.console.metrics import metrics
from trioactors.console.pages import page
from trioactors.console.topics import Source
from trioactors.console.viewers import Viewer
from trioactors.environment.extras import sockets
from trioactors.errors import SpecError

__all__ = ["LINK", "LIVE", "SESSION", "Connections"]

_log = logging.getLogger("trioactors.console")

LIVE: Final = "/live"
"""Where a viewer opens its socket."""
SESSION: Final = "/session"
"""Where a page asks whether it is signed in."""
LINK: Final = "/open/"
"""How the path of a link begins."""
_HEALTH: Final = ("/health", "/health/live")
_SHORT_HEAD: Final = 4_096
_SHORT_TIME: Final = 1.0
"""Bytes of the head, and seconds until it is there, of whoever comes when too many are here."""
_WAITING: Final = 16
"""So many of them are waited for at once."""
_FAREWELL: Final = 1.0
"""How many seconds the end of a socket may take."""
_LOST: Final = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)
"""What a peer that goes away looks like."""


@attrs.define(eq=False)
class Connections:
    """Everybody who is connected to one console."""

    source: Source
    access: Access
    base: str
    """How the console is reached: scheme, host and port."""
    used: Callable[[str], None] = attrs.field(repr=False)
    """Told of the address from which a link was used."""
    connected: int = attrs.field(default=0, init=False)
    _waiting: deque[trio.CancelScope] = attrs.field(factory=deque[trio.CancelScope], init=False, repr=False)
    """Those beyond the limit whose head is read."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. This is the wall behind which the application lives."""
        address = _address(stream)
        self.connected += 1
        try:
            await self._served(stream, address)
        except* _LOST:
            pass
        except* Exception:
            _log.exception("the console's connection from %s failed, and was closed", address)
        finally:
            self.connected -= 1
            await trio.aclose_forcefully(stream)

    async def _served(self, stream: trio.abc.Stream, address: str) -> None:
        admitted: tuple[bytes, Role] | None = None
        with trio.move_on_after(self.source.limits.head_time):
            if self.connected > self.source.limits.connections:
                answer, head_only = await self._beyond(stream)
                await self._give(stream, answer, head_only=head_only)
            else:
                admitted = await self._exchange(stream, address)
        if admitted is not None:
            await self._live(Replayed(admitted[0], stream), Asker(address, admitted[1]))

    async def _beyond(self, stream: trio.abc.Stream) -> tuple[Answer, bool]:
        """What one gets who comes when too many are here, and whether the head of it is enough.

        It is the health if that is asked for, since whoever asks would else end the program. The head must be short and come soon. Only a
        few are waited for; one more, and the oldest of them has waited long enough.
        """
        found = None
        scope = trio.CancelScope(deadline=trio.current_time() + _SHORT_TIME)
        self._waiting.append(scope)
        if len(self._waiting) > _WAITING:
            self._waiting.popleft().cancel(reason="others came")
        try:
            with scope:
                found = await self._health_only(stream)
        finally:
            with suppress(ValueError):
                self._waiting.remove(scope)
        return found or (Answer.text(503, "Too many connections are open here already."), False)

    async def _health_only(self, stream: trio.abc.Stream) -> tuple[Answer, bool] | None:
        await trio.lowlevel.checkpoint()
        try:
            found = await read_head(stream, min(_SHORT_HEAD, self.source.limits.head_bytes))
        except Refusal:
            return None
        if found is None or found[0].path not in _HEALTH or found[0].method not in {"GET", "HEAD"}:
            return None
        head, _ = found
        return self._health(head), head.method == "HEAD"

    def _health(self, head: Head) -> Answer:
        return health(self.source.system, readiness=head.path == _HEALTH[0])

    async def _give(self, stream: trio.abc.Stream, answer: Answer, *, head_only: bool) -> None:
        await send_answer(stream, answer, head_only=head_only, isolated=self.access.isolated)

    async def _exchange(self, stream: trio.abc.Stream, address: str) -> tuple[bytes, Role] | None:
        """Answer one request. Where it asks for a socket, and may have one: what was read of it, and the role."""
        head_only = False
        try:
            found = await read_head(stream, self.source.limits.head_bytes)
            if found is None:
                return None
            head, read = found
            head_only = head.method == "HEAD"
            if head.path == LIVE and wants_socket(head):
                self.access.check_host(head)
                return read, self.access.check_socket(head, trio.current_time())
            answer = self._answer(head, address)
        except Refusal as refusal:
            _log.info("refused a request of %s: %s", address, refusal)
            answer = Answer.of(refusal)
        await self._give(stream, answer, head_only=head_only)
        return None

    def _answer(self, head: Head, address: str) -> Answer:
        """What one request gets. Raises `Refusal`."""
        if head.method not in {"GET", "HEAD"}:
            raise Refusal(405, "Only GET and HEAD are served here; what acts goes through the socket.")
        if head.path in _HEALTH:
            return self._health(head)
        self.access.check_host(head)
        if (found := page(head)) is not None:
            return found
        if head.path.startswith(LINK) and head.method == "GET":
            return self._signed_in(head.path.removeprefix(LINK), address)
        if head.path == "/link" and head.method == "GET":
            role = self.access.role_by_token(head)
            return Answer.text(200, f"{self.base}{LINK}{self.access.new_link(role)}")
        if head.path == "/metrics":
            self.access.role_of(head, trio.current_time())
            return self._metrics()
        if head.path == SESSION:
            return self._session(head)
        if head.path == LIVE:
            self.access.role_of(head, trio.current_time())
            raise Refusal(426, "A WebSocket is served here, and nothing else.")
        raise Refusal(404, "Nothing is here. There are /, /live, /health and /metrics.")

    def _signed_in(self, key: str, address: str) -> Answer:
        session = self.access.redeem(key, trio.current_time())
        self.used(address)
        return Answer(303, headers={"Location": "/", "Set-Cookie": self.access.set_cookie(session)})

    def _session(self, head: Head) -> Answer:
        """Who asks, as far as we know: a socket that is refused cannot tell a page why, and this is no error in a browser."""
        try:
            role = self.access.role_of(head, trio.current_time()).value
        except Refusal:
            role = None
        return Answer.data({"role": role})

    def _metrics(self) -> Answer:
        try:
            return metrics(self.source.system)
        except SpecError as missing:
            return Answer.text(501, str(missing))

    async def _live(self, stream: trio.abc.Stream, asker: Asker) -> None:
        """Open the socket, and serve the viewer on it."""
        library = sockets()
        async with trio.open_nursery() as nursery:
            socket = None
            with trio.move_on_after(self.source.limits.head_time):
                request = await library.wrap_server_stream(nursery, stream, max_message_size=self.source.limits.message_bytes)
                socket = await request.accept()
            if socket is not None:
                _log.info("%s looks (%s)", asker.address, asker.role.value)
                await Viewer(socket, self.source, asker, lost=library.ConnectionClosed).serve()
                with trio.move_on_after(_FAREWELL):
                    await socket.aclose()
            nursery.cancel_scope.cancel()


def _address(stream: trio.abc.Stream) -> str:
    """Where a connection comes from."""
    if not isinstance(stream, trio.SocketStream):
        return repr(type(stream).__name__)
    host, port = stream.socket.getpeername()[:2]
    return f"{host}:{port}"
