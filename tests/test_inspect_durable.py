"""Durable actors as rows, and the records in quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Book, Clerk
from trioactors import inspect
from trioactors.persistence import ABSENT, Batch, Corrupt, Key, Record, Space, Write
from trioactors.supervision.restarts import ChildStatus
from trioactors.system.system import runtime_of
from trioactors.testing import HeldWorker, crash, isolated_system, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore, Operation
from trioactors_backends.memory import MemoryStore


class Porter(Clerk, persist=ta.Within(5.0)):
    """The same, committed every five seconds."""


class Guest(ta.Actor[Book]):
    """Not durable."""


class Torn(MemoryStore):
    """A store whose records can be made to look damaged."""

    torn = False

    def read(self, keys: Sequence[Key]) -> Sequence[Record | Corrupt | None]:
        found = super().read(keys)
        return [Corrupt(key, "its checksum is wrong") if self.torn else each for key, each in zip(keys, found, strict=True)]


def tree() -> ta.Supervisor:
    return ta.Supervisor(
        ta.child(Clerk, name="carl"),
        ta.child(Clerk, name="anna"),
        ta.child(Porter, name="bert"),
        ta.child(Guest, name="guest"),
        name="top",
    )


async def work(system: ta.System) -> None:
    await system.get(Clerk, "carl").write("a long line")
    await trio.sleep(1)
    for line in "ab":
        await system.get(Clerk, "anna").write(line)


async def test_each_durable_actor_is_a_row(autojump_clock: MockClock) -> None:
    async with isolated_system(tree()) as system:
        await work(system)
        page = inspect.durable(system)

    assert (page.total, page.matched) == (3, 3)
    assert [(row.name, row.actor, row.policy, row.revision) for row in page.rows] == [
        ("anna", "Clerk", "EVERY_MESSAGE", 3),
        ("bert", "Porter", "Within(seconds=5.0)", 0),
        ("carl", "Clerk", "EVERY_MESSAGE", 1),
    ]
    assert all(row.size and row.status is ChildStatus.RUNNING and row.problem is None for row in page.rows)
    assert [row.committed_at for row in page.rows] == [1.0, None, 0.0]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"sort": "revision"}, ["anna", "carl", "bert"]),
        ({"sort": "size"}, ["carl", "anna", "bert"]),
        ({"sort": "committed"}, ["anna", "carl", "bert"]),
        ({"sort": "committed", "reverse": True}, ["bert", "carl", "anna"]),
        ({"reverse": True}, ["carl", "bert", "anna"]),
        ({"search": "PORT"}, ["bert"]),
        ({"limit": 1, "offset": 1}, ["bert"]),
    ],
)
async def test_durable_rows_are_sorted_searched_and_limited(
    autojump_clock: MockClock, options: dict[str, Any], names: list[str]
) -> None:
    async with isolated_system(tree()) as system:
        await work(system)

        assert [row.name for row in inspect.durable(system, **options).rows] == names


async def test_a_commit_on_its_way_says_since_when(autojump_clock: MockClock) -> None:
    disk = HeldWorker()
    store = FaultyStore(MemoryStore(), blocking=True)
    async with isolated_system(tree(), store=store, environment=virtual_environment(worker=disk)) as system:
        await trio.sleep(2)
        disk.hold()
        await system.get(Clerk, "anna").write.cast("a")
        await trio.sleep(1)
        row = inspect.durable(system).rows[0]
        disk.release()

    assert (row.name, row.committing_since, row.revision) == ("anna", 2.0, 0)


async def test_an_actor_whose_record_cannot_be_read_has_a_problem(autojump_clock: MockClock) -> None:
    store = Torn()
    async with isolated_system(tree(), store=store) as system:
        anna = system.get(Clerk, "anna")
        await anna.write("a")
        store.torn = True
        crash(anna)
        await system.quiesce()
        row, other = inspect.durable(system).rows[:2]

    assert (row.name, row.status, row.revision, row.size) == ("anna", ChildStatus.FAILED, None, None)
    assert row.problem is not None
    assert "its checksum is wrong" in row.problem
    assert other.problem is None


async def test_an_actor_that_runs_again_has_no_problem_any_more(autojump_clock: MockClock) -> None:
    store = Torn()
    async with isolated_system(tree(), store=store) as system:
        anna = system.get(Clerk, "anna")
        await anna.write("a")
        store.torn = True
        crash(anna)
        await system.quiesce()
        store.torn = False
        await ta.restart(anna)
        row = inspect.durable(system).rows[0]

    assert (row.name, row.problem, row.revision) == ("anna", None, 1)


# --- quarantine ---


def set_aside(store: Any, **records: bytes) -> None:
    writes = [Write(Key(Space.QUARANTINE, name), data, expected=ABSENT) for name, data in records.items()]
    store.commit([Batch((write,)) for write in writes])


SOUND = b'{"format":1,"type":"notes","version":1,"value":{"lines":["secret"]}}'


async def test_what_is_in_quarantine_is_told_by_name_size_and_problem(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with isolated_system(tree(), store=store) as system:
        set_aside(store, **{"state/a@7": SOUND, "state/b@damaged": SOUND, "state/c@1": b"nonsense", "state/d@1": b"x" * 300_000})
        page = await inspect.quarantine(system)

    assert (page.total, page.complete) == (4, True)
    assert [(row.name, row.size) for row in page.rows] == [
        ("state/a@7", len(SOUND)),
        ("state/b@damaged", len(SOUND)),
        ("state/c@1", 8),
        ("state/d@1", 300_000),
    ]
    problems = [row.problem for row in page.rows]
    assert problems[0] is None
    assert problems[1] == "what is left of a damaged record"
    assert problems[2] is not None
    assert problems[3] is None
    assert "secret" not in str(page)


async def test_a_copy_that_is_damaged_itself_says_so(autojump_clock: MockClock) -> None:
    class Damaged(MemoryStore):
        def scan(self, space: Space, start: str = "", *_: Any, **__: Any) -> Any:
            found = Corrupt(Key(space, "state/a@7"), "its checksum is wrong", b"abc")
            return [] if start else [(found.key, found)]

    async with isolated_system(tree(), store=Damaged()) as system:
        [row] = (await inspect.quarantine(system)).rows

    assert (row.size, row.problem) == (3, "its checksum is wrong")


async def test_only_the_first_are_told_and_all_are_counted(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with isolated_system(tree(), store=store) as system:
        set_aside(store, **{f"state/a@{number:03}": SOUND for number in range(50)})
        page = await inspect.quarantine(system, limit=20)

    assert (page.total, page.complete, len(page.rows), page.rows[-1].name) == (50, True, 20, "state/a@019")


async def test_a_system_without_a_store_has_nothing_in_quarantine(autojump_clock: MockClock) -> None:
    async with isolated_system(store=None) as system:
        assert await inspect.quarantine(system) == inspect.QuarantinePage(total=0, complete=True, rows=())


async def test_a_store_that_does_not_answer_is_waited_for_so_long(autojump_clock: MockClock) -> None:
    disk = HeldWorker()
    inner = MemoryStore()
    store = FaultyStore(inner, blocking=True)
    async with isolated_system(tree(), store=store, environment=virtual_environment(worker=disk)) as system:
        set_aside(inner, **{f"state/a@{number:03}": SOUND for number in range(50)})
        disk.hold()
        disk.step(2)
        began = trio.current_time()
        page = await inspect.quarantine(system)
        waited = trio.current_time() - began
        disk.release()

    assert waited == 5.0
    assert (page.total, page.complete, len(page.rows)) == (32, False, 32)


async def test_commits_go_on_between_two_looks_at_the_store(autojump_clock: MockClock) -> None:
    disk = HeldWorker()
    inner = MemoryStore()
    store = FaultyStore(inner, blocking=True)
    async with isolated_system(tree(), store=store, environment=virtual_environment(worker=disk)) as system:
        set_aside(inner, **{f"state/a@{number:03}": SOUND for number in range(50)})
        disk.hold()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inspect.quarantine, system)
            await wait_all_tasks_blocked()
            nursery.start_soon(system.get(Clerk, "anna").write, "a")
            await trio.sleep(1)
            disk.step(2)
            await trio.sleep(1)
            revision = inspect.durable(system).rows[0].revision
            disk.release()

    assert revision == 51


async def test_what_looking_finds_breaks_nothing(autojump_clock: MockClock) -> None:
    store = FaultyStore(MemoryStore(), Fault(at=1, operation=Operation.SCAN, before=ta.StoreCorrupt("torn")))
    async with isolated_system(tree(), store=store) as system:
        with pytest.raises(ta.StoreCorrupt):
            await inspect.quarantine(system)
        committer = runtime_of(system).committer

        assert committer is not None
        assert not committer.broken
        await system.get(Clerk, "anna").write("a")
        assert ta.info(system.get(Clerk, "anna")).incarnation == 1


async def test_a_closed_store_cannot_be_asked(autojump_clock: MockClock) -> None:
    async with isolated_system(tree()) as system:
        pass

    with pytest.raises(ta.StoreUnavailable):
        await inspect.quarantine(system)
