"""One damaged record never keeps a program from starting: its actor is down, with the cause, and everything else runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from trio.testing import MockClock

import trioactors as ta
from shared.adders import Adder
from trioactors import inspect
from trioactors.console.health import health
from trioactors.persistence import Batch, Corrupt, Key, Space, Write
from trioactors.testing import crash, isolated_system, restarted
from trioactors.trace import ChildFailed, ChildIgnored, ChildStartFailed, GaveUp, RestartScheduled
from trioactors_backends.memory import MemoryStore


class Bruised(MemoryStore):
    """A store some of whose records are damaged."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.damaged = set(names)

    def read(self, keys: Sequence[Key]) -> Any:
        return [
            Corrupt(key, "its checksum is wrong", b"what is left") if key.name in self.damaged else found
            for key, found in zip(keys, super().read(keys), strict=True)
        ]


def put(store: MemoryStore, name: str, data: bytes) -> None:
    """Store a record while no program has the store open."""
    store.open(ta.Environment())
    store.commit([Batch((Write(Key(Space.STATE, name), data, expected=None),))])
    store.close()


def shop(**options: Any) -> ta.Supervisor:
    return ta.Supervisor(ta.child(Adder, name="hurt"), ta.child(Adder, name="sound"), name="shop", **options)


async def test_a_tree_with_a_damaged_record_starts_without_that_actor(autojump_clock: MockClock) -> None:
    recorder = ta.Recorder()
    async with isolated_system(shop(), store=Bruised("hurt"), observers=[recorder]) as system:
        hurt, sound = system.get(Adder, "hurt"), system.get(Adder, "sound")

        assert await sound.add() == 1
        assert ta.info(hurt).status is ta.ChildStatus.FAILED
        with pytest.raises(ta.ActorStopped, match=r"hurt is down: .* its checksum is wrong\. .*trioactors inspect.*ta\.reset"):
            await hurt.add()

    assert [record.child for record in recorder.of(ChildStartFailed)] == ["hurt"]
    assert not any(recorder.of(kind) for kind in (ChildIgnored, RestartScheduled, GaveUp, ChildFailed))


async def test_every_view_names_the_cause(autojump_clock: MockClock) -> None:
    async with isolated_system(shop(), store=Bruised("hurt")) as system:
        problems = [
            inspect.actor(system, "hurt").problem,
            inspect.actors(system, search="hurt").rows[0].problem,
            inspect.durable(system, search="hurt").rows[0].problem,
            inspect.tree(system, name="hurt").problem,
            inspect.failures(system, name="hurt").rows[0].report,
        ]
        assert all("its checksum is wrong" in (problem or "") for problem in problems)
        assert inspect.actors(system, status="failed").matched == 1
        assert inspect.actor(system, "sound").problem is None


@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
async def test_no_strategy_and_no_budget_is_touched(autojump_clock: MockClock, strategy: Any) -> None:
    store = Bruised()
    tree = shop(strategy=strategy, intensity=ta.Intensity(limit=1, period=1000))
    async with isolated_system(tree, store=store) as system:
        hurt, sound = system.get(Adder, "hurt"), system.get(Adder, "sound")
        await hurt.add()
        store.damaged.add("hurt")
        crash(hurt)
        with pytest.raises(ta.ActorStopped, match="its checksum is wrong"):
            await hurt.add()

        assert await sound.add() == 1
        assert ta.info(hurt).status is ta.ChildStatus.FAILED
        assert sum(budget.used for budget in inspect.budgets(system) if budget.name == "shop") == 1


@pytest.mark.parametrize("rule", ["any_significant", "all_significant"])
async def test_a_damaged_record_is_no_exit_of_a_significant_child(autojump_clock: MockClock, rule: Any) -> None:
    tree = ta.Supervisor(
        ta.child(Adder, name="hurt", restart="transient", significant=True),
        ta.child(Adder, name="sound", restart="transient", significant=True),
        name="shop",
        auto_shutdown=rule,
    )
    store = Bruised("hurt")
    async with isolated_system(tree, store=store) as system:
        assert await system.get(Adder, "sound").add() == 1
        store.damaged = {"sound"}
        await ta.restart(system.get(Adder, "hurt"))
        crash(system.get(Adder, "sound"))
        with pytest.raises(ta.ActorStopped, match="its checksum is wrong"):
            await system.get(Adder, "sound").add()

        assert await system.get(Adder, "hurt").add() == 1
        assert ta.info(system.get(Adder, "sound")).status is ta.ChildStatus.FAILED


