"""The clients of a simulated node: who uses it, turn by turn, and what each was told.

An error tells of one message. That message may have led to others, which were done before it failed: a call that its handler made is
committed on its own. The trace knows them by their chain. So a call has FAILED if its error says so, and whatever else was accepted in its
chains has raised.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import trio

from trioactors.errors.exits import leaves
from trioactors.testing.given import look_at_count, look_at_seconds
from trioactors.testing.simulation.history import Operation, Told, told
from trioactors.testing.simulation.mistakes import at_the_call, kept_as_mistake, line_of_test
from trioactors.trace.records import MessageAccepted, MessageHandled, MessageRecord

if TYPE_CHECKING:
    import random

    from trioactors.system.system import System
    from trioactors.testing.simulation.node import NodeLife
    from trioactors.testing.simulation.world import Simulation
    from trioactors.trace.records import TraceRecord

__all__ = ["Client", "Turn", "note_sent"]

A = TypeVar("A")
R = TypeVar("R")

_LETTERS: Final = "bcdefghijklmnopqrstuvwxyz"

_sent: ContextVar[set[int | None] | None] = ContextVar("trioactors_client_sent", default=None)
"""The numbers of the messages that the present call of a client has sent itself; each begins a chain."""


@attrs.frozen
class Turn:
    """One turn of one client."""

    id: str
    """Unique in the run, and the same in a run from which other turns are left out: `2.5`."""
    random: random.Random = attrs.field(repr=False)
    """A stream of its own."""


_present: ContextVar[Mapping[Client, Turn]] = ContextVar("trioactors_client_turns", default=MappingProxyType({}))
"""Which turn of a client the current task has taken, or the one that started it: several may take turns of one client side by side."""


class Client:
    """One of those who use the node, outside it: what they are told is kept as history, and outlives it."""

    def __init__(self, world: Simulation, number: int) -> None:
        self._world = world
        self._latest = Turn(f"{number}", world.random(f"client {number}"))
        self._calls: Counter[str] = Counter()
        """How many calls each turn has made."""
        self._turns = itertools.count()
        self.number = number

    def __repr__(self) -> str:
        """Its number and its turn."""
        return f"<client {self._turn.id}>"

    @property
    def _turn(self) -> Turn:
        return _present.get().get(self, self._latest)

    @property
    def random(self) -> random.Random:
        """The stream of the present turn."""
        return self._turn.random

    def turns(self, count: int, *, pause: float = 1.0) -> AsyncIterator[Turn]:
        """One turn after another. Before each the client goes on at once, or waits up to *pause* seconds."""
        with kept_as_mistake(self._world):
            look_at_count("turns(...)", count, "turns there are")
            look_at_seconds("turns(pause=...)", pause, "to wait at the most before a turn", least=0)
        return _Turns(partial(self._next_turn, itertools.islice(self._turns, count), pause))

    async def _next_turn(self, numbers: Iterator[int], pause: float) -> Turn:
        await trio.lowlevel.checkpoint()
        names = (f"{self.number}.{number}" for number in numbers)
        name = next((name for name in names if name not in self._world.plan.without), None)
        if name is None:
            raise StopAsyncIteration
        turn = self._latest = Turn(name, self._world.random(f"turn {name}"))
        _present.set({**_present.get(), self: turn})
        self._world.turned.append(name)
        if pause and turn.random.random() < 0.5:  # noqa: PLR2004 - a coin
            await trio.sleep(turn.random.random() * pause)
        else:
            await trio.lowlevel.checkpoint()
        return turn

    def call(
        self, kind: type[A], name: str, do: Callable[[A], Awaitable[R]], *, what: str = "call"
    ) -> Coroutine[Any, Any, Operation]:
        """Ask the actor *name*: `await client.call(Bank, "bank", lambda bank: bank.put(3))`. What comes of it is kept, and returned.

        Waits for the node where it is down. Errors are part of what is returned, but for those that end the simulation: an
        AssertionError, and what says that the test itself is wrong (no such handler, arguments that do not fit).
        """

        async def ask(system: System) -> R:
            return await do(system.get(kind, name))

        return self._noted(ask, what)

    def use(self, do: Callable[[System], Awaitable[Any]], *, what: str = "use") -> Coroutine[Any, Any, Operation]:
        """The same, with the whole system: to start actors, say."""
        self._world.names.may_come = True
        return self._noted(do, what)

    def _noted(self, do: Callable[[System], Awaitable[Any]], what: str) -> Coroutine[Any, Any, Operation]:
        """What asks when it is awaited; where it never is, the test is wrong."""
        asking = self._ask(do, what)
        self._world.made.append((asking, line_of_test()))
        return asking

    async def _ask(self, do: Callable[[System], Awaitable[Any]], what: str) -> Operation:
        world, turn = self._world, self._turn.id
        known = f"{turn}{_letters(self._calls[turn])}"
        self._calls[turn] += 1
        world.begun.append(known)
        began, seen, ended = trio.current_time(), len(world.trace), len(world.history)
        try:
            life = await world.node.up()
            began = trio.current_time()
            with _sending() as sent:
                answer, error = await _asked(life, do)
        except trio.Cancelled:  # it gave up, and will never know
            span = ended, len(world.history)
            world.history.append(Operation(self.number, known, what, began, trio.current_time(), Told.UNKNOWN, span=span))
            raise
        said = Told.OK
        if error is not None:
            world.heard(error, known)
            more = len(sent) > _answers(error) or _led_on(world.trace[seen:], life.number, sent)
            said = Told.UNKNOWN if more else told(error)
        span = ended, len(world.history)
        done = Operation(self.number, known, what, began, trio.current_time(), said, answer, error, span=span)
        world.history.append(done)
        return done


def note_sent(record: TraceRecord) -> None:
    """Where a client sends a message, keep its number: *record* is made by the task that sends."""
    sent = _sent.get()
    if sent is not None and isinstance(record, MessageAccepted) and record.message == record.correlation is not None:
        sent.add(record.message)


@contextmanager
def _sending() -> Generator[set[int | None], None, None]:
    """A block in which it is noted what is sent."""
    sent: set[int | None] = set()
    token = _sent.set(sent)
    try:
        yield sent
    finally:
        _sent.reset(token)


def _led_on(trace: Iterable[tuple[int, TraceRecord]], life: int, sent: set[int | None]) -> bool:
    """Whether messages *sent* in a life have led to others that were accepted. Those that raised have done nothing."""
    records = [record for number, record in trace if number == life and isinstance(record, MessageRecord)]
    raised = {record.message for record in records if isinstance(record, MessageHandled) and record.error is not None}
    accepted = {record.message for record in records if isinstance(record, MessageAccepted) and record.correlation in sent}
    return not accepted <= sent | raised


def _answers(error: BaseException) -> int:
    """How many messages it tells of: of each part that came as an answer, and was not raised where somebody asked."""
    return sum(1 for _ in leaves(error)) - sum(1 for _ in at_the_call(error))


def _letters(call: int) -> str:
    """What is behind the turn in the id of so many calls later: nothing, b, c ... z, zb, zc and so on."""
    if not call:
        return ""
    whole, rest = divmod(call - 1, len(_LETTERS))
    return "z" * whole + _LETTERS[rest]


@attrs.define(eq=False)
class _Turns(AsyncIterator[Turn]):
    """No generator: a test that fails, or has had enough, leaves one behind that nobody closes."""

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
    except Exception as error:  # what the client is told, whatever it is
        await trio.lowlevel.checkpoint()
        return None, error
    return answer, None
