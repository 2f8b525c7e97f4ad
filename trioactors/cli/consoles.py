"""Connections to a running console: from the typed URL to an open WebSocket.

A link works once, so it is good for one command. A token can be used again. Access is checked with an ordinary request first: a refusal is
then a readable line, and no half-open WebSocket is left behind.

The console sends something every second. If it does not, the program stands still or the line is dead: whoever reads is told how long this
has lasted, and again when it is over. A command must therefore read all the time, also while it has nothing to ask (`Live.pause`).
"""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, cast
from urllib.parse import urlsplit

import attrs
import trio

from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.words import OutputLost, plain
from trioactors.environment.extras import sockets

__all__ = ["Address", "Connect", "Live", "Silence", "connect_tcp", "is_console", "live"]

_SCHEMES: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_TIME: Final = 15.0
"""Seconds that a console has for each answer."""
_QUIET: Final = 2.4
"""Seconds without a message after which this is silence."""
_ANSWER: Final = 1_000_000
_LARGEST: Final = 64 * 1024 * 1024
"""Largest message in bytes; a whole tree is one message."""
_UPGRADE_REQUIRED: Final = 426
_SEE_OTHER: Final = 303


def is_console(url: str) -> bool:
    """Whether *url* is the URL of a console, not of a store."""
    return url.partition(":")[0].lower() in _SCHEMES


