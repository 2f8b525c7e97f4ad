"""The actors that are killed, and the clients that keep them busy.

Each ledger writes down the calls it has done, in order, and answers with the place of each. A ledger that was called tells the witness how
long it is, by a cast, which must not leave before the commit. Some clients share one hot ledger, so that commits carry several answers;
another one only looks, and must not see what is not committed; the quiet ledgers have one client each, so that commits of several actors
go together.

What was said after a start need not be listed for ever: only then a ledger shortens its list, so that no list outgrows one life by much.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import attrs
import trio

import trioactors as ta
from crashlab.protocol import READY, Acknowledged, Call, Recovered, Report, Seen

KEPT = 50
"""How many calls of earlier lives a ledger goes on listing."""

HOT = "hot"
QUIET = ("left", "right")
WITNESS = "witness"
CLIENTS = (*itertools.product((HOT,), "abcd"), *((name, "solo") for name in QUIET))
"""Who calls whom."""

Say = Callable[[Report], object]


@attrs.define
class Done:
    """What a ledger has done."""

    first: int = 0
    calls: list[str] = attrs.field(factory=list[str])


class Ledger(ta.Actor[Done], persist=ta.EVERY_MESSAGE):
    """Writes calls down."""

    def __init__(self, name: str) -> None:
        self.name = name

    @ta.handler
    async def do(self, call: str) -> int:
        """Write *call* down; how many came before it."""
        self.state.calls.append(call)
        length = self.state.first + len(self.state.calls)
        await ta.current_system().get(Witness, WITNESS).note.cast(self.name, length)
        return length - 1

    @ta.handler
    def shorten(self) -> None:
        """List the last calls only."""
        dropped = max(0, len(self.state.calls) - KEPT)
        del self.state.calls[:dropped]
        self.state.first += dropped

    @ta.handler(reads=True)
    def length(self) -> int:
        """How many calls it has done."""
        return self.state.first + len(self.state.calls)

    @ta.handler(reads=True)
    def listed(self) -> Done:
        """All that it has."""
        return self.state


class HastyLedger(Ledger, persist=ta.Within(0.001)):
    """The control: answers before it commits."""


@attrs.define
class Noted:
    """What a witness was told: how long each ledger was."""

    lengths: dict[str, int] = attrs.field(factory=dict[str, int])


class Witness(ta.Actor[Noted], persist=ta.EVERY_MESSAGE):
    """Remembers what it was told."""

    @ta.handler
    def note(self, ledger: str, length: int) -> None:
        """The *ledger* is *length* calls long."""
        self.state.lengths[ledger] = max(length, self.state.lengths.get(ledger, 0))

    @ta.handler(reads=True)
    def lengths(self) -> dict[str, int]:
        """What it was told last."""
        return self.state.lengths


def tree(ledger: type[Ledger]) -> ta.Supervisor:
    """All the actors."""
    ledgers = (ta.child(partial(ledger, name), name=name) for name in (HOT, *QUIET))
    return ta.Supervisor(ta.child(Witness, name=WITNESS), *ledgers, name="lab")


async def tell_all(system: ta.System, say: Say) -> None:
    """Say what the actors have. What the witness knows comes first: it may know less than is there, and never more."""
    for name, length in (await system.get(Witness, WITNESS).lengths()).items():
        say(Seen(name, length))
    for name in (HOT, *QUIET):
        done = await system.get(Ledger, name).listed()
        say(Recovered(name, done.first, tuple(map(Call.of, done.calls))))
    say(READY)


async def call_on(system: ta.System, life: int, say: Say, *, calls: int | None = None) -> None:
    """Call the ledgers, and say what was answered: *calls* times each client, or until killed. To be called when all has been told."""
    for name in (HOT, *QUIET):
        await system.get(Ledger, name).shorten()
    async with trio.open_nursery() as nursery:
        for ledger, client in CLIENTS:
            nursery.start_soon(_client, system.get(Ledger, ledger), ledger, partial(Call, life, client), calls, say)
        nursery.start_soon(_onlooker, system.get(Ledger, HOT), calls, say)


def _count(limit: int | None) -> range | itertools.count[int]:
    return itertools.count(1) if limit is None else range(1, limit + 1)


async def _client(ref: Ledger, ledger: str, nth: Callable[[int], Call], calls: int | None, say: Say) -> None:
    await trio.lowlevel.checkpoint()
    for number in _count(calls):
        call = nth(number)
        say(Acknowledged(ledger, call, await ref.do(str(call))))


async def _onlooker(ref: Ledger, calls: int | None, say: Say) -> None:
    await trio.lowlevel.checkpoint()
    for _ in _count(calls):
        say(Seen(HOT, await ref.length()))
