"""Handlers with an execution limit, under every schedule and fault: what is answered is kept, and what crashed is undone."""

from __future__ import annotations

from collections import Counter
from operator import methodcaller

import trio
from attrs import define, field

import trioactors as ta
from trioactors.testing import Client, Simulation, sim_test, sometimes
from trioactors.testing.simulation.history import Told

NAMES = ("ann", "bob")
KINDS = ("work", "work", "clean_up", "swallow", "forward")
PAUSES = (0.0, 0.5, 0.9, 1.0, 1.1, 2.0)
"""Times around the limit, in seconds."""


@define
class Book:
    lines: list[str] = field(factory=list[str])


class Clerk(ta.Actor[Book], persist=ta.EVERY_MESSAGE, mailbox=4, timeout=4.0):
    """Writes lines and then takes a while, sometimes for longer than the second that each handler has."""

    @ta.handler(execution_timeout=1.0)
    async def work(self, line: str, pause: float) -> str:
        self.state.lines.append(line)
        await trio.sleep(pause)
        return line

    @ta.handler(execution_timeout=1.0)
    async def clean_up(self, line: str, pause: float) -> str:
        self.state.lines.append(line)
        try:
            await trio.sleep(pause)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.2)
        return line

    @ta.handler(execution_timeout=1.0)
    async def swallow(self, line: str, pause: float) -> str:
        self.state.lines.append(line)
        with trio.move_on_after(pause), trio.CancelScope(shield=True):
            await trio.sleep(pause)
        sometimes("a handler has swallowed its cancellation")
        return line

    @ta.handler(execution_timeout=1.0)
    async def forward(self, line: str, pause: float) -> str:
        """Have the other clerk work first; its commit stands, whatever happens here."""
        other = NAMES[1 - NAMES.index(self.context.name)]
        try:
            await self.context.system.get(Clerk, other).work(f"asked {line}", pause)
        except (ta.DeliveryError, ta.StoreError, ta.UnknownName):
            sometimes("a nested call fails")
        self.state.lines.append(line)
        return line

    @ta.handler(reads=True)
    async def lines(self) -> list[str]:
        return list(self.state.lines)


TREE = ta.Supervisor(
    *(ta.child(Clerk, name=name) for name in NAMES), name="desk", intensity=ta.Intensity(1_000, 1.0), backoff=ta.Backoff(base=0.01)
)


def timed_out(error: BaseException | None) -> bool:
    """Whether *error* is that of a caller whose actor's handler ran into its limit."""
    return isinstance(error, ta.ActorCrashed) and isinstance(error.__cause__, ta.HandlerTimeout)


@sim_test(tree=TREE, seeds=60)
async def test_what_is_answered_is_kept_and_what_ran_into_its_limit_is_undone(simulation: Simulation) -> None:
    async def client(me: Client) -> None:
        async for turn in me.turns(4):
            kind, pause = turn.random.choice(KINDS), turn.random.choice(PAUSES)
            await me.call(Clerk, turn.random.choice(NAMES), methodcaller(kind, turn.id, pause), what=kind)

    await simulation.clients(3, client)
    await simulation.settle()
    await trio.sleep(10)
    found = Counter[str]()
    for name in NAMES:
        found.update(await (await simulation.get(Clerk, name)).lines())

    assert not [line for line, times in found.items() if times > 1]
    for done in simulation.history:
        if done.ok:
            assert found[done.id] == 1, f"{done} was answered and is lost"
        elif done.told is Told.FAILED:
            assert found[done.id] == 0, f"{done} failed and is kept"
        if timed_out(done.error):
            assert done.ended - done.began > 0.999, f"{done} was cut short"
    simulation.sometimes("a handler has run into its limit", any(timed_out(done.error) for done in simulation.history))
    simulation.sometimes(
        "a caller's deadline passed first", any(isinstance(done.error, ta.CallTimeout) for done in simulation.history)
    )
