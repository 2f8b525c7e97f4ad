"""Several calls at once: answers as they arrive, errors that are not lost, and a block that ends with its calls."""

from __future__ import annotations

import math
import traceback
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import trioactors as ta
from trioactors.testing import isolated_system, run


class Declined(Exception):
    """Declared."""


class Station(ta.Actor[None]):
    @ta.handler(raises=(Declined,), timeout=60.0)
    async def read(self, seconds: float, *, ok: bool = True) -> float:
        await trio.sleep(seconds)
        if not ok:
            raise Declined(seconds)
        return seconds

    @ta.handler
    async def read_others(self, names: list[str], seconds: float = 1.0) -> list[float]:
        async with ta.gather_calls() as calls:
            asked = [calls.start(self.context.system.get(Station, name).read, seconds) for name in names]
        return [answer.value for answer in asked]


class Notes(ta.Actor[list[str]]):
    def __init__(self) -> None:
        self.state = []

    @ta.handler
    def note(self, word: str) -> None:
        self.state.append(word)

    @ta.handler
    def read(self) -> list[str]:
        return list(self.state)


TREE = ta.Supervisor(*(ta.child(Station, name=name) for name in "abc"), name="stations")


@pytest.fixture
def system_tree() -> ta.Supervisor:
    return TREE


async def test_calls_run_at_once_and_are_all_answered_when_the_block_ends(system: ta.System) -> None:
    async with ta.gather_calls() as calls:
        asked = [calls.start(system.get(Station, name).read, seconds) for name, seconds in (("a", 3.0), ("b", 1.0), ("c", 2.0))]
        assert not any(answer.done for answer in asked)

    assert [answer.value for answer in asked] == [3.0, 1.0, 2.0]
    assert trio.current_time() == 3.0
    assert repr(calls) == "<3 gathered calls, 0 pending>"


async def test_answers_are_taken_in_the_order_in_which_they_arrive(system: ta.System) -> None:
    async with ta.gather_calls() as calls:
        for name, seconds in (("a", 3.0), ("b", 1.0), ("c", 2.0)):
            calls.start(system.get(Station, name).read, seconds)
        taken = [(answer.value, trio.current_time()) async for answer in calls]

    assert taken == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]


async def test_several_tasks_can_take_answers_and_each_answer_is_taken_once(system: ta.System) -> None:
    taken: list[float] = []

    async def take() -> None:
        async for answer in calls:
            taken.append(answer.value)  # noqa: PERF401 - each as it comes

    async with ta.gather_calls() as calls, trio.open_nursery() as nursery:
        for name, seconds in (("a", 3.0), ("b", 1.0), ("c", 2.0)):
            calls.start(system.get(Station, name).read, seconds)
        for _ in range(4):
            nursery.start_soon(take)

    assert taken == [1.0, 2.0, 3.0]


async def test_a_call_that_is_started_while_answers_are_taken_is_taken_too(system: ta.System) -> None:
    taken: list[float] = []

    async with ta.gather_calls() as calls:
        calls.start(system.get(Station, "a").read, 1.0)
        async for answer in calls:
            taken.append(answer.value)
            if len(taken) < 3:
                calls.start(system.get(Station, "a").read, float(len(taken)))

    assert taken == [1.0, 1.0, 2.0]


async def test_one_answer_can_be_waited_for_alone(system: ta.System) -> None:
    async with ta.gather_calls() as calls:
        slow = calls.start(system.get(Station, "a").read, 9.0)
        quick = calls.start(system.get(Station, "b").read, 1.0)
        assert await quick.wait() == 1.0
        assert not slow.done


async def test_a_call_that_fails_does_not_end_the_others(system: ta.System) -> None:
    async with ta.gather_calls() as calls:
        bad = calls.start(system.get(Station, "a").read, 1.0, ok=False)
        good = calls.start(system.get(Station, "b").read, 2.0)
        assert [type(answer.error) async for answer in calls] == [Declined, type(None)]

    assert (type(bad.error), good.error, good.value) == (Declined, None, 2.0)
    with pytest.raises(Declined):
        _ = bad.value


