"""The life of a store under one planned fault, and a witness that knows what it may contain afterwards. `FaultContract` is built on it.

The life is always the same: open, commit and close, three times, with commits of several batches, refused batches and removals. The disk
counts the operations, so that each of them can fail, be cut or be killed in turn. After an indeterminate commit the store is closed and
opened again, as the runtime does.

The witness computes every answer with the rules of `trioactors.persistence.decide` and keeps the states that the store may be in: one state
while everything is known; the states between whole batches while a commit is in progress or indeterminate; and again one after the store
has been read, because a state that was read once must stay.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import attrs

from trioactors.environment.disk import DiskFile
from trioactors.environment.environment import Environment
from trioactors.errors import Outcome, StoreError
from trioactors.persistence.commit_rules import decide
from trioactors.persistence.options import Limits
from trioactors.persistence.store import ABSENT, Answer, Batch, Corrupt, Key, Record, Space, Store, Write
from trioactors.testing.disk import Keep, Power, PowerCut, SimulatedDisk

__all__ = ["LIVES", "PLACE", "Killed", "Life", "LostWrite", "Plan", "Repeated", "TestedDisk", "Witness"]

PLACE = Path("/simulated/place/store")
"""The path of the store."""

_Group = Sequence[Batch]
_BIG = b"0123456789" * 600


def _write(name: str, data: bytes | None, expected: int | None = None, space: Space = Space.STATE) -> Write:
    return Write(Key(space, name), data, expected=expected)


LIVES: Sequence[Sequence[_Group]] = (
    (
        (Batch((_write("a", b"1" * 50, ABSENT),)),),
        (
            Batch((_write("b", b"2" * 300),)),
            Batch((_write("a", b"never", 7),)),
            Batch((_write("a", b"3"), _write("1", b"4", space=Space.OUTBOX))),
        ),
        (Batch((_write("c", _BIG),)),),
    ),
    (
        (Batch((_write("b", None), _write("c", b"5", 5))), Batch((_write("d", b"6" * 400),))),
        (Batch((_write("a", b"7" * 300),)),),
        (Batch((_write("a", None), _write("1", None, space=Space.OUTBOX), _write("e", b"8"))),),
    ),
    (
        (Batch((_write("a", _BIG),)), Batch((_write("f", b"9" * 300),)), Batch((_write("f", b"never", ABSENT),))),
        (Batch((_write("e", b"11"),)),),
    ),
)
"""The commits of each opening of the store; a commit is a group of batches."""


class Killed(BaseException):
    """The process is killed here. Only the test catches this."""


class LostWrite(AssertionError):
    """The store contains data that it must not contain, or lacks data that it must contain."""


class Repeated(AssertionError):
    """A failed sync was repeated."""


@attrs.define
class _TestedPower(Power):
    """Can also kill the process before an operation."""

    kill_at: int | None = None

    def step(self) -> None:
        """Begin an operation. Raises its planned failure."""
        if self.kill_at is not None and self.operations + 1 >= self.kill_at:
            raise Killed
        super().step()

    def end_of_process(self) -> None:
        """End the process: open files become invalid, and nothing else is planned."""
        super().end_of_process()
        self.kill_at = None
        self.failures.clear()


@attrs.frozen(kw_only=True)
class Plan:
    """The planned faults, by the number of the operation."""

    seed: int = 0
    failures: Mapping[int, int] = attrs.field(factory=dict[int, int])
    cut_at: int | None = None
    kill_at: int | None = None


class TestedDisk(SimulatedDisk):
    """A disk with a plan. It records which operations were syncs, and raises `Repeated` if a failed sync is repeated."""

    __test__ = False  # for pytest: this class is not a test

    def __init__(self) -> None:
        super().__init__()
        self.power: _TestedPower = _TestedPower(self.power.random, {}, None)
        self.syncs: list[int] = []
        self.lost: set[Path] = set()
        """Files and folders whose last sync failed and that have not been written since."""

    def plan(self, plan: Plan) -> None:
        """Apply *plan* from now on."""
        self.power.random.seed(plan.seed)
        self.power.failures.update(plan.failures)
        self.power.cut_at, self.power.kill_at = plan.cut_at, plan.kill_at

    def open(self, path: Path) -> DiskFile:
        """Open or create the file."""
        if path.name not in self.names(path.parent):
            self.lost.discard(path.parent)
        return cast("DiskFile", _TestedFile(self, path, super().open(path)))

    def rename(self, old: Path, new: Path) -> None:
        """Give the file another name."""
        super().rename(old, new)
        self.lost -= {old.parent, old, new}

    def remove(self, path: Path) -> None:
        """Remove the name."""
        super().remove(path)
        self.lost -= {path.parent, path}

    def sync_folder(self, path: Path) -> None:
        """Make the names durable."""
        self.sync(path, lambda: super(TestedDisk, self).sync_folder(path))

    def sync(self, path: Path, do: Callable[[], None]) -> None:
        """Sync *path* by *do*, unless its last sync failed."""
        if path in self.lost:
            raise Repeated(f"the sync of {path} failed and was repeated without a write in between")
        self.syncs.append(self.operations + 1)
        try:
            do()
        except OSError:
            self.lost.add(path)
            raise

    def power_cut(self, keep: Keep) -> None:
        """Lose the unsynced changes that *keep* does not save."""
        super().power_cut(keep)
        self.lost.clear()


class _TestedFile:
    def __init__(self, disk: TestedDisk, path: Path, inner: DiskFile) -> None:
        self._disk = disk
        self._path = path
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def write(self, offset: int, data: bytes) -> None:
        self._disk.lost.discard(self._path)
        self._inner.write(offset, data)

    def truncate(self, size: int) -> None:
        self._disk.lost.discard(self._path)
        self._inner.truncate(size)

    def sync(self) -> None:
        self._disk.sync(self._path, self._inner.sync)


@attrs.frozen
class _State:
    """A possible content of a store, with the last revision that was assigned."""

    records: dict[Key, Record] = attrs.field(factory=dict[Key, Record])
    sequence: int = 0

    def after(self, batches: _Group) -> tuple[_State, Sequence[Answer]]:
        """The content after the batches, and the answers to them."""

        def revision(key: Key) -> int:
            known = self.records.get(key)
            return ABSENT if known is None else known.revision

        decision = decide(batches, limits=Limits(), sequence=self.sequence, revision=revision)
        records = dict(self.records)
        for change in decision.changes:
            records.pop(change.key, None)
            if change.data is not None:
                records[change.key] = Record(change.data, change.revision)
        return _State(records, decision.sequence), decision.answers


class Witness:
    """Knows the possible contents of the store."""

    def __init__(self) -> None:
        self.possible: list[_State] = [_State()]
        self.history: list[_State] = [_State()]
        """All contents that the store may ever have had, in order."""

    def commit(self, store: Store, batches: _Group) -> None:
        """Commit the batches and check the answers."""
        [before] = self.possible
        between = [before.after(batches[:count])[0] for count in range(len(batches) + 1)]
        after, expected = before.after(batches)
        self.possible = between
        self.history += between[1:]
        try:
            answers = store.commit(batches)
        except StoreError as error:
            if error.outcome is not Outcome.INDETERMINATE:
                self.possible = [before]
            raise
        self.possible = [after]
        if list(answers) != list(expected):
            raise LostWrite(f"the answers were {answers}, expected {expected}")

    def look(self, store: Store, allowed: Sequence[_State] | None = None) -> None:
        """Check that the store is in one of the *allowed* states, which it must keep from now on."""
        found: dict[Key, Record] = {}
        for space in Space:
            for key, record in store.scan(space):
                if isinstance(record, Corrupt):
                    raise LostWrite(f"{key} is damaged: {record}")
                found[key] = record
        agreed = [state for state in (self.possible if allowed is None else allowed) if state.records == found]
        if not agreed:
            revisions = {f"{key.space.value}/{key.name}": record.revision for key, record in found.items()}
            raise LostWrite(f"the store contains {revisions}, which is none of its {len(self.possible)} possible states")
        self.possible = agreed[-1:]


@attrs.define
class Life:
    """The life of one store on one disk."""

    make: Callable[[Path], Store]
    disk: TestedDisk = attrs.field(factory=TestedDisk)
    witness: Witness = attrs.field(factory=Witness)
    _made: int = 0
    """How many ids the environments of this life have made."""

    def fork(self, plan: Plan) -> Life:
        """Copy the life at this point, with this *plan*. The store must be closed."""
        other = Life(self.make, copy.deepcopy(self.disk), copy.deepcopy(self.witness), self._made)
        other.disk.plan(plan)
        return other

    def environment(self) -> Environment:
        """The deterministic environment in which the store is opened."""
        return Environment(
            disk=self.disk,
            wall_clock=lambda: 1_700_000_000.0,
            random=random.Random,
            new_id=self._new_id,
        )

    def _new_id(self) -> str:
        self._made += 1
        return f"id-{self._made - 1}"

    def run(self, lives: Sequence[Sequence[_Group]] = LIVES) -> None:
        """Run to the end in spite of a single planned failure. Raises `PowerCut` or `Killed` if that is planned."""
        store = self.make(PLACE)
        for groups in lives:
            self._open(store)
            for group in groups:
                self._commit(store, group)
            with suppress(StoreError):
                store.close()

    def cut_in_the_next(self, later: int) -> None:
        """End the process, and cut the power of the next one *later* operations after it began to open the store."""
        self.disk.kill()
        self.disk.plan(Plan(seed=later, cut_at=self.disk.operations + later))
        with suppress(PowerCut):
            self._open(self.make(PLACE))

    def after(self, keep: Keep | None, *, durable: bool = True) -> None:
        """Cut the power (None: only end the process), and check what a new process finds. This ends the life."""
        if keep is None:
            self.disk.kill()
        else:
            self.disk.power_cut(keep)
        store = self._reopened(self.witness.possible if durable or keep is None else self.witness.history)
        if durable:  # a state that was read once survives the next power cut
            self.disk.power_cut(Keep.NOTHING)
            store = self._reopened(self.witness.possible)
        self.witness.commit(store, [Batch((_write("last", b"12"),))])
        store.close()

    def _reopened(self, allowed: Sequence[_State]) -> Store:
        store = self.make(PLACE)
        store.open(self.environment())
        self.witness.look(store, allowed)
        return store

    def _open(self, store: Store) -> None:
        """Open the store. A failed attempt is repeated once and must then succeed."""
        world = self.environment()
        try:
            store.open(world)
        except StoreError:
            store.open(world)
        self.witness.look(store)

    def _commit(self, store: Store, group: _Group) -> None:
        try:
            self.witness.commit(store, group)
        except StoreError as error:
            if error.outcome is Outcome.INDETERMINATE:
                with suppress(StoreError):
                    store.close()
                self._open(store)
            self.witness.look(store)
