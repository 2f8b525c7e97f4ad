"""Exploring finds what only a schedule decides, says how to reproduce it, and leaves the error as it is."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import outcome
import pytest
import trio

import trioactors as ta
from trioactors.testing import Explored, Policy, Tape, explore, replay
from trioactors.testing.exploring import shrunk

# --- four races that only a schedule decides ---
#
# In each, somebody would have to be late by more than a step. Plain Trio lets all tasks advance in step, so it never happens there.


async def turns(count: int) -> None:
    for _ in range(count):
        await trio.lowlevel.checkpoint()


async def lost_update() -> None:
    """Two tasks add one; the second begins when the first should be done."""
    total = 0

    async def add(after: int) -> None:
        nonlocal total
        await turns(after)
        seen = total
        await turns(1)
        total = seen + 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(add, 0)
        nursery.start_soon(add, 5)
    assert total == 2


async def check_then_act() -> None:
    """One seat and three guests; each checks that the seat is free before sitting down."""
    free, seated = 1, 0

    async def guest(after: int) -> None:
        nonlocal free, seated
        await turns(after)
        if free > 0:
            await turns(1)
            free -= 1
            seated += 1

    async with trio.open_nursery() as nursery:
        for after in (0, 4, 8):
            nursery.start_soon(guest, after)
    assert seated == 1


async def ordering_of_three() -> None:
    """The last task to begin must be the first to end, and the first must be the last."""
    ended: list[str] = []

    async def runner(name: str, length: int) -> None:
        await turns(length)
        ended.append(name)

    async with trio.open_nursery() as nursery:
        for name, length in (("a", 1), ("b", 4), ("c", 7)):
            nursery.start_soon(runner, name, length)
    assert ended != ["c", "b", "a"]


async def eight_ahead() -> None:
    """A producer and a consumer of the same speed share a ring of eight."""
    made = used = 0

    async def produce() -> None:
        nonlocal made
        for _ in range(12):
            await turns(1)
            made += 1
            assert made - used < 8

    async def consume() -> None:
        nonlocal used
        for _ in range(12):
            await turns(1)
            used += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        nursery.start_soon(consume)


RACES = [lost_update, check_then_act, ordering_of_three, eight_ahead]
Main = Callable[[], Awaitable[None]]


@pytest.mark.parametrize("race", RACES)
def test_a_race_is_found_within_a_thousand_schedules(race: Main) -> None:
    with pytest.raises((AssertionError, ExceptionGroup)) as caught:
        explore(race, seeds=1_000, replays=0)

    assert any(note.startswith("explore: schedule") for note in caught.value.__notes__)


@pytest.mark.lab
@pytest.mark.parametrize("race", RACES)
def test_the_shuffle_of_plain_trio_does_not_find_it(race: Main) -> None:
    explored = explore(race, seeds=1_000, policy="batch")

    assert explored.schedules == 1_000
    assert explored.distinct > 5


@pytest.mark.parametrize("policy", ["step", "priorities"])
@pytest.mark.parametrize("race", RACES)
def test_each_of_the_other_policies_finds_it(race: Main, policy: str) -> None:
    with pytest.raises((AssertionError, ExceptionGroup)):
        explore(race, seeds=1_000, policy=policy, replays=0)


# --- what is said ---


def note_of(main: Main, **options: Any) -> str:
    result = outcome.capture(lambda: explore(main, **options))
    assert isinstance(result, outcome.Error)
    [note] = result.error.__notes__
    assert "\n" not in note
    return note


def test_one_line_says_how_to_repeat_it() -> None:
    note = note_of(lost_update)

    found = re.search(r'Repeat it with seeds=\[(\d+)\], policy="(\w+)"', note)
    assert found is not None
    with pytest.raises(AssertionError):
        explore(lost_update, seeds=[int(found[1])], policy=found[2])


def test_the_line_has_the_options_for_pytest() -> None:
    assert re.search(r"\(pytest: --trioactors-seed=\d+ --trioactors-policy=\w+\)", note_of(lost_update))


def test_the_tape_in_the_line_fails_too() -> None:
    for race in RACES:
        found = re.search(r'shrunk from (\d+) to (\d+) jumps of the queue: tape "(.*)"', note_of(race))
        assert found is not None
        assert int(found[2]) <= int(found[1])
        with pytest.raises((AssertionError, ExceptionGroup)):
            replay(race, found[3])


def test_without_replays_nothing_is_shrunk() -> None:
    assert "tape" not in note_of(lost_update, replays=0)


def test_the_error_is_the_one_of_the_seed() -> None:
    async def fail() -> None:
        raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        explore(fail)


def test_what_does_not_repeat_is_told() -> None:
    runs = iter(range(10))

    async def unsteady() -> None:
        if next(runs) == 3:
            raise OSError("mine")

    assert "something besides the schedule decides" in note_of(unsteady)


NO_FAILURES: list[Callable[[], BaseException]] = [
    KeyboardInterrupt,
    SystemExit,
    lambda: pytest.skip.Exception("not here"),
    lambda: BaseExceptionGroup("mine", [ExceptionGroup("more", [OSError("mine")]), KeyboardInterrupt()]),
]


@pytest.mark.parametrize("make", NO_FAILURES)
def test_what_is_no_failure_is_not_examined(make: Callable[[], BaseException]) -> None:
    runs: list[int] = []

    async def interrupted() -> None:
        runs.append(1)
        if len(runs) == 2:
            raise make()

    found = outcome.capture(lambda: explore(interrupted, policy="step"))

    assert isinstance(found, outcome.Error)
    assert type(found.error) is type(make())
    assert found.error.__notes__ == ['explore: it was raised in schedule 2 of 200: seeds=[1], policy="step"']
    assert len(runs) == 2


@pytest.mark.parametrize("make", NO_FAILURES)
@pytest.mark.parametrize("late", [1, 2, 3])
def test_what_is_no_failure_ends_the_shrinking_and_tells_what_had_been_found(make: Callable[[], BaseException], late: int) -> None:
    after: list[int] = []

    async def interrupted() -> None:
        if len(after) == late:
            raise make()
        try:
            await lost_update()
        except AssertionError:
            after.append(1)
            raise

    found = outcome.capture(lambda: explore(interrupted, seeds=1_000))

    assert isinstance(found, outcome.Error)
    assert type(found.error) is type(make())
    [note] = found.error.__notes__
    assert re.match(
        r"explore: schedule \d+ of 1000 fails\. Repeat it .*; this was raised while the failure was being shrunk\. .* AssertionError",
        note,
    )
    assert len(after) == late


def test_what_was_tried_is_counted() -> None:
    async def two() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(turns, 1)
            nursery.start_soon(turns, 1)

    explored = explore(two, seeds=50, policy=Policy.STEP)

    assert explored.schedules == 50
    assert 1 < explored.distinct < 50
    assert explore(two, seeds=[7, 7]) == Explored(2, 1)


# --- shrinking ---


def test_only_the_jumps_that_count_are_left() -> None:
    tape = Tape.of(Policy.STEP, [1, 2, 0, 1, 3, 1, 1, 2])

    def fails(candidate: Tape) -> Tape | None:
        choices = [*candidate.choices, *[0] * 8]
        return candidate if choices[4] == 3 and choices[1] else None

    assert shrunk(fails, tape) == Tape.of(Policy.STEP, [0, 2, 0, 0, 3])


def test_shrinking_stops_when_its_runs_are_spent() -> None:
    runs: list[Tape] = []
    tape = Tape.of(Policy.STEP, [1] * 40)

    assert shrunk(runs.append, tape, replays=7) == tape
    assert len(runs) == 7


def test_a_failure_that_needs_no_jump_shrinks_to_none() -> None:
    assert shrunk(lambda candidate: candidate, Tape.of(Policy.STEP, [1, 1, 1])) == Tape(Policy.STEP)


# --- bad use ---


def test_nothing_to_try_is_refused() -> None:
    with pytest.raises(ta.UsageError, match=r"explore\(seeds=0\): this would try nothing"):
        explore(lost_update, seeds=0)


def test_an_unknown_policy_is_refused_by_name() -> None:
    with pytest.raises(ta.UsageError, match="unknown policy 'chaos'; use one of mix, batch, step, priorities"):
        explore(policy="chaos")


def test_a_synchronous_test_is_refused() -> None:
    with pytest.raises(ta.UsageError, match="takes an async test function"):

        @explore()
        def test() -> None:  # pyright: ignore[reportArgumentType]
            pass


@pytest.mark.parametrize("fixture", ["nursery", "autojump_clock"])
def test_fixtures_of_one_run_are_refused(fixture: str) -> None:
    namespace: dict[str, Callable[..., Awaitable[None]]] = {}
    exec(f"async def test_it({fixture}): ...", namespace)

    with pytest.raises(ta.UsageError, match=f"test_it cannot use {fixture}"):
        explore()(namespace["test_it"])


def test_a_decorated_test_can_be_called() -> None:
    runs: list[int] = []

    @explore(seeds=3)
    async def test(number: int) -> None:
        await turns(1)
        runs.append(number)

    test(5)

    assert runs == [5, 5, 5]


def test_a_decorated_test_without_pytest_gets_a_system_too() -> None:
    names: list[tuple[str, ...]] = []

    @explore(seeds=2)
    async def test(system: ta.System) -> None:
        names.append(system.names())
        await turns(1)

    test()

    assert names == [(), ()]


# --- with pytest ---

HEAD = """
import pytest, trio, trioactors as ta
from trioactors.testing import explore, virtual_environment
RUNS = []
async def turns(count):
    for _ in range(count):
        await trio.lowlevel.checkpoint()