async def test_an_error_that_is_not_looked_at_is_raised_at_the_end_of_the_block(system: ta.System) -> None:
    with pytest.RaisesGroup(Declined, Declined):
        async with ta.gather_calls() as calls:
            calls.start(system.get(Station, "a").read, 1.0, ok=False)
            calls.start(system.get(Station, "b").read, 5.0, ok=False)
            seen = calls.start(system.get(Station, "c").read, 1.0, ok=False)
            with pytest.raises(Declined):
                await seen.wait()
    assert trio.current_time() == 5.0


async def test_an_error_that_is_looked_at_again_and_again_does_not_grow(system: ta.System) -> None:
    def frames(error: BaseException | None) -> int:
        return 0 if error is None else len(traceback.extract_tb(error.__traceback__))

    lengths = set[int]()
    async with ta.gather_calls() as calls:
        asked = calls.start(system.get(Station, "a").read, 1.0, ok=False)
        for _ in range(50):
            with pytest.raises(Declined):
                await asked.wait()
            with pytest.raises(Declined):
                _ = asked.value
            lengths.add(frames(asked.error))

    assert len(lengths) == 1


async def test_what_the_block_raises_comes_as_it_is_and_abandons_the_calls(system: ta.System) -> None:
    cause = ValueError("why")

    async def fail() -> None:
        async with ta.gather_calls() as calls:
            calls.start(system.get(Station, "a").read, 9.0)
            raise KeyError("mine") from cause

    with pytest.raises(KeyError) as caught:
        await fail()

    assert caught.value.__cause__ is cause
    assert trio.current_time() == 0


async def test_a_group_that_the_block_raises_stays_a_group(system: ta.System) -> None:
    with pytest.RaisesGroup(KeyError):
        async with ta.gather_calls():
            raise ExceptionGroup("mine", [KeyError()])


async def test_a_block_that_is_cancelled_ends_at_once(system: ta.System) -> None:
    with trio.move_on_after(1) as scope:
        async with ta.gather_calls() as calls:
            asked = calls.start(system.get(Station, "a").read, 9.0)

    assert scope.cancelled_caught
    assert (trio.current_time(), asked.done) == (1.0, False)


async def test_a_deadline_of_its_own_can_be_given_to_each_call(system: ta.System) -> None:
    async with ta.gather_calls() as calls:
        asked = calls.start(system.get(Station, "a").read.within(1.0), 9.0)
        async for answer in calls:
            assert isinstance(answer.error, ta.CallTimeout)

    assert asked.done


async def test_in_a_handler_the_calls_are_of_that_actor(system: ta.System) -> None:
    assert await system.get(Station, "a").read_others(["b", "c"]) == [1.0, 1.0]


async def test_a_call_of_itself_in_a_handler_is_a_cycle(system: ta.System) -> None:
    with pytest.raises(ta.ActorCrashed) as caught:
        await system.get(Station, "a").read_others(["b", "a"])

    assert isinstance(caught.value.__cause__, ta.CallCycle)


async def test_a_call_that_is_not_done_has_no_answer(system: ta.System) -> None:
    async with ta.gather_calls() as calls:
        asked = calls.start(system.get(Station, "a").read, 1.0)
        for look in (lambda: asked.value, lambda: asked.error):
            with pytest.raises(ta.UsageError, match="is not done"):
                look()
        assert "pending" in repr(asked)

    assert "answered" in repr(asked)


async def test_without_calls_the_block_and_its_iteration_end(autojump_clock: MockClock) -> None:
    async with ta.gather_calls() as calls:
        assert [answer async for answer in calls] == []


async def test_only_handlers_of_refs_can_be_started_and_their_arguments_are_checked_at_once(system: ta.System) -> None:
    ref = system.get(Station, "a")
    wrong: Any = [(None, ()), (Station.read, (1.0,)), (trio.sleep, (1,)), (ref, ()), (lambda: None, ())]

    async with ta.gather_calls() as calls:
        for handler, args in wrong:
            with pytest.raises(ta.UsageError, match="takes a handler of a ref"):
                calls.start(handler, *args)
        call: Any = ref.read(1.0)
        with pytest.raises(ta.UsageError, match="which is a call already"):
            calls.start(call)
        with pytest.raises(TypeError):
            calls.start(ref.read, "one", "two", "three")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert len(calls) == 0


