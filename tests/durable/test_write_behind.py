"""`Within(seconds)`: replies leave at once, changes are committed together, and a crash loses the changes of the window."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Book, Keeper, Refused
from trioactors.errors import ValueRefused
from trioactors.system.system import runtime_of
from trioactors.testing import HeldWorker, crash, kill, restarted
from trioactors.testing.stores import FaultyStore, Operation

FULL = ta.StoreFull("no room")


class Diarist(Keeper, persist=ta.Within(1.0)):
    """A keeper that saves once a second."""

    @ta.handler(reads=True)
    async def read_slowly(self, seconds: float) -> list[str]:
        await trio.sleep(seconds)
        return list(self.state.lines)


@pytest.fixture
async def diarist(system: ta.System, disk: HeldWorker) -> AsyncGenerator[Diarist, None]:
    yield await system.start(Diarist, name="diarist")
    disk.release()


@pytest.fixture
def commits(recorder: ta.Recorder) -> Callable[[], list[tuple[float, int]]]:
    """The times and revisions of the commits so far."""

    def look() -> list[tuple[float, int]]:
        return [(record.time, record.revision) for record in recorder.of(ta.StateCommitted)]

    return look


async def test_answers_leave_at_once_and_one_commit_follows_in_each_window(
    diarist: Any, commits: Callable[[], list[tuple[float, int]]]
) -> None:
    for line in "abc":
        await diarist.write(line)
        await trio.sleep(0.3)
    assert trio.current_time() == pytest.approx(0.9)
    assert commits() == []

    await trio.sleep(0.5)
    assert commits() == [(1.0, 1)]
    await diarist.write("d")
    await trio.sleep(5)

    assert [moment for moment, _ in commits()] == pytest.approx([1.0, 2.4])


async def test_a_window_opens_with_the_first_change_after_the_last_commit(
    diarist: Any, commits: Callable[[], list[tuple[float, int]]]
) -> None:
    await trio.sleep(0.9)
    await diarist.write("a")
    await trio.sleep(10)

    assert commits() == [(1.9, 1)]


async def test_what_did_not_change_is_not_written(diarist: Any, store: FaultyStore) -> None:
    await diarist.do(lambda _: None)
    await diarist.read()
    await trio.sleep(10)

    assert store.count(Operation.COMMIT) == 0


async def test_readers_open_no_window(system: ta.System, diarist: Any) -> None:
    await diarist.read()

    assert runtime_of(system).deadlines.pending() == []


async def test_a_state_is_not_taken_in_the_middle_of_a_handler(
    diarist: Any, commits: Callable[[], list[tuple[float, int]]], callers: Any
) -> None:
    async def half(self: Any) -> None:
        self.state.lines.append("one half")
        await trio.sleep(2)
        self.state.lines.append("the other")

    await diarist.write("a")
    await callers.now("half", diarist.do, half)
    await trio.sleep(1.9)
    assert commits() == []
    await trio.sleep(0.2)

    assert commits() == [(2.0, 1)]
    crash(diarist)
    assert await diarist.read() == ["a", "one half", "the other"]


async def test_nor_is_it_forgotten_when_that_handler_only_reads(
    diarist: Any, commits: Callable[[], list[tuple[float, int]]]
) -> None:
    await diarist.write("a")
    await diarist.read_slowly(2)

    assert commits() == [(2.0, 1)]


@pytest.mark.parametrize("reads", [True, False])
async def test_nor_when_its_caller_has_no_time_left(
    system: ta.System,
    ear: Any,
    commits: Callable[[], list[tuple[float, int]]],
    reads: bool,  # noqa: FBT001 - a table
) -> None:
    class Impatient(ta.Actor[Book], persist=ta.Within(1.0)):
        @ta.handler
        def write(self) -> None:
            self.state.lines.append("a")

        @ta.handler(reads=reads)
        async def ask(self) -> None:
            await ear.hear("x")

    impatient: Any = await system.start(Impatient, name="impatient")
    await ear.shut(until := trio.Event())
    await impatient.write()
    with pytest.raises(ta.CallTimeout):
        await impatient.ask.within(2)()
    await wait_all_tasks_blocked()
    until.set()

    assert commits() == [(2.0, 1)]
    assert ta.info(impatient).ledger.expired == 1


async def test_a_declared_error_leaves_the_state_as_the_handler_left_it(
    diarist: Any, commits: Callable[[], list[tuple[float, int]]]
) -> None:
    def act(self: Any) -> None:
        self.state.lines.append("left")
        raise Refused

    with pytest.raises(Refused):
        await diarist.do(act)
    await trio.sleep(2)

    assert await diarist.read() == ["left"]
    assert commits() == [(1.0, 1)]


async def test_changes_while_a_commit_is_on_its_way_have_a_window_of_their_own(
    diarist: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    await diarist.write("a")
    disk.hold()
    await trio.sleep(1.5)
    await diarist.write("b")
    await diarist.write("c")
    await trio.sleep(5)  # the window is over, and the commit before it is not
    assert len(disk) == 1
    disk.release()
    await wait_all_tasks_blocked()

    assert store.count(Operation.COMMIT) == 2
    crash(diarist)
    assert await diarist.read() == ["a", "b", "c"]


async def test_a_failed_commit_is_tried_again_after_another_window(
    diarist: Any, commits: Callable[[], list[tuple[float, int]]], fail: Callable[..., None]
) -> None:
    fail(FULL)
    fail(ta.StoreUnavailable("no"), after=1)
    assert await diarist.write("a") == 1
    await trio.sleep(2.5)
    assert commits() == []
    await trio.sleep(5)

    assert commits() == [(3.0, 1)]
    assert ta.info(diarist).incarnation == 1


@pytest.mark.parametrize("end", [crash, kill])
async def test_a_crash_loses_what_the_window_held_and_no_more(diarist: Any, end: Callable[[Any], None]) -> None:
    await diarist.write("kept")
    await trio.sleep(1.5)
    await diarist.write("lost")
    end(diarist)
    await restarted(diarist, after=1)
    await trio.sleep(5)

    assert await diarist.read() == ["kept"]
    assert await diarist.write("new") == 2


async def test_a_handler_that_crashes_loses_what_the_window_held(diarist: Any) -> None:
    def act(self: Any) -> None:
        self.state.lines.append("lost")
        raise LookupError

    await diarist.write("lost too")
    with pytest.raises(ta.ActorCrashed):
        await diarist.do(act)
    await trio.sleep(5)

    assert await diarist.read() == []


async def test_a_crash_does_not_lose_what_was_on_its_way(diarist: Any, disk: HeldWorker) -> None:
    await diarist.write("on its way")
    disk.hold()
    await trio.sleep(1)
    await diarist.write("lost")
    crash(diarist)
    await wait_all_tasks_blocked()
    disk.release()

    assert await diarist.read() == ["on its way"]


async def test_an_orderly_stop_commits_what_is_left(
    system: ta.System, diarist: Any, callers: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    await diarist.write("a")
    disk.hold()
    await trio.sleep(1)
    await diarist.write("b")
    await callers.now("stop", ta.stop, diarist)
    assert callers.news() == {}
    disk.step()
    await wait_all_tasks_blocked()
    assert callers.news() == {}  # there is more to write
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"stop": None}
    assert store.count(Operation.COMMIT) == 2
    again: Any = await system.start(Diarist, name="diarist")
    assert await again.read() == ["a", "b"]


async def test_so_does_an_actor_that_ends_itself(diarist: Any) -> None:
    def leave(self: Any) -> None:
        self.state.lines.append("b")
        raise ta.Shutdown("enough")

    await diarist.do(lambda self: (self.state.lines.append("a"), self.context.stop()))
    await restarted(diarist, after=1)
    assert await diarist.read() == ["a"]
    with pytest.raises(ta.ActorStopped):
        await diarist.do(leave)
    await restarted(diarist, after=2)

    assert await diarist.read() == ["a", "b"]


async def test_a_stop_that_cannot_commit_is_a_crash_that_says_so(
    system: ta.System, diarist: Any, fail: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    await diarist.write("a")
    fail(FULL)
    async with ta.watch(diarist) as deaths:
        await ta.stop(diarist)
        assert isinstance((await deaths.next()).reason.error, ta.StoreFull)

    assert "StoreFull: no room" in caplog.text
    await trio.sleep(5)
    assert runtime_of(system).deadlines.pending() == []


async def test_a_stop_tries_once_more_what_failed_while_it_waited(
    diarist: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None], store: FaultyStore
) -> None:
    await diarist.write("a")
    disk.hold()
    await trio.sleep(1)
    fail(FULL)
    async with ta.watch(diarist) as deaths:
        await callers.now("stop", ta.stop, diarist)
        disk.release()
        assert (await deaths.next()).reason.orderly

    assert store.count(Operation.COMMIT) == 2


async def test_deferred_replies_leave_at_once_too(diarist: Any, callers: Any, disk: HeldWorker) -> None:
    tokens: list[ta.Deferred[str]] = []

    def ask(self: Any) -> Any:
        self.state.lines.append("asked")
        tokens.append(self.context.defer())
        return tokens[-1].pending

    disk.hold()
    await callers.now("asked", diarist.do, ask)
    assert callers.news() == {}
    await diarist.do(lambda _: tokens[0].reply("at once"))
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": "at once"}


async def test_casts_leave_at_once(diarist: Any, ear: Any, disk: HeldWorker) -> None:
    disk.hold()

    await diarist.do(lambda self: (self.state.lines.append("a"), ear.hear.cast_nowait("at once")))

    assert await ear.all() == ["at once"]


@pytest.mark.parametrize("moment", ["in the window", "in a handler", "while a commit is on its way"])
async def test_a_state_that_cannot_be_written_crashes_the_actor_when_its_window_closes(
    diarist: Any, disk: HeldWorker, moment: str
) -> None:
    async def spoil(self: Any) -> None:
        self.state.lines.append(3)
        await trio.sleep(2 if moment == "in a handler" else 0)

    await diarist.write("a")
    if moment == "while a commit is on its way":
        disk.hold()
        await trio.sleep(1)
    async with ta.watch(diarist) as deaths:
        await diarist.do(spoil)
        await trio.sleep(1)
        disk.release()
        assert isinstance((await deaths.next()).reason.error, ValueRefused)

    assert await diarist.read() == (["a"] if moment == "while a commit is on its way" else [])
