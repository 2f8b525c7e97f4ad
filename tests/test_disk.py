"""The real disk behaves as the port says, and the simulated one forgets what it may forget."""

from __future__ import annotations

import copy
import errno
import os
from pathlib import Path

import pytest

from trioactors.environment import Disk, DiskFile, RealDisk, is_full, refusal
from trioactors.errors import Outcome, StoreFull, StoreUnavailable
from trioactors.testing.disk import Keep, PowerCut, SimulatedDisk

SIMULATED = Path("/simulated")


@pytest.fixture(params=["real", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Disk, Path]:
    disk: Disk = RealDisk() if request.param == "real" else SimulatedDisk()
    folder = tmp_path / "folder"
    disk.make_folder(folder)
    return disk, folder


def test_what_is_written_is_read(place: tuple[Disk, Path]) -> None:
    disk, folder = place
    file = disk.open(folder / "a")

    file.write(0, b"hello")
    file.write(7, b"there")
    file.write(1, b"E")

    assert file.read() == b"hEllo\0\0there"
    file.close()


def test_a_file_can_be_cut(place: tuple[Disk, Path]) -> None:
    disk, folder = place
    file = disk.open(folder / "a")
    file.write(0, b"hello")

    file.truncate(2)
    file.sync()

    assert file.read() == b"he"
    file.close()


def test_a_part_of_a_file_is_read_alone(place: tuple[Disk, Path]) -> None:
    disk, folder = place
    file = disk.open(folder / "a")
    file.write(0, b"hello")

    assert file.size == 5
    assert file.read_at(1, 3) == b"ell"
    assert file.read_at(3, 10) == b"lo"
    assert file.read_at(9, 10) == b""
    file.close()


def test_names_are_sorted(place: tuple[Disk, Path]) -> None:
    disk, folder = place
    for name in ("b", "c", "a"):
        disk.open(folder / name).close()

    disk.rename(folder / "c", folder / "0")
    disk.remove(folder / "b")
    disk.sync_folder(folder)

    assert list(disk.names(folder)) == ["0", "a"]


def test_a_removed_file_knows_it(place: tuple[Disk, Path]) -> None:
    disk, folder = place
    file = disk.open(folder / "a")
    before = file.linked

    disk.remove(folder / "a")

    assert (before, file.linked) == (True, False)
    file.close()


def test_a_renamed_file_knows_it(place: tuple[Disk, Path]) -> None:
    disk, folder = place
    file = disk.open(folder / "a")

    disk.rename(folder / "a", folder / "b")

    assert not file.linked
    file.close()


def test_a_file_in_a_folder_that_was_moved_knows_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    file = RealDisk().open(tmp_path / "a" / "b")

    (tmp_path / "a").rename(tmp_path / "c")
    moved = file.linked
    (tmp_path / "a").write_text("no folder")

    assert (moved, file.linked) == (False, False)
    file.close()


def test_a_replaced_file_knows_it(place: tuple[Disk, Path]) -> None:
    disk, folder = place
    file = disk.open(folder / "a")
    disk.open(folder / "b").close()

    disk.rename(folder / "b", folder / "a")

    assert not file.linked
    file.close()


def test_a_lock_is_held_once(place: tuple[Disk, Path]) -> None:
    disk, folder = place
    first, second = disk.open(folder / "a"), disk.open(folder / "a")

    assert first.lock()
    assert not second.lock()
    second.close()
    third = disk.open(folder / "a")
    assert not third.lock()
    first.close()
    assert third.lock()
    third.close()


def test_what_is_missing_is_an_os_error(place: tuple[Disk, Path]) -> None:
    disk, folder = place

    for wrong in (
        lambda: disk.names(folder / "none"),
        lambda: disk.remove(folder / "none"),
        lambda: disk.open(folder / "none" / "a"),
    ):
        with pytest.raises(FileNotFoundError):
            wrong()


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    RealDisk().make_folder(tmp_path / "a" / "b" / "c")
    RealDisk().make_folder(tmp_path / "a" / "b" / "c")

    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_a_folder_whose_name_cannot_be_synced_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.EIO, "told so")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="told so"):
        RealDisk().make_folder(tmp_path / "a")

    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_full(code: int) -> None:
    error = refusal(OSError(code, os.strerror(code)), "store")

    assert type(error) is StoreFull
    assert error.retryable
    assert error.outcome is Outcome.FAILED


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EIO, errno.EMFILE])
def test_anything_else_is_unavailable(code: int) -> None:
    assert type(refusal(OSError(code, os.strerror(code)), "store")) is StoreUnavailable