async def test_a_call_is_in_the_mailbox_when_start_returns_and_they_are_handled_in_order(system: ta.System) -> None:
    notes = await system.start(Notes)
    async with ta.gather_calls() as calls:
        for word in ("a", "b"):
            calls.start(notes.note, word)
        assert ta.info(notes).waiting == ("note", "note")
        notes.note.cast_nowait("c")
        calls.start(notes.note, "d")

    assert await notes.read() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("how", ["at its end", "by an error", "cancelled"])
async def test_a_call_cannot_be_started_after_the_block(system: ta.System, how: str) -> None:
    with trio.CancelScope() as scope, suppress(KeyError):
        async with ta.gather_calls() as calls:
            if how == "by an error":
                raise KeyError
            if how == "cancelled":
                scope.cancel()

    with pytest.raises(ta.UsageError, match="the block has ended"):
        calls.start(system.get(Station, "a").read, 1.0)


async def test_errors_that_nobody_looked_at_are_notes_of_the_error_that_leaves_the_block(system: ta.System) -> None:
    async def fail() -> None:
        async with ta.gather_calls() as calls:
            for _ in range(12):
                calls.start(system.get(Station, "a").read, 0.0, ok=False)
            seen = calls.start(system.get(Station, "b").read, 0.0, ok=False)
            await trio.sleep(1)
            assert seen.error is not None
            raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        await fail()

    notes = caught.value.__notes__
    assert (
        notes[0]
        == "meanwhile <failed call of <handler read of <actor stations/a: Station, running, incarnation 1, 0 waiting>>>: Declined(0.0)"
    )
    assert (len(notes), notes[-1]) == (11, "and 2 calls more failed, of 13 in gather_calls")


async def test_a_call_that_was_abandoned_says_so_and_nobody_waits_for_it(system: ta.System, nursery: trio.Nursery) -> None:
    ended = list[str]()

    async def wait() -> None:
        with pytest.raises(ta.UsageError, match="has no answer: its block was left"):
            await asked.wait()
        ended.append("wait")

    async def take() -> None:
        async for _ in calls:
            pass
        ended.append("take")

    with suppress(KeyError):
        async with ta.gather_calls() as calls:
            asked = calls.start(system.get(Station, "a").read, 9.0)
            nursery.start_soon(wait)
            nursery.start_soon(take)
            await trio.testing.wait_all_tasks_blocked()
            raise KeyError
    await trio.testing.wait_all_tasks_blocked()

    assert (sorted(ended), repr(asked)[:10]) == (["take", "wait"], "<abandoned")


async def test_a_call_that_is_refused_at_once_has_ended_when_start_returns(system: ta.System) -> None:
    ref = system.get(Station, "a")
    await ta.stop(ref)

    async with ta.gather_calls() as calls:
        refused = calls.start(ref.read, 1.0)
        assert refused.done
        assert [type(call.error) async for call in calls] == [ta.ActorStopped]


async def test_a_caller_that_is_cut_off_by_its_deadline_ends_nested_calls(system: ta.System) -> None:
    with trio.move_on_after(2):
        async with ta.gather_calls() as calls:
            calls.start(system.get(Station, "a").read_others, ["b"], 50.0)
    await trio.sleep(1)

    assert ta.info(system.get(Station, "a")).handling is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.booleans(), st.booleans()), max_size=8))
def test_each_answer_is_taken_once_and_each_error_looked_at_or_raised(asked: list[tuple[str, int, bool, bool]]) -> None:
    """Each call: its station, its seconds, whether it is answered, and whether the block looks at it."""

    async def main() -> None:
        raised = 0
        async with isolated_system(TREE) as system:
            taken: list[object] = []
            try:
                async with ta.gather_calls() as calls:
                    looked = {}
                    for name, seconds, ok, look in asked:
                        looked[calls.start(system.get(Station, name).read, float(seconds), ok=ok)] = look
                    async for answer in calls:
                        taken.append(answer)
                        assert not looked[answer] or answer.error is None or isinstance(answer.error, Declined)
            except ExceptionGroup as group:
                raised = len(group.exceptions)
            assert sorted(map(id, taken)) == sorted(map(id, looked))
        assert raised == sum(not ok and not look for _, _, ok, look in asked)
        assert trio.current_time() <= math.fsum(seconds for _, seconds, _, _ in asked)

    run(main)
