"""A dry run of supervision: what would happen if a child exited now, carried out on a model of the tree.

The decisions are those of `restarts.py`, as in a real supervisor. This module adds the order in which they are carried out: which children
stop and start, in which order, what a supervisor does when it gives up, and how the supervisor above it reacts. Like the real supervisor,
it is tested against each step of the recorded OTP scenarios.

So the order is written twice, here and in `supervisor.py`. A real supervisor waits at each step, may be asked to stop while it waits, and
restarts in place where it can; a dry run does none of that. Sharing the order would turn each step of the real loop into a value for
something else to carry out: slower restarts, and a loop that no longer reads like one.

A model cannot know whether a start will succeed. By default every start does; `starts` can say otherwise.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import assert_never, cast

import attrs

from trioactors.errors.exits import CRASH, KILLED, SHUTDOWN, Exit, ExitKind, RestartEntry
from trioactors.settings import Settings
from trioactors.supervision.restarts import (
    ChildRestarts,
    ChildStatus,
    Decision,
    RestartHistory,
    Verdict,
    after_exit,
    after_failed_start,
    delay_before,
    gave_up,
    shared_intensity,
)
from trioactors.supervision.specs import INTERNAL, ChildSpec, GiveUp, Restart, Strategy, Supervisor

__all__ = ["Consequence", "ConsequenceKind", "DryRun", "Node", "StartOutcome"]

_DOWN = frozenset({ChildStatus.UNDEFINED, ChildStatus.RESTARTING, ChildStatus.FAILED})

_NONE_YET = RestartHistory()

_NO_RESTARTS = ChildRestarts()


class ConsequenceKind(enum.Enum):
    """The kinds of consequences."""

    STOP = "stop"
    """An incarnation exits: the one that was asked about, or one that is stopped."""
    START = "start"
    START_FAILED = "start_failed"
    START_IGNORED = "start_ignored"
    WAIT = "wait"
    """A back-off passes before the child is started again."""
    GIVE_UP = "give_up"
    """A supervisor's budget is used up."""
    FAIL = "fail"
    """A child's own budget is used up: it stays down, and its siblings live on."""
    SHUT_DOWN = "shut_down"
    """A supervisor exits because its significant children have."""


@attrs.frozen
class Consequence:
    """One thing that would happen: its kind, the name of the child, and the reason."""

    kind: ConsequenceKind
    name: str
    reason: str = ""

    def __str__(self) -> str:
        """One line of text."""
        verb = {
            ConsequenceKind.STOP: "stops",
            ConsequenceKind.START: "starts",
            ConsequenceKind.START_FAILED: "fails to start",
            ConsequenceKind.START_IGNORED: "declines to start",
            ConsequenceKind.WAIT: "waits",
            ConsequenceKind.GIVE_UP: "gives up",
            ConsequenceKind.FAIL: "fails and stays down",
            ConsequenceKind.SHUT_DOWN: "shuts down",
        }[self.kind]
        return f"{self.name} {verb}{f' ({self.reason})' if self.reason else ''}"


class StartOutcome(enum.Enum):
    """The outcome of a start."""

    OK = "ok"
    IGNORED = "ignored"
    FAILED = "failed"


@attrs.define(eq=False)
class Node:
    """A child in the model."""

    name: str
    spec: ChildSpec | Supervisor
    parent: Node | None = attrs.field(repr=False)
    dynamic: bool = False
    status: ChildStatus = ChildStatus.UNDEFINED
    incarnations: int = 0
    """The number of incarnations in the model."""
    known: int = 0
    """The incarnation whose exit the supervisor would handle; 0 if there is none."""
    children: dict[str, Node] = attrs.field(factory=dict["str", "Node"], repr=False)
    history: RestartHistory = attrs.field(default=_NONE_YET, repr=False)
    restarts: ChildRestarts = attrs.field(default=_NO_RESTARTS, repr=False)
    ready_at: float = 0.0

    @property
    def plan(self) -> Supervisor:
        """The declared supervisor. Only for supervisors."""
        return cast("Supervisor", self.spec)

    @property
    def forgotten(self) -> bool:
        """Whether the child is forgotten when it exits and is not restarted."""
        return self.dynamic or self.spec.restart is Restart.TEMPORARY

    def forget(self, child: Node) -> None:
        """Remove *child* for good."""
        if self.children.get(child.name) is child:
            del self.children[child.name]


