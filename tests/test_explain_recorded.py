"""`explain` foretells every recorded death: who stops, who starts, in which order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors import conformance
from trioactors.errors.exits import CRASH, KILLED, NORMAL
from trioactors.supervision.child import Child
from trioactors.supervision.dry_run import Consequence, ConsequenceKind, DryRun, Node, StartOutcome
from trioactors.system.explain import modelled

RECORDED = Path(__file__).parent / "otp" / "supervisor_900.jsonl.gz"
OUTCOMES = {"ok": StartOutcome.OK, "ignore": StartOutcome.IGNORED, "error": StartOutcome.FAILED}
TOLD = frozenset({ConsequenceKind.STOP, ConsequenceKind.START, ConsequenceKind.START_FAILED, ConsequenceKind.START_IGNORED})
REASONS = {"normal": NORMAL, "kill": KILLED, "boom": ta.Exit(CRASH)}


@attrs.define
class Foretold:
    """What was foretold in all scenarios, and what came."""

    deaths: int = 0
    explained: int = 0
    wrong: list[str] = attrs.field(factory=list)


def reason_of(word: str) -> ta.Exit:
    kind, _, detail = word.partition(":")
    return REASONS.get(kind) or ta.Exit(ta.ExitKind.SHUTDOWN, detail)


def as_events(consequences: list[Consequence]) -> list[list[str]]:
    """As the recording writes it: an end with its reason, no word of the supervisor at the top."""
    events: list[list[str]] = []
    for each in consequences:
        if each.kind in TOLD and each.name != conformance._ROOT and not each.name.startswith(":"):
            stop = [each.reason.replace("crash", "boom")] if each.kind is ConsequenceKind.STOP else []
            events.append([each.kind.value, each.name, *stop])
    return events


class Prophet(conformance._Player):
    """Plays the steps, and foretells each death."""

    foretold: Foretold

    async def play(self, step: dict[str, Any]) -> dict[str, Any]:
        deaths = self.deaths(step)
        if deaths:
            self.foretell(step, deaths)
        return await super().play(step)

    def deaths(self, step: dict[str, Any]) -> list[list[str]]:
        match step["action"]:
            case ["exit", path, reason]:
                dying = [[path, reason]]
            case ["exits", dying]:
                pass
            case _:
                return []
        if not self._alive(self.root):
            return []
        nodes = [conformance._node(self.system, path) for path, _ in dying]
        return dying if all(node is not None and self._alive(node) for node in nodes) else []

    def foretell(self, step: dict[str, Any], deaths: list[list[str]]) -> None:
        self.foretold.deaths += 1
        came = step["events"]
        found = as_events(self.with_plans(deaths))
        if found != came:
            self.foretold.wrong.append(f"{self.replay.scenario['id']} {step['action']}: foretold {found}, came {came}")
        if len(deaths) == 1:
            self.explain(step, *deaths[0])

    def explain(self, step: dict[str, Any], path: str, reason: str) -> None:
        """What a user is told, who knows no plans: exact where every start succeeds, and else up to the first that does not."""
        before = list(step["events"])
        first = next((at for at, event in enumerate(before) if event[0] in {"start_failed", "start_ignored"}), None)
        explanation = self.system.explain(path, reason=reason_of(reason).kind)
        found = as_events(list(explanation.consequences))
        found[0][2] = reason_of(reason).kind.value if reason != "boom" else "boom"
        came = [list(event) for event in (before if first is None else before[:first])]
        came[0][2] = came[0][2].partition(":")[0]
        found = found if first is None else found[: len(came)]
        gone = first is None and explanation.ends_system == step["alive"]
        if found != came or gone:
            self.foretold.wrong.append(f"{self.replay.scenario['id']} {step['action']}: explained {found}, came {came}")
        self.foretold.explained += 1

    def with_plans(self, deaths: list[list[str]]) -> list[Consequence]:
        """What follows when the starts do what the scenario plans."""
        attempts = Counter(self.replay.attempts)

        def starts(path: str) -> StartOutcome:
            plan, number = self.replay.plans[path], attempts[path]
            attempts[path] += 1
            return OUTCOMES[plan[number] if number < len(plan) else "ok"]

        top: Child = self.root
        while top.parent is not None:
            top = top.parent
        nodes: dict[str, Node] = {}
        modelled(top, None, nodes)
        foresight = DryRun(self.root.runtime.settings, self.root.runtime.now(), starts)
        for path, reason in deaths:
            foresight.end(nodes[path], reason_of(reason))
        foresight.settle()
        return foresight.happened


def test_every_recorded_death_is_foretold() -> None:
    foretold = Foretold()

    class Replay(conformance._Replay):
        async def _steps(self, player: Any) -> Any:
            prophet = Prophet(self, player.system, player.root)
            prophet.foretold = foretold
            return await super()._steps(prophet)

    async def each() -> None:
        for scenario in conformance.load(RECORDED):
            assert await Replay(scenario).run() is None

    trio.run(each, clock=MockClock(autojump_threshold=0))

    assert foretold.wrong == []
    assert (foretold.deaths, foretold.explained) == (1582, 1483)
