"""The pytest plugin, as its users see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

HEAD = """
import pytest, trio, trio.testing, trioactors as ta
from trioactors.testing import Recorder, crash, restarted

class Echo(ta.Actor[None]):
    @ta.handler
    async def say(self, text: str, seconds: float = 0) -> str:
        await trio.sleep(seconds)
        return text
"""


def test_system_is_a_running_system(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
async def test_it(system):
    echo = await system.start(Echo)
    assert await echo.say("hello") == "hello"
""")

    result.assert_outcomes(passed=1)


def test_system_is_in_virtual_time_whatever_else_the_test_asks_for(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
async def test_alone(system):
    await (await system.start(Echo)).say.within(1e6)("hello", 100_000)
    assert trio.current_time() == 100_000

async def test_with_the_clock(system, autojump_clock):
    await trio.sleep(100_000)
    assert trio.current_time() == 100_000

async def test_with_a_recorder(recorder):
    await trio.sleep(100_000)
    assert trio.current_time() == 100_000

class TestInAClass:
    async def test_it(self, nursery, system):
        await trio.sleep(100_000)
        assert trio.current_time() == 100_000
""")

    result.assert_outcomes(passed=4)


def test_its_clock_holds_while_a_thread_runs(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
import threading

async def test_it(system):
    begun, lock = trio.Event(), threading.Lock()
    token = trio.lowlevel.current_trio_token()
    lock.acquire()

    def block():
        token.run_sync_soon(begun.set)
        lock.acquire()

    async def release():
        await begun.wait()
        await trio.testing.wait_all_tasks_blocked()
        lock.release()

    with trio.move_on_after(3600) as hour:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(release)
            await trio.to_thread.run_sync(block)
    assert not hour.cancelled_caught
    assert trio.current_time() == 0
""")

    result.assert_outcomes(passed=1)


def test_each_test_has_a_system_of_its_own(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
@pytest.mark.parametrize("time", [1, 2])
async def test_it(system, time):
    await system.start(Echo, name="echo")
    assert system.names() == ("echo",)
""")

    result.assert_outcomes(passed=2)


def test_the_tree_and_the_settings_can_be_given(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
@pytest.fixture
def system_tree():
    return ta.Supervisor(ta.child(Echo, name="echo"), name="top")

@pytest.fixture
def system_settings():
    return ta.Settings(call_timeout=2)

async def test_it(system, autojump_clock):
    with pytest.raises(ta.CallTimeout):
        await system.get(Echo, "echo").say("hello", 3)
    assert trio.current_time() == 2
""")

    result.assert_outcomes(passed=1)


def test_the_store_and_the_environment_can_be_given(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
from trioactors.persistence import store_at
from trioactors.testing import HeldWorker, virtual_environment
from trioactors.testing.stores import FaultyStore, Operation

STORE, DISK = FaultyStore(store_at("memory:"), blocking=True), HeldWorker()

@pytest.fixture
def system_store():
    return STORE

@pytest.fixture
def system_environment():
    return virtual_environment(worker=DISK)

async def test_it(system):
    assert STORE.count(Operation.OPEN) == 1
    assert system.names() == ()
""")

    result.assert_outcomes(passed=1)


def test_a_leak_fails_the_test_and_is_named(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
KEPT = []

async def test_it(system):
    KEPT.append(ta.watch(await system.start(Echo, name="echo")))
    await KEPT[0].__aenter__()
""")

    assert result.parseoutcomes().get("passed", 0) == 0
    result.stdout.fnmatch_lines(["*Leak: the test left these behind:*", "*watch: echo is still watched*"])


def test_giving_up_fails_the_test(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
@pytest.fixture
def system_tree():
    return ta.Supervisor(ta.child(Echo, name="echo"), name="top", intensity=ta.Intensity(0))

async def test_it(system):
    crash(system.get(Echo, "echo"))
    await trio.sleep_forever()
""")

    assert result.parseoutcomes().get("passed", 0) == 0
    result.stdout.fnmatch_lines(["*SupervisorGaveUp: supervisor top gave up*"])


def test_recorder_sees_what_happens(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
async def test_it(system, recorder):
    await (await system.start(Echo)).say("hello")
    assert isinstance(recorder, Recorder)
    assert {type(record).__name__ for record in recorder} == {"ChildStarted", "MessageAccepted", "MessageHandled"}
""")

    result.assert_outcomes(passed=1)


def test_it_lives_beside_the_fixtures_of_pytest_trio(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
async def test_it(nursery, autojump_clock, system, recorder):
    nursery.start_soon((await system.start(Echo)).say, "hello")
    await trio.sleep(1)
    assert system.ledger().handled == 1
""")

    result.assert_outcomes(passed=1)


def test_a_synchronous_test_is_left_alone(outcome_of: Callable[[str], pytest.RunResult]) -> None:
    result = outcome_of("""
def test_it():
    assert Echo
""")

    result.assert_outcomes(passed=1)
