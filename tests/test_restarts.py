"""The rules of supervision, as plain functions."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trioactors as ta
from trioactors.errors.exits import CRASH, KILLED, NORMAL, SHUTDOWN
from trioactors.supervision.restarts import (
    ChildRestarts,
    Decision,
    Verdict,
    after_exit,
    after_failed_start,
    casualties,
    comes_back,
    delay_before,
    ends_supervisor,
    shared_intensity,
)

PERMANENT, TRANSIENT, TEMPORARY = ta.Restart.PERMANENT, ta.Restart.TRANSIENT, ta.Restart.TEMPORARY
DETAILED = ta.Exit(ta.ExitKind.SHUTDOWN, "bored")
CRASHED = ta.Exit(CRASH, error=ValueError())
EXITS = [NORMAL, SHUTDOWN, DETAILED, KILLED, CRASHED]
UNDEFINED, RUNNING, RESTARTING = ta.ChildStatus.UNDEFINED, ta.ChildStatus.RUNNING, ta.ChildStatus.RESTARTING
FAILED = ta.ChildStatus.FAILED

moments = st.lists(st.integers(0, 20).map(float), min_size=1, max_size=12).map(sorted)
names = st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True)


def remember(times: list[float], intensity: ta.Intensity) -> ta.RestartHistory:
    history = ta.RestartHistory(intensity)
    for now in times:
        history = history.add(ta.RestartEntry(now, "a", KILLED))
    return history


@pytest.mark.parametrize("reason", EXITS)
def test_a_permanent_child_always_comes_back(reason: ta.Exit) -> None:
    assert comes_back(PERMANENT, reason)


@pytest.mark.parametrize(("reason", "back"), list(zip(EXITS, [False, False, False, True, True], strict=True)))
def test_a_transient_child_comes_back_after_a_disorderly_end(reason: ta.Exit, *, back: bool) -> None:
    assert comes_back(TRANSIENT, reason) is back


@pytest.mark.parametrize("reason", EXITS)
def test_a_temporary_child_never_comes_back(reason: ta.Exit) -> None:
    assert not comes_back(TEMPORARY, reason)


@given(st.sampled_from(EXITS))
def test_permanence_is_ordered(reason: ta.Exit) -> None:
    answers = [comes_back(restart, reason) for restart in (TEMPORARY, TRANSIENT, PERMANENT)]

    assert answers == sorted(answers)


@pytest.mark.parametrize(
    ("strategy", "group"),
    [
        (ta.Strategy.ONE_FOR_ONE, ("b",)),
        (ta.Strategy.DYNAMIC, ("b",)),
        (ta.Strategy.REST_FOR_ONE, ("b", "c")),
        (ta.Strategy.ONE_FOR_ALL, ("a", "b", "c")),
    ],
)
def test_the_strategy_says_who_falls(strategy: ta.Strategy, group: tuple[str, ...]) -> None:
    assert casualties(strategy, ["a", "b", "c"], "b") == group


@given(names, st.data(), st.sampled_from(ta.Strategy))
def test_those_who_fall_are_in_start_order_and_hold_the_failed_one(
    children: list[str], data: st.DataObject, how: ta.Strategy
) -> None:
    failed = data.draw(st.sampled_from(children))

    group = casualties(how, children, failed)

    assert failed in group
    assert list(group) == [name for name in children if name in group]


@given(names, st.data())
def test_each_strategy_takes_no_fewer_than_the_gentler_one(children: list[str], data: st.DataObject) -> None:
    failed = data.draw(st.sampled_from(children))
    ladder = [ta.Strategy.ONE_FOR_ONE, ta.Strategy.REST_FOR_ONE, ta.Strategy.ONE_FOR_ALL]

    one, rest, everybody = (set(casualties(strategy, children, failed)) for strategy in ladder)

    assert one <= rest <= everybody == set(children)


@given(moments, st.integers(0, 5), st.integers(1, 6).map(float))
def test_exhausted_exactly_when_the_window_holds_too_many(times: list[float], limit: int, period: float) -> None:
    history = remember(times, ta.Intensity(limit, period))

    recent = [t for t in times if t >= times[-1] - period]
    assert history.exhausted == (len(recent) > limit)


@given(moments, st.integers(1, 6).map(float))
def test_the_history_keeps_the_window_in_order_and_nothing_else(times: list[float], period: float) -> None:
    history = remember(times, ta.Intensity(5, period))

    assert [entry.time for entry in history.entries] == [t for t in times if t >= times[-1] - period]


def test_a_restart_exactly_a_period_ago_still_counts() -> None:
    assert remember([0.0, 5.0], ta.Intensity(1, 5.0)).exhausted


def test_a_restart_just_over_a_period_ago_does_not() -> None:
    assert not remember([0.0, 5.0000001], ta.Intensity(1, 5.0)).exhausted


def test_an_intensity_of_zero_allows_no_restart() -> None:
    assert not ta.RestartHistory(ta.Intensity(0)).exhausted
    assert remember([0.0], ta.Intensity(0)).exhausted


def test_the_default_is_three_restarts_in_five_seconds() -> None:
    assert not remember([0.0] * 3, ta.Intensity()).exhausted
    assert remember([0.0] * 4, ta.Intensity()).exhausted


@pytest.mark.parametrize("rule", list(ta.AutoShutdown))
def test_an_insignificant_end_ends_no_supervisor(rule: ta.AutoShutdown) -> None:
    assert not ends_supervisor(rule, "a", {"b": UNDEFINED})


@pytest.mark.parametrize(
    ("rule", "other", "ends"),
    [
        (ta.AutoShutdown.NEVER, UNDEFINED, False),
        (ta.AutoShutdown.ANY_SIGNIFICANT, RUNNING, True),
        (ta.AutoShutdown.ALL_SIGNIFICANT, RUNNING, False),
        (ta.AutoShutdown.ALL_SIGNIFICANT, RESTARTING, False),
        (ta.AutoShutdown.ALL_SIGNIFICANT, UNDEFINED, True),
        (ta.AutoShutdown.ALL_SIGNIFICANT, FAILED, True),
    ],
)
def test_a_significant_end_ends_the_supervisor_by_its_rule(rule: ta.AutoShutdown, other: ta.ChildStatus, *, ends: bool) -> None:
    assert ends_supervisor(rule, "a", {"a": UNDEFINED, "b": other}) is ends


@given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(ta.ChildStatus)), st.sampled_from("abcd"))
def test_what_ends_all_would_end_any(significant: dict[str, ta.ChildStatus], ended: str) -> None:
    answers = [ends_supervisor(rule, ended, significant) for rule in ta.AutoShutdown]

    never, any_significant, all_significant = answers
    assert not never
    assert any_significant or not all_significant


def test_no_back_off_is_no_delay() -> None:
    assert delay_before(None, 5, 0.5) == 0.0


@pytest.mark.parametrize(("in_a_row", "delay"), [(0, 1.0), (1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (100_000, 5.0)])
def test_the_delay_doubles_up_to_the_cap(in_a_row: int, delay: float) -> None:
    assert delay_before(ta.Backoff(base=1.0, factor=2.0, cap=5.0, jitter=0.0), in_a_row, 0.9) == delay


backoffs = st.builds(
    lambda base, factor, more, jitter: ta.Backoff(base=base, factor=factor, cap=base + more, jitter=jitter / 4),
    st.integers(0, 5),
    st.integers(1, 3),
    st.integers(0, 50),
    st.integers(0, 4),
)


@given(backoffs, st.integers(0, 2_000), st.integers(0, 3).map(lambda quarter: quarter / 4))
def test_jitter_takes_off_its_share_at_most(backoff: ta.Backoff, in_a_row: int, chance: float) -> None:
    full = delay_before(backoff, in_a_row, 0.0)

    delay = delay_before(backoff, in_a_row, chance)

    assert full * (1 - backoff.jitter) <= delay <= full <= backoff.cap


@pytest.mark.parametrize("in_a_row", [0, 1, 2, 5_000])
def test_none_of_zero_ever_waits(in_a_row: int) -> None:
    assert delay_before(ta.Backoff(base=0), in_a_row, 0.0) == 0


@given(backoffs, st.integers(0, 50))
def test_more_restarts_never_wait_less(backoff: ta.Backoff, in_a_row: int) -> None:
    assert delay_before(backoff, in_a_row, 0.0) <= delay_before(backoff, in_a_row + 1, 0.0)


def plan(strategy: ta.Strategy = ta.Strategy.ONE_FOR_ONE, rule: ta.AutoShutdown = ta.AutoShutdown.NEVER) -> ta.Supervisor:
    return ta.Supervisor(name="top", strategy=strategy, auto_shutdown=rule)


NO_RESTARTS = ChildRestarts()


def after(
    restart: ta.Restart,
    reason: ta.Exit,
    *,
    limit: int = 3,
    top: ta.Supervisor | None = None,
    significant: str = "",
    own: ChildRestarts = NO_RESTARTS,
    ran: float = 0.0,
) -> Decision:
    return after_exit(
        top or plan(),
        restart,
        ta.RestartHistory(ta.Intensity(limit)),
        own,
        ta.RestartEntry(0.0, "b", reason),
        ran=ran,
        children="abc",
        significant=dict.fromkeys(significant, RUNNING),
    )


def test_a_restart_is_counted_and_names_its_group() -> None:
    decision = after(PERMANENT, CRASHED, top=plan(ta.Strategy.ONE_FOR_ALL))

    assert decision.verdict is Verdict.RESTARTS
    assert decision.group == ("a", "b", "c")
    assert decision.stops == ("c", "a")
    assert [entry.child for entry in decision.history.entries] == ["b"]


def test_one_restart_too_many_is_given_up_and_starts_nobody() -> None:
    decision = after(PERMANENT, CRASHED, limit=0)

    assert (decision.verdict, decision.group, decision.stops) == (Verdict.GIVES_UP, (), ())


def test_who_does_not_come_back_costs_nothing() -> None:
    decision = after(TRANSIENT, NORMAL, limit=0)

    assert (decision.verdict, decision.history.entries) == (Verdict.STAYS_DOWN, ())


def test_a_significant_child_takes_its_supervisor_with_it() -> None:
    top = plan(rule=ta.AutoShutdown.ANY_SIGNIFICANT)

    assert after(TRANSIENT, NORMAL, top=top, significant="b").verdict is Verdict.SHUTS_DOWN


def test_a_failed_start_counts_whatever_the_rule_of_the_child() -> None:
    failed = ta.RestartEntry(0.0, "b", NORMAL)

    decision = after_failed_start(plan(), ta.RestartHistory(ta.Intensity(1)), NO_RESTARTS, failed, children="abc", significant={})
    hopeless = after_failed_start(plan(), decision.history, decision.own, failed, children="abc", significant={})

    assert (decision.verdict, decision.group) == (Verdict.RESTARTS, ("b",))
    assert hopeless.verdict is Verdict.GIVES_UP


# --- back-off, and a budget for each child ---

HALF_USED = ChildRestarts(ta.RestartHistory(ta.Intensity(1), (ta.RestartEntry(0.0, "b", KILLED),)), 1)


@pytest.mark.parametrize(
    ("options", "shared"),
    [
        ({}, ta.Intensity(7)),
        ({"intensity": ta.Intensity(2)}, ta.Intensity(2)),
        ({"backoff": ta.Backoff()}, None),
        ({"child_intensity": ta.Intensity(1)}, None),
        ({"backoff": ta.Backoff(), "intensity": ta.Intensity(2)}, ta.Intensity(2)),
        ({"child_intensity": ta.Intensity(1), "intensity": ta.Intensity(2)}, ta.Intensity(2)),
    ],
    ids=["neither", "shared", "back-off", "each", "back-off and shared", "each and shared"],
)
def test_children_share_a_budget_unless_they_have_back_off_or_budgets_of_their_own(
    options: dict[str, ta.Intensity], shared: ta.Intensity | None
) -> None:
    assert shared_intensity(ta.Supervisor(name="top", **options), ta.Intensity(7)) == shared  # type: ignore[arg-type]


def test_a_history_that_counts_nothing_stays_empty_and_is_never_exhausted() -> None:
    history = ta.RestartHistory(None)
    for now in range(100):
        history = history.add(ta.RestartEntry(float(now), "a", KILLED))

    assert (history.entries, history.counting(99.0), history.exhausted) == ((), (), False)
    assert str(history) == "restarts are not counted"


def test_a_child_that_uses_up_its_own_budget_fails_and_costs_its_supervisor_nothing() -> None:
    decision = after(PERMANENT, CRASHED, limit=0, own=HALF_USED)

    assert (decision.verdict, decision.history.entries, decision.group) == (Verdict.FAILS, (), ())
    assert len(decision.own.history.entries) == 2


def test_a_significant_child_that_fails_takes_its_supervisor_with_it() -> None:
    top = plan(rule=ta.AutoShutdown.ANY_SIGNIFICANT)

    assert after(TRANSIENT, CRASHED, top=top, own=HALF_USED, significant="b").verdict is Verdict.SHUTS_DOWN


@pytest.mark.parametrize(("ran", "in_a_row"), [(0.0, 8), (59.9, 8), (60.0, 1), (1e9, 1)])
def test_a_time_of_health_begins_a_new_row(ran: float, in_a_row: int) -> None:
    top = ta.Supervisor(name="top", backoff=ta.Backoff(reset_after=60.0))

    assert after(PERMANENT, CRASHED, top=top, own=ChildRestarts(in_a_row=7), ran=ran).own.in_a_row == in_a_row


@attrs.frozen
class Blow:
    """A restart that is needed: *after* seconds after the one before, of *child*, which *ran* that long; None if its start failed."""

    after: int
    child: str
    ran: int | None
    by_hand: bool
    """The child was restarted by hand before that."""


@attrs.frozen
class Told:
    """A blow, and what came of it by the model."""

    time: float
    blow: Blow
    verdict: Verdict


def modelled(past: Sequence[Told], now: float, blow: Blow, plan: ta.Supervisor, backoff: ta.Backoff) -> tuple[Verdict, float]:
    """What must come of *blow*, read from all that came before: no state is carried along."""
    mine = [each for each in past if each.blow.child == blow.child]
    ran: list[int | None] = [blow.ran]
    times = [now]
    new_count = blow.by_hand
    while mine and not new_count:
        last = mine.pop()
        ran.append(last.blow.ran)
        times.append(last.time)
        new_count = last.blow.by_hand
    in_a_row = next((n for n, each in enumerate(ran, start=1) if each is not None and each >= backoff.reset_after), len(ran))
    delay = min(backoff.cap, backoff.base * backoff.factor ** (in_a_row - 1))
    each = plan.child_intensity
    if each is not None and sum(time >= now - each.period for time in times) > each.limit:
        return Verdict.FAILS, delay
    counted = [told.time for told in past if told.verdict is Verdict.RESTARTS] + [now]
    shared = plan.intensity
    if shared is not None and sum(time >= now - shared.period for time in counted) > shared.limit:
        return Verdict.GIVES_UP, delay
    return Verdict.RESTARTS, delay


blows = st.builds(Blow, st.integers(0, 4), st.sampled_from("abc"), st.none() | st.integers(0, 6), st.booleans())

intensities = st.none() | st.builds(ta.Intensity, st.integers(0, 5), st.integers(1, 8).map(float))


@given(st.lists(blows, max_size=25), intensities, intensities, st.integers(0, 5))
def test_back_off_and_both_budgets_are_those_of_a_model_that_reads_the_whole_past(
    coming: list[Blow], shared: ta.Intensity | None, each: ta.Intensity | None, reset_after: int
) -> None:
    backoff = ta.Backoff(base=1.0, factor=2.0, cap=20.0, jitter=0.0, reset_after=float(reset_after))
    top = ta.Supervisor(name="top", intensity=shared, child_intensity=each, backoff=backoff)
    history, fresh = ta.RestartHistory(shared_intensity(top, ta.Intensity())), ChildRestarts(ta.RestartHistory(each))
    own = dict.fromkeys("abc", fresh)
    past: list[Told] = []
    now = 0.0
    for blow in coming:
        now += blow.after
        entry = ta.RestartEntry(now, blow.child, CRASHED)
        before = fresh if blow.by_hand else own[blow.child]

        if blow.ran is None:
            decision = after_failed_start(top, history, before, entry, children="abc", significant={})
        else:
            ran = float(blow.ran)
            decision = after_exit(top, PERMANENT, history, before, entry, ran=ran, children="abc", significant={})

        assert (decision.verdict, delay_before(backoff, decision.own.in_a_row, 0.0)) == modelled(past, now, blow, top, backoff)
        past.append(Told(now, blow, decision.verdict))
        history, own[blow.child] = decision.history, decision.own
        if decision.verdict is Verdict.GIVES_UP:
            return
