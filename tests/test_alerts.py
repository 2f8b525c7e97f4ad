"""Alerts: the rules, what they watch, and who is told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.supervision.alert_board import FOLLOWED, AlertBoard
from trioactors.supervision.alert_rules import MEASURES, Phase, step
from trioactors.system.system import runtime_of
from trioactors.testing import MemoryNetwork, virtual_environment

HOOK = "https://hooks.example.org/T1/secret-part"
PATIENT = ta.Settings(call_timeout=1_000.0)


class Worker(ta.Actor[None]):
    @ta.handler
    async def work(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @ta.handler
    async def fail(self) -> None:
        raise ValueError("broken")


# --- rules ---


def model(rule: ta.Alert, values: list[float | None]) -> list[tuple[int, ta.AlertStatus]]:
    """The slow model: at each second, look at the whole past."""
    events: list[tuple[int, ta.AlertStatus]] = []
    raised = False
    begin = 0
    for now, value in enumerate(values):
        past = values[begin : now + 1]
        if not raised:
            run = 0
            for each in reversed(past):
                if each is None or not (each > rule.limit if rule.above else each < rule.limit):
                    break
                run += 1
            if run and run - 1 >= rule.for_:
                raised, begin = True, now + 1
                events.append((now, ta.AlertStatus.RAISED))
        else:
            run = 0
            for each in reversed(past):
                if each is None or (each > rule.clear if rule.above else each < rule.clear):
                    break
                run += 1
            if value is None or (run and run - 1 >= rule.clear_for):
                raised, begin = False, now + 1
                events.append((now, ta.AlertStatus.CLEARED))
    return events


values = st.lists(st.one_of(st.none(), st.integers(0, 6).map(float)), max_size=40)


@given(seen=values, above=st.booleans(), for_=st.integers(0, 4), clear_for=st.integers(0, 4), band=st.integers(0, 2))
def test_an_alert_is_raised_and_cleared_as_the_slow_model_says(
    seen: list[float | None], *, above: bool, for_: int, clear_for: int, band: int
) -> None:
    limits: dict[str, float] = {"above": 3, "clear": 3 - band} if above else {"below": 3, "clear": 3 + band}
    rule = ta.alert("backlog", for_=for_, clear_for=clear_for, **limits)  # type: ignore[arg-type]
    phase: Phase | None = None
    events: list[tuple[int, ta.AlertStatus]] = []
    for now, value in enumerate(seen):
        phase, event = step(rule, phase, value, float(now))
        events += [] if event is None else [(now, event)]

    assert events == model(rule, seen)


@pytest.mark.parametrize("written", MEASURES)
def test_every_measure_can_be_written_as_it_is_listed(written: str) -> None:
    assert ta.alert(written, above=1).measure == written


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("mailboxes of *", "mailbox of NAME"),
        ("mailbox", "mailbox of NAME"),
        ("backlog of *", "'backlog'"),
        ("dead leters", "dead letters"),
        ("handling", "handling of CLASS.HANDLER"),
    ],
)
def test_an_unknown_measure_names_the_nearest(written: str, meant: str) -> None:
    with pytest.raises(ta.SpecError, match="did you mean") as caught:
        ta.alert(written, above=1)

    assert meant in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"above": 1, "below": 2},
        {"above": "1"},
        {"above": True},
        {"below": float("nan")},
        {"above": 1, "clear": 2},
        {"below": 1, "clear": 0},
        {"above": 1, "clear": "low"},
        {"above": 1, "for_": -1},
        {"above": 1, "for_": float("inf")},
        {"above": 1, "clear_for": None},
        {"above": 1, "every": 0.5},
        {"above": 1, "name": ""},
        {"above": 1, "name": "two\nlines"},
        {"above": 1, "webhook": "ftp://example.org"},
        {"above": 1, "webhook": "https://"},
        {"above": 1, "webhook": "https://user:word@example.org"},
        {"above": 1, "webhook": "https://example.org:99999999"},
        {"above": 1, "webhook": 7},
        {"above": 1, "notify": 7},
    ],
)
def test_wrong_arguments_of_an_alert_are_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(ta.SpecError):
        ta.alert("backlog", **wrong)


@pytest.mark.parametrize(
    "wrong",
    [7, "backlog", [7], [ta.alert("backlog", above=1)] * 2, [ta.alert("backlog", above=1, name=str(n)) for n in range(101)]],
)
def test_wrong_alerts_of_a_system_are_refused(wrong: Any) -> None:
    async def main() -> None:
        with pytest.raises(ta.SpecError, match="alerts"):
            ta.open_system(alerts=wrong)

    trio.run(main)


@pytest.mark.parametrize("measure", [7, "", "x" * 500, None])
def test_a_measure_is_a_short_text(measure: Any) -> None:
    with pytest.raises(ta.SpecError):
        ta.alert(measure, above=1)


def test_a_webhook_is_not_shown_because_it_may_hold_a_secret() -> None:
    assert "secret-part" not in repr(ta.alert("backlog", above=1, webhook=HOOK))


def test_targets_beyond_the_bound_are_counted_and_no_more() -> None:
    rule, board = ta.alert("mailbox of *", above=5), AlertBoard()
    changes = board.look(rule, ((f"a-{n}", 9.0) for n in range(10_000)), 1.0)

    assert (len(changes), board.more[rule.name]) == (FOLLOWED, 10_000 - FOLLOWED)


# --- what they watch ---


class Desk:
    """Opens systems with alerts, and keeps what becomes of them."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.recorder = ta.Recorder()

    def open(self, *alerts: ta.Alert, **options: Any) -> Any:
        environment = attrs.evolve(virtual_environment(), post=self.network.post)
        given = {"settings": PATIENT, **options}
        return ta.open_system(alerts=alerts, environment=environment, observers=[self.recorder], **given)

    @property
    def told(self) -> list[tuple[float, str, str, float | None]]:
        """Each record: the time, what happened, to which target, at which value."""
        return [
            (each.time, "raised" if isinstance(each, ta.AlertRaised) else "cleared", each.target, each.value)
            for each in self.recorder
            if isinstance(each, ta.AlertRaised | ta.AlertCleared)
        ]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_full_mailbox_is_raised_after_its_time_and_cleared_when_it_has_been_empty(
    desk: Desk, autojump_clock: MockClock
) -> None:
    rule = ta.alert("mailbox of wor*", above=2, for_=10.0, clear=0, clear_for=5.0)
    async with desk.open(rule) as system:
        worker = await system.start(Worker, name="worker")
        await system.start(Worker, name="other")
        await trio.sleep(0.5)
        for seconds in (20.0, 1.0, 1.0, 1.0):
            await worker.work.cast(seconds)
        await trio.sleep(60.0)

    assert desk.told == [(11.0, "raised", "worker", 3.0), (28.0, "cleared", "worker", 0.0)]
    (raised,) = desk.recorder.of(ta.AlertRaised)
    assert (raised.child, raised.alert, raised.limit, raised.seconds, raised.silenced) == ("worker", rule.name, 2.0, 10.0, False)
    (cleared,) = desk.recorder.of(ta.AlertCleared)
    assert cleared.seconds == 17.0


