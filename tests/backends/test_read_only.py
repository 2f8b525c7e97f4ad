"""Files that were read-only and are writable again open again, whatever was tried meanwhile.

Root may write everything, so these tests give that privilege up for as long as they last.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from trioactors.environment import Environment, RealDisk
from trioactors.errors import StoreError, StoreUnavailable
from trioactors.persistence import Durability, Options, Record, Store
from trioactors.testing.contract_records import put, state
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.memory import MemoryStore
from trioactors_backends.sqlite import SQLiteStore

Make = Callable[[Path], Store]

STORES: dict[str, Make] = {
    "sqlite": SQLiteStore,
    "sqlite relaxed": lambda path: SQLiteStore(path, Options(durability=Durability.RELAXED)),
    "file": FilesystemStore,
    "file relaxed": lambda path: FilesystemStore(path, Options(durability=Durability.RELAXED)),
}

VERSION = 0x20080522  # of the structures of capset(2)
OVERRIDES = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


@pytest.fixture(autouse=True)
def permissions_count() -> Iterator[None]:
    """Let the permissions of files count for root, too: its capabilities to override them are not effective meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may write every file, and only Linux lets it do without that")
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    effective = sets[0]
    sets[0] = effective & ~OVERRIDES
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = effective
        assert libc.capset(header, sets) == 0


def nothing(make: Make, path: Path) -> None:
    """There is only the folder around the store."""
    del make
    path.parent.mkdir()


def an_empty_place(make: Make, path: Path) -> None:
    nothing(make, path)
    path.mkdir() if "Filesystem" in repr(make(path)) else path.touch()


def one_that_was_closed(make: Make, path: Path) -> None:
    nothing(make, path)
    store = make(path)
    store.open(Environment())
    store.commit([put("a", b"1")])
    store.close()


def one_without_its_lock(make: Make, path: Path) -> None:
    """As a backup is, and its first opening makes the lock."""
    one_that_was_closed(make, path)
    (path / "owner" if path.is_dir() else path.with_name("store-lock")).unlink()


def one_that_was_killed(make: Make, path: Path) -> None:
    aside = path.parent.with_name("aside")
    nothing(make, aside / path.name)
    store = make(aside / path.name)
    store.open(Environment())
    store.commit([put("a", b"1")])
    shutil.copytree(aside, path.parent)
    store.close()


def leftovers_of_a_first_opening(make: Make, path: Path) -> None:
    an_empty_place(make, path)
    if path.is_dir():
        left = [path / "owner", path / "00000000000000000001.log"]
    else:
        path.unlink()
        left = [path.with_name(path.name + end) for end in ("-lock", ".new", ".new-journal")]
    for file in left:
        file.touch()


def leftovers_of_a_new_generation(make: Make, path: Path) -> None:
    """For `sqlite:`, of a backup beside it."""
    one_that_was_killed(make, path)
    if path.is_dir():
        (path / "00000000000000000009.log").touch()
        (path / "00000000000000000009.snapshot.new").write_bytes(b"begun")
    else:
        path.with_name("store.new").touch()


STATES = (
    nothing,
    an_empty_place,
    one_that_was_closed,
    one_without_its_lock,
    one_that_was_killed,
    leftovers_of_a_first_opening,
    leftovers_of_a_new_generation,
)


def parts(root: Path) -> Sequence[Path]:
    """Every file and folder below *root*."""
    return sorted(file.relative_to(root) for file in root.rglob("*"))


@contextmanager
def read_only(root: Path, chosen: Sequence[Path]) -> Iterator[None]:
    """Take the right to write from the *chosen* files and folders below *root*, and give it back."""
    modes = {root / each: (root / each).stat().st_mode & 0o777 for each in chosen}
    for file in sorted(modes, reverse=True):  # what is in a folder first
        file.chmod(modes[file] & 0o555)
    try:
        yield
    finally:
        for file, mode in sorted(modes.items()):
            if file.exists():
                file.chmod(mode)


