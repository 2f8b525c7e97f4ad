"""`ta.reset` and `ta.restore`: a record goes to quarantine and comes back while the program runs, and nothing is ever lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from trio.testing import MockClock

import trioactors as ta
from shared.adders import Adder, Sum
from trioactors import inspect
from trioactors.persistence import Batch, Corrupt, Key, Record, Space, Store, Write, store_at
from trioactors.persistence.quarantine import Copy, copies, reset_batch, restore_batch
from trioactors.serializer import Serializer
from trioactors.testing import isolated_system, restarted, sweep_cancellation
from trioactors.testing.stores import Fault, FaultyStore, Operation
from trioactors_backends.memory import MemoryStore


class Lazy(Adder, persist=ta.Within(60.0)):
    """Commits when its window is over, or when it is stopped."""


class Bruised(MemoryStore):
    """A store in which the state of `adder` is damaged, until it is written again."""

    hurt = True

    def read(self, keys: Sequence[Key]) -> Any:
        return [
            Corrupt(key, "torn", b"what is left") if self.hurt and key == STATE else found
            for key, found in zip(keys, super().read(keys), strict=True)
        ]

    def commit(self, batches: Any) -> Any:
        self.hurt = self.hurt and not any(write.key == STATE for batch in batches for write in batch.writes)
        return super().commit(batches)


STATE = Key(Space.STATE, "adder")


def record_of(total: int) -> bytes:
    return Serializer().codec(Sum).encode(Sum(total))


def tree(kind: type[Adder] = Adder, **options: Any) -> ta.Supervisor:
    return ta.Supervisor(ta.child(kind, name="adder"), ta.child(Adder, name="other"), name="shop", **options)


@pytest.fixture(params=["memory:", "file", "sqlite"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Every kind of store."""
    url: str = request.param
    return store_at(url if url == "memory:" else f"{url}:///{tmp_path / 'store'}")


async def quarantined(system: ta.System) -> list[str]:
    return [row.name for row in (await inspect.quarantine(system)).rows]


async def test_reset_begins_anew_and_restore_brings_everything_back(autojump_clock: MockClock, any_store: Store) -> None:
    async with isolated_system(tree(), store=any_store) as system:
        adder = system.get(Adder, "adder")
        await adder.add(5)

        copy = await ta.reset(system, "adder")
        assert copy == "state/adder@1"
        assert await adder.total() == 0
        assert await adder.add() == 1

        replaced = await ta.restore(system, copy)
        assert await adder.total() == 5
        assert replaced is not None
        assert await quarantined(system) == [replaced]

        assert await ta.restore(system, replaced) is not None
        assert await adder.total() == 1
        assert ta.info(system.get(Adder, "other")).incarnation == 1


async def test_waiting_messages_are_kept(autojump_clock: MockClock) -> None:
    async with isolated_system(tree()) as system:
        adder = system.get(Adder, "adder")
        await adder.add(5)
        await ta.pause(adder)
        await adder.add.cast(3)

        await ta.reset(system, "adder")
        await ta.resume(adder)

        assert await adder.total() == 3


