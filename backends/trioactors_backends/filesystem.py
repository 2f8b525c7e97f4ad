"""A store in a folder: an append-only log, a snapshot of everything before it, and all records in memory while it is open.

A commit is one frame at the end of the log and one sync. When the log contains more dead data than the limits allow, a snapshot begins a
new generation. If the store was not closed in order, opening writes everything once more as a new generation before any of it is
served: the data that was read may be in the cache of the operating system only.

No name becomes a part of a path: keys are inside the files, and the files are numbered.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from trioactors.environment import Disk, DiskFile, Environment, in_forked_children, refusal
from trioactors.errors import BadStoreURL, StorePoisoned, StoreUnavailable
from trioactors.persistence import (
    SCAN_LIMIT,
    Address,
    Answer,
    Batch,
    Corrupt,
    Creation,
    Durability,
    Found,
    Key,
    Limits,
    Options,
    Record,
    Space,
    Verification,
)
from trioactors_backends.frames import HEADER_BYTES, Header, Kind, pack_frame
from trioactors_backends.generations import log_name, new_identity, start_log, write_generation, write_store
from trioactors_backends.keyspace import Keyspace, entry_of
from trioactors_backends.ownership import Mark, Ownership
from trioactors_backends.recovery import Folder, Recovered, recover
from trioactors_backends.refusals import absent, already_open, deleted, not_open, poisoned, sure

__all__ = ["FilesystemStore"]

_OWNER = "owner"


@attrs.define
class _Open:
    """The state of an open store."""

    environment: Environment
    ownership: Ownership
    header: Header
    keyspace: Keyspace
    log: DiskFile
    last: int
    """The number of the last frame."""

    end: int
    """The offset of the next frame."""

    due: int
    """The length from which the log is too long, in bytes."""

    stale: bool = False
    """Whether the disk may hold less than was read, so that everything must be written again before a commit."""

    poison: StorePoisoned | None = None

    @property
    def disk(self) -> Disk:
        return self.environment.disk


class FilesystemStore:
    """A store in the files of one folder."""

    def __init__(self, folder: str | os.PathLike[str], options: Options | None = None) -> None:
        self._folder = Path(folder).resolve()
        self._options = Options() if options is None else options
        self._state: _Open | None = None
        self._left = False
        in_forked_children(self, FilesystemStore._leave)

    def __repr__(self) -> str:
        state = self._state
        if state is None:
            return f"<FilesystemStore {self._folder} closed>"
        word = "open" if state.poison is None else "poisoned"
        return f"<FilesystemStore {self._folder} {word}: {len(state.keyspace)} records, frame {state.last}>"

    @classmethod
    def from_address(cls, address: Address, limits: Limits) -> FilesystemStore:
        """Make the store of `file:///folder`."""
        if not address.path:
            raise BadStoreURL(address.url, "it names no folder. Write file:///relative/folder or file:////absolute/folder")
        return cls(address.path, address.known_options(limits))

    @property
    def blocking(self) -> bool:
        """Whether a commit waits for the disk: yes, if it is durable."""
        return self._options.durability is Durability.DURABLE

    def open(self, environment: Environment) -> None:
        """Lock the folder, read it, and make the data durable."""
        if self._state is not None:
            raise already_open(self._folder)
        self._look(environment.disk)
        ownership = Ownership.take(environment.disk, self._folder / _OWNER, str(self._folder), environment.process)
        with ExitStack() as undo:
            undo.callback(ownership.release)
            self._state = self._start(environment, ownership)
            self._left = False
            undo.pop_all()

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        """Return the record under each of *keys*."""
        keyspace = self._sound().keyspace
        return [keyspace.read(key) for key in keys]

    def scan(
        self, space: Space, start: str = "", stop: str | None = None, *, limit: int = SCAN_LIMIT, reverse: bool = False
    ) -> Sequence[Found]:
        """Return the records of a space, in order of their names."""
        return self._sound().keyspace.scan(space, start, stop, limit, reverse=reverse)

    def commit(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        """Append one frame with all batches, and sync it."""
        state = self._sound()
        self._check_files(state)
        decision = state.keyspace.decide(batches, self._options.limits)
        if not decision.changes:
            return decision.answers
        if state.stale or state.end >= state.due:
            self._clean_up(state)
        entries = [entry_of(change.key, change.revision, change.data) for change in decision.changes]
        frame = pack_frame(state.last + 1, entries, state.header.identity)
        self._append(state, frame)
        state.last += 1
        state.end += len(frame)
        state.keyspace.apply(entries, decision.sequence)
        if self.blocking:
            state.ownership.acknowledge(Mark(state.header.identity, state.last))
        return decision.answers

    def backup(self, to: Path) -> None:
        """Write a whole store to the folder *to*."""
        state = self._sound()
        write_store(state.environment, to.absolute(), state.keyspace, self._options)

    def close(self) -> None:
        """Sync the log, mark the store as closed in order, and unlock the folder."""
        state, self._state = self._state, None
        if state is None:
            return
        try:
            if state.poison is None and not state.stale:
                self._finish(state)
        finally:
            state.log.close()
            state.ownership.release()

    def _leave(self) -> None:
        """Called in a forked process: the files are the parent's, and nothing is written when they are closed."""
        self._left, self._state = self._left or self._state is not None, None

    def _look(self, disk: Disk) -> Folder:
        """Return the files of the folder; make the folder if it is missing and the options allow it."""
        try:
            if self._options.create is Creation.CREATE:
                disk.make_folder(self._folder)
            names = disk.names(self._folder)
        except (FileExistsError, NotADirectoryError) as error:
            raise StoreUnavailable(
                f"{self._folder} is not a folder. file: needs a folder; for a single file, use sqlite:"
            ) from error
        except OSError as error:
            raise refusal(error, f"{self._folder} cannot be opened as a folder") from error
        folder = Folder.of(names, _OWNER)
        if folder.empty and _OWNER not in names:
            self._check_may_create()
        if folder.empty and folder.foreign:
            raise StoreUnavailable(f"{self._folder} holds other files ({folder.foreign[0]!r}). Choose an empty folder.")
        return folder

    def _check_may_create(self) -> None:
        if self._options.create is Creation.REFUSE:
            raise absent(f"in {self._folder}")

    def _start(self, environment: Environment, ownership: Ownership) -> _Open:
        """Recover the store, or make a new one."""
        disk = environment.disk
        folder = self._look(disk)  # again: the first look was before the lock
        found = recover(folder, lambda name: self._read(disk, name), ownership.mark, str(self._folder), self._options.verify)
        if found is None:
            self._check_may_create()
            return self._create(environment, ownership)
        state = self._resume(environment, ownership, found)
        with ExitStack() as undo:
            undo.callback(lambda: state.log.close())  # noqa: PLW0108 - renewing replaces the log
            if state.stale and self._options.verify is Verification.FULL:
                self._renew(state)
            self._sweep(state)
            undo.pop_all()
        return state

    def _create(self, environment: Environment, ownership: Ownership) -> _Open:
        header = self._header(new_identity(environment), first=1, sequence=0)
        log = start_log(environment.disk, self._folder, header)
        ownership.acknowledge(Mark(header.identity, 0))
        return _Open(environment, ownership, header, Keyspace(), log, 0, HEADER_BYTES, self._due(0))

    def _resume(self, environment: Environment, ownership: Ownership, found: Recovered) -> _Open:
        """Continue with the log that was found. It is stale unless the store was closed in order."""
        log = self._open_file(environment.disk, log_name(found.header.first))
        closed = ownership.mark == Mark(found.header.identity, found.last, clean=True)
        sound = found.tidy and closed and found.header.durability is self._options.durability
        due = self._due(found.keyspace.live_bytes)
        return _Open(environment, ownership, found.header, found.keyspace, log, found.last, found.end, due, stale=not sound)

    def _append(self, state: _Open, frame: bytes) -> None:
        try:
            state.log.write(state.end, frame)
        except OSError as error:
            self._take_back(state)
            raise refusal(error, f"{self._folder}: the commit was not written") from error
        if self.blocking:
            self._sync(state)

    def _take_back(self, state: _Open) -> None:
        """Cut off a frame that was only partly written."""
        try:
            state.log.truncate(state.end)
        except OSError as error:
            state.poison = StorePoisoned(
                f"{self._folder}: a partly written frame cannot be cut off ({error.strerror}). Close the store and open it again."
            )
            raise state.poison from error

    def _sync(self, state: _Open) -> None:
        try:
            with sure(self._folder):
                state.log.sync()
        except StorePoisoned as poison:
            state.poison = poison
            raise

    def _clean_up(self, state: _Open) -> None:
        """Begin a new generation. If there is no room for one, let the old log grow for a while."""
        try:
            self._renew(state)
        except StoreUnavailable:
            if state.stale:
                raise
            state.due = state.end + self._options.limits.slack_bytes
            return
        except StorePoisoned as poison:
            state.poison = poison
            raise
        self._sweep(state)

    def _renew(self, state: _Open) -> None:
        """Write everything as a new generation, and continue with that.

        The names of its files must be new: after a failed sync of the folder, a name can exist and still never become durable. If this
        fails, the next opening must write everything again, so the mark first says that the store is not closed in order.
        """
        if state.ownership.mark is not None and state.ownership.mark.clean:
            state.ownership.acknowledge(attrs.evolve(state.ownership.mark, clean=False))
        first = max(state.last, self._list(state.disk).newest) + 1
        header = self._header(state.header.identity, first, state.keyspace.sequence)
        log = write_generation(state.disk, self._folder, header, state.keyspace)
        state.log.close()
        state.log, state.header, state.last, state.end = log, header, first - 1, HEADER_BYTES
        state.due = self._due(state.keyspace.live_bytes)
        state.stale = False
        state.ownership.acknowledge(Mark(header.identity, state.last))

    def _sweep(self, state: _Open) -> None:
        """Remove the files of earlier generations; those that cannot be removed now are removed later."""
        if state.stale:
            return
        try:
            for name in self._list(state.disk).others(state.header.first):
                state.disk.remove(self._folder / name)
        except (OSError, StoreUnavailable):
            return

    def _finish(self, state: _Open) -> None:
        if not self.blocking:
            self._sync(state)
        state.ownership.acknowledge(Mark(state.header.identity, state.last, clean=True))

    def _list(self, disk: Disk) -> Folder:
        try:
            return Folder.of(disk.names(self._folder), _OWNER)
        except OSError as error:
            raise refusal(error, str(self._folder)) from error

    def _header(self, identity: bytes, first: int, sequence: int) -> Header:
        durability = self._options.durability
        return Header(kind=Kind.LOG, durability=durability, identity=identity, first=first, sequence=sequence)

    def _due(self, live_bytes: int) -> int:
        return HEADER_BYTES + max(self._options.limits.slack_bytes, live_bytes)

    def _read(self, disk: Disk, name: str) -> bytes:
        file = self._open_file(disk, name)
        try:
            return file.read()
        except OSError as error:
            raise refusal(error, f"{self._folder}/{name}") from error
        finally:
            file.close()

    def _open_file(self, disk: Disk, name: str) -> DiskFile:
        try:
            return disk.open(self._folder / name)
        except OSError as error:
            raise refusal(error, f"{self._folder}/{name}") from error

    def _check_files(self, state: _Open) -> None:
        """Raise `StoreUnavailable` if the files were deleted, moved or replaced: no later opening would find a commit."""
        try:
            if state.log.linked and state.ownership.linked:
                return
        except OSError as error:
            raise refusal(error, f"{self._folder} cannot be found") from error
        raise deleted(self._folder)

    def _sound(self) -> _Open:
        """Return the state of the open store. Raises if the store is closed or poisoned."""
        if self._state is None:
            raise not_open(f"the store in {self._folder}", left=self._left)
        if self._state.poison is not None:
            raise poisoned(self._folder) from self._state.poison
        return self._state
