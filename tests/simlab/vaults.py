"""A store alone, against a model: commits, scans, copies, a second owner, damage and reopening, whatever the disk does.

The model is a dictionary with the rules of the port (`trioactors.persistence`). After an indeterminate commit there are several models, one
for each prefix of the batches that may have been kept; the contents after the next opening decide which one it is.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import trio

import trioactors as ta
from trioactors.environment import Disk, Environment
from trioactors.persistence import (
    ABSENT,
    Batch,
    Check,
    Committed,
    Conflict,
    Corrupt,
    Creation,
    Key,
    Limits,
    Options,
    Record,
    Space,
    TooLarge,
    Write,
)
from trioactors.system.system import runtime_of
from trioactors.testing.simulation import Client, Operation, Simulation, Turn, sometimes
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.ownership import Mark

__all__ = ["TREE", "keep_safe"]

PLACE = Path("/vault")
SPACES = (Space.STATE, Space.TIMER, Space.META)
NAMES = ("", "a", "ab", "b", "é", "zz")
KEYS = tuple(Key(space, name) for space in SPACES for name in NAMES)
LARGEST = 600
LIMITS = Limits(slack_bytes=1_024, record_bytes=LARGEST, key_bytes=40)
RETRIES = 40
ANY = -1
"""A revision that was never reported."""

State: TypeAlias = "Mapping[Key, Record]"
"""The contents of a store."""


def _store(place: Path, create: Creation = Creation.CREATE) -> FilesystemStore:
    return FilesystemStore(place, Options(limits=LIMITS, create=create))


@contextmanager
def _refusals() -> Generator[None]:
    """Turn errors of the disk into `StoreUnavailable`: they are not crashes."""
    try:
        yield
    except OSError as error:
        raise ta.StoreUnavailable(f"the disk refused: {error}") from error


def _held(store: FilesystemStore) -> dict[Key, Record | Corrupt]:
    """The contents of the store by its scans; its reads must agree."""
    found = {key: record for space in Space for key, record in store.scan(space)}
    asked = [*KEYS, *(key for key in found if key not in KEYS)]
    read = list(store.read(asked))
    assert [found.get(key) for key in asked] == read, "reading and scanning differ"
    return found


class Vault(ta.Actor[None]):
    """Uses the store. Each handler is one call of it."""

    @property
    def store(self) -> FilesystemStore:
        return self.context.system.get(FilesystemStore, "store")

    def _environment(self) -> Environment:
        return runtime_of(self.context.system).environment

    @ta.handler(raises=(ta.StoreError,))
    def commit(self, batches: Sequence[Batch]) -> Sequence[Any]:
        return self.store.commit(batches)

    @ta.handler(raises=(ta.StoreError,))
    def held(self) -> dict[Key, Record | Corrupt]:
        return _held(self.store)

    @ta.handler(raises=(ta.StoreError,))
    def scan(self, space: Space, start: str, stop: str | None, limit: int, *, reverse: bool) -> Sequence[Any]:
        return self.store.scan(space, start=start, stop=stop, limit=limit, reverse=reverse)

    @ta.handler(raises=(ta.StoreError,))
    def anew(self) -> None:
        """Close the store, which ends its failed state, and open it again."""
        try:
            self.store.close()
        finally:
            self.store.open(self._environment())

    @ta.handler(raises=(ta.StoreError,))
    def rival(self) -> str:
        """Open the store from a second object, and a second time from the first one."""
        for other in (_store(PLACE), self.store):
            try:
                other.open(self._environment())
            except ta.StoreLocked as error:
                sometimes("a second owner is refused", "process" in str(error))
            else:
                raise AssertionError("a store has two owners")
        return "refused"

    @ta.handler(raises=(ta.StoreError,))
    def elsewhere(self, place: Path) -> str:
        """Open a store where there is none and none may be made; then where there are other files."""
        with _refusals():
            return self._refused(self._environment().disk, place)

    def _refused(self, disk: Disk, place: Path) -> str:
        disk.make_folder(place)
        for expected in ("no store in", "other files"):
            try:
                _store(place, Creation.REFUSE if expected == "no store in" else Creation.CREATE).open(self._environment())
            except ta.StoreUnavailable as error:
                if expected not in str(error):
                    raise  # the disk refused
            else:
                raise AssertionError(f"a store was made instead of raising {expected!r}")
            for name in disk.names(place):
                disk.remove(place / name)
            disk.open(place / "letter.txt").close()
        return "refused"

    @ta.handler(raises=(ta.StoreError,))
    def copy(self, place: Path, bits: int) -> State:
        """Copy the store, change the copy, and damage one bit of it: each record must be found or reported as damaged."""
        environment = self._environment()
        self.store.backup(place)
        before = _held(self.store)
        copy = _store(place)
        copy.open(environment)
        try:
            copied = _held(copy)
            assert copied == before, "a copy differs from its original"
            copy.commit([Batch((Write(key, b"in the copy", expected=None),)) for key in KEYS[:2]])
            copy.commit([Batch((Write(KEYS[0], None, expected=None), Write(KEYS[3], bytes(40), expected=None)))])
            expected = _held(copy)
        finally:
            copy.close()
        if not self._witnessed(place):  # a damaged last frame then looks like an unfinished one
            sometimes("the mark of a copy could not be written")
            return {}
        self._damage(place, bits)
        damaged = _store(place)
        try:
            damaged.open(environment)
        except ta.StoreCorrupt:
            sometimes("damage keeps a store from opening")
            return {}
        except ta.NewerSchema:  # the damaged bit is in the number of the format
            return {}
        try:
            self._compare(_held(damaged), expected)
        finally:
            damaged.close()
        return {}

    def _witnessed(self, place: Path) -> bool:
        """Whether the mark says that the store at *place* was closed."""
        with _refusals(), closing(self._environment().disk.open(place / "owner")) as file:
            mark = Mark.unpack(file.read())
        return mark is not None and mark.clean

    def _damage(self, place: Path, bits: int) -> None:
        disk = self._environment().disk
        with _refusals():
            names = disk.names(place)
            file = disk.open(place / names[bits % len(names)])
            with closing(file):
                data = file.read()
                at = bits // len(names) % len(data)
                file.write(at, bytes([data[at] ^ (1 << bits % 8)]))
                file.sync()

    def _compare(self, found: Mapping[Key, Record | Corrupt], expected: Mapping[Key, Record | Corrupt]) -> None:
        assert found.keys() == expected.keys(), "damage made records come or go"
        for key, record in found.items():
            if isinstance(record, Corrupt):
                sometimes("damage spoils one record")
            else:
                assert record == expected[key], f"damage was served as {record}"


@asynccontextmanager
async def _opened() -> AsyncGenerator[FilesystemStore]:
    store = _store(PLACE)
    store.open(runtime_of(ta.current_system()).environment)
    try:
        await trio.lowlevel.checkpoint()
        yield store
    finally:
        store.close()


TREE = ta.Supervisor(
    ta.child(ta.resource(_opened), name="store"),
    ta.child(Vault, name="vault"),
    name="bank",
    strategy=ta.Strategy.REST_FOR_ONE,
    intensity=ta.Intensity(limit=60, period=1.0),
)


@attrs.define
class Model:
    """The possible contents of the store."""

    states: list[State] = attrs.field(factory=lambda: [{}])
    highest: int = 0
    """New records get higher revisions than this."""

    def learn(self, found: Mapping[Key, Record | Corrupt]) -> None:
        """Compare the contents that were found."""
        sound = {key: record for key, record in found.items() if isinstance(record, Record)}
        assert len(sound) == len(found), f"there is a damaged record: {found}"
        assert any(map(partial(_agrees, sound), self.states)), (
            f"the store contains {sound}, but may only contain one of {self.states}"
        )
        self.states = [sound]
        self.highest = max([self.highest, *(record.revision for record in sound.values())])

    def answered(self, batches: Sequence[Batch], answers: Sequence[Any]) -> None:
        """Compare the answers of a commit."""
        assert len(answers) == len(batches)
        for batch, answer in zip(batches, answers, strict=True):
            refused = _refusal(self.states[0], batch)
            if refused is not None:
                assert answer == refused, f"{batch} was answered by {answer}, not by {refused}"
                continue
            assert isinstance(answer, Committed), f"{batch} was answered by {answer}"
            after = _after(self.states[0], batch)
            for write, revision in zip(batch.writes, answer.revisions, strict=True):
                self._told(write, self.states[0].get(write.key), revision)
                if write.data is not None:
                    after[write.key] = Record(write.data, revision)
            self.states = [after]

    def _told(self, write: Write, known: Record | None, revision: int) -> None:
        if write.data is None:
            assert revision == ABSENT, f"{write} was answered by {revision}"
        elif known is None:
            assert revision > self.highest, f"a new record got revision {revision}, after {self.highest}"
        else:
            assert revision == known.revision + 1, f"revision {revision} follows {known.revision}"
        self.highest = max(self.highest, revision)

    def doubtful(self, batches: Sequence[Batch]) -> None:
        """Handle an indeterminate commit: a prefix of the batches is kept, possibly empty."""
        for batch in batches:
            if _refusal(self.states[-1], batch) is None:
                self.states.append(_after(self.states[-1], batch))


def _after(state: State, batch: Batch) -> dict[Key, Record]:
    """The contents after *batch*; the revisions of new records are unknown."""
    after = dict(state)
    for write in batch.writes:
        known = after.pop(write.key, None)
        if write.data is not None:
            after[write.key] = Record(write.data, ANY if known is None or known.revision == ANY else known.revision + 1)
    return after


def _agrees(found: State, state: State) -> bool:
    return found.keys() == state.keys() and all(
        record.data == state[key].data and state[key].revision in (ANY, record.revision) for key, record in found.items()
    )


def _refusal(state: State, batch: Batch) -> Conflict | TooLarge | None:
    for write in batch.writes:
        if len(write.key.name.encode()) > LIMITS.key_bytes:
            return TooLarge(write.key, len(write.key.name.encode()), LIMITS.key_bytes)
        if write.data is not None and len(write.data) > LARGEST:
            return TooLarge(write.key, len(write.data), LARGEST)
    wanted: list[tuple[Key, int | None]] = [(check.key, check.expected) for check in batch.checks]
    wanted += [(write.key, write.expected) for write in batch.writes]
    for key, expected in wanted:
        known = state.get(key)
        actual = ABSENT if known is None else known.revision
        if expected is not None and expected != actual:  # an expected revision was always reported before
            return Conflict(key, expected, actual)
    return None


# --- requests ---


def _batches(chance: random.Random, state: State) -> Sequence[Batch]:
    return [_batch(chance, state) for _ in range(chance.randint(1, 3))]


def _batch(chance: random.Random, state: State) -> Batch:
    keys = chance.sample(KEYS, chance.randint(1, 3))
    if chance.random() < 0.05:
        keys.append(Key(Space.STATE, "é" * chance.randint(19, 22)))
    writes = [Write(key, _data(chance), expected=_expected(chance, state, key)) for key in keys]
    checks = [Check(key, _expected(chance, state, key) or ABSENT) for key in KEYS if chance.random() < 0.03]
    return Batch(tuple(writes), tuple(checks))


def _data(chance: random.Random) -> bytes | None:
    if chance.random() < 0.25:
        return None
    size = chance.choice((0, 3, 50, 300)) if chance.random() < 0.95 else LARGEST + chance.randint(0, 1)
    return chance.randbytes(size)


def _expected(chance: random.Random, state: State, key: Key) -> int | None:
    known = state.get(key)
    if chance.random() < 0.3:
        return None
    wrong = chance.random() < 0.05
    return ABSENT + 1_000 * wrong if known is None else known.revision + wrong


def _scanned(state: State, space: Space, start: str, stop: str | None, limit: int, *, reverse: bool) -> list[tuple[Key, Record]]:
    names = sorted(key.name for key in state if key.space is space and start <= key.name and (stop is None or key.name < stop))
    if reverse:
        names.reverse()
    return [(Key(space, name), state[Key(space, name)]) for name in names[:limit]]


class _Auditor:
    """The only client: it calls the vault and compares."""

    def __init__(self, me: Client, model: Model) -> None:
        self.me = me
        self.model = model

    async def look(self) -> State:
        """Read the whole store, opening it again until that succeeds."""
        for _ in range(RETRIES):
            done = await self.ask("held")
            if done.ok:
                self.model.learn(done.answer)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
                return self.model.states[0]
            await self.ask("anew")
        raise AssertionError("the store cannot be read")

    async def ask(self, kind: str, *arguments: object, **named: object) -> Operation:
        """Call the vault."""
        return await self.me.call(Vault, "vault", methodcaller(kind, *arguments, **named), what=kind)

    async def commit(self, turn: Turn, state: State) -> None:
        """Commit some batches at once."""
        batches = _batches(turn.random, state)
        done = await self.ask("commit", batches)
        if done.ok:
            self.model.answered(batches, done.answer)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        elif not (isinstance(done.error, ta.StoreError) and done.error.retryable):
            self.model.doubtful(batches)

    async def scan(self, turn: Turn, state: State) -> None:
        """Scan a part of a space."""
        chance = turn.random
        asked = (chance.choice(SPACES), chance.choice(NAMES), chance.choice((*NAMES, None)), chance.choice((0, 1, 2, 9)))
        reverse = chance.random() < 0.5
        done = await self.ask("scan", *asked, reverse=reverse)
        assert not done.ok or done.answer == _scanned(state, *asked, reverse=reverse), f"{asked}: {done.answer}"


async def keep_safe(simulation: Simulation) -> None:
    """Run one client, which compares each result with the model."""
    model = Model()

    async def client(me: Client) -> None:
        auditor = _Auditor(me, model)
        async for turn in me.turns(10, pause=0.1):
            state = await auditor.look()
            match turn.random.choice(("commit",) * 8 + ("scan", "anew", "rival", "elsewhere", "copy")):
                case "commit":
                    await auditor.commit(turn, state)
                case "scan":
                    await auditor.scan(turn, state)
                case "copy":
                    await auditor.ask("copy", Path(f"/copy {turn.id}"), turn.random.getrandbits(24))
                case "elsewhere":
                    await auditor.ask("elsewhere", Path(f"/other {turn.id}"))
                case kind:
                    await auditor.ask(kind)

    await simulation.clients(1, client)
    await simulation.settle()
    await simulation.clients(1, lambda me: _Auditor(me, model).look())
