"""A store in a folder: an append-only log, a snapshot of everything before it, and all records in memory while it is open.

A commit is one frame at the end of the log and one sync. When the log contains more dead data than the limits allow, or there is no room
for a frame, a snapshot begins a new generation. If the store was not closed in order, opening writes everything once more as a new
generation before any of it is served: the data that was read may be in the cache of the operating system only.

No name becomes a part of a path: keys are inside the files, and the files are numbered.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from trioactors.environment import Disk, DiskFile, Environment, in_forked_children, refusal
from trioactors.errors import BadStoreURL, StoreFull, StorePoisoned, StoreUnavailable
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
from trioactors_backends.ballast import BALLAST, Ballast, discard, no_room_to_open, not_written, room_for, settle
from trioactors_backends.frames import HEADER_BYTES, Header, Kind
from trioactors_backends.generations import log_name, new_identity, snapshot_bytes, start_log, write_generation, write_store
from trioactors_backends.keyspace import Entry, Keyspace, entry_of
from trioactors_backends.opened import Opened
from trioactors_backends.ownership import Mark, Ownership
from trioactors_backends.recovery import Folder, Recovered, recover
from trioactors_backends.refusals import absent, already_open, deleted, not_open, poisoned
from trioactors_backends.room import Sizes, Step, left_by, next_step

__all__ = ["FilesystemStore"]

_OWNER = "owner"
_OWN = (_OWNER, BALLAST)


class FilesystemStore:
    """A store in the files of one folder."""

    def __init__(self, folder: str | os.PathLike[str], options: Options | None = None) -> None:
        self._folder = Path(folder).resolve()
        self._options = Options() if options is None else options
        self._state: Opened | None = None
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
        size = self._append(state, entries)
        state.last += 1
        state.end += size
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
        folder = Folder.of(names, _OWN)
        if folder.empty and _OWNER not in names:
            self._check_may_create()
        if folder.empty and folder.foreign:
            raise StoreUnavailable(f"{self._folder} holds other files ({folder.foreign[0]!r}). Choose an empty folder.")
        return folder

    def _check_may_create(self) -> None:
        if self._options.create is Creation.REFUSE:
            raise absent(f"in {self._folder}")

    def _start(self, environment: Environment, ownership: Ownership) -> Opened:
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
            renewed = state.stale and self._options.verify is Verification.FULL
            if renewed:
                self._renew_in_opening(state, folder)
            self._sweep(state)
            if renewed and BALLAST in folder.own:
                state.hold_ballast()
            undo.pop_all()
        return state

    def _create(self, environment: Environment, ownership: Ownership) -> Opened:
        header = self._header(new_identity(environment), first=1, sequence=0)
        log = start_log(environment.disk, self._folder, header)
        ownership.acknowledge(Mark(header.identity, 0))
        return Opened(
            environment,
            self._folder,
            ownership,
            header,
            Keyspace(),
            log,
            last=0,
            end=HEADER_BYTES,
            due=self._due(0),
            ballast=Ballast(environment.disk, self._folder),
        )

    def _resume(self, environment: Environment, ownership: Ownership, found: Recovered) -> Opened:
        """Continue with the log that was found. It is stale unless the store was closed in order."""
        log = self._open_file(environment.disk, log_name(found.header.first))
        closed = ownership.mark == Mark(found.header.identity, found.last, clean=True)
        sound = found.tidy and closed and found.header.durability is self._options.durability
        due, ballast = self._due(found.keyspace.live_bytes), Ballast(environment.disk, self._folder)
        return Opened(
            environment,
            self._folder,
            ownership,
            found.header,
            found.keyspace,
            log,
            last=found.last,
            end=found.end,
            due=due,
            ballast=ballast,
            stale=not sound,
        )

    def _append(self, state: Opened, entries: Sequence[Entry]) -> int:
        """Append a frame and sync it. Returns its length."""
        frame = state.frame(entries)
        if state.end + len(frame) > state.ballast.due:
            state.ballast.look(room_for(snapshot_bytes(state.keyspace)), state.end)
        if state.end + len(frame) > state.ballast.due or state.write(frame) is not None:
            frame = self._find_room(state, entries, frame)
        if self.blocking:
            state.sync()
        return len(frame)

    def _find_room(self, state: Opened, entries: Sequence[Entry], frame: bytes) -> bytes:
        """Write *frame* as the rules of `room` allow, on a disk that may be full. Returns it as it was written."""
        if state.littered:
            self._sweep(state)
        refused: OSError | None = None
        tried: set[Step] = set()
        while True:
            sizes = self._hold(state, entries, frame) if Step.WRITE not in tried else state.sizes(entries, frame)
            step = next_step(sizes, tried)
            tried.add(step)
            if step is Step.REFUSE:
                state.ballast.due = 0
                error = refused or state.ballast.refused
                raise not_written(error, self._folder, state.keyspace, sizes) from error
            if step is Step.CLEAN_UP:
                if self._clean_up(state):
                    frame, tried = state.frame(entries), {Step.CLEAN_UP}
            elif step is Step.WRITE or state.ballast.cut(left_by(step, sizes)):
                refused = state.write(frame)
                if refused is None:
                    return frame

    def _hold(self, state: Opened, entries: Sequence[Entry], frame: bytes) -> Sizes:
        """Hold the room that must be left after the commit."""
        sizes = state.sizes(entries, frame)
        state.ballast.hold(room_for(sizes.after), state.end + len(frame), sizes)
        return attrs.evolve(sizes, held=state.ballast.held)

    def _clean_up(self, state: Opened) -> bool:
        """Begin a new generation, and return True. If that is impossible now, let the old log grow for a while."""
        try:
            self._renew(state)
        except StoreUnavailable:
            state.hold_ballast()
            if state.stale:
                raise
            state.due = state.end + self._options.limits.slack_bytes
            return False
        except StorePoisoned as poison:
            state.poison = poison
            raise
        self._sweep(state)
        state.hold_ballast()
        return True

    def _renew_in_opening(self, state: Opened, files: Folder) -> None:
        """Renew. If there is no room, remove what an earlier process left behind in *files*, and try once more."""
        try:
            try:
                self._renew(state)
            except StoreFull:
                if not files.others(state.header.first):
                    raise
                settle(state.disk, self._folder, self._list(state.disk), state.header.first, used=state.log.size > HEADER_BYTES)
                self._renew(state)
        except StoreFull as full:
            state.hold_ballast()
            raise no_room_to_open(self._folder, state.keyspace, full) from full

    def _renew(self, state: Opened) -> None:
        """Write everything as a new generation, and continue with that.

        The names of its files must be new: after a failed sync of the folder, a name can exist and still never become durable. If this
        fails, the next opening must write everything again, so the mark first says that the store is not closed in order.
        """
        files = self._list(state.disk)
        if BALLAST in files.own:
            state.ballast.release()
        mark = state.ownership.mark
        if mark is not None and mark.clean and (error := state.ownership.acknowledge(attrs.evolve(mark, clean=False))) is not None:
            raise refusal(error, f"{self._folder}/{_OWNER} cannot be written")
        first = max(state.last, files.newest) + 1
        header = self._header(state.header.identity, first, state.keyspace.sequence)
        try:
            log = write_generation(state.disk, self._folder, header, state.keyspace)
        except StoreFull:
            state.littered = True
            discard(state.disk, self._folder, self._list(state.disk), state.header.first)
            raise
        state.log.close()
        state.log, state.header, state.last, state.end = log, header, first - 1, HEADER_BYTES
        state.due = self._due(state.keyspace.live_bytes)
        state.stale = False
        state.ownership.acknowledge(Mark(header.identity, state.last))

    def _sweep(self, state: Opened) -> None:
        """Remove the files of earlier generations; those that cannot be removed now are removed later."""
        if state.stale:
            return
        state.littered = True
        try:
            for name in self._list(state.disk).others(state.header.first):
                state.disk.remove(self._folder / name)
        except (OSError, StoreUnavailable):
            return
        state.littered = False

    def _finish(self, state: Opened) -> None:
        if not self.blocking:
            state.sync()
        state.ownership.acknowledge(Mark(state.header.identity, state.last, clean=True))

    def _list(self, disk: Disk) -> Folder:
        try:
            return Folder.of(disk.names(self._folder), _OWN)
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

    def _check_files(self, state: Opened) -> None:
        """Raise `StoreUnavailable` if the files were deleted, moved or replaced: no later opening would find a commit."""
        try:
            if state.log.linked and state.ownership.linked:
                return
        except OSError as error:
            raise refusal(error, f"{self._folder} cannot be found") from error
        raise deleted(self._folder)

    def _sound(self) -> Opened:
        """Return the state of the open store. Raises if the store is closed or poisoned."""
        if self._state is None:
            raise not_open(f"the store in {self._folder}", left=self._left)
        if self._state.poison is not None:
            raise poisoned(self._folder) from self._state.poison
        return self._state
