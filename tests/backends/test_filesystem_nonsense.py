"""The files of a filesystem store with frames missing, and with nonsense under right checksums: refused, never a raw error."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import pytest

from trioactors.environment import Environment
from trioactors.errors import NewerSchema, StoreCorrupt, StoreError
from trioactors.persistence import Durability, Options, Record, Space, Verification
from trioactors.testing.contract_records import put, remove
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.frames import HEADER_BYTES, Header, read_frame

HEADER = struct.Struct(">8sHBB16sQQ")
PREFIX = struct.Struct(">4sQIQ")
ENTRY = struct.Struct(">BBQIII")
NUMBERS = (0, 1, 2, 3, 7, 255, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
"""The values that fields are given, as far as they have room for them."""

WRITTEN = {"another": b"", "a": b"1", **{f"key-{number}": b"%d" % number for number in range(5)}}
"""Everything that any test here writes."""


def frames_of(log: bytes) -> Sequence[bytes]:
    identity, offset, frames = Header.unpack(log, "").identity, HEADER_BYTES, list[bytes]()
    while (frame := read_frame(log, offset, identity)) is not None:
        frames.append(log[offset : frame.end])
        offset = frame.end
    assert offset == len(log)
    return frames


def killed(path: Path, durability: Durability) -> Path:
    """The log of a store that was killed after five commits, and whose mark is lost."""
    store = FilesystemStore(path, Options(durability=durability))
    store.open(Environment())
    for number in range(5):
        store.commit([put(f"key-{number}", b"%d" % number)])
    [log] = path.glob("*.log")
    content = log.read_bytes()
    store.close()
    (path / "owner").unlink()
    log.write_bytes(content)
    return log


@pytest.mark.parametrize("durability", Durability)
def test_frames_that_are_missing_twice_or_out_of_order_are_refused(path: Path, durability: Durability) -> None:
    """Whatever is done with whole frames: what is served is a beginning of what was written."""
    log = killed(path, durability)
    header, frames = log.read_bytes()[:HEADER_BYTES], frames_of(log.read_bytes())
    orders = [order for length in range(6) for order in itertools.permutations(range(5), length)]
    for order in (*orders, (0, 1, 1, 2), (0, 1, 1), (0, 0)):
        log.write_bytes(header + b"".join(frames[number] for number in order))
        store = FilesystemStore(path, Options(durability=durability))
        if order == tuple(range(len(order))):
            store.open(Environment())
            assert len(store.scan(Space.STATE)) == len(order)
            store.close()
            for file in path.iterdir():
                file.unlink()
            continue
        with pytest.raises(StoreCorrupt):
            store.open(Environment())
        (path / "owner").unlink()


def test_a_gap_in_a_log_of_relaxed_durability_ends_it(path: Path) -> None:
    """A power cut can take a frame from the middle; the others stay at their places."""
    log = killed(path, Durability.RELAXED)
    header, frames = log.read_bytes()[:HEADER_BYTES], frames_of(log.read_bytes())
    log.write_bytes(b"".join((header, *frames[:2], bytes(len(frames[2])), *frames[3:])))

    store = FilesystemStore(path, Options(durability=Durability.RELAXED))
    store.open(Environment())

    assert len(store.scan(Space.STATE)) == 2
    store.close()


def _values(field: str) -> Iterator[int]:
    room = {"B": 8, "H": 16, "I": 32, "Q": 64}[field]
    return (number for number in NUMBERS if number < 1 << room)


def forged_headers(data: bytes) -> Iterator[bytes]:
    """Files with one field of the header changed, and the right checksum."""
    known = HEADER.unpack_from(data)
    for at, field in ((1, "H"), (2, "B"), (3, "B"), (5, "Q"), (6, "Q")):
        for value in _values(field):
            body = HEADER.pack(*known[:at], value, *known[at + 1 :])
            yield body + struct.pack(">I", crc32(body)) + data[HEADER_BYTES:]


def forged_frame(frame: bytes, identity: bytes, **changes: int | bytes) -> bytes:
    """A frame of one entry with these fields changed, and the right checksum."""
    magic, number, _, body_bytes = PREFIX.unpack_from(frame)
    begin = PREFIX.size + 4
    entry = dict(
        zip(("space", "fate", "revision", "name_bytes", "data_bytes", "checksum"), ENTRY.unpack_from(frame, begin), strict=True)
    )
    name: bytes = frame[begin + ENTRY.size : begin + ENTRY.size + entry["name_bytes"]]
    fields = {"number": number, "body_bytes": body_bytes, "name": name, "tail": b"", **entry, **changes}
    packed = ENTRY.pack(*(fields[key] for key in entry)) + fields["name"] + fields["tail"]
    prefix = PREFIX.pack(magic, fields["number"], len(packed), fields["body_bytes"])
    checksum = crc32(packed, crc32(prefix, crc32(identity)))
    return prefix + struct.pack(">I", checksum) + packed + frame[len(frame) - body_bytes :]


def forged_frames(frame: bytes, identity: bytes) -> Iterator[bytes]:
    fields = {"number": "Q", "body_bytes": "Q", "space": "B", "fate": "B", "revision": "Q", "name_bytes": "I", "data_bytes": "I"}
    for field, size in fields.items():
        for value in _values(size):
            yield forged_frame(frame, identity, **{field: value})
    yield forged_frame(frame, identity, name=b"\xff\xfe\xfd\xfc\xfb")
    yield from (forged_frame(frame, identity, tail=bytes(length)) for length in (1, ENTRY.size - 1, ENTRY.size))


def served(path: Path, verify: Verification) -> dict[str, bytes] | None:
    """What the store serves; None if it refuses. The store is left as it is found."""
    before = {file: file.read_bytes() for file in path.iterdir()}
    store = FilesystemStore(path, Options(verify=verify))
    try:
        store.open(Environment())
        store.commit([put("another", b"")])
        return {key.name: record.data for key, record in store.scan(Space.STATE) if isinstance(record, Record)}
    except StoreError:
        return None
    finally:
        store.close()
        for file in path.iterdir():
            file.unlink()
        for file, content in before.items():
            file.write_bytes(content)


@pytest.fixture(params=["log", "snapshot"])
def file(request: pytest.FixtureRequest, path: Path) -> Path:
    """A file of a store that holds both kinds."""
    log = killed(path, Durability.DURABLE)
    store = FilesystemStore(path)
    store.open(Environment())  # begins a new generation
    store.commit([put("a", b"1")])
    store.commit([remove("key-0")])
    store.close()
    (path / "owner").unlink()
    assert not log.exists()
    [found] = path.glob(f"*.{request.param}")
    return found


def test_nonsense_under_right_checksums_is_refused(file: Path, path: Path) -> None:
    original = file.read_bytes()
    identity, [first, *rest] = Header.unpack(original, "").identity, frames_of(original)
    forged = [*forged_headers(original)]
    if file.suffix == ".log":
        forged += [original[:HEADER_BYTES] + frame + b"".join(rest) for frame in forged_frames(first, identity)]
    for content in forged:
        file.write_bytes(content)
        found = served(path, Verification.FULL)
        assert found is None or found.items() <= WRITTEN.items(), content
        served(path, Verification.NONE)


def test_any_bytes_are_refused_or_what_was_written(file: Path, path: Path) -> None:
    """Bytes changed, cut out, doubled and put in anywhere, from seeds."""
    original = file.read_bytes()
    for seed in range(300):
        dice = random.Random(seed)
        content = bytearray(original)
        for _ in range(dice.randint(1, 4)):
            at, length = dice.randrange(len(content) + 1), dice.randint(0, 60)
            content[at : at + dice.choice((0, length))] = dice.choice(
                (b"", dice.randbytes(length), original[at : at + length], bytes(length))
            )
        file.write_bytes(content)
        with suppress(StoreCorrupt, NewerSchema):
            found = served(path, Verification.FULL)
            assert found is None or found.items() <= WRITTEN.items(), seed
        served(path, Verification.NONE)


@pytest.mark.parametrize(
    "name", ["0" * 20, "9" * 20, f"{2**63:020d}", "\u0660" * 19 + "\u0661", "0" * 19 + "x", "-" + "0" * 18 + "1"]
)
@pytest.mark.parametrize("kind", ["log", "snapshot"])
def test_a_file_name_with_an_impossible_number_is_no_raw_error(path: Path, name: str, kind: str) -> None:
    log = killed(path, Durability.DURABLE)
    (path / f"{name}.{kind}").write_bytes(log.read_bytes()[:HEADER_BYTES])
    found = served(path, Verification.FULL)
    assert found is None or set(found) == {"another", *(f"key-{number}" for number in range(5))}

    log.unlink()
    assert served(path, Verification.FULL) is None
