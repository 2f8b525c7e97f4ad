"""Hooks of durable actors: the changes of `on_start`, `on_continue` and `on_stop` are committed, and their messages leave afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Book
from trioactors.errors import ValueRefused
from trioactors.persistence import Key, Space
from trioactors.testing import HeldWorker, crash, isolated_system, kill, restarted
from trioactors.testing.stores import FaultyStore, Operation
from trioactors_backends.memory import MemoryStore

FULL = ta.StoreFull("no room")


class Hooked(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
    """Writes a line in each hook, and sends it to an ear."""

    def __init__(self, ear: Any, fails_in: str = "", act: Callable[[Any], Any] = lambda _: None) -> None:
        self.ear = ear
        self.fails_in = fails_in
        self.act = act
        self.tokens: list[ta.Deferred[str]] = []

    async def _in(self, hook: str) -> None:
        self.state.lines.append(hook)
        self.ear.hear.cast_nowait(hook)
        if self.fails_in == hook and self.context.incarnation == 1:
            raise LookupError(hook)
        if hook == "stop":
            await self.act(self)

    async def on_start(self) -> None:
        await self._in("start")

    async def on_continue(self) -> None:
        await self._in("continue")

    async def on_stop(self, _reason: ta.Exit) -> None:
        await self._in("stop")

    @ta.handler(reads=True)
    def read(self) -> list[str]:
        return list(self.state.lines)

    @ta.handler
    def defer(self) -> str:
        self.tokens.append(self.context.defer())
        return self.tokens[-1].pending

    @ta.handler
    async def leave(self, until: trio.Event) -> None:
        self.state.lines.append("never")
        self.ear.hear.cast_nowait("never")
        await until.wait()
        raise ta.Shutdown("enough")

    @ta.handler
    def write(self, line: str) -> None:
        self.state.lines.append(line)
        if line == "crash":
            raise LookupError
        if line == "leave":
            raise ta.Shutdown("enough")


async def nothing(_: Any) -> None:
    """Do nothing else in `on_stop`."""


async def hang(_: Any) -> None:
    await trio.sleep_forever()


@pytest.fixture
async def hooked(system: ta.System, ear: Any) -> Hooked:
    return await system.start(partial(Hooked, ear, act=nothing), name="hooked")


@pytest.fixture
def stored(store: FaultyStore) -> Callable[[], str]:
    """The lines in the store; empty if there is no record."""

    def look() -> str:
        (record,) = store.read([Key(Space.STATE, "hooked")])
        return "" if record is None else str(record.data)  # type: ignore[union-attr]

    return look


async def test_a_start_is_done_when_what_it_changed_is_committed(
    system: ta.System, ear: Any, callers: Any, disk: HeldWorker
) -> None:
    disk.hold()
    await callers.now("start", partial(system.start, partial(Hooked, ear, act=nothing), name="hooked"))
    disk.step()  # its state is read
    await wait_all_tasks_blocked()
    assert await ear.all() == []
    assert callers.news() == {}

    disk.step()  # on_start is committed
    await wait_all_tasks_blocked()
    assert await ear.all() == ["start"]
    hooked = callers.news()["start"]
    await callers.now("read", hooked.read)
    assert callers.news() == {}

    disk.step()  # on_continue is committed
    await wait_all_tasks_blocked()
    assert await ear.all() == ["start", "continue"]
    assert callers.news() == {"read": ["start", "continue"]}
    disk.release()


async def test_a_stop_is_done_when_what_it_changed_is_committed(
    hooked: Any, ear: Any, callers: Any, disk: HeldWorker, stored: Callable[[], str]
) -> None:
    disk.hold()
    await callers.now("stop", ta.stop, hooked)
    assert callers.news() == {}
    assert await ear.all() == ["start", "continue"]

    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"stop": None}
    assert await ear.all() == ["start", "continue", "stop"]
    assert '"stop"' in stored()


async def test_a_hook_that_changes_nothing_writes_nothing_and_sends_all_the_same(autojump_clock: MockClock) -> None:
    class Quiet(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
        async def on_start(self) -> None:
            await self.note.cast()

        @ta.handler
        def note(self) -> None:
            noted.append("noted")

    noted: list[str] = []
    store = FaultyStore(MemoryStore())
    async with isolated_system(store=store) as system:
        await system.start(Quiet, name="quiet")
        await system.quiesce()

    assert noted == ["noted"]
    assert store.count(Operation.COMMIT) == 0


async def test_a_start_whose_commit_fails_has_not_begun(
    system: ta.System, ear: Any, fail: Callable[..., None], stored: Callable[[], str]
) -> None:
    fail(FULL)
    with pytest.raises(ta.StartFailed) as caught:
        await system.start(partial(Hooked, ear, act=nothing), name="hooked")

    assert isinstance(caught.value.__cause__, ta.StoreFull)
    assert stored() == ""
    assert await ear.all() == []


@pytest.mark.parametrize("hook", ["start", "continue"])
async def test_a_hook_that_raises_changed_and_sent_nothing(
    system: ta.System, ear: Any, hook: str, stored: Callable[[], str]
) -> None:
    if hook == "start":
        with pytest.raises(ta.StartFailed):
            await system.start(partial(Hooked, ear, hook, nothing), name="hooked")
        assert stored() == ""
        assert await ear.all() == []
    else:
        hooked: Any = await system.start(partial(Hooked, ear, hook, nothing), name="hooked")
        await restarted(hooked, after=1)
        assert await hooked.read() == ["start", "start", "continue"]
        assert await ear.all() == ["start", "stop", "start", "continue"]  # what is sent after a crash follows from no state


async def test_an_actor_whose_preparation_cannot_be_committed_crashes(
    system: ta.System, ear: Any, fail: Callable[..., None]
) -> None:
    fail(FULL, after=1)
    hooked: Any = await system.start(partial(Hooked, ear, act=nothing), name="hooked")
    await restarted(hooked, after=1)

    assert isinstance(ta.info(hooked).last_exit.error, ta.StoreFull)
    assert await hooked.read() == ["start", "start", "continue"]


async def test_a_good_bye_that_cannot_be_committed_is_a_crash_that_says_so(
    hooked: Any, ear: Any, fail: Callable[..., None], stored: Callable[[], str]
) -> None:
    fail(FULL)
    async with ta.watch(hooked) as deaths:
        await ta.stop(hooked)
        assert isinstance((await deaths.next()).reason.error, ta.StoreFull)

    assert "stop" not in await ear.all()
    assert '"stop"' not in stored()


async def test_a_good_bye_on_a_state_that_is_lost_meanwhile_is_lost_with_it(  # noqa: PLR0917 - fixtures
    system: ta.System, ear: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None], stored: Callable[[], str]
) -> None:
    until = trio.Event()
    hooked: Any = await system.start(partial(Hooked, ear, act=lambda _: until.wait()), name="hooked")
    fail(FULL)
    disk.hold()
    await callers.now("write", hooked.write, "never")
    await callers.now("stop", ta.stop, hooked)
    disk.release()
    await wait_all_tasks_blocked()
    assert callers.news() == {"write": ta.StoreFull}
    async with ta.watch(hooked) as deaths:
        until.set()
        assert isinstance((await deaths.next()).reason.error, ta.StoreFull)

    assert await ear.all() == ["start", "continue"]
    assert "never" not in stored()
    assert "stop" not in stored()


async def test_a_good_bye_after_a_crash_belongs_to_no_commit(hooked: Any, ear: Any) -> None:
    with pytest.raises(ta.ActorCrashed):
        await hooked.write("crash")

    assert await hooked.read() == ["start", "continue", "start", "continue"]
    assert await ear.all() == ["start", "continue", "stop", "start", "continue"]


async def test_a_good_bye_after_a_crash_does_not_overtake_what_waits_for_a_commit(
    system: ta.System, ear: Any, callers: Any, disk: HeldWorker
) -> None:
    class Telling(Hooked):
        @ta.handler
        def tell(self, line: str) -> None:
            self.state.lines.append(line)
            self.ear.hear.cast_nowait(line)

    hooked = await system.start(partial(Telling, ear, act=nothing), name="hooked")
    disk.hold()
    await callers.now("told", hooked.tell, "before")
    await callers.now("crashed", hooked.write, "crash")
    disk.release()
    await restarted(hooked, after=1)

    assert await ear.all() == ["start", "continue", "before", "stop", "start", "continue"]


async def test_a_good_bye_after_shutdown_is_committed_and_the_message_is_not(hooked: Any, ear: Any) -> None:
    with pytest.raises(ta.ActorStopped):
        await hooked.write("leave")

    assert await hooked.read() == ["start", "continue", "stop", "start", "continue"]
    assert await ear.all() == ["start", "continue", "stop", "start", "continue"]


async def test_a_preparation_that_ends_its_actor_in_order_is_taken_back_before_the_good_bye(
    system: ta.System, ear: Any, stored: Callable[[], str]
) -> None:
    class Reluctant(Hooked):
        async def on_continue(self) -> None:
            self.state.lines.append("never")
            self.ear.hear.cast_nowait("never")
            if self.context.incarnation == 1:
                raise ta.Shutdown("not today")
            await trio.sleep_forever()

    hooked = await system.start(partial(Reluctant, ear, act=nothing), name="hooked")
    await restarted(hooked, after=1)

    assert '["start","stop","start"]' in stored()
    assert await ear.all() == ["start", "stop", "start"]


async def test_a_handler_that_ends_its_actor_on_a_lost_state_leaves_the_committed_one_to_the_good_bye(  # noqa: PLR0917 - fixtures
    hooked: Any, ear: Any, callers: Any, disk: HeldWorker, fail: Callable[..., None], stored: Callable[[], str]
) -> None:
    until = trio.Event()
    fail(FULL)
    disk.hold()
    await callers.now("write", hooked.write, "never")
    await callers.now("leave", hooked.leave, until)
    disk.release()
    until.set()
    await restarted(hooked, after=1)

    assert callers.news() == {"write": ta.StoreFull, "leave": ta.ActorStopped}
    assert await hooked.read() == ["start", "continue", "stop", "start", "continue"]
    assert "never" not in await ear.all()


async def test_a_good_bye_that_takes_too_long_was_never_said(
    system: ta.System, ear: Any, stored: Callable[[], str], disk: HeldWorker
) -> None:
    hooked = await system.start(partial(Hooked, ear, act=hang), name="hooked", grace=1.0)

    await ta.stop(hooked)

    assert trio.current_time() == 1.0
    assert await ear.all() == ["start", "continue"]
    assert '"stop"' not in stored()


async def test_deferred_replies_can_be_given_in_the_good_bye(system: ta.System, ear: Any, callers: Any, disk: HeldWorker) -> None:
    async def answer(self: Any) -> None:
        self.tokens.pop().reply("good bye")

    hooked: Any = await system.start(partial(Hooked, ear, act=answer), name="hooked")
    await callers.now("asked", hooked.defer)
    disk.hold()
    await callers.now("stop", ta.stop, hooked)
    assert callers.news() == {}
    disk.release()
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": "good bye", "stop": None}


async def test_one_that_was_given_in_a_good_bye_which_could_not_be_kept_is_answered_by_its_failure(
    system: ta.System, ear: Any, callers: Any
) -> None:
    async def answer(self: Any) -> None:
        self.tokens[-1].reply("never")
        self.state.lines.append(3)

    hooked: Any = await system.start(partial(Hooked, ear, act=answer), name="hooked")
    await callers.now("asked", hooked.defer)
    async with ta.watch(hooked) as deaths:
        await ta.stop(hooked)
        assert isinstance((await deaths.next()).reason.error, ValueRefused)
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": ta.ActorCrashed}


async def test_a_timer_that_a_hook_set_rings(autojump_clock: MockClock) -> None:
    class Ticking(ta.Actor[Book], persist=ta.EVERY_MESSAGE):
        async def on_start(self) -> None:
            self.state.lines.append("start")
            self.context.after(1.0, self.tick)

        @ta.handler
        def tick(self) -> None:
            self.state.lines.append("tick")

        @ta.handler(reads=True)
        def read(self) -> list[str]:
            return self.state.lines

    async with isolated_system() as system:
        ticking: Any = await system.start(Ticking, name="ticking")
        await trio.sleep(2)
        assert await ticking.read() == ["start", "tick"]


@pytest.mark.parametrize("end", [crash, kill])
async def test_a_life_that_ends_in_a_hook_sends_nothing(  # noqa: PLR0917 - fixtures
    system: ta.System, ear: Any, callers: Any, disk: HeldWorker, end: Callable[[Any], None], stored: Callable[[], str]
) -> None:
    hooked: Any = await system.start(partial(Hooked, ear, act=hang), name="hooked")
    await callers.now("stop", ta.stop, hooked)
    end(hooked)
    await wait_all_tasks_blocked()

    assert callers.news() == {"stop": None}
    assert await ear.all() == ["start", "continue"]
    assert '"stop"' not in stored()
