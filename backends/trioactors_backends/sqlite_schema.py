"""The tables of a SQLite store: their schema, its migrations, and their verification. docs/stores.md is their reference.

`records` has one row per record. The checksum of a row covers key, revision and data, so damage in a row is noticed when it is read. A
missing row, or one whose name is damaged, cannot be noticed in this way. For that, the single row of `store` counts the records and holds
a sum of the checksums of all keys; every commit updates it in its transaction, and opening compares it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import cast
from zlib import crc32

import attrs

from trioactors.errors import NewerSchema, StoreCorrupt, StoreError, StoreFull, StoreUnavailable
from trioactors.persistence import ABSENT, Change, Corrupt, Key, Record
from trioactors_backends.refusals import damaged, sync_failed

__all__ = [
    "APPLICATION",
    "FORMAT",
    "KEEP_BOOK",
    "MOST",
    "RECORDS",
    "Book",
    "counted",
    "explain",
    "fold",
    "folded",
    "migrate",
    "read_book",
    "revision_in",
    "row_checksum",
    "survey",
    "verified",
    "verify",
]

APPLICATION = 0x54524941
"""The application id in the header of the file ("TRIA")."""

FORMAT = 1
"""The newest format that this version writes and reads; it is the user version of the file."""

RECORDS = """
CREATE TABLE records (
    space TEXT NOT NULL,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (space, name)
) WITHOUT ROWID
"""
_STORE = """
CREATE TABLE store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    identity TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    records INTEGER NOT NULL,
    keys INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    checksum INTEGER NOT NULL
)
"""
_READABLE = "SELECT space, name, revision, length(data) AS bytes, CAST(data AS TEXT) AS text FROM records"

KEEP_BOOK = "UPDATE store SET identity = ?, sequence = ?, records = ?, keys = ?, schema = ?, checksum = ? WHERE sequence = ?"
"""Replace the book whose sequence is the last argument."""

_SCHEMA = "SELECT name, sql FROM sqlite_master WHERE name IN ('records', 'store', 'readable') ORDER BY name"
_IDENTITY = re.compile(r"[0-9a-f]{32}")
MOST = (1 << 62) - 1
"""The highest revision. No store gets there; a higher one is damage."""

_FOLD_LIMIT = MOST + 1
_SYNC_ERRORS = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE})
_REFUSALS = {
    sqlite3.SQLITE_BUSY: "another program is using the file; wait for it, or stop it",
    sqlite3.SQLITE_LOCKED: "another program is using the file; wait for it, or stop it",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only; change its permissions, or choose another place",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; make sure that its folder exists and can be written to",
    sqlite3.SQLITE_PERM: "the file may not be opened; change its permissions",
    sqlite3.SQLITE_IOERR: "the disk reported an error; check it",
    sqlite3.SQLITE_NOMEM: "there is not enough memory; free some, then try again",
    sqlite3.SQLITE_TOOBIG: "a record is larger than SQLite allows",
    sqlite3.SQLITE_PROTOCOL: "the file's locks do not work; do not put it on a network file system",
}


@attrs.frozen(kw_only=True)
class Book:
    """The one row of `store`."""

    identity: str
    sequence: int
    """The last revision that was assigned."""

    records: int
    keys: int
    """The sum of the checksums of all keys."""

    schema: int
    """The checksum of the schema."""

    def row(self) -> tuple[str, int, int, int, int, int]:
        """The values of the row, with its own checksum at the end."""
        values = (self.identity, self.sequence, self.records, self.keys, self.schema)
        return (*values, crc32(repr(values).encode()))


def fold(space: str, name: str | bytes) -> int:
    """The checksum of one key, which it adds to the sum."""
    return crc32(name.encode() if isinstance(name, str) else name, crc32(space.encode()))


def folded(total: int, change: int) -> int:
    """The sum after a key was added or removed."""
    return (total + change) % _FOLD_LIMIT


def counted(book: Book, changes: Mapping[Key, Change], before: Mapping[Key, int]) -> Book:
    """The book with the keys that exist after *changes*; *before* has the revisions of the keys before them."""
    records, keys = book.records, book.keys
    for change in changes.values():
        came = (change.data is not None) - (before[change.key] != ABSENT)
        if came:
            records += came
            keys = folded(keys, came * fold(change.key.space.value, change.key.name))
    return attrs.evolve(book, records=records, keys=keys)


def row_checksum(space: str, name: str, revision: int, data: bytes) -> int:
    """The checksum of a row of `records`."""
    return crc32(data, crc32(f"{space}\0{revision}\0{name}".encode()))


def verified(key: Key, revision: object, checksum: object, data: object) -> Record | Corrupt:
    """The record in a row, or what is left of it."""
    if not isinstance(data, bytes) or not isinstance(revision, int):
        return Corrupt(key, "its row has values of the wrong types")
    if not ABSENT < revision <= MOST:
        return Corrupt(key, "its revision is impossible", data)
    if row_checksum(key.space.value, key.name, revision, data) != checksum:
        return Corrupt(key, "its checksum does not match its row", data)
    return Record(data, revision)


def explain(error: sqlite3.Error, where: str) -> StoreError:
    """The error of the store for an error of SQLite."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code in _SYNC_ERRORS:
        return sync_failed(where, error)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return StoreFull(f"{where}: there is no room ({error}). Make room, then try again.")
    if primary in _REFUSALS:
        return StoreUnavailable(f"{where}: {_REFUSALS[primary]} ({error})")
    if primary == sqlite3.SQLITE_NOTADB:
        return StoreCorrupt(
            f"{where} is not a SQLite database, or its first bytes are damaged. Choose another path, or restore a backup."
        )
    return damaged(where, str(error))


