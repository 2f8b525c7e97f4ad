"""Actors that misbehave when they are asked to, each in the way that its name says. asking.py asks them.

What to look at meanwhile is in README.md. Whatever they do, the shop goes on selling.
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
    """The crash that was asked for."""


@stored(name="demo heartbeats")
@define
class Heartbeats:
    """What it has lived through, all lives together."""

    seconds: int = 0


class CrashesOnRequest(ta.Actor[Heartbeats], persist=ta.EVERY_MESSAGE, inspect=True):
    """Counts seconds, durably. After a crash the count goes on."""

    async def on_start(self) -> None:
        """Count in this life too."""
        self.context.every(1.0, self.beat)

    @ta.handler
    def beat(self) -> None:
        """One more."""
        self.state.seconds += 1

    @ta.handler
    def crash(self) -> None:
        """What is changed before a crash is not kept: the state of the last commit comes back."""
        self.state.seconds = -1_000_000
        raise AskedFor("you asked for it")


class Fuse:
    """How often it will crash yet. It is no state: a supervisor that starts afresh must find it burnt down."""

    left = 0


class CrashesInARow(ta.Actor[None]):
    """Crashes at once in each new life, until its supervisor has had enough; then the one above starts both afresh."""

    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse

    async def on_continue(self) -> None:
        """Right after the start."""
        if self.fuse.left:
            self.burn()

    @ta.handler
    def light(self, crashes: int) -> None:
        """Crash so many times."""
        self.fuse.left = crashes
        self.burn()

    def burn(self) -> None:
        """Crash."""
        self.fuse.left -= 1
        raise AskedFor(f"{self.fuse.left} more to come")


class GrowsItsMailbox(ta.Actor[None], mailbox=100):
    """So slow that what comes waits: also its own tick, once a second, behind all that came before."""

    async def on_start(self) -> None:
        """Something to do at all times."""
        self.context.every(1.0, partial(self.work, 0))

    @ta.handler
    async def work(self, number: int) -> int:
        """Half a second for each."""
        await trio.sleep(0.5)
        return number


class HoldsTheLoop(ta.Actor[None]):
    """Computes without a checkpoint: meanwhile nobody else runs, whatever a supervisor would like."""

    @ta.handler
    def hold(self, seconds: float) -> None:
        """Do not let go for so long."""
        end = perf_counter() + seconds
        while perf_counter() < end:
            sum(range(1_000))


class TakesOneLetter(ta.Actor[None], mailbox=1, overflow=ta.Overflow.FAIL):
    """Has room for one. Those that found none are dead letters, which can be sent again: try it with the bomb."""

    @ta.handler
    def open(self, letter: str) -> None:
        """Never open bombs."""
        if letter == "a bomb":
            raise AskedFor("it was a bomb")


@stored(name="demo post")
@define
class Post:
    """How many were sent."""

    sent: int = 0


class MakesDeadLetters(ta.Actor[Post], persist=ta.EVERY_MESSAGE, inspect=True):
    """Sends more than its reader has room for. What a durable actor sends leaves after its commit, all at once."""

    @ta.handler
    async def send(self) -> None:
        """Three letters to one who can take one."""
        reader = self.context.system.get(TakesOneLetter, "takes-one-letter")
        for letter in LETTERS:
            await reader.open.cast(letter)
            self.state.sent += 1


@stored(name="demo safe")
@define
class Safe:
    """One field is shown, the other is in no snapshot, log, report or trace record."""

    opened: int = 0
    pin: str = secret(default="4711")


class KeepsASecret(ta.Actor[Safe], persist=ta.EVERY_MESSAGE, inspect=True):
    """Is told its pin every few seconds, and still nobody who looks on learns it."""

    async def on_start(self) -> None:
        """Somebody comes by now and then."""
        self.context.every(3.0, partial(self.try_pin, "4711"))

    @ta.handler(secret=("pin",))
    def try_pin(self, pin: str) -> bool:
        """Whether it opens."""
        self.state.opened += pin == self.state.pin
        return pin == self.state.pin


def trouble() -> ta.Supervisor:
    """Each may fall as often as it likes; only the one in a row makes its supervisor give up."""
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
