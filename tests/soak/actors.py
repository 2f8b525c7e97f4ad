"""The actors that are soaked. None of them keeps more after a thousand messages than after ten."""

from __future__ import annotations

from typing import Any

import attrs
import trio

import trioactors as ta


class Broken(Exception):
    """What an actor crashes with."""


class Declined(Exception):
    """A declared error."""


@attrs.define
class Tally:
    """A state that stays small."""

    total: int = 0
    last: list[int] = attrs.field(factory=list[int])

    def add(self, by: int) -> int:
        """Count, and remember the last few."""
        self.total += by
        self.last = [*self.last[-9:], by]
        return self.total


class Clerk(ta.Actor[Tally]):
    """Calls and casts."""

    def __init__(self) -> None:
        self.tokens: list[ta.Deferred[Any]] = []

    @ta.handler
    async def add(self, by: int = 1) -> int:
        """Count."""
        return self.state.add(by)

    @ta.handler(raises=(Declined,))
    def decline(self) -> int:
        """An error that is an answer."""
        raise Declined

    @ta.handler
    async def hang(self) -> None:
        """Wait until the time is up, and a little longer."""
        await trio.sleep(2)

    @ta.handler
    def fail(self) -> None:
        """Crash."""
        raise Broken

    @ta.handler
    def later(self) -> int:
        """Answer with `answer`."""
        token = self.context.defer()
        self.tokens.append(token)
        return token.pending

    @ta.handler
    def answer(self) -> None:
        """Answer what was deferred."""
        while self.tokens:
            self.tokens.pop().reply(self.state.add(1))

    @ta.handler
    def lose(self) -> None:
        """Forget what was deferred."""
        self.tokens.clear()

    @ta.handler
    def set_timers(self, number: int) -> None:
        """Set some of each kind, and take some back."""
        for key in range(number):
            self.context.after(1, self.add, key=("after", key))
            self.context.every(0.5, self.add, key=("every", key))
            self.context.after(100, self.add, key=("never", key))
        for key in range(number):
            self.context.after(2, self.add, key=("after", key))
            self.context.cancel(("never", key))

    @ta.handler
    def stop_timers(self, number: int) -> None:
        """Take back what repeats."""
        for key in range(number):
            self.context.cancel(("every", key))

    @ta.handler
    def do_beside(self, times: int) -> None:
        """Child tasks: they cast to the actor, and one of them waits."""
        for _ in range(times):
            self.context.start_soon(self.context.ref.add.cast)
        self.context.start_soon(trio.sleep, 1)

    @ta.handler
    def fail_beside(self) -> None:
        """Crash in a child task."""
        self.context.start_soon(_break)


async def _break() -> None:
    await trio.lowlevel.checkpoint()
    raise Broken


class Picky(Clerk, mailbox=5, overflow=ta.Overflow.FAIL):
    """Refuses what does not fit."""


class Hasty(Clerk, mailbox=5, overflow=ta.Overflow.DROP_OLDEST):
    """Drops what does not fit."""


class Ledger(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    """The same, durable."""

    @ta.handler
    async def add(self, by: int = 1) -> int:
        """Count."""
        return self.state.add(by)

    @ta.handler
    async def tell(self, other: str) -> int:
        """Count, and tell another one; it leaves with the commit."""
        await ta.current_system().get(Ledger, other).add.cast()
        self.context.after(0.5, self.add)
        return self.state.add(1)

    @ta.handler(raises=(Declined,))
    def decline(self) -> int:
        """Count, and take it back."""
        self.state.add(1)
        raise Declined

    @ta.handler(reads=True)
    def look(self) -> int:
        """How much it is."""
        return self.state.total

    @ta.handler
    def later(self) -> int:
        """Answer from a timer."""
        self.token = self.context.defer()
        self.context.after(0.5, self.answer)
        return self.token.pending

    @ta.handler
    def answer(self) -> None:
        """Answer what was deferred."""
        self.token.reply(self.state.add(1))

    @ta.handler
    def fail(self) -> None:
        """Crash, with a state that will be forgotten."""
        self.state.add(1_000)
        raise Broken


class Windowed(Ledger, persist=ta.Within(0.2)):
    """The same, committed now and then."""
