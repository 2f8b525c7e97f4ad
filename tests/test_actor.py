from __future__ import annotations

import types
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Optional, TypeVar

import attrs
import pytest
import trio

import trioactors as ta
from shared.actors import Tally
from trioactors.testing import crash, restarted

T = TypeVar("T")


@attrs.define
class Limits:
    most: int


class Counter(ta.Actor[Tally], mailbox=7, overflow="fail", timeout=2.0, inspect=True):
    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        return self.state.total


class Store(ta.Actor[T], Generic[T]):
    @ta.handler
    async def shown(self) -> str:
        return repr(self.state)


class Early(ta.Actor["Late"]):
    @ta.handler
    async def shown(self) -> str:
        return repr(self.state)


@attrs.define
class Late:
    size: int = 1


class Lost(ta.Actor["DefinedNowhere"]):  # type: ignore[name-defined]
    pass


class Needy(ta.Actor[Limits]):
    pass


class Limiter(ta.Actor[Limits]):
    def __init__(self, most: int) -> None:
        self.state = Limits(most)

    @ta.handler
    async def most(self) -> int:
        return self.state.most


class Forgetful(ta.Actor[Limits]):
    def __init__(self) -> None:
        self.other = 1


# --- definitions ---


def test_an_unknown_hook_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match=r"on_stat: no such hook; `on_\*` is reserved for on_start, on_continue, on_stop"):

        class Typo(ta.Actor[None]):
            async def on_stat(self) -> None: ...


def test_a_hook_that_takes_too_much_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match=r"on_start: takes \(self\), not"):

        class Greedy(ta.Actor[None]):
            async def on_start(self, more: int) -> None: ...  # type: ignore[override]


def test_a_stop_hook_without_reason_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match=r"on_stop: takes \(self, reason\), not"):

        class Deaf(ta.Actor[None]):
            async def on_stop(self) -> None: ...  # type: ignore[override]


def test_a_plain_hook_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match="this hook must be an `async def`"):

        class Plain(ta.Actor[None]):
            def on_start(self) -> None: ...  # type: ignore[override]


@pytest.mark.parametrize("name", ["state", "context"])
def test_a_class_attribute_with_a_reserved_name_is_refused(name: str) -> None:
    with pytest.raises(ta.DefinitionError, match=f"Clash.{name}: .* belong to the framework"):
        type("Clash", (ta.Actor,), {name: 1})


def test_a_misspelt_class_option_is_refused() -> None:
    with pytest.raises(TypeError, match="mailbx"):

        class Typo(ta.Actor[None], mailbx=3):  # type: ignore[call-arg]
            pass


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"mailbox": 0}, "mailbox"),
        ({"mailbox": 1.5}, "mailbox"),
        ({"mailbox": True}, "mailbox"),
        ({"overflow": "explode"}, "'wait', 'fail', 'drop_oldest'"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"inspect": "yes"}, "inspect"),
    ],
)
def test_a_class_option_without_sense_is_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ta.SpecError, match=named):
        type("Odd", (ta.Actor,), {}, **options)


def test_a_handler_overridden_by_a_plain_method_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match="overrides a handler; mark it @handler too"):

        class Plain(Counter):
            async def add(self, by: int = 1) -> int:  # type: ignore[override]
                return by


def test_a_handler_under_a_second_name_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match="keeps the name it was defined with, 'add'"):

        class Alias(Counter):
            plus = Counter.add


def test_a_handler_named_like_a_hook_is_refused() -> None:
    with pytest.raises(ta.DefinitionError, match="belong to the actor itself"):

        class Clash(ta.Actor[None]):
            @ta.handler
            async def on_start(self) -> None: ...


@pytest.mark.parametrize("decorator", [attrs.define, dataclass(slots=True)], ids=["attrs", "dataclass"])
def test_a_value_class_that_is_made_anew_is_refused(decorator: Callable[[type], type]) -> None:
    class Wrong(ta.Actor[None]):
        size: int = 1

    with pytest.raises(ta.DefinitionError, match="does not go on an actor"):
        decorator(Wrong)


@pytest.mark.parametrize("decorator", [attrs.define(slots=False), dataclass], ids=["attrs", "dataclass"])
def test_a_value_class_that_is_changed_in_place_is_refused_when_it_becomes_a_child(decorator: Callable[[type], type]) -> None:
    class Wrong(ta.Actor[None]):
        size: int = 1

    with pytest.raises(ta.DefinitionError, match="does not go on an actor"):
        ta.child(decorator(Wrong))


