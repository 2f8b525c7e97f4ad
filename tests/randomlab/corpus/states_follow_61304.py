"""Application 61304, shrunk. states_follow:

states_follow: a0#1 begins on_stop with ('0.1-2',); possible: [('0.1-2', '0.1-1')]
"""

import trioactors as ta
from randomlab.running import run
from randomlab.stage import Desk, Page, Refused, User, idle, room
from trioactors.testing.simulation import Faults



class K0(Desk, persist=ta.EVERY_MESSAGE):
    @ta.handler
    def h0(self, page: Page) -> list[str]:
        with self.page(page, "h0") as act:
            act.write()
            return act.answer()


TREE = ta.Supervisor(
    ta.Supervisor(
        ta.child(K0, name='a0', restart='temporary', significant=True),
        name='s1', auto_shutdown='all_significant',
    ),
    name='top', intensity=ta.Intensity(1000, 1.0),
)
STORE = 'sqlite:'
SETTINGS = ta.Settings(grace=0.5)
FAULTS = Faults(crashes=2, kills=0, power_cuts=0, holds=0, stalls=0, clocks=0, errors=0, full=0, syncs=0, delays=0)
LATENCY = 0.3


async def user_0(me: User) -> None:
    async for turn in me.turns(2):
        if turn == 0:
            await me.ask('look', 'a0')
        elif turn == 1:
            await me.gather_blindly(('a0', 'h0'), ('a0', 'h0'))


USERS = (user_0,)

if __name__ == "__main__":
    run(__file__, seed=61306)
