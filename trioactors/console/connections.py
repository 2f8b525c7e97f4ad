"""Connections to a console. An error in one connection closes it and is logged; the others and the application are not affected."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any, Final

import attrs
import trio

from trioactors.console.access import Access, Head, Refusal, Role, Session
from trioactors.console.audit import Client
from trioactors.console.encrypted import ALERT, Encrypted, EncryptedPeers
from trioactors.console.heads import Answer, Replayed, check_handshake, last_words_read, read_head, send_answer, wants_socket
from trioactors.console.health import health
from trioactors.console.metrics import metrics
from trioactors.console.pages import page
from trioactors.console.sign_in import LINK, LinkPages
from trioactors.console.source import Source
from trioactors.console.viewers import Viewer
from trioactors.environment.extras import sockets

__all__ = ["LIVE", "SESSION", "Connections"]

_log = logging.getLogger("trioactors.console")

LIVE: Final = "/live"
"""The path of the WebSocket."""
SESSION: Final = "/session"
"""The path at which a page asks whether it is signed in."""
_HEALTH: Final = ("/health", "/health/live")
_SHORT_HEAD: Final = 4_096
_SHORT_TIME: Final = 1.0
"""Longest head in bytes, and its deadline in seconds, for a connection beyond the limit."""
_WAITING: Final = 16
"""Connections beyond the limit whose head is read at the same time."""
_FAREWELL: Final = 1.0
"""Seconds that closing a socket may take."""
_PROTOCOL_ERRORS: Final = (1002, 1007, 1009)
"""The close codes of frames that are no WebSocket's, text that is no UTF-8, and messages that are too long."""
_LOST: Final = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)
"""The errors that are raised when the peer disconnects."""


@attrs.frozen
class _Admitted:
    """A request for a WebSocket that is allowed: the bytes read so far, and who sent it."""

    read: bytes = attrs.field(repr=False)
    role: Role
    session: Session | None
    """The session, if it was signed in with a link."""