@pytest.fixture
def disk() -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.make_folder(SIMULATED)
    return disk


def written(disk: SimulatedDisk, data: bytes) -> DiskFile:
    """A file whose name is durable and whose data is not."""
    file = disk.open(SIMULATED / "a")
    disk.sync_folder(SIMULATED)
    file.write(0, data)
    return file


def test_unsynced_data_is_gone(disk: SimulatedDisk) -> None:
    written(disk, b"data")

    disk.power_cut(Keep.NOTHING)

    assert disk.contents(SIMULATED / "a") == b""


def test_unsynced_data_may_be_there(disk: SimulatedDisk) -> None:
    written(disk, b"data")

    disk.power_cut(Keep.EVERYTHING)

    assert disk.contents(SIMULATED / "a") == b"data"


def test_synced_data_is_there(disk: SimulatedDisk) -> None:
    written(disk, b"data").sync()

    disk.power_cut(Keep.NOTHING)

    assert disk.contents(SIMULATED / "a") == b"data"


def test_a_name_is_gone_unless_its_folder_was_synced(disk: SimulatedDisk) -> None:
    file = disk.open(SIMULATED / "a")
    file.write(0, b"data")
    file.sync()

    disk.power_cut(Keep.NOTHING)

    assert disk.names(SIMULATED) == []


def test_a_write_can_be_torn() -> None:
    ends: set[bytes] = set()
    for seed in range(60):
        disk = SimulatedDisk(seed=seed)
        disk.make_folder(SIMULATED)
        written(disk, b"abcd")
        disk.power_cut(Keep.PREFIX)
        ends.add(disk.contents(SIMULATED / "a"))

    assert ends == {b"", b"a", b"ab", b"abc", b"abcd"}


def test_sectors_can_arrive_in_any_order() -> None:
    ends: set[bytes] = set()
    for seed in range(60):
        disk = SimulatedDisk(seed=seed)
        disk.make_folder(SIMULATED)
        written(disk, b"x" * 1024)
        disk.power_cut(Keep.ANYTHING)
        ends.add(disk.contents(SIMULATED / "a"))

    assert ends == {b"", b"x" * 512, b"x" * 1024, bytes(512) + b"x" * 512}


def test_a_failed_sync_loses_the_data_for_good(disk: SimulatedDisk) -> None:
    file = written(disk, b"data")
    disk.power.failures[disk.operations + 1] = errno.EIO

    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    file.sync()

    assert file.read() == b"data"
    disk.power_cut(Keep.EVERYTHING)
    assert disk.contents(SIMULATED / "a") == b""


def test_a_failed_folder_sync_loses_the_name_for_good(disk: SimulatedDisk) -> None:
    disk.open(SIMULATED / "a")
    disk.power.failures[disk.operations + 1] = errno.EIO

    with pytest.raises(OSError, match="Input/output"):
        disk.sync_folder(SIMULATED)
    disk.sync_folder(SIMULATED)

    assert disk.names(SIMULATED) == ["a"]
    disk.power_cut(Keep.EVERYTHING)
    assert disk.names(SIMULATED) == []


def test_a_killed_process_loses_nothing_but_its_locks(disk: SimulatedDisk) -> None:
    file = written(disk, b"data")
    file.lock()

    disk.kill()

    again = disk.open(SIMULATED / "a")
    assert again.read() == b"data"
    assert again.lock()


def test_a_file_from_before_the_cut_is_dead(disk: SimulatedDisk) -> None:
    file = written(disk, b"data")

    disk.power_cut(Keep.EVERYTHING)

    with pytest.raises(OSError, match="before the power was cut"):
        file.write(0, b"more")


def test_the_power_stays_off_until_it_is_cut(disk: SimulatedDisk) -> None:
    file = written(disk, b"data")
    disk.power.cut_at = disk.operations + 1

    for _ in range(2):
        with pytest.raises(PowerCut):
            file.write(4, b"more")

    disk.power_cut(Keep.NOTHING)
    disk.open(SIMULATED / "a").write(0, b"on again")
    assert str(disk.operations) in repr(disk)


