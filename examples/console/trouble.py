"""Actors that misbehave on request, each in the way that its name says. asking.py sends the requests.

README.md explains what to look at. Whatever these actors do, the shop continues to sell.
"""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Final

import trio
from attrs import define

import trioactors as ta
from trioactors.serializer import secret, stored

__all__ = ["CrashesInARow", "CrashesOnRequest", "GrowsItsMailbox", "HoldsTheLoop", "MakesDeadLetters", "trouble"]

LETTERS: Final = ("a bill", "a card", "a bomb")


class AskedFor(Exception):
    """A requested crash."""


@stored(name="demo heartbeats")
@define
class Heartbeats:
    """Seconds over all incarnations."""

    seconds: int = 0


class CrashesOnRequest(ta.Actor[Heartbeats], persist=ta.EVERY_MESSAGE, inspect=True):
    """Counts seconds in durable state. After a crash the count continues."""

    async def on_start(self) -> None:
        """Start counting."""
        self.context.every(1.0, self.beat)

    @ta.handler
    def beat(self) -> None:
        """Count one second."""
        self.state.seconds += 1

    @ta.handler
    def crash(self) -> None:
        """Change the state, then crash: the change is not saved, and the state of the last commit is loaded."""
        self.state.seconds = -1_000_000
        raise AskedFor("you asked for it")


class Fuse:
    """Crashes left. This is not state of the actor: it must survive a restart of the supervisor."""

    left = 0


class CrashesInARow(ta.Actor[None]):
    """Crashes at once in each new incarnation, until its supervisor gives up; then the supervisor above restarts both."""

    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse

    async def on_continue(self) -> None:
        """Crash right after the start if there are crashes left."""
        if self.fuse.left:
            self.burn()

    @ta.handler
    def light(self, crashes: int) -> None:
        """Crash *crashes* times."""
        self.fuse.left = crashes
        self.burn()

    def burn(self) -> None:
        """Crash."""
        self.fuse.left -= 1
        raise AskedFor(f"{self.fuse.left} more to come")


class GrowsItsMailbox(ta.Actor[None], mailbox=100):
    """Handles messages slowly, so that they wait; its own tick, once a second, waits behind them."""

    async def on_start(self) -> None:
        """Set a timer, so that there is always something to do."""
        self.context.every(1.0, partial(self.work, 0))

    @ta.handler
    async def work(self, number: int) -> int:
        """Take half a second."""
        await trio.sleep(0.5)
        return number


class HoldsTheLoop(ta.Actor[None]):
    """Computes without a checkpoint. Nothing else runs meanwhile, not even a supervisor."""

    @ta.handler
    def hold(self, seconds: float) -> None:
        """Block the event loop for *seconds*."""
        end = perf_counter() + seconds
        while perf_counter() < end:
            sum(range(1_000))


class TakesOneLetter(ta.Actor[None], mailbox=1, overflow=ta.Overflow.FAIL):
    """Has a mailbox for one message. Further messages become dead letters, which can be sent again: try it with the bomb."""

    @ta.handler
    def open(self, letter: str) -> None:
        """Open the letter; a bomb crashes the actor."""
        if letter == "a bomb":
            raise AskedFor("it was a bomb")


@stored(name="demo post")
@define
class Post:
    """The number of letters sent."""

    sent: int = 0


class MakesDeadLetters(ta.Actor[Post], persist=ta.EVERY_MESSAGE, inspect=True):
    """Sends more than the mailbox of its reader holds. A durable actor sends its casts after the commit, all at once."""

    @ta.handler
    async def send(self) -> None:
        """Send three letters to an actor that can take one."""
        reader = self.context.system.get(TakesOneLetter, "takes-one-letter")
        for letter in LETTERS:
            await reader.open.cast(letter)
            self.state.sent += 1


@stored(name="demo safe")
@define
class Safe:
    """One field is shown; the other is never in a snapshot, log, report or trace record."""

    opened: int = 0
    pin: str = secret(default="4711")


class KeepsASecret(ta.Actor[Safe], persist=ta.EVERY_MESSAGE, inspect=True):
    """Receives its pin every few seconds, yet the pin is never shown anywhere."""

    async def on_start(self) -> None:
        """Set a timer that tries the pin."""
        self.context.every(3.0, partial(self.try_pin, "4711"))

    @ta.handler(secret=("pin",))
    def try_pin(self, pin: str) -> bool:
        """Return whether *pin* is right."""
        self.state.opened += pin == self.state.pin
        return pin == self.state.pin


def trouble() -> ta.Supervisor:
    """The troublesome actors. Their supervisor allows many restarts; only that of `crashes-in-a-row` gives up."""
    return ta.Supervisor(
        ta.child(CrashesOnRequest, name="crashes-on-request"),
        ta.Supervisor(
            ta.child(partial(CrashesInARow, Fuse()), name="crashes-in-a-row"),
            name="gives-up-after-3-restarts",
            intensity=ta.Intensity(limit=3, period=10.0),
            backoff=ta.Backoff(base=0.5, factor=1.0),
        ),
        ta.child(GrowsItsMailbox, name="slow-so-its-mailbox-grows"),
        ta.child(HoldsTheLoop, name="holds-the-loop"),
        ta.child(MakesDeadLetters, name="makes-dead-letters"),
        ta.child(TakesOneLetter, name="takes-one-letter"),
        ta.child(KeepsASecret, name="keeps-a-secret"),
        name="trouble",
        intensity=ta.Intensity(limit=20, period=60.0),
    )
