"""A commit that is late for its callers teaches those that wait for the actor, and no actor that is idle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Book, Keeper
from trioactors.testing import HeldWorker, SlowWorker, crash, isolated_system, restarted, run, virtual_environment
from trioactors.testing.stores import FaultyStore
from trioactors_backends.memory import MemoryStore


async def in_vain(call: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(ta.CallTimeout, match="this message had begun"):
        await call()


async def half_a_second(_self: object) -> None:
    """The body of a handler that only takes time."""
    await trio.sleep(0.5)


async def test_a_late_commit_does_not_teach_an_idle_actor(keeper: Keeper, disk: HeldWorker) -> None:
    disk.hold()
    await in_vain(lambda: keeper.write.within(1)("late"))
    await trio.sleep(4)
    disk.release()

    assert await keeper.write.within(1)("next") == 2


async def test_a_late_commit_that_a_reader_waited_for_does_not_teach_an_idle_actor(keeper: Keeper, disk: HeldWorker) -> None:
    disk.hold()
    await in_vain(lambda: keeper.write.within(1)("late"))
    await in_vain(keeper.read.within(1))
    await trio.sleep(4)
    disk.release()

    assert await keeper.read.within(1)() == ["late"]


async def test_a_late_commit_of_a_hundred_calls_does_not_teach_an_idle_actor(keeper: Keeper, disk: HeldWorker) -> None:
    disk.hold()
    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(in_vain, lambda number=number: keeper.write.within(1)(str(number)))
    await trio.sleep(4)
    disk.release()

    assert await keeper.write.within(1)("next") == 101


async def test_a_late_commit_that_comes_while_a_handler_runs_teaches_nothing_to_calls_that_come_after_it(
    keeper: Keeper, disk: HeldWorker, callers: Any
) -> None:
    disk.hold()
    await in_vain(lambda: keeper.write.within(1)("late"))
    await trio.sleep(4)
    await callers.now("slow", keeper.do.within(1), half_a_second)
    disk.release()
    await wait_all_tasks_blocked()

    assert await keeper.write.within(1)("next") == 2


async def test_a_late_commit_teaches_those_that_wait_behind_a_handler(keeper: Keeper, disk: HeldWorker, callers: Any) -> None:
    disk.hold()
    await in_vain(lambda: keeper.write.within(1)("late"))
    await trio.sleep(4)
    await callers.now("slow", keeper.do.within(1), half_a_second)
    await callers.now("behind", keeper.write.within(1), "behind")
    disk.release()
    await trio.sleep(2)

    assert callers.news() == {"slow": None, "behind": ta.CallTimeout}
    assert await keeper.write.within(1)("next") == 2


async def test_a_late_commit_of_the_last_incarnation_teaches_the_next_one_nothing(
    keeper: Keeper, disk: HeldWorker, callers: Any
) -> None:
    disk.hold()
    await in_vain(lambda: keeper.write.within(1)("late"))
    crash(keeper)
    await trio.sleep(3)
    await callers.now("first", keeper.write.within(1), "first")
    assert ta.info(keeper).status is ta.ChildStatus.RESTARTING  # it waits for the commit of the last incarnation
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"first": 2}


# --- any sequence ---


class Notary(ta.Actor[Book], mailbox=3):
    """Notes which messages it has begun."""

    def __init__(self, begun: set[int]) -> None:
        self.begun = begun

    @ta.handler
    def write(self, number: int, _seconds: float) -> None:
        self.begun.add(number)
        self.state.lines.append(str(number))

    @ta.handler(reads=True)
    def read(self, number: int, _seconds: float) -> int:
        self.begun.add(number)
        return len(self.state.lines)

    @ta.handler
    async def work(self, number: int, seconds: float) -> None:
        self.begun.add(number)
        self.state.lines.append(str(number))
        await trio.sleep(seconds)

    @ta.handler
    def promise(self, number: int, seconds: float) -> None:
        self.begun.add(number)
        token: ta.Deferred[None] = self.context.defer()

        async def keep_it() -> None:
            await trio.sleep(seconds)
            token.reply(None)

        self.context.start_soon(keep_it)
        return token.pending


class Careful(Notary, persist=ta.EVERY_MESSAGE, mailbox=3):
    """Replies when it has committed."""


class Hasty(Notary, persist=ta.Within(0.5), mailbox=3):
    """Replies first, and commits later."""


@attrs.frozen
class Step:
    """A step: after a *gap*, call a handler, crash the actor, or change the speed of the disk."""

    gap: int
    what: str
    within: int
    seconds: int


steps = st.builds(
    Step,
    st.integers(0, 6),
    st.sampled_from(["write", "read", "work", "promise", "crash", "disk"]),
    st.integers(1, 6),
    st.integers(0, 8),
)


def is_idle(ref: object) -> bool:
    """Whether the actor has nothing to do, may do something, and is not about to exit."""
    info = ta.info(ref)
    free = info.handling is None and not info.waiting and info.held_replies < info.mailbox_limit
    return free and info.status is ta.ChildStatus.RUNNING


class Notes:
    """The messages that were sent to an idle actor, and those that it has begun."""

    def __init__(self) -> None:
        self.to_idle: set[int] = set()
        self.begun: set[int] = set()


async def play(kind: type[Notary], plan: list[Step]) -> Notes:
    """Do the steps. A quarter of a second is one unit of time."""
    notes, worker = Notes(), SlowWorker(0.25)

    async def call(number: int, step: Step) -> None:
        if is_idle(ref):
            notes.to_idle.add(number)
        with suppress(ta.DeliveryError):
            await getattr(ref, step.what).within(step.within / 4)(number, step.seconds / 4)

    store = FaultyStore(MemoryStore(), blocking=True)
    options = ta.Settings(intensity=ta.Intensity(limit=1_000, period=1.0))
    async with (
        isolated_system(store=store, settings=options, environment=virtual_environment(worker=worker)) as system,
        trio.open_nursery() as nursery,
    ):
        ref: Any = await system.start(partial(kind, notes.begun), name="notary")
        for number, step in enumerate(plan):
            await trio.sleep(step.gap / 4)
            if step.what == "crash":
                await wait_all_tasks_blocked()  # what was just sent is begun
                crash(ref)
                await restarted(ref)
            elif step.what == "disk":
                worker.seconds = step.seconds / 4
            else:
                nursery.start_soon(call, number, step)
    return notes


FULL_OF_REPLIES = [
    Step(0, "work", 1, 6),
    Step(1, "write", 1, 0),
    Step(1, "write", 6, 0),
    Step(2, "write", 4, 0),
    Step(1, "write", 1, 0),
    Step(2, "write", 1, 0),
    Step(1, "work", 1, 0),
]
"""The actor holds as many replies as it may when its mailbox becomes empty."""


JUST_SENT = [
    Step(0, "write", 1, 0),
    Step(0, "disk", 1, 6),
    Step(2, "write", 1, 0),
    Step(2, "disk", 1, 0),
    Step(2, "write", 1, 0),
]
"""A commit ends, late for its caller, in the moment in which the next call is sent."""


@pytest.mark.parametrize("kind", [Notary, Careful, Hasty])
@example(FULL_OF_REPLIES, 0)
@example(JUST_SENT, 0)
@given(st.lists(steps, max_size=25), st.integers(0, 3))
@settings(max_examples=200)
def test_an_idle_actor_begins_what_it_is_asked(kind: type[Notary], plan: list[Step], seed: int) -> None:
    notes = run(lambda: play(kind, plan), seed=seed)

    assert notes.to_idle <= notes.begun