async def test_a_value_that_flaps_is_told_once(desk: Desk, autojump_clock: MockClock) -> None:
    async with desk.open(ta.alert("backlog", above=0, webhook=HOOK)) as system:
        worker = await system.start(Worker, name="worker")
        for _ in range(50):
            await worker.work.cast(1.5)
            await worker.work.cast(0.0)
            await trio.sleep(4.0)
        await trio.sleep(40.0)

    assert [what for _, what, _, _ in desk.told] == ["raised", "cleared"]
    assert [document["status"] for _, document in desk.network.posted] == ["raised", "cleared"]


async def test_a_target_that_is_gone_is_cleared_at_once(desk: Desk, autojump_clock: MockClock) -> None:
    async with desk.open(ta.alert("mailbox of *", above=0)) as system:
        worker = await system.start(Worker, name="worker")
        await worker.work.cast(30.0)
        await worker.work.cast(0.0)
        await trio.sleep(5.0)
        await ta.stop(worker)
        await trio.sleep(2.0)

    assert [(what, value) for _, what, _, value in desk.told] == [("raised", 1.0), ("cleared", None)]


async def test_the_wait_of_casts_is_watched(desk: Desk, autojump_clock: MockClock) -> None:
    async with desk.open(ta.alert("wait of *", above=5.0)) as system:
        worker = await system.start(Worker, name="worker")
        await worker.work.cast(10.0)
        await worker.work.cast(0.0)
        await trio.sleep(8.0)

    assert desk.told == [(6.0, "raised", "worker", 6.0)]


