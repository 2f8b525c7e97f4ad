"""Signing in with a link, and signing out.

Chat programs, mail scanners and browsers request a link before a person does, to show a preview of it. So a GET changes nothing: it answers
a page with one button, which sends a POST, and only that uses the link up. The button needs no script.

A POST must say its origin, as browsers do. They leave it out (`Origin: null`) on a page that sends no referrer, so the page of a link sends
it to its own console only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import attrs
import trio

from trioactors.console.access import Access, Head, Refusal
from trioactors.console.heads import POLICY, Answer
from trioactors.console.pages import pages

__all__ = ["LINK", "SIGN_OUT", "LinkPages"]

_log = logging.getLogger("trioactors.console")

LINK: Final = "/open/"
"""The beginning of the path of a link."""
SIGN_OUT: Final = "/sign-out"
"""The path to which a page sends a POST to end its session."""
_FORM: Final = {
    "Content-Security-Policy": POLICY.replace("form-action 'none'", "form-action 'self'"),
    "Referrer-Policy": "same-origin",
}
_HOME: Final = {"Location": "/"}


@attrs.frozen
class LinkPages:
    """What a console answers on the paths of signing in and out."""

    access: Access
    used: Callable[[str], None] = attrs.field(repr=False)
    """Called with the address from which a link was used."""

    def answer(self, head: Head, address: str) -> Answer | None:
        """The answer, or None if *head* is for another path. Raises `Refusal`."""
        if head.path.startswith(LINK) and head.method in {"GET", "HEAD"}:
            return self._looked_at(head)
        if head.method != "POST" or not (head.path.startswith(LINK) or head.path == SIGN_OUT):
            return None
        _check_post(head)
        return self._signed_out(head, address) if head.path == SIGN_OUT else self._signed_in(head, address)

    def _looked_at(self, head: Head) -> Answer:
        """The page of a link. If the link was used and the browser is signed in, it goes to the console instead."""
        if self.access.is_link(head.path.removeprefix(LINK)):
            return attrs.evolve(pages()["/static/link.html"].plain, headers=_FORM)
        if self.access.session_of(head, trio.current_time()) is not None:
            return Answer(303, headers=_HOME)
        return attrs.evolve(pages()["/static/used.html"].plain, status=403, headers={})

    def _signed_in(self, head: Head, address: str) -> Answer:
        now = trio.current_time()
        try:
            session = self.access.redeem(head.path.removeprefix(LINK), now)
        except Refusal:
            if self.access.session_of(head, now) is None:
                raise
            return Answer(303, headers=_HOME)
        self.used(address)
        return Answer(303, headers={**_HOME, "Set-Cookie": self.access.set_cookie(session)})

    def _signed_out(self, head: Head, address: str) -> Answer:
        session = self.access.session_of(head, trio.current_time())
        if session is not None:
            self.access.forget(session)
            _log.info("%s signed out (%s)", address, session.role.value)
        return Answer(303, headers={**_HOME, "Set-Cookie": self.access.remove_cookie()})


def _check_post(head: Head) -> None:
    """Check that a POST comes from a page of this console, or from a program, and has no body. Raises `Refusal`.

    That the origin is the right one, if there is one, is checked for every request.
    """
    if "origin" not in head.headers:
        raise Refusal(403, "A POST must have the header Origin, with the address of this console.")
    if "transfer-encoding" in head.headers or head.headers.get("content-length", "0") != "0":
        raise Refusal(413, "A POST to this console has no body.")