async def race():
    total = 0
    async def add(after):
        nonlocal total
        await turns(after)
        seen = total
        await turns(1)
        total = seen + 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(add, 0)
        nursery.start_soon(add, 5)
    assert total == 2
class Echo(ta.Actor[None]):
    @ta.handler
    async def say(self, text: str) -> str:
        return text
"""


Run = Callable[..., pytest.RunResult]

COUNTED = """
@explore(seeds=7)
async def test_it():
    RUNS.append(1)

def test_how_often():
    assert len(RUNS) == {}
"""


def test_a_test_runs_under_so_many_schedules(outcome_of: Run) -> None:
    outcome_of(COUNTED.format(7)).assert_outcomes(passed=2)


def test_the_command_line_may_ask_for_more(outcome_of: Run) -> None:
    outcome_of(COUNTED.format(30), "--trioactors-seeds=30").assert_outcomes(passed=2)


@pytest.mark.parametrize("number", [0, -7])
def test_the_command_line_may_not_ask_for_none(outcome_of: Run, number: int) -> None:
    result = outcome_of(RACE, f"--trioactors-seeds={number}")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*UsageError: --trioactors-seeds={number}: this would try nothing; expected a number above zero"])


def test_the_command_line_may_ask_for_one(outcome_of: Run) -> None:
    outcome_of(COUNTED.format(1), "--trioactors-seed=3").assert_outcomes(passed=2)


RACE = """
@explore(seeds=1000)
async def test_it():
    await race()
