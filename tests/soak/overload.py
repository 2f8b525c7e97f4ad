"""Ten times too much: how much of what it could do an actor still does in time, and whether what waits stays bounded.

A measurement has two phases in one run. In the first, a few callers call again and again, each when it was answered: that is capacity. In
the second, callers come at ten times that rate whatever has been answered, each with a deadline. The first part of it, one deadline long,
is left out: everybody looks well while a queue fills. Then the answers are counted that came in time, and, in both halves of the rest, the
most callers that waited at once and the memory in use. If they grow from one half to the other, nothing bounds them.

Under a virtual clock the figures are exact, but shedding is free. So it is tried again on a clock that goes on as far as the process works
(`clocks.WorkingClock`): there callers and shedding cost what they cost, and other work on the machine still costs nothing. Phases
alternate, and the median of the rounds' shares counts.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import attrs
import trio
from trio.testing import MockClock

import trioactors as ta
from soak.actors import Tally
from soak.clocks import WorkingClock
from soak.scenarios import at_once

TIMES = 10
"""How many times its capacity comes to it."""

LEAST = 0.95
"""What part of its capacity it must answer in time."""

GROWTH = 1.1
"""How much more may wait in the second half than in the first."""

_CALLERS = 5
_SPARE = 200_000

Ask = Callable[[float], Awaitable[bool]]
"""Ask something; whether it was answered within so many seconds."""


@attrs.frozen
class Load:
    """How long everything takes, in seconds."""

    service: float = 0.01
    deadline: float = 1.0
    measured: float = 8.0
    rounds: int = 1


VIRTUAL = Load()
WORKING = Load(measured=4.0, rounds=3)
QUICK = Load(deadline=0.5, measured=2.0)


@attrs.define
class Half:
    """One half of the time under overload."""

    answered: int = 0
    waiting: int = 0
    """The most callers at once."""

    allocated: int = 0
    """Blocks of memory, at its end."""


@attrs.frozen
class Verdict:
    """What one actor did under overload."""

    name: str
    capacity: float
    """Answers a second."""

    shares: tuple[float, ...]
    """What part of it was answered in time under overload, in each round."""

    waiting: tuple[int, int]
    """The most callers that waited at once, in each half."""

    allocated: tuple[int, int]

    @property
    def share(self) -> float:
        """The median."""
        return statistics.median(self.shares)

    def complaints(self) -> list[str]:
        """Which bounds are broken."""
        found: list[str] = []
        if self.share < LEAST:
            found.append(f"under {TIMES} times its capacity it answers {self.share:.0%} of it in time; {LEAST:.0%} must be")
        for what, (first, second) in (("callers that wait", self.waiting), ("blocks of memory", self.allocated)):
            if second > GROWTH * first:
                found.append(f"{what} grow from {first:,} to {second:,} while the overload lasts")
        return found


class Crowd:
    """Callers who do not wait for each other."""

    def __init__(self, ask: Ask, deadline: float) -> None:
        self._ask = ask
        self._deadline = deadline
        self._waiting = 0
        self.half = Half()

    async def call(self) -> None:
        """One caller."""
        self._waiting += 1
        self.half.waiting = max(self.half.waiting, self._waiting)
        answered = await self._ask(self._deadline)
        self.half.answered += answered
        self._waiting -= 1

    async def come(self, rate: float, seconds: float, nursery: trio.Nursery) -> Half:
        """Come at this *rate* for so many *seconds*; what became of all who were there."""
        self.half = Half()
        began = now = trio.current_time()
        came = 0
        while now < began + seconds:
            due = max(came, int((now - began) * rate)) + 1  # at least one, or rounding would keep a clock that jumps where it is
            for _ in range(due - came):
                nursery.start_soon(self.call)
            came = due
            await trio.sleep_until(began + came / rate)
            now = trio.current_time()
        half, self.half = self.half, Half()  # what is answered later is not in it
        half.allocated = sys.getallocatedblocks()
        return half


async def capacity(ask: Ask, seconds: float) -> float:
    """How many it answers in a second to a few callers who wait for their answers."""
    end = trio.current_time() + seconds
    answered = 0

    async def caller() -> None:
        nonlocal answered
        while trio.current_time() < end:
            done = await ask(60.0)
            answered += done

    began = trio.current_time()
    await at_once(_CALLERS, caller)
    return answered / (trio.current_time() - began)


async def measured(name: str, server: AbstractAsyncContextManager[Ask], load: Load) -> Verdict:
    """Put *load* on a *server*."""
    rates: list[float] = []
    shares: list[float] = []
    async with server as ask:
        for _ in range(load.rounds):
            rates.append(await capacity(ask, load.measured / 2))
            crowd = Crowd(ask, load.deadline)
            async with trio.open_nursery() as nursery:
                come = partial(crowd.come, TIMES * rates[-1], nursery=nursery)
                await come(load.deadline)
                first, second = await come(load.measured / 2), await come(load.measured / 2)
            shares.append((first.answered + second.answered) / load.measured / rates[-1])
    waiting, allocated = (first.waiting, second.waiting), (first.allocated, second.allocated)
    return Verdict(name, statistics.median(rates), tuple(shares), waiting, allocated)


# --- who is asked ---


class Server(ta.Actor[None]):
    """Takes its time."""

    def __init__(self, service: float) -> None:
        self.service = service

    @ta.handler
    async def work(self) -> None:
        """Do it."""
        await trio.sleep(self.service)


class Refusing(Server, mailbox=20, overflow=ta.Overflow.FAIL):
    """Takes few at a time."""


class Dropping(Server, mailbox=20, overflow=ta.Overflow.DROP_OLDEST):
    """Likes the newest."""


class Durable(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    """Takes its time, and commits."""

    def __init__(self, service: float) -> None:
        self.service = service

    @ta.handler
    async def work(self) -> None:
        """Do it."""
        self.state.add(1)
        await trio.sleep(self.service)


class Front(ta.Actor[None]):
    """Has another one do it."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @ta.handler
    async def work(self) -> None:
        """Have it done."""
        await self.server.work()


