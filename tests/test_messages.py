from __future__ import annotations

from contextlib import suppress

import attrs
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

import trioactors as ta
from trioactors.testing import crash, isolated_system, run
from trioactors.trace import TraceRecord

ACTS = ("call", "cast", "cast_nowait", "short call", "terminate", "restart", "restart child", "flush", "crash")
COUNTS = st.integers(0, 9)
OUTCOMES = tuple(field.name for field in attrs.fields(ta.Ledger) if field.name != "accepted")


class Busy(ta.Actor[None], mailbox=3):
    """Ends its messages in every possible way."""

    def __init__(self) -> None:
        self.token: ta.Deferred[int] | None = None

    async def on_stop(self, _reason: ta.Exit) -> None:
        await trio.sleep(1)

    @ta.handler(raises=(LookupError,))
    async def act(self, what: int) -> int:
        match what:
            case 0:
                raise LookupError
            case 1:
                raise ValueError
            case 2:
                await trio.sleep(2)
            case 3:
                self.context.every(1, self.beat, key="beat")
            case 4:
                self.context.cancel("beat")
            case 5:
                self.token = self.context.defer()
            case 6:
                self.token = None
        return what if what != 5 else None  # type: ignore[return-value]

    @ta.handler
    def beat(self) -> None: ...

    @ta.handler
    def defer_and_answer(self) -> int:
        self.token = self.context.defer()
        return 1


async def act(kind: str, number: int, busy: Busy, top: ta.SupervisorHandle) -> None:
    """Do one act of a play, at its time."""
    await trio.sleep(number % 3)
    match kind:
        case "call":
            await busy.act(number)
        case "cast":
            await busy.act.cast(number)
        case "cast_nowait":
            busy.act.cast_nowait(number)
        case "short call":
            with trio.move_on_after(1):
                await busy.act(number)
        case "terminate":
            await top.terminate_child("busy")
        case "restart child":
            await top.restart_child("busy")
        case "restart":
            await ta.restart(busy)
        case "flush":
            await ta.flush(busy)
        case _:
            crash(busy)


async def play(acts: list[tuple[str, int]], overflow: str, *, observed: bool = False) -> list[ta.Ledger]:
    """Do the *acts*; the ledgers on the way and at the end."""
    seen: list[ta.Ledger] = []

    async def act_and_look(kind: str, number: int) -> None:
        with suppress(ta.DeliveryError, ta.AdministrationError, LookupError):
            await act(kind, number, busy, top)
        seen.extend([ta.info(busy).ledger, system.ledger()])

    def look(_: TraceRecord) -> None:
        seen.append(system.ledger())

    kind = type("Busy", (Busy,), {}, overflow=overflow)
    tree = ta.Supervisor(ta.child(kind, name="busy"), name="top", intensity=ta.Intensity(limit=1_000))
    async with isolated_system(tree, settings=ta.Settings(crash_logs=1)) as system:
        busy, top = system.get(Busy, "busy"), system.supervisor("top")
        if observed:
            system.observe(look)
        async with trio.open_nursery() as nursery:
            for name, number in acts:
                nursery.start_soon(act_and_look, name, number)
        await top.terminate_child("busy")
        seen.append(system.ledger())
        system.unobserve(look)
    return [*seen, system.ledger()]


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 6)), max_size=12),
    st.sampled_from(["wait", "fail", "drop_oldest"]),
    st.integers(0, 9),
)
def test_the_ledger_balances_whatever_happens(acts: list[tuple[str, int]], overflow: str, seed: int) -> None:
    async def main() -> list[ta.Ledger]:
        return await play(acts, overflow)

    seen = run(main, seed=seed)

    assert [ledger for ledger in seen if not ledger.balanced] == []
    assert seen[-1].waiting == seen[-1].in_progress == 0


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 6)), max_size=12),
    st.sampled_from(["wait", "fail", "drop_oldest"]),
    st.integers(0, 9),
)
@example([*[("call", 0)] * 4, ("cast", 0)], "wait", 0)  # the cast is let in when a call has left the queue and is not begun
def test_the_ledger_balances_whenever_an_observer_looks(acts: list[tuple[str, int]], overflow: str, seed: int) -> None:
    async def main() -> list[ta.Ledger]:
        return await play(acts, overflow, observed=True)

    seen = run(main, seed=seed)

    assert [ledger for ledger in seen if not ledger.balanced] == []


