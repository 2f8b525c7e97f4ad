"""The output gate: nothing leaves a durable actor before the state it follows from is committed, and nothing if that fails."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Refused
from trioactors.testing import HeldWorker
from trioactors.testing.stores import FaultyStore, Operation


async def everything(keeper: Any, ear: Any) -> str:
    """Change the state, and do everything that others could notice."""
    keeper.state.lines.append("new")
    await ear.hear.cast("awaited cast")
    ear.hear.cast_nowait("cast")
    keeper.context.after(0, partial(keeper.write, "timer"))
    keeper.context.every(1.0, partial(keeper.write, "period"))
    keeper.aside["asked"].reply("deferred")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.hear.cast, "task in the handler")
        await trio.lowlevel.checkpoint()
    return "answer"


@pytest.fixture
async def asked(keeper: Any, callers: Any) -> None:
    """A call whose reply is deferred. The handling itself is committed."""
    await keeper.write("old")
    await callers.now("asked", keeper.defer, "asked")


async def test_nobody_sees_anything_of_a_commit_that_never_ends(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker, asked: None
) -> None:
    disk.hold()

    await callers.now("everything", keeper.do, lambda self: everything(self, ear))
    await trio.sleep(4.9)

    assert callers.news() == {}
    assert await ear.all() == []
    assert ta.info(keeper).ledger.waiting == 0  # no timer has sent anything
    assert ta.info(keeper).held_replies == 1

    await trio.sleep(0.2)
    assert set(callers.news()) == {"asked", "everything"}  # by their deadlines, not by the actor
    assert await ear.all() == []


async def test_all_of_it_is_seen_when_the_commit_ends(keeper: Any, ear: Any, callers: Any, disk: HeldWorker, asked: None) -> None:
    disk.hold()
    await callers.now("everything", keeper.do, lambda self: everything(self, ear))

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": "deferred", "everything": "answer"}
    assert await ear.all() == ["awaited cast", "cast", "task in the handler"]
    await trio.sleep(1.5)
    assert await keeper.read() == ["old", "new", "timer", "period"]


@pytest.mark.parametrize("error", [ta.StoreUnavailable("no"), ta.StoreFull("no room")], ids=["unavailable", "full"])
@pytest.mark.parametrize("held", [True, False], ids=["later", "at once"])
async def test_nobody_saw_anything_of_a_commit_that_failed(  # noqa: PLR0917 - fixtures and a table
    keeper: Any,
    ear: Any,
    callers: Any,
    disk: HeldWorker,
    asked: None,
    fail: Callable[..., None],
    error: ta.StoreError,
    held: bool,  # noqa: FBT001 - a table
) -> None:
    fail(error)
    if held:
        disk.hold()

    await callers.now("everything", keeper.do, lambda self: everything(self, ear))
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": type(error), "everything": type(error)}
    assert await ear.all() == []
    await trio.sleep(3)  # no timer was set
    assert await keeper.read() == ["old"]
    assert ta.info(keeper).timers == 0
    assert ta.info(keeper).deferred_replies == 0
    assert ta.info(keeper).incarnation == 1
    assert ta.info(keeper).ledger.undone == 1
    assert await keeper.do(lambda self: self.aside["asked"].reply("after all")) is False


async def test_messages_that_are_handled_meanwhile_share_the_next_commit(
    keeper: Any, callers: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    disk.hold()
    for line in "abcd":
        await callers.now(line, keeper.write, line)
    assert callers.news() == {}
    assert len(disk) == 1
    assert ta.info(keeper).held_replies == 4

    disk.step()
    await wait_all_tasks_blocked()
    assert callers.news() == {"a": 1}
    disk.step()
    await wait_all_tasks_blocked()

    assert callers.news() == {"b": 2, "c": 3, "d": 4}
    assert store.count(Operation.COMMIT) == 2
    assert len(disk) == 0


async def test_an_answer_that_follows_from_an_uncommitted_state_waits_for_it(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("write", keeper.write, "a")
    await callers.now("read", keeper.read)
    await callers.now("look", keeper.do, lambda self: len(self.state.lines))
    assert callers.news() == {}

    disk.step()
    await wait_all_tasks_blocked()

    assert callers.news() == {"write": 1, "read": ["a"], "look": 1}
    assert len(disk) == 0  # they changed nothing, so there is nothing more to write


async def test_a_reader_waits_for_the_newest_commit_it_saw(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("a", keeper.write, "a")
    await callers.now("b", keeper.write, "b")
    await callers.now("read", keeper.read)

    disk.step()
    await wait_all_tasks_blocked()
    assert callers.news() == {"a": 1}
    disk.step()
    await wait_all_tasks_blocked()

    assert callers.news() == {"b": 2, "read": ["a", "b"]}


async def test_an_answer_that_follows_from_a_committed_state_does_not_wait(keeper: Any, disk: HeldWorker) -> None:
    await keeper.write("a")
    disk.hold()

    assert await keeper.read() == ["a"]
    assert await keeper.do(lambda self: len(self.state.lines)) == 1
    await ta.flush(keeper)


async def test_a_state_that_changes_there_and_back_is_not_written_again(
    keeper: Any, callers: Any, disk: HeldWorker, store: FaultyStore
) -> None:
    disk.hold()
    await callers.now("there", keeper.write, "a")
    await callers.now("further", keeper.write, "b")
    await callers.now("back", keeper.do, lambda self: self.state.lines.pop())

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"there": 1, "further": 2, "back": "b"}
    assert store.count(Operation.COMMIT) == 1
    assert await keeper.read() == ["a"]


async def test_a_declared_error_waits_for_the_state_that_it_follows_from(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    def refuse(self: Any) -> None:
        self.state.lines.append("never")
        raise Refused

    disk.hold()
    await callers.now("write", keeper.write, "a")
    await callers.now("refuse", keeper.do, refuse)
    assert callers.news() == {}

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"write": 1, "refuse": Refused}
    assert await keeper.read() == ["a"]


async def test_a_declared_error_at_a_committed_state_does_not_wait(keeper: Any, disk: HeldWorker) -> None:
    def refuse(self: Any) -> None:
        self.state.lines.append("never")
        raise Refused

    await keeper.write("a")
    disk.hold()

    with pytest.raises(Refused):
        await keeper.do(refuse)
    assert await keeper.read() == ["a"]


async def test_a_call_inside_a_handler_leaves_at_once_and_stands(
    keeper: Any, ear: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    async def tell(self: Any) -> None:
        self.state.lines.append("never")
        await ear.hear("call")

    fail(ta.StoreFull("no room"))
    disk.hold()
    await callers.now("tell", keeper.do, tell)
    assert await ear.all() == ["call"]

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"tell": ta.StoreFull}
    assert await ear.all() == ["call"]


async def test_an_actor_that_holds_a_mailbox_full_of_answers_waits_for_the_store(
    system: ta.System, callers: Any, disk: HeldWorker
) -> None:
    class Narrow(ta.Actor[list[str]], persist=ta.EVERY_MESSAGE, mailbox=3):
        @ta.handler(raises=(LookupError,))
        def write(self, line: str) -> None:
            self.state.append(line)

        @ta.handler(raises=(LookupError,))
        def refuse(self) -> None:
            raise LookupError

    narrow = await system.start(Narrow, name="narrow")
    disk.hold()
    for name in "abcde":
        await callers.now(name, *((narrow.write, name) if name != "b" else (narrow.refuse,)))
    assert ta.info(narrow).held_replies == 3
    assert ta.info(narrow).waiting == ("write", "write")

    disk.step()
    await wait_all_tasks_blocked()
    assert callers.news() == {"a": None, "b": LookupError}
    assert ta.info(narrow).held_replies == 3
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"c": None, "d": None, "e": None}
    assert ta.info(narrow).held_replies == 0


async def test_declared_errors_are_answers_that_are_held_and_counted(system: ta.System, callers: Any, disk: HeldWorker) -> None:
    class Narrow(ta.Actor[list[str]], persist=ta.EVERY_MESSAGE, mailbox=2):
        @ta.handler
        def write(self, line: str) -> None:
            self.state.append(line)

        @ta.handler(raises=(LookupError,))
        def refuse(self) -> None:
            raise LookupError

    narrow = await system.start(Narrow, name="narrow")
    disk.hold()
    await callers.now("write", narrow.write, "a")
    for name in "bcd":
        await callers.now(name, narrow.refuse)

    assert ta.info(narrow).held_replies == 2
    assert ta.info(narrow).waiting == ("refuse", "refuse")
    disk.release()
    await wait_all_tasks_blocked()
    assert callers.news() == {"write": None, "b": LookupError, "c": LookupError, "d": LookupError}


async def test_an_actor_that_waits_for_the_store_can_be_stopped(system: ta.System, callers: Any, disk: HeldWorker) -> None:
    class Narrow(ta.Actor[list[str]], persist=ta.EVERY_MESSAGE, mailbox=1):
        @ta.handler
        def write(self, line: str) -> None:
            self.state.append(line)

    narrow = await system.start(Narrow, name="narrow")
    disk.hold()
    await callers.now("a", narrow.write, "a")
    await callers.now("b", narrow.write, "b")
    await callers.now("stop", ta.stop, narrow)
    assert callers.news() == {}

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"a": None, "b": ta.ActorStopped, "stop": None}


async def test_flush_waits_for_commits(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await keeper.write.cast("a")
    await callers.now("flush", ta.flush, keeper)
    assert callers.news() == {}

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"flush": None}


async def test_quiesce_waits_for_commits_and_names_who_waits(
    system: ta.System, keeper: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await keeper.write.cast("a")
    with pytest.raises(ta.CallTimeout, match="keeper"):
        await system.quiesce()
    await callers.now("quiesce", system.quiesce)
    assert callers.news() == {}

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"quiesce": None}


async def test_stop_waits_for_commits(system: ta.System, keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("write", keeper.write, "a")
    await callers.now("more", keeper.write, "b")
    await callers.now("stop", ta.stop, keeper)
    assert callers.news() == {}

    disk.step()
    await wait_all_tasks_blocked()
    assert callers.news() == {"write": 1}
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"more": 2, "stop": None}
    assert "keeper" not in system.names()


async def test_a_call_that_runs_out_of_time_says_that_it_waits_for_a_commit(keeper: Any, disk: HeldWorker) -> None:
    await trio.sleep(10)
    disk.hold()

    with pytest.raises(ta.CallTimeout, match=r"idle and has been waiting for a commit for 5 s.*message had begun"):
        await keeper.write("a")

    disk.release()
    assert await keeper.read() == ["a"]  # it was handled, and is kept
    assert ta.info(keeper).ledger.handled == 2


async def test_a_caller_that_is_cancelled_takes_nothing_back(keeper: Any, callers: Any, disk: HeldWorker) -> None:
    disk.hold()
    await callers.now("write", keeper.write, "a")
    callers.scopes["write"].cancel()
    await wait_all_tasks_blocked()
    assert ta.info(keeper).held_replies == 1

    disk.release()

    assert await keeper.read() == ["a"]
    assert ta.info(keeper).ledger.handled == 2
