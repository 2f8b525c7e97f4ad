"""The file format of a filesystem store: headers and frames, as pure functions. docs/stores.md describes the format.

A file is a header followed by frames. A frame holds one commit: a head with all keys, revisions and lengths, and a body with the data.
The head has its own checksum, and so has each record. Damage in the data of a record affects only this record; damage in a head hides
which records were written, so the whole store is refused. Checksums include the identity of the store: the bytes of another store's
log, saved as a record in this one, are not taken for a frame.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from zlib import crc32

import attrs

from trioactors.errors import NewerSchema, StoreCorrupt
from trioactors.persistence import ABSENT, Durability, Key, Space
from trioactors_backends.keyspace import Entry

__all__ = [
    "ENTRY_BYTES",
    "FORMAT",
    "FRAME_BYTES",
    "HEADER_BYTES",
    "MOST",
    "Frame",
    "Header",
    "Kind",
    "find_frame",
    "pack_frame",
    "read_frame",
]

FORMAT = 1
"""The newest format that this version writes and reads."""

MOST = (1 << 62) - 1
"""The highest number of a frame, and the highest revision. No store gets there; a higher one is damage."""

_HEADER = struct.Struct(">8sHBB16sQQ")
_MAGIC = b"TRIOFILE"
_CHECKSUM = struct.Struct(">I")
HEADER_BYTES = _HEADER.size + _CHECKSUM.size
"""The length of a header."""

_FRAME = struct.Struct(">4sQIQ")  # magic, number, bytes of the head's entries, bytes of the body
_FRAME_MAGIC = b"\xf5\x9dTA"
_PREFIX_BYTES = _FRAME.size + _CHECKSUM.size
FRAME_BYTES = _PREFIX_BYTES
"""The length of a frame without entries."""

_ENTRY = struct.Struct(">BBQIII")  # space, fate, revision, bytes of the name, bytes of the data, checksum of the data
ENTRY_BYTES = _ENTRY.size
"""The length of an entry without its name and its data."""

_KEPT, _REMOVED = 0, 1

_CODES = {
    Space.STATE: 1,
    Space.EVENT: 2,
    Space.SNAPSHOT: 3,
    Space.OUTBOX: 4,
    Space.INBOX: 5,
    Space.TIMER: 6,
    Space.DEAD_LETTER: 7,
    Space.QUARANTINE: 8,
    Space.META: 9,
}
_SPACES = {code: space for space, code in _CODES.items()}
_DURABILITIES = (Durability.DURABLE, Durability.RELAXED)


class Kind(enum.IntEnum):
    """The kind of a file."""

    LOG = 1
    SNAPSHOT = 2


@attrs.frozen(kw_only=True)
class Header:
    """The header of a file."""

    kind: Kind
    durability: Durability
    identity: bytes
    """Sixteen bytes that identify the store."""

    first: int
    """The generation: the number of the first frame of its log."""

    sequence: int
    """The last revision before that frame."""

    def pack(self) -> bytes:
        """Return the header as bytes."""
        body = _HEADER.pack(
            _MAGIC, FORMAT, self.kind, _DURABILITIES.index(self.durability), self.identity, self.first, self.sequence
        )
        return body + _CHECKSUM.pack(crc32(body))

    @classmethod
    def unpack(cls, data: bytes, where: str) -> Header:
        """Read the header at the start of *data*; *where* names the file in errors."""
        body = data[: _HEADER.size]
        if not body.startswith(_MAGIC):
            raise StoreCorrupt(f"{where} does not begin like a file of a trioactors store")
        if len(data) >= HEADER_BYTES and int.from_bytes(body[8:10], "big") > FORMAT:
            raise NewerSchema(where, int.from_bytes(body[8:10], "big"), FORMAT)
        if data[_HEADER.size : HEADER_BYTES] != _CHECKSUM.pack(crc32(body)):
            raise StoreCorrupt(f"{where} has a damaged header")
        code: int
        _, version, kind, code, identity, first, sequence = _HEADER.unpack(body)
        if version != FORMAT or kind not in tuple(Kind) or code >= len(_DURABILITIES):
            raise StoreCorrupt(f"{where} has a header that no version writes: format {version}, kind {kind}, durability {code}")
        if not (0 < first <= MOST and sequence <= MOST):
            raise StoreCorrupt(f"{where} has a header with impossible numbers: {first}, {sequence}")
        return cls(kind=Kind(kind), durability=_DURABILITIES[code], identity=identity, first=first, sequence=sequence)


@attrs.frozen
class Frame:
    """A frame that was read."""

    number: int
    entries: Sequence[Entry]
    end: int
    """The offset of the next frame."""

    whole: bool
    """Whether all of its data is there and undamaged."""


def pack_frame(number: int, entries: Iterable[Entry], identity: bytes) -> bytes:
    """Return a frame as bytes."""
    head: list[bytes] = []
    body: list[bytes] = []
    for entry in entries:
        name = entry.key.name.encode()
        data = entry.data or b""
        fate = _REMOVED if entry.data is None else _KEPT
        head.append(_ENTRY.pack(_CODES[entry.key.space], fate, entry.revision, len(name), len(data), entry.checksum))
        head.append(name)
        body.append(data)
    heads, bodies = b"".join(head), b"".join(body)
    prefix = _FRAME.pack(_FRAME_MAGIC, number, len(heads), len(bodies))
    return b"".join((prefix, _CHECKSUM.pack(_head_checksum(prefix, heads, identity)), heads, bodies))


def read_frame(data: bytes, offset: int, identity: bytes) -> Frame | None:
    """Return the frame at *offset*, or None if there is no undamaged head. Raises `StoreCorrupt` if an undamaged head is nonsense."""
    prefix = data[offset : offset + _FRAME.size]
    if len(prefix) < _FRAME.size or not prefix.startswith(_FRAME_MAGIC):
        return None
    _, number, head_bytes, body_bytes = _FRAME.unpack(prefix)
    begin = offset + _PREFIX_BYTES
    heads = data[begin : begin + head_bytes]
    stated = data[offset + _FRAME.size : begin]
    if len(heads) < head_bytes or stated != _CHECKSUM.pack(_head_checksum(prefix, heads, identity)):
        return None
    if not 0 < number <= MOST:
        raise StoreCorrupt(f"the number {number} is impossible")
    body = data[begin + head_bytes : begin + head_bytes + body_bytes]
    entries = _entries(heads, body, body_bytes)
    whole = len(body) == body_bytes and all(crc32(entry.data or b"") == entry.checksum for entry in entries)
    return Frame(number, entries, begin + head_bytes + body_bytes, whole)


def find_frame(data: bytes, offset: int, identity: bytes, number: int) -> Frame | None:
    """Return the first frame at or after *offset* with at least this number."""
    at = data.find(_FRAME_MAGIC, offset)
    while at >= 0:
        with suppress(StoreCorrupt):
            frame = read_frame(data, at, identity)
            if frame is not None and frame.number >= number:
                return frame
        at = data.find(_FRAME_MAGIC, at + 1)
    return None


def _head_checksum(prefix: bytes, heads: bytes, identity: bytes) -> int:
    return crc32(heads, crc32(prefix, crc32(identity)))


def _entries(heads: bytes, body: bytes, body_bytes: int) -> Sequence[Entry]:
    """Read the head of a frame whose checksum is right. Raises `StoreCorrupt` if no version wrote it."""
    entries: list[Entry] = []
    at = begin = 0
    try:
        while at < len(heads):
            code, fate, revision, name_bytes, data_bytes, checksum = _ENTRY.unpack_from(heads, at)
            at += _ENTRY.size
            key = Key(_SPACES[code], heads[at : at + name_bytes].decode())
            at += name_bytes
            data = body[begin : begin + data_bytes] if fate == _KEPT else None
            begin += data_bytes
            if not _possible(fate, revision, data_bytes):
                raise StoreCorrupt(f"an entry is nonsense: fate {fate}, revision {revision}, {data_bytes} bytes of data")
            entries.append(Entry(key, revision, data, checksum))
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise StoreCorrupt(f"an entry is nonsense: {error}") from error
    if at != len(heads) or begin != body_bytes:
        raise StoreCorrupt("its entries are longer or shorter than it states")
    return entries


def _possible(fate: int, revision: int, data_bytes: int) -> bool:
    """Whether an entry can have these values: a kept record has a revision, and a removed one has neither revision nor data."""
    if fate == _KEPT:
        return ABSENT < revision <= MOST
    return fate == _REMOVED and revision == ABSENT and data_bytes == 0
