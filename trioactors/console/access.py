"""Authentication and roles, decided on the head of a request before anything else happens.

There are three ways to sign in. A *link* works once: it is exchanged for a session cookie that scripts cannot read and other sites cannot
make a browser send, and the next link is announced where the first one was. A *token* is for programs, in the header
`Authorization: Bearer`. The user's function `authorize` decides by the request headers, for use behind a proxy that authenticates users.

Any page in a browser can make it send requests to this port. Three checks prevent misuse: `Host` must be a name of this console (which
stops DNS rebinding), `Origin` must be that host with its scheme, and a socket opened with a cookie must send its origin. Secrets are
compared in constant time.
"""

from __future__ import annotations

import enum
import hmac
import logging
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Literal, TypeAlias

import attrs

from trioactors.console.limits import ConsoleLimits

__all__ = ["Access", "Authorize", "Head", "Refusal", "Role", "RoleWord", "Session"]

_log = logging.getLogger("trioactors.console")


class Role(enum.Enum):
    """The permissions of a viewer."""

    VIEWER = "viewer"
    """Read-only access."""
    ADMIN = "admin"
    """Also restart and stop children, and resend dead letters."""


RoleWord: TypeAlias = Literal["viewer", "admin"]
"""The words that stand for the members of `Role`."""


Authorize: TypeAlias = Callable[[Mapping[str, str]], Role | RoleWord | None]


