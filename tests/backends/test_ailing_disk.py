"""A small disk on which operations of some kinds fail for a while, and then work again: nothing is lost, and the store goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioactors.environment import Environment
from trioactors.environment.disk import DiskFile
from trioactors.errors import Outcome, StoreError, StoreFull, StorePoisoned, StoreUnavailable
from trioactors.persistence import Limits, Options, Record, Space
from trioactors.testing.contract_records import put, remove
from trioactors.testing.disk import Keep, SimulatedDisk
from trioactors_backends.filesystem import FilesystemStore

FOLDER = Path("/simulated/store")
KIB = 1024
SIZE = 4_000

KINDS = ("open", "write", "truncate", "sync", "rename", "remove", "reserve", "sync_folder")


class AilingDisk(SimulatedDisk):
    """A disk on which all operations of the kinds in `ill`, on files whose names end so, fail with `code`."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity=capacity)
        self.code = errno.ENOSPC
        self.ill: Sequence[tuple[str, str]] = ()

    def check(self, kind: str, path: Path) -> None:
        if any(kind == each and path.name.endswith(end) for each, end in self.ill):
            raise OSError(self.code, os.strerror(self.code))

    def open(self, path: Path) -> DiskFile:
        self.check("open", path)
        return cast("DiskFile", _AilingFile(self, path, super().open(path)))

    def rename(self, old: Path, new: Path) -> None:
        self.check("rename", old)
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self.check("remove", path)
        super().remove(path)

    def reserve(self, path: Path, size: int) -> bool:
        self.check("reserve", path)
        return super().reserve(path, size)

    def sync_folder(self, path: Path) -> None:
        self.check("sync_folder", path)
        super().sync_folder(path)


@attrs.frozen
class _AilingFile:
    _disk: AilingDisk
    _path: Path
    _inner: DiskFile

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def write(self, offset: int, data: bytes) -> None:
        self._disk.check("write", self._path)
        self._inner.write(offset, data)

    def truncate(self, size: int) -> None:
        self._disk.check("truncate", self._path)
        self._inner.truncate(size)

    def sync(self) -> None:
        self._disk.check("sync", self._path)
        self._inner.sync()


@attrs.define
class Machine:
    """A store on such a disk, and the contents that it may have."""

    disk: AilingDisk
    options: Options = attrs.field(factory=Options)
    store: FilesystemStore | None = None
    possible: list[dict[str, bytes]] = attrs.field(factory=lambda: [{}])

    def open(self) -> FilesystemStore:
        """The open store; it is opened if it is not."""
        if self.store is None:
            store = FilesystemStore(FOLDER, self.options)
            store.open(Environment(disk=self.disk))
            self.store = store
            self.check()
        return self.store

    def write(self, name: str, data: bytes | None) -> bool:
        """Write or remove a record. Returns whether that was acknowledged."""
        try:
            self.open().commit([remove(name) if data is None else put(name, data, expected=None)])
        except StoreError as error:
            self.judge(error)
            if error.outcome is Outcome.INDETERMINATE:
                self.possible += [after(contents, name, data) for contents in self.possible]
                self.end("closed")
            return False
        self.possible = [after(contents, name, data) for contents in self.possible]
        return True

    def judge(self, error: StoreError) -> None:
        """A full disk is called so, with the next step, except where a failure leaves it open what is on the disk."""
        full = self.disk.code in (errno.ENOSPC, errno.EDQUOT)
        assert isinstance(error, (StoreFull if full else StoreUnavailable, StorePoisoned))
        assert not isinstance(error, StoreFull) or "Make room, then try again." in str(error)
        assert not isinstance(error, StorePoisoned) or "Close the store and open it again." in str(error)

    def end(self, how: Keep | str) -> None:
        store, self.store = self.store, None
        if how == "closed" and store is not None:
            with suppress(StoreError):
                store.close()
        if isinstance(how, Keep):
            self.disk.power_cut(how)
        else:
            self.disk.kill()

    def check(self) -> None:
        """The store contains one of the contents that it may have, and keeps it from now on."""
        found = {key.name: record.data for key, record in self.open().scan(Space.STATE) if isinstance(record, Record)}
        assert found in self.possible
        self.possible = [found]

    def flood(self) -> int:
        """Write new records until there is no more room. Returns how many were written."""
        number = 0
        while self.write(f"flood-{number}", bytes([number]) * SIZE):
            number += 1
        return number