def test_a_removed_file_that_comes_back_has_only_what_was_synced() -> None:
    disk = SimulatedDisk()
    disk.make_folder(SIMULATED)
    file = disk.open(SIMULATED / "a")
    file.write(0, b"synced")
    file.sync()
    file.write(0, b"MORE")
    disk.remove(SIMULATED / "a")
    returned = 0

    for seed in range(20):
        copied = copy.deepcopy(disk)
        copied.power.random.seed(seed)
        copied.power_cut(Keep.PREFIX)
        returned += copied.names(SIMULATED) == ["a"] and copied.contents(SIMULATED / "a") == b"synced"

    assert returned > 0


def test_a_file_of_a_process_that_was_killed_cannot_be_read() -> None:
    disk = SimulatedDisk()
    disk.make_folder(SIMULATED)
    file = written(disk, b"hello")
    disk.kill()

    with pytest.raises(OSError, match="before the power was cut"):
        file.read_at(0, 1)


@pytest.fixture(params=["real", "real without posix_fallocate", "simulated"])
def finite(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Disk, Path]:
    """A disk that can be full."""
    if request.param == "real without posix_fallocate":

        def unsupported(*_: int) -> None:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

        monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    disk: Disk = SimulatedDisk(capacity=10_000_000) if request.param == "simulated" else RealDisk()
    folder = tmp_path / "folder"
    disk.make_folder(folder)
    return disk, folder


def test_room_is_reserved_as_zeros_and_resized(finite: tuple[Disk, Path]) -> None:
    disk, folder = finite
    for size in (100, 3_000_000, 3_000_000, 5_000):
        assert disk.reserve(folder / "room", size)

        file = disk.open(folder / "room")
        assert file.read() == bytes(size)
        file.close()


def test_a_file_with_something_in_it_is_not_taken_for_room(finite: tuple[Disk, Path]) -> None:
    disk, folder = finite
    file = disk.open(folder / "room")
    file.write(0, b"\0\0precious")

    with pytest.raises(FileExistsError):
        disk.reserve(folder / "room", 5)

    assert file.read() == b"\0\0precious"
    file.close()


@pytest.mark.parametrize("before", [0, 4_000])
def test_room_that_cannot_be_reserved_leaves_the_file_as_it_was(tmp_path: Path, before: int) -> None:
    for disk in (RealDisk(), SimulatedDisk(capacity=10_000)):
        disk.make_folder(tmp_path)
        if before:
            disk.reserve(tmp_path / "room", before)

        with pytest.raises(OSError, match=r"space|large") as caught:
            disk.reserve(tmp_path / "room", 1 << 62)

        assert is_full(caught.value)
        file = disk.open(tmp_path / "room")
        assert file.size == before
        file.close()


def test_a_disk_that_never_fills_up_reserves_nothing() -> None:
    disk = SimulatedDisk()
    disk.make_folder(SIMULATED)
    before = disk.operations

    assert not disk.reserve(SIMULATED / "room", 100)

    assert list(disk.names(SIMULATED)) == []
    assert disk.operations == before


def test_a_full_simulated_disk_writes_what_fits_and_frees_what_is_removed() -> None:
    disk = SimulatedDisk(capacity=10)
    disk.make_folder(SIMULATED)
    first, second = disk.open(SIMULATED / "a"), disk.open(SIMULATED / "b")
    first.write(0, b"012345")

    with pytest.raises(OSError, match="No space left") as caught:
        second.write(0, b"abcdef")
    first.write(0, b"543210")  # takes no room

    assert caught.value.errno == errno.ENOSPC
    assert (first.read(), second.read()) == (b"543210", b"abcd")
    disk.remove(SIMULATED / "a")
    second.write(4, b"efghij")
    assert second.read() == b"abcdefghij"


def test_a_simulated_file_that_is_cut_off_by_a_power_cut_is_no_larger_than_the_disk() -> None:
    disk = SimulatedDisk(capacity=10, cut_at=3)
    disk.make_folder(SIMULATED)
    file = disk.open(SIMULATED / "a")

    with pytest.raises(PowerCut):
        file.write(0, bytes(100))
    disk.power_cut(Keep.EVERYTHING)

    assert len(disk.contents(SIMULATED / "a")) == 10
