"""The promises of every store about records: names, reading and scanning. Part of `trioactors.testing.stores.StoreContract`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from trioactors.environment.environment import Environment
from trioactors.persistence.store import ABSENT, SCAN_LIMIT, Answer, Batch, Committed, Key, Record, Space, Store, Write, prefix_end

__all__ = ["HOSTILE_NAMES", "ContractBase", "RecordContract", "names_of", "put", "remove", "state"]

HOSTILE_NAMES = (
    "",
    " ",
    ".",
    "..",
    "../../escape",
    "/etc/escape",
    "a/b/../c",
    "back\\slash",
    "~",
    "CON",
    "nul\0inside",
    "\0",
    "line\nbreak",
    "'; DROP TABLE records; --",
    '"quoted"',
    "100%_*?[x]",
    "12",
    "1e3",
    "\ufeffmark",
    "\U0001f600\U0001f468\u200d\U0001f469",
    "\U0010ffff",
    "x" * 300,
    "\U0001f600" * 300,
    "owner",
    "00000000000000000001.log",
)
"""Unusual names, which a store must keep unchanged."""


def state(name: str) -> Key:
    """A key in the space of states."""
    return Key(Space.STATE, name)


def put(name: str, data: bytes, expected: int | None = ABSENT, *, space: Space = Space.STATE) -> Batch:
    """A batch with one write."""
    return Batch((Write(Key(space, name), data, expected=expected),))


def remove(name: str, expected: int | None = None) -> Batch:
    """A batch with one removal."""
    return Batch((Write(state(name), None, expected=expected),))


def names_of(
    store: Store, *, start: str = "", stop: str | None = None, limit: int = SCAN_LIMIT, reverse: bool = False
) -> list[str]:
    """The names that a scan of the states finds."""
    return [key.name for key, _ in store.scan(Space.STATE, start, stop, limit=limit, reverse=reverse)]


class ContractBase(ABC):
    """The methods that the author of a store overrides, and the fixtures that use them."""

    on_disk = True
    """Whether the store survives its process. If not, tests that need another process are skipped."""

    @abstractmethod
    def make(self, path: Path) -> Store:
        """A closed store at *path*; the same path is the same store."""

    def restored(self, copy: Path) -> Store:
        """A closed store on the backup at *copy*."""
        return self.make(copy)

    def needs_another_process(self) -> None:
        """Skip the test if the store ends with its process."""
        if not self.on_disk:
            pytest.skip("this store ends with its process")

    @pytest.fixture
    def environment(self) -> Environment:
        """The environment in which the stores are opened."""
        return Environment()

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """The path of the store; nothing exists there yet."""
        folder = tmp_path / "place"
        folder.mkdir()
        return folder / "store"

    @pytest.fixture
    def store(self, path: Path, environment: Environment) -> Iterator[Store]:
        """An open store, closed after the test."""
        store = self.make(path)
        store.open(environment)
        yield store
        store.close()


class RecordContract(ContractBase):
    """Names, reading, scanning."""

    def test_what_was_never_written_reads_as_none(self, store: Store) -> None:
        assert store.read([state("nobody")]) == [None]

    def test_reading_nothing_gives_nothing(self, store: Store) -> None:
        assert list(store.read([])) == []

    def test_answers_come_in_the_order_of_the_keys(self, store: Store) -> None:
        store.commit([put("a", b"A"), put("b", b"B")])

        found = store.read([state("b"), state("none"), state("a"), state("b")])

        assert [record.data if isinstance(record, Record) else record for record in found] == [b"B", None, b"A", b"B"]

    def test_empty_data_is_not_nothing(self, store: Store) -> None:
        store.commit([put("empty", b"")])

        assert store.read([state("empty")]) == [Record(b"", 1)]

    def test_every_byte_comes_back(self, store: Store) -> None:
        data = bytes(range(256)) * 3

        store.commit([put("bytes", data)])

        assert store.read([state("bytes")]) == [Record(data, 1)]

    def test_a_megabyte_comes_back(self, store: Store) -> None:
        data = bytes(range(256)) * 4096

        store.commit([put("large", data)])

        assert store.read([state("large")]) == [Record(data, 1)]

    @pytest.mark.parametrize("space", Space)
    def test_a_name_in_one_space_is_none_in_another(self, store: Store, space: Space) -> None:
        store.commit([put("name", space.value.encode(), space=space)])

        found = store.read([Key(other, "name") for other in Space])

        assert [record is not None for record in found] == [other is space for other in Space]

    @pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name[:20]))
    def test_a_hostile_name_is_only_a_name(self, store: Store, path: Path, environment: Environment, name: str) -> None:
        around = {file.name for file in path.parent.parent.iterdir()}
        [answer] = store.commit([put(name, b"mine")])
        store.close()
        store.open(environment)

        assert answer == Committed((1,))
        assert store.read([state(name)]) == [Record(b"mine", 1)]
        assert store.scan(Space.STATE) == [(state(name), Record(b"mine", 1))]
        assert {file.name for file in path.parent.parent.iterdir()} == around
        assert all(file.name.startswith("store") for file in path.parent.iterdir())

    def test_all_hostile_names_live_side_by_side(self, store: Store) -> None:
        answers = store.commit([put(name, name.encode()) for name in HOSTILE_NAMES])

        assert all(isinstance(answer, Committed) for answer in answers)
        assert {key.name: getattr(record, "data", None) for key, record in store.scan(Space.STATE)} == {
            name: name.encode() for name in HOSTILE_NAMES
        }

    def test_names_that_differ_in_case_differ(self, store: Store) -> None:
        store.commit([put("Name", b"1"), put("name", b"2"), put("NAME", b"3")])

        assert names_of(store) == ["NAME", "Name", "name"]

    def test_names_are_not_normalised(self, store: Store) -> None:
        store.commit([put("\u00e9", b"one"), put("e\u0301", b"two")])

        assert names_of(store) == ["e\u0301", "\u00e9"]

    def test_an_empty_space_scans_as_empty(self, store: Store) -> None:
        assert list(store.scan(Space.EVENT)) == []

    def test_a_scan_stays_in_its_space(self, store: Store) -> None:
        store.commit([put("a", b"", space=Space.EVENT), put("b", b"")])

        assert names_of(store) == ["b"]

    def test_names_are_ordered_by_code_point(self, store: Store) -> None:
        names = ["z", "Z", "\u00e9", "10", "9", "\uffff", "\U00010000", "", "a\0b", "a"]

        store.commit([put(name, b"") for name in names])

        assert names_of(store) == sorted(names)

    def test_a_scan_begins_with_its_start_and_ends_before_its_stop(self, store: Store) -> None:
        store.commit([put(name, b"") for name in "abcde"])

        assert names_of(store, start="b", stop="d") == ["b", "c"]

    def test_start_and_stop_need_not_exist(self, store: Store) -> None:
        store.commit([put(name, b"") for name in "aceg"])

        assert names_of(store, start="b", stop="f") == ["c", "e"]

    def test_a_stop_before_the_start_finds_nothing(self, store: Store) -> None:
        store.commit([put(name, b"") for name in "abc"])

        assert names_of(store, start="c", stop="a") == []

    def test_a_limit_takes_the_first(self, store: Store) -> None:
        store.commit([put(name, b"") for name in "dbca"])

        assert names_of(store, limit=2) == ["a", "b"]

    def test_a_limit_of_zero_finds_nothing(self, store: Store) -> None:
        store.commit([put("a", b"")])

        assert names_of(store, limit=0) == []

    def test_reverse_begins_at_the_end(self, store: Store) -> None:
        store.commit([put(name, b"") for name in "abcd"])

        assert names_of(store, reverse=True) == ["d", "c", "b", "a"]

    def test_reverse_with_a_limit_takes_the_last(self, store: Store) -> None:
        store.commit([put(name, b"") for name in "abcde"])

        assert names_of(store, start="b", stop="e", limit=2, reverse=True) == ["d", "c"]

    def test_a_scan_has_a_limit_of_its_own(self, store: Store) -> None:
        store.commit([put(f"{number:05}", b"") for number in range(SCAN_LIMIT + 1)])

        assert len(store.scan(Space.STATE)) == SCAN_LIMIT

    def test_pages_add_up(self, store: Store) -> None:
        names = [f"{number:02}" for number in range(10)] + ["05\0", "05\0\0"]
        store.commit([put(name, b"") for name in names])

        pages: list[str] = []
        while page := names_of(store, start=pages[-1] + chr(0) if pages else "", limit=3):
            pages += page

        assert pages == sorted(names)

    @pytest.mark.parametrize("prefix", ["order-", "a\0", "\ud7ff", "\U0010ffff", "x\U0010ffff"], ids=ascii)
    def test_a_prefix_finds_what_begins_with_it(self, store: Store, prefix: str) -> None:
        inside = {prefix, prefix + "\0", prefix + "1", prefix + "\U0010ffff"}
        outside = {"", prefix[:-1], prefix[:-1] + "\U0010fffe", "orderly", "\ue000"} - inside
        store.commit([put(name, b"") for name in inside | outside])

        found = set(names_of(store, start=prefix, stop=prefix_end(prefix)))

        assert found == {name for name in inside | outside if name.startswith(prefix)}

    def test_a_scan_shows_the_latest(self, store: Store) -> None:
        store.commit([put("a", b"old"), put("b", b"")])
        answers: Sequence[Answer] = store.commit([put("a", b"new", expected=1), remove("b")])

        assert [type(answer) for answer in answers] == [Committed, Committed]
        assert store.scan(Space.STATE) == [(state("a"), Record(b"new", 2))]
