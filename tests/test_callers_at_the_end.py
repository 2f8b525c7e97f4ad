"""However an actor or its system ends, and whatever has become of a call by then: its caller is told, and not later than at the end."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import trio
from attrs import define, frozen
from hypothesis import given
from hypothesis import strategies as st

import trioactors as ta
from trioactors.testing import SlowWorker, crash, run, virtual_environment
from trioactors.testing.stores import FaultyStore
from trioactors_backends.memory import MemoryStore


@define
class Tally:
    total: int = 0


class Desk(ta.Actor[None], mailbox=2):
    """Takes its time, and replies at once, later or never."""

    def __init__(self) -> None:
        self.owed: list[Any] = []

    @ta.handler
    async def work(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @ta.handler
    def later(self) -> str:
        token: ta.Deferred[str] = self.context.defer()
        self.owed.append(token)
        return token.pending

    @ta.handler
    async def pass_on(self, to: Every | Within) -> int:
        return await to.add()


class Every(ta.Actor[Tally], persist=ta.EVERY_MESSAGE, mailbox=2):
    @ta.handler
    def add(self) -> int:
        self.state.total += 1
        return self.state.total


class Within(ta.Actor[Tally], persist=ta.Within(1.0), mailbox=2):
    @ta.handler
    async def add(self) -> int:
        self.state.total += 1
        await trio.sleep(0.5)
        return self.state.total


class End(enum.Enum):
    """How it ends."""

    LEAVE = "the block is left"
    FORCED = "the block is left, and there is no time for an orderly stop"
    STOPPED = "every actor is stopped"


@frozen
class Step:
    """A call, or a crash, and the time that passes before it."""

    after: float
    kind: str
    within: float


STEPS = st.lists(
    st.builds(
        Step,
        after=st.sampled_from([0.0, 0.5, 1.0]),
        kind=st.sampled_from(["short", "long", "later", "every", "within", "pass on", "crash"]),
        within=st.sampled_from([1.0, 3.0, 1_000.0]),
    ),
    max_size=10,
)


def told(steps: Sequence[Step], end: End, seed: int) -> tuple[int, list[float], float]:
    """How many calls were made, when each caller was told, and when all was over."""

    async def main() -> tuple[int, list[float], float]:
        ends: list[float] = []
        made = 0
        tree = ta.Supervisor(
            ta.child(Desk, name="desk"),
            ta.child(Every, name="every"),
            ta.child(Within, name="within"),
            name="top",
            intensity=ta.Intensity(100),
        )
        settings = ta.Settings(stop_timeout=0.0 if end is End.FORCED else 20.0)
        world = virtual_environment(worker=SlowWorker(0.5))
        store = FaultyStore(MemoryStore(), blocking=True)
        with trio.fail_after(500):
            async with trio.open_nursery() as nursery:
                async with ta.open_system(store, tree, settings=settings, environment=world) as system:
                    for step in steps:
                        await trio.sleep(step.after)
                        if step.kind == "crash":
                            with suppress(ta.ActorStopped):  # it may be down in this moment
                                crash(system.get(Desk, "desk"))
                        else:
                            made += 1
                            nursery.start_soon(_ask, _call(system, step), ends)  # noqa: ASYNC111 - callers may outlast the system
                            await trio.testing.wait_all_tasks_blocked()
                    if end is End.STOPPED:
                        for kind, name in ((Desk, "desk"), (Every, "every"), (Within, "within")):
                            await ta.stop(system.get(kind, name))
                        await trio.testing.wait_all_tasks_blocked()
                        over = trio.current_time()
                if end is not End.STOPPED:
                    over = trio.current_time()
        return made, ends, over

    return run(main, seed=seed)


def _call(system: ta.System, step: Step) -> Callable[[], Awaitable[object]]:
    desk, every, within = system.get(Desk, "desk"), system.get(Every, "every"), system.get(Within, "within")
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "short": partial(desk.work.within(step.within), 0.5),
        "long": partial(desk.work.within(step.within), 2.0),
        "later": desk.later.within(step.within),
        "every": every.add.within(step.within),
        "within": within.add.within(step.within),
        "pass on": partial(desk.pass_on.within(step.within), every if step.within > 1.0 else within),
    }
    return calls[step.kind]


async def _ask(call: Callable[[], Awaitable[object]], ends: list[float]) -> None:
    with suppress(ta.DeliveryError, ta.StoreError):
        await call()
    ends.append(trio.current_time())


@given(STEPS, st.sampled_from(End), st.integers(0, 3))
def test_every_caller_is_told_not_later_than_at_the_end(steps: list[Step], end: End, seed: int) -> None:
    made, ends, over = told(steps, end, seed)

    assert len(ends) == made
    assert max(ends, default=0.0) <= over
