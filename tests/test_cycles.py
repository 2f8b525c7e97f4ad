"""Cycles through a supervisor, which must stop an actor that waits for it."""

from __future__ import annotations

import pytest
import trio

import trioactors as ta
from trioactors.testing import crash, isolated_system, restarted, run


class Ledger(ta.Actor[None]):
    @ta.handler
    async def book(self) -> int:
        return self.context.incarnation


class Gateway(ta.Actor[None]):
    @ta.handler
    async def pay(self) -> int:
        await trio.lowlevel.checkpoint()
        return await self.context.system.get(Ledger, "ledger").book()

    @ta.handler
    async def pay_later(self) -> int:
        await trio.sleep(1)
        return await self.context.system.get(Ledger, "ledger").book()


SHOP = ta.Supervisor(
    ta.child(Ledger, name="ledger"),
    ta.child(Gateway, name="gateway"),
    strategy=ta.Strategy.REST_FOR_ONE,
    name="shop",
)


@pytest.mark.parametrize("seed", range(8))
def test_a_group_restart_does_not_wait_for_who_waits_for_it(seed: int) -> None:
    async def main() -> float:
        async with isolated_system(SHOP) as system:
            gateway = system.get(Gateway, "gateway")
            crash(system.get(Ledger, "ledger"))
            began = trio.current_time()

            with pytest.raises(ta.ActorCrashed) as caught:
                await gateway.pay()

            assert isinstance(caught.value.__cause__, ta.CallCycle)
            return trio.current_time() - began

    assert run(main, seed=seed) == 0


async def test_a_call_that_begins_during_the_stop_is_refused_as_a_cycle(system: ta.System) -> None:
    shop = await system.supervisor().start_child(SHOP)
    assert shop is None  # a supervisor has no ref
    ledger, gateway = system.get(Ledger, "ledger"), system.get(Gateway, "gateway")

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def pay() -> None:
            with pytest.raises(ta.ActorCrashed) as caught:
                await gateway.pay_later()
            assert isinstance(caught.value.__cause__, ta.CallCycle)

        await trio.sleep(0.5)
        crash(ledger)

    await restarted(gateway, after=1)
    assert await gateway.pay() == 2
