"""`on_save` and `on_load`: when they run, what their errors do, and how hooks behave in a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from trioactors.persistence import Key, Space
from trioactors.serializer import transient
from trioactors.testing import HeldWorker, crash, isolated_system, restarted, virtual_environment
from trioactors.testing.stores import FaultyStore, Operation
from trioactors_backends.memory import MemoryStore

FULL = ta.StoreFull("no room")


@define
class Book:
    lines: list[str] = field(factory=list[str])
    saved: int = 0
    index: dict[str, int] = transient(factory=dict[str, int])


class Indexed(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
    """Keeps an index that is not stored. A test can make its hooks fail."""

    loads: ClassVar[list[list[str]]]
    """The lines that each `on_load` found, over all incarnations."""
    failing: ClassVar[set[str]]
    """The hooks that fail at their next call."""

    def __init__(self) -> None:
        self.ear: Any = None

    def on_save(self) -> None:
        if "save" in self.failing:
            self.failing.discard("save")
            raise LookupError("save")
        if self.ear is not None:
            self.ear.hear.cast_nowait(f"saved {len(self.state.lines)}")

    def on_load(self) -> None:
        self.loads.append(list(self.state.lines))
        if "load" in self.failing:
            self.failing.discard("load")
            raise LookupError("load")
        self.state.index = {line: number for number, line in enumerate(self.state.lines)}

    @ta.handler(raises=(KeyError,))
    async def write(self, line: str, until: trio.Event | None = None) -> None:
        if until is not None:
            await until.wait()
        self.state.index[line] = len(self.state.lines)
        self.state.lines.append(line)
        if line == "refused":
            raise KeyError(line)

    @ta.handler(raises=(KeyError,))
    def spoil(self) -> None:
        self.state.lines.append(3)  # type: ignore[arg-type]
        raise KeyError

    @ta.handler(reads=True)
    def find(self, line: str) -> int | None:
        return self.state.index.get(line)

    @ta.handler
    def tell(self, ear: Any) -> None:
        self.ear = ear


@pytest.fixture
def kind() -> type[Indexed]:
    class Fresh(Indexed):
        pass

    Fresh.loads, Fresh.failing = [], set()
    return Fresh


@pytest.fixture
async def indexed(system: ta.System, kind: type[Indexed]) -> Any:
    return await system.start(kind, name="indexed")


async def test_a_new_state_was_not_loaded(indexed: Any, kind: type[Indexed]) -> None:
    await indexed.write("a")

    assert kind.loads == []


async def test_a_state_is_loaded_at_each_start_that_finds_one_and_at_each_rollback(
    indexed: Any, kind: type[Indexed], fail: Callable[..., None]
) -> None:
    await indexed.write("a")
    with pytest.raises(KeyError):
        await indexed.write("refused")
    fail(FULL)
    with pytest.raises(ta.StoreFull):
        await indexed.write("b")
    crash(indexed)
    await restarted(indexed, after=1)

    assert kind.loads == [["a"]] * 3
    assert (await indexed.find("a"), await indexed.find("b"), await indexed.find("refused")) == (0, None, None)


async def test_the_state_of_a_life_that_ended_is_not_rolled_back(
    indexed: Any, kind: type[Indexed], callers: Any, disk: HeldWorker, fail: Callable[..., None]
) -> None:
    await indexed.write("a")
    fail(FULL)
    disk.hold()
    await callers.now("b", indexed.write, "b")
    crash(indexed)
    await wait_all_tasks_blocked()
    disk.release()
    await restarted(indexed, after=1)

    assert kind.loads == [["a"]]  # by the next life


@pytest.mark.parametrize("rollback", ["declared", "at once", "later", "in a handler"])
async def test_an_error_in_on_load_crashes_the_actor_wherever_it_comes_up(  # noqa: PLR0917 - fixtures and a table
    indexed: Any, kind: type[Indexed], callers: Any, disk: HeldWorker, fail: Callable[..., None], rollback: str
) -> None:
    until = trio.Event()
    await indexed.write("a")
    kind.failing.add("load")
    if rollback != "declared":
        fail(FULL)
    if rollback in {"later", "in a handler"}:
        disk.hold()
    await callers.now("first", indexed.write, "refused" if rollback == "declared" else "b")
    if rollback == "in a handler":
        await callers.now("second", indexed.write, "c", until)
        disk.release()
        until.set()
    disk.release()
    await restarted(indexed, after=1)

    told = callers.news()
    assert told.pop("first") is (ta.ActorCrashed if rollback == "declared" else ta.StoreFull)
    assert told == ({"second": ta.ActorCrashed} if rollback == "in a handler" else {})
    assert str(ta.info(indexed).last_exit.error) == "load"
    assert await indexed.find("a") == 0
    assert kind.loads == [["a"], ["a"]]


async def test_an_error_in_on_load_fails_the_start(system: ta.System, indexed: Any, kind: type[Indexed]) -> None:
    await indexed.write("a")
    await ta.stop(indexed)
    kind.failing.add("load")

    with pytest.raises(ta.StartFailed) as caught:
        await system.start(kind, name="indexed")

    assert isinstance(caught.value.__cause__, LookupError)
    again: Any = await system.start(kind, name="indexed")
    assert await again.find("a") == 0


@pytest.mark.parametrize("line", ["b", "refused"])
async def test_an_error_in_on_save_crashes_the_actor(indexed: Any, kind: type[Indexed], line: str) -> None:
    await indexed.write("a")
    kind.failing.add("save")

    with pytest.raises(ta.ActorCrashed) as caught:
        await indexed.write(line)

    assert str(caught.value.__cause__) == "save"
    assert await indexed.find("a") == 0
    assert await indexed.find(line) is None
    assert ta.info(indexed).ledger.crashed == 1


async def test_an_error_in_on_save_fails_the_first_start(system: ta.System, kind: type[Indexed], keeper: Any) -> None:
    kind.failing.add("save")

    with pytest.raises(ta.StartFailed):
        await system.start(kind, name="indexed")


async def test_what_on_save_sends_leaves_with_the_commit(indexed: Any, ear: Any, callers: Any, disk: HeldWorker) -> None:
    await indexed.tell(ear)
    disk.hold()
    await callers.now("write", indexed.write, "a")
    assert await ear.all() == ["saved 0"]

    disk.release()
    await wait_all_tasks_blocked()

    assert await ear.all() == ["saved 0", "saved 1"]


async def test_what_on_save_sends_for_a_message_that_was_refused_never_leaves(indexed: Any, ear: Any) -> None:
    await indexed.tell(ear)

    with pytest.raises(KeyError):
        await indexed.write("refused")
    await indexed.write("a")

    assert await ear.all() == ["saved 0", "saved 1"]


async def test_a_state_that_cannot_be_written_is_rolled_back_by_a_declared_error(indexed: Any) -> None:
    await indexed.write("a")

    with pytest.raises(KeyError):
        await indexed.spoil()

    await indexed.write("b")
    assert await indexed.find("b") == 1


async def test_what_on_save_sends_for_a_fresh_state_leaves_at_its_start(system: ta.System, ear: Any, kind: type[Indexed]) -> None:
    class Talking(kind):  # type: ignore[misc,valid-type]
        def __init__(self) -> None:
            self.ear = ear

    await system.start(Talking, name="talking")

    assert await ear.all() == ["saved 0"]


async def test_what_on_save_changes_is_kept(system: ta.System, keeper: Any) -> None:
    class Counting(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
        def on_save(self) -> None:
            self.state.saved = len(self.state.lines)

        @ta.handler
        def write(self, line: str) -> None:
            self.state.lines.append(line)

        @ta.handler(reads=True)
        def saved(self) -> int:
            return self.state.saved

    counting: Any = await system.start(Counting, name="counting")
    await counting.write("a")
    crash(counting)

    assert await counting.saved() == 1


# --- in a window ---


async def test_hooks_open_windows_like_messages(autojump_clock: MockClock) -> None:
    class Hooked(ta.Actor[Book], persist=ta.Within(1.0)):
        async def on_start(self) -> None:
            self.state.lines.append("start")

        async def on_continue(self) -> None:
            self.state.lines.append("continue")
            await trio.sleep(1.5)

        async def on_stop(self, _reason: ta.Exit) -> None:
            self.state.lines.append("stop")

        @ta.handler(reads=True)
        def read(self) -> list[str]:
            return self.state.lines

    store, recorder = MemoryStore(), ta.Recorder()
    async with isolated_system(store=store, environment=virtual_environment()) as system:
        system.observe(recorder)
        await system.start(Hooked, name="hooked")
        await trio.sleep(3)
        assert [record.time for record in recorder.of(ta.StateCommitted)] == [1.5]  # on_continue was at work at 1.0
    async with isolated_system(store=store) as system:
        hooked: Any = await system.start(Hooked, name="hooked")
        assert await hooked.read() == ["start", "continue", "stop", "start", "continue"]


async def test_a_hook_that_crashes_leaves_no_window_behind(autojump_clock: MockClock) -> None:
    class Hooked(ta.Actor[Book], persist=ta.Within(1.0)):
        async def on_start(self) -> None:
            self.state.lines.append("start")

        async def on_continue(self) -> None:
            self.state.lines.append("continue")
            if self.context.incarnation == 1:
                raise LookupError

        async def on_stop(self, _reason: ta.Exit) -> None:
            self.state.lines.append("stop")
            await trio.sleep(3)

        @ta.handler(reads=True)
        def read(self) -> list[str]:
            return self.state.lines

    store = MemoryStore()
    async with isolated_system(store=store) as system:
        hooked: Any = await system.start(Hooked, name="hooked")
        await restarted(hooked, after=1)
        assert store.read([Key(Space.STATE, "hooked")]) == [None]
        assert await hooked.read() == ["start", "continue"]


@pytest.mark.parametrize("fails", [True, False], ids=["badly", "well"])
async def test_a_commit_that_ends_during_the_good_bye_of_a_crashed_life_begins_no_other(  # noqa: PLR0917 - fixtures and a table
    system: ta.System,
    callers: Any,
    disk: HeldWorker,
    fail: Callable[..., None],
    store: FaultyStore,
    fails: bool,  # noqa: FBT001 - a table
) -> None:
    class Slow(ta.Actor[Book], persist=ta.Within(1.0)):
        @ta.handler
        def write(self, line: str) -> None:
            self.state.lines.append(line)
            if line == "crash":
                raise LookupError

        async def on_stop(self, _reason: ta.Exit) -> None:
            self.state.lines.append("never")
            await trio.sleep(3)

        @ta.handler(reads=True)
        def read(self) -> list[str]:
            return self.state.lines

    slow: Any = await system.start(Slow, name="slow")
    await slow.write("a")
    disk.hold()
    await trio.sleep(1)
    await slow.write("lost")
    await trio.sleep(1)  # its window has closed, too
    await callers.now("crash", slow.write, "crash")
    if fails:
        fail(FULL)
    disk.release()
    await trio.sleep(10)

    assert store.count(Operation.COMMIT) == 1
    assert await slow.read() == ([] if fails else ["a"])
