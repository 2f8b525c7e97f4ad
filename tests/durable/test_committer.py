"""The committer: groups, turns, and the effects of an error. Closing is in test_closing.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from shared.committers import Bench
from trioactors import errors
from trioactors.environment.workers import ThreadWorker
from trioactors.errors import OverLimit
from trioactors.persistence import Answer, Batch, Committed, Key, Limits, Record, Space, Write
from trioactors.persistence import committer as committing
from trioactors.persistence.committer import erasure, fresh
from trioactors.testing import HeldWorker, SlowWorker, isolated_system
from trioactors.testing.stores import Fault, FaultyStore, Operation
from trioactors.trace import StoreCommitted
from trioactors_backends.memory import MemoryStore


def key(name: str) -> Key:
    return Key(Space.STATE, name)


def batch(name: str, data: bytes = b"x", *, expected: int | None = None) -> Batch:
    return Batch((Write(key(name), data, expected=expected),))


async def test_what_is_submitted_is_committed_and_told(bench: Any, store: FaultyStore) -> None:
    bench.submit("a")

    assert bench.told == {"a": Committed((1,))}
    assert store.read([key("a")]) == [Record(b"x", 1)]


async def test_what_arrives_while_a_commit_is_on_its_way_shares_the_next(bench: Any, disk: HeldWorker) -> None:
    disk.hold()
    bench.submit("a", "b", "c")
    disk.step()
    assert bench.news() == dict.fromkeys("abc", Committed)

    bench.submit("d")
    bench.submit("e")
    disk.step()

    assert bench.news() == dict.fromkeys("de", Committed)
    assert bench.groups() == [3, 2]
    assert len(disk) == 0  # no turn was promised in vain


async def test_one_turn_ahead_is_promised_and_no_more(autojump_clock: MockClock, store: FaultyStore) -> None:
    worker = SlowWorker(1.0)
    bench = Bench(store, worker)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.run)
        bench.submit("a")
        await wait_all_tasks_blocked()  # its turn has begun
        bench.submit("b")
        bench.submit("c")
        assert "2 to do" in repr(worker)
        await trio.sleep(1.5)
        bench.submit("d")
        assert bench.news() == {"a": Committed}
        await trio.sleep(2)
        assert bench.news() == dict.fromkeys("bcd", Committed)
        assert bench.groups() == [1, 2, 1]
        worker.seconds = 0
        bench.scope.cancel()


@pytest.mark.parametrize(
    ("limit", "value", "sizes"), [("GROUP", 2, [2, 2, 1]), ("GROUP_BYTES", 150, [2, 2, 1]), ("GROUP_BYTES", 1, [1] * 5)]
)
async def test_a_group_has_its_limits(  # noqa: PLR0917 - fixtures and a table
    bench: Any, disk: HeldWorker, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(committing, limit, value)
    disk.hold()
    bench.submit(*"abcde", data=b"x" * 100)
    disk.release()

    assert bench.news() == dict.fromkeys("abcde", Committed)
    assert bench.groups() == sizes


async def test_a_read_comes_after_the_commits_before_it_and_before_those_after_it(bench: Any, disk: HeldWorker) -> None:
    found: list[Any] = []

    async def read() -> None:
        found.extend(await bench.committer.read([key("a"), key("b")]))

    disk.hold()
    async with trio.open_nursery() as nursery:
        bench.submit("a")
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        disk.step()  # the turn of a
        bench.submit("b")
        disk.release()

    assert found == [Record(b"x", 1), None]
    assert bench.news() == {"a": Committed, "b": Committed}


async def test_a_conflict_and_a_record_too_large_concern_their_own_batch_only(autojump_clock: MockClock, disk: HeldWorker) -> None:
    bench = Bench(MemoryStore(limits=Limits(record_bytes=50)), disk)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.run)
        bench.submit("a")
        bench.committer.submit(batch("a", expected=7), lambda verdict: bench.told.update({"conflict": verdict}))
        bench.submit("large", data=b"x" * 100)
        bench.submit("b")

        conflict = bench.told["conflict"]
        assert isinstance(conflict, ta.StoreConflict)
        assert (conflict.expected, conflict.actual) == (7, 1)
        assert "large: 100 bytes are more than the store takes (50)" in str(bench.told["large"])
        assert bench.news() == {"a": Committed, "conflict": ta.StoreConflict, "large": OverLimit, "b": Committed}
        bench.scope.cancel()


@pytest.mark.parametrize("error", [ta.StoreUnavailable("no"), ta.StoreFull("no")], ids=["unavailable", "full"])
async def test_an_error_that_may_pass_is_told_to_the_group_and_nothing_else_happens(
    bench: Any, disk: HeldWorker, store: FaultyStore, error: ta.StoreError
) -> None:
    store.plan(Fault(at=1, before=error))
    disk.hold()
    bench.submit("a", "b")
    disk.release()

    assert len({id(verdict) for verdict in bench.told.values()}) == 2
    assert bench.news() == dict.fromkeys("ab", type(error))
    assert not bench.committer.broken
    bench.submit("c")
    assert bench.news() == {"c": Committed}
    assert [record.error for record in bench.records.of(StoreCommitted)] == [type(error).__name__, None]


@pytest.mark.parametrize(
    "error", [ta.StorePoisoned("x"), ta.StoreCorrupt("x"), ta.StoreLocked("here"), ta.NewerSchema("here", 2, 1)], ids=repr
)
async def test_any_other_error_breaks_the_store(bench: Any, disk: HeldWorker, store: FaultyStore, error: ta.StoreError) -> None:
    store.plan(Fault(at=1, before=error))
    disk.hold()
    bench.submit("a", "b")
    disk.step()
    assert bench.news() == dict.fromkeys("ab", type(error))
    assert bench.committer.broken
    bench.submit("c")
    assert bench.news() == {"c": ta.StoreUnavailable}
    with pytest.raises(ta.StoreUnavailable, match="has failed and is being opened again"):
        await bench.committer.read([key("a")])
    disk.release()
    await bench.over.wait()

    assert type(bench.ended) is type(error)
    assert str(bench.ended) == str(error)
    assert "closed" in repr(store)


@attrs.define
class Odd(MemoryStore):
    """A store that answers a commit with a given result."""

    answer: Callable[[Sequence[Batch]], Any]

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        answers: Sequence[Answer] = self.answer(batches)
        return answers


def fall(_: Sequence[Batch]) -> None:
    raise ZeroDivisionError("surprise")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: [], "commit gave 0 answers to 2 batches"),
        (lambda _: None, "NoneType"),
        (lambda batches: [Committed((1, 2)) for _ in batches], "to a batch of 1 writes"),
        (lambda batches: ["kept" for _ in batches], "commit answered 'kept'"),
        (fall, "surprise"),
    ],
)
async def test_a_store_that_breaks_its_word_is_broken(
    autojump_clock: MockClock, disk: HeldWorker, answer: Callable[[Sequence[Batch]], Any], said: str
) -> None:
    bench = Bench(FaultyStore(Odd(answer), blocking=True), disk)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.run)
        disk.hold()
        bench.submit("a", "b")
        disk.release()

        assert said in str(bench.told["a"])
        assert "raised an error that it does not declare" in str(bench.told["a"])
        assert bench.news() == dict.fromkeys("ab", ta.StorePoisoned)
        await bench.over.wait()
    assert isinstance(bench.ended, ta.StorePoisoned)
    assert bench.ended.__cause__ is not None


async def test_a_turn_behind_one_that_broke_the_store_writes_nothing(autojump_clock: MockClock, store: FaultyStore) -> None:
    worker = SlowWorker(1.0)
    bench = Bench(store, worker)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.run)
        store.plan(Fault(at=1, before=ta.StorePoisoned("x")))
        bench.submit("a")
        bench.submit("b")
        worker.seconds = 0
        await bench.over.wait()

    assert bench.news()["a"] is ta.StorePoisoned
    assert store.count(Operation.COMMIT) == 1


async def test_what_was_queued_behind_it_is_not_written_either(
    bench: Any, disk: HeldWorker, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "GROUP", 1)
    store.plan(Fault(at=1, before=ta.StorePoisoned("x")))
    disk.hold()
    bench.submit("a", "b", "c")
    disk.release()
    await bench.over.wait()

    assert bench.news() == {"a": ta.StorePoisoned, "b": ta.StoreUnavailable, "c": ta.StoreUnavailable}
    assert store.count(Operation.COMMIT) == 1


async def test_a_thread_answers_everybody_in_groups(mock_clock: MockClock) -> None:
    """The clock never jumps here, so a thread gives exact results too."""

    class Counter(ta.Actor[list[int]], persist=ta.EVERY_MESSAGE):
        @ta.handler
        def add(self) -> int:
            self.state.append(len(self.state) + 1)
            return len(self.state)

    answers: list[int] = []

    async def add(counter: Any) -> None:
        answers.append(await counter.add())

    store = FaultyStore(MemoryStore(), blocking=True)
    async with isolated_system(store=store, environment=ta.Environment(worker=ThreadWorker)) as system:
        counter = await system.start(Counter, name="counter")
        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(add, counter)

    assert sorted(answers) == list(range(1, 201))
    assert 2 <= store.count(Operation.COMMIT) <= 200


async def test_before_it_is_open_nothing_is_accepted(autojump_clock: MockClock, store: FaultyStore) -> None:
    bench = Bench(store, HeldWorker())

    bench.submit("a")
    with pytest.raises(ta.StoreUnavailable, match="the store is not open"):
        await bench.committer.read([key("a")])
    with pytest.raises(ta.StoreUnavailable):
        await bench.committer.commit(erasure("a"))

    assert "is not open; nothing was written" in str(bench.told["a"])
    assert store.count(Operation.ANY) == 0


async def test_what_is_erased_is_gone_whatever_was_submitted_before(bench: Any, disk: HeldWorker, store: FaultyStore) -> None:
    disk.hold()
    bench.submit("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.committer.commit, erasure("a"))
        await wait_all_tasks_blocked()
        disk.release()

    assert store.read([key("a")]) == [None]
    store.plan(Fault(at=1, before=ta.StoreFull("no")))
    with pytest.raises(ta.StoreFull):
        await bench.committer.commit(erasure("a"))


async def test_erasing_can_be_cancelled_and_happens_all_the_same(
    autojump_clock: MockClock, bench: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    bench.submit("a")
    disk.hold()
    with trio.move_on_after(1):
        await bench.committer.commit(erasure("a"))
    disk.release()

    assert store.read([key("a")]) == [None]


@pytest.mark.parametrize(
    "error",
    [
        ta.StorePoisoned("text"),
        ta.StoreConflict("text", expected=1, actual=2),
        ta.StoreLocked("here", "somebody"),
        ta.NewerSchema("here", 2, 1),
        ta.BadStoreURL("x:", "no"),
        ta.StateUnreadable("name", "store", "reason"),
        OverLimit("text", type_name="X", path="a.b", next_step="do"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_can_be_told_to_many(error: errors.TrioactorsError) -> None:
    error.__cause__ = LookupError()
    error.add_note("a note")

    again = fresh(error)

    assert again is not error
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.__cause__ is error.__cause__
    assert again.__traceback__ is None
