"""The SQLite store keeps the contract of stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

import trioactors_backends.sqlite_schema
from trioactors.environment import Environment
from trioactors.errors import (
    Outcome,
    StoreConflict,
    StoreCorrupt,
    StoreLocked,
    StoreUnavailable,
)
from trioactors.persistence import Committed, Corrupt, Creation, Durability, Limits, Options, Record, Space, Store, Verification
from trioactors.testing.contract_records import put, remove, state
from trioactors.testing.stores import StoreContract
from trioactors_backends.sqlite import SQLiteStore
from trioactors_backends.sqlite_file import RealFiles
from trioactors_backends.sqlite_schema import KEEP_BOOK, fold, folded


class TestSQLiteStore(StoreContract):
    def make(self, path: Path) -> Store:
        return SQLiteStore(path)


class TestRelaxedSQLiteStore(StoreContract):
    def make(self, path: Path) -> Store:
        return SQLiteStore(path, Options(durability=Durability.RELAXED))


def opened(path: Path, environment: Environment, options: Options | None = None) -> SQLiteStore:
    store = SQLiteStore(path, options)
    store.open(environment)
    return store


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of another program to the file."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        yield connection
    finally:
        connection.close()


def test_anybody_can_read_its_tables_while_it_is_open(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("order-1", b'{"total": 3}'), put("x", b"abc", space=Space.EVENT)])

    with by_hand(path) as reader:
        rows = reader.execute("SELECT space, name, revision, bytes, text FROM readable").fetchall()
        tables = {name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}

    assert rows == [("event", "x", 2, 3, "abc"), ("state", "order-1", 1, 12, '{"total": 3}')]
    assert tables == {"records", "store", "readable", "_sqlite_migrations"}
    store.close()


def test_sqlite_utils_knows_which_migrations_ran(path: Path, environment: Environment) -> None:
    opened(path, environment).close()

    with by_hand(path) as reader:
        rows = reader.execute("SELECT migration_set, name FROM _sqlite_migrations").fetchall()

    assert rows == [("trioactors", "records_and_store")]


def test_a_closed_store_is_one_file_and_its_lock(path: Path, environment: Environment) -> None:
    opened(path, environment).close()

    assert sorted(file.name for file in path.parent.iterdir()) == ["store.db", "store.db-lock"]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("durability", "synchronous"), [(Durability.DURABLE, 3), (Durability.RELAXED, 1)])
def test_durability_is_a_setting_of_sqlite(path: Path, environment: Environment, durability: Durability, synchronous: int) -> None:
    connections: list[sqlite3.Connection] = []

    class Remembering(RealFiles):
        def connect(self, path: Path, limits: Limits) -> sqlite3.Connection:
            connections.append(super().connect(path, limits))
            return connections[-1]

    store = SQLiteStore(path, Options(durability=durability), files=lambda _: Remembering())
    store.open(environment)

    assert connections[-1].execute("PRAGMA synchronous").fetchone() == (synchronous,)
    assert connections[-1].execute("PRAGMA journal_mode").fetchone() == (b"wal",)
    assert store.blocking == (durability is Durability.DURABLE)
    store.close()


def test_somebody_who_writes_makes_a_commit_unavailable(path: Path, environment: Environment) -> None:
    store = opened(path, environment, Options(limits=Limits(patience=0.0)))
    with by_hand(path) as writer:
        writer.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnavailable, match="another program") as caught:
            store.commit([put("a", b"")])

    assert caught.value.outcome is Outcome.FAILED
    assert list(store.commit([put("a", b"")])) == [Committed((1,))]
    store.close()


def test_somebody_who_reads_is_in_nobodys_way(path: Path, environment: Environment) -> None:
    opened(path, environment).close()
    with by_hand(path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM records").fetchall()

        opened(path, environment).close()


def test_a_second_writer_is_a_conflict(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("a", b"")])
    with by_hand(path) as writer:
        writer.execute("UPDATE store SET sequence = 9")

    with pytest.raises(StoreConflict, match="another program wrote") as caught:
        store.commit([put("a", b"", expected=1)])

    assert caught.value.outcome is Outcome.FAILED
    assert store.read([state("a")]) == [Record(b"", 1)]
    store.close()


@pytest.mark.parametrize("column", ["revision = revision + 1", "checksum = checksum + 1", "data = x'00'", "data = 'text'"])
def test_a_damaged_row_is_named_and_the_others_are_served(path: Path, environment: Environment, column: str) -> None:
    store = opened(path, environment)
    store.commit([put("hurt", b"precious"), put("sound", b"fine")])
    store.close()
    with by_hand(path) as hand:
        hand.execute("PRAGMA ignore_check_constraints = ON")
        hand.execute(f"UPDATE records SET {column} WHERE name = 'hurt'")

    store.open(environment)

    [hurt, sound] = store.read([state("hurt"), state("sound")])
    assert isinstance(hurt, Corrupt)
    assert hurt.key == state("hurt")
    assert isinstance(sound, Record)
    assert [type(record) for _, record in store.scan(Space.STATE)] == [Corrupt, Record]
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM records WHERE name = 'a'",
        "UPDATE records SET name = 'A' WHERE name = 'a'",
        "UPDATE records SET space = 'event' WHERE name = 'a'",
        "INSERT INTO records VALUES ('state', 'c', 1, 1, x'')",
        "UPDATE store SET sequence = 99",
        "DELETE FROM store",
        "DROP VIEW readable",
        "PRAGMA user_version = 0",
    ],
)
def test_what_has_lost_a_record_or_its_book_is_refused(path: Path, environment: Environment, change: str) -> None:
    store = opened(path, environment)
    store.commit([put("a", b"1"), put("b", b"2")])
    store.close()
    with by_hand(path) as hand:
        hand.execute(change)

    with pytest.raises(StoreCorrupt):
        store.open(environment)


def test_unverified_it_shows_what_is_left_and_a_commit_makes_it_sound_again(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("a", b"1"), put("b", b"2")])
    store.close()
    with by_hand(path) as hand:
        hand.execute("DELETE FROM records WHERE name = 'a'")

    left = opened(path, environment, Options(verify=Verification.NONE))
    assert [key.name for key, _ in left.scan(Space.STATE)] == ["b"]
    left.commit([put("repaired", b"")])
    left.close()

    store.open(environment)
    assert [key.name for key, _ in store.scan(Space.STATE)] == ["b", "repaired"]
    store.close()


@pytest.mark.parametrize("instead", [b"statename-z", b"statename-a", b"statfname-d", b"statdname-d", b"statename-\xff"])
def test_a_damaged_name_hides_no_other(path: Path, environment: Environment, instead: bytes) -> None:
    """Such a name misleads a search: records that are there could look as if they had never been written."""
    store = opened(path, environment)
    store.commit([put(f"name-{letter}", letter.encode()) for letter in "abcdefg"])
    store.close()
    content = path.read_bytes()
    at = content.rindex(b"statename-d")
    path.write_bytes(content[:at] + instead + content[at + len(instead) :])
    with pytest.raises(StoreCorrupt):
        store.open(environment)

    left = opened(path, environment, Options(verify=Verification.NONE))
    others = [state(f"name-{letter}") for letter in "abcefg"]
    sound = dict(zip(others, left.read(others), strict=True))
    walked = dict(left.scan(Space.STATE))
    left.commit([put("repaired", b"")])
    left.close()

    assert [found.data for found in sound.values() if isinstance(found, Record)] == [b"a", b"b", b"c", b"e", b"f", b"g"]
    assert {key: walked[key] for key in others} == sound
    store.open(environment)
    assert dict(zip(others, store.read(others), strict=True)) == sound
    store.close()


def test_names_out_of_order_are_refused(path: Path, environment: Environment) -> None:
    """They are refused even if nothing else shows it: the book has been made to agree."""
    store = opened(path, environment)
    store.commit([put(f"name-{letter}", b"1") for letter in "abcdefg"])
    store.close()
    content = path.read_bytes()
    at = content.rindex(b"statename-d") + 10
    path.write_bytes(content[:at] + b"z" + content[at + 1 :])
    with by_hand(path) as hand:
        hand.text_factory = bytes
        book = trioactors_backends.sqlite_schema.read_book(hand, "here")
        keys = folded(book.keys, fold("state", "name-z") - fold("state", "name-d"))
        hand.execute(KEEP_BOOK, (*attrs.evolve(book, keys=keys).row(), book.sequence))

    with pytest.raises(StoreCorrupt, match="not in order"):
        store.open(environment)


def test_looking_without_verifying_takes_no_evidence_away(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("a", b"then")])
    store.close()
    older = path.read_bytes()
    store.open(environment)
    store.commit([put("a", b"now", expected=1)])
    store.close()
    path.write_bytes(older)

    left = opened(path, environment, Options(verify=Verification.NONE))
    left.close()

    with pytest.raises(StoreCorrupt, match="1, but revision 2 was acknowledged"):
        store.open(environment)


def test_unverified_it_shows_what_is_left_without_its_book(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("a", b"1"), put("b", b"2")])
    store.close()
    with by_hand(path) as hand:
        hand.execute("DELETE FROM store")

    left = opened(path, environment, Options(verify=Verification.NONE))

    assert [key.name for key, _ in left.scan(Space.STATE)] == ["a", "b"]
    with pytest.raises(StoreCorrupt, match="only be read"):
        left.commit([put("c", b"3")])
    left.close()


def test_unverified_it_shows_what_is_before_and_behind_a_damaged_page(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put(f"name-{number:03}", bytes(500)) for number in range(100)])
    store.close()
    content = path.read_bytes()
    page = content.index(b"statename-050") // 4096 * 4096
    path.write_bytes(content[:page] + bytes(4096) + content[page + 4096 :])

    left = opened(path, environment, Options(verify=Verification.NONE))

    found = [key.name for key, _ in left.scan(Space.STATE)]
    lost = sorted({f"name-{number:03}" for number in range(100)} - set(found))
    assert 1 <= len(lost) <= 12
    assert "name-050" in lost
    assert found[0] < lost[0] < lost[-1] < found[-1]
    with pytest.raises(StoreCorrupt):
        left.commit([put("added", b"")])
    assert [key.name for key, _ in left.scan(Space.STATE)] == found
    left.close()


def test_a_row_that_has_lost_its_revision_can_be_removed(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("hurt", b"1"), put("sound", b"2")])
    store.close()
    with by_hand(path) as hand:
        hand.execute("UPDATE records SET revision = 0 WHERE name = 'hurt'")
    store.open(environment)

    store.commit([remove("hurt")])
    store.close()

    store.open(environment)
    assert store.read([state("hurt"), state("sound")]) == [None, Record(b"2", 2)]
    store.close()


def test_an_empty_file_is_no_store(path: Path, environment: Environment) -> None:
    path.touch()

    with pytest.raises(StoreUnavailable, match="there is no store"):
        opened(path, environment, Options(create=Creation.REFUSE))

    assert [file.name for file in path.parent.iterdir()] == ["store.db"]
    assert path.stat().st_size == 0


def test_an_older_copy_is_refused_until_somebody_says_so(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("a", b"then")])
    store.close()
    older = path.read_bytes()
    store.open(environment)
    store.commit([put("a", b"now", expected=1)])
    store.close()
    path.write_bytes(older)

    with pytest.raises(StoreCorrupt, match=r"1, but revision 2 was acknowledged.*store\.db-lock"):
        store.open(environment)

    path.with_name("store.db-lock").unlink()
    store.open(environment)
    assert store.read([state("a")]) == [Record(b"then", 1)]
    store.close()


def test_a_backup_can_be_put_in_its_place(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("a", b"then")])
    store.backup(path.with_name("backup.db"))
    store.commit([put("a", b"now", expected=1)])
    store.close()
    path.write_bytes(path.with_name("backup.db").read_bytes())

    store.open(environment)

    assert store.read([state("a")]) == [Record(b"then", 1)]
    store.close()


def test_a_backup_can_be_read_by_its_owner_only(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    store.commit([put("a", b"secret")])

    store.backup(path.with_name("backup.db"))
    store.close()

    assert path.with_name("backup.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("keep", [0, 32, 4_000, 4_200])
def test_a_cut_log_of_a_killed_process_is_refused(path: Path, environment: Environment, keep: int) -> None:
    """SQLite takes the damage for an unfinished transaction at the end; the owner's mark shows that it is not."""
    store = opened(path, environment)
    store.commit([put("a", b"1")])
    store.commit([put("b", b"2")])
    elsewhere = path.with_name("killed")
    elsewhere.mkdir()
    for file in path.parent.glob("store.db*"):
        (elsewhere / file.name).write_bytes(file.read_bytes())
    store.close()
    log = elsewhere / "store.db-wal"
    log.write_bytes(log.read_bytes()[:keep])

    with pytest.raises(StoreCorrupt, match="acknowledged"):
        opened(elsewhere / "store.db", environment)


def test_the_database_of_another_program_is_left_alone(path: Path, environment: Environment) -> None:
    with by_hand(path) as hand:
        hand.execute("CREATE TABLE letters (text)")
    before = path.read_bytes()

    with pytest.raises(StoreUnavailable, match="another program"):
        opened(path, environment)

    assert path.read_bytes() == before


def test_a_link_leads_to_the_same_lock(path: Path, environment: Environment) -> None:
    store = opened(path, environment)
    link = path.with_name("link.db")
    link.symlink_to(path)

    with pytest.raises(StoreLocked, match=r"in use by process \d+"):
        opened(link, environment)

    store.close()


def test_free_pages_are_given_back(path: Path, environment: Environment) -> None:
    limits = Limits(slack_bytes=400_000)
    store = opened(path, environment, Options(durability=Durability.RELAXED, limits=limits))
    store.commit([put(f"{number}", b"x" * 100_000) for number in range(20)])
    store.commit([remove(f"{number}") for number in range(20)])
    for number in range(4 * 1_000):
        store.commit([put("busy", b"%d" % number, expected=None)])
    store.close()

    assert path.stat().st_size < 2 * limits.slack_bytes