def test_a_subclass_of_such_a_value_class_is_refused_too() -> None:
    @attrs.define(slots=False)
    class Wrong(ta.Actor[None]):
        size: int = 1

    class Heir(Wrong): ...

    with pytest.raises(ta.DefinitionError, match=r"Wrong: @attrs\.define does not go on an actor"):
        ta.child(Heir)


def test_the_base_class_itself_is_no_actor() -> None:
    with pytest.raises(ta.DefinitionError, match="subclass it"):
        ta.Actor()


def test_the_base_class_itself_cannot_be_a_child() -> None:
    with pytest.raises(ta.SpecError, match="cannot be a child"):
        ta.child(ta.Actor)


def test_options_are_inherited() -> None:
    class Sub(Counter, timeout=3.0):
        pass

    plan = Sub.__actor_plan__
    assert (plan.mailbox, plan.overflow, plan.timeout, plan.inspect) == (7, ta.Overflow.FAIL, 3.0, True)


def test_what_was_allowed_can_be_taken_back() -> None:
    class Shy(Counter, inspect=False):
        pass

    assert not Shy.__actor_plan__.inspect
    assert not Early.__actor_plan__.inspect


# --- state ---


async def test_the_state_is_made_by_its_class(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")

    assert await counter.add(2) == 2


async def test_a_restart_begins_with_new_state(system: ta.System) -> None:
    counter = await system.start(Counter, name="counter")
    await counter.add(2)

    crash(counter)
    await restarted(counter)

    assert await counter.add(1) == 1


async def test_a_state_may_be_named_before_it_exists(system: ta.System) -> None:
    early = await system.start(Early, name="early")

    assert await early.shown() == "Late(size=1)"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Needy, "cannot be made without arguments"),
        (Forgetful, "cannot be made without arguments"),
    ],
)
async def test_an_actor_without_state_does_not_start(system: ta.System, kind: type[ta.Actor[Any]], reason: str) -> None:
    with pytest.raises(ta.StartFailed) as caught:
        await system.start(kind, name="odd")

    assert isinstance(caught.value.__cause__, ta.DefinitionError)
    assert reason in str(caught.value.__cause__)
    assert "odd" not in system.names()


@pytest.mark.parametrize("value", [3, True, ..., [int], {"size": int}, print], ids=str)
def test_a_value_in_place_of_the_class_of_a_state_is_refused_at_the_class(value: Any) -> None:
    given: Any = ta.Actor

    with pytest.raises(ta.DefinitionError, match=r"Odd: Actor\[.*\] does not name the class of a state; write Actor\[TheState\]"):
        types.new_class("Odd", (given[value],))


async def test_an_actor_whose_state_is_defined_nowhere_does_not_start(system: ta.System) -> None:
    with pytest.raises(ta.DefinitionError, match="Lost: the annotation of its state names 'DefinedNowhere'"):
        await system.start(Lost, name="lost")

    assert system.names() == ()


async def test_arguments_are_bound_by_partial(system: ta.System) -> None:
    limiter = await system.start(partial(Limiter, most=3), name="limiter")

    assert await limiter.most() == 3


async def test_a_restart_binds_the_same_arguments(system: ta.System) -> None:
    limiter = await system.start(partial(Limiter, 3), name="limiter")

    crash(limiter)
    await restarted(limiter)

    assert await limiter.most() == 3


@pytest.mark.parametrize("make", [Limiter, partial(Limiter, 1, 2), partial(Limiter, least=1)])
async def test_arguments_that_do_not_fit_are_refused_before_anything_starts(system: ta.System, make: Callable[[], Limiter]) -> None:
    with pytest.raises(ta.SpecError, match=r"Limiter cannot be started like this.*functools\.partial"):
        await system.start(make, name="limiter")


async def test_a_generic_actor_starts_as_itself_and_with_an_argument(system: ta.System) -> None:
    bare = await system.start(Store, name="bare")
    bound = await system.start(Store[int], name="bound")

    assert await bare.shown() == await bound.shown() == "None"
    assert system.get(Store[int], "bound") is bound


async def test_a_subclass_fills_in_the_state_of_a_generic_actor(system: ta.System) -> None:
    class TallyStore(Store[Tally]):
        pass

    class SubStore(TallyStore):
        pass

    assert await (await system.start(TallyStore, name="store")).shown() == "Tally(total=0)"
    assert await (await system.start(SubStore, name="sub")).shown() == "Tally(total=0)"


