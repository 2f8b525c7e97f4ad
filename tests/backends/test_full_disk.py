"""The filesystem store on a full disk: it cleans up before it refuses a commit, and a crash at any moment leaves a store that opens.

The simulated disk has a capacity here, so that it fills up by itself.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from typing import cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioactors.environment import Environment
from trioactors.errors import Outcome, StoreError, StoreFull, StorePoisoned
from trioactors.persistence import Committed, Limits, Options, Record, Space, Store
from trioactors.testing.contract_faults import FaultContract
from trioactors.testing.contract_records import put, remove, state
from trioactors.testing.disk import Keep, PowerCut, SimulatedDisk
from trioactors.testing.faults import Killed, Plan, TestedDisk
from trioactors_backends.ballast import BALLAST
from trioactors_backends.filesystem import FilesystemStore

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
    disk.power.failures |= {disk.operations + at: code for at in (1, 3, 6)}  # the frame, each time before something is cut

    store.commit([put("key-0", b"saved", expected=None)])

    assert len(names(disk, ".snapshot")) == 1
    assert store.read([state("key-0")]) == [Record(b"saved", 2)]
    store.close()


@settings(max_examples=40)
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
    overwrite(store, 100)
    for key, _ in store.scan(Space.STATE, "key"):
        store.commit([remove(key.name)])
    overwrite(store, 100)

    assert caught.value.outcome is Outcome.FAILED
    assert "no room (No space left on device). Make room, then try again." in str(caught.value)
    assert "Removing records makes room, too." in str(caught.value)
    store.close()


def test_a_refused_commit_tries_nothing_that_cannot_help() -> None:
    disk = SimulatedDisk(capacity=SMALL)
    store = opened(disk)
    for _ in range(2):
        with pytest.raises(StoreFull):
            overwrite(store, 100, keys=100)
    before = disk.operations

    with pytest.raises(StoreFull):
        store.commit([put("more", data_of(0), expected=None)])

    assert disk.operations - before <= 6
    assert len(disk.names(FOLDER)) == 4
    store.close()


def test_a_record_that_is_too_large_is_refused_before_anything_is_written() -> None:
    disk = SimulatedDisk(capacity=SMALL)
    store = opened(disk)
    overwrite(store, 10)

    with pytest.raises(
        StoreFull, match=f"{3 * (SIZE + 5):,} bytes of data are alive, and after this commit 143,360 bytes of room must be left"
    ):
        store.commit([put("large", bytes(SMALL))])

    overwrite(store, 10)
    store.close()


def test_on_a_disk_without_room_for_a_clean_up_nothing_is_written_until_there_is_some() -> None:
    disk = SimulatedDisk(capacity=4 * SIZE)
    store = opened(disk)

    with pytest.raises(StoreFull, match=r"0 bytes of data are alive, and after this commit 40,960 bytes of room must be left"):
        overwrite(store, 100)

    disk.capacity = SMALL
    overwrite(store, 100)
    store.close()


def test_a_clean_up_without_room_leaves_nothing_behind_and_records_can_be_removed() -> None:
    """Another program takes the room."""
    disk = SimulatedDisk(capacity=10 * LEAST)
    store = opened(disk, Options(limits=Limits(slack_bytes=SIZE)))
    store.commit([put("a", data_of(1, 40 * KIB)), put("b", data_of(2))])
    disk.capacity = LEAST

    store.commit([remove("b")])

    assert [name for name in disk.names(FOLDER) if name not in (BALLAST, "owner")] == ["00000000000000000001.log"]
    with pytest.raises(StoreFull):
        overwrite(store, 20, keys=20)
    store.commit([remove("a")])
    overwrite(store, 20)
    store.close()


# Crashes: at each operation of a life on a disk that is full most of the time.

LARGE = 32 * KIB
"""The size of a record below: so large that the ballast has no room for two snapshots."""

TIGHT = 12 * LARGE
"""A capacity for a snapshot, the ballast and three commits."""


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
            name, data = f"key-{number % 3}", data_of(commits * 10 + number, LARGE)
            try:
                store.commit([put(name, data, expected=None)])
            except (PowerCut, Killed, StorePoisoned):
                diary.maybe(name, data)
                raise
            except StoreError:
                continue
            diary.kept(name, data)
        if commits == 4:
            store.close()
        planned = disk.power.cut_at
        disk.kill()
        disk.power.cut_at = planned


def contents(disk: SimulatedDisk) -> Contents:
    """What the next opening finds. The store must also take commits."""
    store = opened(disk)
    found = {key.name: record.data for key, record in store.scan(Space.STATE) if isinstance(record, Record)}
    overwrite(store, 10, size=LARGE)
    store.close()
    return found


def operations() -> int:
    disk = SimulatedDisk(capacity=TIGHT)
    live(disk, Diary())
    return disk.operations


COUNT = operations()


def test_the_life_cleans_up_only_because_there_is_no_room() -> None:
    disk, roomy = SimulatedDisk(capacity=TIGHT), SimulatedDisk(capacity=10 * TIGHT)
    for each in (disk, roomy):
        overwrite(opened(each), 14, size=LARGE)

    assert names(disk, ".snapshot")
    assert not names(roomy, ".snapshot")


@pytest.mark.parametrize("keep", Keep)
@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_a_power_cut_on_a_full_disk_takes_nothing_that_was_acknowledged(at: int, keep: Keep) -> None:
    disk, diary = SimulatedDisk(seed=at, cut_at=at, capacity=TIGHT), Diary()
    with suppress(PowerCut):
        live(disk, diary)

    disk.power_cut(keep)

    assert contents(disk) in diary.possible


@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_killed_anywhere_on_a_full_disk_it_opens_and_everything_is_there(at: int) -> None:
    disk, diary = SimulatedDisk(seed=at, cut_at=at, capacity=TIGHT), Diary()
    with suppress(PowerCut):
        live(disk, diary)

    disk.kill()

    assert contents(disk) in diary.possible


@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_killed_anywhere_and_cut_anywhere_in_the_opening_after_it(at: int) -> None:
    later = 0
    while True:
        later += 1
        disk, diary = TestedDisk(), Diary()  # a process that is killed has done its last operation, or it has not
        disk.capacity = TIGHT
        disk.plan(Plan(kill_at=at))
        with suppress(Killed):
            live(disk, diary)
        disk.kill()
        disk.plan(Plan(seed=at + later, cut_at=disk.operations + later))
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
        disk, diary = SimulatedDisk(seed=at, failures={at: code}, capacity=TIGHT), Diary()
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
