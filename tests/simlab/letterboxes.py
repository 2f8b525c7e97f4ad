"""Mailboxes, deadlines and timers of actors that never fail, so that every single message can be accounted for.

The only faults are slow tasks and jumping clocks. Every client records its results, and every actor its messages:

- a message that was reported as accepted or got a reply was handled once, in the order in which that client sent them;
- a message that was reported as refused was not handled;
- a full mailbox never holds more, whatever it does with another message;
- no actor handles more messages in a row than the settings allow;
- a timer fires when it is due, at its period, and not once more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

import trioactors as ta
from trioactors.testing.simulation import Client, Simulation, Turn, crashes_are_planned, sometimes
from trioactors.testing.simulation.plans import Kind
from trioactors.trace import CallTimedOut, TimerFired

__all__ = ["SETTINGS", "TREE", "correspond"]

LIMIT = 3
TIMEOUT = 2.0
IN_A_ROW = 8
PERIOD = 0.5
STORM = 350
BOXES = ("wait", "fail", "drop")
SETTINGS = ta.Settings(drain_messages=IN_A_ROW, timers=1_000)


class _Steps(trio.abc.Instrument):
    """Counts the steps of all tasks: messages that are handled within one step are handled in a row."""

    def __init__(self) -> None:
        self.steps = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self.steps += 1


class Letterbox(ta.Actor[None], mailbox=LIMIT, timeout=TIMEOUT):
    """Records the letters that it handled."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.steps = _Steps()
        self.row = (0, 0)
        self.owed: list[ta.Deferred[str]] = []

    async def on_start(self) -> None:
        trio.lowlevel.add_instrument(self.steps)
        self.context.every(PERIOD, self.tick, key="tick")

    async def on_stop(self, reason: ta.Exit) -> None:
        del reason
        trio.lowlevel.remove_instrument(self.steps)

    def _handles(self) -> None:
        step, number = self.row
        self.row = (step, number + 1) if step == self.steps.steps else (self.steps.steps, 1)
        assert self.row[1] <= IN_A_ROW, f"{self.context.name} handles {self.row[1]} messages in a row"
        waiting = ta.info(self.context.ref).waiting
        letters = [name for name in waiting if name not in ("tick", "remind")]  # timers do not use the places of the mailbox
        assert len(letters) <= self._limit(), f"{letters} wait for {self.context.name}"

    def _limit(self) -> int:
        return LIMIT

    @ta.handler
    def note(self, letter: str) -> str:
        self._handles()
        self.given.append(letter)
        return letter

    @ta.handler
    async def slow(self, letter: str) -> str:
        self._handles()
        self.given.append(letter)
        await trio.sleep(0.15)
        return letter

    @ta.handler
    def keep_waiting(self, letter: str) -> str:
        """Never reply."""
        self._handles()
        self.given.append(letter)
        token: ta.Deferred[str] = self.context.defer()
        self.owed.append(token)
        return token.pending

    @ta.handler
    def remind(self, letter: str) -> None:
        self._handles()
        self.given.append(letter)

    @ta.handler
    def tick(self) -> None:
        self._handles()

    @ta.handler
    def later(self, letter: str, delay: float) -> None:
        """Set a timer twice under one key: it fires once."""
        self.context.after(delay + 5, partial(self.remind, f"late {letter}"), key=letter)
        self.context.after(delay, partial(self.remind, f"timer {letter}"), key=letter)

    @ta.handler
    def never(self, letter: str) -> None:
        """Set a timer and cancel it."""
        self.context.after(0.1, partial(self.remind, f"never {letter}"), key=letter)
        cancelled = [self.context.cancel(letter) for _ in range(2)]
        assert cancelled == [True, False], cancelled

    @ta.handler
    def storm(self) -> None:
        """Set very many timers; the next storm replaces them."""
        for number in range(STORM):
            self.context.after(10_000 + number % 7, self.tick, key=number)
        assert ta.info(self.context.ref).timers >= STORM

    @ta.handler(reads=True)
    def collected(self) -> list[str]:
        return list(self.given)


