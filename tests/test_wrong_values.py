"""Wrong values for every parameter of every public callable, taken from the signatures: a new parameter cannot be forgotten.

A value of no type (`object()`) must be refused wherever a type is declared. Any other wrong value is refused or accepted, as the
parameter has it, but never with an error that is not ours.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, cast

import attrs
import pytest
from attrs import define
from trio.testing import MockClock

import trioactors as ta
from shared.wrong import WRONG, Anything
from trioactors import names, serializer
from trioactors.errors import TrioactorsError
from trioactors.testing import isolated_system


@define
class Tally:
    total: int = 0


class Counter(ta.Actor[Tally], persist=ta.EVERY_MESSAGE):
    @ta.handler
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler
    async def try_out(self, what: Callable[[ta.Context], object]) -> object:
        return what(self.context)


async def main() -> None:
    """Do nothing."""


PLAIN: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Backoff": (ta.Backoff, {}),
    "Environment": (ta.Environment, {}),
    "Intensity": (ta.Intensity, {}),
    "Partitions": (ta.Partitions, {"name": "counter", "number": 4}),
    "Partitions.of": (ta.Partitions("counter", 4).of, {}),
    "Recorder": (ta.Recorder, {}),
    "Settings": (ta.Settings, {}),
    "Supervisor": (ta.Supervisor, {"name": "top"}),
    "Within": (ta.Within, {"seconds": 1.0}),
    "alert": (ta.alert, {"measure": "backlog", "above": 1.0}),
    "child": (ta.child, {"make": Counter, "name": "counter"}),
    "handler": (lambda **options: ta.handler(**options)(Counter.add.__wrapped__), {}),  # type: ignore[attr-defined]
    "open_system": (ta.open_system, {}),
    "resource": (ta.resource, {"enter": lambda: None}),
    "run": (ta.run, {"main": main}),
    "Serializer": (serializer.Serializer, {}),
    "Limits": (serializer.Limits, {}),
    "stored": (lambda **options: serializer.stored(**options)(type("Some", (), {})), {"name": "some"}),
    "transient": (serializer.transient, {"default": 1}),
    "secret": (serializer.secret, {"default": 1}),
    "unknown_fields": (serializer.unknown_fields, {}),
    "Codec.decode": (serializer.Serializer().codec(Tally).decode, {}),
    "Codec.encode": (serializer.Serializer().codec(Tally).encode, {}),
    "Recorder.of": (ta.Recorder().of, {}),
    "Serializer.check": (serializer.Serializer().check, {}),
    "Serializer.codec": (serializer.Serializer().codec, {}),
    "Serializer.register": (
        lambda **options: serializer.Serializer().register(**options),
        {"kind": Anything, "name": "anything", "via": str, "dump": str, "load": str},
    ),
    "Serializer.register_family": (serializer.Serializer().register_family, {"base": Anything, "rule": print}),
    "Serializer.knows_family": (serializer.Serializer().knows_family, {}),
    "Serializer.rule_for": (serializer.Serializer().rule_for, {}),
    "read_envelope": (serializer.read_envelope, {"data": b"{}"}),
}
"""Public callables that need no system, with arguments that fit."""

SIGNATURES: dict[str, Callable[..., Any]] = {
    "handler": ta.handler,
    "stored": serializer.stored,
    "Serializer.register": serializer.Serializer().register,
}

IN_A_SYSTEM: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "System.start": (ta.System.start, {"make": Counter, "name": "other"}),
    "System.get": (ta.System.get, {"kind": Counter, "name": "counter"}),
    "System.wait_for": (ta.System.wait_for, {"kind": Counter, "name": "counter", "timeout": 1.0}),
    "System.supervisor": (ta.System.supervisor, {}),
    "System.observe": (ta.System.observe, {"observer": print}),
    "System.unobserve": (ta.System.unobserve, {"observer": print}),
    "System.explain": (ta.System.explain, {"name": "counter"}),
    "System.quiesce": (ta.System.quiesce, {}),
    "SupervisorHandle.start_child": (ta.SupervisorHandle.start_child, {"spec": ta.child(main)}),
    "SupervisorHandle.terminate_child": (ta.SupervisorHandle.terminate_child, {"name": "counter"}),
    "SupervisorHandle.restart_child": (ta.SupervisorHandle.restart_child, {"name": "counter"}),
    "SupervisorHandle.delete_child": (ta.SupervisorHandle.delete_child, {"name": "counter"}),
    "Context.after": (ta.Context.after, {"delay": 1.0, "send": lambda: None}),
    "Context.every": (ta.Context.every, {"period": 1.0, "send": lambda: None}),
    "Context.cancel": (ta.Context.cancel, {"key": "key"}),
    "Context.defer": (ta.Context.defer, {"left": lambda: None}),
    "Context.start_soon": (ta.Context.start_soon, {"function": main}),
    "flush": (ta.flush, {}),
    "forget": (ta.forget, {}),
    "info": (ta.info, {}),
    "pause": (ta.pause, {}),
    "reset": (ta.reset, {"name": "counter"}),
    "restart": (ta.restart, {}),
    "restore": (ta.restore, {"copy": "state/counter@1"}),
    "resume": (ta.resume, {}),
    "stop": (ta.stop, {}),
    "watch": (ta.watch, {}),
}
"""Public callables that need a running system, with arguments that fit."""

MADE_BY_US = frozenset(
    {
        "Alert",
        "AlertNotice",
        *(
            "Actor",
            "ActorInfo",
            "ActorSpec",
            "BoundHandler",
            "ChildInfo",
            "ChildSpec",
            "Consequence",
            "Context",
            "DeadLetter",
            "Death",
            "Deferred",
        ),
        *("GatheredCalls", "PendingCall", "gather_calls"),
        *("EveryMessage", "Exit", "Explanation", "Handler", "Ledger", "Portal", "Resource", "RestartEntry", "RestartHistory"),
        *(
            "Ref",
            "SupervisorHandle",
            "System",
            "Watch",
            "Codec",
            "Declaration",
            "Envelope",
            "Rule",
            "current_system",
            "declaration_of",
            "stop_requested",
        ),
    }
)
"""Classes that a program gets and does not make, and functions that take nothing, or only a class. Errors, enums and records, too."""

ANYTHING = frozenset(
    {
        ("transient", "default"),
        ("secret", "default"),
        ("Serializer.register", "via"),  # a type that is refused when a codec needs it
        ("Serializer.knows_family", "base"),
        ("Serializer.rule_for", "kind"),
        ("System.unobserve", "observer"),  # without effect if it is not attached
        ("Context.start_soon", "args"),
        ("Context.after", "key"),
        ("Context.every", "key"),
        ("Context.cancel", "key"),
        ("open_system", "store"),  # whatever has the methods of a store
    }
)
"""Parameters that take every value."""


def parameters(table: dict[str, tuple[Callable[..., Any], dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    for name, (called, _) in table.items():
        for each in inspect.signature(SIGNATURES.get(name, called)).parameters.values():
            if each.name not in {"self", "function"} or (name, each.name) == ("Context.start_soon", "function"):
                yield name, each.name


def test_no_public_callable_is_forgotten() -> None:
    public = {**vars(names), **{name: getattr(serializer, name) for name in serializer.__all__}}
    callables = {name for name, value in public.items() if name[0] != "_" and callable(value) and not _is_no_input(value)}

    assert callables - PLAIN.keys() - IN_A_SYSTEM.keys() - MADE_BY_US == set()


def test_no_method_with_parameters_is_forgotten() -> None:
    for kind in (ta.System, ta.SupervisorHandle, ta.Context, ta.Recorder, serializer.Serializer, serializer.Codec):
        for name, member in inspect.getmembers(kind, inspect.isfunction):
            if name[0] != "_" and len(inspect.signature(member).parameters) > 1:
                assert f"{kind.__name__}.{name}" in IN_A_SYSTEM.keys() | PLAIN.keys()


def _is_no_input(value: Any) -> bool:
    if not isinstance(value, type):
        return value.__module__.startswith("typing") or value in (serializer.Json, serializer.Upcaster, ta.Observer)
    return issubclass(value, BaseException | enum.Enum | ta.TraceRecord) or value.__module__ == "typing"


def arguments(
    options: dict[str, Any], called: Callable[..., Any], parameter: str, wrong: object
) -> tuple[list[Any], dict[str, Any]]:
    kind = inspect.signature(called).parameters[parameter].kind
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return [wrong], options
    return [], {**options, parameter: wrong}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("name", "parameter"), list(parameters(PLAIN)))
async def test_a_wrong_value_is_refused_in_our_words(name: str, parameter: str, wrong: str) -> None:
    called, options = PLAIN[name]
    if name == "run" and parameter == "main" and callable(WRONG[wrong]):
        return  # a function is no wrong value, and one that fails is its own affair
    positional, keywords = arguments(options, SIGNATURES.get(name, called), parameter, WRONG[wrong])

    if name == "run" and parameter != "main":
        keywords["main"] = 5  # refused last, so that nothing runs
    refused = False
    try:
        called(*positional, **keywords)
    except TrioactorsError:
        refused = True

    assert refused or wrong != "object" or (name, parameter) in ANYTHING


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("name", "parameter"), [*parameters(IN_A_SYSTEM)])
async def test_a_wrong_value_is_refused_by_a_running_system(
    autojump_clock: MockClock, name: str, parameter: str, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    called, options = IN_A_SYSTEM[name]
    value = WRONG[wrong]
    refused = False
    async with isolated_system(ta.Supervisor(ta.child(Counter, name="counter"), name="top")) as system:
        counter = system.get(Counter, "counter")
        owner, _, _ = name.rpartition(".")
        try:
            if owner == "Context":
                await counter.try_out(partial(_within, called, options, parameter, value))
            else:
                owners = {"System": system, "SupervisorHandle": system.supervisor("top"), "reset": system, "restore": system}
                first = [] if parameter in {"ref", "system"} else [owners.get(owner or name, counter)]
                result = called(*first, **{**options, parameter: value})
                await _finished(result)
        except TrioactorsError as error:
            refused = True
            cause = error.__cause__ if isinstance(error, ta.ActorCrashed | ta.StartFailed) else None
            assert cause is None or isinstance(cause, TrioactorsError), repr(cause)

    assert refused or wrong != "object" or (name, parameter) in ANYTHING


def _within(called: Callable[..., Any], options: dict[str, Any], parameter: str, value: object, context: ta.Context) -> None:
    counter = cast("Any", context)._actor
    positional, keywords = arguments({**options, **({"send": counter.add} if "send" in options else {})}, called, parameter, value)
    if positional:
        return
    called(context, **keywords)


async def _finished(result: object) -> None:
    if inspect.isawaitable(result):
        await cast("Awaitable[object]", result)
    elif hasattr(result, "__aenter__"):
        async with cast("Any", result):
            pass


@pytest.mark.parametrize("option", [each.name for each in attrs.fields(ta.Settings)])
def test_a_wrong_setting_is_named(option: str) -> None:
    with pytest.raises(ta.SpecError, match=f"Settings.{option}="):
        ta.Settings(**{option: cast("Any", Anything())})


@pytest.mark.parametrize(
    "options",
    [{"mailbox": "x"}, {"overflow": 5}, {"timeout": "x"}, {"persist": 5}, {"serializer": 5}, {"inspect": 5}],
    ids=lambda options: next(iter(options)),
)
def test_a_wrong_class_option_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ta.UsageError):
        type("Wrong", (Counter,), {}, **options)