def after(contents: dict[str, bytes], name: str, data: bytes | None) -> dict[str, bytes]:
    others = {each: content for each, content in contents.items() if each != name}
    return others if data is None else {**others, name: data}


ENDS = st.sampled_from(["closed", "killed", *Keep])
names = st.integers(0, 5).map("flood-{}".format)
acts = st.lists(
    st.tuples(st.just("write"), names, st.sampled_from([None, b"", b"x" * 100, b"y" * SIZE]))
    | st.tuples(st.just("end"), ENDS, st.none()),
    max_size=8,
)
illnesses = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(["", ".log", ".snapshot", ".new", "ballast", "owner"])),
    min_size=1,
    max_size=3,
)


def act_on(machine: Machine, acts: list[tuple[str, str | Keep, bytes | None]]) -> None:
    for kind, what, data in acts:
        if kind == "write":
            machine.write(str(what), data)
        else:
            machine.end(what)


@settings(max_examples=200, deadline=None)
@given(
    capacity=st.integers(48 * KIB, 200 * KIB),
    slack=st.sampled_from([600, 8 * KIB * KIB]),
    full=st.booleans(),
    code=st.sampled_from([errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS]),
    ill=illnesses,
    before=acts,
    while_ill=acts,
    end=st.none() | ENDS,
)
def test_what_fails_for_a_while_loses_nothing_and_leaves_nothing_behind(  # noqa: PLR0917 - all are drawn
    capacity: int,
    slack: int,
    full: bool,  # noqa: FBT001 - drawn
    code: int,
    ill: list[tuple[str, str]],
    before: list[tuple[str, str | Keep, bytes | None]],
    while_ill: list[tuple[str, str | Keep, bytes | None]],
    end: Keep | str | None,
) -> None:
    machine = Machine(AilingDisk(capacity), Options(limits=Limits(slack_bytes=slack)))
    machine.open()
    taken = machine.flood() if full else 0
    act_on(machine, before)
    machine.disk.ill, machine.disk.code = ill, code
    act_on(machine, while_ill)
    machine.disk.ill = ()
    if end is not None:
        machine.end(end)

    machine.open()
    machine.check()
    for name in tuple(machine.possible[0]):
        assert machine.write(name, None)
    assert machine.flood() >= taken - 2
    machine.end("killed")
    machine.open()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
@pytest.mark.parametrize("end", [".log", ".snapshot"])
def test_what_a_clean_up_could_not_remove_is_removed_when_that_is_possible(end: str, code: int) -> None:
    """Some file systems cannot even remove a file when they are full. The old generation takes the room of the ballast then."""
    machine = Machine(AilingDisk(92 * KIB))
    machine.flood()
    for number in range(20):
        assert machine.write("flood-0", b"%d" % number * 1_000)  # cleaned up at least once, so that there is a snapshot
    machine.disk.ill, machine.disk.code = [("remove", end)], code
    while machine.write("flood-0", b"z" * SIZE):
        pass
    machine.disk.ill = ()

    assert machine.write("flood-0", b"again" * 800)

    machine.check()


@pytest.mark.parametrize("later", range(1, 16))
def test_a_clean_up_begins_only_when_the_mark_of_an_orderly_close_is_gone(later: int) -> None:
    """Otherwise the next opening serves a generation whose name a failed sync has left in memory only, and commits follow it."""
    machine = Machine(AilingDisk(10_000 * KIB), Options(limits=Limits(slack_bytes=600)))
    machine.write("a", b"1" * SIZE)
    machine.write("a", b"2" * SIZE)
    machine.end("closed")
    machine.open()
    machine.disk.code, machine.disk.ill = errno.EIO, [("write", "owner")]
    machine.disk.power.failures[machine.disk.operations + later] = errno.EIO
    machine.write("a", b"3" * SIZE)
    machine.end("killed")
    machine.disk.ill, machine.disk.power.failures = (), {}

    assert machine.write("b", b"4")
    machine.end(Keep.NOTHING)

    machine.check()
    assert machine.possible[0]["b"] == b"4"
