"""The filesystem store on a disk that forgets: a power cut, a kill and a failure at every single operation.

The numbers of a run replay it. The two controls break a rule on purpose, and must lose something: otherwise the lab proves nothing.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import attrs
import pytest

from trioactors.environment import Environment
from trioactors.errors import Outcome, StoreError, StoreFull, StorePoisoned
from trioactors.persistence import ABSENT, Committed, Durability, Limits, Options, Record, Space
from trioactors.testing.contract_records import put, state
from trioactors.testing.disk import Keep, PowerCut, SimulatedDisk
from trioactors_backends.filesystem import FilesystemStore

FOLDER = Path("/simulated/store")
OPTIONS = Options(limits=Limits(slack_bytes=600))  # so that the work below begins new generations
RELAXED = attrs.evolve(OPTIONS, durability=Durability.RELAXED)

Contents = dict[str, bytes]


@attrs.define
class Diary:
    """The contents that the store may have, after its answers so far."""

    possible: list[Contents] = attrs.field(factory=lambda: [{}])

    def kept(self, name: str, data: bytes) -> None:
        self.possible = [{**contents, name: data} for contents in self.possible]

    def maybe(self, name: str, data: bytes) -> None:
        self.possible += [{**contents, name: data} for contents in self.possible]


def work(store: FilesystemStore, disk: SimulatedDisk, diary: Diary) -> None:
    """Three times: open, commit four times, close. After a failed sync, open it again and go on."""
    for number in range(12):
        if number % 4 == 0:
            store.open(Environment(disk=disk))
        name, data = f"key-{number % 3}", b"%d" % number * 40
        [known] = store.read([state(name)])
        expected = known.revision if isinstance(known, Record) else ABSENT
        try:
            [answer] = store.commit([put(name, data, expected)])
        except PowerCut:
            diary.maybe(name, data)
            raise
        except StoreError as error:
            _note(error, diary, name, data)
            if isinstance(error, StorePoisoned):
                store.close()
                store.open(Environment(disk=disk))
        else:
            assert isinstance(answer, Committed)
            diary.kept(name, data)
        if number % 4 == 3:
            store.close()


def _note(error: StoreError, diary: Diary, name: str, data: bytes) -> None:
    if error.outcome is Outcome.INDETERMINATE:
        diary.maybe(name, data)


def contents(disk: SimulatedDisk, options: Options = OPTIONS) -> Contents:
    store = FilesystemStore(FOLDER, options)
    store.open(Environment(disk=disk))
    found = {key.name: record.data for key, record in store.scan(Space.STATE) if isinstance(record, Record)}
    store.close()
    return found


def operations() -> int:
    disk = SimulatedDisk()
    work(FilesystemStore(FOLDER, OPTIONS), disk, Diary())
    return disk.operations


def cut(disk: SimulatedDisk, options: Options = OPTIONS) -> Diary:
    """Work until the power is cut."""
    diary = Diary()
    with pytest.raises(PowerCut):
        work(FilesystemStore(FOLDER, options), disk, diary)
    return diary


COUNT = operations()
"""The number of operations of the work; below, the power is cut at each of them, and each of them fails."""


def test_the_work_begins_new_generations() -> None:
    disk = SimulatedDisk()
    work(FilesystemStore(FOLDER, OPTIONS), disk, Diary())

    assert len(disk.names(FOLDER)) == 3
    assert disk.names(FOLDER)[0] > "00000000000000000005.log"


@pytest.mark.parametrize("keep", Keep)
@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_a_power_cut_takes_nothing_that_was_acknowledged(at: int, keep: Keep) -> None:
    for seed in range(3):
        disk = SimulatedDisk(seed=seed, cut_at=at)
        diary = cut(disk)

        disk.power_cut(keep)

        assert contents(disk) in diary.possible


@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_what_is_served_after_a_power_cut_survives_the_next(at: int) -> None:
    disk = SimulatedDisk(seed=at, cut_at=at)
    cut(disk)
    disk.power_cut(Keep.ANYTHING)
    served = contents(disk)

    disk.power_cut(Keep.NOTHING)

    assert contents(disk) == served


@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_killed_anywhere_everything_is_there(at: int) -> None:
    disk = SimulatedDisk(seed=at, cut_at=at)
    diary = cut(disk)

    disk.kill()

    assert contents(disk) in diary.possible


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_a_failure_anywhere_and_a_power_cut_after_it(at: int, code: int) -> None:
    """A failed sync loses its pages for good: nothing may be acknowledged that rests on them."""
    for keep in Keep:
        disk = SimulatedDisk(seed=at, failures={at: code})
        diary = Diary()
        store = FilesystemStore(FOLDER, OPTIONS)
        try:
            work(store, disk, diary)
        except StoreError:
            store.close()

        disk.power_cut(keep)

        assert contents(disk) in diary.possible


@pytest.mark.parametrize("at", range(1, COUNT + 1))
def test_what_is_served_after_a_failure_survives_a_power_cut(at: int) -> None:
    disk = SimulatedDisk(seed=at, failures={at: errno.EIO})
    store = FilesystemStore(FOLDER, OPTIONS)
    try:
        work(store, disk, Diary())
    except StoreError:
        store.close()
    disk.kill()
    served = contents(disk)

    disk.power_cut(Keep.NOTHING)

    assert contents(disk) == served


def test_relaxed_a_power_cut_takes_the_end_and_nothing_else() -> None:
    prefixes: Sequence[Contents] = _prefixes()
    for at in range(1, COUNT + 1):
        for keep in Keep:
            disk = SimulatedDisk(seed=at, cut_at=at)
            with suppress(PowerCut):  # there are fewer operations than with syncs
                work(FilesystemStore(FOLDER, RELAXED), disk, Diary())
            disk.power_cut(keep)

            assert contents(disk, RELAXED) in prefixes


def _prefixes() -> Sequence[Contents]:
    found: list[Contents] = [{}]
    for number in range(12):
        found.append({**found[-1], f"key-{number % 3}": b"%d" % number * 40})
    return found


def test_control_without_syncs_a_power_cut_takes_what_was_acknowledged() -> None:
    lost = 0
    for at in range(1, COUNT + 1):
        disk = SimulatedDisk(seed=at, cut_at=at)
        diary = Diary()
        with suppress(PowerCut):
            work(FilesystemStore(FOLDER, RELAXED), disk, diary)
        disk.power_cut(Keep.NOTHING)
        lost += contents(disk, RELAXED) not in diary.possible

    assert lost > 0


class FoldersNeverSynced(SimulatedDisk):
    def sync_folder(self, path: Path) -> None:
        """Claim to sync, and do nothing."""


def test_control_without_folder_syncs_a_power_cut_takes_what_was_acknowledged() -> None:
    disk = FoldersNeverSynced()
    work(FilesystemStore(FOLDER, OPTIONS), disk, Diary())

    disk.power_cut(Keep.NOTHING)

    assert contents(disk) == {}


def test_a_failed_sync_is_never_repeated() -> None:
    disk = SimulatedDisk()
    store = FilesystemStore(FOLDER, OPTIONS)
    store.open(Environment(disk=disk))
    disk.power.failures[disk.operations + 2] = errno.EIO

    with pytest.raises(StorePoisoned) as first:
        store.commit([put("a", b"1")])
    with pytest.raises(StorePoisoned):
        store.commit([put("a", b"1")])
    with pytest.raises(StorePoisoned):
        store.read([state("a")])

    assert first.value.outcome is Outcome.INDETERMINATE
    assert "poisoned" in repr(store)
    before = disk.operations
    store.close()
    assert disk.operations == before


def test_damage_to_any_bit_of_a_killed_store_is_refused_or_reported() -> None:
    disk = SimulatedDisk()
    store = FilesystemStore(FOLDER)
    store.open(Environment(disk=disk))
    for number in range(3):
        store.commit([put(f"key-{number}", b"%d" % number * 9)])
    disk.kill()
    expected = contents_of(disk)
    for name in disk.names(FOLDER):
        original = disk.contents(FOLDER / name)
        for bit in range(len(original) * 8):
            assert _honest(disk, FOLDER / name, original, bit, expected), (name, bit)


def contents_of(disk: SimulatedDisk) -> dict[str, bytes]:
    return {name: disk.contents(FOLDER / name) for name in disk.names(FOLDER)}


def _honest(disk: SimulatedDisk, path: Path, original: bytes, bit: int, files: dict[str, bytes]) -> bool:
    """Whether a store with a flipped bit is refused, serves what was written, or reports the damage."""
    copy = SimulatedDisk()
    copy.make_folder(FOLDER)
    for name, content in files.items():
        copy.open(FOLDER / name)
        copy.damage(FOLDER / name, content)
    turned = bytearray(original)
    turned[bit // 8] ^= 1 << bit % 8
    copy.damage(path, bytes(turned))
    store = FilesystemStore(FOLDER)
    try:
        store.open(Environment(disk=copy))
    except StoreError:
        return True
    found = {key.name: record for key, record in store.scan(Space.STATE)}
    sound = {name: record.data for name, record in found.items() if isinstance(record, Record)}
    return set(found) == {f"key-{number}" for number in range(3)} and all(
        data == name[-1].encode() * 9 for name, data in sound.items()
    )


def test_a_frame_written_in_part_is_cut_off() -> None:
    disk = SimulatedDisk(seed=3)
    store = FilesystemStore(FOLDER)
    store.open(Environment(disk=disk))
    [log] = [name for name in disk.names(FOLDER) if name.endswith(".log")]
    before = disk.contents(FOLDER / log)
    disk.power.failures[disk.operations + 1] = errno.ENOSPC

    with pytest.raises(StoreFull) as caught:
        store.commit([put("a", b"x" * 1_000)])

    assert caught.value.outcome is Outcome.FAILED
    assert disk.contents(FOLDER / log) == before
    store.close()


def test_a_frame_that_cannot_be_cut_off_poisons() -> None:
    disk = SimulatedDisk(seed=3)
    store = FilesystemStore(FOLDER)
    store.open(Environment(disk=disk))
    disk.power.failures.update({disk.operations + 1: errno.ENOSPC, disk.operations + 2: errno.EIO})

    with pytest.raises(StorePoisoned):
        store.commit([put("a", b"x" * 1_000)])

    store.close()
