"""A message whose state cannot be written is refused and undone; its actor keeps running."""

from __future__ import annotations

import collections
import datetime as dt
import enum
from typing import Any

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from trioactors.errors import OverLimit, ValueRefused
from trioactors.serializer import Limits, Serializer
from trioactors.testing import crash, isolated_system, restarted


class Color(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Text(str):  # noqa: SLOT000 - a subclass as users write it
    """Text of a special kind."""


@define
class Mixed:
    text: str = ""
    number: int = 0
    ratio: float = 0.0
    day: dt.date = dt.date(2026, 1, 1)
    counts: dict[str, int] = field(factory=dict[str, int])
    items: list[str] = field(factory=list[str])
    pair: tuple[int, int] = (0, 0)


Pair = collections.namedtuple("Pair", "x y")  # noqa: PYI024 - as users write it


class Keeper(ta.Actor[Mixed], persist=ta.EVERY_MESSAGE):
    saved = 0

    def on_save(self) -> None:
        self.saved += 1

    @ta.handler
    async def put(self, name: str, value: Any) -> None:
        setattr(self.state, name, value)

    @ta.handler
    async def look(self) -> tuple[str, int]:
        return self.state.text, self.context.incarnation

    @ta.handler
    async def tell(self, listener: Listener, value: Any) -> None:
        await listener.hear.cast("sent")
        self.context.after(1.0, self.look, key="late")
        self.state.text = value

    @ta.handler
    async def later(self, value: Any) -> str:
        token: ta.Deferred[str] = self.context.defer()
        self.state.text = value
        return token.pending

    @ta.handler
    async def tick(self) -> None:
        self.state.text = Text("tick")

    @ta.handler
    async def arm(self) -> None:
        self.context.after(1.0, self.tick)


class Listener(ta.Actor[None]):
    def __init__(self) -> None:
        self.heard: list[str] = []

    @ta.handler
    def hear(self, what: str) -> None:
        self.heard.append(what)

    @ta.handler
    def all(self) -> list[str]:
        return self.heard


@pytest.fixture
async def keeper(system: ta.System) -> Keeper:
    keeper = await system.start(Keeper, name="keeper")
    await keeper.put("text", "good")
    return keeper


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", Color.RED),
        ("text", Text("x")),
        ("number", True),
        ("number", Level.LOW),
        ("ratio", True),
        ("day", dt.datetime(2026, 1, 1)),  # noqa: DTZ001 - a date all the same
        ("counts", collections.defaultdict(int, a=1)),
        ("counts", collections.Counter("ab")),
        ("counts", collections.OrderedDict(a=1)),
        ("counts", {Color.RED: 1}),
        ("items", [Color.RED]),
        ("items", type("Items", (list,), {})()),
        ("pair", Pair(1, 2)),
        ("text", 3),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else None,
)
async def test_a_value_of_a_subclass_is_refused_and_the_actor_runs_on(keeper: Keeper, name: str, value: Any) -> None:
    with pytest.raises(ValueRefused) as caught:
        await keeper.put(name, value)

    assert caught.value.path.startswith(name)
    assert caught.value.__notes__ == ["keeper undid 'put', because the state that it left could not be written"]
    assert await keeper.look() == ("good", 1)


async def test_what_the_message_sent_is_undone_with_it(system: ta.System, keeper: Keeper, autojump_clock: MockClock) -> None:
    listener = await system.start(Listener)

    with pytest.raises(ValueRefused):
        await keeper.tell(listener, 3)

    assert ta.info(keeper).timers == 0
    assert await listener.all() == []


async def test_a_message_without_a_caller_becomes_a_dead_letter(system: ta.System, keeper: Keeper) -> None:
    await keeper.put.cast("text", 3)

    assert await keeper.look() == ("good", 1)
    (letter,) = system.dead_letters()
    assert letter.target == "keeper"
    assert letter.cause == ("undone, because its state could not be written: Mixed: text: expected str, got 3 (int)")


async def test_a_timer_whose_state_cannot_be_written_is_a_dead_letter_too(system: ta.System, keeper: Keeper) -> None:
    await keeper.arm()
    await trio.sleep(2)

    assert await keeper.look() == ("good", 1)
    assert [type(letter.message).__name__ for letter in system.dead_letters()] == ["KeeperTick"]


async def test_a_deferred_reply_of_a_refused_message_is_answered_with_its_error(keeper: Keeper) -> None:
    with pytest.raises(ValueRefused):
        await keeper.later(3)

    assert ta.info(keeper).deferred_replies == 0


async def test_the_ledger_counts_a_refused_call_as_undone(system: ta.System, keeper: Keeper) -> None:
    before = system.ledger()

    with pytest.raises(ValueRefused):
        await keeper.put("text", 3)
    await keeper.put.cast("text", 3)
    await keeper.look()

    after = system.ledger()
    assert (after.undone - before.undone, after.dead_lettered - before.dead_lettered, after.crashed) == (1, 1, 0)
    assert after.balanced


async def test_it_is_reported_as_a_message_with_an_error(system: ta.System, keeper: Keeper) -> None:
    recorder = ta.Recorder()
    system.observe(recorder)

    with pytest.raises(ValueRefused):
        await keeper.put("text", 3)

    assert [record.error for record in recorder.of(ta.MessageHandled)] == ["ValueRefused"]


async def test_messages_before_it_keep_their_commit(keeper: Keeper) -> None:
    await keeper.put.cast("number", 7)
    with pytest.raises(ValueRefused):
        await keeper.put("text", 3)

    crash(keeper)
    await restarted(keeper)

    assert await keeper.look() == ("good", 2)


class Small(Keeper, serializer=Serializer(limits=Limits(bytes=400))):
    """Keeps little."""


async def test_a_message_that_makes_the_state_too_large_is_refused(system: ta.System) -> None:
    small = await system.start(Small, name="small")

    with pytest.raises(OverLimit):
        await small.put("text", "x" * 1_000)

    assert await small.look() == ("", 1)


class Failing(Keeper):
    def on_load(self) -> None:
        raise LookupError("on_load")


async def test_an_actor_whose_hook_fails_while_it_is_undone_crashes(autojump_clock: MockClock) -> None:
    async with isolated_system(store="memory:") as system:
        failing = await system.start(Failing, name="failing", restart="temporary")

        with pytest.raises(ta.ActorCrashed) as caught:
            await failing.put("text", 3)
        await wait_all_tasks_blocked()

        assert isinstance(caught.value.__cause__, LookupError)