def migrate(connection: sqlite3.Connection, where: str, identity: str) -> None:
    """Migrate the schema to the newest format. Raises if the database belongs to another program, which is left as it is."""
    application, version = (_pragma(connection, name) for name in ("application_id", "user_version"))
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (tables or application):
        raise StoreUnavailable(f"{where} is the database of another program. Choose another path.")
    if version > FORMAT:
        raise NewerSchema(where, version, FORMAT)
    if version < FORMAT:
        _apply_migrations(connection, identity)
    if _pragma(connection, "user_version") != FORMAT:
        raise damaged(where, "its format does not match its tables")


def read_book(connection: sqlite3.Connection, where: str) -> Book:
    """Read and verify the row of `store`. The connection must return text as bytes."""
    row = connection.execute("SELECT identity, sequence, records, keys, schema, checksum FROM store WHERE id = 1").fetchone()
    if row is None or not isinstance(row[0], bytes):
        raise damaged(where, "its table 'store' is damaged")
    book = Book(identity=row[0].decode("utf-8", "replace"), sequence=row[1], records=row[2], keys=row[3], schema=row[4])
    if book.row()[-1] != row[5]:
        raise damaged(where, "its table 'store' is damaged")
    if not _possible(book):
        raise damaged(where, f"its table 'store' has values that no version writes: {book.row()}")
    return book


def _possible(book: Book) -> bool:
    """Whether a commit can have written these values, whatever their checksum says."""
    numbers = cast("Sequence[object]", book.row()[1:-1])
    whole = all(isinstance(number, int) and 0 <= number < _FOLD_LIMIT for number in numbers)
    return whole and _IDENTITY.fullmatch(book.identity) is not None


def verify(connection: sqlite3.Connection, book: Book, where: str) -> None:
    """Raise `StoreCorrupt` if the file is damaged or a record is missing."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != b"ok":
        raise damaged(where, " ".join(finding.decode("utf-8", "replace").split()))
    if _schema_checksum(connection.execute(_SCHEMA)) != book.schema:
        raise damaged(where, "its schema is not the one with which it was made")
    found, ordered = _recount(connection, book)
    if not ordered:  # a search would miss existing names
        raise damaged(where, "the names in its table 'records' are not in order")
    if found != book:
        raise damaged(where, f"it holds {found.records} records, or other names, instead of the {book.records} that were committed")


def survey(connection: sqlite3.Connection, where: str) -> tuple[Book, int | None]:
    """Make a book for the rows that can be read, without verification; also return the sequence in `store`, None if it is damaged."""
    try:
        book = read_book(connection, where)
    except (sqlite3.DatabaseError, StoreCorrupt):
        blank = Book(identity="00" * 16, sequence=0, records=0, keys=0, schema=0)
        return _recount(connection, blank)[0], None
    return _recount(connection, book)[0], book.sequence


def revision_in(row: tuple[object] | None, sequence: int) -> int:
    """The revision in *row*. If it is impossible, because the row is damaged, it counts as the last one that was assigned."""
    if row is None:
        return ABSENT
    stated = row[0]
    return stated if isinstance(stated, int) and ABSENT < stated <= sequence else sequence


def _recount(connection: sqlite3.Connection, book: Book) -> tuple[Book, bool]:
    """The book that fits the rows, with at least the sequence of *book*; and whether the rows are in order."""
    records = keys = 0
    sequence, ordered, last = book.sequence, True, (b"", b"")
    for space, name, revision in connection.execute("SELECT space, name, revision FROM records"):
        records += 1
        if isinstance(space, bytes) and isinstance(name, bytes):
            keys += crc32(name, crc32(space))
            ordered, last = ordered and last < (space, name), (space, name)
        if isinstance(revision, int) and revision <= MOST:
            sequence = max(sequence, revision)
    return attrs.evolve(book, records=records, keys=keys % _FOLD_LIMIT, sequence=sequence), ordered


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _schema_checksum(rows: Iterable[tuple[str | bytes, str | bytes]]) -> int:
    checksum = 0
    for row in rows:
        for part in row:
            checksum = crc32(part.encode() if isinstance(part, str) else part, checksum)
    return checksum


def _apply_migrations(connection: sqlite3.Connection, identity: str) -> None:
    """Run the missing migrations, each in its own transaction; the table `_sqlite_migrations` records them."""
    from sqlite_utils import Database, Migrations  # noqa: PLC0415 - 80 ms, and only a new or an old store needs it

    migrations = Migrations("trioactors")

    @migrations()
    def records_and_store(db: Database) -> None:  # pyright: ignore[reportUnusedFunction] - the decorator keeps it
        connection.execute(RECORDS)
        connection.execute(_STORE)
        db.create_view("readable", _READABLE)
        book = Book(identity=identity, sequence=0, records=0, keys=0, schema=_schema_checksum(connection.execute(_SCHEMA)))
        connection.execute("INSERT INTO store VALUES (1, ?, ?, ?, ?, ?, ?)", book.row())
        connection.execute("PRAGMA user_version = 1")

    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has an effect only before the first table
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    migrations.apply(Database(connection))
