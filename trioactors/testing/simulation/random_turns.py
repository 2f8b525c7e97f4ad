"""The turns of random clients. Each is told twice, as what it does and as lines of Python.

Both take the same steps, so the lines, pasted as a workload, do under a seed what the random clients did under it.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs
import trio

from trioactors.actors.actor import Actor
from trioactors.actors.operations import restart, stop
from trioactors.actors.pausing import pause, resume
from trioactors.messaging.definitions import HandlerSpec
from trioactors.system.system import System
from trioactors.testing.simulation.clients import Client
from trioactors.testing.simulation.plans import Stream
from trioactors.testing.simulation.random_values import Draw, Named, written
from trioactors.testing.simulation.world import Simulation

__all__ = ["Act", "Action", "ActionWord", "Message", "RandomTurn", "Target", "Way", "WayWord", "as_workload"]


class Way(enum.Enum):
    """How a client uses a handler."""

    CALL = "call"
    RETRY = "retry"
    """A call that is made again while its outcome is unknown."""
    DEADLINE = "deadline"
    """A call with a short deadline."""
    LEAVE = "leave"
    """A call that the client gives up soon."""
    CAST = "cast"
    NOWAIT = "nowait"
    """A cast that does not wait for room in the mailbox."""


WayWord: TypeAlias = Literal["call", "retry", "deadline", "leave", "cast", "nowait"]
"""The words that stand for the members of `Way`."""


class Action(enum.Enum):
    """What an operator does to an actor, as with the console."""

    RESTART = "restart"
    STOP = "stop"
    """A stop, and a start a while later."""
    PAUSE = "pause"
    """A pause, and a resume a while later."""


ActionWord: TypeAlias = Literal["restart", "stop", "pause"]
"""The words that stand for the members of `Action`."""


class RandomTurn(Protocol):
    """One turn."""

    def lines(self) -> Iterator[str]:
        """The turn as Python."""
        ...

    async def take(self, me: Client, simulation: Simulation, /) -> None:
        """The same, run."""
        ...


@attrs.frozen
class Target:
    """One handler of one actor."""

    kind: type[Actor[Any]]
    name: str
    spec: HandlerSpec
    weight: float
    ways: tuple[Way, ...]
    draws: Mapping[str, Draw]

    def arguments(self, random: Stream) -> dict[str, Any]:
        """Draw the arguments. Those with defaults are left out now and then, and with them those that only have a place behind them."""
        found: dict[str, Any] = {}
        for place, field in enumerate(self.spec.fields):
            draw = self.draws.get(field.name)
            needed = field.default is field.empty
            has_place = field.kind is not field.POSITIONAL_ONLY or len(found) == place
            if draw is not None and has_place and (needed or random.choice((True, False))):
                found[field.name] = draw(random)
        return found


@attrs.frozen
class Message:
    """One call or cast."""

    target: Target
    way: Way
    arguments: Mapping[str, Any]
    seconds: float
    """The deadline, or the time after which the client leaves."""

    def lines(self) -> Iterator[str]:
        """The turn as Python."""
        kind, name = self.target.kind.__name__, self.target.name
        options = f"what={self._what!r}{f', given={written(self._given)}' if self.arguments else ''}{', retry=True' * self._retry}"
        values = ", ".join(f"{each}={written(value)}" if each else written(value) for each, value in self._passed())
        asked, taken, kind_of_it, ref = f"me.call({kind}, {name!r}, ", "it", kind, "it"
        if self._by_system:
            asked, taken, kind_of_it, ref = "me.use(", "system", "ta.System", written(Named(self.target.kind, name))
        sent = f"{ref}.{self._sender}({values})"
        match self.way:
            case Way.NOWAIT:
                yield from (f"async def send({taken}: {kind_of_it}) -> None:", f"    {sent}", "")
                yield f"await {asked}send, {options})"
            case Way.LEAVE:
                yield f"with trio.move_on_after({self.seconds}):"
                yield f"    await {asked}lambda {taken}: {sent}, {options})"
            case _:
                yield f"await {asked}lambda {taken}: {sent}, {options})"

    async def take(self, me: Client, _: Simulation, /) -> None:
        """The same, run."""
        if self.way is Way.LEAVE:
            with trio.move_on_after(self.seconds):
                await self._asked(me)
        else:
            await self._asked(me)

    def _asked(self, me: Client) -> Awaitable[object]:
        kind, name = self.target.kind, self.target.name
        options: dict[str, Any] = {"what": self._what, "given": self._given, "retry": self._retry}
        if self._by_system:
            return me.use(lambda system: self._sent(system.get(kind, name), system), **options)
        return me.call(kind, name, lambda ref: self._sent(ref, None), **options)

    def _sent(self, ref: object, system: System | None) -> Awaitable[object]:
        handler: Any = getattr(ref, self.target.spec.name)
        passed = [(name, self._made(value, system)) for name, value in self._passed()]
        values, named = [value for name, value in passed if not name], {name: value for name, value in passed if name}
        if self.way is Way.NOWAIT:
            return _at_once(handler.cast_nowait, values, named)
        ways: dict[Way, Any] = {Way.CAST: handler.cast, Way.DEADLINE: handler.within(self.seconds)}
        sending: Awaitable[object] = ways.get(self.way, handler)(*values, **named)
        return sending

    def _made(self, value: Any, system: System | None) -> Any:
        """The argument itself; a new one for each attempt, since an actor may keep and change it."""
        if system is not None and isinstance(value, Named):
            return system.get(value.kind, value.name)
        return copy.deepcopy(value)

    def _passed(self) -> Iterator[tuple[str, Any]]:
        """The arguments: by position, which has no name, as far as possible, then by name."""
        by_name = False
        for field in self.target.spec.fields:
            by_name = by_name or field.kind is field.KEYWORD_ONLY or field.name not in self.arguments
            if field.name in self.arguments:
                yield (field.name if by_name else ""), self.arguments[field.name]

    @property
    def _sender(self) -> str:
        """What is called, on the ref."""
        ways = {Way.CAST: ".cast", Way.NOWAIT: ".cast_nowait", Way.DEADLINE: f".within({self.seconds})"}
        return f"{self.target.spec.name}{ways.get(self.way, '')}"

    @property
    def _what(self) -> str:
        """The operation, for checks: `shop.buy`, or `shop.buy.cast` if its outcome tells only that it was accepted."""
        return f"{self.target.name}.{self.target.spec.name}{'.cast' if self.way in (Way.CAST, Way.NOWAIT) else ''}"

    @property
    def _given(self) -> dict[str, Any]:
        return {name: value.name if isinstance(value, Named) else copy.deepcopy(value) for name, value in self.arguments.items()}

    @property
    def _retry(self) -> bool:
        return self.way is Way.RETRY

    @property
    def _by_system(self) -> bool:
        """Whether an argument is a ref, so that the system must be asked for it."""
        return any(isinstance(value, Named) for value in self.arguments.values())


async def _at_once(send: Any, values: Sequence[Any], named: Mapping[str, Any]) -> None:  # noqa: ASYNC910 - as the docstring says
    """A client awaits whatever it sends; there is nothing to wait for here."""
    send(*values, **named)


_PARTS: Final[Mapping[Action, tuple[Any, ...]]] = {
    Action.RESTART: (restart,),
    Action.STOP: (stop, restart),
    Action.PAUSE: (pause, resume),
}


@attrs.frozen
class Act:
    """One action of an operator; what is stopped or paused goes on a while later."""

    action: Action
    kind: type[Actor[Any]]
    name: str
    seconds: float

    def lines(self) -> Iterator[str]:
        """The turn as Python."""
        for place, part in enumerate(_PARTS[self.action]):
            if place:
                yield f"await trio.sleep({self.seconds})"
            ref, word = written(Named(self.kind, self.name)), part.__name__
            yield f"await me.use(lambda system: ta.{word}({ref}), what={f'{word} {self.name}'!r}, retry=True)"

    async def take(self, me: Client, simulation: Simulation, /) -> None:  # noqa: ASYNC910 - what it does is a step
        """The same, run."""

        def carried_out(part: Any, system: System) -> Awaitable[object]:
            simulation.node.disturb()
            done: Awaitable[object] = part(system.get(self.kind, self.name))
            return done

        for place, part in enumerate(_PARTS[self.action]):
            if place:
                await trio.sleep(self.seconds)
            await me.use(partial(carried_out, part), what=f"{part.__name__} {self.name}", retry=True)


def as_workload(script: Mapping[int, Sequence[str]], test: str) -> str:
    """The turns of random clients as a workload that can be pasted. *script* has the lines of each client, *test* is their test."""
    clients = [script[number] for number in sorted(script)]
    lines = ["async def found(simulation: Simulation) -> None:", "    async def client(me: Client) -> None:"]
    if len(clients) > 1:
        lines.append("        match me.number:")
    for number, turns in enumerate(clients):
        if len(clients) > 1:
            lines.append(f"            case {number if number < len(clients) - 1 else '_'}:")
        lines += [f"{' ' * (16 if len(clients) > 1 else 8)}{line}".rstrip() for line in turns]
    lines += ["", f"    await simulation.clients({len(clients)}, client)", f"    ...  # and what {test} does then"]
    return "\n".join(lines)
