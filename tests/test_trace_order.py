"""Trace records are in causal order: a message is accepted before it is handled, and before anything that its handling sends."""

from __future__ import annotations

from contextlib import suppress

import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

import trioactors as ta
from shared.actors import Tally
from trioactors.testing import isolated_system, run
from trioactors.trace import records as trace

WAYS = ("call", "cast", "nowait")
Step = tuple[str, str, tuple[str, ...]]
"""Of a message: how it is sent, to whom, and whom its handler sends a cast in turn."""


class Relay(ta.Actor[None], mailbox=1):
    """Its mailbox is always full, so that senders wait for room."""

    @ta.handler
    async def pass_on(self, way: str, rest: tuple[str, ...]) -> None:
        await forward(way, rest)


class Keeper(ta.Actor[Tally], persist=ta.EVERY_MESSAGE, mailbox=2):
    """Holds its casts until its commit."""

    @ta.handler
    async def pass_on(self, way: str, rest: tuple[str, ...]) -> None:
        self.state.total += 1
        await forward(way, rest)


CLASSES = {"a": Relay, "b": Relay, "k": Keeper, "m": Keeper}
names = st.sampled_from(sorted(CLASSES))
steps = st.lists(st.tuples(st.sampled_from(WAYS), names, st.lists(names, max_size=3).map(tuple)), min_size=1, max_size=15)


async def send(system: ta.System, way: str, target: str, rest: tuple[str, ...]) -> None:
    """Send one message. Some find no room; those were never sent."""
    handler = system.get(CLASSES[target], target).pass_on
    with suppress(ta.MailboxFull, ta.CallTimeout, ta.CallCycle):
        if way == "call":
            await handler(way, rest)
        elif way == "cast":
            await handler.cast(way, rest)
        else:
            handler.cast_nowait(way, rest)


async def forward(way: str, rest: tuple[str, ...]) -> None:
    await trio.lowlevel.checkpoint()
    if rest:
        await send(ta.current_system(), "cast" if way == "call" else way, rest[0], rest[1:])


@given(steps, st.integers(0, 2**32))
@settings(max_examples=100)
@example([("cast", "a", ())] * 8, 1)
@example([("cast", "k", ("a", "m", "b"))] * 6, 2)
@example([("nowait", "m", ("k", "a")), ("call", "a", ("k",))] * 5, 3)
def test_every_message_is_accepted_before_it_is_handled_and_before_its_effects(plan: list[Step], seed: int) -> None:
    recorder = ta.Recorder()

    async def main() -> None:
        tree = ta.Supervisor(*(ta.child(kind, name=name) for name, kind in CLASSES.items()), name="top")
        async with isolated_system(tree) as system:
            system.observe(recorder)
            async with trio.open_nursery() as nursery:
                for step in plan:
                    nursery.start_soon(send, system, *step)
            await system.quiesce()
            system.unobserve(recorder)

    run(main, seed=seed)

    accepted: set[int | None] = set()
    for record in recorder:
        if isinstance(record, trace.MessageAccepted):
            assert record.message not in accepted, f"accepted twice: {record}"
            assert record.cause is None or record.cause in accepted, f"accepted before its cause: {record}"
            accepted.add(record.message)
        elif isinstance(record, trace.MessageHandled | trace.MessageShed):
            assert record.message in accepted, f"its end comes before its acceptance: {record}"
        elif isinstance(record, trace.MessageDeadLettered):
            accepted.add(record.message)  # a held cast that finds no room is never accepted, and not afterwards
    assert accepted