async def test_the_starter_of_a_dynamic_child_gets_the_error_and_the_name_is_free(autojump_clock: MockClock) -> None:
    store = Bruised("hurt")
    async with isolated_system(shop(), store=store) as system:
        store.damaged.add("room")
        shop_handle, room = system.supervisor("shop"), ta.child(Adder, name="room")
        starting: Callable[[], Awaitable[object]] = lambda: system.start(Adder, name="room")  # noqa: E731 - one of two
        for start in (starting, lambda: shop_handle.start_child(room)):
            with pytest.raises(ta.StartFailed, match="its checksum is wrong") as caught:
                await start()
            assert isinstance(caught.value.__cause__, ta.StateUnreadable)
            assert "room" not in system.names()


async def test_a_dynamic_child_whose_record_was_damaged_later_stays_known(autojump_clock: MockClock) -> None:
    store = Bruised()
    async with isolated_system(store=store) as system:
        room = await system.start(Adder, name="room")
        await room.add()
        store.damaged.add("room")
        crash(room)
        with pytest.raises(ta.ActorStopped, match="its checksum is wrong"):
            await room.add()
        with pytest.raises(ta.StartFailed):
            await ta.restart(room)
        assert ta.info(room).status is ta.ChildStatus.FAILED

        store.damaged.clear()
        await ta.restart(room)

        assert await room.add() == 2


async def test_a_group_restart_tries_the_damaged_one_again(autojump_clock: MockClock) -> None:
    store = Bruised("hurt")
    async with isolated_system(shop(strategy="one_for_all"), store=store) as system:
        sound = system.get(Adder, "sound")
        store.damaged.clear()
        crash(sound)
        await restarted(sound, after=1)

        assert await system.get(Adder, "hurt").add() == 1


NEWER = b'{"trioactors":99}'


@pytest.mark.parametrize("data", [b"", b"junk", b"{}", NEWER, b'{"a":' * 5_000], ids=["empty", "junk", "alien", "newer", "deep"])
async def test_whatever_cannot_be_decoded_is_damage(autojump_clock: MockClock, data: bytes) -> None:
    store = MemoryStore()
    put(store, "hurt", data)
    async with isolated_system(shop(), store=store) as system:
        with pytest.raises(ta.ActorStopped, match="cannot be read"):
            await system.get(Adder, "hurt").add()
        assert await system.get(Adder, "sound").add() == 1

    store.open(ta.Environment())
    [found] = store.read([Key(Space.STATE, "hurt")])
    assert found is not None
    assert found.data == data


async def test_a_failing_start_of_another_kind_still_fails_the_tree(autojump_clock: MockClock) -> None:
    class Broken(Adder):
        async def on_start(self) -> None:
            raise LookupError("no")

    with pytest.raises(ta.StartFailed, match="shop/broken could not be started"):
        async with isolated_system(ta.Supervisor(ta.child(Broken, name="broken"), name="shop")):
            pytest.fail("the body must not run")


@pytest.mark.parametrize("word", ["fail_start", ta.OnUnreadable.FAIL_START])
async def test_a_program_can_ask_for_a_start_that_fails(autojump_clock: MockClock, word: Any) -> None:
    with pytest.raises(ta.StartFailed, match="shop/hurt could not be started") as caught:
        async with isolated_system(shop(), store=Bruised("hurt"), settings=ta.Settings(on_unreadable=word)):
            pytest.fail("the body must not run")
    assert isinstance(caught.value.__cause__, ta.StateUnreadable)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ta.SpecError, match=r"Settings\.on_unreadable='ignore' is unknown; choose one of 'stay_down', 'fail_start'"):
        ta.Settings(on_unreadable="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the test


async def test_readiness_says_that_a_declared_actor_is_missing(autojump_clock: MockClock) -> None:
    async with isolated_system(shop(), store=Bruised("hurt")) as system:
        answer = health(system, readiness=True)
        alive = health(system, readiness=False)

    assert (answer.status, alive.status) == (503, 200)
    assert b'"unreadable": 1' in answer.body or b'"unreadable":1' in answer.body


async def test_one_of_many_dynamic_actors_does_not_make_a_program_unready(autojump_clock: MockClock) -> None:
    store = Bruised()
    async with isolated_system(store=store) as system:
        room = await system.start(Adder, name="room")
        store.damaged.add("room")
        crash(room)
        with pytest.raises(ta.ActorStopped):
            await room.add()
        answer = health(system, readiness=True)

    assert answer.status == 200
