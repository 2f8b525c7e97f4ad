"""An actor is woken once, whatever meets in one moment: senders let in, ticks taken back, pauses, observers, kills."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio
from hypothesis import example, given
from hypothesis import strategies as st

import trioactors as ta
from trioactors.testing import isolated_system, kill, run

MOMENTS = st.sampled_from([0.0, 0.5, 1.0, 1.25, 1.5])
ACTS = st.sampled_from(["cast", "call", "leave", "tick", "untick", "pause", "resume", "kill"])


class Tiny(ta.Actor[None], mailbox=1):
    """Has room for one message."""

    @ta.handler
    async def work(self, seconds: float = 0.0) -> None:
        await trio.sleep(seconds)

    @ta.handler
    def tick(self, delay: float) -> None:
        self.context.after(delay, self.work, key="tick")

    @ta.handler
    async def untick(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.context.cancel("tick")


async def pause(tiny: Tiny) -> None:
    """Pause the actor, unless somebody resumes it meanwhile."""
    try:
        await ta.pause(tiny)
    except ta.UsageError as error:
        if "somebody resumed it" not in str(error):
            raise


async def act(what: str, at: float, tiny: Tiny) -> None:
    await trio.sleep(at)
    do = {
        "cast": tiny.work.cast,
        "call": partial(tiny.work, 0.5),
        "leave": partial(tiny.work, 0.5),
        "tick": partial(tiny.tick, 1.0),
        "untick": partial(tiny.untick, 1.0),
        "pause": partial(pause, tiny),
        "resume": partial(ta.resume, tiny),
    }
    with suppress(ta.DeliveryError), trio.move_on_after(0.5 if what == "leave" else 100):
        if what == "kill":
            kill(tiny)
            await trio.lowlevel.checkpoint()
        else:
            await do[what]()


def killing(tiny: Tiny, at: set[int]) -> Callable[[ta.TraceRecord], None]:
    """An observer that kills the actor in the moment in which it accepts one of these messages."""
    seen = 0

    def observer(record: ta.TraceRecord) -> None:
        nonlocal seen
        if isinstance(record, ta.MessageAccepted):
            seen += 1
            if seen in at:
                with suppress(ta.ActorStopped):
                    kill(tiny)

    return observer


@example([("tick", 0.0), ("untick", 0.5), ("cast", 1.25)], {3}, 0)
@given(st.lists(st.tuples(ACTS, MOMENTS), max_size=8), st.sets(st.integers(1, 5), max_size=3), st.integers(0, 3))
def test_whatever_meets_in_one_moment_everything_comes_to_rest(acts: list[tuple[str, float]], kills: set[int], seed: int) -> None:
    async def main() -> ta.Ledger:
        tree = ta.Supervisor(ta.child(Tiny, name="tiny"), name="top", intensity=ta.Intensity(100))
        async with isolated_system(tree) as system:
            tiny = system.get(Tiny, "tiny")
            system.observe(killing(tiny, kills))
            async with trio.open_nursery() as nursery:
                for what, at in acts:
                    nursery.start_soon(act, what, at, tiny)
            await ta.resume(tiny)
            await system.quiesce()
            return ta.info(tiny).ledger

    ledger = run(main, seed=seed)

    assert ledger.balanced
    assert ledger.waiting == ledger.in_progress == 0
