"""`forget` while others restart the actor: a restart comes before all of it, or after it."""

from __future__ import annotations

from typing import Any

import trio
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Clerk
from shared.calls import Callers
from trioactors.testing import isolated_system
from trioactors.testing.stores import FaultyStore


class Slow(Clerk):
    """Takes a second to stop."""

    async def on_stop(self, reason: ta.Exit) -> None:  # noqa: ARG002 - the hook of the library
        await trio.sleep(1)


async def test_a_restart_that_waits_until_an_actor_is_forgotten_finds_nothing(
    autojump_clock: MockClock, store: FaultyStore
) -> None:
    """Trio decides which of two tasks goes first, the one that forgets or the one that restarts; so it is tried with twenty actors."""
    names = [f"clerk{number}" for number in range(20)]
    tree = ta.Supervisor(*(ta.child(Slow, name=name) for name in names), name="shop")
    async with isolated_system(tree, store=store) as system, trio.open_nursery() as nursery:
        callers = Callers(nursery)
        for name in names:
            clerk: Any = system.get(Slow, name)
            await clerk.write("old")
            await callers.now(f"forget {name}", ta.forget, clerk)
            await callers.now(f"restart {name}", ta.restart, clerk)
            await trio.sleep(5)

            assert callers.news() == {f"forget {name}": None, f"restart {name}": None}
            await clerk.write("new")
            assert await clerk.read() == ["new"]
