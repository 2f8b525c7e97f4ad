"""Durable actors that append lines and send lines to each other, with every possible outcome of a message.

Every reply is the whole list of lines at that time. So, whatever happens to actors, disk and machine:

- a reply is a prefix of the final list: its state was committed before the reply was sent, and a commit is never undone;
- a line whose call was reported as failed is in no list, nor is anything that it caused by casts or timers;
- a line that was sent to another actor is there at most once, and only if the line that caused it is kept too;
- lines that were acknowledged to one client one after the other are in that order.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from operator import methodcaller
from typing import Any

import trio
from attrs import define, field

import trioactors as ta
from trioactors.testing.simulation import Client, Operation, Simulation, Told, sometimes

__all__ = ["ENDURING", "NAMES", "TREE", "Refused", "write"]

NAMES = ("ann", "bob", "cid")


class Refused(Exception):
    """A declared error."""


@define
class Book:
    lines: list[str] = field(factory=list[str])
    opened: int = 0


class Scribe(ta.Actor[Book], persist=ta.EVERY_MESSAGE, mailbox=4):
    """Appends lines. Each reply is the whole list."""

    def __init__(self) -> None:
        self.owed: list[ta.Deferred[list[str]]] = []
        self.over = False

    async def on_start(self) -> None:
        self.state.opened += 1
        await trio.lowlevel.checkpoint()

    async def on_stop(self, reason: ta.Exit) -> None:
        del reason
        self.over = True
        await trio.sleep(0.01)

    def _add(self, line: str) -> list[str]:
        assert not self.over, "a handler runs after on_stop"
        self.state.lines.append(line)
        return list(self.state.lines)

    @ta.handler
    def write(self, line: str) -> list[str]:
        return self._add(line)

    @ta.handler(reads=True)
    def read(self, _line: str = "") -> list[str]:
        return list(self.state.lines)

    @ta.handler
    def look(self, _line: str) -> list[str]:
        return list(self.state.lines)

    @ta.handler
    async def slow(self, line: str) -> list[str]:
        self._add(line)
        await trio.sleep(0.3)
        return list(self.state.lines)

    @ta.handler(raises=(Refused,))
    async def refuse(self, line: str) -> list[str]:
        self._add(line)
        await self.note.cast(f"sent {line}")
        self.context.after(0.1, partial(self.note, f"timer {line}"))
        await trio.sleep(0.1)
        raise Refused

    @ta.handler
    async def fall(self, line: str) -> list[str]:
        self._add(line)
        await self.note.cast(f"sent {line}")
        await trio.sleep(0.1)
        raise LookupError

    @ta.handler
    def spoil(self, line: str) -> list[str]:
        self.state.lines += [line, 3]  # type: ignore[list-item]
        return []

    @ta.handler(raises=(ta.MailboxFull, ta.UnknownName))
    async def send(self, line: str) -> list[str]:
        """Send the line to the next scribe, and to oneself by a timer."""
        self._add(line)
        other = NAMES[(NAMES.index(self.context.name) + 1) % len(NAMES)]
        await self.context.system.get(Scribe, other).note.cast(f"sent {line}")
        self.context.after(0.2, partial(self.note, f"timer {line}"), key="one")
        return list(self.state.lines)

    @ta.handler(raises=(ta.DeliveryError, ta.StoreError, ta.UnknownName))
    async def forward(self, line: str) -> list[str]:
        """Have another scribe keep the line first. Its commit stands, whatever happens here."""
        other = NAMES[(NAMES.index(self.context.name) + 1) % len(NAMES)]
        await self.context.system.get(Scribe, other).write(f"asked {line}")
        return self._add(line)

    @ta.handler
    def cancel(self, line: str) -> list[str]:
        self.context.cancel("one")
        return self._add(line)

    @ta.handler
    def ask(self, line: str) -> list[str]:
        self._add(line)
        token: ta.Deferred[list[str]] = self.context.defer()
        self.owed.append(token)
        return token.pending

    @ta.handler
    def answer(self, line: str) -> list[str]:
        lines = self._add(line)
        for token in self.owed:
            if token.owed:
                token.reply(lines)
                sometimes("a deferred reply is given")
        return lines

    @ta.handler
    def note(self, line: str) -> None:
        self._add(line)


KINDS = ("write", "write", "read", "look", "slow", "refuse", "fall", "spoil", "send", "send", "forward", "cancel", "ask", "answer")


def _tree(intensity: ta.Intensity | None) -> ta.Supervisor:
    return ta.Supervisor(
        ta.child(Scribe, name="ann"),
        ta.Supervisor(
            ta.child(Scribe, name="bob"),
            ta.child(Scribe, name="cid"),
            name="room",
            strategy=ta.Strategy.ONE_FOR_ALL,
            backoff=ta.Backoff(base=0.2),
            intensity=intensity,
        ),
        name="desk",
        strategy=ta.Strategy.REST_FOR_ONE,
        intensity=intensity,
    )


TREE = _tree(None)
ENDURING = _tree(ta.Intensity(limit=1_000, period=1.0))
"""The same tree with a high intensity: a crash loop would end the process, and a store in memory with it."""


async def write(simulation: Simulation) -> None:
    """Run three clients with four turns each."""

    async def client(me: Client) -> None:
        async for turn in me.turns(4):
            name, kind = turn.random.choice(NAMES), turn.random.choice(KINDS)
            if turn.random.random() < 0.2:
                await me.call(Scribe, name, partial(_cast, kind, f"cast {turn.id}"), what="cast")
            else:
                await me.call(Scribe, name, methodcaller(kind, turn.id), what=f"{kind} {name}")

    await simulation.clients(3, client)
    await simulation.settle()
    await trio.sleep(10)  # calls without a reply have timed out
    rows = {name: await (await simulation.get(Scribe, name)).read() for name in NAMES}
    _judge(simulation, rows)


async def _cast(kind: str, line: str, scribe: Any) -> None:
    await getattr(scribe, kind).cast(line)


def _judge(simulation: Simulation, rows: dict[str, list[str]]) -> None:
    everything = Counter(line for lines in rows.values() for line in lines)
    for line, times in everything.items():
        assert times == 1, f"{line!r} is in the lists {times} times: {rows}"
        source = line.removeprefix("sent ").removeprefix("timer ")
        if not line.startswith("asked "):
            assert source in everything, f"{line!r} is kept, but not the line that caused it: {rows}"
    order: dict[tuple[int, str], list[str]] = {}
    for done in simulation.history:
        if done.what != "cast":
            _judge_call(done, rows, everything, order)
    simulation.sometimes("a call is told unknown, and kept", any(_kept(done, everything) for done in simulation.history))
    for (_, name), ids in order.items():
        places = [rows[name].index(line) for line in ids]
        assert places == sorted(places), f"a client got OK for {ids}, in this order; {name} has {rows[name]}"


def _kept(done: Operation, everything: Counter[str]) -> bool:
    return done.told is Told.UNKNOWN and done.id in everything


def _judge_call(
    done: Operation, rows: dict[str, list[str]], everything: Counter[str], order: dict[tuple[int, str], list[str]]
) -> None:
    kind, name = done.what.split()
    if done.ok:
        answer = done.answer
        assert isinstance(answer, list)
        assert rows[name][: len(answer)] == answer, f"{name} replied {answer} to {done.id}, but has {rows[name]}"
        if kind not in ("read", "look"):
            assert done.id in answer or kind == "ask"
            order.setdefault((done.client, name), []).append(done.id)
    elif done.told is Told.FAILED and not (kind == "ask" and isinstance(done.error, ta.ActorCrashed)):  # its line may be kept
        for line in (done.id, f"sent {done.id}", f"timer {done.id}"):
            assert line not in everything, f"{done.id} failed with {type(done.error).__name__}, but {line!r} is kept: {rows}"
