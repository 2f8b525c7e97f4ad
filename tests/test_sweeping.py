"""A scenario that is cancelled, or whose actors crash, at every moment in turn."""

from __future__ import annotations

from functools import partial

import outcome
import pytest
import trio

import trioactors as ta
from shared.actors import Tally
from trioactors.testing import Leak, Stuck, Swept, isolated_system, sweep_cancellation
from trioactors.testing.sweeping import Disturbance


class Counter(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        await trio.lowlevel.checkpoint()
        return self.state.total

    @ta.handler(reads=True)
    def total(self) -> int:
        return self.state.total


class Forgetful(Counter):
    """A counter whose total is not part of its state."""

    kept = 0

    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.kept += by
        await trio.lowlevel.checkpoint()
        return self.kept

    @ta.handler(reads=True)
    def total(self) -> int:
        return self.kept


class Story:
    """Adds three times, and remembers the replies."""

    def __init__(self, counter: type[Counter] = Counter) -> None:
        self.counter = counter
        self.runs = 0
        self.told: list[int] = []

    async def scenario(self, system: ta.System) -> None:
        self.runs += 1
        self.told.clear()
        counter = await system.start(self.counter, name="counter")
        for _ in range(3):
            self.told.append(await counter.add())

    async def check(self, system: ta.System) -> None:
        if "counter" in system.names():
            assert await system.get(Counter, "counter").total() >= len(self.told)


def note_of(sweep: outcome.Outcome[Swept]) -> str:
    assert isinstance(sweep, outcome.Error)
    [note] = sweep.error.__notes__
    assert "\n" not in note
    return note


def test_a_scenario_that_holds_is_swept_from_end_to_end() -> None:
    story = Story()

    swept = sweep_cancellation(story.scenario, check=story.check)

    assert swept.moments >= 10
    assert swept.cancelled >= swept.moments - 1
    assert 0 < swept.crashed <= swept.moments
    assert story.runs == 1 + swept.moments + swept.crashed


def test_a_state_that_a_crash_loses_is_found() -> None:
    story = Story(Forgetful)

    found = outcome.capture(lambda: sweep_cancellation(story.scenario, check=story.check))

    assert 'Repeat it with only="crash ' in note_of(found)


def test_the_line_repeats_one_run() -> None:
    story = Story(Forgetful)
    note = note_of(outcome.capture(lambda: sweep_cancellation(story.scenario, check=story.check)))
    before = story.runs

    again = outcome.capture(lambda: sweep_cancellation(story.scenario, check=story.check, only=note.split('"')[1]))

    assert note_of(again) == note
    assert story.runs == before + 1


def test_one_run_counts_what_was_disturbed_in_it() -> None:
    story = Story()

    assert sweep_cancellation(story.scenario, only="cancel 3") == Swept(1, cancelled=1, crashed=0)
    assert sweep_cancellation(story.scenario, only="crash 10 counter") == Swept(1, cancelled=0, crashed=1)


@pytest.mark.parametrize(
    ("only", "says"),
    [
        ("cancel 99999", r"the scenario has \d+ moments, the first of which is 0; actors that run at some moment: \['counter'\]"),
        ("crash 99999 counter", r"the scenario has \d+ moments"),
        ("crash 10 nobody", r"actors that run at that moment: \['counter'\]; actors that run at some moment: \['counter'\]"),
    ],
)
def test_one_run_that_disturbs_nothing_is_refused(only: str, says: str) -> None:
    with pytest.raises(ta.UsageError, match=rf'^sweep_cancellation\(only="{only}"\) disturbs nothing: {says}'):
        sweep_cancellation(Story().scenario, only=only)


def test_a_failure_of_a_run_that_was_not_disturbed_is_not_blamed_on_a_disturbance() -> None:
    async def broken(_system: ta.System) -> None:
        raise OSError("mine")

    assert "It was not disturbed" in note_of(outcome.capture(lambda: sweep_cancellation(broken, only="cancel 99999")))


def test_what_is_no_failure_ends_the_sweep_and_nothing_says_how_to_repeat_it() -> None:
    runs: list[ta.System] = []

    async def interrupted(system: ta.System) -> None:
        runs.append(system)
        try:
            await trio.lowlevel.checkpoint()
        finally:
            if len(runs) == 2:
                raise BaseExceptionGroup("mine", [OSError("mine"), KeyboardInterrupt()])

    swept = outcome.capture(lambda: sweep_cancellation(interrupted, actors=[]))

    assert len(runs) == 2
    assert note_of(swept) == "sweep_cancellation: it was raised in a run with this disturbance: cancel 0"


def test_a_cancellation_that_breaks_something_is_found() -> None:
    held: list[str] = []

    async def careless(_system: ta.System) -> None:
        held.append("lock")
        await trio.lowlevel.checkpoint()
        held.remove("lock")

    async def check(_system: ta.System) -> None:
        await trio.lowlevel.checkpoint()
        stuck = held.copy()
        held.clear()
        assert not stuck

    found = outcome.capture(lambda: sweep_cancellation(careless, check=check))

    assert 'Repeat it with only="cancel 0"' in note_of(found)


def test_a_check_that_returns_its_verdict_is_a_mistake_and_no_finding() -> None:
    async def check(system: ta.System) -> bool:
        await trio.lowlevel.checkpoint()
        return "counter" in system.names()

    with pytest.raises(
        ta.UsageError, match=r"sweep_cancellation\(check=.*check\): a check raises AssertionError .* returned False"
    ) as found:
        sweep_cancellation(trio_only, check=check)

    assert not getattr(found.value, "__notes__", ())


async def trio_only(_system: ta.System) -> None:
    await trio.lowlevel.checkpoint()


def test_tasks_that_the_scenario_starts_are_cancelled_at_each_of_their_moments_too() -> None:
    async def crowd(_system: ta.System) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(trio.sleep, 1)

    async def alone(_system: ta.System) -> None:
        await trio.sleep(1)

    assert sweep_cancellation(crowd).moments > sweep_cancellation(alone).moments + 3


def test_a_leak_is_found() -> None:
    kept = []

    async def leaky(system: ta.System) -> None:
        watch = ta.watch(await system.start(Counter, name="counter"))
        kept.append(watch)
        await watch.__aenter__()
        await trio.sleep(1)  # if it is cancelled here the watch stays open
        await watch.__aexit__(None, None, None)

    found = outcome.capture(lambda: sweep_cancellation(leaky))

    assert isinstance(found, outcome.Error)
    assert isinstance(found.error, Leak)


def test_a_scenario_that_hangs_after_a_crash_is_found() -> None:
    async def hoping(system: ta.System) -> None:
        counter = await system.start(Counter, name="counter")
        done = trio.Event()

        async def add() -> None:
            try:
                await counter.add()
            except ta.ActorCrashed:
                return
            done.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(add)
            await done.wait()

    found = outcome.capture(lambda: sweep_cancellation(hoping))

    assert isinstance(found, outcome.Error)
    assert isinstance(found.error, Stuck)


def test_an_error_that_no_crash_explains_is_found() -> None:
    async def hasty(system: ta.System) -> None:
        counter = await system.start(Counter, name="counter")
        try:
            await counter.add()
        except ta.ActorCrashed:
            raise KeyError("counter") from None

    with pytest.raises(KeyError):
        sweep_cancellation(hasty)

    swept = sweep_cancellation(hasty, accept=(KeyError, ta.StartFailed, ta.ActorStopped))
    assert swept.crashed > 0


def test_a_scenario_that_fails_undisturbed_is_told() -> None:
    async def broken(_system: ta.System) -> None:
        raise OSError("mine")

    assert "It was not disturbed" in note_of(outcome.capture(lambda: sweep_cancellation(broken)))


def test_only_the_named_actors_crash() -> None:
    async def two(system: ta.System) -> None:
        a, b = await system.start(Counter, name="a"), await system.start(Counter, name="b")
        await a.add()
        await b.add()

    everybody = sweep_cancellation(two)
    one = sweep_cancellation(two, actors=["b"])
    nobody = sweep_cancellation(two, actors=[])

    assert everybody.crashed > one.crashed > nobody.crashed == 0
    assert everybody.moments == one.moments == nobody.moments


def test_the_system_can_be_opened_as_the_test_likes() -> None:
    tree = ta.Supervisor(ta.child(Counter, name="counter"), name="top")

    async def ask(system: ta.System) -> None:
        await system.get(Counter, "counter").add()

    assert sweep_cancellation(ask, opening=partial(isolated_system, tree)).crashed > 0


def test_a_seed_is_another_schedule_and_the_same_each_time() -> None:
    async def two(system: ta.System) -> None:
        counter = await system.start(Counter, name="counter")
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(counter.add)

    moments = [sweep_cancellation(two, seed=seed, actors=[]).moments for seed in (1, 1, 2, 3, 4)]

    assert moments[0] == moments[1]
    assert len(set(moments)) > 1


@pytest.mark.parametrize("text", ["cancel 17", "crash 17 counter", "crash 3 shop/the till"])
def test_a_disturbance_that_is_printed_can_be_read_back(text: str) -> None:
    assert str(Disturbance.parse(text)) == text


@pytest.mark.parametrize("text", ["", "cancel", "cancel x", "crash 17", "kill 3 x", "cancel -1"])
def test_what_is_no_disturbance_is_refused(text: str) -> None:
    with pytest.raises(ta.UsageError, match="is not a disturbance"):
        sweep_cancellation(Story().scenario, only=text)