@attrs.frozen
class Address:
    """The address of a console, with the link or token that signs in."""

    host: str
    port: int
    encrypted: bool
    link: str = attrs.field(repr=False)
    """The path of the link; empty if the URL is not a link."""
    token: str | None = attrs.field(repr=False)

    @classmethod
    def of(cls, url: str, token: str | None) -> Address:
        """Parse a typed URL. Raises `Refused`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Refused(f"{plain(url)} is not a URL: {error}", ExitCode.USAGE) from None
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise Refused(f"{plain(url)} is not a console: use http://host:port, or the link it announced", ExitCode.USAGE)
        if parts.username is not None or parts.password is not None or parts.query:
            raise Refused(
                "a token or a password does not belong into a URL: use --token-file, or the variable of the environment",
                ExitCode.USAGE,
            )
        if parts.path not in {"", "/"} and not parts.path.startswith("/open/"):
            raise Refused(f"{plain(url)} has a path: use http://host:port, or the link that the console announced", ExitCode.USAGE)
        link = parts.path if parts.path.startswith("/open/") else ""
        encrypted = parts.scheme in {"https", "wss"}
        return cls(parts.hostname, _SCHEMES[parts.scheme] if port is None else port, encrypted, link, token)

    @property
    def netloc(self) -> str:
        """The value of the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _SCHEMES["https" if self.encrypted else "http"] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The value of the header `Origin`."""
        return f"{'https' if self.encrypted else 'http'}://{self.netloc}"


Connect: TypeAlias = Callable[[Address], Awaitable[trio.abc.Stream]]
Silence: TypeAlias = Callable[[float], None]
"""Called with the seconds without a message: once a second while nothing comes, and with 0 when something comes again."""


async def connect_tcp(address: Address) -> trio.abc.Stream:
    """Open a stream to the console. Raises `OSError`."""
    stream = await trio.open_tcp_stream(address.host, address.port)
    if not address.encrypted:
        return stream
    return trio.SSLStream(stream, ssl.create_default_context(), server_hostname=address.host, https_compatible=True)


class Live:
    """An open connection to a console."""

    def __init__(self, socket: Any, lost: type[Exception], address: Address) -> None:
        self._socket = socket
        self._lost = lost
        self._address = address
        self._heard = trio.current_time()
        self._silence: Silence | None = None

    def on_silence(self, told: Silence) -> None:
        """Let *told* know of silence. From now on, no wait gives up: the user does, who knows how long it has lasted."""
        self._silence = told

    async def send(self, **message: Any) -> None:
        """Send a message. Raises `Refused` if the connection is lost."""
        try:
            await self._socket.send_message(json.dumps(message))
        except self._lost as error:
            raise self._lost_connection(error) from None

    async def receive(self) -> dict[str, Any]:
        """Receive the next message that says something. Raises `Refused` if the connection is lost."""
        try:
            while (message := json.loads(await self._next()))["type"] == "beat":
                pass
        except self._lost as error:
            raise self._lost_connection(error) from None
        return cast("dict[str, Any]", message)

    async def _next(self) -> str | bytes:
        told, deadline = False, self._heard + _QUIET
        while True:
            with trio.move_on_at(deadline):
                text: str | bytes = await self._socket.get_message()
                self._heard = trio.current_time()
                if told and self._silence is not None:
                    self._silence(0.0)
                return text
            told, deadline = True, trio.current_time() + 1.0
            if self._silence is not None:
                self._silence(trio.current_time() - self._heard)

    async def pause(self, seconds: float) -> None:
        """Let time pass, and go on reading. Raises `Refused` if the connection is lost."""
        with trio.move_on_after(seconds):
            while True:
                await self.receive()

    async def meanwhile(self, step: Callable[[], Awaitable[None]]) -> None:
        """Carry out *step*, and go on reading. Raises `Refused` as the step does, or if the connection is lost."""
        failed: Refused | None = None
        await trio.lowlevel.checkpoint()
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                nonlocal failed
                await trio.lowlevel.checkpoint()
                try:
                    await self.pause(math.inf)
                except Refused as lost:
                    failed = lost
                nursery.cancel_scope.cancel()

            nursery.start_soon(read)
            try:
                await step()
            except Refused as refused:
                failed = refused  # raised below: the nursery would wrap it in a group
            nursery.cancel_scope.cancel()
        if failed is not None:
            raise failed

    async def look(self, topic: str, **options: Any) -> Any:
        """The current value of a topic. Raises `Refused`, with the console's error if it answers one."""
        return await self.ask("look", topic=topic, **options)

    async def ask(self, what: str, *, seconds: float = 0.0, **options: Any) -> Any:
        """The answer to a question that may take *seconds*. Raises `Refused`, with the console's error if it answers one."""
        return await self._answered("ask", what, options, _TIME + seconds)

    async def act(self, what: str, *, seconds: float = 0.0, **options: Any) -> Any:
        """Carry out an action that may take *seconds*. Raises `Refused`, which says so if the action may have been done all the same."""
        try:
            return await self._answered("act", what, options, _TIME + seconds)
        except Refused as refused:
            if refused.code is not ExitCode.UNREACHABLE:
                raise
            raise Refused(f"{refused}; the action may have been done: see `trioactors audit`", refused.code) from None

    async def _answered(self, kind: str, what: str, options: dict[str, Any], seconds: float) -> Any:
        given = {name: value for name, value in options.items() if value is not None}
        with trio.move_on_after(seconds if self._silence is None else math.inf):
            await self.send(type=kind, id=what, what=what, options=given)
            answer = await self.receive()
            if answer.get("ok"):
                return answer["value"]
            raise Refused(_problem(answer["error"]))
        raise Refused(f"the console at {self._address.netloc} does not answer", ExitCode.UNREACHABLE)

    def _lost_connection(self, error: Exception) -> Refused:
        reason = getattr(getattr(error, "reason", None), "reason", None)
        why = f": {plain(str(reason))}" if reason else ", or its program has ended"
        return Refused(f"the console at {self._address.netloc} has closed the connection{why}", ExitCode.UNREACHABLE)


def _problem(error: dict[str, Any]) -> str:
    """The text of an error, with each bad argument."""
    rest = error.get("problems", [])[1:]
    text = str(error["text"]).removesuffix(f" (and {len(rest)} more)")
    return "; ".join([text, *(f"{problem['path']}: {problem['text']}" for problem in rest)])


