"""_Replay recorded OTP scenarios with real children under the real supervisor: `python -m trioactors.conformance FILE...`.

A file holds one JSON object a line, plain or gzipped: a supervisor's flags, its children (workers and supervisors) with a plan of what
each start attempt does, and steps. A step is an action and what OTP did: the result, the ordered events, the children and whether the
supervisor lives. Each scenario runs in a system of its own; nothing answers in the supervisor's place. The last line printed is
"N of M scenarios match", and the exit code is 0 only when all do.
"""

from __future__ import annotations

import gzip
import json
import math
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
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
from trioactors.supervision.child import Cell, Parent
from trioactors.supervision.specs import BRUTAL_KILL, ChildKind, ChildSpec, Supervisor, child
from trioactors.supervision.tree import SupervisorCell
from trioactors.system.system import System, registry_of
from trioactors.trace.records import ChildExited, ChildStarted, ChildStartFailed, TraceRecord

__all__ = ["Mismatch", "load", "main", "replay"]

_Json = dict[str, Any]
_ROOT: Final = "root"
_QUIET: Final = Settings(crash_logs=1, crash_logs_period=math.inf)


class _Boom(Exception):
    """What a worker raises when it is told to crash, or its plan says so."""


@attrs.frozen
class Mismatch:
    """The first step of a scenario in which trioactors did something else than OTP."""

    scenario: str
    step: int
    action: Any
    expected: _Json
    found: _Json


class _Worker(Actor[None]):
    """A child that does at each start what its plan says, and dies as it is told."""

    def __init__(self, path: str, replay: _Replay) -> None:
        self.path = path
        self.replay = replay

    async def on_start(self) -> None:
        """Do what the plan says for this attempt."""
        self.replay.attempt(self.path)

    @handler
    def die(self, reason: str) -> None:
        """End for *reason*."""
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
    """One scenario on its way."""

    scenario: _Json
    plans: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    attempts: Counter[str] = attrs.field(factory=Counter[str])
    events: list[list[str]] = attrs.field(factory=list[list[str]])
    supervisors: set[str] = attrs.field(factory=set[str])
    ready: set[str] = attrs.field(factory=set[str])
    mismatch: Mismatch | None = None

    # --- what happens ---

    def attempt(self, path: str) -> None:
        """A worker starts: succeed, fail or ignore by its plan, and leave a trace of it."""
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
        """Note the ends of all children, and the starts of supervisors; workers note their own."""
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
        """One recorded child, as a child."""
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
        """A recorded supervisor and all below it."""
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
        """_Replay all steps; the first mismatch, if there is one."""
        tree = self.supervisor(self.scenario, _ROOT, "")
        try:
            async with open_system(tree, settings=_QUIET, observers=[self.observe]) as system:
                return await self._steps(_Player(self, system, cast("SupervisorCell", _cell(system, _ROOT))))
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
        """The tree never came up: what it did until then must agree; how the recorder called it need not."""
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
    root: SupervisorCell

    async def play(self, step: _Json) -> _Json:
        """Do what the step says, let everything settle, and tell what is there now."""
        result = "nothing"
        with trio.CancelScope(shield=True):  # a tree that gives up cancels this block; the steps after that are compared too
            result = await self._act(step["action"])
            await self.system.quiesce(timeout=3600)
        alive = self._alive(self.root)
        reason = None if alive or self.root.last_exit is None else str(self.root.last_exit)
        return {"result": result, "children": _snapshot(self.root) if alive else {}, "alive": alive, "reason": reason}

    @staticmethod
    def _alive(cell: Cell) -> bool:
        return cell.life is not None and cell.life.ended is None

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
        assert supervisor is not None  # the recorded root is a child of the system's own
        await self.system.supervisor(supervisor.name).terminate_child(_ROOT)

    async def _exit(self, deaths: Sequence[Sequence[str]]) -> str:
        """Let the named children die, in order, before any supervisor handles any of it."""
        cells = [_cell(self.system, path) for path, _ in deaths]
        if not all(cell is not None and self._alive(cell) for cell in cells):
            return "skipped"
        with _suspended(cell.parent for cell in cells if cell is not None):
            for cell, (_, reason) in zip(cells, deaths, strict=True):
                assert cell is not None  # checked above
                await self._die(cell, reason)
        return "sent"

    async def _die(self, cell: Cell, reason: str) -> None:
        life = cell.life
        assert life is not None  # it is alive
        over = trio.Event()
        cell.watchers = [lambda _: over.set()]
        if reason == "kill" or cell.spec.kind is ChildKind.SUPERVISOR:
            life.kill("the scenario says so")
        else:
            self.system.get(_Worker, cell.name).die.cast_nowait(reason)
        await over.wait()
        cell.watchers = []

    async def _administer(self, supervisor: str, operation: str, argument: Any) -> str:
        cell = _cell(self.system, supervisor)
        if not isinstance(cell, SupervisorCell) or not self._alive(cell):
            return "skipped"
        handle = self.system.supervisor(supervisor)
        try:
            await getattr(handle, operation)(argument)
        except (ChildRunning, NameTaken):
            return "error:already_started" if operation == "start_child" else "error:running"
        except ChildRestarting:
            return "error:restarting"
        except ChildPresent:
            return "error:already_present"
        except UnknownName:
            return "error:not_found"
        except StartFailed:
            return "error:start_failed"
        return self._done(operation, argument)

    def _done(self, operation: str, argument: Any) -> str:
        """The result of an operation that raised nothing: a start may have been ignored."""
        if operation not in {"start_child", "restart_child"}:
            return "ok"
        started = _cell(self.system, argument if isinstance(argument, str) else argument.name)
        return "ok:started" if started is not None and self._alive(started) else "ok:ignored"


def _grace(shutdown: int | str) -> float:
    match shutdown:
        case "brutal_kill":
            return BRUTAL_KILL
        case "infinity":
            return math.inf
        case _:
            return float(shutdown) / 1000


def _cell(system: System, name: str) -> Cell | None:
    try:
        return registry_of(system).find(name)
    except UnknownName:
        return None


def _snapshot(cell: SupervisorCell) -> _Json:
    return {
        name.rpartition("/")[2]: _snapshot(below)
        if isinstance(below, SupervisorCell) and below.status.value == "running"
        else below.status.value
        for name, below in cell.children.items()
    }


@contextmanager
def _suspended(supervisors: Iterable[Parent | None]) -> Generator[None, None, None]:
    held = {cell for cell in supervisors if isinstance(cell, SupervisorCell)}
    for cell in held:
        cell.suspension.held = True
    try:
        yield
    finally:
        for cell in held:
            cell.suspension.held = False
            if cell.shell is not None:
                cell.shell.wake()


def load(path: Path) -> list[_Json]:
    """The scenarios in a file, gzipped or plain."""
    data = path.read_bytes()
    text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def replay(scenarios: Sequence[_Json]) -> list[Mismatch]:
    """Run all *scenarios* in virtual time; the first mismatch of each that has one."""

    async def each() -> list[Mismatch]:
        found = [await _Replay(scenario).run() for scenario in scenarios]
        return [mismatch for mismatch in found if mismatch is not None]

    return trio.run(each, clock=MockClock(autojump_threshold=0))


def main(arguments: Sequence[str]) -> int:
    """_Replay the files; print each mismatch and the final count."""
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
