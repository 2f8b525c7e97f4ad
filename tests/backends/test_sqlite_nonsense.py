"""Nonsense under right checksums in the tables of a SQLite store: refused or reported, never a raw error."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from zlib import crc32

import pytest

from trioactors.environment import Environment
from trioactors.errors import StoreError
from trioactors.persistence import Corrupt, Options, Record, Space, Verification
from trioactors.testing.contract_records import put
from trioactors_backends.sqlite import SQLiteStore
from trioactors_backends.sqlite_schema import row_checksum

NUMBERS = (0, -1, 7, 1 << 62, (1 << 63) - 1, -(1 << 63), 0.5, float("inf"))
STRANGE: tuple[object, ...] = (*NUMBERS, "", "5", "zz" * 16, "ab" * 16, b"", b"5")
COLUMNS = ("identity", "sequence", "records", "keys", "schema")


@pytest.fixture
def written(path: Path) -> Path:
    """A store with two records, closed in order."""
    store = SQLiteStore(path)
    store.open(Environment())
    store.commit([put("a", b"1"), put("b", b"2")])
    store.close()
    return path


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, values)


def keep_book(path: Path, **changes: object) -> None:
    """Change the row of `store`, with the right checksum."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        row = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM store").fetchone()
        book = {**dict(zip(COLUMNS, row, strict=True)), **changes}
        checksum = crc32(repr(tuple(book.values())).encode())
        connection.execute(f"UPDATE store SET {' = ?, '.join(COLUMNS)} = ?, checksum = ?", (*book.values(), checksum))


def served(path: Path, verify: Verification) -> dict[str, Record | Corrupt] | None:
    """What the store serves; None if it refuses."""
    store = SQLiteStore(path, Options(verify=verify))
    try:
        store.open(Environment())
        found = {key.name: record for key, record in store.scan(Space.STATE)}
        store.commit([put("c", b"3")])
    except StoreError:
        return None
    else:
        return found
    finally:
        store.close()


@pytest.mark.parametrize(("column", "value"), list(itertools.product(COLUMNS, STRANGE)))
def test_a_strange_value_under_a_right_checksum_is_no_raw_error(written: Path, column: str, value: object) -> None:
    keep_book(written, **{column: value})

    found = served(written, Verification.FULL)

    assert found is None or found == {"a": Record(b"1", 1), "b": Record(b"2", 2)}
    served(written, Verification.NONE)


@pytest.mark.parametrize("revision", [0, -1, 0.5, "x", b"x", 1 << 62, (1 << 63) - 1])
def test_an_impossible_revision_is_refused_or_reported(written: Path, revision: object) -> None:
    checksum = row_checksum("state", "a", revision, b"1")  # type: ignore[arg-type]  # what the type forbids is the case
    change(written, "UPDATE records SET revision = ?, checksum = ? WHERE name = 'a'", revision, checksum)

    found = served(written, Verification.FULL)

    assert found is None or isinstance(found["a"], Corrupt)
    looked = served(written, Verification.NONE)
    assert looked is None or looked["b"] == Record(b"2", 2)
