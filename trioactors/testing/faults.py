"""A store's whole life under one planned fault, and the witness who knows what may be in it afterwards. What `FaultContract` stands on.

The life is always the same: open, commit, close, and that three times; commits of several batches, batches that are refused, removals.
Its disk counts the operations, so that each can be failed, cut or killed in turn. When a commit is indeterminate the store is closed and
opened again, as the runtime does it.

The witness works out every answer with the rules of `trioactors.persistence.decide` and keeps what may be in the store: one state as long
as all is known; the states between two commits while a commit is out or indeterminate, whole batches each; and one again when the store
has been read, because what was served once must be served ever after.
"""

from __future__ import annotations

import copy
import itertools
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
"""Where the store is."""

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
"""What is committed in each opening of the store: groups of batches, each of which is one commit."""


class Killed(BaseException):
    """The process ends here. Nothing catches it but the test."""


class LostWrite(AssertionError):
    """The store holds what it may not hold, or lacks what it must have."""


class Repeated(AssertionError):
    """A sync that had failed was tried again."""


@attrs.define
class _TestedPower(Power):
    """Ends the process before an operation, too."""

    kill_at: int | None = None

    def step(self) -> None:
        """Begin an operation."""
        if self.kill_at is not None and self.operations + 1 >= self.kill_at:
            raise Killed
        super().step()

    def end_of_process(self) -> None:
        """Whatever was open is dead, and nothing else is planned."""
        super().end_of_process()
        self.kill_at = None
        self.failures.clear()


@attrs.frozen(kw_only=True)
class Plan:
    """What goes wrong, by the number of the operation."""

    seed: int = 0
    failures: Mapping[int, int] = attrs.field(factory=dict[int, int])
    cut_at: int | None = None
    kill_at: int | None = None


class TestedDisk(SimulatedDisk):
    """A disk with a plan. It remembers which operations were syncs, and objects when one that failed is repeated."""

    __test__ = False  # pytest: this is no test

    def __init__(self) -> None:
        super().__init__()
        self.power: _TestedPower = _TestedPower(self.power.random, {}, None)
        self.syncs: list[int] = []
        self.lost: set[Path] = set()
        """Files and folders whose last sync failed, and that were not written since."""

    def plan(self, plan: Plan) -> None:
        """Let this go wrong from now on."""
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
        """Sync it once."""
        if path in self.lost:
            raise Repeated(f"the sync of {path} failed, and was repeated without anything written")
        self.syncs.append(self.operations + 1)
        try:
            do()
        except OSError:
            self.lost.add(path)
            raise

    def power_cut(self, keep: Keep) -> None:
        """Forget what did not arrive."""
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
    """What a store may hold, and the last revision that was given."""

    records: dict[Key, Record] = attrs.field(factory=dict[Key, Record])
    sequence: int = 0

    def after(self, batches: _Group) -> tuple[_State, Sequence[Answer]]:
        """What it holds after the batches, and what it says to them."""

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
    """Knows what may be in the store."""

    def __init__(self) -> None:
        self.possible: list[_State] = [_State()]
        self.history: list[_State] = [_State()]
        """Everything that ever might have been in it, in order."""

    def commit(self, store: Store, batches: _Group) -> None:
        """Commit the batches, and hold the store to its answers."""
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
            raise LostWrite(f"answered {answers}, where {expected} is right")

    def look(self, store: Store, allowed: Sequence[_State] | None = None) -> None:
        """See that the store holds one of the *allowed* states; from now on it is that one."""
        found: dict[Key, Record] = {}
        for space in Space:
            for key, record in store.scan(space):
                if isinstance(record, Corrupt):
                    raise LostWrite(f"{key} is damaged: {record}")
                found[key] = record
        agreed = [state for state in (self.possible if allowed is None else allowed) if state.records == found]
        if not agreed:
            revisions = {f"{key.space.value}/{key.name}": record.revision for key, record in found.items()}
            raise LostWrite(f"it holds {revisions}, which is none of the {len(self.possible)} states it may be in")
        self.possible = agreed[-1:]


@attrs.define
class Life:
    """One store on one disk."""

    make: Callable[[Path], Store]
    disk: TestedDisk = attrs.field(factory=TestedDisk)
    witness: Witness = attrs.field(factory=Witness)
    _ids: itertools.count[int] = attrs.field(factory=itertools.count)

    def fork(self, plan: Plan) -> Life:
        """Another life that goes on from here (the store must be closed), with this *plan*."""
        other = Life(self.make, copy.deepcopy(self.disk), copy.deepcopy(self.witness), copy.copy(self._ids))
        other.disk.plan(plan)
        return other

    def environment(self) -> Environment:
        """The world in which the store is opened: nothing in it is left to chance."""
        return Environment(
            disk=self.disk,
            wall_clock=lambda: 1_700_000_000.0,
            random=random.Random,
            new_id=lambda: f"id-{next(self._ids)}",
        )

    def run(self, lives: Sequence[Sequence[_Group]] = LIVES) -> None:
        """Live to the end, whatever single failure is planned; a cut or a kill comes out as itself."""
        store = self.make(PLACE)
        for groups in lives:
            self._open(store)
            for group in groups:
                self._commit(store, group)
            with suppress(StoreError):
                store.close()

    def cut_in_the_next(self, later: int) -> None:
        """End the process, and let the next one be cut so many operations after it began to open the store."""
        self.disk.kill()
        self.disk.plan(Plan(seed=later, cut_at=self.disk.operations + later))
        with suppress(PowerCut):
            self._open(self.make(PLACE))

    def after(self, keep: Keep | None, *, durable: bool = True) -> None:
        """Cut the power (None: only end the process), and see what a new process finds on the disk. That is the end of this life."""
        if keep is None:
            self.disk.kill()
        else:
            self.disk.power_cut(keep)
        store = self._reopened(self.witness.possible if durable or keep is None else self.witness.history)
        if durable:  # what was served once survives the next power cut
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
        """Open it; what failed once is tried once more, and must succeed."""
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
