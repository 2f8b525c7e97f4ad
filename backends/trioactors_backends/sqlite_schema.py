"""What the tables of a SQLite store look like, how they come to be, and how they are verified. docs/stores.md is their reference.

`records` has one row per record; its checksum covers key, revision and data, so that damage in a row is seen when it is read. What
a row cannot show is that it is missing, or that it has lost its name: for that the one row of `store` counts the records and folds
the checksums of all their keys into one sum, brought up to date in the transaction of every commit, and compared when it is opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING
from zlib import crc32

import attrs

from trioactors.errors import NewerSchema, StoreCorrupt, StoreError, StoreFull, StorePoisoned, StoreUnavailable
from trioactors.persistence import ABSENT

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = [
    "APPLICATION",
    "FORMAT",
    "KEEP_BOOK",
    "RECORDS",
    "Book",
    "explain",
    "fold",
    "folded",
    "migrate",
    "read_book",
    "revision_in",
    "row_checksum",
    "survey",
    "verify",
]

APPLICATION = 0x54524941
"""The application id in the header of the file ("TRIA")."""

FORMAT = 1
"""The newest format this version writes and reads: the user version of the file."""

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
"""Write a book in place of the one with the sequence that is given last."""

_SCHEMA = "SELECT name, sql FROM sqlite_master WHERE name IN ('records', 'store', 'readable') ORDER BY name"
_FOLD_LIMIT = 1 << 62
_SYNC_ERRORS = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE})
_REFUSALS = {
    sqlite3.SQLITE_BUSY: "another program is using the file; wait for it, or stop it",
    sqlite3.SQLITE_LOCKED: "another program is using the file; wait for it, or stop it",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only; change its permissions, or choose another place",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; see that its folder exists and may be written to",
    sqlite3.SQLITE_PERM: "the file may not be opened; change its permissions",
    sqlite3.SQLITE_IOERR: "the disk refused",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
    sqlite3.SQLITE_TOOBIG: "a record is larger than SQLite allows",
    sqlite3.SQLITE_PROTOCOL: "the file's locks do not work; do not put it on a network file system",
}


@attrs.frozen(kw_only=True)
class Book:
    """The one row of `store`."""

    identity: str
    sequence: int
    """The last revision that was given."""

    records: int
    keys: int
    """The sum of the checksums of all keys."""

    schema: int
    """The checksum of the schema."""

    def row(self) -> tuple[str, int, int, int, int, int]:
        """The row, its own checksum at the end."""
        values = (self.identity, self.sequence, self.records, self.keys, self.schema)
        return (*values, crc32(repr(values).encode()))


def fold(space: str, name: str | bytes) -> int:
    """What one key adds to the sum."""
    return crc32(name.encode() if isinstance(name, str) else name, crc32(space.encode()))


def folded(total: int, change: int) -> int:
    """The sum after a key came or went."""
    return (total + change) % _FOLD_LIMIT


def row_checksum(space: str, name: str, revision: int, data: bytes) -> int:
    """The checksum of a row of `records`."""
    return crc32(data, crc32(f"{space}\0{revision}\0{name}".encode()))


def explain(error: sqlite3.Error, where: str) -> StoreError:
    """The store's error for one of SQLite's."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code in _SYNC_ERRORS:
        return StorePoisoned(f"{where}: a sync failed ({error}). Close the store and open it again.")
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return StoreFull(f"{where}: no room ({error}). Make room, then try again.")
    if primary in _REFUSALS:
        return StoreUnavailable(f"{where}: {_REFUSALS[primary]} ({error})")
    if primary == sqlite3.SQLITE_NOTADB:
        return StoreCorrupt(
            f"{where} is no SQLite database, or its first bytes are damaged. Choose another path, or restore a backup."
        )
    return _corrupt(where, str(error))


def migrate(connection: sqlite3.Connection, where: str, identity: str) -> None:
    """Bring the schema up to date; a file of another program is left alone."""
    application, version = (_pragma(connection, name) for name in ("application_id", "user_version"))
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (tables or application):
        raise StoreUnavailable(f"{where} is the database of another program. Choose another path.")
    if version > FORMAT:
        raise NewerSchema(where, version, FORMAT)
    if version < FORMAT:
        _apply_migrations(connection, identity)
    if _pragma(connection, "user_version") != FORMAT:
        raise _corrupt(where, "its format is not what its tables say")


def read_book(connection: sqlite3.Connection, where: str) -> Book:
    """The row of `store`, verified; the connection gives text as bytes."""
    row = connection.execute("SELECT identity, sequence, records, keys, schema, checksum FROM store WHERE id = 1").fetchone()
    if row is None or not isinstance(row[0], bytes):
        raise _corrupt(where, "its table 'store' is damaged")
    book = Book(identity=row[0].decode("utf-8", "replace"), sequence=row[1], records=row[2], keys=row[3], schema=row[4])
    if book.row()[-1] != row[5]:
        raise _corrupt(where, "its table 'store' is damaged")
    return book


def verify(connection: sqlite3.Connection, book: Book, where: str) -> None:
    """See that the file is sound and that no record is missing."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != b"ok":
        raise _corrupt(where, " ".join(finding.decode("utf-8", "replace").split()))
    if _schema_checksum(connection.execute(_SCHEMA)) != book.schema:
        raise _corrupt(where, "its schema is not the one it was made with")
    found, ordered = _recount(connection, book)
    if not ordered:  # then a search misses names that are there
        raise _corrupt(where, "the names in its table 'records' are not in order")
    if found != book:
        raise _corrupt(where, f"it holds {found.records} records whose names add up, instead of {book.records}")


def survey(connection: sqlite3.Connection, where: str) -> tuple[Book, int | None]:
    """A book for what can be read where nothing is verified, and the sequence in the table; None where that is damaged."""
    try:
        book = read_book(connection, where)
    except (sqlite3.DatabaseError, StoreCorrupt):
        blank = Book(identity="00" * 16, sequence=0, records=0, keys=0, schema=0)
        return _recount(connection, blank)[0], None
    return _recount(connection, book)[0], book.sequence


def revision_in(row: tuple[object] | None, sequence: int) -> int:
    """The revision that *row* states. A damaged row states none that it could have; then it counts as the last one given."""
    if row is None:
        return ABSENT
    stated = row[0]
    return stated if isinstance(stated, int) and ABSENT < stated <= sequence else sequence


def _recount(connection: sqlite3.Connection, book: Book) -> tuple[Book, bool]:
    """The book as the rows say it should be, never behind the one that is there; and whether they are in order."""
    records = keys = 0
    sequence, ordered, last = book.sequence, True, (b"", b"")
    for space, name, revision in connection.execute("SELECT space, name, revision FROM records"):
        records += 1
        if isinstance(space, bytes) and isinstance(name, bytes):
            keys += crc32(name, crc32(space))
            ordered, last = ordered and last < (space, name), (space, name)
        if isinstance(revision, int):
            sequence = max(sequence, revision)
    return attrs.evolve(book, records=records, keys=keys % _FOLD_LIMIT, sequence=sequence), ordered


def _corrupt(where: str, problem: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"{where}: {problem}. Nothing of it is served. Restore a backup, or save what is left with `trioactors repair`."
    )


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
    """Run what is missing, each in a transaction of its own; `_sqlite_migrations` remembers which ran."""
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

    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded before the first table only
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    migrations.apply(Database(connection))
