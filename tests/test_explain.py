"""`system.explain`: what would stop and start if a child exited now."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import trioactors as ta
from shared.trees import top
from trioactors.errors.exits import CRASH, KILLED, NORMAL, SHUTDOWN
from trioactors.supervision.dry_run import Consequence, ConsequenceKind, DryRun, Node, StartOutcome
from trioactors.testing import crash, isolated_system, kill, run

CRASHED = ta.Exit(CRASH)
REASONS = {"crash": CRASHED, "killed": KILLED, "normal": NORMAL, "shutdown": SHUTDOWN}


class Worker(ta.Actor[None]):
    @ta.handler
    def end(self) -> None:
        self.context.stop()

    @ta.handler
    def leave(self) -> None:
        raise ta.Shutdown


def worker(name: str, **options: Any) -> ta.ChildSpec:
    return ta.child(Worker, name=name, **options)


async def explained(tree: ta.Supervisor, name: str, reason: str = "crash") -> ta.Explanation:
    async with isolated_system(tree) as system:
        return system.explain(name, reason=reason)


async def test_it_tells_who_falls_and_who_comes_back_in_order(autojump_clock: MockClock) -> None:
    told = await explained(top(worker("a"), worker("b"), worker("c"), worker("d"), strategy="rest_for_one"), "b")

    assert told.stopped == ("b", "d", "c")
    assert told.started == ("b", "c", "d")
    assert not told.ends_system


async def test_it_touches_nothing(autojump_clock: MockClock) -> None:
    async with isolated_system(top(worker("a"), worker("b"), strategy="one_for_all")) as system:
        before = system.supervisor("top").which_children()
        first = system.explain("a")
        again = system.explain("a")

        assert system.supervisor("top").which_children() == before
        assert first == again
        assert first.used == 1


async def test_it_reads_as_text(autojump_clock: MockClock) -> None:
    told = await explained(top(worker("a"), worker("b"), strategy="one_for_all"), "a")

    assert str(told).splitlines() == [
        "if a exited now (crash):",
        "  a stops (crash)",
        "  b stops (shutdown)",
        "  a starts",
        "  b starts",
        "  top has then used 1 of 3 restarts",
    ]


async def test_the_budget_that_is_used_up_is_told_with_what_falls_further_up(autojump_clock: MockClock) -> None:
    inner = ta.Supervisor(worker("a"), worker("b"), name="inner", intensity=ta.Intensity(0))

    told = await explained(top(worker("before"), inner, worker("after"), strategy="rest_for_one"), "a")

    assert told.gives_up == ("inner",)
    assert told.stopped == ("a", "b", "inner", "after")
    assert told.started == ("a", "b", "inner", "after")


async def test_restarts_that_still_count_are_counted_and_old_ones_are_not(autojump_clock: MockClock) -> None:

    async with isolated_system(top(worker("a"), intensity=ta.Intensity(1, 5.0))) as system:
        async with ta.watch(system.get(Worker, "a")) as deaths:
            crash(system.get(Worker, "a"))
            await deaths.next()
        await system.quiesce()
        assert system.explain("a").gives_up == ("top",)

        await trio.sleep(5.1)

        assert system.explain("a").gives_up == ()


async def test_a_tree_that_gives_up_ends_the_system(autojump_clock: MockClock) -> None:
    told = await explained(top(worker("a"), intensity=ta.Intensity(0)), "a")

    assert told.ends_system
    assert str(told).endswith("the system stops")


async def test_a_transient_supervisor_that_gives_up_stays_down_unless_that_is_a_crash(autojump_clock: MockClock) -> None:
    def tree(give_up: str) -> ta.Supervisor:
        return top(ta.Supervisor(worker("a"), name="inner", restart="transient", intensity=ta.Intensity(0), give_up=give_up))

    assert (await explained(tree("shutdown"), "a")).started == ()
    assert (await explained(tree("crash"), "a")).started == ("a", "inner")


@pytest.mark.parametrize(("reason", "back"), [("crash", True), ("killed", True), ("normal", False), ("shutdown", False)])
async def test_the_reason_decides_for_a_transient_child(autojump_clock: MockClock, reason: str, *, back: bool) -> None:
    told = await explained(top(worker("a", restart="transient")), "a", reason)

    assert told.started == (("a",) if back else ())


async def test_a_significant_child_takes_the_others_with_it(autojump_clock: MockClock) -> None:
    inner = ta.Supervisor(
        worker("a", restart="temporary", significant=True), worker("b"), name="inner", auto_shutdown="any_significant"
    )

    told = await explained(top(inner), "a")

    assert Consequence(ConsequenceKind.SHUT_DOWN, "inner", "a was significant") in told.consequences
    assert told.started == ("a", "b", "inner")


async def test_a_back_off_is_told_at_its_longest(autojump_clock: MockClock) -> None:
    told = await explained(top(worker("a"), backoff=ta.Backoff(base=2.0, jitter=0.5)), "a")

    assert [str(each) for each in told.consequences] == ["a stops (crash)", "a waits (up to 2 s)", "a starts"]


async def test_a_supervisor_ends_with_all_below_it_the_last_first(autojump_clock: MockClock) -> None:
    inner = ta.Supervisor(worker("a"), worker("b", grace=ta.BRUTAL_KILL), name="inner")

    told = await explained(top(inner), "inner")

    assert [str(each) for each in told.consequences[:3]] == ["b stops (killed)", "a stops (shutdown)", "inner stops (crash)"]
    assert told.started == ("a", "b", "inner")


async def test_who_does_not_run_cannot_end(autojump_clock: MockClock) -> None:
    async with isolated_system(top(worker("a"))) as system:
        await ta.stop(system.get(Worker, "a"))
        told = system.explain("a")

    assert told.consequences == ()
    assert str(told) == "a does not run (undefined), so it cannot exit"


async def test_an_actor_of_the_system_itself_is_explained_too(autojump_clock: MockClock) -> None:
    async with isolated_system() as system:
        await system.start(Worker, name="a")

        told = system.explain("a")

    assert (told.stopped, told.started, told.supervisor) == (("a",), ("a",), ":dynamic")


async def test_the_store_brings_everything_down_and_back(autojump_clock: MockClock) -> None:
    async with isolated_system(top(worker("a"))) as system:
        await system.start(Worker, name="guest")

        told = system.explain(":store")

    assert told.stopped == (":store", "guest", "a", "top")
    assert told.started == (":store", "a", "top", "guest")


async def test_a_name_that_nobody_has_is_refused(autojump_clock: MockClock) -> None:
    with pytest.raises(ta.UnknownName):
        await explained(top(worker("a")), "b")


async def test_an_unknown_reason_is_refused(autojump_clock: MockClock) -> None:
    with pytest.raises(ta.SpecError, match="choose one of 'normal'"):
        await explained(top(worker("a")), "a", "tired")


# --- the model, where a system hardly gets ---


def model(tree: ta.Supervisor) -> Node:
    """A running system with this *tree*."""
    root = Node(tree.name, tree, None, status=ta.ChildStatus.UNDEFINED)
    begun = DryRun(ta.Settings(), 0.0)
    begun._start(root)
    return root


def told(foresight: DryRun) -> list[str]:
    return [str(each) for each in foresight.happened]


def test_who_has_died_unseen_still_counts_as_running_for_the_first_who_is_seen() -> None:
    root = model(
        top(
            worker("a", restart="temporary", significant=True),
            worker("b", restart="temporary", significant=True),
            worker("c"),
            auto_shutdown="all_significant",
        )
    )
    foresight = DryRun(ta.Settings(), 0.0)
    foresight.end(root.children["a"], CRASHED)
    foresight.end(root.children["b"], CRASHED)

    foresight.settle()

    assert told(foresight) == [
        "a stops (crash)",
        "b stops (crash)",
        "top shuts down (b was significant)",
        "c stops (shutdown)",
        "top stops (shutdown)",
    ]


def test_a_supervisor_that_comes_back_has_its_whole_budget_again() -> None:
    inner = ta.Supervisor(worker("a"), name="inner", intensity=ta.Intensity(1))
    root = model(top(inner))
    fates = iter([StartOutcome.FAILED, StartOutcome.OK])
    foresight = DryRun(ta.Settings(), 0.0, lambda _: next(fates, StartOutcome.OK))
    foresight.end(root.children["inner"].children["a"], CRASHED)

    foresight.settle()

    assert told(foresight).count("a starts") == 1
    assert foresight.happened[-1] == Consequence(ConsequenceKind.START, "inner")
    assert root.children["inner"].history.entries == ()


def test_who_came_back_by_itself_during_a_back_off_is_not_started_twice() -> None:
    root = model(top(worker("a"), worker("b"), strategy="one_for_all", backoff=ta.Backoff(base=1.0)))
    foresight = DryRun(ta.Settings(), 0.0)
    foresight.end(root.children["a"], CRASHED)
    foresight.end(root.children["b"], CRASHED)

    foresight.settle()

    assert told(foresight)[-2:] == ["a starts", "b starts"]
    assert told(foresight).count("b starts") == 1


# --- against the real thing ---

RESTARTS = st.sampled_from(list(ta.Restart))
STRATEGIES = st.sampled_from([ta.Strategy.ONE_FOR_ONE, ta.Strategy.ONE_FOR_ALL, ta.Strategy.REST_FOR_ONE])


@st.composite
def trees(draw: st.DrawFn, depth: int = 3, name: str = "top") -> ta.Supervisor:
    """A tree with rules of every kind."""
    rule = draw(st.sampled_from(list(ta.AutoShutdown)))
    children: list[Any] = []
    for number in range(draw(st.integers(1, 3))):
        path = f"{name}.{number}"
        if depth > 1 and draw(st.integers(0, 2)) == 0:
            children.append(draw(trees(depth - 1, path)))
            continue
        restart = draw(RESTARTS)
        may = rule is not ta.AutoShutdown.NEVER and restart is not ta.Restart.PERMANENT
        grace = draw(st.sampled_from([None, None, ta.BRUTAL_KILL]))
        children.append(worker(path, restart=restart, significant=may and draw(st.booleans()), grace=grace))
    strategy = draw(STRATEGIES)
    alone = ta.Strategy(strategy) is ta.Strategy.ONE_FOR_ONE
    return ta.Supervisor(
        *children,
        name=name,
        strategy=strategy,
        intensity=draw(st.none() | st.builds(ta.Intensity, st.integers(0, 2))),
        child_intensity=draw(st.none() | st.builds(ta.Intensity, st.integers(0, 2))) if alone else None,
        auto_shutdown=rule,
        restart=draw(RESTARTS),
        give_up=draw(st.sampled_from(list(ta.GiveUp))),
        backoff=draw(st.sampled_from([None, None, ta.Backoff(base=1.0)])),
    )


def leaves(tree: ta.Supervisor) -> list[str]:
    return [name for child in tree.children for name in (leaves(child) if isinstance(child, ta.Supervisor) else [str(child.name)])]


def as_told(record: ta.TraceRecord) -> list[tuple[str, str]]:
    if record.child.startswith(":"):
        return []
    if isinstance(record, ta.ChildStarted):
        return [("start", record.child)]
    return [("stop", record.child)] if isinstance(record, ta.ChildExited) else []


async def die(system: ta.System, name: str, reason: str) -> None:
    ref = system.get(Worker, name)
    async with ta.watch(ref) as deaths:
        match reason:
            case "crash":
                crash(ref)
            case "killed":
                kill(ref)
            case "normal":
                ref.end.cast_nowait()
            case _:
                ref.leave.cast_nowait()
        await deaths.next()


async def foretold_and_come(
    tree: ta.Supervisor, picks: list[tuple[int, str]]
) -> list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]:
    """For each exit in turn: what was predicted, and what happened."""

    pairs: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]] = []
    records: list[ta.TraceRecord] = []
    try:
        async with isolated_system(tree) as system:
            system.observe(records.append)
            for number, reason in picks:
                alive = [
                    name for name in leaves(tree) if name in system.names() and ta.info(system.get(Worker, name)).handling is None
                ]
                alive = [name for name in alive if ta.info(system.get(Worker, name)).status is ta.ChildStatus.RUNNING]
                if not alive:
                    break
                name = alive[number % len(alive)]
                explanation = system.explain(name, reason=reason)
                told = [(e.kind.value, e.name) for e in explanation.consequences if e.kind.value in {"start", "stop"}]
                records.clear()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 1_000):
                    await die(system, name, reason)
                    if explanation.ends_system:
                        await system.wait_stopped()
                    else:
                        await trio.sleep(30)
                        await system.quiesce()
                pairs.append((told, [event for record in records for event in as_told(record)]))
                if explanation.ends_system:
                    break
    except ta.SupervisorGaveUp:
        pass
    return pairs


@settings(max_examples=150)
@given(trees(), st.lists(st.tuples(st.integers(0, 20), st.sampled_from(sorted(REASONS))), min_size=1, max_size=4))
def test_what_is_told_is_what_comes(tree: ta.Supervisor, picks: list[tuple[int, str]]) -> None:
    pairs = run(partial(foretold_and_come, tree, picks))

    for told, came in pairs:
        assert told == came
