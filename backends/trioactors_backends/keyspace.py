"""An ordered keyspace in memory, from which the memory store and the filesystem store serve.

Every record is kept with the checksum with which it was written, and is verified whenever it is read.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

import attrs

from trioactors.persistence import ABSENT, Batch, Corrupt, Decision, Found, Key, Limits, Record, Space, decide

__all__ = ["Entry", "Keyspace", "entry_of"]


@attrs.frozen
class Entry:
    """One change of one key. `data` is None if the key was removed; `checksum` is that of the data when it was written."""

    key: Key
    revision: int
    data: bytes | None = attrs.field(repr=False)
    checksum: int


def entry_of(key: Key, revision: int, data: bytes | None) -> Entry:
    """Make the entry of undamaged data."""
    return Entry(key, revision, data, 0 if data is None else crc32(data))


@attrs.define
class _Shelf:
    """The records of one space, by name. `names` is sorted."""

    entries: dict[str, Entry] = attrs.field(factory=dict[str, Entry])
    names: list[str] = attrs.field(factory=list[str])
    wide: int = 0
    """The bytes of all names, minus their characters."""

    def put(self, entry: Entry) -> None:
        name = entry.key.name
        if name not in self.entries:
            insort(self.names, name)
            self.wide += len(name.encode()) - len(name)
        self.entries[name] = entry

    def remove(self, name: str) -> None:
        if self.entries.pop(name, None) is not None:
            del self.names[bisect_left(self.names, name)]
            self.wide -= len(name.encode()) - len(name)

    def between(self, start: str, stop: str | None, limit: int, *, reverse: bool) -> Sequence[str]:
        low = bisect_left(self.names, start)
        high = len(self.names) if stop is None else max(low, bisect_left(self.names, stop))
        if reverse:
            return self.names[max(low, high - limit) : high][::-1]
        return self.names[low : min(high, low + limit)]


@attrs.define
class Keyspace:
    """Records by key, and the last revision that was assigned."""

    sequence: int = 0
    live_bytes: int = 0
    _shelves: dict[Space, _Shelf] = attrs.field(factory=lambda: {space: _Shelf() for space in Space}, repr=False)

    def __len__(self) -> int:
        return sum(len(shelf.names) for shelf in self._shelves.values())

    def revision(self, key: Key) -> int:
        """The revision of the key; `ABSENT` if it has no record."""
        entry = self._shelves[key.space].entries.get(key.name)
        return ABSENT if entry is None else entry.revision

    def read(self, key: Key) -> Record | Corrupt | None:
        """The record under the key."""
        entry = self._shelves[key.space].entries.get(key.name)
        return None if entry is None else _verified(entry)

    def scan(self, space: Space, start: str, stop: str | None, limit: int, *, reverse: bool) -> Sequence[Found]:
        """The records of a space; see `Store.scan`."""
        shelf = self._shelves[space]
        names = shelf.between(start, stop, max(0, limit), reverse=reverse)
        return [(entry.key, _verified(entry)) for entry in map(shelf.entries.__getitem__, names)]

    def decide(self, batches: Sequence[Batch], limits: Limits) -> Decision:
        """Decide what a commit of the batches changes."""
        return decide(batches, limits=limits, sequence=self.sequence, revision=self.revision)

    def apply(self, entries: Iterable[Entry], sequence: int) -> None:
        """Make the changes. *sequence* becomes the last revision."""
        for entry in entries:
            shelf = self._shelves[entry.key.space]
            self.live_bytes += _weight(entry) - _weight(shelf.entries.get(entry.key.name))
            if entry.data is None:
                shelf.remove(entry.key.name)
            else:
                shelf.put(entry)
        self.sequence = sequence

    def stored_after(self, changes: Iterable[Entry]) -> tuple[int, int]:
        """The bytes of all data and names as they are stored, and the number of records, if the *changes* were applied."""
        data, count = self.live_bytes + sum(shelf.wide for shelf in self._shelves.values()), len(self)
        for key, entry in {entry.key: entry for entry in changes}.items():
            old = self._shelves[key.space].entries.get(key.name)
            data += _stored(entry) - _stored(old)
            count += (entry.data is not None) - (old is not None)
        return data, count

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, space by space, in order of names."""
        for shelf in self._shelves.values():
            for name in shelf.names:
                yield shelf.entries[name]


def _weight(entry: Entry | None) -> int:
    return 0 if entry is None or entry.data is None else len(entry.data) + len(entry.key.name)


def _stored(entry: Entry | None) -> int:
    return 0 if entry is None or entry.data is None else len(entry.data) + len(entry.key.name.encode())


def _verified(entry: Entry) -> Record | Corrupt:
    data = entry.data or b""
    if crc32(data) == entry.checksum:
        return Record(data, entry.revision)
    return Corrupt(entry.key, "its checksum does not match its data", data)
