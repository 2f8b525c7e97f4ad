"""A store in one SQLite file, which any SQLite tool can read.

A commit is one transaction in write-ahead mode, synced before it is acknowledged (`durable`) or at the next checkpoint (`relaxed`). The
lock is a separate file beside the database: a lock on the database itself would exclude readers, and would not distinguish two stores in
one process. Data that opening finds in the write-ahead log is moved into the database and synced before it is served, because it may be
in the cache of the operating system only.

`sqlite_schema` has the tables, `sqlite_file` the work on the database as a file, `sqlite_leftovers` the reading of a damaged database.
"""

from __future__ import annotations

import importlib.util
import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import attrs

from trioactors.environment import Environment, in_forked_children, refusal
from trioactors.errors import (
    BackendMissing,
    BadStoreURL,
    StoreConflict,
    StoreCorrupt,
    StoreError,
    StorePoisoned,
    StoreUnavailable,
)
from trioactors.persistence import (
    SCAN_LIMIT,
    Address,
    Answer,
    Batch,
    Change,
    Corrupt,
    Decision,
    Durability,
    Found,
    Key,
    Limits,
    Options,
    Record,
    Space,
    Verification,
    decide,
)
from trioactors_backends.generations import new_identity
from trioactors_backends.ownership import Mark, Ownership
from trioactors_backends.refusals import already_open, not_open, poisoned, sure
from trioactors_backends.sqlite_file import (
    Files,
    check_beginning,
    check_files,
    connect,
    copy_database,
    identity_of,
    in_place,
    lock_of,
    move_log,
    put_away,
    real_files,
    recover_log,
)
from trioactors_backends.sqlite_leftovers import gather, put_back
from trioactors_backends.sqlite_schema import (
    KEEP_BOOK,
    Book,
    counted,
    explain,
    read_book,
    revision_in,
    row_checksum,
    survey,
    verified,
    verify,
)

__all__ = ["SQLiteStore"]

_INSTALL = ("pip", "install", '"sqlite-utils>=4.0"')
_TIDY_EVERY = 1_000
"""The number of commits between two checks of the free pages."""

_REVISION = "SELECT revision FROM records WHERE space = ? AND name = ?"
_READ = "SELECT revision, checksum, data FROM records WHERE space = ? AND name = ?"
_PUT = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)"
_REMOVE = "DELETE FROM records WHERE space = ? AND name = ?"
_SCAN = "SELECT name, revision, checksum, data FROM records WHERE space = ? AND name >= ?"
_SCANS = {
    (stops, reverse): f"{_SCAN}{' AND name < ?' if stops else ''} ORDER BY name{' DESC' if reverse else ''} LIMIT ?"
    for stops in (False, True)
    for reverse in (False, True)
}

_HARMLESS_COMMIT_ERRORS = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR_WRITE})
"""Errors of COMMIT after which the write-ahead log has no complete transaction: nothing was changed."""


@attrs.define
class _Open:
    """The state of an open store."""

    environment: Environment
    connection: sqlite3.Connection
    ownership: Ownership
    book: Book
    written: int | None
    """The sequence in the table; a different one means that something else wrote to the store. None if the table is damaged."""

    files: Files
    identity: object
    """The identity of the open files."""

    looking: bool
    """Whether nothing was verified and nothing written since; if so, the owner's mark is left as it is."""

    commits: int = 0
    poison: StorePoisoned | None = None


