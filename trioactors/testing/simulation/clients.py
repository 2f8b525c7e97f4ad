"""The clients of a simulated node: they use it turn by turn, and the results of their calls are recorded.

An error reports the outcome of one message. The handler of that message may have sent others before it failed, and those are committed on
their own. The trace links them by their correlation. A call has therefore FAILED only if its error says so and every other message that
was accepted in its chains has raised.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

import attrs
import trio

from trioactors.errors.exits import leaves
from trioactors.system.system import System
from trioactors.testing.given import require, require_count, require_seconds
from trioactors.testing.simulation.history import Operation, Told, told
from trioactors.testing.simulation.mistakes import Judged, Names, at_the_call, kept_as_mistake, line_of_test
from trioactors.testing.simulation.node import Node, NodeLife
from trioactors.testing.simulation.plans import Plan, Stream
from trioactors.trace.records import MessageAccepted, MessageHandled, MessageRecord, TraceRecord

__all__ = ["Client", "Stage", "Turn", "note_sent"]

A = TypeVar("A")
R = TypeVar("R")

_ATTEMPTS: Final = 20
"""How often a call with `retry=True` is sent at most. A client that has waited for minutes gives up."""

_LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts, at most."""

_LETTERS: Final = "bcdefghijklmnopqrstuvwxyz"

_sent: ContextVar[set[int | None] | None] = ContextVar("trioactors_client_sent", default=None)
"""The numbers of the messages that the current call of a client has sent directly; each begins a chain."""


@attrs.frozen
class Turn:
    """One turn of one client."""

    id: str
    """Unique in the run, and unchanged when other turns are left out: `2.5`."""
    random: Stream = attrs.field(repr=False)
    """A random stream for this turn alone."""


_present: ContextVar[Mapping[Client, Turn]] = ContextVar("trioactors_client_turns", default=MappingProxyType({}))
"""The turn that the current task, or the task that started it, has taken. Several tasks may take turns of one client concurrently."""


class Stage(Judged, Protocol):
    """The part of a simulation that its clients use: the node, and the records of the run."""

    plan: Plan
    node: Node
    names: Names
    history: list[Operation]
    """The calls of the clients, in the order in which they finished."""
    begun: list[str]
    """The ids of the operations that the clients have begun."""
    made: list[tuple[Coroutine[Any, Any, object], str]]
    """The coroutines that clients have created, and the lines that did."""
    turned: list[str]
    """The turns that have begun."""
    trace: list[tuple[int, TraceRecord]]
    """The trace records of the node, each with the number of its life."""

    def random(self, label: str) -> Stream:
        """A random stream for *label*."""
        ...

    def heard(self, error: BaseException, operation: str) -> None:
        """Called with each *error* that a client receives."""
        ...


