"""Random applications use whatever is public: a new option, method or setting has an act, is drawn, or says here why not."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

import trioactors as ta
from randomlab.acts import HANDLERS, USERS
from randomlab.data import Child
from randomlab.drawing import drawn

ELSEWHERE: Mapping[str, str] = {
    "handler.secret": "what reports show is no behaviour of an application",
    "Actor.serializer": "tests/test_serializer_*.py draw annotations and values",
    "Actor.inspect": "what snapshots show is no behaviour",
    "child.name": "every child of the lab has one",
    "child.start_timeout": "a start that hangs is a matter of real time in tests/test_starting.py",
    "child.drain": "tests/test_draining.py; `ta.stop(drain=True)` has an act",
    "Supervisor.name": "every supervisor of the lab has one",
    "Context.ref": "used by every act that pauses its own actor",
    "Context.name": "in every note",
    "Context.incarnation": "in every note",
    "Context.system": "the way to every other actor",
    "Context.sender": "for display",
    "System.get": "the way to every actor",
    "System.supervisor": "the way to every child",
    "System.names": "used by the acts that ask a supervisor",
    "System.environment": "the simulation's own",
    "System.observe": "the simulation observes",
    "System.unobserve": "as above",
    "System.dead_letters": "read by the model as records of the trace",
    "System.ledger": "checked at the end of every simulation",
    "System.wait_stopped": "the simulation waits",
    "System.wait_for": "tests/test_watch.py",
    "SupervisorHandle.count_children": "tests/test_dynamic.py, against which_children",
    "Deferred.owed": "tests/test_deferred.py",
    "Deferred.leave_open": "internal: what an exit does",
    "Deferred.pending": "the reply of every handler that defers",
    "Settings.start_timeout": "as child.start_timeout",
    "Settings.intensity": "each supervisor of the lab has its own",
    "Settings.mailbox": "each class of the lab may have its own",
    "Settings.timers": "tests/test_deadlines.py",
    "Settings.drain_seconds": "nothing takes time in a simulation",
    "Settings.dead_letters": "how many are kept",
    "Settings.crash_logs": "logging",
    "Settings.crash_logs_period": "logging",
    "Settings.loop_held": "real time",
    "Settings.crashes_kept": "a history is not kept on a clock for tests",
    "Settings.crashes_kept_for": "as above",
    "Settings.on_unreadable": "records are damaged in tests/durable/test_unreadable.py",
    "current_system": "for functions among the children, which do nothing here",
    "stop_requested": "tests/test_draining.py",
    "reset": "records are damaged in tests/durable/test_repairs.py",
    "restore": "as above",
}


def _members(kind: type[Any]) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def _options(function: Any) -> set[str]:
    return {name for name, each in inspect.signature(function).parameters.items() if each.kind is each.KEYWORD_ONLY}


def public() -> set[str]:
    """Everything that an application can use, as `Owner.name`."""
    found = {f"handler.{name}" for name in _options(ta.handler)} | {f"child.{name}" for name in _options(ta.child)}
    found |= {f"Supervisor.{name}" for name in _options(ta.Supervisor)}
    found |= {f"Actor.{name}" for name in ("persist", "mailbox", "overflow", "timeout", "serializer", "inspect")}
    found |= {f"Settings.{field.name}" for field in attrs.fields(ta.Settings)}
    for owner in (ta.Context, ta.System, ta.SupervisorHandle, ta.Deferred):
        found |= {f"{owner.__name__}.{name}" for name in _members(owner)}
    found |= {f"BoundHandler.{name}" for name in ("__call__", "cast", "cast_nowait", "within")}
    functions = (name for name in ta.__all__ if inspect.isroutine(getattr(ta, name)))
    no_part = {"handler", "child", "resource", "open_system", "run", "alert"}
    return found | (set(functions) - no_part)


def used() -> Iterator[str]:
    """What the acts show, and the options that are drawn."""
    for act in (*HANDLERS, *USERS):
        yield from act.shows
    for seed in range(300):
        application = drawn(seed)
        for kind in application.kinds:
            yield from (f"Actor.{name}" for name in kind.options)
            yield from (f"handler.{name}" for handler in kind.handlers for name in handler.options)
            yield from ("Context.defer" for handler in kind.handlers if handler.defers)
        for tree in application.tree.trees():
            yield from (f"Supervisor.{name}" for name in tree.options)
            yield from (f"child.{name}" for child in tree.children if isinstance(child, Child) for name in child.options)
        yield from (f"Settings.{name}" for name in application.settings)


def test_whatever_is_public_is_used_by_random_applications() -> None:
    assert sorted(public() - set(used()) - ELSEWHERE.keys()) == []


def test_nothing_is_excused_that_is_used_or_does_not_exist() -> None:
    assert sorted(ELSEWHERE.keys() & set(used())) == []
    assert sorted(ELSEWHERE.keys() - public()) == []
