"""The base class of the actors of the lab."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import trio

import trioactors as ta
from randomlab.notes import Began, Ended, Hook, Present, State
from randomlab.stage.hand import Hand
from randomlab.stage.notebook import next_number, note
from randomlab.stage.pages import Page, Pages, Refused

__all__ = ["Desk"]


class Desk(ta.Actor[Pages]):
    """The base class of the actors of the lab."""

    def __init__(self) -> None:
        self.state = Pages()
        self.owed: list[tuple[ta.Deferred[Any], str]] = []
        self.instance = next_number()
        """A number of its own: incarnations are counted from 1 again when a supervisor is restarted."""

    @property
    def who(self) -> str:
        """The actor and its instance."""
        return f"{self.context.name}#{self.instance}"

    @property
    def lot(self) -> int:
        """A number that differs between instances without any order: three actors that restart in turn would meet each third one always."""
        return crc32(self.who.encode())

    def where(self) -> dict[str, Any]:
        """The actor, for notes."""
        return {"actor": self.context.name, "instance": self.instance, "incarnation": self.context.incarnation}

    def pages(self) -> State:
        """The state, for notes."""
        return tuple(self.state.ids)

    @contextmanager
    def page(self, page: Page, handler: str) -> Generator[Hand, None, None]:
        """Note that a handler begins and ends."""
        note(Began, **self.where(), page=page.id, handler=handler, state=self.pages())
        hand = Hand(self, page)
        try:
            yield hand
        except trio.Cancelled:
            self._ended(page, "killed")
            raise
        except BaseException as error:
            self._ended(page, _how(error), error=type(_alone(error)).__name__)
            raise
        self._ended(page, "returned", hand)

    def _ended(self, page: Page, how: str, hand: Hand | None = None, error: str = "") -> None:
        value = None if hand is None or hand.deferred else self.pages()
        note(Ended, **self.where(), page=page.id, state=self.pages(), how=how, value=value, error=error)

    @contextmanager
    def hook(self, name: str, reason: ta.Exit | None = None) -> Generator[Hand, None, None]:
        """Note that a hook begins and ends."""
        why = "" if reason is None else reason.kind.value
        note(Hook, **self.where(), hook=name, phase="begins", state=self.pages(), why=why)
        try:
            yield Hand(self, Page(f"{name} {self.who}", left=1))
        except BaseException as error:
            note(Hook, **self.where(), hook=name, phase=type(error).__name__, state=self.pages(), why=why)
            raise
        note(Hook, **self.where(), hook=name, phase="returned", state=self.pages(), why=why)

    @ta.handler(reads=True)
    def peek(self) -> list[str]:
        return list(self.state.ids)

    @ta.handler(reads=True)
    def present(self) -> None:
        note(Present, **self.where(), state=self.pages())

    async def on_stop(self, reason: ta.Exit) -> None:
        with self.hook("on_stop", reason):
            pass


def _alone(error: BaseException) -> BaseException:
    """The error itself, or the one in its group."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _how(error: BaseException) -> str:
    """How a handler ended by an *error*; one that is alone in a group counts as itself."""
    match _alone(error):
        case Refused():
            return "declared"
        case ta.Shutdown():
            return "left"
        case ta.StoreError():
            return "store"
        case ta.CallTimeout(inherited=True):
            return "expired"
        case _:
            return "crashed"
