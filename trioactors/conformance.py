"""Replay recorded OTP scenarios with real children under the real supervisor: `python -m trioactors.conformance FILE...`.

A file, plain or gzipped, holds one JSON object per line: the flags of a supervisor, its children (workers and supervisors) with the result
of each start attempt, and steps. A step is an action and what OTP did: the result, the ordered events, the children and whether the
supervisor runs. Each scenario runs in its own system; nothing replaces the supervisor. The last printed line is "N of M scenarios match",
and the exit code is 0 only if all do.
"""

from __future__ import annotations

import gzip
import json
import math
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import attrs
import trio
from trio.testing import MockClock

from trioactors.actors.actor import Actor
from trioactors.errors import (
    ChildPresent,
    ChildRestarting,
    ChildRunning,
    Ignore,
    NameTaken,
    Shutdown,
    StartFailed,
    SupervisorGaveUp,
    UnknownName,
)
from trioactors.messaging.handlers import handler
from trioactors.running import open_system
from trioactors.settings import Intensity, Settings
from trioactors.supervision.child import Child
from trioactors.supervision.specs import BRUTAL_KILL, ChildKind, ChildSpec, Supervisor, child
from trioactors.supervision.tree import SupervisorChild
from trioactors.system.system import System, registry_of
from trioactors.testing.driving import suspended
from trioactors.trace.records import ChildExited, ChildStarted, ChildStartFailed, TraceRecord

__all__ = ["Mismatch", "load", "main", "replay"]

_Json = dict[str, Any]
_ROOT: Final = "root"
_QUIET: Final = Settings(crash_logs=1, crash_logs_period=math.inf)


class _Boom(Exception):
    """The error of a worker that crashes, by a step or by its plan."""


@attrs.frozen
class Mismatch:
    """The first step of a scenario in which trioactors and OTP differ."""

    scenario: str
    step: int
    action: Any
    expected: _Json
    found: _Json


class _Worker(Actor[None]):
    """A child whose starts follow its plan, and that exits as the steps say."""

    def __init__(self, path: str, replay: _Replay) -> None:
        self.path = path
        self.replay = replay

    async def on_start(self) -> None:
        """Follow the plan for this attempt."""
        self.replay.attempt(self.path)

    @handler
    def die(self, reason: str) -> None:
        """Exit with *reason*."""
        kind, _, detail = reason.partition(":")
        match kind:
            case "normal":
                self.context.stop()
            case "shutdown":
                raise Shutdown(detail)
            case _:
                raise _Boom(reason)