@attrs.frozen(eq=False)
class _Message:
    """An entry in the queue of a supervisor: an exit (then *incarnation* is its number), or the continuation of a restart."""

    supervisor: Node
    supervisor_incarnation: int
    child: Node
    reason: Exit
    incarnation: int = 0
    counts: bool = False
    group: tuple[str, ...] = ()
    at: float = 0.0


def _succeeds(_: str) -> StartOutcome:
    return StartOutcome.OK


@attrs.define(eq=False)
class DryRun:
    """Carries out supervision on a model of a tree."""

    settings: Settings
    now: float
    starts: Callable[[str], StartOutcome] = _succeeds
    """The outcome of the next start of the child with the given name."""
    happened: list[Consequence] = attrs.field(factory=list[Consequence], init=False)
    ends_all: bool = attrs.field(default=False, init=False)
    """Whether the supervisor at the top exits, and with it the system."""
    _queue: deque[_Message] = attrs.field(factory=deque["_Message"], init=False)
    _later: list[_Message] = attrs.field(factory=list["_Message"], init=False)

    def end(self, node: Node, reason: Exit) -> None:
        """Let *node* exit by itself for *reason*. Call `settle` next."""
        killed = reason.kind is ExitKind.KILLED
        self._stop_children(node, killed=killed)
        self._over(node, reason)

    def settle(self) -> None:
        """Let the supervisors react until there is nothing left to do, back-offs included."""
        while self._queue or self._later:
            if not self._queue:
                first = min(self._later, key=lambda message: message.at)
                self._later.remove(first)
                self._queue.append(first)
            message = self._queue.popleft()
            self.now = max(self.now, message.at)
            supervisor = message.supervisor
            if supervisor.status is ChildStatus.RUNNING and supervisor.incarnations == message.supervisor_incarnation:
                self._handle(message)

    # --- the reactions of a supervisor ---

    def _handle(self, message: _Message) -> None:
        supervisor, child = message.supervisor, message.child
        if message.incarnation:
            if child.known == message.incarnation:
                self._ended(supervisor, child, message.reason)
        elif child.status is ChildStatus.RESTARTING and supervisor.children.get(child.name) is child:
            if message.counts:
                entry = RestartEntry(self.now, child.name, message.reason)
                decision = after_failed_start(
                    supervisor.plan,
                    supervisor.history,
                    child.restarts,
                    entry,
                    children=supervisor.children,
                    significant=_significant(supervisor),
                )
                self._carry_out(supervisor, child, message.reason, decision)
            else:
                self._start_group(supervisor, message.group)

    def _ended(self, supervisor: Node, child: Node, reason: Exit) -> None:
        child.known = 0
        decision = after_exit(
            supervisor.plan,
            child.spec.restart,
            supervisor.history,
            child.restarts,
            RestartEntry(self.now, child.name, reason),
            ran=self.now - child.ready_at,
            children=supervisor.children,
            significant=_significant(supervisor),
        )
        self._carry_out(supervisor, child, reason, decision)

    def _carry_out(self, supervisor: Node, child: Node, reason: Exit, decision: Decision) -> None:
        supervisor.history, child.restarts = decision.history, decision.own
        match decision.verdict:
            case Verdict.RESTARTS:
                self._restart(supervisor, child, reason, decision)
            case Verdict.GIVES_UP:
                self._give_up(supervisor)
            case Verdict.FAILS:
                child.status = ChildStatus.FAILED
                self._note(ConsequenceKind.FAIL, child.name, f"{child.restarts.history} for one child")
            case Verdict.STAYS_DOWN | Verdict.SHUTS_DOWN:
                if child.forgotten:
                    supervisor.forget(child)
                if decision.verdict is Verdict.SHUTS_DOWN:
                    self._note(ConsequenceKind.SHUT_DOWN, supervisor.name, f"{child.name} was significant")
                    self._leave(supervisor, SHUTDOWN)
            case _:
                assert_never(decision.verdict)

    def _restart(self, supervisor: Node, child: Node, reason: Exit, decision: Decision) -> None:
        for name in decision.stops:
            other = supervisor.children[name]
            running = other.known
            self._stop(other)
            if running and other.spec.restart is Restart.TEMPORARY:
                supervisor.forget(other)
        delay = delay_before(supervisor.plan.backoff, child.restarts.in_a_row, 0.0)
        if delay > 0:
            child.status = ChildStatus.RESTARTING
            self._note(ConsequenceKind.WAIT, child.name, f"up to {delay:g} s")
            continuation = _Message(supervisor, supervisor.incarnations, child, reason, group=decision.group, at=self.now + delay)
            self._later.append(continuation)
        else:
            self._start_group(supervisor, decision.group)

    def _give_up(self, supervisor: Node) -> None:
        history = supervisor.history
        self._note(ConsequenceKind.GIVE_UP, supervisor.name, str(history))
        crashes = supervisor.plan.give_up is GiveUp.CRASH
        self._leave(supervisor, Exit(CRASH, error=gave_up(supervisor.name, history)) if crashes else SHUTDOWN)

    def _leave(self, supervisor: Node, reason: Exit) -> None:
        """Let a supervisor stop its children and exit."""
        self._stop_children(supervisor, killed=False)
        self._over(supervisor, reason)

    def _over(self, node: Node, reason: Exit) -> None:
        """Note an exit, and queue it for the supervisor."""
        self._note(ConsequenceKind.STOP, node.name, str(reason))
        node.status = ChildStatus.UNDEFINED
        above = node.parent
        if above is None:
            self.ends_all = True
        else:
            self._queue.append(_Message(above, above.incarnations, node, reason, incarnation=node.incarnations))

    def _start_group(self, supervisor: Node, group: tuple[str, ...]) -> None:
        """Start the children of *group* that are down, in order. If one fails, a retry is queued last."""
        for name in group:
            child = supervisor.children.get(name)
            if child is None or child.known or self._start(child) is not StartOutcome.FAILED:
                continue
            child.status = ChildStatus.RESTARTING
            self._queue.append(_Message(supervisor, supervisor.incarnations, child, KILLED, counts=True))
            return

    # --- starts and stops ---

    def _stop(self, node: Node, *, killed: bool = False) -> None:
        node.known = 0
        if node.status not in _DOWN:
            grace = self.settings.grace if node.spec.grace is None else node.spec.grace
            killed = killed or grace <= 0
            self._stop_children(node, killed=killed)
            self._note(ConsequenceKind.STOP, node.name, str(KILLED if killed else SHUTDOWN))
        node.status = ChildStatus.UNDEFINED

    def _stop_children(self, supervisor: Node, *, killed: bool) -> None:
        """Stop the children, the last first. If the supervisor is killed, so are they."""
        for child in reversed(tuple(supervisor.children.values())):
            self._stop(child, killed=killed)
            if child.dynamic and not _keeps_children(supervisor):
                supervisor.forget(child)

    def _start(self, node: Node) -> StartOutcome:
        node.incarnations += 1
        outcome = self._start_children(node) if isinstance(node.spec, Supervisor) else self.starts(node.name)
        match outcome:
            case StartOutcome.OK:
                node.status, node.known, node.ready_at = ChildStatus.RUNNING, node.incarnations, self.now
                self._note(ConsequenceKind.START, node.name)
            case StartOutcome.IGNORED:
                self._note(ConsequenceKind.START_IGNORED, node.name)
                if node.forgotten and node.parent is not None:
                    node.parent.forget(node)
            case StartOutcome.FAILED:
                self._note(ConsequenceKind.START_FAILED, node.name)
        return outcome

    def _start_children(self, supervisor: Node) -> StartOutcome:
        """Start all declared children, in order. If one cannot be started, stop those before it."""
        plan = supervisor.plan
        supervisor.history = RestartHistory(shared_intensity(plan, self.settings.intensity))
        if not _keeps_children(supervisor):
            declared = [Node(_name_of(spec), spec, supervisor) for spec in plan.children]
            supervisor.children = {child.name: child for child in declared}
        for child in tuple(supervisor.children.values()):
            child.restarts = ChildRestarts(RestartHistory(plan.child_intensity))
            if self._start(child) is StartOutcome.FAILED:
                self._stop_children(supervisor, killed=False)
                return StartOutcome.FAILED
        return StartOutcome.OK

    def _note(self, kind: ConsequenceKind, name: str, reason: str = "") -> None:
        self.happened.append(Consequence(kind, name, reason))


def _significant(supervisor: Node) -> dict[str, ChildStatus]:
    """The status of each significant child. One whose exit is still to be handled counts as running."""
    children = supervisor.children.values()
    return {child.name: ChildStatus.RUNNING if child.known else child.status for child in children if child.spec.significant}


def _keeps_children(supervisor: Node) -> bool:
    """Whether this is the supervisor behind `system.start`, whose children survive its restart."""
    return supervisor.name.startswith(INTERNAL) and supervisor.plan.strategy is Strategy.DYNAMIC


def _name_of(spec: ChildSpec | Supervisor) -> str:
    """The name of a declared child. One without a name gets a new one at each start of its supervisor."""
    return spec.name or f"(a new {spec.kind.value})"
