"""Application 7780, shrunk. states_follow:

states_follow: a0#2 begins on_start with ('on_stop a0#1',); possible: [()]
"""

import trioactors as ta
from randomlab.running import run
from randomlab.stage import Desk, Page, Refused, User, idle, room
from trioactors.testing.simulation import Faults



class K1(Desk, persist=ta.EVERY_MESSAGE):
    @ta.handler
    def h3(self, page: Page) -> list[str]:
        with self.page(page, "h3") as act:
            return act.answer()

    async def on_continue(self) -> None:
        with self.hook("on_continue") as act:
            await act.wait(2.0)

    async def on_stop(self, reason: ta.Exit) -> None:
        with self.hook("on_stop", reason) as act:
            act.write()


TREE = ta.Supervisor(
    ta.child(K1, name='a0'),
    name='top', intensity=ta.Intensity(1000, 1.0),
)
STORE = 'file:'
SETTINGS = ta.Settings()
FAULTS = Faults(crashes=0, kills=0, power_cuts=0, holds=0, stalls=0, clocks=0, errors=0, full=0, syncs=0, delays=0)


async def user_0(me: User) -> None:
    async for turn in me.turns(1):
        if turn == 0:
            await me.ask('forget', 'a0')


async def user_1(me: User) -> None:
    async for turn in me.turns(1):
        if turn == 0:
            await me.ask('restart_child', 'a0')


USERS = (user_0, user_1)

if __name__ == "__main__":
    run(__file__, seed=7785)
