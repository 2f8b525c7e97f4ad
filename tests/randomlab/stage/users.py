"""The clients of a node, as a program of the lab sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import attrs
import trio

import trioactors as ta
from randomlab.notes import Got, Op, Saw
from randomlab.stage.gathering import gathered, gathered_blindly
from randomlab.stage.notebook import did, note
from randomlab.stage.operations import operate, start_guest, stop_node
from randomlab.stage.pages import Page
from randomlab.stage.sending import Sending
from trioactors.testing.simulation import Client, Turn

__all__ = ["User"]


class User:
    """A client of the node, as a program of the lab sees it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._steps = 0
        self._turn = ""

    def turns(self, count: int) -> AsyncIterator[int]:
        """Take turns, each with its number."""
        return _Turns(self._client.turns(count, pause=1.5), self._begins)

    def _begins(self, turn: str) -> int:
        self._turn, self._steps = turn, 0
        return int(turn.rpartition(".")[2])

    def _page(self) -> Page:
        self._steps += 1
        return Page(f"{self._turn}-{self._steps}")

    def _sending(self, way: str, target: str, handler: str, within: float | None = None) -> Sending:
        return Sending(self._page(), f"user {self._client.number}", None, target, handler, way, within)

    async def send(self, way: str, target: str, handler: str, within: float | None = None) -> None:
        """Call or cast once."""
        sending = self._sending(way, target, handler, within)
        await self._client.use(partial(self._sent, sending), what=f"{way} {target}.{handler}")

    async def _sent(self, sending: Sending, system: ta.System) -> None:
        did(f"user {sending.way}" if sending.within is None else f"user {sending.way} within")
        try:
            await sending.send(system)
        except trio.Cancelled:
            note(Got, page=sending.page.id, error="NodeDown")
            raise

    def _several(self, way: str, targets: Sequence[tuple[str, str]], aside: str, within: float | None = None) -> list[Sending]:
        """Messages that are sent at once, each by a task of its own."""
        several: list[Sending] = []
        for target, handler in targets:
            sending = self._sending(way, target, handler, within)
            several.append(attrs.evolve(sending, sender=f"{sending.sender} {aside} {sending.page.id}"))
        return several

    async def gather(self, *targets: tuple[str, str]) -> None:
        """Call several actors at once, and take all answers as they come."""
        did("user gather")
        await self._client.use(partial(gathered, self._several("call", targets, "gathers")), what="gather")

    async def gather_blindly(self, *targets: tuple[str, str]) -> None:
        """Call several actors at once, and look at none of the answers."""
        did("user gather blindly")
        await self._client.use(partial(gathered_blindly, self._several("call", targets, "gathers")), what="gather blindly")

    async def crowd(self, way: str, count: int, target: str, handler: str, within: float | None = None) -> None:
        """Send many messages to one actor at once."""
        did(f"user crowd {way}")
        several = self._several(way, [(target, handler)] * count, "crowds", within)
        await self._client.use(partial(self._all_sent, several), what=f"crowd {target}")

    async def _all_sent(self, several: Sequence[Sending], system: ta.System) -> None:
        async with trio.open_nursery() as nursery:
            for sending in several:
                nursery.start_soon(self._sent, sending, system)

    async def hurry(self, target: str, handler: str, seconds: float) -> None:
        """Call once, and leave after a while by a deadline of Trio's."""
        sending = self._sending("call", target, handler)
        await self._client.use(partial(self._hurried, sending, seconds), what=f"hurry {target}.{handler}")

    async def _hurried(self, sending: Sending, seconds: float, system: ta.System) -> None:
        did("user hurry")
        with trio.move_on_after(seconds) as scope:
            await self._sent(sending, system)
        if scope.cancelled_caught:
            note(Op, id=sending.page.id, what="leave", target=sending.target, phase="done", seconds=seconds)

    async def ask(self, what: str, target: str) -> None:
        """Ask for an operation on a child."""
        known = self._page().id
        await self._client.use(partial(self._asked, known, what, target), what=f"{what} {target}")

    async def _asked(self, known: str, what: str, target: str, system: ta.System) -> None:
        did(f"user {what}")
        await operate(known, what, target, system)

    async def start(self, kind: type[ta.Actor[Any]], restart: ta.RestartWord, handler: str, *, stops: int = 1) -> None:
        """Start a guest, call it, cast to it, and stop it, perhaps twice, unless it has gone by itself."""
        name = f"{kind.__name__} guest {self._page().id}"
        await self._client.use(partial(self._started, name, kind, restart), what=f"start {name}")
        await self.send("call", name, handler)
        await self.send("cast", name, handler)
        await (self.ask("stop", name) if stops == 1 else self.stop_twice(name, 0.3))

    async def _started(self, name: str, kind: type[ta.Actor[Any]], restart: ta.RestartWord, system: ta.System) -> None:
        did("user start")
        await start_guest(name, kind, restart, system)

    async def hire(self, under: str, kind: type[ta.Actor[Any]], restart: ta.RestartWord, handler: str, *, stops: bool) -> None:
        """Start a guest under a supervisor of the tree, which may have too many, and cast to it. Some stop it, others leave it there."""
        name = f"{kind.__name__} guest {self._page().id}"
        did("user hire")
        await self._client.use(partial(start_guest, name, kind, restart, under=under), what=f"hire {name}")
        await self.send("cast", name, handler)
        if stops:
            await self.ask("stop", name)

    async def stop_twice(self, target: str, pause: float) -> None:
        """Stop a child, and once more after a while."""
        known = self._page().id

        async def again(number: int, system: ta.System) -> None:
            await trio.sleep(pause * number)
            await operate(f"{known}/{number}", "stop", target, system)

        async def both(system: ta.System) -> None:
            did("user stop twice")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(again, 0, system)
                nursery.start_soon(again, 1, system)

        await self._client.use(both, what=f"stop {target} twice")

    async def drain_a_call(self, target: str, handler: str) -> None:
        """Call an actor, and drain it while the call is on its way."""
        sending, known = self._sending("call", target, handler), self._page().id

        async def drain(system: ta.System) -> None:
            await trio.sleep(0.1)
            await operate(known, "stop and drain", target, system)

        async def both(system: ta.System) -> None:
            did("user drain a call")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(drain, system)
                await self._sent(sending, system)

        await self._client.use(both, what=f"drain {target} in a call")

    async def pester(self, target: str, handler: str, pause: float) -> None:
        """Cast several times, one soon after another."""
        did("user pester")
        for _ in range(4):
            await self.send("cast", target, handler)
            await trio.sleep(pause)

    async def end_the_life(self, *, told: bool = False) -> None:
        """Stop the whole system in order, in the middle of its work. The node starts anew. Callers are *told*, or leave first."""
        did("user end the life")
        await stop_node(self._page().id, told=told)

    async def watch(self, target: str, seconds: float, pause: float = 0.0) -> None:
        """Watch an actor for a while, and take a *pause* after each exit."""
        await self._client.use(partial(self._watched, self._page().id, target, seconds, pause), what=f"watch {target}")

    async def _watched(self, known: str, target: str, seconds: float, pause: float, system: ta.System) -> None:
        did("user watch")
        note(Op, id=known, what="watch", target=target, phase="begins", seconds=seconds)
        async with ta.watch(system.get(ta.Actor, target)) as deaths:
            note(Op, id=known, what="watch", target=target, phase="open", seconds=pause)
            with trio.move_on_after(seconds):
                async for death in deaths:
                    note(Saw, watch=known, target=target, incarnation=death.incarnation, reason=death.reason.kind.value)
                    await trio.sleep(pause)
                note(Saw, watch=known, target=target, incarnation=0, reason=None)
        note(Op, id=known, what="watch", target=target, phase="done")


class _Turns(AsyncIterator[int]):
    """Not an async generator: a run that ends in a turn would leave one unclosed."""

    def __init__(self, turns: AsyncIterator[Turn], begins: Callable[[str], int]) -> None:
        self._turns = turns
        self._begins = begins

    async def __anext__(self) -> int:
        turn = await anext(self._turns)
        return self._begins(turn.id)