"""


def test_a_failing_test_prints_the_line_once_in_its_report(outcome_of: Run) -> None:
    result = outcome_of(RACE)

    result.assert_outcomes(failed=1)
    report = [line for line in result.outlines if line.startswith("E ")]  # where `CI` is set, pytest's summary repeats it
    assert len([line for line in report if "Repeat it with" in line]) == 1


def test_what_the_line_says_fails_again(outcome_of: Run) -> None:
    text = "\n".join(outcome_of(RACE).outlines)
    options = re.search(r"\(pytest: (.*?) (.*?)\)", text)
    tape = re.search(r'tape "(.*)"', text)
    assert options is not None
    assert tape is not None

    outcome_of(RACE, options[1], options[2]).assert_outcomes(failed=1)
    outcome_of(RACE, f"--trioactors-tape={tape[1]}").assert_outcomes(failed=1)
    outcome_of(RACE, "--trioactors-tape=step:").assert_outcomes(passed=1)


def test_the_policy_can_be_chosen(outcome_of: Run) -> None:
    outcome_of(RACE, "--trioactors-seeds=100").assert_outcomes(failed=1)

    outcome_of(RACE, "--trioactors-seeds=100", "--trioactors-policy=batch").assert_outcomes(passed=1)


def test_each_schedule_has_a_system_of_its_own(outcome_of: Run) -> None:
    result = outcome_of("""
@explore(seeds=5)
async def test_it(system):
    echo = await system.start(Echo, name="echo")
    assert await echo.say("hello") == "hello"
    await trio.sleep(3600)
    assert trio.current_time() == 3600
""")

    result.assert_outcomes(passed=1)


def test_its_tree_and_settings_can_be_given(outcome_of: Run) -> None:
    result = outcome_of("""
@pytest.fixture
def system_tree():
    return ta.Supervisor(ta.child(Echo, name="echo"), name="top")

@pytest.fixture
def system_settings():
    return ta.Settings(call_timeout=2)

@explore(seeds=5)
async def test_it(system, system_settings):
    assert await system.get(Echo, "echo").say("hello") == "hello"
    assert system_settings.call_timeout == 2
""")

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(("fixture", "value"), [("system_store", "object()"), ("system_environment", "virtual_environment()")])
def test_what_schedules_would_share_is_refused(outcome_of: Run, fixture: str, value: str) -> None:
    result = outcome_of(f"""
@pytest.fixture
def {fixture}():
    return {value}

@explore(seeds=5)
async def test_it(system):
    pass
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*UsageError: {fixture} would be shared by all schedules*"])


def test_fixtures_parameters_classes_and_request_work(outcome_of: Run) -> None:
    result = outcome_of("""
@pytest.fixture
def greeting():
    return "hello"

class TestInAClass:
    @pytest.mark.parametrize("number", [1, 2])
    @explore(seeds=3)
    async def test_it(self, greeting, number, request, system):
        assert (greeting, number) == ("hello", request.node.callspec.params["number"])
        assert system.names() == ()
""")

    result.assert_outcomes(passed=2)


def test_a_leak_fails_the_test(outcome_of: Run) -> None:
    result = outcome_of("""
KEPT = []

@explore(seeds=5)
async def test_it(system):
    KEPT.append(ta.watch(await system.start(Echo, name="echo")))
    await KEPT[-1].__aenter__()
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*watch: echo is still watched*"])