async def test_what_a_window_holds_is_committed_before_it_is_set_aside(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with isolated_system(tree(Lazy), store=store) as system:
        adder = system.get(Adder, "adder")
        await adder.add(5)
        await ta.restart(adder)
        await adder.add(5)

        copy = await ta.reset(system, "adder")
        await ta.restore(system, copy)

        assert await adder.total() == 10


async def test_a_damaged_record_is_reset_and_its_bytes_are_kept(autojump_clock: MockClock) -> None:
    async with isolated_system(tree(), store=Bruised()) as system:
        adder = system.get(Adder, "adder")
        with pytest.raises(ta.ActorStopped, match="torn"):
            await adder.add()

        copy = await ta.reset(system, "adder")

        assert copy == "state/adder@damaged"
        assert await adder.add() == 1
        assert await quarantined(system) == [copy]
        with pytest.raises(ta.UsageError, match=r"is damaged, so it cannot be restored as it is.*data=\.\.\."):
            await ta.restore(system, copy)

        replaced = await ta.restore(system, copy, data=record_of(70))
        assert await adder.total() == 70
        assert await quarantined(system) == [replaced, copy]


async def test_a_copy_that_the_class_cannot_read_stops_nothing(autojump_clock: MockClock) -> None:
    async with isolated_system(tree()) as system:
        adder = system.get(Adder, "adder")
        await adder.add(5)
        copy = await ta.reset(system, "adder")
        await adder.add()

        for data in (b"", b"junk", b'{"format":1,"type":"Sum","version":7,"value":{"total":3}}'):
            with pytest.raises(ta.TrioactorsError, match=r"newer|JSON|empty|envelope"):
                await ta.restore(system, copy, data=data)

        assert ta.info(adder).incarnation == 2
        assert await adder.total() == 1
        assert await quarantined(system) == [copy]


async def test_a_record_without_an_actor_is_moved_too(autojump_clock: MockClock) -> None:
    async with isolated_system(tree()) as system:
        room = await system.start(Adder, name="room")
        await room.add(4)
        await ta.stop(room)

        copy = await ta.reset(system, "room")
        again = await system.start(Adder, name="room")
        assert await again.total() == 0
        await ta.stop(again)
        assert await ta.restore(system, copy) is None

        assert await (await system.start(Adder, name="room")).total() == 4


@pytest.mark.parametrize(
    ("repair", "says"),
    [
        (lambda system: ta.reset(system, "adder"), "adder has no stored state in .*, so there is nothing to reset"),
        (lambda system: ta.reset(system, "shop"), "shop is not a durable actor, so there is nothing to reset"),
        (lambda system: ta.restore(system, "state/adder@3"), "there is no copy 'state/adder@3' in quarantine"),
        (lambda system: ta.restore(system, "adder"), "'adder' is not the name of a quarantined state, such as 'state/counter@7'"),
        (lambda system: ta.restore(system, "timer/adder@3"), "is not the name of a quarantined state"),
        (
            lambda system: ta.restore(system, "state/adder@3", data=cast("Any", "text")),
            "restore takes data=... as bytes, not 'text'",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(autojump_clock: MockClock, repair: Any, says: str) -> None:
    async with isolated_system(tree()) as system:
        with pytest.raises(ta.UsageError, match=says):
            await repair(system)
        assert ta.info(system.get(Adder, "adder")).incarnation == 1


async def test_without_a_store_there_is_nothing_to_repair(autojump_clock: MockClock) -> None:
    async with isolated_system(store=None) as system:
        with pytest.raises(ta.UsageError, match="this system has no store, so there is nothing to reset"):
            await ta.reset(system, "adder")


async def test_an_actor_that_resets_itself_is_told_so(autojump_clock: MockClock) -> None:
    class Selfish(Adder):
        @ta.handler
        async def begin_anew(self) -> str:
            return await ta.reset(ta.current_system(), "adder")

    async with isolated_system(tree(Selfish)) as system:
        adder = system.get(Selfish, "adder")
        await adder.add()
        with pytest.raises(ta.ActorCrashed) as caught:
            await adder.begin_anew()
        assert isinstance(caught.value.__cause__, ta.CallCycle)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(at=1, before=ta.StoreFull("no room")),
        Fault(at=1, before=ta.StorePoisoned("lost")),
        Fault(at=1, after=ta.StorePoisoned("lost")),
    ],
    ids=["full", "poisoned before", "poisoned after"],
)
@pytest.mark.parametrize("what", ["reset", "restore"])
async def test_a_commit_that_fails_leaves_one_of_two_worlds(autojump_clock: MockClock, what: str, fault: Fault) -> None:
    store = FaultyStore(MemoryStore(), blocking=True)
    async with isolated_system(tree(), store=store) as system:
        adder = system.get(Adder, "adder")
        await adder.add(5)
        copy = await ta.reset(system, "adder") if what == "restore" else "state/adder@1"
        before = ta.info(adder).incarnation
        store.plan(fault)

        with pytest.raises(ta.StoreError):
            await (ta.reset(system, "adder") if what == "reset" else ta.restore(system, copy))
        await restarted(adder, after=before)

        total = await adder.total()
        assert total in {0, 5}
        assert ([copy] if total == 0 else []) == await quarantined(system)


async def test_a_read_that_fails_crashes_no_supervisor(autojump_clock: MockClock) -> None:
    def fall() -> None:
        raise OSError("surprise")

    store = FaultyStore(MemoryStore(), blocking=True)
    async with isolated_system(tree(), store=store) as system:
        adder = system.get(Adder, "adder")
        await adder.add(5)
        store.plan(Fault(at=2, operation=Operation.READ, wait=fall))
        with pytest.raises(OSError, match="surprise"):
            await ta.reset(system, "adder")

        assert await adder.total() == 5
        assert ta.info(system.get(Adder, "other")).incarnation == 1


async def test_a_failed_repair_leaves_a_damaged_actor_as_it_was(autojump_clock: MockClock) -> None:
    store = FaultyStore(Bruised(), blocking=True)
    async with isolated_system(tree(), store=store) as system:
        store.plan(Fault(at=1, operation=Operation.COMMIT, before=ta.StoreFull("no room")))
        with pytest.raises(ta.StoreFull):
            await ta.reset(system, "adder")

        assert ta.info(system.get(Adder, "adder")).status is ta.ChildStatus.FAILED
        assert "torn" in (inspect.actor(system, "adder").problem or "")


async def test_a_second_owner_is_an_error_and_nothing_is_changed(autojump_clock: MockClock) -> None:
    class Contested(MemoryStore):
        """Another program writes between what was read and what is committed."""

        armed = False

        def commit(self, batches: Any) -> Any:
            if self.armed and any(write.data is None for batch in batches for write in batch.writes):
                self.armed = False
                super().commit([Batch((Write(STATE, record_of(99), expected=None),))])
            return super().commit(batches)

    store = Contested()
    async with isolated_system(tree(), store=store) as system:
        adder = system.get(Adder, "adder")
        await adder.add(5)
        store.armed = True
        with pytest.raises(ta.StoreConflict, match="another writer"):
            await ta.reset(system, "adder")

        assert await adder.total() == 99
        assert await quarantined(system) == []


@pytest.mark.parametrize("what", ["reset", "restore"])
def test_a_cancellation_or_a_crash_at_any_moment_loses_nothing(what: str) -> None:
    async def scenario(system: ta.System) -> None:
        adder = await system.start(Adder, name="adder")
        await adder.add(5)
        copy = await ta.reset(system, "adder")
        if what == "restore":
            await adder.add(2)
            await ta.restore(system, copy)

    async def check(system: ta.System) -> None:
        await system.quiesce()
        store: Any = system._runtime.committer.store  # type: ignore[union-attr]  # pyright: ignore[reportPrivateUsage]
        found = [record for space in (Space.STATE, Space.QUARANTINE) for _, record in store.scan(space)]
        totals = sorted(Serializer().codec(Sum).decode(record.data).total for record in found)
        if totals:
            assert totals in ([5], [2, 5])
        if "adder" in system.names():
            assert await system.get(Adder, "adder").total() in {0, 2, 5}

    swept = sweep_cancellation(scenario, check=check, accept=(ta.ActorCrashed, ta.ActorStopped, ta.StartFailed, ta.UsageError))

    assert swept.cancelled > 10


def test_the_names_of_copies_can_be_read_back() -> None:
    key = Key(Space.STATE, "a@3/b\n@damaged")
    for revision in (7, None):
        names = copies(key, revision)
        for copy in (next(names), next(names), next(names)):
            assert Copy.of(copy) == Copy(copy, key, revision is None)
    for text in ("", "counter", "state/counter", "attic/counter@3", "state/counter@x"):
        assert Copy.of(text) is None


def test_a_move_is_one_batch_that_expects_what_was_read() -> None:
    copy = Copy.of("state/adder@7")
    assert copy is not None
    kept = Record(b"old", 3)

    away = reset_batch(STATE, Record(b"now", 9), "state/adder@9")
    back = restore_batch(copy, kept, None, Record(b"now", 9), "state/adder@9")
    given = restore_batch(copy, kept, b"new", None, "")

    assert [(write.key.name, write.data, write.expected) for write in away.writes] == [
        ("state/adder@9", b"now", 0),
        ("adder", None, 9),
    ]
    assert [(write.key.name, write.data, write.expected) for write in back.writes] == [
        ("state/adder@9", b"now", 0),
        ("adder", b"old", 9),
        ("state/adder@7", None, 3),
    ]
    assert [(write.key.name, write.data, write.expected) for write in given.writes] == [("adder", b"new", 0)]