@asynccontextmanager
async def actor(make: Callable[[float], Any], service: float) -> AsyncGenerator[Ask, None]:
    """An actor of ours."""
    async with ta.open_system("memory:") as system:
        yield partial(_asked, await system.start(partial(make, service), name="server"))


@asynccontextmanager
async def front(service: float) -> AsyncGenerator[Ask, None]:
    """An actor that calls another one."""
    async with ta.open_system() as system:
        server = await system.start(partial(Server, service))
        yield partial(_asked, await system.start(partial(Front, server)))


async def _asked(server: Any, within: float) -> bool:
    try:
        await server.work.within(within)()
    except (ta.CallTimeout, ta.MailboxFull):
        return False
    return True


@asynccontextmanager
async def unshedding(service: float) -> AsyncGenerator[Ask, None]:
    """The control: a task that reads a channel in order. Whoever gives up is not served, and that is not enough."""
    sender, receiver = trio.open_memory_channel[trio.Event](_SPARE)

    async def serve() -> None:
        async for answer in receiver:
            if answer.statistics().tasks_waiting:
                await trio.sleep(service)
                answer.set()

    async def ask(within: float) -> bool:
        answer = trio.Event()
        with trio.move_on_after(within):
            sender.send_nowait(answer)
            await answer.wait()
            return True
        return False

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)  # noqa: ASYNC113 - what is asked before it begins waits in the channel
        yield ask
        nursery.cancel_scope.cancel()


SERVERS: dict[str, Callable[[float], AbstractAsyncContextManager[Ask]]] = {
    "waiting": partial(actor, Server),
    "refusing": partial(actor, Refusing),
    "dropping": partial(actor, Dropping),
    "durable": partial(actor, Durable),
    "front": front,
}


def under_virtual_overload(name: str, server: Callable[[float], AbstractAsyncContextManager[Ask]], load: Load = VIRTUAL) -> Verdict:
    """Measure in virtual time."""
    return trio.run(measured, name, server(load.service), load, clock=MockClock(autojump_threshold=0))


def under_working_overload(name: str, server: Callable[[float], AbstractAsyncContextManager[Ask]], load: Load = WORKING) -> Verdict:
    """Measure in the time of this process."""
    clock = WorkingClock()

    async def main() -> Verdict:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(clock.jump)  # noqa: ASYNC113 - it may begin when there is something to skip
            verdict = await measured(name, server(load.service), load)
            nursery.cancel_scope.cancel()
        return verdict

    return trio.run(main, clock=clock)