def attempt(store: Store) -> str:
    """Open and close the store. Returns the text of the refusal, if there is one."""
    try:
        store.open(Environment())
    except StoreUnavailable as error:
        return str(error)
    store.read([state("a")])
    store.close()
    return "opened"


@pytest.mark.parametrize("arrange", STATES)
@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
def test_it_opens_when_its_files_can_be_written_again(tmp_path: Path, make: Make, arrange: Callable[[Make, Path], None]) -> None:
    """Every choice of files and folders is read-only first, during two attempts; then none is."""
    template = tmp_path / "template"
    template.mkdir()
    arrange(make, template / "place" / "store")
    names = [each for each in parts(template) if each.parts[0] == "place"]
    expected = [Record(b"1", 1)] if arrange.__name__.startswith(("one", "leftovers_of_a_new")) else [None]
    attempts: set[str] = set()
    for number, chosen in enumerate(choice for size in range(1, len(names) + 1) for choice in itertools.combinations(names, size)):
        root = tmp_path / str(number)
        shutil.copytree(template, root)
        store = make(root / "place" / "store")
        with read_only(root, chosen):
            attempts |= {attempt(store), attempt(make(root / "place" / "store"))}

        store.open(Environment())

        assert store.read([state("a")]) == expected, chosen
        store.commit([put("a", b"2")])
        store.close()
    refusals = attempts - {"opened"}
    assert refusals
    assert all("read-only" in each or "Permission denied" in each for each in refusals), refusals


@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
def test_it_opens_after_its_files_were_read_only_while_it_was_open(tmp_path: Path, make: Make) -> None:
    place = tmp_path / "place"
    one_that_was_killed(make, place / "store")
    names = parts(tmp_path / "place")
    for chosen in itertools.chain.from_iterable(itertools.combinations(names, size) for size in range(1, len(names) + 1)):
        store = make(place / "store")
        store.open(Environment())
        with read_only(place, [each for each in chosen if (place / each).exists()]):
            try:
                store.commit([put("b", b"", expected=None)])
            finally:
                store.close()
            attempt(store)

        store.open(Environment())

        assert store.read([state("a")]) == [Record(b"1", 1)], chosen
        store.close()


def test_a_read_only_database_is_named_and_nothing_is_left_beside_it(path: Path) -> None:
    """SQLite would leave a log and a shared memory that nobody can write."""
    one_that_was_closed(SQLiteStore, path.with_name("place") / "store")
    database = path.with_name("place") / "store"
    database.chmod(0o444)
    before = parts(database.parent)

    with pytest.raises(StoreUnavailable, match=f"{database} is read-only. Change its permissions"):
        SQLiteStore(database).open(Environment())

    assert parts(database.parent) == before


def test_what_another_program_left_beside_a_read_only_database_follows_its_mode(path: Path) -> None:
    one_that_was_killed(SQLiteStore, path.with_name("place") / "store")
    database = path.with_name("place") / "store"
    for end in ("-wal", "-shm"):
        database.with_name("store" + end).chmod(0o444)
    store = SQLiteStore(database)

    store.open(Environment())

    assert store.read([state("a")]) == [Record(b"1", 1)]
    store.close()


class _Refusing(RealDisk):
    """A disk that refuses to rename."""

    def rename(self, old: Path, new: Path) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(old), None, str(new))


@pytest.mark.parametrize("make", [lambda _: MemoryStore(), FilesystemStore], ids=["memory", "file"])
def test_a_backup_that_failed_refuses_no_later_one(tmp_path: Path, make: Make) -> None:
    store = make(tmp_path / "store")
    store.open(Environment(disk=_Refusing()))
    store.commit([put("a", b"1")])
    with pytest.raises(StoreError):
        store.backup(tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []
    if isinstance(store, FilesystemStore):
        store.close()
        store = make(tmp_path / "store")
        store.open(Environment())
    else:
        store.close()
        store.open(Environment())

    store.backup(tmp_path / "copy")

    copy = FilesystemStore(tmp_path / "copy")
    copy.open(Environment())
    assert copy.read([state("a")]) == [Record(b"1", 1)]
    copy.close()
    store.close()
