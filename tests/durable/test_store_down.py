"""While the store is down: until the root stops them, durable actors neither serve nor crash, and send nothing.

The root is suspended here, so that the moment lasts.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trioactors as ta
from shared.actors import Clerk
from trioactors.testing import HeldWorker, crash, restarted, suspended
from trioactors.testing.stores import Fault, FaultyStore

POISON = ta.StorePoisoned("a sync failed")
ROOT = ":root"


@pytest.fixture
def system_tree() -> ta.Supervisor:
    return ta.Supervisor(ta.child(Clerk, name="clerk"), name="shop")


@pytest.fixture
def clerk(system: ta.System) -> Clerk:
    return system.get(Clerk, "clerk")


async def test_until_then_the_actor_neither_serves_nor_crashes(
    system: ta.System, clerk: Any, callers: Any, store: FaultyStore, paid: list[str]
) -> None:
    store.plan(Fault(at=1, before=POISON))
    with suspended(system, ROOT):
        await callers.now("write", clerk.write, "lost")
        await callers.now("read", clerk.read)
        await trio.sleep(4)
        assert callers.news() == {"write": ta.StorePoisoned}
        assert ta.info(clerk).incarnation == 1
        assert ta.info(clerk).waiting == ("read",)
    await restarted(clerk, after=1)
    await wait_all_tasks_blocked()

    assert callers.news() == {"read": []}


async def test_a_handler_in_progress_ends_without_a_trace(  # noqa: PLR0917 - fixtures
    system: ta.System, keeper: Any, ear: Any, callers: Any, disk: HeldWorker, store: FaultyStore, paid: list[str]
) -> None:
    until_then = trio.Event()

    async def act(self: Any) -> None:
        await until_then.wait()
        self.state.lines.append("never")
        ear.hear.cast_nowait("never")
        self.context.after(0, partial(self.write, "never"))

    store.plan(Fault(at=1, before=POISON))
    disk.hold()
    await callers.now("write", keeper.write, "lost")
    await callers.now("act", keeper.do, act)
    with suspended(system, ROOT):
        disk.release()
        await wait_all_tasks_blocked()
        until_then.set()
        await trio.sleep(1)
        assert callers.news() == {"write": ta.StorePoisoned, "act": ta.StoreUnavailable}
        assert await ear.all() == []
        assert ta.info(keeper).incarnation == 1
    await restarted(keeper, after=1)

    assert await keeper.read() == []


async def test_what_tasks_send_on_a_state_of_which_nobody_can_say_whether_it_is_kept_never_leaves(  # noqa: PLR0917 - fixtures
    system: ta.System, keeper: Any, ear: Any, callers: Any, store: FaultyStore, paid: list[str]
) -> None:
    moment = trio.Event()

    async def beside(self: Any) -> None:
        await moment.wait()
        await ear.hear.cast("never")
        self.aside["q"].reply("never")
        self.context.after(0, partial(self.write, "never"))

    await callers.now("asked", keeper.defer, "q")
    await keeper.do(lambda self: self.context.start_soon(beside, self))
    store.plan(Fault(at=1, before=POISON))
    with suspended(system, ROOT):
        await callers.now("write", keeper.write, "lost")
        moment.set()
        await trio.sleep(1)
        assert await ear.all() == []
        assert callers.news() == {"write": ta.StorePoisoned}
    await restarted(keeper, after=1)
    await wait_all_tasks_blocked()

    assert callers.news() == {"asked": ta.ActorStopped}
    assert await keeper.read() == []


async def test_others_are_told_at_once_that_nothing_can_be_written_now(  # noqa: PLR0917 - fixtures
    system: ta.System, keeper: Any, clerk: Any, callers: Any, store: FaultyStore, paid: list[str]
) -> None:
    await keeper.write("kept")
    store.plan(Fault(at=1, before=POISON))
    with suspended(system, ROOT):
        await callers.now("write", clerk.write, "lost")
        with pytest.raises(ta.StoreUnavailable, match=r"has failed and is being opened again \(a sync failed\)"):
            await keeper.write("never")
        with pytest.raises(ta.StoreUnavailable):
            await ta.forget(keeper)
        assert ta.info(keeper).incarnation == 1
    await restarted(clerk, after=1)

    assert callers.news() == {"write": ta.StorePoisoned}
    assert "keeper" not in system.names()  # that much of forgetting was done


async def test_a_commit_that_is_on_its_way_when_another_one_breaks_the_store_is_refused(  # noqa: PLR0917 - fixtures
    keeper: Any, clerk: Any, callers: Any, disk: HeldWorker, store: FaultyStore, paid: list[str]
) -> None:
    store.plan(Fault(at=1, before=POISON))
    disk.hold()
    await callers.now("clerk", clerk.write, "lost")
    disk.step()
    await callers.now("keeper", keeper.write, "never")
    disk.release()
    await restarted(keeper, after=1)

    assert callers.news() == {"clerk": ta.StorePoisoned, "keeper": ta.StoreUnavailable}


async def test_an_actor_that_crashes_meanwhile_waits_for_the_store_with_its_restart(  # noqa: PLR0917 - fixtures
    system: ta.System, keeper: Any, clerk: Any, callers: Any, store: FaultyStore, paid: list[str]
) -> None:
    await keeper.write("kept")
    store.plan(Fault(at=1, before=POISON))
    with suspended(system, ROOT):
        await callers.now("write", clerk.write, "lost")
        crash(keeper)
        await trio.sleep(4)
        assert ta.info(keeper).status is ta.ChildStatus.RESTARTING
        assert ta.info(keeper).incarnation == 2
    await restarted(keeper, after=2)

    assert await keeper.read() == ["kept"]
    paid.append("keeper")  # its own crash, once


async def test_an_actor_that_starts_meanwhile_does_not(  # noqa: PLR0917 - fixtures
    system: ta.System, keeper: Any, clerk: Any, callers: Any, store: FaultyStore, paid: list[str]
) -> None:
    store.plan(Fault(at=1, before=POISON))
    with suspended(system, ROOT):
        await callers.now("write", clerk.write, "lost")
        await callers.now("start", partial(system.start, Clerk, name="new"))
        assert set(callers.news()) == {"write"}
    await restarted(keeper, after=1)

    assert isinstance(callers.told["start"].__cause__, ta.StoreUnavailable)
    assert callers.news() == {"start": ta.StartFailed}
    assert await (await system.start(Clerk, name="new")).read() == []


async def test_an_actor_whose_start_breaks_the_store_does_not_start(
    system: ta.System, keeper: Any, store: FaultyStore, paid: list[str]
) -> None:
    class Beginner(Clerk):
        async def on_start(self) -> None:
            self.state.lines.append("begun")

    store.plan(Fault(at=1, before=POISON))
    with pytest.raises(ta.StartFailed) as caught:
        await system.start(Beginner, name="beginner")
    assert isinstance(caught.value.__cause__, ta.StorePoisoned)
    await restarted(keeper, after=1)

    assert await (await system.start(Beginner, name="beginner")).read() == ["begun"]


async def test_an_actor_whose_preparation_breaks_the_store_waits_to_be_stopped(
    system: ta.System, keeper: Any, store: FaultyStore, paid: list[str]
) -> None:
    class Preparing(Clerk):
        async def on_continue(self) -> None:
            self.state.lines.append(f"prepared {self.context.incarnation}")

    store.plan(Fault(at=1, before=POISON))
    preparing: Any = await system.start(Preparing, name="preparing")
    await restarted(preparing, after=1)

    assert await preparing.read() == ["prepared 2"]


async def test_a_good_bye_without_a_store_is_said_and_leaves_no_trace(  # noqa: PLR0917 - fixtures
    system: ta.System, ear: Any, callers: Any, store: FaultyStore, paid: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Polite(Clerk):
        async def on_stop(self, _reason: ta.Exit) -> None:
            said.append("good bye")
            self.state.lines.append("never")
            ear.hear.cast_nowait("never")

    said: list[str] = []
    polite: Any = await system.start(Polite, name="polite")
    await polite.write("kept")
    store.plan(Fault(at=1, before=POISON))
    await callers.now("write", polite.write, "lost")
    await restarted(polite, after=1)

    assert said == ["good bye"]
    assert await polite.read() == ["kept"]
    assert await ear.all() == []
    assert "polite" not in caplog.text  # the store's crash is the news


async def test_a_start_by_hand_while_the_store_is_down_waits_until_it_is_back(
    system: ta.System, clerk: Any, callers: Any, store: FaultyStore, paid: list[str]
) -> None:
    store.plan(Fault(at=1, before=POISON))
    await callers.now("write", clerk.write, "lost")

    new = await system.start(Clerk, name="new")

    assert await new.write("kept") == 1
    assert trio.current_time() > 0  # the store came back after its back-off