class Refusal(Exception):
    """A refused request: the HTTP status, and one line of text for the user."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


@attrs.frozen
class Head:
    """The head of a request, with header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    """The values of a header that was sent more than once are joined, so that none of them is taken for the only one."""
    twice: frozenset[str] = frozenset()
    """Headers that were sent more than once."""
    version: str = "1.1"
    """The version of HTTP."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@attrs.define(eq=False)
class Session:
    """A sign-in by link."""

    key: str = attrs.field(repr=False)
    role: Role
    ends: float
    _leaving: set[Callable[[str], None]] = attrs.field(factory=set[Callable[[str], None]], init=False, repr=False)

    @contextmanager
    def used(self, leave: Callable[[str], None]) -> Generator[None, None, None]:
        """While this block is open, *leave* is called with the reason if the session is ended early."""
        self._leaving.add(leave)
        try:
            yield
        finally:
            self._leaving.discard(leave)

    def end(self, reason: str) -> None:
        """Let all who use the session leave."""
        for leave in tuple(self._leaving):
            leave(reason)


@attrs.define
class Access:
    """The secrets of one console and the roles they grant."""

    new_secret: Callable[[], str] = attrs.field(repr=False)
    limits: ConsoleLimits
    hosts: frozenset[str]
    """The accepted values of `Host`, in lower case, with the port."""
    https: frozenset[str] = attrs.field(default=frozenset[str](), kw_only=True)
    """Those of them that browsers open over https, because a proxy handles it."""
    cookie: str
    """The name of the cookie. Cookies do not depend on the port, so each console has a name of its own."""
    secure: bool = False
    """Whether browsers send the cookie over https only."""
    isolated: bool = True
    """Whether the page has a secure context: it is served over https or on this machine."""
    link_role: Role = Role.VIEWER
    token: str | None = attrs.field(default=None, repr=False)
    admin_token: str | None = attrs.field(default=None, repr=False)
    authorize: Authorize | None = attrs.field(default=None, repr=False)
    _links: dict[str, Role] = attrs.field(factory=dict[str, Role], init=False, repr=False)
    _sessions: deque[Session] = attrs.field(factory=deque[Session], init=False, repr=False)

    # --- links and sessions ---

    def new_link(self, role: Role | None = None) -> str:
        """Return the key of a link for one sign-in. Only the last few unused links are kept."""
        key = self.new_secret()
        self._links[key] = self.link_role if role is None else role
        while len(self._links) > self.limits.sessions:
            self._links.pop(next(iter(self._links)))
        return key

    def is_link(self, key: str) -> bool:
        """Whether *key* is that of an unused link. Asking does not use it."""
        return _same_in(key, list(self._links)) is not None

    def redeem(self, key: str, now: float) -> Session:
        """Exchange the key of a link for a session. Raises `Refusal` if the key is unknown or was used before."""
        known = _same_in(key, list(self._links))
        if known is None:
            raise Refusal(
                403,
                "This link is invalid or has already been used: each link works once. The program prints the next link where it printed"
                " the first, with the address that used the last one. If that address is not yours, stop the console.",
            )
        session = Session(self.new_secret(), self._links.pop(known), now + self.limits.session_time)
        self._sessions.append(session)
        while len(self._sessions) > self.limits.sessions:
            self._sessions.popleft().end("too many others have signed in since")
        return session

    def forget(self, session: Session) -> None:
        """End *session*: its cookie is worth nothing from now on, and its viewers leave."""
        if session in self._sessions:
            self._sessions.remove(session)
        session.end("signed out")

    def set_cookie(self, session: Session) -> str:
        """The value of the `Set-Cookie` header that stores *session* in the browser."""
        return self._cookie(session.key, int(self.limits.session_time))

    def remove_cookie(self) -> str:
        """The value of the `Set-Cookie` header that removes the cookie from the browser."""
        return self._cookie("", 0)

    def _cookie(self, value: str, seconds: int) -> str:
        rest = f"Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict"
        return f"{self.cookie}={value}; {rest}{'; Secure' if self.secure else ''}"

    # --- requests ---

    def check_host(self, head: Head) -> None:
        """Check that the request is for this console and not sent by a page of another site. Raises `Refusal`."""
        host = head.headers.get("host", "").lower()
        if host not in self.hosts or "host" in head.twice:
            raise Refusal(
                421,
                f"This console is not served as {host or 'nothing'!r}. Open it as {', '.join(sorted(self.hosts))}, or set public_url.",
            )
        origin, expected = head.headers.get("origin"), f"{'https' if host in self.https else 'http'}://{host}"
        if origin is not None and ("origin" in head.twice or origin.lower() != expected):
            raise Refusal(403, f"A page of {origin!r} may not connect to this console, which is {expected}.")

    def role_by_token(self, head: Head) -> Role:
        """The role that the token in *head* grants. Raises `Refusal` if there is no valid token."""
        role = self._by_token(head)
        if role is None:
            raise Refusal(401, "A new link requires a token in the header Authorization: Bearer.")
        return role

    def role_of(self, head: Head, now: float) -> Role:
        """The role of the sender of *head*. Raises `Refusal` if the sender is not signed in."""
        session = self.session_of(head, now)
        role = self._by_token(head) or (None if session is None else session.role) or self._by_authorize(head)
        if role is None:
            raise Refusal(
                401, "Sign in first, with the link that the program announced or with a token in the header Authorization: Bearer."
            )
        return role

    def check_socket(self, head: Head, now: float) -> Role:
        """As `role_of`, for a WebSocket: browsers always send the origin there, so a request with a cookie must have one."""
        role = self.role_of(head, now)
        if "origin" not in head.headers and self._by_token(head) is None and "cookie" in head.headers:
            raise Refusal(403, "A socket opened with a cookie must send the header Origin.")
        return role

    def _by_token(self, head: Head) -> Role | None:
        scheme, _, given = head.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or "authorization" in head.twice:
            return None
        if self.admin_token is not None and _same(given.strip(), self.admin_token):
            return Role.ADMIN
        return Role.VIEWER if self.token is not None and _same(given.strip(), self.token) else None

    def session_of(self, head: Head, now: float) -> Session | None:
        """The session whose cookie the request has, if it has not ended."""
        alive = {session.key: session for session in self._sessions if session.ends > now}
        for part in head.headers.get("cookie", "").split(";"):  # other programs under this host name set cookies too, of any form
            name, _, value = part.strip().partition("=")
            known = _same_in(value, list(alive)) if name == self.cookie else None
            if known is not None:
                return alive[known]
        return None

    def _by_authorize(self, head: Head) -> Role | None:
        if self.authorize is None:
            return None
        try:
            answer = self.authorize(head.headers)
            return None if answer is None else Role(answer)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: ASYNC103 - if the user's function fails in any way, access is denied
            _log.exception("authorize=%r failed; the request was refused", self.authorize)
            return None  # noqa: ASYNC104 - no wait, so no Cancelled


def _same(given: str, known: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), known.encode())


def _same_in(given: str, known: list[str]) -> str | None:
    """The equal element of *known*, or None. All elements are compared, so the time is constant."""
    found = [each for each in known if _same(given, each)]
    return found[0] if found else None
