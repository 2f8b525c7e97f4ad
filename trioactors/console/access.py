"""Who may look, and who may act. Decided on the head of a request, before anything else happens.

Three ways lead in. A *link* is good for one sign-in: it is exchanged for a session in a cookie that no script can read and no other site
makes a browser send, and the next link is announced where the first one was. A *token* is for programs, in the header
`Authorization: Bearer`. A function of the user's, `authorize`, decides by the headers: for a proxy that knows people.

A browser can be made to speak to this port by any page that it shows. Three checks stand against that: the `Host` must be one of ours (a
name that was bound to this address behind our back is none), the `Origin` must be that host, and a socket that is opened with a cookie
must say its origin. Secrets are compared in constant time.
"""

from __future__ import annotations

import enum
import hmac
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urlsplit

import attrs

from trioactors.console.limits import ConsoleLimits

__all__ = ["Access", "Authorize", "Head", "Refusal", "Role", "Session"]

_log = logging.getLogger("trioactors.console")


class Role(enum.Enum):
    """What somebody may do."""

    VIEWER = "viewer"
    """See everything that is shown."""
    ADMIN = "admin"
    """Act on it as well: restart, stop, send again."""


Authorize: TypeAlias = Callable[[Mapping[str, str]], Role | str | None]


class Refusal(Exception):
    """A request that is not served: the status, and a line for the person who sees it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@attrs.frozen
class Head:
    """The head of a request; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    twice: frozenset[str] = frozenset()
    """Headers that came more than once."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@attrs.frozen
class Session:
    """Somebody who has signed in with a link."""

    key: str = attrs.field(repr=False)
    role: Role
    ends: float


@attrs.define
class Access:
    """The secrets of one console, and what they open."""

    new_secret: Callable[[], str] = attrs.field(repr=False)
    limits: ConsoleLimits
    hosts: frozenset[str]
    """What a `Host` may be, in lower case, with the port."""
    cookie: str
    """The name of the cookie. Cookies do not know ports, so each console has its own."""
    secure: bool = False
    """Whether browsers may send the cookie over https only."""
    isolated: bool = True
    """Whether browsers trust the way to here: https, or this machine itself."""
    link_role: Role = Role.VIEWER
    token: str | None = attrs.field(default=None, repr=False)
    admin_token: str | None = attrs.field(default=None, repr=False)
    authorize: Authorize | None = attrs.field(default=None, repr=False)
    _links: dict[str, Role] = attrs.field(factory=dict[str, Role], init=False, repr=False)
    _sessions: deque[Session] = attrs.field(factory=deque[Session], init=False, repr=False)

    # --- links and sessions ---

    def new_link(self, role: Role | None = None) -> str:
        """The key of a link that is good for one sign-in; only the last few that nobody has used are kept."""
        key = self.new_secret()
        self._links[key] = self.link_role if role is None else role
        while len(self._links) > self.limits.sessions:
            self._links.pop(next(iter(self._links)))
        return key

    def redeem(self, key: str, now: float) -> Session:
        """Exchange the key of a link for a session. Raises `Refusal`, also for a key that was used before."""
        known = _same_in(key, list(self._links))
        if known is None:
            raise Refusal(
                403,
                "This link was used already, or never was one: each link signs in once. Whoever runs the program finds a new one where"
                " it announced the first, and the announcement says who used the last. If that was not you, stop the console.",
            )
        session = Session(self.new_secret(), self._links.pop(known), now + self.limits.session_time)
        self._sessions.append(session)
        while len(self._sessions) > self.limits.sessions:
            self._sessions.popleft()
        return session

    def set_cookie(self, session: Session) -> str:
        """The header that gives a browser its session."""
        rest = f"Max-Age={int(self.limits.session_time)}; Path=/; HttpOnly; SameSite=Strict"
        return f"{self.cookie}={session.key}; {rest}{'; Secure' if self.secure else ''}"

    # --- requests ---

    def check_host(self, head: Head) -> None:
        """The request is meant for us, and no page of another site sent it. Raises `Refusal`."""
        host = head.headers.get("host", "").lower()
        if host not in self.hosts or "host" in head.twice:
            raise Refusal(
                421,
                f"No console is served as {host or 'nothing'!r} here. Open it as {', '.join(sorted(self.hosts))}, or set public_url.",
            )
        origin = head.headers.get("origin")
        if origin is not None and (urlsplit(origin).scheme not in {"http", "https"} or origin.lower().partition("://")[2] != host):
            raise Refusal(403, f"A page of {origin!r} may not speak to this console.")

    def role_by_token(self, head: Head) -> Role:
        """What whoever sent a token may do. Raises `Refusal` for those who sent none, or another."""
        role = self._by_token(head)
        if role is None:
            raise Refusal(401, "A new link is for those who have a token: in the header Authorization: Bearer.")
        return role

    def role_of(self, head: Head, now: float) -> Role:
        """What whoever sent *head* may do. Raises `Refusal`."""
        role = self._by_token(head) or self._by_cookie(head, now) or self._by_authorize(head)
        if role is None:
            raise Refusal(
                401, "Sign in first: with the link that the program announced, or a token in the header Authorization: Bearer."
            )
        return role

    def check_socket(self, head: Head, now: float) -> Role:
        """As `role_of`, for whoever opens a socket: browsers always say their origin there, so one that comes with a cookie must."""
        role = self.role_of(head, now)
        if "origin" not in head.headers and self._by_token(head) is None and "cookie" in head.headers:
            raise Refusal(403, "A socket that is opened with a cookie must say its Origin.")
        return role

    def _by_token(self, head: Head) -> Role | None:
        scheme, _, given = head.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or "authorization" in head.twice:
            return None
        if self.admin_token is not None and _same(given.strip(), self.admin_token):
            return Role.ADMIN
        return Role.VIEWER if self.token is not None and _same(given.strip(), self.token) else None

    def _by_cookie(self, head: Head, now: float) -> Role | None:
        alive = {session.key: session.role for session in self._sessions if session.ends > now}
        for part in head.headers.get("cookie", "").split(";"):  # others on this machine's name set cookies too, of any form
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
        except Exception:  # a function of the user's that fails lets nobody in
            _log.exception("authorize=%r failed; the request is refused", self.authorize)
            return None


def _same(given: str, known: str) -> bool:
    """Whether they are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), known.encode())


def _same_in(given: str, known: list[str]) -> str | None:
    """The one that is the same; all of them are compared."""
    found = [each for each in known if _same(given, each)]
    return found[0] if found else None