class Full(Letterbox, overflow="fail"):
    """Refuses messages when it is full."""


class Forgetful(Letterbox, overflow="drop_oldest"):
    """Drops the oldest message when it is full."""


class Wide(Letterbox, mailbox=100):
    """Has room for all messages."""

    def _limit(self) -> int:
        return 100


TREE = ta.Supervisor(
    ta.child(Letterbox, name="wait"),
    ta.child(Full, name="fail"),
    ta.child(Forgetful, name="drop"),
    ta.child(Wide, name="wide"),
    name="post",
)
NAMES = (*BOXES, "wide")
KINDS = ("note", "slow", "slow", "cast", "cast", "nowait", "nowait", "short", "leave", "later", "never", "hush", "many")


class _Book:
    """The results of the clients, letter by letter."""

    def __init__(self) -> None:
        self.sure: dict[tuple[int, str], list[str]] = {}
        self.accepted: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.reminded: list[str] = []


class _Writer:
    """One client."""

    def __init__(self, me: Client, book: _Book, simulation: Simulation) -> None:
        self.me = me
        self.book = book
        self.simulation = simulation

    async def write(self, turn: Turn) -> None:
        """Take one turn."""
        kind, name = turn.random.choice(KINDS), turn.random.choice(NAMES)
        if turn.random.random() < 0.02:
            await self.me.call(Letterbox, name, lambda box: box.storm(), what="storm")
        elif kind == "many":
            for number in range(turn.random.randint(2, 12)):
                await self.ask("nowait", name, f"{turn.id}/{number}")
        else:
            await self.ask(kind, name, turn.id)

    async def ask(self, kind: str, name: str, letter: str) -> None:
        """Send one letter."""
        ways: dict[str, Callable[[Letterbox], Awaitable[Any]]] = {
            "note": lambda box: box.note(letter),
            "slow": lambda box: box.slow(letter),
            "cast": partial(self._cast, letter),
            "nowait": partial(self._nowait, letter),
            "short": lambda box: box.slow.within(0.2)(letter),
            "leave": partial(_leave, letter),
            "later": lambda box: box.later(letter, 0.3),
            "never": lambda box: box.never(letter),
            "hush": partial(self._hush, name, letter),
        }
        done = await self.me.call(Letterbox, name, ways[kind], what=f"{kind} {name}")
        book = self.book
        if kind in ("note", "slow", "short"):
            if done.ok:
                assert done.answer == letter
                book.sure.setdefault((self.me.number, name), []).append(letter)
            elif isinstance(done.error, ta.MailboxFull) or (isinstance(done.error, ta.CallTimeout) and not done.error.begun):
                book.refused.append(letter)
        elif kind in ("cast", "nowait"):
            book.refused += [letter] if isinstance(done.error, ta.MailboxFull) else []
            book.accepted += [(name, letter)] if done.ok else []
            if done.ok and name != "drop":
                book.sure.setdefault((self.me.number, name), []).append(letter)
        elif kind == "later" and done.ok and name != "drop":  # it drops reminders too
            book.reminded.append(letter)

    async def wait_for_nothing(self) -> None:
        """At rest, wait for a reply that never comes."""
        for name in NAMES:
            await self.ask("hush", name, "in vain")

    async def _cast(self, letter: str, box: Letterbox) -> None:
        await box.note.cast(letter)

    async def _nowait(self, letter: str, box: Letterbox) -> None:
        await trio.lowlevel.checkpoint()
        box.note.cast_nowait(letter)

    async def _hush(self, name: str, letter: str, box: Letterbox) -> None:
        """Call `quiesce` at the moment when a deadline passes: the timeout must have been reported by then."""
        system = await self.simulation.system()
        due = trio.current_time() + TIMEOUT
        unrest: list[str] = []
        late = False

        async def look() -> None:
            await trio.sleep_until(due)
            await system.quiesce(timeout=600)
            told = [record for _, record in self.simulation.trace if isinstance(record, CallTimedOut)]
            if not any(record.time >= due and record.child == name for record in told):
                unrest.append(name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            try:
                await box.keep_waiting(letter)
            except (ta.CallTimeout, ta.MailboxFull) as error:
                late = isinstance(error, ta.CallTimeout)
        assert not (late and unrest), f"the system is at rest, but a timeout of a call to {name} was not reported"


async def _leave(letter: str, box: Letterbox) -> None:
    with trio.move_on_after(0.1):
        await box.slow(letter)
    await trio.lowlevel.checkpoint()


async def correspond(simulation: Simulation) -> None:
    """Run four clients that write letters."""
    book = _Book()

    async def client(me: Client) -> None:
        writer = _Writer(me, book, simulation)
        async for turn in me.turns(6, pause=0.2):
            await writer.write(turn)

    await simulation.clients(4, client)
    await simulation.settle()
    await trio.sleep(10)
    crashes_are_planned()(simulation)  # an actor that crashed has lost its records, so look for crashes first
    given = {name: await (await simulation.get(Letterbox, name)).collected() for name in NAMES}
    _judge(book, given, {name: ta.info(await simulation.get(Letterbox, name)).ledger for name in NAMES})
    await simulation.clients(1, lambda me: _Writer(me, book, simulation).wait_for_nothing())
    _judge_timers(simulation)
    _judge_waits(simulation)


def _judge(book: _Book, given: dict[str, list[str]], ledgers: dict[str, ta.Ledger]) -> None:
    everything = Counter(letter for letters in given.values() for letter in letters)
    assert max(everything.values(), default=1) == 1, f"a letter was handled twice: {everything.most_common(1)}"
    for letter in book.refused:
        assert letter not in everything, f"{letter} was refused and handled"
    for (_, name), letters in book.sure.items():
        places = [given[name].index(letter) for letter in letters]
        assert places == sorted(places), f"{letters} were sent to {name} in this order and handled in another: {given[name]}"
    lost = [letter for name, letter in book.accepted if letter not in given[name]]
    assert len(lost) <= ledgers["drop"].dropped, f"{lost} were accepted and lost, but only {ledgers['drop'].dropped} were dropped"
    sometimes("a message is dropped", lost)
    for letter in book.reminded:
        assert everything[f"timer {letter}"] == 1, f"the reminder {letter} was not handled once"
    assert not [letter for letter in everything if letter.startswith(("never", "late"))], everything


def _stood_still(simulation: Simulation) -> bool:
    return any(one.kind in (Kind.HOLD, Kind.STALL) for _, one in simulation.injected)


def _judge_timers(simulation: Simulation) -> None:
    """Unless a task or the process was held, the ticks follow the period without a gap."""
    slow = _stood_still(simulation)
    for name in NAMES:
        times = [record.time for _, record in simulation.trace if isinstance(record, TimerFired) and record.child == name]
        handlers = [record.handler for _, record in simulation.trace if isinstance(record, TimerFired) and record.child == name]
        ticks = [time for time, handler in zip(times, handlers, strict=True) if handler == "tick"]
        places = [(time - ticks[0]) / PERIOD for time in ticks]
        assert slow or all(math.isclose(place, number) for number, place in enumerate(places)), f"ticks of {name}: {ticks}"


def _judge_waits(simulation: Simulation) -> None:
    """Unless a task or the process was held, every call gets a reply in time, and room in a full mailbox becomes free in time."""
    if _stood_still(simulation):
        return
    for done in simulation.history:
        kind, _, name = done.what.partition(" ")
        if kind not in ("short", "leave", "hush", "storm"):
            assert not isinstance(done.error, ta.CallTimeout), f"{done}: there was no reply in time"
        if kind in ("note", "slow", "cast", "later", "never") and name in ("wait", "wide"):
            assert not isinstance(done.error, ta.MailboxFull), f"{done}: there was no room in time"
