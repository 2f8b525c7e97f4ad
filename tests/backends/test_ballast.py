"""The file that holds room for the next snapshot, and a full disk of the operating system."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioactors.environment import Environment
from trioactors.persistence import Batch, Durability, Key, Limits, Options, Record, Space, Verification, Write
from trioactors.testing.contract_records import put, state
from trioactors.testing.disk import SimulatedDisk
from trioactors_backends.ballast import BALLAST, Ballast, room_for
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.generations import snapshot_bytes
from trioactors_backends.keyspace import Keyspace, entry_of

FOLDER = Path("/simulated/store")
LEAST = 64 * 1024
"""The smallest ballast."""


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
        if end > ballast.due:
            before = ballast.size
            ballast.hold(room_for(snapshot_bytes(keyspace)), end)
            resized += ballast.size != before

        assert room_for(snapshot_bytes(keyspace)) <= ballast.size <= max(LEAST, 2 * room_for(snapshot_bytes(keyspace)))
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
    assert 100_000 < small.st_size < 210_000
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
