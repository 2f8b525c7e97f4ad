"""The one task that looks at the alerts of a system, once a second."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Final

import trio

from trioactors.alerts.measures import Readings
from trioactors.alerts.telling import WAITING, tell_all
from trioactors.supervision.alert_board import Change
from trioactors.supervision.alert_rules import Alert, AlertNotice, AlertStatus, Measure
from trioactors.supervision.choices import Restart
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import INTERNAL, ChildSpec, child
from trioactors.system.system import System, current_system, runtime_of
from trioactors.trace.records import AlertCleared, AlertRaised

__all__ = ["watching_child"]

_ROOT: Final = f"{INTERNAL}root"
_EVERY: Final = 1.0

_log = logging.getLogger("trioactors.alerts")


def watching_child() -> ChildSpec:
    """The child that looks at the alerts of its system."""
    return child(_watch, name=f"{INTERNAL}alerts", restart=Restart.PERMANENT, drain=False)


async def _watch(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    system = current_system()
    runtime, readings = runtime_of(system), Readings(system)
    rules = runtime.alerts.rules
    send, receive = trio.open_memory_channel[tuple[Alert, AlertNotice]](WAITING)
    with ExitStack() as scope, send:
        if any(rule.of_handlers for rule in rules):
            scope.enter_context(runtime.meter.wanted())
        if any(rule.kind is Measure.LOOP_LAG for rule in rules):
            scope.enter_context(runtime.lag.wanted())
        runtime.failing.append(readings.crashes.add)
        scope.callback(runtime.failing.remove, readings.crashes.add)
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tell_all, receive, runtime.environment.post)
            await _look_forever(system, readings, send)


async def _look_forever(system: System, readings: Readings, send: trio.MemorySendChannel[tuple[Alert, AlertNotice]]) -> None:
    runtime = runtime_of(system)
    due = dict.fromkeys((rule.name for rule in runtime.alerts.rules), 0.0)
    while True:
        begun = runtime.now()
        for rule in [each for each in runtime.alerts.rules if due[each.name] <= begun]:
            due[rule.name] = begun + rule.every
            for change in runtime.alerts.look(rule, readings.of(rule, begun), begun):
                _made_known(system, change, send)
            await trio.lowlevel.checkpoint()  # with very many actors, each rule takes some milliseconds
        await trio.sleep_until(begun + _EVERY)


def _made_known(system: System, change: Change, send: trio.MemorySendChannel[tuple[Alert, AlertNotice]]) -> None:
    """Record, log and send what has changed."""
    runtime = runtime_of(system)
    if change.new and runtime.observers.listeners:
        _record(runtime, change)
    if not change.told:
        return
    notice = change.notice(runtime.environment.wall_clock() - runtime.now())
    _log.log(logging.WARNING if change.status is AlertStatus.RAISED else logging.INFO, "%s", notice)
    if change.rule.notify is None and change.rule.webhook is None:
        return
    try:
        send.send_nowait((change.rule, notice))
    except trio.WouldBlock:
        _log.error("%d notices of alerts wait to be sent, so this one was dropped: %s", WAITING, notice)


def _record(runtime: Runtime, change: Change) -> None:
    raised = change.status is AlertStatus.RAISED
    kind = AlertRaised if raised else AlertCleared
    runtime.observers.emit(
        kind(
            time=change.time,
            child=change.target if change.rule.of_children else _ROOT,
            alert=change.rule.name,
            target=change.target,
            value=change.value,
            limit=change.rule.limit,
            silenced=change.silenced,
            seconds=change.time - (change.since if raised else change.raised),
        )
    )