async def test_a_generic_actor_is_made_by_partial_of_its_alias(system: ta.System) -> None:
    store = await system.start(partial(Store[int]), name="store")

    assert await store.shown() == "None"


@pytest.mark.parametrize("state", [None, Optional[Tally], Tally | None, Any])  # noqa: UP045 - both spellings
async def test_a_state_that_may_be_nothing_begins_as_nothing(system: ta.System, state: Any) -> None:
    class Bare(ta.Actor[state]):  # type: ignore[valid-type]
        @ta.handler
        async def empty(self) -> bool:
            return self.state is None

    bare = await system.start(Bare, name="bare")

    assert await bare.empty()


def test_there_is_no_context_before_the_start() -> None:
    with pytest.raises(ta.UsageError, match="Counter has no context"):
        Counter().context  # noqa: B018


# --- hooks ---


class Diary(ta.Actor[None]):
    def __init__(self, lines: list[str], failing: str = "") -> None:
        self.lines = lines
        self.failing = failing

    def note(self, line: str) -> None:
        self.lines.append(line)
        if self.failing == line:
            raise LookupError(line)

    async def on_start(self) -> None:
        self.note("start")

    async def on_continue(self) -> None:
        await trio.sleep(1)
        self.note("continue")

    async def on_stop(self, reason: ta.Exit) -> None:
        self.note(f"stop: {reason}")

    @ta.handler
    async def write(self, line: str) -> None:
        self.note(line)

    @ta.handler
    async def begin(self, task: Callable[[], Awaitable[None]]) -> None:
        self.context.start_soon(task)


async def test_hooks_are_called_in_order(system: ta.System) -> None:
    lines: list[str] = []

    diary = await system.start(partial(Diary, lines), name="diary")
    acknowledged = list(lines)
    await diary.write("message")
    await ta.stop(diary)

    assert acknowledged == ["start"]
    assert lines == ["start", "continue", "message", "stop: shutdown"]


async def test_a_failing_on_start_fails_the_start(system: ta.System) -> None:
    lines: list[str] = []

    with pytest.raises(ta.StartFailed, match="diary could not be started") as caught:
        await system.start(partial(Diary, lines, "start"), name="diary")

    assert isinstance(caught.value.__cause__, LookupError)
    assert lines == ["start"]


async def test_a_failing_on_continue_is_a_crash(system: ta.System) -> None:
    lines: list[str] = []
    diary = await system.start(partial(Diary, lines, "continue"), name="diary", restart="temporary")

    with pytest.raises(ta.ActorStopped):
        await diary.write("message")

    assert lines == ["start", "continue", "stop: crash: LookupError"]


async def test_on_stop_is_called_after_a_crash(system: ta.System) -> None:
    lines: list[str] = []
    diary = await system.start(partial(Diary, lines, "bad"), name="diary", restart="temporary")

    with pytest.raises(ta.ActorCrashed):
        await diary.write("bad")
    async with ta.watch(diary):
        await trio.testing.wait_all_tasks_blocked()

    assert lines[-2:] == ["bad", "stop: crash: LookupError"]


async def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("how", ["a task of its own", "a test"])
async def test_on_stop_is_not_called_where_the_actor_was_cancelled_for_an_error(system: ta.System, how: str) -> None:
    lines: list[str] = []
    diary = await system.start(partial(Diary, lines), name="diary", restart="temporary")

    async with ta.watch(diary) as deaths:
        if how == "a test":
            crash(diary, LookupError())
        else:
            await diary.begin(partial(fail, LookupError()))
        death = await deaths.next()

    assert str(death.reason) == "crash: LookupError"
    assert not [line for line in lines if line.startswith("stop")]


async def test_a_crash_in_on_stop_stops_all_the_same(system: ta.System) -> None:
    lines: list[str] = []
    diary = await system.start(partial(Diary, lines, "stop: shutdown"), name="diary")

    await ta.stop(diary)

    assert lines[-1] == "stop: shutdown"
    assert "diary" not in system.names()


async def test_on_start_may_ignore_the_start(system: ta.System) -> None:
    class Unwilling(ta.Actor[None]):
        async def on_start(self) -> None:
            raise ta.Ignore

    assert await system.supervisor().start_child(ta.child(Unwilling, name="unwilling")) is None
    assert "unwilling" not in system.names()