@asynccontextmanager
async def live(address: Address, connect: Connect) -> AsyncGenerator[Live, None]:
    """Connect to a console for the duration of the block. Raises `Refused`."""
    library = sockets()
    try:
        with trio.fail_after(_TIME):
            headers = await _signed_in(address, connect)
            stream = await connect(address)
    except (OSError, trio.BrokenResourceError) as error:
        raise Refused(f"no console answers at {address.netloc}: {_reason(error)}", ExitCode.UNREACHABLE) from None
    except trio.TooSlowError:
        raise Refused(f"no console answers at {address.netloc} within {_TIME:g} s", ExitCode.UNREACHABLE) from None
    failed: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield await _opened(nursery, stream, address, headers)
            except (Refused, OutputLost, OSError, UnicodeError, KeyboardInterrupt) as error:
                failed = error  # raised below: the nursery would wrap it in a group
            nursery.cancel_scope.cancel()
    except* KeyboardInterrupt:
        failed = KeyboardInterrupt()
    except* (library.HandshakeError, library.ConnectionClosed, trio.BrokenResourceError):
        failed = failed or Refused(f"the console at {address.netloc} has closed the connection", ExitCode.UNREACHABLE)
    finally:
        await trio.aclose_forcefully(stream)
    if failed is not None:
        raise failed


def _reason(error: Exception) -> str:
    """Why there is no connection, for the user."""
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return str(error.__cause__)
    if isinstance(error.__cause__, ssl.SSLError):
        return f"it does not speak https ({error.__cause__.reason}); try http://"
    return str(error)


async def _opened(nursery: trio.Nursery, stream: trio.abc.Stream, address: Address, headers: dict[str, str]) -> Live:
    library = sockets()
    extra = [(name.encode(), value.encode()) for name, value in {**headers, "Origin": address.origin}.items()]
    with trio.move_on_after(_TIME):
        socket = await library.wrap_client_stream(
            nursery, stream, address.netloc, "/live", extra_headers=extra, max_message_size=_LARGEST
        )
        console = Live(socket, library.ConnectionClosed, address)
        hello = await console.receive()
        if hello.get("type") == "hello" and hello.get("version") == 1:
            return console
        raise Refused(
            f"the server at {address.netloc} uses another version of the console protocol; use the same version of trioactors"
        )
    raise Refused(f"the console at {address.netloc} does not answer", ExitCode.UNREACHABLE)


async def _signed_in(address: Address, connect: Connect) -> dict[str, str]:
    """Sign in and return the request headers for it. Raises `Refused`."""
    headers: dict[str, str] = {} if address.token is None else {"Authorization": f"Bearer {address.token}"}
    if address.link:
        form = {"Origin": address.origin, "Content-Length": "0"}
        status, answered, text = await _request("POST", address, connect, address.link, form)
        if status != _SEE_OTHER or "set-cookie" not in answered:
            raise Refused(f"the console says: {text}")
        headers = {"Cookie": answered["set-cookie"].partition(";")[0]}
    status, _, text = await _request("GET", address, connect, "/live", headers)
    if status != _UPGRADE_REQUIRED:
        raise Refused(f"the console says: {text or status}")
    return headers


async def _request(
    method: str, address: Address, connect: Connect, path: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], str]:
    """Request *path*; return the status, headers and text of the answer. Raises `Refused`."""
    stream = await connect(address)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
    answer = b""
    try:
        await stream.send_all("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        while len(answer) < _ANSWER and (some := await stream.receive_some()):
            answer += some
    finally:
        await trio.aclose_forcefully(stream)
    head, _, body = answer.decode("utf-8", "replace").partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    words = first.split()
    if len(words) < 2 or not first.startswith("HTTP/1.") or not words[1].isdigit():  # noqa: PLR2004 - protocol and status
        raise Refused(f"the server at {address.netloc} is not a console", ExitCode.UNREACHABLE)
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    return int(words[1]), found, " ".join(body.split())[:500]
