"""What a handler can do with messages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

import trioactors as ta
from randomlab.stage.gathering import gathered, gathered_blindly
from randomlab.stage.notebook import did, lock_of_this_life
from randomlab.stage.pages import Page
from randomlab.stage.sending import ANSWERS, Sending

if TYPE_CHECKING:
    from randomlab.stage.desk import Desk

__all__ = ["Messages"]


class Messages:
    """The acts that send. A page that was sent by so many others already sends no more."""

    def __init__(self, desk: Desk, page: Page) -> None:
        self._desk = desk
        self._page = page
        self._steps = 0

    @property
    def _system(self) -> ta.System:
        return self._desk.context.system

    def _next(self, act: str) -> Page | None:
        """The page that this act sends; None if enough have followed from the first one."""
        self._steps += 1
        return self._page.next(self._steps) if self._may(act) else None

    def _may(self, act: str) -> bool:
        """Whether the page still leads to something."""
        if self._page.left:
            did(act)
        return self._page.left > 0

    def _sending(self, page: Page, way: str, target: str, handler: str, within: float | None = None, *, aside: str = "") -> Sending:
        """A message of this handler; one that is sent *aside* has a sender, and so an order, of its own."""
        sender = f"{self._desk.who} {aside} {page.id}" if aside else self._desk.who
        return Sending(page, sender, self._page.id, target, handler, way, within)

    async def call(self, target: str, handler: str, within: float | None = None) -> bool:
        """Call an actor; an error is noted and the handler goes on."""
        return await self._send("call", target, handler, within)

    async def cast(self, target: str, handler: str, within: float | None = None) -> bool:
        """Cast to an actor, waiting for room."""
        return await self._send("cast", target, handler, within)

    async def _send(self, way: str, target: str, handler: str, within: float | None) -> bool:
        page = self._next(way if within is None else f"{way} within")
        return page is not None and await self._sending(page, way, target, handler, within).send(self._system)

    async def need(self, target: str, handler: str, within: float | None = None) -> None:
        """Call an actor, and pass on whatever it raises: an answer that the handler cannot do without."""
        page = self._next("need" if within is None else "need within")
        if page is not None:
            await self._sending(page, "call", target, handler, within).need(self._system)

    def nowait(self, target: str, handler: str, within: float | None = None) -> None:
        """Cast to an actor if it has room."""
        page = self._next("nowait" if within is None else "nowait within")
        if page is None:
            return
        sending = self._sending(page, "nowait", target, handler, within)
        sending.begins()
        try:
            sending.form(self._system)(page)
        except ANSWERS as error:
            sending.failed(error)
        else:
            sending.got(None)

    async def gather(self, *targets: tuple[str, str]) -> None:
        """Call several actors at once, and take all answers as they come."""
        if not self._may("gather"):
            return
        await gathered(self._gathered(targets), self._system)

    async def gather_blindly(self, *targets: tuple[str, str]) -> None:
        """Call several actors at once, and look at none of the answers: the errors are raised together."""
        if not self._may("gather blindly"):
            return
        await gathered_blindly(self._gathered(targets), self._system)

    def _gathered(self, targets: Sequence[tuple[str, str]]) -> list[Sending]:
        """Calls that are sent at once. Each is sent by a task of its own."""
        found: list[Sending] = []
        for target, handler in targets:
            self._steps += 1
            found.append(self._sending(self._page.next(self._steps), "call", target, handler, aside="gathers"))
        return found

    async def aside(self, *targets: tuple[str, str]) -> None:
        """Cast to several actors from tasks of the handler."""
        if not self._may("aside"):
            return
        async with trio.open_nursery() as nursery:
            for target, handler in targets:
                self._steps += 1
                page = self._page.next(self._steps)
                nursery.start_soon(self._sending(page, "cast", target, handler, aside="aside").send, self._system)

    async def lock(self, target: str, handler: str) -> None:
        """Call an actor while holding the one lock of the node: whoever else wants it waits, and no graph shows that."""
        page = self._next("lock")
        if page is not None:
            async with lock_of_this_life():
                await self._sending(page, "call", target, handler).send(self._system)

    async def portal(self, target: str, handler: str) -> None:
        """Use the portal in the thread of the system, which would block it for ever: it is refused, and nothing is sent."""
        page = self._next("portal")
        if page is not None:
            with suppress(ta.UnknownName):
                bound = self._sending(page, "cast", target, handler).bound(self._system)
                try:
                    self._system.portal().cast(bound, page)
                except ta.WrongThread:
                    return
                raise AssertionError("a portal blocked the thread of its system")

    async def look(self) -> None:
        """Run another handler of the actor as a method."""
        did("look")
        ids = await self._desk.peek()
        assert ids == list(self._desk.state.ids)
