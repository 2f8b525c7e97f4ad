"""Recent commits of durable actors, with their changes."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.inspect import ChangeKind, CommitRing, CommitRow
from trioactors.serializer import Serializer, secret
from trioactors.system.system import runtime_of
from trioactors.testing import isolated_system
from trioactors.testing.stores import Fault, FaultyStore
from trioactors_backends.memory import MemoryStore

HIDDEN = "hunter2"


@define
class Shelf:
    boxes: dict[str, int] = field(factory=dict[str, int])
    notes: list[str] = field(factory=list[str])
    pin: str = secret(default="")


class Open(ta.Actor[Shelf], persist=ta.EVERY_MESSAGE, inspect=True):
    @ta.handler
    def put(self, box: str, number: int) -> None:
        self.state.boxes[box] = number

    @ta.handler
    def note(self, text: str) -> None:
        self.state.notes.append(text)

    @ta.handler
    def lock(self, pin: str) -> None:
        self.state.pin = pin

    @ta.handler
    async def put_in(self, other: Shut, number: int) -> None:
        await other.put("a", number)


class Shut(ta.Actor[Shelf], persist=ta.EVERY_MESSAGE):
    @ta.handler
    def put(self, box: str, number: int) -> None:
        self.state.boxes[box] = number

    @ta.handler(reads=True)
    def count(self) -> int:
        return len(self.state.boxes)


class Slow(ta.Actor[Shelf], persist=ta.Within(5.0), inspect=True):
    @ta.handler
    def note(self, text: str) -> None:
        self.state.notes.append(text)


def tree() -> ta.Supervisor:
    return ta.Supervisor(ta.child(Open, name="open"), ta.child(Shut, name="shut"), ta.child(Slow, name="slow"), name="top")


def told(row: CommitRow) -> list[Any]:
    assert row.changes is not None
    return [(change.path, change.kind, change.before, change.after) for change in row.changes]


async def test_a_commit_says_what_it_has_changed(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            actor = system.get(Open, "open")
            await actor.put("apples", 3)
            await actor.put("apples", 4)
            await actor.note("sold out")
            page = ring.read(0)

    assert [(row.number, row.child, row.revision, row.more) for row in page.rows] == [
        (0, "open", 1, 0),
        (1, "open", 2, 0),
        (2, "open", 3, 0),
    ]
    assert told(page.rows[0]) == [(("boxes", "apples"), ChangeKind.ADDED, None, 3)]
    assert told(page.rows[1]) == [(("boxes", "apples"), ChangeKind.CHANGED, 3, 4)]
    assert told(page.rows[2]) == [(("notes", 0), ChangeKind.ADDED, None, "sold out")]
    assert (page.cursor, page.lost) == (3, 0)


async def test_a_restarted_actor_is_compared_with_what_it_read(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        actor = system.get(Open, "open")
        await actor.put("apples", 3)
        await ta.restart(actor)
        with ring.watching(system):
            await actor.put("pears", 1)
            [row] = ring.read(0).rows

    assert told(row) == [(("boxes", "pears"), ChangeKind.ADDED, None, 1)]


async def test_the_changes_of_one_window_are_one_commit(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            for text in "ab":
                await system.get(Slow, "slow").note(text)
            await trio.sleep(6)
            [row] = ring.read(0).rows

    assert told(row) == [(("notes", 0), ChangeKind.ADDED, None, "a"), (("notes", 1), ChangeKind.ADDED, None, "b")]


async def test_nothing_is_said_of_a_state_that_may_not_be_shown(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            await system.get(Shut, "shut").put("apples", 3)
            [row] = ring.read(0).rows

    assert (row.child, row.revision, row.changes, row.more) == ("shut", 1, None, 0)
    assert "0 bytes" in repr(ring)


async def test_a_secret_is_in_no_change(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            await system.get(Open, "open").lock(HIDDEN)
            [row] = ring.read(0).rows

    assert row.changes == ()
    assert HIDDEN not in f"{row} {ring} {inspect.plain(row)}"


async def test_a_commit_that_failed_is_none(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    store = FaultyStore(MemoryStore(), Fault(at=1, before=ta.StoreFull("no room")))
    async with isolated_system(tree(), store=store) as system:
        with ring.watching(system):
            with pytest.raises(ta.StoreFull):
                await system.get(Open, "open").put("apples", 3)
            await system.get(Open, "open").put("apples", 4)
            [row] = ring.read(0).rows

    assert told(row) == [(("boxes", "apples"), ChangeKind.ADDED, None, 4)]


async def test_a_commit_knows_the_chain_of_messages_that_led_to_it(autojump_clock: MockClock) -> None:
    ring, trace = CommitRing(), inspect.TraceRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            await system.get(Shut, "shut").put("a", 1)
            with trace.watching(system):
                await system.get(Shut, "shut").count()
                await system.get(Open, "open").put_in(system.get(Shut, "shut"), 2)
            rows = ring.read(0).rows

    assert [row.correlation for row in rows] == [None, 2]


async def test_the_ring_keeps_so_many_commits_and_tells_what_was_lost(autojump_clock: MockClock) -> None:
    ring = CommitRing(limit=2)
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            for number in range(5):
                await system.get(Open, "open").put("apples", number)
            page = ring.read(1)

    assert [row.number for row in page.rows] == [3, 4]
    assert (page.cursor, page.lost) == (5, 2)


async def test_the_ring_keeps_so_many_bytes(autojump_clock: MockClock) -> None:
    ring = CommitRing(size=110_000)
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            for text in ("a" * 20_000, "b" * 20_000, "c" * 20_000):
                await system.get(Open, "open").note(text)
            page = ring.read(0)

    assert [row.revision for row in page.rows] == [3]
    assert page.lost == 2


async def test_of_a_very_large_record_no_differences_are_told(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            await system.get(Open, "open").note("a" * 300_000)
            [row] = ring.read(0).rows

    assert row.changes is None
    assert row.size > 300_000
    assert "0 bytes" in repr(ring)


async def test_one_look_decodes_so_many_bytes_and_the_next_goes_on(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            await system.get(Open, "open").note("a" * 200_000)
            for number in range(3):
                await system.get(Open, "open").put("apples", number)
            first = ring.read(0)
            second = ring.read(first.cursor)

    assert [row.number for row in first.rows] == [0, 1]
    assert [row.number for row in second.rows] == [2, 3]


async def test_many_changes_are_counted_and_large_values_cut(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            for number in range(50):
                await system.get(Slow, "slow").note(f"{number} " + "x" * 1_000)
            await trio.sleep(6)
            [row] = ring.read(0).rows

    assert row.changes is not None
    assert (len(row.changes), row.more) == (20, 30)
    assert row.changes[0].after == f"0 {'x' * 198}… 1,002 characters"


async def test_only_those_of_one_actor_are_read(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            await system.get(Shut, "shut").put("a", 1)
            await system.get(Open, "open").put("a", 1)
            page = ring.read(0, child="open")

    assert [(row.number, row.child) for row in page.rows] == [(1, "open")]


async def test_the_ring_listens_only_while_somebody_watches(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system), ring.watching(system):
            pass
        assert runtime_of(system).committer.listeners == []
        await system.get(Open, "open").put("a", 1)

        assert ring.read(5) == inspect.CommitPage(rows=(), cursor=0, lost=0)


async def test_a_row_is_made_once(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system(tree()) as system:
        with ring.watching(system):
            await system.get(Open, "open").put("a", 1)

            assert ring.read(0).rows[0] is ring.read(0).rows[0]


class Odd:
    """Can be stored, but not read again."""

    def __init__(self, number: int = 0) -> None:
        self.number = number


def refuse(number: int) -> Odd:
    raise ValueError(number)


writing = Serializer()
writing.register(Odd, name="odd", via=int, dump=lambda odd: odd.number, load=refuse)


class Strange(ta.Actor[Odd], persist=ta.EVERY_MESSAGE, inspect=True, serializer=writing):
    @ta.handler
    def set(self, number: int) -> None:
        self.state = Odd(number)


async def test_what_cannot_be_read_again_has_no_changes_to_tell(autojump_clock: MockClock) -> None:
    ring = CommitRing()
    async with isolated_system() as system:
        with ring.watching(system):
            strange = await system.start(Strange, name="strange")
            await strange.set(1)
            [row] = ring.read(0).rows

    assert (row.child, row.changes) == ("strange", None)