@pytest.mark.parametrize(("measure", "target"), [("crashes of *", "worker"), ("restarts of *", "worker"), ("failures", "")])
async def test_crashes_and_restarts_of_the_last_minute_are_counted(
    measure: str, target: str, desk: Desk, autojump_clock: MockClock
) -> None:
    settings = attrs.evolve(PATIENT, intensity=ta.Intensity(limit=100))
    async with desk.open(ta.alert(measure, above=2, clear_for=0.0), settings=settings) as system:
        worker = await system.start(Worker, name="worker")
        await trio.sleep(1.5)
        for _ in range(3):
            await worker.fail.cast()
            await system.quiesce()
            await trio.sleep(2.0)
        await trio.sleep(120.0)

    (_, raised, who, value), (cleared_at, cleared, _, _) = desk.told
    assert (raised, who, value, cleared) == ("raised", target, 3.0, "cleared")
    assert cleared_at == pytest.approx(62.0, abs=1.0)


async def test_a_child_that_is_down_is_watched(desk: Desk, autojump_clock: MockClock) -> None:
    tree = ta.Supervisor(ta.child(Worker, name="worker"), name="shop")
    async with desk.open(ta.alert("down of worker", above=10.0), tree=tree) as system:
        await system.supervisor("shop").terminate_child("worker")
        await trio.sleep(20.0)

    assert desk.told == [(11.0, "raised", "worker", 11.0)]


async def test_a_handler_that_is_stuck_counts_as_slow(desk: Desk, autojump_clock: MockClock) -> None:
    async with desk.open(ta.alert("handling of Worker.*", above=5.0)) as system:
        worker = await system.start(Worker, name="worker")
        await worker.work.cast(100.0)
        await trio.sleep(9.0)

    (raised,) = desk.recorder.of(ta.AlertRaised)
    assert (raised.time, raised.target, raised.child) == (6.0, "Worker.work", ":root")


async def test_errors_and_rates_of_handlers_are_watched(desk: Desk, autojump_clock: MockClock) -> None:
    rules = (ta.alert("errors of *.fail", above=1), ta.alert("rate of Worker.work", above=4.0))
    async with desk.open(*rules) as system:
        worker = await system.start(Worker, name="worker")
        for _ in range(2):
            await worker.fail.cast()
        for _ in range(100):
            await worker.work.cast(0.0)
        await trio.sleep(3.0)

    assert {who for _, _, who, _ in desk.told} == {"Worker.fail", "Worker.work"}


async def test_dead_letters_are_watched(desk: Desk, autojump_clock: MockClock) -> None:
    async with desk.open(ta.alert("dead letters", above=1)) as system:
        worker = await system.start(Worker, name="worker")
        await trio.sleep(1.5)
        await worker.work.cast(5.0)
        for _ in range(2):
            await worker.work.cast(0.0)
        await ta.stop(worker)
        await trio.sleep(2.0)

    assert [(who, value) for _, _, who, value in desk.told] == [("", 2.0)]


async def test_handlers_are_measured_only_if_an_alert_needs_it(desk: Desk, autojump_clock: MockClock) -> None:
    async with desk.open(ta.alert("mailbox of *", above=1)) as system:
        assert runtime_of(system).meter.since is None
    async with desk.open(ta.alert("rate of *", below=1)) as system:
        assert runtime_of(system).meter.since is not None
    assert runtime_of(system).meter.since is None


# --- who is told ---


