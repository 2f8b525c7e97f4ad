"""What an application does to the world outside is recorded, and must not be done twice."""

from __future__ import annotations

from operator import methodcaller
from pathlib import Path

import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors.testing import Client, Simulation, effect, sim_test, simulate
from trioactors.testing.simulation.plans import Faults


@define
class Sent:
    letters: list[str] = field(factory=list[str])


class Post(ta.Actor[Sent], persist=ta.EVERY_MESSAGE):
    """Sends each letter once, as it believes: it looks into what it has committed."""

    @ta.handler
    async def send(self, letter: str) -> None:
        if letter not in self.state.letters:
            effect(letter)
            await trio.sleep(0.1)
            self.state.letters.append(letter)


TREE = ta.Supervisor(ta.child(Post, name="post"), name="office")


async def post(simulation: Simulation) -> None:
    """A client sends one letter until it is told that it was sent."""

    async def client(me: Client) -> None:
        async for _ in me.turns(20):
            if (await me.call(Post, "post", methodcaller("send", "a letter"))).ok:
                return

    await simulation.clients(1, client)


def test_an_effect_is_recorded_once() -> None:
    seen: list[list[str]] = []

    simulate(post, tree=TREE, faults=Faults.none(), check=[lambda simulation: seen.append(simulation.effects)])

    assert seen == [["a letter"]]


def test_an_effect_that_is_not_committed_yet_is_done_again_after_a_crash(tmp_path: Path) -> None:
    test = sim_test(tree=TREE, seeds=200, faults=Faults(crashes=2), corpus=tmp_path)(post)

    with pytest.raises(AssertionError, match="effects that happened more than once: a letter"):
        test()


class Stubborn(ta.Actor[None]):
    """Does something even when it is cancelled."""

    @ta.handler
    async def wait(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            effect("after the end")


async def kill(simulation: Simulation) -> None:
    async def client(me: Client) -> None:
        await me.call(Stubborn, "stubborn", methodcaller("wait"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(simulation.clients, 1, client)
        await trio.sleep(1)
        simulation.node.kill(None)


def test_what_a_dead_node_does_is_not_done() -> None:
    seen: list[list[str]] = []
    tree = ta.Supervisor(ta.child(Stubborn, name="stubborn"), name="top")

    simulate(kill, tree=tree, faults=Faults.none(), check=[lambda simulation: seen.append(simulation.effects)])

    assert seen == [[]]


def test_outside_of_a_simulation_it_is_nothing() -> None:
    effect("alone")
