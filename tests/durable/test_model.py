"""Durable actors against the replies to their callers, under random calls, crashes, faults, and a disk that comes and goes.

Three actors append lines. Every reply is the whole state that it follows from. So whatever happens:

* a reply is a prefix of the final state: it was committed when it was given, and what is committed is never taken back;
* a line whose failure was reported to its caller is in no final state, and nothing that its handler sent was delivered;
* if an actor has a line that another one sent, that other one has it too;
* every message is accounted for, and in the end everything is at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

import trioactors as ta
from shared.actors import Book, Refused
from trioactors.errors import ValueRefused
from trioactors.testing import HeldWorker, SlowWorker, crash, isolated_system, kill, run, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore
from trioactors_backends.memory import MemoryStore

NAMES = ("a", "b", "c")


class Scribe(ta.Actor[Book], persist=ta.EVERY_MESSAGE, mailbox=4):
    """Appends lines; each answer is all of them."""

    def __init__(self) -> None:
        self.owed: list[ta.Deferred[list[str]]] = []

    def _add(self, line: str) -> list[str]:
        self.state.lines.append(line)
        return list(self.state.lines)

    @ta.handler
    def write(self, line: str) -> list[str]:
        return self._add(line)

    @ta.handler(reads=True)
    def read(self, _line: str) -> list[str]:
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

    @ta.handler(raises=(ta.MailboxFull,))
    async def send(self, line: str) -> list[str]:
        """Send to the next actor, and to itself."""
        self._add(line)
        others = [name for name in NAMES if name > self.context.name] or NAMES[:1]
        await self.context.system.get(Scribe, others[0]).note.cast(f"sent {line}")
        self.context.after(0.2, partial(self.note, f"timer {line}"), key="one")
        return list(self.state.lines)

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
        return lines

    @ta.handler
    def note(self, line: str) -> None:
        self._add(line)


KINDS = ("write", "read", "look", "slow", "refuse", "fall", "spoil", "send", "cancel", "ask", "answer")
UNCERTAIN = (ta.CallTimeout, ta.StorePoisoned, ta.ActorStopped, ta.NoReply)
"""Errors that leave open whether the message was committed."""


@attrs.frozen
class Step:
    """A step of the play."""

    what: str
    who: str = ""
    kind: str = ""
    amount: int = 1


def steps_of(*whats: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.one_of(*whats), min_size=15, max_size=40)


names = st.sampled_from(NAMES)
messages = st.builds(Step, st.sampled_from(["call", "call", "cast"]), names, st.sampled_from(KINDS))
ends = st.builds(Step, st.sampled_from(["crash", "kill", "restart"]), names)
faults = st.builds(
    Step, st.just("fault"), st.just(""), st.sampled_from(["full", "unavailable", "poison", "poison after"]), st.integers(1, 3)
)
times = st.builds(Step, st.just("sleep"), amount=st.integers(0, 8))
disks = st.builds(Step, st.sampled_from(["hold", "release", "step"]), amount=st.integers(1, 2))
FAULTS = {
    "full": lambda at: Fault(at=at, before=ta.StoreFull("no room")),
    "unavailable": lambda at: Fault(at=at, before=ta.StoreUnavailable("not now")),
    "poison": lambda at: Fault(at=at, before=ta.StorePoisoned("lost")),
    "poison after": lambda at: Fault(at=at, after=ta.StorePoisoned("lost")),
}


class Play:
    """The steps done to a system, and the replies to its callers."""

    def __init__(self, system: ta.System, store: FaultyStore, disk: Any, nursery: trio.Nursery) -> None:
        self.system = system
        self.store = store
        self.disk = disk
        self.nursery = nursery
        self.number = 0
        self.down: set[str] = set()
        self.answers: dict[str, list[tuple[str, list[str]]]] = {name: [] for name in NAMES}
        self.failures: dict[str, list[str]] = {name: [] for name in NAMES}

    def ref(self, who: str) -> Any:
        return self.system.get(Scribe, who)

    async def do(self, step: Step) -> None:
        match step.what:
            case "call":
                self.number += 1
                self.nursery.start_soon(self._call, step.who, step.kind, f"{step.who}{self.number}")
            case "cast":
                self.number += 1
                self.nursery.start_soon(self._cast, step.who, step.kind, f"{step.who}{self.number}")
            case "restart":
                self.nursery.start_soon(self._restart, step.who)
            case "crash" | "kill" if self._runs(step.who):
                (crash if step.what == "crash" else kill)(self.ref(step.who))
            case "fault":
                self.store.plan(FAULTS[step.kind](step.amount))
            case "sleep":
                await trio.sleep(step.amount / 8)
            case "hold" | "release":
                getattr(self.disk, step.what)()
            case "step":
                self.disk.step(step.amount)
            case _:
                pass
        assert self.system.ledger().balanced

    def _runs(self, who: str) -> bool:
        info = ta.info(self.ref(who))
        return info.status in {ta.ChildStatus.RUNNING, ta.ChildStatus.STARTING}

    async def _call(self, who: str, kind: str, line: str) -> None:
        try:
            lines = await getattr(self.ref(who), kind)(line)
        except UNCERTAIN:
            return
        except ta.ActorCrashed:
            if kind != "ask":  # which may be kept, with its reply still owed
                self.failures[who].append(line)
        except ta.StoreError as error:
            if error.outcome is ta.Outcome.FAILED:
                self.failures[who].append(line)
        except (ta.MailboxFull, ValueRefused, Refused):
            self.failures[who].append(line)
        else:
            self.answers[who].append((line if kind not in {"read", "look"} else "", lines))

    async def _cast(self, who: str, kind: str, line: str) -> None:
        try:
            await getattr(self.ref(who), kind).cast(line)
        except (ta.MailboxFull, ta.ActorStopped):
            self.failures[who].append(line)

    async def _restart(self, who: str) -> None:
        try:
            await ta.restart(self.ref(who))
        except (ta.StartFailed, ta.ActorStopped):
            self.down.add(who)

    async def read(self) -> dict[str, list[str]]:
        """The lines of every actor. An actor that could not be restarted by hand is down until that is done."""
        for who in self.down:
            if ta.info(self.ref(who)).status is ta.ChildStatus.UNDEFINED:
                await ta.restart(self.ref(who))
        return {name: await self.ref(name).read("") for name in NAMES}


def judge(play: Play, final: dict[str, list[str]]) -> None:
    """Compare the replies with the final state."""
    everything = [line for lines in final.values() for line in lines]
    assert len(everything) == len(set(everything))
    for who, lines in final.items():
        for line, told in play.answers[who]:
            assert told == lines[: len(told)]
            assert not line or line in told
        for line in play.failures[who]:
            assert not {line, f"sent {line}", f"timer {line}"} & set(everything)
    for line in everything:
        assert line.split()[-1] in everything  # what was sent follows from what is there


async def played(steps: Sequence[Step], disk: Any) -> tuple[Play, dict[str, list[str]], dict[str, list[str]]]:
    """Do the steps, let everything come to rest, and judge; then judge again in another system."""
    store = FaultyStore(MemoryStore(), blocking=True)
    options = ta.Settings(intensity=ta.Intensity(limit=10_000, period=1.0))
    tree = ta.Supervisor(*(ta.child(Scribe, name=name) for name in NAMES), name="desk")
    environment = virtual_environment(worker=disk)
    async with (
        isolated_system(tree, store=store, settings=options, environment=environment) as system,
        trio.open_nursery() as nursery,
    ):
        play = Play(system, store, disk, nursery)
        for step in steps:
            await play.do(step)
        at_rest(disk)
        with trio.fail_after(1_000):
            await system.quiesce(timeout=500)
            await trio.sleep(10)  # deferred replies that nobody gave end by their deadlines
            await system.quiesce()
            assert not nursery.child_tasks
        final = await play.read()
        ledger = system.ledger()
        assert ledger.balanced
        assert (ledger.in_progress, ledger.waiting) == (0, 0)
    async with isolated_system(tree, store=store) as system:
        again = {name: await system.get(Scribe, name).read("") for name in NAMES}
    return play, final, again


def at_rest(disk: Any) -> None:
    """From now on the disk works."""
    if isinstance(disk, HeldWorker):
        disk.release()
    else:
        disk.seconds = 0.0


@pytest.mark.lab
@given(steps_of(messages, messages, messages, ends, faults, times, disks), st.integers(0, 2**32))
@settings(max_examples=150)
def test_callers_were_told_the_truth_about_a_disk_that_stands_still_now_and_then(steps: list[Step], seed: int) -> None:
    play, final, again = run(lambda: played(steps, HeldWorker()), seed=seed)

    judge(play, final)
    assert again == final


@pytest.mark.lab
@given(steps_of(messages, messages, messages, ends, faults, times), st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=150)
def test_callers_were_told_the_truth_about_a_slow_disk(steps: list[Step], seed: int, slowness: int) -> None:
    play, final, again = run(lambda: played(steps, SlowWorker(slowness / 16)), seed=seed)

    judge(play, final)
    assert again == final
