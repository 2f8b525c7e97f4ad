"""Every error class is raised by a public operation, and its text names the culprit and the next step."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from attrs import define

import trioactors as ta
from trioactors import errors
from trioactors.errors import runtime
from trioactors.testing import ThreadGuard, isolated_system


@define
class Sum:
    total: int = 0


class Lasting(ta.Actor[Sum], persist=ta.EVERY_MESSAGE):
    """Needs a store."""


class Thing(ta.Actor[None], mailbox=1):
    """An actor with a way to cause every error."""

    @ta.handler
    def nothing(self) -> None: ...

    @ta.handler
    async def wait(self, seconds: float) -> None:
        await trio.sleep(seconds)

    @ta.handler(execution_timeout=1)
    async def hang(self) -> None:
        await trio.sleep_forever()

    @ta.handler
    async def fail(self) -> None:
        raise LookupError("broken")

    @ta.handler
    def lose(self) -> None:
        self.context.defer()

    @ta.handler(raises=(ta.CallCycle, ta.TooManyTimers))
    async def do(self, act: Callable[[ta.Context, Any], Awaitable[Any]]) -> None:
        await act(self.context, self)


class Hanging(ta.Actor[None]):
    async def on_start(self) -> None:
        await trio.sleep_forever()


class Unwilling(ta.Actor[None]):
    async def on_start(self) -> None:
        raise ta.Ignore


async def not_a_handler(_: ta.System, thing: Thing) -> None:
    thing.state  # noqa: B018


async def name_taken(system: ta.System, _: Thing) -> None:
    await system.start(Thing, name="thing")


async def unknown_name(system: ta.System, _: Thing) -> None:
    system.get(Thing, "other")


async def wrong_class(system: ta.System, _: Thing) -> None:
    system.get(Hanging, "thing")


async def wrong_thread(system: ta.System, thing: Thing) -> None:
    await trio.to_thread.run_sync(thing.nothing.cast_nowait)


async def too_many_timers(_: ta.System, thing: Thing) -> None:
    async def act(context: ta.Context, actor: Thing) -> None:
        for _ in range(3):
            context.after(1, actor.nothing)

    await thing.do(act)


async def spec_error(system: ta.System, _: Thing) -> None:
    await system.start(print, name="printer")


async def definition_error(_: ta.System, __: Thing) -> None:
    type("Typo", (ta.Actor,), {"on_stat": None})


async def usage_error(_: ta.System, __: Thing) -> None:
    await ta.flush("thing")


async def child_running(system: ta.System, _: Thing) -> None:
    await system.supervisor("top").restart_child("declared")


async def child_present(system: ta.System, _: Thing) -> None:
    top = system.supervisor("top")
    await top.terminate_child("declared")
    await top.start_child(ta.child(Thing, name="declared"))


async def too_many_children(system: ta.System, _: Thing) -> None:
    await system.supervisor("top").start_child(ta.Supervisor(name="small", strategy="dynamic", max_children=1))
    for name in ("one", "two"):
        await system.supervisor("small").start_child(ta.child(Thing, name=name))


async def child_restarting(system: ta.System, _: Thing) -> None:
    await system.get(Thing, "declared").fail.cast()
    await trio.sleep(1)
    await system.supervisor("top").restart_child("declared")


async def actor_stopped(_: ta.System, thing: Thing) -> None:
    await ta.stop(thing)
    await thing.nothing()


async def system_closed(_: ta.System, __: Thing) -> None:
    async with ta.open_system() as other:
        thing = await other.start(Thing, name="thing")
    await thing.nothing()


async def actor_crashed(_: ta.System, thing: Thing) -> None:
    await thing.fail()


async def handler_timeout(_: ta.System, thing: Thing) -> None:
    """The error of the handler itself, which the caller gets as the cause."""
    with pytest.raises(ta.ActorCrashed) as caught:
        await thing.hang()
    raise caught.value.__cause__ or caught.value


async def mailbox_full(_: ta.System, thing: Thing) -> None:
    thing.nothing.cast_nowait()
    thing.nothing.cast_nowait()


async def no_reply(_: ta.System, thing: Thing) -> None:
    await thing.lose()


async def call_cycle(_: ta.System, thing: Thing) -> None:
    await thing.do(lambda context, _: ta.stop(context.ref))


async def call_timeout(_: ta.System, thing: Thing) -> None:
    await thing.wait.within(1)(2)


async def start_failed(system: ta.System, _: Thing) -> None:
    await system.start(Hanging, name="hanging", start_timeout=2)


async def gave_up(_: ta.System, __: Thing) -> None:
    tree = ta.Supervisor(ta.child(Thing, name="frail"), name="strict", intensity=ta.Intensity(limit=0))
    async with ta.open_system(tree) as other:
        await other.get(Thing, "frail").fail.cast()
        await trio.sleep_forever()


async def store_missing(_: ta.System, __: Thing) -> None:
    async with ta.open_system() as other:
        await other.start(Lasting, name="lasting")


ACTS: dict[type[ta.TrioactorsError], tuple[Callable[[ta.System, Thing], Awaitable[None]], list[str]]] = {
    ta.NotAHandler: (not_a_handler, ["thing", "'state'", "nothing", "add a method marked @handler"]),
    ta.NameTaken: (name_taken, ["'thing'", "choose another name, or stop that one first"]),
    ta.UnknownName: (unknown_name, ["'other'", "Known names", "thing"]),
    ta.WrongClass: (wrong_class, ["'thing'", "Thing", "Hanging"]),
    ta.WrongThread: (wrong_thread, ["thing", "system.portal()"]),
    ta.TooManyTimers: (too_many_timers, ["thing", "2 timers", "Settings.timers"]),
    ta.SpecError: (spec_error, ["print", "give an actor class"]),
    ta.StoreMissing: (store_missing, ["'lasting'", "persist=", "open_system('sqlite:///state.db'"]),
    ta.DefinitionError: (definition_error, ["Typo.on_stat", "on_start, on_continue, on_stop, on_save, on_load"]),
    ta.UsageError: (usage_error, ["'thing'", "pass what system.start or system.get returned"]),
    ta.ChildRunning: (child_running, ["declared", "terminate it first"]),
    ta.TooManyChildren: (too_many_children, ["small", "max_children=1 allows no more"]),
    ta.ChildPresent: (child_present, ["declared", "restart or delete it"]),
    ta.ChildRestarting: (child_restarting, ["declared", "terminate it first, or wait"]),
    ta.ActorStopped: (actor_stopped, ["thing", "shutdown", "will not be restarted"]),
    ta.SystemClosed: (system_closed, ["thing", "its system is closed"]),
    ta.ActorCrashed: (actor_crashed, ["thing", "LookupError"]),
    ta.MailboxFull: (mailbox_full, ["thing", "1 messages wait", "nothing was sent"]),
    ta.NoReply: (no_reply, ["thing", "'lose'"]),
    ta.CallCycle: (call_cycle, ["thing -> thing", "Use cast, defer the reply, or call from a child task"]),
    ta.CallTimeout: (call_timeout, ["'wait'", "thing has been handling 'wait' for 1 s"]),
    ta.HandlerTimeout: (handler_timeout, ["thing", "'hang'", "1 s (execution_timeout)", "test_errors.py", "Give it more time"]),
    ta.StartFailed: (start_failed, ["hanging", "not ready within 2 s"]),
    ta.SupervisorGaveUp: (gave_up, ["strict", "1 restarts within 5 s, 0 are allowed", "frail", "LookupError"]),
}
GROUPS = {ta.TrioactorsError, ta.AdministrationError, ta.DeliveryError}


@pytest.mark.parametrize("kind", list(ACTS), ids=lambda kind: kind.__name__)
async def test_an_error_names_the_culprit_and_the_next_step(
    autojump_clock: trio.testing.MockClock, thread_guard: ThreadGuard, kind: type[ta.TrioactorsError]
) -> None:
    act, words = ACTS[kind]
    tree = ta.Supervisor(ta.child(Thing, name="declared"), name="top", backoff=ta.Backoff(base=9, jitter=0))
    async with isolated_system(tree, settings=ta.Settings(timers=2)) as system:
        thing = await system.start(Thing, name="thing")

        with pytest.raises(kind) as caught:
            await act(system, thing)

    assert type(caught.value) is kind
    assert [word for word in words if word not in str(caught.value)] == []


def test_every_error_class_has_such_an_act() -> None:
    classes = {getattr(errors, name) for name in runtime.__all__}  # those of stores and serializers have tests of their own

    assert {kind for kind in classes if issubclass(kind, ta.TrioactorsError)} | {ta.TrioactorsError} == set(ACTS) | GROUPS


def test_every_error_class_is_in_the_drawing() -> None:
    drawing = inspect.getdoc(errors) or ""

    assert [name for name in errors.__all__ if name not in drawing] == []


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ta.DefinitionError, TypeError),
        (ta.SpecError, ValueError),
        (ta.NotAHandler, AttributeError),
        (ta.UnknownName, LookupError),
        (ta.WrongClass, TypeError),
        (ta.WrongThread, RuntimeError),
        (ta.CallTimeout, trio.TooSlowError),
        (ta.SystemClosed, ta.ActorStopped),
    ],
)
def test_errors_are_what_python_calls_them_too(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)


@pytest.mark.parametrize("signal", [ta.Ignore, ta.Shutdown])
def test_signals_are_no_errors_of_the_library(signal: type[Exception]) -> None:
    assert not issubclass(signal, ta.TrioactorsError)


async def test_ignoring_a_start_is_no_failure(system: ta.System) -> None:
    assert await system.supervisor().start_child(ta.child(partial(Unwilling), name="unwilling")) is None


async def test_giving_up_carries_its_history_and_its_failures(autojump_clock: trio.testing.MockClock) -> None:
    tree = ta.Supervisor(ta.child(Thing, name="frail"), name="strict", intensity=ta.Intensity(limit=1))

    with pytest.raises(ta.SupervisorGaveUp) as caught:  # noqa: PT012 - the block is the system's life
        async with ta.open_system(tree) as system:
            frail = system.get(Thing, "frail")
            await frail.fail.cast()
            await trio.sleep(2)
            await frail.fail.cast()
            await trio.sleep_forever()

    assert [(entry.child, entry.time, str(entry.reason)) for entry in caught.value.history] == [
        ("frail", 0, "crash: LookupError"),
        ("frail", 2, "crash: LookupError"),
    ]
    assert caught.value.group is not None
    assert [type(error) for error in caught.value.group.exceptions] == [LookupError, LookupError]
    assert isinstance(caught.value.__cause__, LookupError)


def test_giving_up_without_failures_has_no_group() -> None:
    assert ta.SupervisorGaveUp("without failures", []).group is None
