"""The filesystem store keeps the contract of stores."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from shared.stores import damage
from trioactors.environment import Environment
from trioactors.errors import StoreCorrupt, StoreUnavailable
from trioactors.persistence import Committed, Corrupt, Creation, Durability, Limits, Options, Record, Space, Store, Verification
from trioactors.testing.contract_records import put, state
from trioactors.testing.disk import SimulatedDisk
from trioactors.testing.stores import StoreContract
from trioactors_backends.ballast import BALLAST
from trioactors_backends.filesystem import FilesystemStore


class TestFilesystemStore(StoreContract):
    def make(self, path: Path) -> Store:
        return FilesystemStore(path)


class TestRelaxedFilesystemStore(StoreContract):
    def make(self, path: Path) -> Store:
        return FilesystemStore(path, Options(durability=Durability.RELAXED))


def opened(folder: Path, environment: Environment, options: Options | None = None) -> FilesystemStore:
    store = FilesystemStore(folder, options)
    store.open(environment)
    return store


def the_log(folder: Path) -> Path:
    [log] = folder.glob("*.log")
    return log


def test_a_damaged_record_is_named_and_the_others_are_served(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("sound", b"fine"), put("hurt", b"precious")])
    store.close()
    damage(the_log(tmp_path), b"precious")

    store.open(environment)

    [sound, hurt] = store.read([state("sound"), state("hurt")])
    assert sound == Record(b"fine", 1)
    assert isinstance(hurt, Corrupt)
    assert hurt.key == state("hurt")
    assert hurt.data == b"trecious"
    store.close()


def test_a_damaged_record_stays_damaged_in_the_next_generation(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("hurt", b"precious")])
    store.close()
    damage(the_log(tmp_path), b"precious")

    for _ in range(2):
        store.open(environment)
        assert isinstance(store.read([state("hurt")])[0], Corrupt)
        store.close()


def test_a_damaged_record_can_be_replaced(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("hurt", b"precious")])
    store.close()
    damage(the_log(tmp_path), b"precious")
    store.open(environment)

    store.commit([put("hurt", b"mended", expected=None)])

    assert store.read([state("hurt")]) == [Record(b"mended", 2)]
    store.close()


def test_a_damaged_name_stops_the_store(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("unmistakable", b"1")])
    store.commit([put("other", b"2")])
    store.close()
    damage(the_log(tmp_path), b"unmistakable")

    with pytest.raises(StoreCorrupt, match=r"is damaged at byte 48: frame 2 follows"):
        store.open(environment)


def test_an_acknowledged_end_that_cannot_be_read_stops_the_store(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("first", b"1")])
    store.commit([put("unmistakable", b"2")])
    store.close()
    damage(the_log(tmp_path), b"unmistakable")

    with pytest.raises(StoreCorrupt, match="ends at frame 1, but frame 2 was acknowledged"):
        store.open(environment)


def test_unverified_it_shows_what_is_left(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    for name in ("first", "unmistakable", "last"):
        store.commit([put(name, b"data")])
    store.close()
    damage(the_log(tmp_path), b"unmistakable")

    left = opened(tmp_path, environment, Options(verify=Verification.NONE))

    assert [key.name for key, _ in left.scan(Space.STATE)] == ["first", "last"]
    left.close()
    with pytest.raises(StoreCorrupt):
        store.open(environment)


def test_unverified_a_commit_makes_it_sound_again(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    for name in ("first", "second", "last"):
        store.commit([put(name, b"data")])
    store.close()
    damage(the_log(tmp_path), b"second")
    left = opened(tmp_path, environment, Options(verify=Verification.NONE))
    left.commit([put("repaired", b"")])
    left.close()

    store.open(environment)

    assert [key.name for key, _ in store.scan(Space.STATE)] == ["first", "last", "repaired"]
    store.close()


def test_an_unfinished_frame_is_dropped(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("a", b"1")])
    store.close()
    log = the_log(tmp_path)
    log.write_bytes(log.read_bytes() + b"\xf5\x9dTA\0\0\0")

    store.open(environment)

    assert store.scan(Space.STATE) == [(state("a"), Record(b"1", 1))]
    assert list(store.commit([put("b", b"2")]))
    store.close()
    store.open(environment)
    store.close()


def test_an_older_copy_of_the_log_is_refused(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("a", b"1")])
    older = the_log(tmp_path).read_bytes()
    store.commit([put("a", b"2", expected=1)])
    store.close()
    the_log(tmp_path).write_bytes(older)

    with pytest.raises(StoreCorrupt, match="acknowledged"):
        store.open(environment)


def test_a_missing_log_is_refused(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("a", b"1")])
    store.close()
    the_log(tmp_path).unlink()

    with pytest.raises(StoreCorrupt, match="is missing"):
        store.open(environment)


def test_a_missing_snapshot_is_refused(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment, Options(limits=Limits(slack_bytes=100)))
    for number in range(20):
        store.commit([put("a", b"%d" % number * 20, expected=None)])
    store.close()
    [snapshot] = tmp_path.glob("*.snapshot")
    snapshot.unlink()

    with pytest.raises(StoreCorrupt, match="is missing"):
        store.open(environment)


@pytest.mark.parametrize("cut", [0, 20, 48, 100, -1])
def test_a_cut_snapshot_is_refused(tmp_path: Path, environment: Environment, cut: int) -> None:
    store = opened(tmp_path, environment, Options(limits=Limits(slack_bytes=100)))
    for number in range(20):
        store.commit([put("a", b"%d" % number * 20, expected=None)])
    store.close()
    [snapshot] = tmp_path.glob("*.snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:cut])

    with pytest.raises(StoreCorrupt):
        store.open(environment)


def test_unverified_a_commit_replaces_a_damaged_snapshot(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment, Options(limits=Limits(slack_bytes=100)))
    for number in range(20):
        store.commit([put(f"key-{number % 3}", b"%d" % number * 20, expected=None)])
    store.close()
    [snapshot] = tmp_path.glob("*.snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:100])
    left = opened(tmp_path, environment, Options(verify=Verification.NONE))
    kept = [key.name for key, _ in left.scan(Space.STATE)]
    left.commit([put("repaired", b"")])
    left.close()

    store.open(environment)

    assert [key.name for key, _ in store.scan(Space.STATE)] == [*kept, "repaired"]
    store.close()


def test_what_was_never_finished_being_made_is_no_store(tmp_path: Path, environment: Environment) -> None:
    torn = tmp_path / "00000000000000000001.log"
    torn.write_bytes(b"TRIOFILE")

    with pytest.raises(StoreUnavailable, match="there is no store"):
        opened(tmp_path, environment, Options(create=Creation.REFUSE))

    assert torn.read_bytes() == b"TRIOFILE"


def test_files_of_two_stores_do_not_mix(tmp_path: Path, environment: Environment) -> None:
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        store = opened(folder, environment, Options(limits=Limits(slack_bytes=100)))
        for number in range(20):
            store.commit([put("a", b"%d" % number * 20, expected=None)])
        store.close()
    [snapshot] = folders[0].glob("*.snapshot")
    (folders[1] / snapshot.name).write_bytes(snapshot.read_bytes())

    with pytest.raises(StoreCorrupt, match="do not belong together"):
        opened(folders[1], environment)


def test_its_folder_does_not_grow_with_time(tmp_path: Path, environment: Environment) -> None:
    limits = Limits(slack_bytes=10_000)
    store = opened(tmp_path, environment, Options(durability=Durability.RELAXED, limits=limits))
    sizes: list[int] = []
    for number in range(2_000):
        store.commit([put(f"key-{number % 5}", b"x" * 100, expected=None)])
        if number % 50 == 0:
            sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir() if file.name != BALLAST))
    store.close()

    assert max(sizes) < 3 * limits.slack_bytes
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / BALLAST).stat().st_size == 64 * 1024


def test_without_room_for_a_snapshot_the_log_goes_on() -> None:
    disk = SimulatedDisk()
    folder = Path("/simulated/store")
    store = opened(folder, Environment(disk=disk), Options(limits=Limits(slack_bytes=100)))
    store.commit([put("a", b"x" * 100)])
    disk.power.failures[disk.operations + 1] = errno.ENOSPC  # the new log cannot be made

    [answer] = store.commit([put("a", b"y" * 100, expected=1)])

    assert answer == Committed((2,))
    assert not [name for name in disk.names(folder) if name.endswith(".snapshot")]
    store.commit([put("a", b"z" * 100, expected=2)])
    store.close()
    assert [name for name in disk.names(folder) if name.endswith(".snapshot")]


def test_a_name_can_look_like_a_frame(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path, environment)
    store.commit([put("a", b"1")])
    frame = the_log(tmp_path).read_bytes()
    store.commit([put("copy", frame + b"\xf5\x9dTA" + frame)])
    store.close()
    log = the_log(tmp_path)
    log.write_bytes(log.read_bytes() + frame[48:70])

    store.open(environment)

    assert [key.name for key, _ in store.scan(Space.STATE)] == ["a", "copy"]
    store.close()


def test_files_are_for_their_owner_only(tmp_path: Path, environment: Environment) -> None:
    opened(tmp_path / "new" / "store", environment).close()

    for file in (tmp_path / "new").rglob("*"):
        assert file.stat().st_mode & 0o077 == 0


def test_a_link_in_place_of_a_file_is_not_followed(tmp_path: Path, environment: Environment) -> None:
    store = opened(tmp_path / "store", environment)
    store.close()
    log = the_log(tmp_path / "store")
    log.rename(tmp_path / "elsewhere")
    log.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreUnavailable):
        store.open(environment)


@pytest.mark.parametrize("before", Durability)
def test_durability_can_change_between_openings(tmp_path: Path, environment: Environment, before: Durability) -> None:
    [after] = set(Durability) - {before}
    store = opened(tmp_path, environment, Options(durability=before))
    store.commit([put("a", b"1")])
    store.close()

    changed = opened(tmp_path, environment, Options(durability=after))

    assert changed.read([state("a")]) == [Record(b"1", 1)]
    assert changed.blocking == (after is Durability.DURABLE)
    changed.close()
