"""Application 230, shrunk. callers_learn_at_once:

callers_learn_at_once: 0.1-1/2 ended (declared) and its caller got CallCycle
"""

import trioactors as ta
from randomlab.running import run
from randomlab.stage import Desk, Page, Refused, User, idle, room
from trioactors.testing.simulation import Faults



class K1(Desk, mailbox=1, overflow='fail'):
    @ta.handler
    async def h0(self, page: Page) -> list[str]:
        with self.page(page, "h0") as act:
            await act.cast('f5', 'h1')
            await act.need('f5', 'h1', within=1.0)
            act.write()
            return act.answer()



class K2(Desk, mailbox=3, overflow='fail'):
    @ta.handler(reads=True)
    def h0(self, page: Page) -> list[str]:
        with self.page(page, "h0") as act:
            return act.answer()

    @ta.handler(reads=True)
    async def h1(self, page: Page) -> list[str]:
        with self.page(page, "h1") as act:
            await act.call('f5', 'h2', within=0.05)
            act.refuse()
            await act.wait(0.1)
            return act.answer()

    @ta.handler
    def h2(self, page: Page) -> list[str]:
        with self.page(page, "h2") as act:
            return act.answer()


TREE = ta.Supervisor(
    ta.Supervisor(
        ta.child(K1, name='b1'),
        ta.child(K2, name='f5'),
        name='s6',
    ),
    name='top', intensity=ta.Intensity(1000, 1.0),
)
STORE = None
SETTINGS = ta.Settings(call_timeout=5.0, grace=3.0)
FAULTS = Faults(crashes=0, kills=0, power_cuts=0, holds=0, stalls=0, clocks=0, errors=0, full=0, syncs=0, delays=0)


async def user_0(me: User) -> None:
    async for turn in me.turns(2):
        if turn == 0:
            await me.send('cast', 'b1', 'h0', within=1.0)
        elif turn == 1:
            await me.send('call', 'b1', 'h0')


USERS = (user_0,)

if __name__ == "__main__":
    run(__file__, seed=230)
