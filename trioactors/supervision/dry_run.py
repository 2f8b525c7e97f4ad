"""What would follow if a child ended now: supervision carried out on a model of the tree, where nothing really happens.

The decisions are those of `restarts.py`, the same that a supervisor asks for. What stands here is the order in which it carries them out:
who is stopped before whom, who is started after whom, what a supervisor does that gives up, and what its own supervisor makes of that.
Like the supervisor itself, it is held to each step of the recorded OTP scenarios.

A model cannot know whether a start will succeed. By default each one does; who knows better says so (`starts`).
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import cast

import attrs

from trioactors.errors.exits import CRASH, KILLED, SHUTDOWN, Exit, ExitKind, RestartEntry
from trioactors.settings import Settings
from trioactors.supervision.restarts import (
    ChildStatus,
    Decision,
    RestartHistory,
    Verdict,
    after_end,
    after_failed_start,
    delay_before,
    gave_up,
)
from trioactors.supervision.specs import INTERNAL, ChildSpec, GiveUp, Restart, Strategy, Supervisor

__all__ = ["Consequence", "ConsequenceKind", "DryRun", "Node", "StartOutcome"]

_DOWN = frozenset({ChildStatus.UNDEFINED, ChildStatus.RESTARTING})

_NONE_YET = RestartHistory()


class ConsequenceKind(enum.Enum):
    """One thing that would happen."""

    STOP = "stop"
    """A life ends: the one that was asked about, or one that is stopped."""
    START = "start"
    START_FAILED = "start_failed"
    START_IGNORED = "start_ignored"
    WAIT = "wait"
    """A back-off passes before the child is started again."""
    GIVE_UP = "give_up"
    """A supervisor's budget is used up."""
    SHUT_DOWN = "shut_down"
    """A supervisor ends because its significant children have."""


@attrs.frozen
class Consequence:
    """One thing that would happen, to whom, and why."""

    kind: ConsequenceKind
    name: str
    reason: str = ""

    def __str__(self) -> str:
        """One line for people."""
        verb = {
            ConsequenceKind.STOP: "stops",
            ConsequenceKind.START: "starts",
            ConsequenceKind.START_FAILED: "fails to start",
            ConsequenceKind.START_IGNORED: "is not started, as it asks",
            ConsequenceKind.WAIT: "waits",
            ConsequenceKind.GIVE_UP: "gives up",
            ConsequenceKind.SHUT_DOWN: "shuts down",
        }[self.kind]
        return f"{self.name} {verb}{f' ({self.reason})' if self.reason else ''}"


class StartOutcome(enum.Enum):
    """What a start attempt does."""

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
    """How many lives the model has seen."""
    known: int = 0
    """The life whose end would be news to the supervisor; 0 where none would."""
    children: dict[str, Node] = attrs.field(factory=dict["str", "Node"], repr=False)
    history: RestartHistory = attrs.field(default=_NONE_YET, repr=False)

    @property
    def plan(self) -> Supervisor:
        """What was declared, where it is a supervisor."""
        return cast("Supervisor", self.spec)

    @property
    def forgotten(self) -> bool:
        """Whether nothing is left of it when it ends and does not come back."""
        return self.dynamic or self.spec.restart is Restart.TEMPORARY

    def forget(self, child: Node) -> None:
        """*child* is gone for good."""
        if self.children.get(child.name) is child:
            del self.children[child.name]


