"""What a failed commit takes back, and the effect of a crash, a kill or a stop on commits in progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Refused
from trioactors.testing import HeldWorker, crash, kill, restarted
from trioactors.testing.stores import FaultyStore, Operation

FULL = ta.StoreFull("no room")


class Standing:
    """A handler that pauses in the middle, with a state that is not committed yet."""

    def __init__(self, end: Callable[[Any], Any] = lambda self: len(self.state.lines)) -> None:
        self._on = trio.Event()
        self._end = end
        self.saw: list[str] = []

    async def __call__(self, actor: Any) -> Any:
        self.saw = list(actor.state.lines)
        actor.state.lines.append("in progress")
        await self._on.wait()
        return self._end(actor)

    def go_on(self) -> None:
        self._on.set()


async def test_a_failed_commit_takes_back_what_was_handled_meanwhile(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    await keeper.write("old")
    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("b", keeper.do, lambda self: (self.state.lines.append("b"), ear.hear.cast_nowait("b")))
    await callers.now("read", keeper.read)

    disk.release()
    await wait_all_tasks_blocked()

    errors = list(callers.told.values())
    assert callers.news() == {"a": ta.StoreFull, "b": ta.StoreFull, "read": ta.StoreFull}
    assert len({id(error) for error in errors}) == 3  # each caller raises its own
    assert all(str(error) == "no room" for error in errors)
    assert await keeper.read() == ["old"]
    assert await ear.all() == []
    assert ta.info(keeper).ledger.undone == 3
    assert ta.info(keeper).incarnation == 1


async def test_an_actor_works_on_after_a_failed_commit(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None], store: FaultyStore
) -> None:
    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await keeper.write("a")

    assert await keeper.write("b") == 1
    assert store.count(Operation.COMMIT) == 2
    crash(keeper)
    assert await keeper.read() == ["b"]


async def test_an_actor_that_waited_for_the_store_before_it_handled_more_goes_on_after_a_failed_commit(
    system: ta.System, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    class Narrow(ta.Actor[list[str]], persist=ta.EVERY_MESSAGE, mailbox=1):
        @ta.handler
        def write(self, line: str) -> int:
            self.state.append(line)
            return len(self.state)

    narrow = await system.start(Narrow, name="narrow")
    fail(FULL)
    disk.hold()
    await callers.now("a", narrow.write, "a")
    await callers.now("b", narrow.write, "b")
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": ta.StoreFull, "b": 1}


async def test_a_handler_that_stands_on_a_lost_state_is_taken_back_when_it_ends(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    await keeper.write("old")
    standing = Standing(lambda _: ear.hear.cast_nowait("never"))
    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("standing", keeper.do, standing)
    disk.release()
    await wait_all_tasks_blocked()
    assert callers.news() == {"a": ta.StoreFull}
    assert standing.saw == ["old", "a"]

    standing.go_on()
    await wait_all_tasks_blocked()

    assert callers.news() == {"standing": ta.StoreFull}
    assert await keeper.read() == ["old"]
    assert await ear.all() == []
    assert await keeper.write("new") == 2


def refuse_with(error: type[Exception]) -> Callable[[Any], None]:
    def end(_: Any) -> None:
        raise error

    return end


async def test_a_declared_error_that_stands_on_a_lost_state_is_no_answer(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    standing = Standing(refuse_with(Refused))
    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("standing", keeper.do, standing)
    disk.release()
    standing.go_on()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": ta.StoreFull, "standing": ta.StoreFull}
    assert await keeper.read() == []


async def test_a_crash_on_a_lost_state_is_a_crash(keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]) -> None:
    standing = Standing(refuse_with(LookupError))
    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("standing", keeper.do, standing)
    disk.release()
    standing.go_on()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": ta.StoreFull, "standing": ta.ActorCrashed}
    assert await keeper.read() == []
    assert ta.info(keeper).incarnation == 2
    assert ta.info(keeper).ledger.crashed == 1


async def test_a_handler_that_ends_its_actor_in_order_on_a_lost_state_is_answered_as_ever(
    keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    standing = Standing(refuse_with(ta.Shutdown))
    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("standing", keeper.do, standing)
    disk.release()
    standing.go_on()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": ta.StoreFull, "standing": ta.ActorStopped}
    assert await keeper.read() == []


async def test_a_handler_whose_time_is_up_leaves_the_state_as_before(keeper: Any, ear: Any) -> None:
    async def ask(self: Any) -> None:
        self.state.lines.append("never")
        ear.hear.cast_nowait("never")
        await ear.hear("call")

    await ear.shut(deaf := trio.Event())

    with pytest.raises(ta.CallTimeout):
        await keeper.do.within(1)(ask)
    deaf.set()

    assert await keeper.read() == []
    assert await ear.all() == ["call"]  # a call leaves at once, and stands
    assert ta.info(keeper).ledger.expired == 1


async def test_a_handler_whose_time_is_up_on_a_lost_state_is_undone(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    async def ask(self: Any) -> None:
        self.state.lines.append("never")
        await ear.hear("call")

    await ear.shut(deaf := trio.Event())
    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("ask", keeper.do.within(1), ask)
    disk.release()
    await trio.sleep(2)
    deaf.set()

    assert callers.news() == {"a": ta.StoreFull, "ask": ta.CallTimeout}
    assert await keeper.read() == []
    assert (ta.info(keeper).ledger.undone, ta.info(keeper).ledger.expired) == (2, 0)


# --- crashes, kills, restarts, stops ---


@pytest.mark.parametrize("end", [crash, kill])
async def test_what_was_handled_is_committed_although_its_actor_ends(
    keeper: Any, callers: Any, disk: HeldWorker, end: Callable[[Any], None]
) -> None:
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("b", keeper.write, "b")
    end(keeper)
    await callers.now("read", keeper.read)
    assert callers.news() == {}
    assert ta.info(keeper).status is ta.ChildStatus.RESTARTING  # it waits for the commits of its last life

    disk.release()
    await restarted(keeper, after=1)
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": 1, "b": 2, "read": ["a", "b"]}


async def test_a_handler_that_crashes_takes_nothing_back_but_its_own(keeper: Any, ear: Any, callers: Any, disk: HeldWorker) -> None:
    def fall(self: Any) -> None:
        self.state.lines.append("never")
        ear.hear.cast_nowait("never")
        raise LookupError

    disk.hold()
    await callers.now("a", keeper.do, lambda self: (self.state.lines.append("a"), ear.hear.cast_nowait("a")))
    await callers.now("fall", keeper.do, fall)
    assert callers.news() == {"fall": ta.ActorCrashed}  # at once: it learns nothing of a state

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": (None, None)}
    assert await keeper.read() == ["a"]
    assert await ear.all() == ["a"]


async def test_a_commit_that_fails_after_its_actor_has_crashed_is_told_and_leaves_the_last_one(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    await keeper.write("old")
    fail(FULL)
    disk.hold()
    await callers.now("a", keeper.do, lambda self: (self.state.lines.append("a"), ear.hear.cast_nowait("a")))
    await callers.now("b", keeper.write, "b")
    crash(keeper)
    await wait_all_tasks_blocked()

    disk.release()
    await restarted(keeper, after=1)

    assert callers.news() == {"a": ta.StoreFull, "b": ta.StoreFull}
    assert await keeper.read() == ["old"]
    assert await ear.all() == []


async def test_a_restart_by_hand_reads_the_newest_state(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("restart", ta.restart, keeper)
    await callers.now("b", keeper.write, "b")
    assert callers.news() == {}

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": 1, "restart": None, "b": 2}
    assert ta.info(keeper).incarnation == 2


async def test_a_stop_that_waits_for_a_hung_commit_ends_with_its_grace(
    system: ta.System, keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await callers.now("a", keeper.write.within(60), "a")
    await ta.stop(keeper)
    assert trio.current_time() == 5.0
    assert "keeper" not in system.names()
    assert callers.news() == {}

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": 1}


async def test_the_ledger_balances_all_the_way(
    system: ta.System, keeper: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    def refuse(_: Any) -> None:
        raise Refused

    seen: list[tuple[int, int, int, int]] = []

    def look() -> None:
        ledger = system.ledger()
        assert ledger.balanced
        seen.append((ledger.in_progress, ledger.handled, ledger.undone, ledger.crashed))

    disk.hold()
    for name, act in {"a": lambda self: self.state.lines.append("a"), "b": refuse, "c": lambda _: None}.items():
        await callers.now(name, keeper.do, act)
        look()
    disk.step()
    look()
    fail(FULL)
    for line in "de":
        await callers.now(line, keeper.write, line)
        look()
    disk.step()
    look()
    crash(keeper)
    disk.release()
    await restarted(keeper, after=1)
    look()

    assert seen == [(1, 0, 0, 0), (2, 0, 0, 0), (3, 0, 0, 0), (0, 3, 0, 0), (1, 3, 0, 0), (2, 3, 0, 0), (0, 3, 2, 0), (0, 3, 2, 0)]