@attrs.define
class _Replay:
    """A scenario that is being replayed."""

    scenario: _Json
    plans: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    attempts: Counter[str] = attrs.field(factory=Counter[str])
    events: list[list[str]] = attrs.field(factory=list[list[str]])
    supervisors: set[str] = attrs.field(factory=set[str])
    ready: set[str] = attrs.field(factory=set[str])
    mismatch: Mismatch | None = None

    # --- what happens ---

    def attempt(self, path: str) -> None:
        """Start a worker: succeed, fail or ignore by its plan, and record the event."""
        plan, number = self.plans[path], self.attempts[path]
        self.attempts[path] += 1
        match plan[number] if number < len(plan) else "ok":
            case "ok":
                self.events.append(["start", path])
            case "ignore":
                self.events.append(["start_ignored", path])
                raise Ignore
            case _:
                self.events.append(["start_failed", path])
                raise _Boom("start")

    def observe(self, record: TraceRecord) -> None:
        """Record the exits of all children and the starts of supervisors; workers record their own starts."""
        if record.child.startswith(":") or record.child == _ROOT:
            return
        if isinstance(record, ChildStarted):
            self.ready.add(record.child)
            if record.child in self.supervisors:
                self.events.append(["start", record.child])
        elif isinstance(record, ChildStartFailed) and record.child in self.supervisors:
            self.events.append(["start_failed", record.child])
        elif isinstance(record, ChildExited) and record.child in self.ready:
            self.ready.discard(record.child)
            reason = "boom" if isinstance(record.reason.error, _Boom) else str(record.reason)
            self.events.append(["stop", record.child, reason])

    # --- the tree ---

    def spec(self, row: _Json, prefix: str) -> ChildSpec | Supervisor:
        """The child spec for a recorded child."""
        path = prefix + row["id"]
        if "children" in row:
            self.supervisors.add(path)
            return self.supervisor(row, path, path + "/")
        self.plans[path] = row.get("plan", [])
        return child(
            partial(_Worker, path, self),
            name=path,
            restart=row["restart"],
            significant=row.get("significant", False),
            grace=_grace(row.get("shutdown", 5000)),
        )

    def supervisor(self, row: _Json, name: str, prefix: str) -> Supervisor:
        """A recorded supervisor and all children below it."""
        flags = row["flags"]
        return Supervisor(
            *(self.spec(below, prefix) for below in row["children"]),
            name=name,
            strategy=flags["strategy"],
            intensity=Intensity(flags["intensity"], float(flags["period"])),
            auto_shutdown=flags.get("auto_shutdown", "never"),
            restart=row.get("restart", "permanent"),
            significant=row.get("significant", False),
            grace=_grace(row.get("shutdown", "infinity")),
        )

    # --- the steps ---

    async def run(self) -> Mismatch | None:
        """Replay all steps. Returns the first mismatch, if any."""
        tree = self.supervisor(self.scenario, _ROOT, "")
        try:
            async with open_system(tree, settings=_QUIET, observers=[self.observe]) as system:
                return await self._steps(_Player(self, system, cast("SupervisorChild", _node(system, _ROOT))))
        except SupervisorGaveUp:
            return self.mismatch
        except StartFailed:
            return self._compare_failed_start(self.scenario["steps"][0])

    async def _steps(self, player: _Player) -> Mismatch | None:
        for number, step in enumerate(self.scenario["steps"]):
            self.mismatch = self._compare(number, step, await player.play(step))
            if self.mismatch is not None:
                break
        return self.mismatch

    def _compare_failed_start(self, step: _Json) -> Mismatch | None:
        """Compare a failed start: the events must agree, the name of the error need not."""
        failed = str(step["result"]).startswith("error")
        result = step["result"] if failed else "error:start_failed"
        return self._compare(0, step, {"result": result, "children": {}, "alive": False})

    def _compare(self, number: int, step: _Json, found: _Json) -> Mismatch | None:
        found["events"], self.events = self.events, []
        expected = {key: step[key] for key in found}
        if found == expected:
            return None
        return Mismatch(self.scenario["id"], number, step["action"], expected, found)


