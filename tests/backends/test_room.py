"""A filesystem store takes no more than it can clean up: the rule by itself, and the store on disks of all sizes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import cast

import attrs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trioactors.environment import Environment
from trioactors.errors import StoreFull
from trioactors.persistence import Batch, Limits, Options, Record, Space, Write
from trioactors.testing.contract_records import put, remove, state
from trioactors.testing.disk import Keep, SimulatedDisk
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.frames import ENTRY_BYTES, FRAME_BYTES
from trioactors_backends.room import BLOCK, RESERVE, ROUNDING, Sizes, Step, in_blocks, left_by, next_step

FOLDER = Path("/simulated/store")
KIB = 1024

lengths = st.integers(0, 100) | st.integers(0, 300 * KIB)


@st.composite
def sizes(draw: st.DrawFn) -> Sizes:
    return Sizes(log=draw(lengths), alive=draw(lengths), after=draw(lengths), frame=draw(lengths), held=draw(lengths))


@given(sizes())
def test_what_is_written_leaves_room_for_a_clean_up(given: Sizes) -> None:
    assert given.held is not None
    for tried in (set[Step](), {Step.WRITE}, {Step.CLEAN_UP}):
        step = next_step(given, tried)

        left = given.held if step is Step.WRITE else left_by(step, given)
        if step in (Step.WRITE, Step.CUT) and not given.removes:
            assert left >= given.after + ROUNDING
            assert given.after <= given.alive or left >= given.after + ROUNDING + RESERVE
        assert step is not Step.SPEND or given.removes
        assert left <= given.held or step in (Step.CLEAN_UP, Step.REFUSE)


@given(sizes() | sizes().map(lambda known: attrs.evolve(known, held=None)))
def test_each_step_is_proposed_once_and_then_the_commit_is_refused(given: Sizes) -> None:
    tried: list[Step] = []

    while (step := next_step(given, tried)) is not Step.REFUSE:
        assert step not in tried
        tried.append(step)

    assert len(tried) <= len(Step) - 1
    assert Step.CLEAN_UP not in tried or given.log


@given(alive=st.integers(100, 300 * KIB), name=st.integers(1, 4_096), data=st.integers(0, 300 * KIB), count=st.integers(1, 50))
@example(alive=100, name=1, data=0, count=1)
def test_a_removal_is_written_where_the_live_data_were_taken(alive: int, name: int, data: int, count: int) -> None:
    """After a clean-up on a disk with no byte more than the rule wants: the ballast is what the snapshot and its last block left."""
    after = max(100, alive - count * (ENTRY_BYTES + name + data))
    frame = FRAME_BYTES + min(alive - after, count * (ENTRY_BYTES + name))
    held = alive + ROUNDING + RESERVE - BLOCK
    given = Sizes(log=0, alive=alive, after=after, frame=frame, held=held)

    if after < alive:
        assert next_step(given, {Step.CLEAN_UP, Step.WRITE}) is Step.CUT
        assert held - left_by(Step.CUT, given) >= in_blocks(frame)


# The store itself.


class BlockDisk(SimulatedDisk):
    """A disk that gives room in blocks."""

    def __init__(self, capacity: int, block: int) -> None:
        super().__init__(capacity=capacity)
        self.block = block

    def _room(self) -> int:
        used = sum(-(-len(self.contents(FOLDER / name)) // self.block) * self.block for name in self.names(FOLDER))
        assert self.capacity is not None
        return max(0, self.capacity - used)


@attrs.define
class Machine:
    """A store on a small disk, and what it must contain."""

    disk: BlockDisk
    options: Options
    store: FilesystemStore = attrs.field(init=False)
    kept: dict[str, bytes] = attrs.field(factory=dict[str, bytes])

    def __attrs_post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.store = FilesystemStore(FOLDER, self.options)
        self.store.open(Environment(disk=self.disk))

    def put(self, name: str, data: bytes) -> bool:
        """Write a record. Returns whether there was room."""
        try:
            self.store.commit([put(name, data, expected=None)])
        except StoreFull:
            return False
        self.kept[name] = data
        return True

    def remove(self, name: str) -> None:
        """Remove a record, if there is one; there must be room for that."""
        if name in self.kept:
            self.store.commit([remove(name)])
            del self.kept[name]

    def end(self, how: Keep | str) -> None:
        """End the process, and begin anew; there must be room for that."""
        if how == "closed":
            self.store.close()
        if isinstance(how, Keep):
            self.disk.power_cut(how)
        else:
            self.disk.kill()
        self.open()

    def check(self) -> None:
        found = {key.name: record.data for key, record in self.store.scan(Space.STATE) if isinstance(record, Record)}
        assert found == self.kept


Act = tuple[str, object] | tuple[str, object, int]

names = st.integers(0, 7).map("key-{}".format)
record_sizes = st.sampled_from([0, 1, 27, 60, 300, 4_000, 20_000, 60_000])
puts = st.tuples(st.just("put"), names, record_sizes)
removals = st.tuples(st.just("remove"), names)
ends = st.tuples(st.just("end"), st.sampled_from(["closed", "killed", *Keep]))
floods = st.tuples(st.just("flood"), record_sizes)
"""New records of one size, until the store is full."""

acts = st.lists(puts | removals | ends | floods, max_size=12)


def flood(machine: Machine, size: int) -> list[str]:
    accepted: list[str] = []
    for number in range(40 if size < KIB else 400):
        name = f"flood-{size}-{number}"
        if not machine.put(name, bytes([number % 256]) * size):
            break
        accepted.append(name)
    return accepted


def do(machine: Machine, kind: str, what: object, size: int = 0) -> None:
    if kind == "put":
        machine.put(str(what), b"x" * size)
    elif kind == "remove":
        machine.remove(str(what))
    elif kind == "flood":
        flood(machine, cast("int", what))
    else:
        machine.end(cast("Keep | str", what))


@settings(max_examples=150, deadline=None)
@given(
    capacity=st.integers(24 * KIB, 400 * KIB),
    block=st.sampled_from([1, 512, BLOCK]),
    slack=st.sampled_from([600, 50_000, 8 * KIB * KIB]),
    acts=acts,
)
def test_on_a_disk_of_any_size_it_opens_removes_and_has_room_again(capacity: int, block: int, slack: int, acts: list[Act]) -> None:
    machine = Machine(BlockDisk(capacity, block), Options(limits=Limits(slack_bytes=slack)))
    for act in acts:
        do(machine, *act)
        machine.check()
    taken = flood(machine, 4_000)
    for name in tuple(machine.kept):
        machine.remove(name)
        machine.check()
    again = flood(machine, 4_000)

    assert len(again) >= len(taken) - 2  # the last blocks of a snapshot and its log, where there was only a log
    machine.end("killed")
    machine.check()


@settings(max_examples=100, deadline=None)
@given(
    block=st.sampled_from([1, BLOCK]),
    size=record_sizes.filter(bool),
    taken=st.integers(0, 400 * KIB),
    acts=acts,
    end=st.sampled_from(["none", "closed", "killed", *Keep]),
)
def test_a_disk_that_others_fill_and_free_again(block: int, size: int, taken: int, acts: list[Act], end: str) -> None:
    """While the room is gone, commits and openings may be refused. When it is back, nothing is lost and everything goes on."""
    machine = Machine(BlockDisk(400 * KIB, block), Options(limits=Limits(slack_bytes=50_000)))
    flood(machine, size)
    machine.disk.capacity = 400 * KIB - taken
    with suppress(StoreFull):
        for act in acts:
            do(machine, *act)
            machine.check()
    machine.disk.capacity = 400 * KIB
    machine.end("killed" if end == "none" else end)

    machine.check()
    for name in tuple(machine.kept):
        machine.remove(name)
    assert machine.put("more", bytes(150 * KIB))
    machine.check()


@given(st.lists(st.tuples(names, st.none() | record_sizes), min_size=1, max_size=12), st.dictionaries(names, record_sizes))
def test_the_length_of_the_next_snapshot_is_known_before_the_commit(
    writes: list[tuple[str, int | None]], before: dict[str, int]
) -> None:
    """Also if one commit writes the same record more than once."""
    disk = SimulatedDisk(capacity=10_000_000)
    store = FilesystemStore(FOLDER)
    store.open(Environment(disk=disk))
    store.commit([Batch(tuple(Write(state(name), bytes(size), expected=None) for name, size in before.items()))])

    group = [Batch((Write(state(name), None if size is None else bytes(size), expected=None),)) for name, size in writes]
    opened = store._state
    assert opened is not None
    decision = opened.keyspace.decide(group, Limits())
    expected = opened.keyspace.stored_after(list(decision.changes))
    store.commit(group)

    assert opened.keyspace.stored_after(()) == expected
    store.close()
