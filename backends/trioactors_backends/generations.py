"""Writing the files of a filesystem store. A generation is a snapshot of all records and the log of the commits after it.

The order of the steps makes this safe. The new log exists and is synced before the new snapshot gets its name; the snapshot is synced
before it gets its name; and the old generation is removed only after that name is synced. A power cut at any point leaves one whole
generation, and at most an empty log or a temporary file of the next.

Where there is no room for a new generation, its temporary file and its empty log are removed again, and the old one goes on (`ballast`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import attrs

from trioactors.environment import Disk, DiskFile, Environment, refusal
from trioactors.errors import StoreUnavailable
from trioactors.persistence import Options
from trioactors_backends.frames import ENTRY_BYTES, FRAME_BYTES, HEADER_BYTES, Header, Kind, pack_frame
from trioactors_backends.keyspace import Entry, Keyspace
from trioactors_backends.refusals import sure

__all__ = ["log_name", "new_identity", "snapshot_bytes", "snapshot_name", "start_log", "write_generation", "write_store"]

_CHUNK_BYTES = 1024 * 1024
"""The amount of data in one frame of a snapshot, in bytes."""

_CHUNK_ENTRIES = _CHUNK_BYTES // 256
"""The most entries in one frame of a snapshot."""


def log_name(first: int) -> str:
    """The file name of the log whose first frame has this number."""
    return f"{first:020d}.log"


def snapshot_name(first: int) -> str:
    """The file name of the snapshot of everything before the frame with this number."""
    return f"{first:020d}.snapshot"


def snapshot_bytes(keyspace: Keyspace, changes: Iterable[Entry] = ()) -> int:
    """The length of a snapshot of *keyspace* after the *changes*, or a little more."""
    data, count = keyspace.stored_after(changes)
    frames = data // _CHUNK_BYTES + count // _CHUNK_ENTRIES + 2  # the last two: entries that fill no frame, and the empty frame
    return 2 * HEADER_BYTES + data + count * ENTRY_BYTES + frames * FRAME_BYTES


def new_identity(environment: Environment) -> bytes:
    """Sixteen bytes that identify a new store."""
    return hashlib.blake2b(environment.new_id().encode(), digest_size=16).digest()


def write_generation(disk: Disk, folder: Path, header: Header, keyspace: Keyspace) -> DiskFile:
    """Write the snapshot and the log of a new generation, whose log has this *header*. Returns the open log."""
    log = start_log(disk, folder, header)
    with ExitStack() as undo:
        undo.callback(log.close)
        _write_snapshot(disk, folder, attrs.evolve(header, kind=Kind.SNAPSHOT), keyspace)
        undo.pop_all()
    return log


def start_log(disk: Disk, folder: Path, header: Header) -> DiskFile:
    """Write an empty log and make its name durable. Returns the open log."""
    name = log_name(header.first)
    log = _write_new(disk, folder / name, [header.pack()])
    with ExitStack() as undo:
        undo.callback(log.close)
        with sure(folder):
            disk.sync_folder(folder)
        undo.pop_all()
    return log


def write_store(environment: Environment, folder: Path, keyspace: Keyspace, options: Options) -> None:
    """Write a new store with everything in *keyspace* to *folder*."""
    disk = environment.disk
    try:
        disk.make_folder(folder)
        present = disk.names(folder)
    except OSError as error:
        raise refusal(error, f"backup to {folder}") from error
    if present:
        raise StoreUnavailable(f"backup to {folder}: the folder is not empty. Choose a new one.")
    header = Header(
        kind=Kind.LOG,
        durability=options.durability,
        identity=new_identity(environment),
        first=1,
        sequence=keyspace.sequence,
    )
    with ExitStack() as undo:
        undo.callback(_empty, disk, folder)  # what is left of a backup that failed would refuse the next one
        write_generation(disk, folder, header, keyspace).close()
        undo.pop_all()


def _empty(disk: Disk, folder: Path) -> None:
    """Remove all files from the folder, as far as possible."""
    with suppress(OSError):
        for name in disk.names(folder):
            disk.remove(folder / name)


def _write_snapshot(disk: Disk, folder: Path, header: Header, keyspace: Keyspace) -> None:
    path = folder / snapshot_name(header.first)
    part = path.with_name(path.name + ".new")
    _write_new(disk, part, _snapshot(header, keyspace.entries())).close()
    with sure(folder):
        disk.rename(part, path)
        disk.sync_folder(folder)


def _write_new(disk: Disk, path: Path, parts: Iterable[bytes]) -> DiskFile:
    """Write a file from its start and sync it; earlier content is cut off. Returns the open file."""
    try:
        file = disk.open(path)
    except OSError as error:
        raise refusal(error, str(path)) from error
    with ExitStack() as undo:
        undo.callback(file.close)
        _fill(file, path, parts)
        with sure(path):
            file.sync()
        undo.pop_all()
    return file


def _fill(file: DiskFile, path: Path, parts: Iterable[bytes]) -> None:
    offset = 0
    try:
        file.truncate(0)
        for part in parts:
            file.write(offset, part)
            offset += len(part)
    except OSError as error:
        raise refusal(error, str(path)) from error


def _snapshot(header: Header, entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the parts of a snapshot. The last frame is empty; without it, the file is not complete."""
    yield header.pack()
    number = 1
    chunk: list[Entry] = []
    size = 0
    for entry in entries:
        chunk.append(entry)
        size += len(entry.data or b"")
        if size >= _CHUNK_BYTES or len(chunk) >= _CHUNK_ENTRIES:
            yield pack_frame(number, chunk, header.identity)
            number, chunk, size = number + 1, [], 0
    if chunk:
        yield pack_frame(number, chunk, header.identity)
        number += 1
    yield pack_frame(number, (), header.identity)
