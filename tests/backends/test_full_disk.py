"""The filesystem store on a full disk: it cleans up before it refuses a commit, and a crash at any moment leaves a store that opens.

The simulated disk has a capacity here, so that it fills up by itself.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioactors.environment import Environment
from trioactors.errors import Outcome, StoreError, StoreFull, StorePoisoned
from trioactors.persistence import Batch, Committed, Durability, Key, Limits, Options, Record, Space, Store, Verification, Write
from trioactors.testing.contract_faults import FaultContract
from trioactors.testing.contract_records import put, remove, state
from trioactors.testing.disk import Keep, PowerCut, SimulatedDisk
from trioactors.testing.faults import TestedDisk
from trioactors_backends.ballast import BALLAST, Ballast, room_for
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.generations import snapshot_bytes
from trioactors_backends.keyspace import Keyspace, entry_of

FOLDER = Path("/simulated/store")
KIB = 1024
LEAST = 64 * KIB
"""The smallest ballast."""

SIZE = 4 * KIB
"""The size of a record below; there are three of them."""

SMALL = LEAST + 7 * SIZE
"""A capacity for the ballast, the records, and a few commits: cleaning up is needed all the time."""

Contents = dict[str, bytes]


def opened(disk: SimulatedDisk, options: Options | None = None) -> FilesystemStore:
    store = FilesystemStore(FOLDER, options)
    store.open(Environment(disk=disk))
    return store


def data_of(number: int, size: int = SIZE) -> bytes:
    return (b"%d." % number * size)[:size]


def names(disk: SimulatedDisk, end: str) -> list[str]:
    return [name for name in disk.names(FOLDER) if name.endswith(end)]


def room(disk: SimulatedDisk) -> int:
    assert disk.capacity is not None
    return disk.capacity - sum(len(disk.contents(FOLDER / name)) for name in disk.names(FOLDER))


def overwrite(store: FilesystemStore, commits: int, keys: int = 3, size: int = SIZE) -> None:
    for number in range(commits):
        store.commit([put(f"key-{number % keys}", data_of(number, size), expected=None)])


def test_it_cleans_up_before_it_says_that_the_disk_is_full() -> None:
    disk = SimulatedDisk(capacity=SMALL)
    store = opened(disk)

    overwrite(store, 100)

    assert [record.data for _, record in store.scan(Space.STATE)] == [data_of(99), data_of(97), data_of(98)]
    store.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG], ids=["full", "quota", "size of files"])
def test_a_quota_is_a_full_disk(code: int) -> None:
    disk = SimulatedDisk(capacity=SMALL)
    store = opened(disk)
    overwrite(store, 2)
    disk.power.failures[disk.operations + 1] = code

    store.commit([put("key-0", b"saved", expected=None)])

    assert len(names(disk, ".snapshot")) == 1
    assert store.read([state("key-0")]) == [Record(b"saved", 2)]
    store.close()


@settings(deadline=None, max_examples=40)
@given(
    keys=st.integers(1, 5),
    size=st.sampled_from([1, 50, 3_000, 40_000, 200_000]),
    slack=st.sampled_from([600, 100_000, 8 * KIB * KIB]),
    reopening=st.integers(5, 60),
)
def test_with_four_times_its_data_and_some_slack_it_is_never_full(keys: int, size: int, slack: int, reopening: int) -> None:
    """Each record is overwritten again and again, and the process is killed now and then."""
    live = keys * (size + 10)
    disk = SimulatedDisk(capacity=4 * live + 2 * LEAST)
    options = Options(limits=Limits(slack_bytes=slack))
    store = opened(disk, options)
    for number in range(100):
        data = bytes([number]) * size
        [answer] = store.commit([put(f"key-{number % keys}", data, expected=None)])
        assert isinstance(answer, Committed)
        if number % reopening == reopening - 1:
            disk.kill()
            store = opened(disk, options)
        assert [record.data for record in store.read([state(f"key-{number % keys}")]) if isinstance(record, Record)] == [data]
    store.close()


def test_a_store_that_is_full_of_live_data_says_so_and_goes_on_when_some_are_removed() -> None:
    disk = SimulatedDisk(capacity=SMALL)
    store = opened(disk)
    with pytest.raises(StoreFull) as caught:
        overwrite(store, 100, keys=100)
    store.commit([put("rest", bytes(room(disk) - 60))])
    assert room(disk) < 50  # not even a removal fits
    for key, _ in store.scan(Space.STATE, "key"):
        store.commit([remove(key.name)])
    overwrite(store, 100)

    assert caught.value.outcome is Outcome.FAILED
    assert "no room (No space left on device). Make room, then try again." in str(caught.value)
    store.close()


def test_a_refused_commit_tries_nothing_that_cannot_help() -> None:
    disk = SimulatedDisk(capacity=4 * SIZE)
    store = opened(disk)
    with pytest.raises(StoreFull):
        overwrite(store, 100, keys=100)
    before = disk.operations

    with pytest.raises(StoreFull):
        store.commit([put("more", data_of(0), expected=None)])

    assert disk.operations - before == 8  # the write, three times for a ballast; each is cut off again
    assert len(disk.names(FOLDER)) == 3
    store.close()


def test_after_a_clean_up_there_is_nothing_to_clean_up() -> None:
    disk = SimulatedDisk(capacity=SMALL)
    store = opened(disk)
    overwrite(store, 10)

    with pytest.raises(StoreFull, match="bytes of data are alive, and there is nothing to clean up"):
        store.commit([put("large", bytes(SMALL))])

    overwrite(store, 10)
    store.close()


def test_without_ballast_the_error_says_how_much_a_clean_up_needs() -> None:
    disk = SimulatedDisk(capacity=4 * SIZE)
    store = opened(disk)

    with pytest.raises(
        StoreFull, match=rf"{3 * (SIZE + 5):,} bytes of data are alive, and a clean-up needs 28,\d\d\d bytes of room"
    ):
        overwrite(store, 100)

    assert disk.contents(FOLDER / BALLAST) == b""
    disk.capacity = SMALL
    overwrite(store, 100)
    store.close()


def test_a_clean_up_without_room_leaves_nothing_behind_and_the_log_goes_on() -> None:
    disk = SimulatedDisk(capacity=LEAST)
    store = opened(disk, Options(limits=Limits(slack_bytes=SIZE)))
    store.commit([put("a", data_of(1, 40 * KIB))])

    store.commit([put("b", data_of(2))])

    assert [name for name in disk.names(FOLDER) if name not in (BALLAST, "owner")] == ["00000000000000000001.log"]
    with pytest.raises(StoreFull):
        overwrite(store, 20, keys=20)
    store.close()
    assert opened(disk).read([state("b")]) == [Record(data_of(2), 2)]


# Crashes: at each operation of a life on a disk that is full most of the time.


@attrs.define
class Diary:
    """The contents that the store may have, after its answers so far."""

    possible: list[Contents] = attrs.field(factory=lambda: [{}])

    def kept(self, name: str, data: bytes) -> None:
        self.possible = [{**contents, name: data} for contents in self.possible]

    def maybe(self, name: str, data: bytes) -> None:
        self.possible += [{**contents, name: data} for contents in self.possible]


def live(disk: SimulatedDisk, diary: Diary) -> None:
    """Open, overwrite records until everything was cleaned up twice, be killed; open again and close in order."""
    for commits in (14, 4):
        store = opened(disk)
        for number in range(commits):
            name, data = f"key-{number % 3}", data_of(commits * 10 + number)
            try:
                store.commit([put(name, data, expected=None)])
            except (PowerCut, StorePoisoned):
                diary.maybe(name, data)
                raise
            except StoreError:
                continue
            diary.kept(name, data)
        if commits == 4:
            store.close()
        disk.kill()


def contents(disk: SimulatedDisk) -> Contents:
    """What the next opening finds. The store must also take commits."""
    store = opened(disk)
    found = {key.name: record.data for key, record in store.scan(Space.STATE) if isinstance(record, Record)}
    overwrite(store, 10)
    store.close()
    return found


def operations() -> int:
    disk = SimulatedDisk(capacity=SMALL)
    live(disk, Diary())
    return disk.operations


COUNT = operations()


def test_the_life_cleans_up_only_because_there_is_no_room() -> None:
    disk, roomy = SimulatedDisk(capacity=SMALL), SimulatedDisk(capacity=10 * SMALL)
    for each in (disk, roomy):
        overwrite(opened(each), 14)

    assert names(disk, ".snapshot")
    assert not names(roomy, ".snapshot")


@pytest.mark.parametrize("keep", Keep)
@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_a_power_cut_on_a_full_disk_takes_nothing_that_was_acknowledged(at: int, keep: Keep) -> None:
    disk, diary = SimulatedDisk(seed=at, cut_at=at, capacity=SMALL), Diary()
    with suppress(PowerCut):
        live(disk, diary)

    disk.power_cut(keep)

    assert contents(disk) in diary.possible


@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_killed_anywhere_on_a_full_disk_it_opens_and_everything_is_there(at: int) -> None:
    disk, diary = SimulatedDisk(seed=at, cut_at=at, capacity=SMALL), Diary()
    with suppress(PowerCut):
        live(disk, diary)

    disk.kill()

    assert contents(disk) in diary.possible


@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_killed_anywhere_and_cut_anywhere_in_the_opening_after_it(at: int) -> None:
    later = 0
    while True:
        later += 1
        disk, diary = SimulatedDisk(seed=at + later, cut_at=at, capacity=SMALL), Diary()
        with suppress(PowerCut):
            live(disk, diary)
        disk.kill()
        disk.power.cut_at = disk.operations + later
        cut = False
        try:
            opened(disk)
        except PowerCut:
            cut = True
        disk.power_cut(Keep.ANYTHING)

        assert contents(disk) in diary.possible
        if not cut:
            return


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_a_failure_anywhere_on_a_full_disk_and_a_power_cut_after_it(at: int, code: int) -> None:
    for keep in Keep:
        disk, diary = SimulatedDisk(seed=at, failures={at: code}, capacity=SMALL), Diary()
        with suppress(StoreError):
            live(disk, diary)

        disk.power_cut(keep)

        assert contents(disk) in diary.possible


class OnASmallDisk(FilesystemStore):
    """A store whose disk has little room."""

    def open(self, environment: Environment) -> None:
        cast("TestedDisk", environment.disk).capacity = LEAST + 13 * KIB
        super().open(environment)


class TestFilesystemUnderFaultsOnASmallDisk(FaultContract):
    def make(self, path: Path) -> Store:
        return OnASmallDisk(path)


# The ballast.


@pytest.mark.parametrize(
    ("count", "size"), [(0, 0), (1, 0), (3, 100), (5_000, 3), (9, 1_000_000)], ids=["none", "empty", "few", "many", "large"]
)
@pytest.mark.parametrize("name", ["key", "\U0001f600" * 30], ids=["narrow", "wide"])
def test_the_length_of_a_snapshot_is_known_before_it_is_written(tmp_path: Path, count: int, size: int, name: str) -> None:
    keyspace = Keyspace()
    keys = [Key(Space.STATE, f"{name}{number}") for number in range(count)]
    keyspace.apply([entry_of(key, 1, b"gone") for key in (*keys, Key(Space.META, name))], count + 1)
    keyspace.apply([*(entry_of(key, 2, bytes(size)) for key in keys), entry_of(Key(Space.META, name), 0, None)], count + 2)
    store = FilesystemStore(tmp_path / "store")
    store.open(Environment())
    store.commit([Batch(tuple(Write(key, bytes(size), expected=None) for key in keys))])

    store.backup(tmp_path / "copy")

    [snapshot] = (tmp_path / "copy").glob("*.snapshot")
    assert 0 <= snapshot_bytes(keyspace) - snapshot.stat().st_size < 300
    store.close()


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=200))
def test_the_ballast_is_seldom_resized_and_always_enough(sizes: list[int]) -> None:
    """New records of these sizes: after each commit, what is held is what a new generation needs."""
    disk, keyspace, end = SimulatedDisk(capacity=10_000_000), Keyspace(), 48
    disk.make_folder(FOLDER)
    ballast = Ballast(disk, FOLDER)
    resized = 0
    for number, size in enumerate(sizes):
        keyspace.apply([entry_of(state(f"{number}"), number + 1, bytes(size))], number + 1)
        end += size + 60
        if end >= ballast.due:
            before = ballast.size
            assert ballast.hold(keyspace, end)
            resized += ballast.size != before

        assert room_for(keyspace) <= ballast.size <= max(LEAST, 2 * room_for(keyspace))
    assert ballast.size == len(disk.contents(FOLDER / BALLAST))
    assert resized <= 1 + max(0, math.log(ballast.size / LEAST, 4 / 3))


def test_the_ballast_shrinks_with_the_data(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path, Options(limits=Limits(slack_bytes=100_000)))
    store.open(Environment())
    store.commit([put("a", bytes(1_000_000))])
    large = (tmp_path / BALLAST).stat()

    for number in range(30):
        store.commit([put("a", b"%d" % number * 50_000, expected=None)])

    small = (tmp_path / BALLAST).stat()
    assert large.st_size > 1_000_000
    assert large.st_blocks * 512 >= large.st_size
    assert 100_000 < small.st_size < 200_000
    store.close()


def a_file_of_another_program(path: Path) -> None:
    path.write_bytes(b"precious")


def a_link(path: Path) -> None:
    target = path.parent.with_name("elsewhere")
    target.write_bytes(b"")
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def a_part_of_it(path: Path) -> None:
    path.write_bytes(bytes(1_000))


def one_that_is_too_large(path: Path) -> None:
    path.write_bytes(bytes(1_000_000))


def one_with_holes(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.touch()
    os.truncate(path, LEAST)


@pytest.mark.parametrize(
    "arrange", [a_file_of_another_program, a_link, a_folder, a_part_of_it, one_that_is_too_large, one_with_holes, Path.unlink]
)
@pytest.mark.parametrize("end", ["closed", "killed"])
def test_whatever_is_in_place_of_the_ballast_hinders_nothing(tmp_path: Path, end: str, arrange: Callable[[Path], None]) -> None:
    store = FilesystemStore(tmp_path / "store")
    store.open(Environment())
    store.commit([put("a", b"1")])
    place = tmp_path / "copy"
    shutil.copytree(tmp_path / "store", place)  # as a process that was killed leaves it
    store.close()
    if end == "closed":
        place = tmp_path / "store"
    arrange(place / BALLAST)
    foreign = arrange in (a_file_of_another_program, a_link, a_folder)
    before = (place / BALLAST).lstat().st_mode if foreign else 0

    reopened = FilesystemStore(place)
    reopened.open(Environment())

    reopened.commit([put("a", b"2", expected=None)])
    assert reopened.read([state("a")]) == [Record(b"2", 2)]
    reopened.close()
    if foreign:
        assert (place / BALLAST).lstat().st_mode == before
        assert arrange is not a_file_of_another_program or (place / BALLAST).read_bytes() == b"precious"
    else:
        status = (place / BALLAST).stat()
        assert (status.st_size, status.st_blocks * 512 >= LEAST) == (LEAST, True)


def test_a_folder_with_nothing_but_ballast_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / BALLAST).write_bytes(bytes(LEAST))
    store = FilesystemStore(tmp_path)

    store.open(Environment())

    store.close()


@pytest.mark.parametrize("verify", Verification)
def test_looking_at_a_store_makes_no_ballast(tmp_path: Path, verify: Verification) -> None:
    store = FilesystemStore(tmp_path)
    store.open(Environment())
    store.commit([put("a", b"1")])
    store.close()
    (tmp_path / BALLAST).unlink()
    looking = FilesystemStore(tmp_path, Options(verify=verify))

    looking.open(Environment())
    looking.scan(Space.STATE)
    looking.close()

    assert not (tmp_path / BALLAST).exists()


def test_a_backup_has_no_ballast(tmp_path: Path) -> None:
    store = FilesystemStore(tmp_path / "store")
    store.open(Environment())
    store.commit([put("a", b"1")])

    store.backup(tmp_path / "copy")

    assert (tmp_path / "store" / BALLAST).exists()
    assert not (tmp_path / "copy" / BALLAST).exists()
    store.close()


# The operating system itself.

PROGRAM = dedent(
    """
    import os, resource, sys
    from pathlib import Path
    from trioactors.environment import Environment
    from trioactors.errors import StoreFull
    from trioactors.persistence import Batch, Durability, Key, Options, Space, Write
    from trioactors_backends.filesystem import FilesystemStore

    place, limit, durability = Path(sys.argv[1]), int(sys.argv[2]), Durability(sys.argv[3])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))

    def write(store, number):
        store.commit([Batch((Write(Key(Space.STATE, f"key-{number % 4}"), os.urandom(50_000), expected=None),))])

    for opening in range(3):
        store = FilesystemStore(place, Options(durability=durability))
        store.open(Environment())
        for number in range(100):
            write(store, number)
        if opening:
            store.close()
        else:  # as if killed: not closed in order
            store._state.log.close()
            store._state.ownership.release()
            store._state = None
    store.open(Environment())
    try:
        for number in range(1_000):
            store.commit([Batch((Write(Key(Space.STATE, f"more-{number}"), os.urandom(50_000), expected=None),))])
    except StoreFull as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    for gone in range(number if not limit else 0):
        store.commit([Batch((Write(Key(Space.STATE, f"more-{gone}"), None, expected=None),))])
    for other in range(100):
        write(store, other)
    store.close()
    store.open(Environment())
    print(len(store.scan(Space.STATE)), number)
    """
)


@pytest.mark.parametrize("durability", [each.value for each in Durability])
def test_a_limit_of_the_size_of_a_file_is_one_for_the_live_data_only(tmp_path: Path, durability: str) -> None:
    """300 commits of 50 kB into files of 1 MB at most."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "store"), "1000000", durability], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    refusal, figures = run.stdout.splitlines()
    assert "no room (File too large)" in refusal
    records, more = map(int, figures.split())
    assert records == 4 + more
    assert 8 < more < 40


def small_file_system(place: Path) -> list[str]:
    """The beginning of a command that runs the rest in a namespace of its own, with a file system of 2 MB at *place*."""
    mount = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(place)]


@pytest.mark.parametrize("durability", [each.value for each in Durability])
def test_on_a_file_system_of_two_megabytes(tmp_path: Path, durability: str) -> None:
    """15 MB are written to it, of which 200 kB are alive."""
    place = tmp_path / "small"
    place.mkdir()
    inside = small_file_system(place)
    if shutil.which("unshare") is None or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a file system in a namespace of its own")

    run = subprocess.run(
        [*inside, sys.executable, "-c", PROGRAM, str(place / "store"), "0", durability], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    refusal, figures = run.stdout.splitlines()
    assert "no room (No space left on device)" in refusal
    records, more = map(int, figures.split())
    assert records == 4  # the others were removed, when there was no room for more
    assert more > 5