class Client:
    """A user of the node, outside it. The results of its calls are recorded in the history, which survives the node.

        async def client(me: Client) -> None:
            async for turn in me.turns(4):
                await me.call(Bank, "bank", lambda bank: bank.put(turn.random.randint(1, 9)))

        await simulation.clients(3, client)

    Take random decisions from `turn.random` only: turns can then be left out of a run without changing the others.
    """

    def __init__(self, world: Stage, number: int) -> None:
        self._world = world
        self._latest = Turn(f"{number}", world.random(f"client {number}"))
        self._calls: Counter[str] = Counter()
        """The number of calls made in each turn."""
        self._turns = itertools.count()
        self.number = number

    def __repr__(self) -> str:
        """Show the current turn."""
        return f"<client {self._turn.id}>"

    @property
    def _turn(self) -> Turn:
        return _present.get().get(self, self._latest)

    @property
    def random(self) -> Stream:
        """The random stream of the current turn."""
        return self._turn.random

    def turns(self, count: int, *, pause: float = 1.0) -> AsyncIterator[Turn]:
        """Take *count* turns. Before each, the client either continues at once or waits up to *pause* seconds."""
        with kept_as_mistake(self._world):
            require_count("turns(...)", count, "turns")
            require_seconds("turns(pause=...)", pause, "the longest pause before a turn", least=0)
        return _Turns(partial(self._next_turn, itertools.islice(self._turns, count), pause))

    def begin(self, number: int) -> Turn | None:
        """Begin turn *number* without a pause. None if it is left out of this run."""
        name = f"{self.number}.{number}"
        if name in self._world.plan.without:
            return None
        turn = self._latest = Turn(name, self._world.random(f"turn {name}"))
        _present.set({**_present.get(), self: turn})
        self._world.turned.append(name)
        return turn

    async def _next_turn(self, numbers: Iterator[int], pause: float) -> Turn:
        await trio.lowlevel.checkpoint()
        turn = next(filter(None, map(self.begin, numbers)), None)
        if turn is None:
            raise StopAsyncIteration
        if pause and turn.random.random() < 0.5:  # noqa: PLR2004 - a coin
            await trio.sleep(turn.random.random() * pause)
        else:
            await trio.lowlevel.checkpoint()
        return turn

    def call(
        self,
        kind: type[A],
        name: str,
        do: Callable[[A], Awaitable[R]],
        *,
        what: str = "call",
        given: Mapping[str, object] | None = None,
        retry: bool = False,
    ) -> Coroutine[Any, Any, Operation]:
        """Call the actor *name*: `await client.call(Bank, "bank", lambda bank: bank.put(3))`. Returns the result, which is also recorded.

        Waits if the node is down. Errors are part of the result, except those that end the simulation: AssertionError, and errors
        that show that the test itself is wrong (an unknown handler, wrong arguments).

        With *retry* the client calls again while the outcome is UNKNOWN, up to 20 times, with growing pauses, as users and their programs
        do. It is one operation: OK means that the reply to one of the attempts came. A handler that does its work once per attempt, not
        once per operation, is found by any check that counts effects.

        *what* and *given* are kept in the operation, for checks that need to know what was called, and with which arguments.
        """

        async def ask(system: System) -> R:
            return await do(system.get(kind, name))

        return self._noted(ask, what, given, retry=retry)

    def use(
        self,
        do: Callable[[System], Awaitable[Any]],
        *,
        what: str = "use",
        given: Mapping[str, object] | None = None,
        retry: bool = False,
    ) -> Coroutine[Any, Any, Operation]:
        """Like `call`, with the whole system: to start actors, for example."""
        self._world.names.may_come = True
        return self._noted(do, what, given, retry=retry)

    def _noted(
        self, do: Callable[[System], Awaitable[Any]], what: str, known: Mapping[str, object] | None, *, retry: bool
    ) -> Coroutine[Any, Any, Operation]:
        """A coroutine that runs the call. If it is never awaited, the test is wrong."""
        given: Any = retry
        with kept_as_mistake(self._world):
            require(isinstance(given, bool), "call(retry=...)", given, "True or False")
        asking = self._ask(do, what, {**(known or {})}, _ATTEMPTS if retry else 1)
        self._world.made.append((asking, line_of_test()))
        return asking

    async def _ask(
        self, do: Callable[[System], Awaitable[Any]], what: str, arguments: Mapping[str, object], most: int
    ) -> Operation:
        """Carry out one operation, in *most* attempts at most, and record it."""
        world, turn = self._world, self._turn.id
        known = f"{turn}{_letters(self._calls[turn])}"
        self._calls[turn] += 1
        world.begun.append(known)
        began, ended, tried = trio.current_time(), len(world.history), 0

        def over(said: Told, answer: object = None, error: Exception | None = None) -> Operation:
            span, now = (ended, len(world.history)), trio.current_time()
            done = Operation(
                self.number, known, what, began, now, said, answer, error, given=arguments, attempts=max(tried, 1), span=span
            )
            world.history.append(done)
            return done

        try:
            while True:
                if tried:
                    await trio.sleep(_pause(tried, world.random(f"pause {known} {tried}")))
                life = await world.node.up()
                began = began if tried else trio.current_time()
                tried += 1
                said, answer, error = await self._attempt(life, do, known)
                if said is not Told.UNKNOWN or tried == most:
                    break
        except trio.Cancelled:  # the client gave up, so it never learns the outcome
            over(Told.UNKNOWN)
            raise
        if tried > 1 and said is Told.FAILED:  # the last attempt was; an earlier one may have been done
            said = Told.UNKNOWN
        return over(said, answer, error)

    async def _attempt(
        self, life: NodeLife, do: Callable[[System], Awaitable[Any]], known: str
    ) -> tuple[Told, object, Exception | None]:
        """Call once. Returns the outcome as the client knows it, the answer and the error."""
        seen = len(self._world.trace)
        with _sending() as sent:
            answer, error = await _asked(life, do)
        if error is None:
            return Told.OK, answer, None
        self._world.heard(error, known)
        more = len(sent) > _answers(error) or _led_on(self._world.trace[seen:], life.number, sent)
        return Told.UNKNOWN if more else told(error), None, error


def _pause(tried: int, random: Stream) -> float:
    """Seconds before the next attempt: doubled each time, with jitter."""
    return min(2.0**tried, _LONGEST_PAUSE) * (0.5 + random.random() / 2)


def note_sent(record: TraceRecord) -> None:
    """If a client sends a message, keep its number: *record* is emitted in the task that sends."""
    sent = _sent.get()
    if sent is not None and isinstance(record, MessageAccepted) and record.message == record.correlation is not None:
        sent.add(record.message)


@contextmanager
def _sending() -> Generator[set[int | None], None, None]:
    """Collect the numbers of the messages that are sent in the block."""
    sent: set[int | None] = set()
    token = _sent.set(sent)
    try:
        yield sent
    finally:
        _sent.reset(token)


def _led_on(trace: Iterable[tuple[int, TraceRecord]], life: int, sent: set[int | None]) -> bool:
    """Whether the messages *sent* in a life have caused others that were accepted and did not raise."""
    records = [record for number, record in trace if number == life and isinstance(record, MessageRecord)]
    raised = {record.message for record in records if isinstance(record, MessageHandled) and record.error is not None}
    accepted = {record.message for record in records if isinstance(record, MessageAccepted) and record.correlation in sent}
    return not accepted <= sent | raised


def _answers(error: BaseException) -> int:
    """The number of messages that the error reports: its parts that came as replies and were not raised at the call itself."""
    return sum(1 for _ in leaves(error)) - sum(1 for _ in at_the_call(error))


def _letters(call: int) -> str:
    """The suffix of the id for the nth later call of a turn: nothing, b, c ... z, zb, zc and so on."""
    if not call:
        return ""
    whole, rest = divmod(call - 1, len(_LETTERS))
    return "z" * whole + _LETTERS[rest]


@attrs.define(eq=False)
class _Turns(AsyncIterator[Turn]):
    """Not an async generator: a test that fails or breaks out of the loop would leave one unclosed."""

    _next: Callable[[], Awaitable[Turn]]

    def __anext__(self) -> Awaitable[Turn]:
        return self._next()


async def _asked(life: NodeLife, do: Callable[[System], Awaitable[Any]]) -> tuple[object, Exception | None]:
    answer: object = None
    try:
        with life.asked() as system:
            answer = await do(system)
    except AssertionError:
        raise
    except Exception as error:  # any error is a result for the client
        await trio.lowlevel.checkpoint()
        return None, error
    return answer, None