@attrs.frozen(eq=False)
class _Message:
    """What waits in the inbox of a supervisor: an end (*life* tells whose), or the continuation of a restart (*group*)."""

    supervisor: Node
    supervisor_life: int
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
    """Carries out on a model what a tree would do."""

    settings: Settings
    now: float
    starts: Callable[[str], StartOutcome] = _succeeds
    """What the next start of the child of this name does."""
    happened: list[Consequence] = attrs.field(factory=list[Consequence], init=False)
    ends_all: bool = attrs.field(default=False, init=False)
    """Whether the supervisor at the top ends."""
    _inbox: deque[_Message] = attrs.field(factory=deque["_Message"], init=False)
    _later: list[_Message] = attrs.field(factory=list["_Message"], init=False)

    def end(self, node: Node, reason: Exit) -> None:
        """*node* ends by itself. What follows is found by `settle`."""
        killed = reason.kind is ExitKind.KILLED
        self._stop_children(node, killed=killed)
        self._over(node, reason)

    def settle(self) -> None:
        """Let the supervisors do all that there is to do, whatever they must wait for."""
        while self._inbox or self._later:
            if not self._inbox:
                first = min(self._later, key=lambda message: message.at)
                self._later.remove(first)
                self._inbox.append(first)
            message = self._inbox.popleft()
            self.now = max(self.now, message.at)
            supervisor = message.supervisor
            if supervisor.status is ChildStatus.RUNNING and supervisor.incarnations == message.supervisor_life:
                self._handle(message)

    # --- what a supervisor does ---

    def _handle(self, message: _Message) -> None:
        supervisor, child = message.supervisor, message.child
        if message.incarnation:
            if child.known == message.incarnation:
                self._ended(supervisor, child, message.reason)
        elif child.status is ChildStatus.RESTARTING and supervisor.children.get(child.name) is child:
            if message.counts:
                entry = RestartEntry(self.now, child.name, message.reason)
                decision = after_failed_start(supervisor.plan, supervisor.history, entry, children=supervisor.children)
                self._restart(supervisor, child, message.reason, decision)
            else:
                self._bring_back(supervisor, message.group)

    def _ended(self, supervisor: Node, child: Node, reason: Exit) -> None:
        child.known = 0
        entry, children = RestartEntry(self.now, child.name, reason), supervisor.children
        significant = {n.name: ChildStatus.RUNNING if n.known else n.status for n in children.values() if n.spec.significant}
        decision = after_end(
            supervisor.plan, child.spec.restart, supervisor.history, entry, children=children, significant=significant
        )
        if decision.verdict in {Verdict.RESTARTS, Verdict.GIVES_UP}:
            self._restart(supervisor, child, reason, decision)
            return
        if child.forgotten:
            supervisor.forget(child)
        if decision.verdict is Verdict.SHUTS_DOWN:
            self._note(ConsequenceKind.SHUT_DOWN, supervisor.name, f"{child.name} was significant")
            self._leave(supervisor, SHUTDOWN)

    def _restart(self, supervisor: Node, child: Node, reason: Exit, decision: Decision) -> None:
        history = supervisor.history = decision.history
        if decision.verdict is Verdict.GIVES_UP:
            self._give_up(supervisor)
            return
        for name in decision.falls:
            other = supervisor.children[name]
            running = other.known
            self._stop(other)
            if running and other.spec.restart is Restart.TEMPORARY:
                supervisor.forget(other)
        delay = delay_before(supervisor.plan.backoff, len(history.entries), 0.0)
        if delay > 0:
            child.status = ChildStatus.RESTARTING
            self._note(ConsequenceKind.WAIT, child.name, f"up to {delay:g} s")
            again = _Message(supervisor, supervisor.incarnations, child, reason, group=decision.group, at=self.now + delay)
            self._later.append(again)
        else:
            self._bring_back(supervisor, decision.group)

    def _give_up(self, supervisor: Node) -> None:
        history = supervisor.history
        allowed = history.intensity
        why = f"{len(history.entries)} restarts within {allowed.period:g} s, {allowed.limit} are allowed"
        self._note(ConsequenceKind.GIVE_UP, supervisor.name, why)
        crashes = supervisor.plan.give_up is GiveUp.CRASH
        self._leave(supervisor, Exit(CRASH, error=gave_up(supervisor.name, history)) if crashes else SHUTDOWN)

    def _leave(self, supervisor: Node, reason: Exit) -> None:
        """A supervisor stops its children and ends."""
        self._stop_children(supervisor, killed=False)
        self._over(supervisor, reason)

    def _over(self, node: Node, reason: Exit) -> None:
        """A life has ended by itself: its supervisor is told."""
        self._note(ConsequenceKind.STOP, node.name, str(reason))
        node.status = ChildStatus.UNDEFINED
        above = node.parent
        if above is None:
            self.ends_all = True
        else:
            self._inbox.append(_Message(above, above.incarnations, node, reason, incarnation=node.incarnations))

    def _bring_back(self, supervisor: Node, group: tuple[str, ...]) -> None:
        for name in group:
            child = supervisor.children.get(name)
            if child is None or child.known or self._start(child) is not StartOutcome.FAILED:
                continue
            child.status = ChildStatus.RESTARTING
            self._inbox.append(_Message(supervisor, supervisor.incarnations, child, KILLED, counts=True))
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
        """The last first. A killed supervisor asks nobody."""
        for child in reversed(tuple(supervisor.children.values())):
            self._stop(child, killed=killed)
            if child.dynamic and not _keeps_children(supervisor):
                supervisor.forget(child)

    def _start(self, node: Node) -> StartOutcome:
        node.incarnations += 1
        outcome = self._start_children(node) if isinstance(node.spec, Supervisor) else self.starts(node.name)
        match outcome:
            case StartOutcome.OK:
                node.status, node.known = ChildStatus.RUNNING, node.incarnations
                self._note(ConsequenceKind.START, node.name)
            case StartOutcome.IGNORED:
                self._note(ConsequenceKind.START_IGNORED, node.name)
                if node.forgotten and node.parent is not None:
                    node.parent.forget(node)
            case StartOutcome.FAILED:
                self._note(ConsequenceKind.START_FAILED, node.name)
        return outcome

    def _start_children(self, supervisor: Node) -> StartOutcome:
        """All that were declared, in order; if one cannot be started, those before it are stopped again."""
        plan = supervisor.plan
        supervisor.history = RestartHistory(plan.intensity or self.settings.intensity)
        if not _keeps_children(supervisor):
            declared = [Node(_name_of(spec), spec, supervisor) for spec in plan.children]
            supervisor.children = {child.name: child for child in declared}
        for child in tuple(supervisor.children.values()):
            if self._start(child) is StartOutcome.FAILED:
                self._stop_children(supervisor, killed=False)
                return StartOutcome.FAILED
        return StartOutcome.OK

    def _note(self, kind: ConsequenceKind, name: str, reason: str = "") -> None:
        self.happened.append(Consequence(kind, name, reason))


def _keeps_children(supervisor: Node) -> bool:
    """The supervisor behind `system.start` brings its children back."""
    return supervisor.name.startswith(INTERNAL) and supervisor.plan.strategy is Strategy.DYNAMIC


def _name_of(spec: ChildSpec | Supervisor) -> str:
    """A child that was given no name gets a new one at each start of its supervisor."""
    return spec.name or f"(a new {spec.kind.value})"