async def test_the_ledger_balances_while_an_observer_is_told_of_a_handled_message(system: ta.System) -> None:
    seen: list[ta.Ledger] = []
    busy = await system.start(Busy, name="busy")
    system.observe(lambda _: seen.append(ta.info(busy).ledger))

    await busy.act(7)

    assert seen != []
    assert all(ledger.balanced for ledger in seen)


async def test_the_ledger_balances_while_a_crashed_actor_says_good_bye(system: ta.System) -> None:
    busy = await system.start(Busy, name="busy")

    with pytest.raises(ta.DefinitionError):
        await busy.defer_and_answer()

    assert ta.info(busy).ledger == ta.Ledger(accepted=1, crashed=1)


@settings(max_examples=25)
@given(st.tuples(*[COUNTS] * len(OUTCOMES)), COUNTS)
def test_a_ledger_balances_exactly_when_nothing_is_lost(counts: tuple[int, ...], lost: int) -> None:
    ledger = ta.Ledger(accepted=sum(counts) + lost, **dict(zip(OUTCOMES, counts, strict=True)))

    assert ledger.balanced == (lost == 0)


@settings(max_examples=25)
@given(st.tuples(*[COUNTS] * len(OUTCOMES)), st.tuples(*[COUNTS] * len(OUTCOMES)))
def test_ledgers_add_up(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    mine = ta.Ledger(accepted=sum(first), **dict(zip(OUTCOMES, first, strict=True)))
    theirs = ta.Ledger(accepted=sum(second), **dict(zip(OUTCOMES, second, strict=True)))

    both = mine + theirs

    assert both.balanced
    assert both.handled == mine.handled + theirs.handled


async def test_the_ledger_of_a_system_keeps_those_who_left(system: ta.System) -> None:
    busy = await system.start(Busy, name="busy")
    await busy.act(7)

    await ta.stop(busy)

    assert system.ledger() == ta.Ledger(accepted=1, handled=1)


async def test_a_message_in_progress_is_in_the_ledger(system: ta.System) -> None:
    busy = await system.start(Busy, name="busy")
    busy.act.cast_nowait(2)
    busy.act.cast_nowait(7)

    before = ta.info(busy).ledger
    await trio.sleep(1)
    during = ta.info(busy).ledger
    await ta.flush(busy)

    assert before == ta.Ledger(accepted=2, waiting=2)
    assert during == ta.Ledger(accepted=2, in_progress=1, waiting=1)
    assert ta.info(busy).ledger == ta.Ledger(accepted=3, handled=3)


async def test_a_dead_letter_tells_what_when_to_whom_and_why(system: ta.System) -> None:
    busy = await system.start(Busy, name="busy")
    await busy.act.cast(2)
    await busy.act.cast(7)
    await trio.sleep(1)

    await ta.stop(busy)

    [letter] = system.dead_letters()
    assert (letter.time, letter.target) == (3, "busy")
    assert "stopped for good" in letter.cause
    assert letter.message == Busy.act.spec.message(7)


async def test_old_dead_letters_are_counted_only(autojump_clock: trio.testing.MockClock) -> None:
    async with isolated_system(settings=ta.Settings(dead_letters=2)) as system:
        busy = await system.start(Busy, name="busy")
        await busy.act.cast(2)
        await trio.sleep(1)
        for number in (7, 8, 9):
            await busy.act.cast(number)

        await ta.stop(busy)

        assert [letter.message.what for letter in system.dead_letters()] == [8, 9]
        assert system.ledger().dead_lettered == 3


class Picky(ta.Actor[None]):
    @ta.handler
    async def wait(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    def take(self, one: int, *, two: int = 2) -> None: ...


async def test_a_message_with_keyword_only_parameters_can_be_a_dead_letter(autojump_clock: trio.testing.MockClock) -> None:
    async with isolated_system() as system:
        picky = await system.start(Picky, name="picky")
        picky.wait.cast_nowait()
        picky.take.cast_nowait(1, two=3)
        await trio.sleep(1)
        await ta.stop(picky)

        [letter] = system.dead_letters()

    assert (letter.message.one, letter.message.two) == (1, 3)
