"""Durable actors with hooks, on a store that fails often: their starts, their stops, and their transient fields.

- What `on_start` begins happens once its state is committed; a transient field is new in each incarnation.
- `on_save` runs before each commit, and `on_load` after each load.
- An actor that was started by `system.start` is restarted together with its store.
- A system that exits in order has closed its store, and a store that may block is only called in its worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import methodcaller
from typing import Any

import trio
from attrs import define, field

import trioactors as ta
from simlab.watched import failing_often, stores_of_this_run
from trioactors.serializer import transient
from trioactors.testing.simulation import Client, Simulation, appended, sometimes
from trioactors.testing.simulation.plans import Kind
from trioactors.trace import StoreCommitted

__all__ = ["TREE", "Refused", "journal", "journal_in_order"]

NAMES = ("dee", "eli")
PATIENCE = 120.0
"""Seconds for a start: it ends with a commit, which may have to wait for several slow ones."""
ROUNDING = 1e-6
"""The largest difference, in seconds, of two sums of the same times."""
KINDS = ("write", "write", "slow", "slow", "refuse", "refuse", "fall", "leave", "send", "guest")


class Refused(Exception):
    """A declared error."""


@define
class Page:
    lines: list[str] = field(factory=list[str])
    sent: list[str] = field(factory=list[str])
    opened: int = 0
    woken: list[int] = field(factory=list[int])
    counted: int = 0
    """The number of lines when the state was saved."""
    scratch: list[str] = transient(factory=list[str])


class Diary(ta.Actor[Page], persist=ta.EVERY_MESSAGE, mailbox=6):
    """Keeps a page."""

    def on_save(self) -> None:
        self.state.counted = len(self.state.lines)

    def on_load(self) -> None:
        assert self.state.counted == len(self.state.lines), "the state was saved without on_save"
        assert not self.state.scratch, "a transient field was restored"

    async def on_start(self) -> None:
        assert not self.state.scratch, "a transient field was restored"
        self.state.opened += 1
        self.context.after(0.05, partial(self.woke, self.state.opened), key="woke")
        await trio.lowlevel.checkpoint()

    async def on_stop(self, reason: ta.Exit) -> None:
        del reason
        self.state.scratch.append("over")
        await trio.lowlevel.checkpoint()

    @ta.handler
    def woke(self, opened: int) -> None:
        assert opened == self.state.opened, "a timer of another incarnation"
        self.state.woken.append(opened)

    @ta.handler
    def write(self, line: str) -> int:
        self.state.lines.append(line)
        self.state.scratch.append(line)
        return len(self.state.lines)

    @ta.handler
    async def slow(self, line: str) -> int:
        await trio.sleep(0.2)
        self.state.lines.append(line)
        await trio.sleep(2.0)
        return len(self.state.lines)

    @ta.handler(raises=(Refused,))
    async def refuse(self, line: str) -> int:
        self.state.lines.append(line)
        await self.context.system.get(Diary, NAMES[0]).told.cast(line)
        await trio.sleep(1.0)
        raise Refused

    @ta.handler
    async def fall(self, line: str) -> int:
        self.state.lines.append(line)
        await trio.sleep(0.1)
        raise LookupError(line)

    @ta.handler
    async def leave(self, line: str) -> int:
        self.state.lines.append(line)
        await trio.lowlevel.checkpoint()
        raise ta.Shutdown

    @ta.handler(raises=(ta.MailboxFull,))
    async def send(self, line: str) -> int:
        self.state.lines.append(line)
        other = NAMES[self.context.name == NAMES[0]]
        await self.context.system.get(Diary, other).told.cast(line)
        return len(self.state.lines)

    @ta.handler
    def told(self, line: str) -> None:
        self.state.sent.append(line)

    @ta.handler(reads=True)
    def page(self) -> dict[str, list[Any]]:
        state = self.state
        return {"lines": [*state.lines], "sent": [*state.sent], "woken": [*state.woken], "opened": [state.opened]}


TREE = ta.Supervisor(
    *(ta.child(Diary, name=name, start_timeout=PATIENCE) for name in NAMES),
    name="shelf",
    backoff=ta.Backoff(base=0.1),
    intensity=ta.Intensity(limit=50, period=1.0),
)


async def journal_in_order(simulation: Simulation) -> None:
    """The same without kills and power cuts: each life of the node then ends in order."""
    await journal(simulation)
    left = [store for store in stores_of_this_run()[:-1] if store.to_be_closed]
    assert not left, f"the node exited in order and left a store open: {left}"


def _the_failed_have_peace(simulation: Simulation) -> None:
    """A failed store is not used before it is opened again, except by calls that were waiting already."""
    slow = [(time, one.seconds) for time, one in simulation.injected if one.kind is Kind.DELAY]
    standing = (Kind.DELAY, Kind.HOLD, Kind.STALL)
    longest = sum(one.seconds for _, one in simulation.injected if one.kind in standing) + ROUNDING
    for asked in (time for store in stores_of_this_run() for time in store.asked_in_vain):
        waited = any(time <= asked <= time + longest for time, _ in slow)
        assert waited, f"a failed store was used again at {asked:g}"


# --- the clients ---


async def journal(simulation: Simulation) -> None:
    """Run five clients, so that many messages are handled while a commit is in progress."""
    guests: dict[str, int] = {}

    async def client(me: Client) -> None:
        async for turn in me.turns(4, pause=0.3):
            name, kind = turn.random.choice(NAMES), turn.random.choice(KINDS)
            if kind == "guest":
                party = [f"guest {turn.id} {number}" for number in range(turn.random.randint(1, 3))]
                done = await me.use(partial(_invite, party), what="guests")
                if done.ok:
                    guests.update(dict.fromkeys(party, simulation.node.lives))
            else:
                await me.call(Diary, name, methodcaller(kind, turn.id), what=name)

    with failing_often():
        await simulation.clients(5, client)
    _blocking_calls_have_a_worker(simulation)
    _the_failed_have_peace(simulation)
    await _see_guests(simulation, guests)
    await simulation.settle()
    await trio.sleep(5)
    pages = {name: await (await simulation.get(Diary, name)).page() for name in NAMES}
    for name, page in pages.items():
        appended([done for done in simulation.history if done.what == name], page["lines"])
        assert page["woken"][-1:] == page["opened"], f"{name} set a timer at its last start that did not fire: {page}"
        assert len(set(page["woken"])) == len(page["woken"]), f"a timer fired twice: {page}"
    kept = {line for page in pages.values() for line in page["lines"]}
    sent = [line for page in pages.values() for line in page["sent"]]
    assert len(set(sent)) == len(sent), f"a line was sent twice: {sent}"
    assert kept.issuperset(sent), f"{sorted(set(sent) - kept)} were sent, but the lines that caused them are not kept"


async def _invite(party: Sequence[str], system: ta.System) -> None:
    """Start all guests at once; some may fail to start."""
    failed: list[ta.TrioactorsError] = []

    async def come(name: str) -> None:
        try:
            guest = await system.start(Diary, name=name, start_timeout=PATIENCE)
            await guest.write(name)
        except ta.TrioactorsError as error:
            failed.append(error)

    async with trio.open_nursery() as nursery:
        for name in party:
            nursery.start_soon(come, name)
    if failed:
        raise failed[0]
    sometimes("guests are there")


def _blocking_calls_have_a_worker(simulation: Simulation) -> None:
    """Each commit is a call of the worker: one that is planned to be slow is slow."""
    calls = sum(isinstance(record, StoreCommitted) for _, record in simulation.trace)
    slow = {one.at for _, one in simulation.injected if one.kind is Kind.DELAY}
    for one in simulation.plan.injections:
        if one.kind is Kind.DELAY and one.at <= calls:
            assert one.at in slow, f"{calls} commits were made, but number {one.at} should have taken {one.seconds} s"


async def _see_guests(simulation: Simulation, guests: dict[str, int]) -> None:
    """Guests that were started in the current life of the node run again after a minute, whatever happened to the store."""
    await trio.sleep(60)
    system, life = await simulation.system(), simulation.node.lives
    for name in (name for name, began in guests.items() if began == life):
        assert name in system.names(), f"{name} was started and never stopped, but its name is unknown"
        guest = system.get(Diary, name)
        for _ in simulation.plan.injections:  # a fault may happen just now: its supervisor then needs another turn
            if ta.info(guest).status is ta.ChildStatus.UNDEFINED:
                await trio.sleep(60)
        info = ta.info(guest)
        assert info.status is not ta.ChildStatus.UNDEFINED, f"{name} is {info.status.value} ({info.last_exit})"
