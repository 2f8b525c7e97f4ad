"""Reading the files of a filesystem store: the committed records, or the reason why they cannot be known.

A log may end in a frame that was never finished; it was never acknowledged either, and is dropped. The same bytes could be a frame that
was acknowledged and damaged later. Three things distinguish the two: the owner's mark (everything up to it was acknowledged), an
undamaged frame after the bad one (frames are synced one by one, so only the last one can be unfinished), and the checksum of the
frame's head (a frame that must be complete and whose keys can be read has damaged records, and is not the end of the log). A log with
relaxed durability has only the mark: without syncs, a power cut can lose frames in the middle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

import attrs

from trioactors.errors import StoreCorrupt
from trioactors.persistence import ABSENT, Durability, Verification
from trioactors_backends.frames import HEADER_BYTES, MOST, Frame, Header, Kind, find_frame, read_frame
from trioactors_backends.generations import log_name, snapshot_name
from trioactors_backends.keyspace import Keyspace
from trioactors_backends.ownership import Mark
from trioactors_backends.refusals import damaged

__all__ = ["Folder", "Recovered", "recover"]

_NAME = re.compile(r"([0-9]{20})\.(log|snapshot)")
_TEMPORARY = re.compile(r"[0-9]{20}\.snapshot\.new")


@attrs.frozen
class Folder:
    """The files in the folder of a store, sorted by their names."""

    logs: frozenset[int]
    snapshots: frozenset[int]
    temporary: tuple[str, ...]
    foreign: tuple[str, ...]
    own: frozenset[str]

    @classmethod
    def of(cls, names: Sequence[str], own: Collection[str]) -> Folder:
        """Sort the names in a folder; *own* are the names of files without records."""
        matches = [match for match in map(_NAME.fullmatch, names) if match]
        kinds = {kind: frozenset(int(m[1]) for m in matches if m[2] == kind) for kind in ("log", "snapshot")}
        rest = [name for name in names if not _NAME.fullmatch(name) and name not in own]
        temporary = tuple(name for name in rest if _TEMPORARY.fullmatch(name))
        foreign = tuple(name for name in rest if name not in temporary)
        return cls(kinds["log"], kinds["snapshot"], temporary, foreign, frozenset(own).intersection(names))

    @property
    def empty(self) -> bool:
        """Whether the folder holds no store yet."""
        return not self.logs and not self.snapshots

    @property
    def newest(self) -> int:
        """The highest number of a file."""
        return max(self.logs | self.snapshots, default=0)

    def others(self, first: int) -> Sequence[str]:
        """The names of the files that are not of the generation *first*."""
        logs = [log_name(n) for n in sorted(self.logs) if n != first]
        return [*logs, *(snapshot_name(n) for n in sorted(self.snapshots) if n != first), *self.temporary]

    def begun(self, first: int) -> Sequence[str]:
        """The names of the files of generations after *first*, which is the newest one with a snapshot."""
        return [*(log_name(n) for n in sorted(self.logs) if n > first), *self.temporary]

    def before(self, first: int) -> Sequence[str]:
        """The names of the files of generations before *first*, in the order in which they are removed."""
        logs = [log_name(n) for n in sorted(self.logs) if n < first]
        return [*logs, *(snapshot_name(n) for n in sorted(self.snapshots) if n < first)]

    def previous(self, first: int) -> int:
        """The number of the last generation before *first*."""
        return max((n for n in self.snapshots if n < first), default=1)


@attrs.frozen
class Recovered:
    """The committed records, and the place where the log continues."""

    header: Header
    keyspace: Keyspace
    last: int
    """The number of the last frame."""

    end: int
    """The offset of the next frame."""

    tidy: bool
    """Whether no frame was dropped or skipped."""


@attrs.frozen
class _Reading:
    where: str
    read: Callable[[str], bytes]
    mark: Mark | None
    verify: Verification

    def corrupt(self, problem: str) -> StoreCorrupt:
        return damaged(self.where, problem)


def recover(folder: Folder, read: Callable[[str], bytes], mark: Mark | None, where: str, verify: Verification) -> Recovered | None:
    """Read the files. Returns None if the store was never completely made. *read* returns the content of a file by its name."""
    reading = _Reading(where, read, mark, verify)
    first = _generation(reading, folder)
    if first is None:
        return None
    log = read(log_name(first))
    if not folder.snapshots and mark is None and len(log) <= HEADER_BYTES and _header_or_none(log, where) is None:
        return None
    header = Header.unpack(log, f"{where}/{log_name(first)}")
    if header.kind is not Kind.LOG or header.first != first:
        raise reading.corrupt(f"{log_name(first)} belongs to another generation")
    if mark is not None and mark.identity != header.identity:
        reading = attrs.evolve(reading, mark=None)  # the mark of another store that was in the folder
    keyspace = Keyspace(sequence=header.sequence)
    whole = _load_snapshot(reading, header, keyspace) if first in folder.snapshots else _follows_nothing(reading, header)
    return _replay(reading, header, keyspace, log, tidy=whole)


def _generation(reading: _Reading, folder: Folder) -> int | None:
    """The newest complete generation; None if there is none yet."""
    if folder.empty and reading.mark is None:
        return None
    numbers = folder.logs | folder.snapshots
    if numbers and not (min(numbers) > 0 and max(numbers) <= MOST):
        raise reading.corrupt("a file has an impossible number")
    first = max(folder.snapshots, default=1)
    if first not in folder.logs:
        if not folder.snapshots and reading.mark is None and _begun_only(reading, folder):
            return None
        raise reading.corrupt(f"{log_name(first)} is missing")
    for later in sorted(folder.logs):
        if later > first and len(reading.read(log_name(later))) > HEADER_BYTES:
            raise reading.corrupt(f"{snapshot_name(later)} is missing")
    return first


def _begun_only(reading: _Reading, folder: Folder) -> bool:
    """Whether nothing was ever committed: the name of the first log was never synced, and the later logs are empty and follow nothing."""
    logs = [(name, reading.read(name)) for name in map(log_name, folder.logs)]
    headers = [_header_or_none(log, f"{reading.where}/{name}") for name, log in logs]
    return all(len(log) <= HEADER_BYTES for _, log in logs) and not any(header and header.sequence for header in headers)


def _header_or_none(log: bytes, where: str) -> Header | None:
    try:
        return Header.unpack(log, where)
    except StoreCorrupt:
        return None


def _follows_nothing(reading: _Reading, log: Header) -> bool:
    """Whether the log is the first one, which has no snapshot. Any other is refused, unless the store is only looked at."""
    if log.sequence and reading.verify is Verification.FULL:
        raise reading.corrupt(f"{snapshot_name(log.first)} is missing")
    return not log.sequence


def _load_snapshot(reading: _Reading, log: Header, keyspace: Keyspace) -> bool:
    """Load the snapshot into *keyspace*. Returns whether it was complete."""
    name = snapshot_name(log.first)
    data = reading.read(name)
    if Header.unpack(data, f"{reading.where}/{name}") != attrs.evolve(log, kind=Kind.SNAPSHOT):
        raise reading.corrupt(f"{name} and {log_name(log.first)} do not belong together")
    offset, number, whole = HEADER_BYTES, 1, True
    while True:
        frame = _frame(reading, data, offset, log.identity, number)
        if frame is None:
            if reading.verify is Verification.NONE:
                return False
            raise reading.corrupt(f"{name} is damaged at byte {offset}")
        if reading.verify is Verification.FULL and (
            _highest(frame) > log.sequence or any(each.data is None for each in frame.entries)
        ):
            raise reading.corrupt(f"{name} has an impossible entry in the frame at byte {offset}")
        keyspace.apply(frame.entries, max(keyspace.sequence, _highest(frame)))
        whole = whole and frame.number == number
        offset, number = frame.end, frame.number + 1
        if not frame.entries:
            return whole


def _replay(reading: _Reading, header: Header, keyspace: Keyspace, log: bytes, *, tidy: bool) -> Recovered:
    """Apply the log to *keyspace*. *tidy* says whether everything before the log was complete."""
    offset, number = HEADER_BYTES, header.first
    while offset < len(log):
        frame = _frame(reading, log, offset, header.identity, number)
        if frame is None or not (frame.whole or _acknowledged(reading, header, log, frame)):
            _check_is_end(reading, header, log, offset, number, found=frame)
            tidy = False
            break
        tidy = tidy and frame.whole and frame.number == number
        sequence = keyspace.sequence + len(frame.entries)
        if reading.verify is Verification.FULL and _highest(frame) > sequence:
            raise reading.corrupt(f"{log_name(header.first)} has an impossible revision in the frame at byte {offset}")
        keyspace.apply(frame.entries, max(sequence, _highest(frame)))  # it is higher if frames before this one could not be read
        offset, number = frame.end, frame.number + 1
    if reading.verify is Verification.FULL and reading.mark is not None and reading.mark.number >= number:
        raise reading.corrupt(
            f"{log_name(header.first)} ends at frame {number - 1}, but frame {reading.mark.number} was acknowledged"
        )
    return Recovered(header, keyspace, number - 1, offset, tidy)


def _highest(frame: Frame) -> int:
    return max((entry.revision for entry in frame.entries), default=ABSENT)


def _frame(reading: _Reading, data: bytes, offset: int, identity: bytes, number: int) -> Frame | None:
    """The frame with this number at *offset*, or else None. Without verification, the next frame that can be read."""
    try:
        frame = read_frame(data, offset, identity)
    except StoreCorrupt as error:
        if reading.verify is Verification.FULL:
            raise reading.corrupt(f"in the frame at byte {offset}, {error}") from error
        frame = None
    if frame is not None and frame.number == number:
        return frame
    if reading.verify is Verification.NONE:
        return find_frame(data, offset, identity, number)
    return None


def _acknowledged(reading: _Reading, header: Header, log: bytes, frame: Frame) -> bool:
    """Whether a frame with missing or damaged data was acknowledged."""
    if reading.mark is not None and frame.number <= reading.mark.number:
        return True
    if header.durability is Durability.RELAXED:
        return False
    return find_frame(log, frame.end, header.identity, frame.number + 1) is not None


def _check_is_end(reading: _Reading, header: Header, log: bytes, offset: int, number: int, *, found: Frame | None) -> None:
    """Refuse the store unless the bytes at *offset* can be a frame that was never finished; *found* is that frame if its head is there.

    A frame with another number in this very place means that the one between was cut out. No power cut does that, it only leaves gaps.
    """
    if reading.verify is Verification.NONE:
        return
    later = read_frame(log, offset, header.identity) if found is None else None
    if later is None and header.durability is Durability.DURABLE:
        later = find_frame(log, offset + 1, header.identity, number if found is None else number + 1)
    if later is not None:
        raise reading.corrupt(
            f"{log_name(header.first)} is damaged at byte {offset}: frame {later.number} follows frame {number - 1}"
        )