async def test_a_webhook_gets_json_and_a_function_gets_the_notice(desk: Desk, autojump_clock: MockClock) -> None:
    got: list[ta.AlertNotice] = []

    async def notify(notice: ta.AlertNotice) -> None:
        got.append(notice)

    async with desk.open(ta.alert("backlog", below=1, name="idle", webhook=HOOK, notify=notify)):
        await trio.sleep(2.0)

    ((url, document),) = desk.network.posted
    assert url == HOOK
    assert document == {
        "text": "idle raised: now 0, least 1, for 0 s", "status": "raised", "alert": "idle", "measure": "backlog", "target": "",
        "value": 0, "limit": 1.0, "above": False, "since": 1_700_000_000.0, "time": 1_700_000_000.0,
    }  # fmt: skip
    assert [(each.alert, each.status) for each in got] == [("idle", ta.AlertStatus.RAISED)]


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (429, 3), (404, 1), (OSError("no route"), 3)])
async def test_a_webhook_that_fails_is_tried_again_and_logged(
    status: int | OSError, tries: int, desk: Desk, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    desk.network.status = status
    async with desk.open(ta.alert("backlog", below=1, webhook=HOOK)):
        await trio.sleep(20.0)

    assert len(desk.network.posted) == tries
    (line,) = [each.getMessage() for each in caplog.records if "webhook" in each.getMessage()]
    assert "hooks.example.org" in line
    assert "secret-part" not in line


@pytest.mark.parametrize("how", ["raises", "hangs", "plain"])
async def test_a_function_that_fails_is_logged_and_the_next_alert_is_told(
    how: str, desk: Desk, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def raises(_: ta.AlertNotice) -> None:
        raise ValueError("no phone")

    async def hangs(_: ta.AlertNotice) -> None:
        await trio.sleep_forever()

    def plain(_: ta.AlertNotice) -> None:
        pass

    bad: Any = {"raises": raises, "hangs": hangs, "plain": plain}[how]
    async with desk.open(ta.alert("backlog", below=1, notify=bad), ta.alert("failures", below=1, webhook=HOOK)):
        await trio.sleep(20.0)

    assert len(desk.network.posted) == 1
    assert any("notify" in each.getMessage() and each.levelno == logging.ERROR for each in caplog.records)


async def test_notices_that_wait_are_bounded_and_never_block(
    desk: Desk, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def hangs(_: ta.AlertNotice) -> None:
        await trio.sleep_forever()

    rules = [ta.alert("down of w-*", above=-1, name=name, notify=hangs) for name in ("one", "two")]
    async with desk.open(*rules) as system:
        for number in range(90):
            await system.start(Worker, name=f"w-{number}")
        await trio.sleep(3.0)

    assert len(desk.recorder.of(ta.AlertRaised)) == 180
    assert any("dropped" in each.getMessage() for each in caplog.records)


async def test_a_silenced_alert_tells_nobody_until_the_silence_is_over(
    desk: Desk, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk.open(ta.alert("backlog", above=0, name="busy", clear_for=1.0, webhook=HOOK)) as system:
        board = runtime_of(system).alerts
        assert board.silence("busy", 10.0, trio.current_time()) == 10.0
        worker = await system.start(Worker, name="worker")
        await worker.work.cast(20.0)
        await worker.work.cast(0.0)
        await trio.sleep(5.0)
        assert not desk.network.posted
        assert desk.recorder.of(ta.AlertRaised)[0].silenced
        await trio.sleep(10.0)
        assert [document["status"] for _, document in desk.network.posted] == ["raised"]
        board.silence("busy", 100.0, trio.current_time())
        await trio.sleep(20.0)

    assert [document["status"] for _, document in desk.network.posted] == ["raised", "cleared"]  # what was told is ended
    assert [what for _, what, _, _ in desk.told] == ["raised", "cleared"]


async def test_a_silence_of_no_seconds_ends_it_and_an_unknown_alert_is_refused(desk: Desk, autojump_clock: MockClock) -> None:
    async with desk.open(ta.alert("backlog", above=0)) as system:
        board = runtime_of(system).alerts
        board.silence("backlog", 10.0, 0.0)
        assert board.silence("backlog", 0.0, 0.0) is None
        with pytest.raises(ta.UsageError, match="alerts: backlog"):
            board.silence("backlock", 10.0, 0.0)


async def test_a_virtual_environment_sends_nothing(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    rule = ta.alert("backlog", below=1, webhook=HOOK)
    async with ta.open_system(alerts=[rule], environment=virtual_environment()):
        await trio.sleep(20.0)

    assert any("no network" in each.getMessage() for each in caplog.records)


# --- looking at them ---


async def test_alerts_are_shown_with_their_targets(desk: Desk, autojump_clock: MockClock) -> None:
    rule, quiet = ta.alert("mailbox of *", above=0, for_=2.0), ta.alert("failures", above=100)
    async with desk.open(rule, quiet) as system:
        worker = await system.start(Worker, name="worker")
        await worker.work.cast(30.0)
        await worker.work.cast(0.0)
        await trio.sleep(1.5)
        waiting = inspect.alerts(system)
        await trio.sleep(3.0)
        raised = inspect.alerts(system)

    assert (waiting.raised, raised.raised) == (0, 1)
    assert [(row.name, [each.target for each in row.targets]) for row in raised.rows] == [
        ("mailbox of *", ["worker"]),
        ("failures", []),
    ]
    assert raised.rows[0].targets[0] == inspect.AlertTarget(target="worker", value=1.0, since=1.0, raised=3.0)
