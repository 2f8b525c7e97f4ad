"""A store that fails on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trioactors.environment import Environment
from trioactors.errors import Outcome, SpecError, StoreFull, StorePoisoned, StoreUnavailable
from trioactors.persistence import Committed, Record, Space
from trioactors.testing.contract_records import put, remove, state
from trioactors.testing.stores import Fault, FaultyStore, Operation, StoreContract
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.memory import MemoryStore


class TestFaultyStoreWithoutFaults(StoreContract):
    on_disk = False

    @pytest.fixture(autouse=True)
    def _shelves(self) -> None:
        self.stores: dict[Path, FaultyStore] = {}

    def make(self, path: Path) -> FaultyStore:
        return self.stores.setdefault(path, FaultyStore(MemoryStore()))

    def restored(self, copy: Path) -> FaultyStore:
        return FaultyStore(FilesystemStore(copy))


def opened(*faults: Fault) -> FaultyStore:
    store = FaultyStore(MemoryStore(), *faults)
    store.open(Environment())
    return store


def test_it_fails_at_the_nth_commit_and_nothing_happened() -> None:
    store = opened(Fault(at=2, before=StoreFull("told so")))
    store.commit([put("a", b"1")])

    with pytest.raises(StoreFull) as caught:
        store.commit([put("a", b"2", expected=1)])

    assert caught.value.outcome is Outcome.FAILED
    assert store.read([state("a")]) == [Record(b"1", 1)]
    assert list(store.commit([put("a", b"3", expected=1)])) == [Committed((2,))]


def test_faults_that_are_planned_later_are_counted_from_then_on() -> None:
    store = opened()
    store.commit([put("a", b"1")])
    store.read([state("a")])
    store.plan(Fault(at=1, before=StoreFull("told so")), Fault(at=2, operation=Operation.READ, before=StoreUnavailable("too")))

    with pytest.raises(StoreFull):
        store.commit([put("a", b"2", expected=1)])
    assert store.read([state("a")]) == [Record(b"1", 1)]
    with pytest.raises(StoreUnavailable):
        store.read([state("a")])
    assert list(store.commit([put("a", b"3", expected=1)])) == [Committed((2,))]


def test_it_fails_after_the_commit_and_it_happened() -> None:
    store = opened(Fault(at=1, after=StorePoisoned("told so")))

    with pytest.raises(StorePoisoned) as caught:
        store.commit([put("a", b"1")])

    assert caught.value.outcome is Outcome.INDETERMINATE
    assert store.read([state("a")]) == [Record(b"1", 1)]


def test_it_waits_before_the_commit() -> None:
    seen: list[object] = []
    store = opened(Fault(at=1, wait=lambda: seen.append(store.read([state("a")])[0])))

    store.commit([put("a", b"1")])

    assert seen == [None]


@pytest.mark.parametrize("operation", [Operation.READ, Operation.SCAN, Operation.ANY])
def test_it_counts_what_it_is_told_to_count(operation: Operation) -> None:
    store = FaultyStore(MemoryStore(), Fault(at=2, operation=operation, before=StoreUnavailable("told so")))
    store.open(Environment())
    failed = 0
    for use in (lambda: store.read([]), lambda: store.read([]), lambda: store.scan(Space.STATE), lambda: store.scan(Space.STATE)):
        try:
            use()
        except StoreUnavailable:
            failed += 1

    assert failed == 1
    assert store.count(Operation.READ) == store.count(Operation.SCAN) == 2
    assert "5 operations" in repr(store)


def test_opening_can_fail() -> None:
    store = FaultyStore(MemoryStore(), Fault(at=1, operation=Operation.OPEN, before=StoreUnavailable("told so")))

    with pytest.raises(StoreUnavailable):
        store.open(Environment())
    store.open(Environment())
    store.close()


def test_a_power_cut_takes_what_was_not_synced() -> None:
    store = opened(Fault(at=2, forget=True))
    store.commit([put("kept", b"1"), put("removed", b"1")])
    store.commit([put("kept", b"2", expected=1), put("new", b"")])
    store.commit([remove("removed"), put("kept", b"never", expected=0)])
    assert [key.name for key, _ in store.scan(Space.STATE)] == ["kept", "new"]

    store.power_cut()

    with pytest.raises(StoreUnavailable, match="not open"):
        store.read([])
    store.open(Environment())
    found = {key.name: record.data for key, record in store.scan(Space.STATE) if isinstance(record, Record)}
    assert found == {"kept": b"1", "removed": b"1"}


ROOM = StoreFull("no room")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"at": 0, "before": ROOM}, "at=0 must be a whole number, at least 1"),
        ({"at": -1, "before": ROOM}, "at=-1 must be"),
        ({"at": 1.0, "before": ROOM}, "at=1.0 must be"),
        ({"at": 1, "before": ROOM, "operation": "write"}, "choose one of 'open', 'read', 'scan', 'commit', 'any'"),
        ({"at": 1, "before": StoreFull}, "must be an error, made with its text; those of stores are .*StoreFull"),
        ({"at": 1, "after": "full"}, "those of stores are .*StorePoisoned"),
        ({"at": 1, "before": ROOM, "after": ROOM}, "after= could never be raised"),
        ({"at": 1}, "give at least one of wait=, before=, after= and forget=True"),
        ({"at": 1, "wait": 3.0}, "must be a function"),
        ({"at": 1, "forget": "yes"}, "must be True or False"),
    ],
)
def test_a_fault_that_could_never_happen_is_refused(options: Any, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        Fault(**options)


def test_an_operation_can_be_a_word() -> None:
    words: Any = {"operation": "commit"}

    assert Fault(at=1, before=ROOM, **words) == Fault(at=1, before=ROOM)


@pytest.mark.parametrize("wrong", [None, MemoryStore, "memory:", Fault(at=1, before=ROOM)])
def test_what_is_no_store_cannot_be_faulty(wrong: Any) -> None:
    with pytest.raises(SpecError, match="takes a store first"):
        FaultyStore(wrong)


def test_what_is_no_fault_cannot_be_planned() -> None:
    wrong: Any = ROOM
    with pytest.raises(SpecError, match="class Fault"):
        FaultyStore(MemoryStore(), wrong)
    with pytest.raises(SpecError, match="class Fault"):
        opened().plan(wrong)
    with pytest.raises(SpecError, match="'any'"):
        opened().count(wrong)