class SQLiteStore:
    """A store in a SQLite database."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: Options | None = None,
        *,
        files: Callable[[Environment], Files] = real_files,
    ) -> None:
        if importlib.util.find_spec("sqlite_utils") is None:
            raise BackendMissing(f"sqlite:///{os.fspath(path)}", "sqlite-utils", _INSTALL)
        self._path = Path(path).resolve()
        self._options = Options() if options is None else options
        self._files = files
        self._state: _Open | None = None
        self._left = False
        in_forked_children(self, SQLiteStore._leave)

    def __repr__(self) -> str:
        state = self._state
        if state is None:
            return f"<SQLiteStore {self._path} closed>"
        word = "open" if state.poison is None else "poisoned"
        return f"<SQLiteStore {self._path} {word}: {state.book.records} records, revision {state.book.sequence}>"

    @classmethod
    def from_address(cls, address: Address, limits: Limits) -> SQLiteStore:
        """Make the store of `sqlite:///file.db`."""
        if not address.path or Path(address.path).name == ":memory:":
            raise BadStoreURL(
                address.url,
                "it names no file. Write sqlite:///relative.db or sqlite:////absolute.db; for a store in memory, write memory:",
            )
        return cls(address.path, address.known_options(limits))

    @property
    def blocking(self) -> bool:
        """Whether a commit waits for the disk: yes, if it is durable."""
        return self._options.durability is Durability.DURABLE

    def open(self, environment: Environment) -> None:
        """Lock the database, migrate its schema, move the log into it, and verify it."""
        if self._state is not None:
            raise already_open(self._path)
        files = self._files(environment)
        files.look(self._path, self._options.create)
        ownership = Ownership.take(files.disk, lock_of(self._path), str(self._path), environment.process)
        with ExitStack() as undo:
            undo.callback(ownership.release)
            self._state = self._start(environment, files, ownership)
            self._left = False
            undo.pop_all()

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """Return the record under each of *keys*."""
        state = self._sound()
        found: list[Record | Corrupt | None] = []
        with self._explained():
            for key in keys:
                row = state.connection.execute(_READ, (key.space.value, key.name)).fetchone()
                found.append(None if row is None else verified(key, *row))
        return found

    def scan(
        self, space: Space, start: str = "", stop: str | None = None, *, limit: int = SCAN_LIMIT, reverse: bool = False
    ) -> Sequence[Found]:
        """Return the records of a space, in order of their names."""
        state = self._sound()
        bounds = (space.value, start) if stop is None else (space.value, start, stop)
        with self._explained():
            rows = state.connection.execute(_SCANS[stop is not None, reverse], (*bounds, max(0, limit))).fetchall()
        return [self._found(space, *row) for row in rows]

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Save the batches in one transaction."""
        state = self._sound()
        check_files(state.files, self._path, state.identity)
        self._tidy(state)
        with self._explained():
            state.connection.execute("BEGIN IMMEDIATE")
        try:
            with self._explained():
                decision, book = self._write(state, batches)
            if decision.changes:
                self._commit(state)
        finally:
            self._end_transaction(state)
        if decision.changes:
            state.book, state.written, state.looking = book, book.sequence, False
            if self.blocking:
                state.ownership.acknowledge(_mark(state.book))
        return decision.answers

    def backup(self, to: Path) -> None:
        """Write a complete database to the path *to*."""
        state = self._sound()
        with self._explained():
            copy_database(state.files, state.connection, state.book, new_identity(state.environment).hex(), to.absolute())

    def close(self) -> None:
        """Move the log into the database, close it, and unlock it."""
        state, self._state = self._state, None
        if state is None:
            return
        sound = False
        try:
            sound = state.poison is None and self._finish(state)
        finally:
            moved = not in_place(state.files, self._path, state.identity)  # then a log at the path is that of another store
            put_away(state.files, state.connection, self._path, sound=sound or moved)
            state.ownership.release()

    def _leave(self) -> None:
        """Called in a forked process: the database is the parent's. SQLite must not even close it here."""
        self._left, self._state = self._left or self._state is not None, None

    def _finish(self, state: _Open) -> bool:
        """Move the log into the database. Returns False if there is no room; then the next opening does it."""
        moved = False
        with suppress(StoreUnavailable), self._explained():
            moved = move_log(state.connection)
        if (moved or self.blocking) and not state.looking:
            state.ownership.acknowledge(_mark(state.book, clean=True))
        return moved

    def _start(self, environment: Environment, files: Files, ownership: Ownership) -> _Open:
        try:
            with ExitStack() as undo, self._explained():
                check_beginning(files, self._path, self._options.create, was_open=ownership.mark is not None)
                connection = connect(files, self._path, self._options.limits, new_identity(environment).hex())
                undo.callback(put_away, files, connection, self._path, sound=False)
                state = self._recover(connection, environment, files, ownership)
                undo.pop_all()
                return state
        except OSError as error:
            raise refusal(error, str(self._path)) from error

    def _recover(self, connection: sqlite3.Connection, environment: Environment, files: Files, ownership: Ownership) -> _Open:
        """Make the readable data durable, then verify that it is complete."""
        if not recover_log(files, connection, self._path):
            raise StoreUnavailable(f"{self._path}: another program is reading an older state of it. Stop that program first.")
        with sure(self._path):  # the name of the log: SQLite does not check whether its own sync of the folder succeeds
            files.disk.sync_folder(self._path.parent)
        if self._options.durability is Durability.RELAXED:
            connection.execute("PRAGMA synchronous = NORMAL")
        connection.text_factory = bytes  # a damaged name may not be text
        identity, where = identity_of(files, self._path), str(self._path)
        if self._options.verify is Verification.NONE:
            gather(connection)
            book, written = survey(connection, where)
            return _Open(environment, connection, ownership, book, written, files, identity, looking=True)
        book = read_book(connection, where)
        verify(connection, book, where)
        self._compare(ownership.mark, book)
        ownership.acknowledge(_mark(book))
        return _Open(environment, connection, ownership, book, book.sequence, files, identity, looking=False)

    def _compare(self, mark: Mark | None, book: Book) -> None:
        if mark is not None and mark.identity.hex() == book.identity and mark.number > book.sequence:
            raise StoreCorrupt(
                f"{self._path} ends at revision {book.sequence}, but revision {mark.number} was acknowledged. Its log is damaged, or "
                f"an older copy was put in its place. To use it all the same, remove {lock_of(self._path)}."
            )

    def _write(self, state: _Open, batches: Sequence[Batch]) -> tuple[Decision, Book]:
        if state.written is None:
            raise StoreCorrupt(f"{self._path}: its table 'store' is damaged, so the store can only be read. Restore a backup.")
        before: dict[Key, int] = {}

        def revision(key: Key) -> int:
            if key not in before:
                row = state.connection.execute(_REVISION, (key.space.value, key.name)).fetchone()
                before[key] = revision_in(row, state.book.sequence)
            return before[key]

        decision = decide(batches, limits=self._options.limits, sequence=state.book.sequence, revision=revision)
        last = {change.key: change for change in decision.changes}
        if not last:
            return decision, state.book
        if state.looking:
            put_back(state.connection)
        _store(state.connection, last)
        book = attrs.evolve(counted(state.book, last, before), sequence=decision.sequence)
        if state.connection.execute(KEEP_BOOK, (*book.row(), state.written)).rowcount != 1:
            raise StoreConflict(
                f"{self._path}: another program wrote to this store after revision {state.written}. Nothing was saved. "
                f"Stop that program, then open the store again.",
                expected=state.written,
            )
        return decision, book

    def _commit(self, state: _Open) -> None:
        try:
            state.connection.execute("COMMIT")
        except sqlite3.Error as error:
            code = error.sqlite_errorcode
            if code in _HARMLESS_COMMIT_ERRORS or code & 0xFF in _HARMLESS_COMMIT_ERRORS:
                raise explain(error, str(self._path)) from error
            state.poison = StorePoisoned(f"{self._path}: the commit was not synced ({error}). Close the store and open it again.")
            raise state.poison from error

    def _end_transaction(self, state: _Open) -> None:
        """Roll back a transaction that was not committed."""
        if not state.connection.in_transaction:
            return
        try:
            state.connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            state.poison = StorePoisoned(
                f"{self._path}: a transaction cannot be undone ({error}). Close the store and open it again."
            )
            raise state.poison from error

    def _tidy(self, state: _Open) -> None:
        """Every so many commits, give a bounded number of free pages back to the operating system."""
        state.commits += 1
        if state.commits % _TIDY_EVERY:
            return
        with self._explained():
            (free,) = state.connection.execute("PRAGMA freelist_count").fetchone()
            (size,) = state.connection.execute("PRAGMA page_size").fetchone()
            slack = self._options.limits.slack_bytes // size
            if free > slack:
                # each step of the statement frees a page, and `execute` takes only the first step
                state.connection.executescript(f"PRAGMA incremental_vacuum({min(free - slack, slack + 1):d})")

    def _found(self, space: Space, name: object, revision: object, checksum: object, data: object) -> Found:
        try:
            text = name.decode() if isinstance(name, bytes) else ""
        except UnicodeDecodeError as error:
            raise StoreCorrupt(f"{self._path}: a name in the space {space.value!r} is damaged") from error
        key = Key(space, text)
        return key, verified(key, revision, checksum, data)

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Put around calls of SQLite: its errors are raised as errors of the store."""
        try:
            yield
        except sqlite3.Error as error:
            explained: StoreError = explain(error, str(self._path))
            if isinstance(explained, StorePoisoned) and self._state is not None:
                self._state.poison = explained
            raise explained from error
        except UnicodeDecodeError as error:  # from an error message with a damaged name
            raise StoreCorrupt(f"{self._path} is damaged: {error.object!r}") from error

    def _sound(self) -> _Open:
        """Return the state of the open store. Raises if the store is closed or poisoned."""
        if self._state is None:
            raise not_open(f"the store {self._path}", left=self._left)
        if self._state.poison is not None:
            raise poisoned(self._path) from self._state.poison
        return self._state


def _store(connection: sqlite3.Connection, changes: dict[Key, Change]) -> None:
    put: list[tuple[str, str, int, int, bytes]] = []
    for change in changes.values():
        space, name = change.key.space.value, change.key.name
        if change.data is None:
            connection.execute(_REMOVE, (space, name))
        else:
            put.append((space, name, change.revision, row_checksum(space, name, change.revision, change.data), change.data))
    connection.executemany(_PUT, put)


def _mark(book: Book, *, clean: bool = False) -> Mark:
    return Mark(bytes.fromhex(book.identity), book.sequence, clean)
