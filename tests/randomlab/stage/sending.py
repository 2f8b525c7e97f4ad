"""A message on its way, and the notes of what becomes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs

import trioactors as ta
from randomlab.notes import Got, Sent
from randomlab.stage.notebook import details_of, note
from randomlab.stage.pages import Page, Refused

__all__ = ["ANSWERS", "Sending"]

ANSWERS: Final = (ta.TrioactorsError, Refused)
"""What a sender may get instead of an answer. Anything else is a mistake, and no run hides it."""


@attrs.frozen
class Sending:
    """One page that somebody sends. What is sent is noted before anything can happen to it."""

    page: Page
    sender: str
    by: str | None
    """The page that the sender handles."""
    target: str
    handler: str
    way: str
    """call, cast, or nowait."""
    within: float | None = None

    def begins(self) -> None:
        """Note that it is sent."""
        note(
            Sent,
            page=self.page.id,
            sender=self.sender,
            by=self.by,
            target=self.target,
            handler=self.handler,
            way=self.way,
            within=self.within,
        )

    def got(self, value: Any) -> None:
        """Note the answer; None for a cast, which was accepted."""
        note(Got, page=self.page.id, value=None if value is None else tuple(value))

    def failed(self, error: BaseException) -> None:
        """Note what the sender got instead."""
        note(Got, page=self.page.id, **details_of(error))

    def bound(self, system: ta.System) -> Any:
        """The handler, with the deadline of this message. Raises `UnknownName`."""
        handler = getattr(system.get(ta.Actor, self.target), self.handler)
        return handler if self.within is None else handler.within(self.within)

    def form(self, system: ta.System) -> Callable[[Page], Any]:
        """The handler in the form that sends it in this way."""
        bound = self.bound(system)
        return {"call": bound, "cast": bound.cast, "nowait": bound.cast_nowait}[self.way]

    async def send(self, system: ta.System) -> bool:
        """Send it and note what came of it. Returns whether it was an answer or an acceptance; an error is noted and goes no further."""
        try:
            await self.need(system)
        except ANSWERS:  # it is noted
            return False
        return True

    async def need(self, system: ta.System) -> None:
        """Send it, note what came of it, and pass on whatever is raised."""
        self.begins()
        try:
            value = self.form(system)(self.page)
            if isinstance(value, Awaitable):
                value = await value
        except ANSWERS as error:
            self.failed(error)
            raise
        self.got(value)
