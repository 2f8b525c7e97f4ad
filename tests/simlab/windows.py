"""Durable actors that commit within a second: only the last acknowledged lines may be lost, never earlier ones.

On a flaky store there is one client more, and the disk is often full or slow: a window is often over before the last one is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import methodcaller

import trio
from attrs import define, field

import trioactors as ta
from simlab.watched import failing_often
from trioactors.testing.simulation import Client, Simulation
from trioactors.testing.simulation.plans import Kind
from trioactors.trace import ChildExited

__all__ = ["TREE", "keep", "keep_on_flaky_store"]

WINDOW = 1.0
LONG = 60.0
"""Seconds: longer than all holds, stalls and failures of a run together, with a window after each."""


@define
class Log:
    lines: list[str] = field(factory=list[str])


class Keeper(ta.Actor[Log], persist=ta.Within(WINDOW)):
    """Keeps lines, committed a little later."""

    @ta.handler
    def add(self, line: str) -> list[str]:
        self.state.lines.append(line)
        return list(self.state.lines)

    @ta.handler(reads=True)
    def read(self) -> list[str]:
        return list(self.state.lines)

    @ta.handler
    def fall(self, _line: str) -> None:
        raise LookupError


TREE = ta.Supervisor(ta.child(Keeper, name="keeper"), name="house")


def _ends(simulation: Simulation) -> Iterator[float]:
    """The times at which an incarnation of the actor, or a life of the node, may have ended."""
    yield from (record.time for _, record in simulation.trace if isinstance(record, ChildExited))
    yield from (time for time, one in simulation.injected if one.kind not in (Kind.HOLD, Kind.STALL, Kind.CLOCK, Kind.DELAY))


async def keep_on_flaky_store(simulation: Simulation) -> None:
    """Run three clients. Their runs are none of those of `keep`."""
    await keep(simulation, clients=3)


async def keep(simulation: Simulation, *, clients: int = 2) -> None:
    """Run the clients. A list may lose only its end, and only if the actor exited soon after."""

    async def client(me: Client) -> None:
        async for turn in me.turns(5, pause=3.0):
            kind = "fall" if turn.random.random() < 0.1 else "add"
            await me.call(Keeper, "keeper", methodcaller(kind, turn.id), what=kind)

    with failing_often():
        await simulation.clients(clients, client)
        await trio.sleep(2 * LONG)  # every window is over, including those that were committed again
    await simulation.settle()
    row = await (await simulation.get(Keeper, "keeper")).read()
    assert len(row) == len(set(row)), row
    told = [done for done in simulation.history if done.ok]
    simulation.sometimes("a window is lost", any(done.id not in row for done in told))
    ends = list(_ends(simulation))
    for done in told:
        excused = any(done.began <= time <= done.ended + LONG for time in ends)
        assert done.id in row or excused, (
            f"{done.id} was acknowledged at {done.ended:g} and is lost, although the actor did not exit soon after: {row}"
        )
        answer = done.answer
        assert isinstance(answer, list)
        if done.id in row:
            assert row[: len(answer)] == answer, f"{done.id} got {answer} and is kept, but earlier lines are lost: {row}"
    for number in {done.client for done in told}:
        ids = [done.id for done in told if done.client == number and done.id in row]
        assert ids == [line for line in row if line in ids], f"client {number} got OK for {ids}, in this order: {row}"