@attrs.define(eq=False)
class Connections:
    """The connections to one console."""

    source: Source
    access: Access
    base: str
    """The URL of the console: scheme, host and port."""
    link_pages: LinkPages = attrs.field(repr=False)
    encrypted: EncryptedPeers = attrs.field(repr=False)
    connected: int = attrs.field(default=0, init=False)
    _waiting: deque[trio.CancelScope] = attrs.field(factory=deque[trio.CancelScope], init=False, repr=False)
    """The connections beyond the limit whose head is being read."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until it is closed. No error in it reaches the application."""
        address, present = "a peer that has left", False
        self.connected += 1
        try:
            address = _address(stream)
            await self._served(stream, address)
            present = True
        except* _LOST:
            pass
        except* (KeyboardInterrupt, trio.Cancelled):
            raise
        except* BaseException:  # also SystemExit, from a function or a state of the user's
            _log.exception("the connection from %s failed and was closed", address)
        finally:
            self.connected -= 1  # before the peer has read the end: it takes no place of others
            try:
                if present:
                    await last_words_read(stream)  # noqa: ASYNC102 - it has a deadline, and may be cancelled
            finally:
                await trio.aclose_forcefully(stream)

    async def _served(self, stream: trio.abc.Stream, address: str) -> None:
        admitted: _Admitted | None = None
        with trio.move_on_after(self.source.limits.head_time):
            if self.connected > self.source.limits.connections:
                answer, head_only = await self._over_limit(stream)
                await self._send(stream, answer, head_only=head_only)
            else:
                admitted = await self._respond(stream, address)
        if admitted is not None:
            await self._live(Replayed(admitted.read, stream), Client(address, admitted.role), admitted.session)

    async def _over_limit(self, stream: trio.abc.Stream) -> tuple[Answer, bool]:
        """The answer to a connection beyond the limit, and whether to send only its head.

        A health check is answered even now: a process manager would end the program without an answer. Its head must be short and arrive
        soon. Only a few such heads are read at a time; with one more, the oldest is given up.
        """
        found = None
        scope = trio.CancelScope(deadline=trio.current_time() + _SHORT_TIME)
        self._waiting.append(scope)
        if len(self._waiting) > _WAITING:
            self._waiting.popleft().cancel(reason="newer connections arrived")
        try:
            with scope:
                found = await self._health_only(stream)
        finally:
            with suppress(ValueError):
                self._waiting.remove(scope)
        return found or (Answer.text(503, "Too many connections are open."), False)

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

    async def _send(self, stream: trio.abc.Stream, answer: Answer, *, head_only: bool) -> None:
        await send_answer(stream, answer, head_only=head_only, isolated=self.access.isolated)

    async def _respond(self, stream: trio.abc.Stream, address: str) -> _Admitted | None:
        """Answer one request. If it asks for a WebSocket and is allowed to, return what was read so far and as whom instead."""
        head_only = False
        try:
            found = await read_head(stream, self.source.limits.head_bytes)
            if found is None:
                return None
            head, read = found
            head_only = head.method == "HEAD"
            if head.path == LIVE and wants_socket(head):
                self.access.check_host(head)
                check_handshake(head)
                now = trio.current_time()
                return _Admitted(read, self.access.check_socket(head, now), self.access.session_of(head, now))
            answer = self._answer(head, address)
        except Encrypted:
            self.encrypted.report(address, trio.current_time())
            await stream.send_all(ALERT)
            return None
        except Refusal as refusal:
            _log.info("refused a request from %s: %s", address, refusal)
            answer = Answer.of(refusal)
        await self._send(stream, answer, head_only=head_only)
        return None

    def _answer(self, head: Head, address: str) -> Answer:
        """The answer to one request. Raises `Refusal`."""
        if head.path in _HEALTH and head.method in {"GET", "HEAD"}:
            return self._health(head)
        self.access.check_host(head)
        if (found := self.link_pages.answer(head, address)) is not None:
            return found
        if head.method not in {"GET", "HEAD"}:
            raise Refusal(405, "Only GET and HEAD are served here; actions go through the WebSocket.")
        if (found := page(head)) is not None:
            return found
        if head.path == "/link" and head.method == "GET":
            role = self.access.role_by_token(head)
            return Answer.text(200, f"{self.base}{LINK}{self.access.new_link(role)}")
        if head.path == "/metrics":
            self.access.role_of(head, trio.current_time())
            return metrics(self.source.system)
        if head.path == SESSION:
            return self._session(head)
        if head.path == LIVE:
            self.access.role_of(head, trio.current_time())
            raise Refusal(426, "Only a WebSocket is served here.")
        raise Refusal(404, "Not found. Try /, /live, /health or /metrics.")

    def _session(self, head: Head) -> Answer:
        """The role of the client, or null. A page asks here first, because a browser does not say why a WebSocket was refused."""
        try:
            role = self.access.role_of(head, trio.current_time()).value
        except Refusal:
            role = None
        return Answer.data({"role": role})

    async def _live(self, stream: Replayed, client: Client, session: Session | None) -> None:
        """Open the WebSocket and serve the viewer on it."""
        library = sockets()
        async with trio.open_nursery() as nursery:
            socket = None
            with trio.move_on_after(self.source.limits.head_time):
                request = await library.wrap_server_stream(nursery, stream, max_message_size=self.source.limits.message_bytes)
                socket = await request.accept()
                stream.owed = partial(_owed, socket)
            if socket is not None:
                _log.info("%s connected (%s)", client.address, client.role.value)
                await Viewer(socket, self.source, client, session, lost=library.ConnectionClosed).serve()
                with trio.move_on_after(_FAREWELL):
                    await socket.aclose()
            nursery.cancel_scope.cancel()


def _owed(socket: Any) -> tuple[int, str] | None:
    """The close code of a protocol error and its reason."""
    closed = socket.closed
    return None if closed is None or int(closed.code) not in _PROTOCOL_ERRORS else (int(closed.code), str(closed.reason or ""))


def _address(stream: trio.abc.Stream) -> str:
    """The remote address of a connection. Raises `OSError` if the peer has reset it."""
    if not isinstance(stream, trio.SocketStream):
        return repr(type(stream).__name__)
    host, port = stream.socket.getpeername()[:2]
    return f"{host}:{port}"