@attrs.define
class _Player:
    """Carries out the steps of a scenario in its system."""

    replay: _Replay
    system: System
    root: SupervisorChild

    async def play(self, step: _Json) -> _Json:
        """Do the action of the step, wait until the system is at rest, and return the result."""
        result = "nothing"
        with trio.CancelScope(shield=True):  # a tree that gives up cancels this block; later steps are compared too
            result = await self._act(step["action"])
            await self.system.quiesce(timeout=3600)
        alive = self._alive(self.root)
        reason = None if alive or self.root.last_exit is None else str(self.root.last_exit)
        return {"result": result, "children": _snapshot(self.root) if alive else {}, "alive": alive, "reason": reason}

    @staticmethod
    def _alive(node: Child) -> bool:
        return node.current is not None and node.current.ended is None

    async def _act(self, action: Any) -> str:
        if action == "start":
            return "started"
        if not self._alive(self.root):
            return "skipped" if action != "shutdown" else "sent"
        if action == "shutdown":
            await self._shut_down()
            return "sent"
        kind, argument, *rest = action
        match kind:
            case "exit":
                return await self._exit([[argument, rest[0]]])
            case "exits":
                return await self._exit(argument)
            case "start_child":
                return await self._administer(self.root.name, "start_child", self._new_child(argument))
            case _:
                above = argument.rpartition("/")[0] or _ROOT
                return await self._administer(above, kind, argument)

    def _new_child(self, row: _Json) -> ChildSpec | Supervisor:
        if row["id"] in self.root.children:
            plans = dict(self.replay.plans)
            spec = self.replay.spec(row, "")
            self.replay.plans.update(plans)
            return spec
        return self.replay.spec(row, "")

    async def _shut_down(self) -> None:
        supervisor = self.root.parent
        assert supervisor is not None  # the recorded root is a child of the system's own root
        await self.system.supervisor(supervisor.name).terminate_child(_ROOT)

    async def _exit(self, deaths: Sequence[Sequence[str]]) -> str:
        """Make the named children exit, in order, before a supervisor handles any of these exits."""
        nodes = [_node(self.system, path) for path, _ in deaths]
        if not all(node is not None and self._alive(node) for node in nodes):
            return "skipped"
        with suspended(self.system, *{node.parent.name for node in nodes if node is not None and node.parent is not None}):
            for node, (_, reason) in zip(nodes, deaths, strict=True):
                assert node is not None  # checked above
                await self._die(node, reason)
        return "sent"

    async def _die(self, node: Child, reason: str) -> None:
        incarnation = node.current
        assert incarnation is not None  # it runs
        over = trio.Event()
        node.watchers = [lambda _: over.set()]
        if reason == "kill" or node.spec.kind is ChildKind.SUPERVISOR:
            incarnation.kill("the scenario says so")
        else:
            self.system.get(_Worker, node.name).die.cast_nowait(reason)
        await over.wait()
        node.watchers = []

    async def _administer(self, supervisor: str, operation: str, argument: Any) -> str:
        node = _node(self.system, supervisor)
        if not isinstance(node, SupervisorChild) or not self._alive(node):
            return "skipped"
        handle = self.system.supervisor(supervisor)
        operations: dict[str, Callable[[Any], Awaitable[object]]] = {
            "start_child": handle.start_child,
            "terminate_child": handle.terminate_child,
            "restart_child": handle.restart_child,
            "delete_child": handle.delete_child,
        }
        try:
            await operations[operation](argument)
        except (ChildRunning, NameTaken):
            return "error:already_started" if operation == "start_child" else "error:running"
        except ChildRestarting:
            return "error:already_started" if operation == "start_child" else "error:restarting"
        except ChildPresent:
            return "error:already_present"
        except UnknownName:
            return "error:not_found"
        except StartFailed:
            return "error:start_failed"
        return self._done(operation, argument)

    def _done(self, operation: str, argument: Any) -> str:
        """The result of an operation that did not raise: a start may have been ignored."""
        if operation not in {"start_child", "restart_child"}:
            return "ok"
        started = _node(self.system, argument if isinstance(argument, str) else argument.name)
        return "ok:started" if started is not None and self._alive(started) else "ok:ignored"


def _grace(shutdown: int | str) -> float:
    match shutdown:
        case "brutal_kill":
            return BRUTAL_KILL
        case "infinity":
            return math.inf
        case _:
            return float(shutdown) / 1000


def _node(system: System, name: str) -> Child | None:
    try:
        return registry_of(system).find(name)
    except UnknownName:
        return None


def _snapshot(node: SupervisorChild) -> _Json:
    return {
        name.rpartition("/")[2]: _snapshot(below)
        if isinstance(below, SupervisorChild) and below.status.value == "running"
        else below.status.value
        for name, below in node.children.items()
    }


def load(path: Path) -> list[_Json]:
    """The scenarios in a file, gzipped or plain."""
    data = path.read_bytes()
    text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def replay(scenarios: Sequence[_Json]) -> list[Mismatch]:
    """Run all *scenarios* in virtual time. Returns the first mismatch of each."""

    async def each() -> list[Mismatch]:
        found = [await _Replay(scenario).run() for scenario in scenarios]
        return [mismatch for mismatch in found if mismatch is not None]

    return trio.run(each, clock=MockClock(autojump_threshold=0))


def main(arguments: Sequence[str]) -> int:
    """Replay the files; print each mismatch and the final count."""
    if not arguments:
        print("usage: python -m trioactors.conformance FILE...", file=sys.stderr)
        return 2
    scenarios = [scenario for argument in arguments for scenario in load(Path(argument))]
    mismatches = replay(scenarios)
    for mismatch in mismatches:
        print(json.dumps(attrs.asdict(mismatch)))
    print(f"{len(scenarios) - len(mismatches)} of {len(scenarios)} scenarios match")
    return 0 if scenarios and not mismatches else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
