"""What a viewer sees of chains of messages, durable actors and the event loop."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import define, field

import trioactors as ta
from trioactors import inspect
from trioactors.system.system import runtime_of

pytest.importorskip("trio_websocket")

TOKEN = "viewer-token-0123456789"


@define
class Shelf:
    boxes: dict[str, int] = field(factory=dict[str, int])


class Keeper(ta.Actor[Shelf], persist=ta.EVERY_MESSAGE, inspect=True):
    @ta.handler
    def put(self, box: str, number: int) -> None:
        self.state.boxes[box] = number


async def test_the_failures_of_a_function_are_told_with_their_reports(console: Any) -> None:
    await console.system.supervisor().start_child(ta.child(console.function, name="poll"))
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="f", topic="failures", options={"limit": 10}, every=1.0)
        none = await viewer.receive()
        await trio.sleep(4)
        some = await viewer.receive()
        figures = await viewer.ask("look", topic="figures")
        too_many = await viewer.ask("look", topic="failures", limit=101)
        metrics = await console.get("/metrics", Authorization=f"Bearer {TOKEN}")

    assert none["value"] == {"total": 0, "rows": []}
    (row,) = (entry["is"] for entry in some["change"]["change"]["rows"]["list"])
    assert row["report"] == inspect.failures(console.system, name="poll").rows[0].report
    assert (row["kind"], row["text"], figures["value"]["failures"]) == ("function", "the line is dead", 1)
    assert too_many["error"]["text"] == "look: limit=101 must be at most 100"
    assert "trioactors_failures_total 1.0" in metrics.body.decode()


async def test_a_trace_can_be_of_one_chain(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="t", topic="trace", options={"correlation": 2}, every=1.0)
        assert (await viewer.ask("explain", name="anna"))["ok"]
        for text in "abc":
            await anna.note(text)
        records = await viewer.receive()

    assert [(row["kind"], row["fields"]["message"]) for row in records["rows"]] == [("MessageAccepted", 2), ("MessageHandled", 2)]


async def test_commits_are_a_stream_with_what_each_changed(console: Any) -> None:
    keeper, other = [await console.system.start(Keeper, name=name) for name in ("keeper", "other")]
    await keeper.put("unseen", 0)
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="c", topic="commits", options={"child": "keeper", "count": 2}, every=1.0)
        assert (await viewer.ask("explain", name="anna"))["ok"]
        await other.put("apples", 1)
        await keeper.put("apples", 3)
        await keeper.put("apples", 4)
        told = [await viewer.receive() for _ in range(2)]

    assert [message["type"] for message in told] == ["records", "end"]
    assert [row["revision"] for row in told[0]["rows"]] == [2, 3]
    assert told[0]["rows"][1] == {
        "number": 2,
        "time": told[0]["rows"][1]["time"],
        "child": "keeper",
        "revision": 3,
        "size": told[0]["rows"][1]["size"],
        "correlation": None,
        "changes": [{"path": ["boxes", "apples"], "kind": "changed", "before": 3, "after": 4}],
        "more": 0,
    }
    assert told[0]["cursor"] == 3


async def test_commits_that_happened_while_nobody_watched_are_not_told(console: Any) -> None:
    keeper = await console.system.start(Keeper, name="keeper")
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="c", topic="commits", every=1.0)
        await viewer.send(type="unwatch", id="c")
        assert (await viewer.receive())["type"] == "end"
        await keeper.put("apples", 3)
        await viewer.send(type="watch", id="d", topic="commits", options={"cursor": 0}, every=1.0)
        await viewer.ask("explain", name="anna")
        await keeper.put("apples", 4)
        records = await viewer.receive()

    assert [(row["number"], row["revision"]) for row in records["rows"]] == [(0, 2)]


async def test_durable_actors_are_a_topic(console: Any) -> None:
    for name in ("keeper", "other"):
        await (await console.system.start(Keeper, name=name)).put("apples", 1)
    async with console.viewer() as viewer:
        answer = await viewer.ask("look", topic="durable", sort="name", reverse=True, search="KEEP", limit=1)

    value = answer["value"]
    assert (value["total"], value["matched"]) == (2, 2)
    assert [(row["name"], row["actor"], row["policy"], row["revision"]) for row in value["rows"]] == [
        ("other", "Keeper", "EVERY_MESSAGE", 2)
    ]
    assert value["quarantine"] == {"total": None, "complete": None, "time": None}


async def test_the_store_is_asked_for_what_is_in_quarantine(console: Any) -> None:
    async with console.viewer() as viewer:
        assert "quarantine" in viewer.hello["questions"]
        answer = await viewer.ask("quarantine", limit=10)
        durable = await viewer.ask("look", topic="durable")
        wrong = await viewer.ask("quarantine", limit=10, name="a")

    assert answer["value"] == {"total": 0, "complete": True, "rows": []}
    assert durable["value"]["quarantine"]["total"] == 0
    assert durable["value"]["quarantine"]["time"] is not None
    assert (wrong["ok"], wrong["error"]["kind"]) == (False, "SpecError")


async def test_the_lag_of_the_loop_is_measured_while_somebody_watches_the_figures(console: Any) -> None:
    runtime = runtime_of(console.system)
    runtime.lag._stopwatch = lambda: lambda: 0.0
    async with console.viewer() as viewer:
        before = await viewer.ask("look", topic="figures")
        await viewer.send(type="watch", id="f", topic="figures")
        watched = await viewer.receive()
        await viewer.send(type="unwatch", id="f")
        while (await viewer.receive())["type"] != "end":
            pass
        after = await viewer.ask("look", topic="figures")

    assert (before["value"]["loop_lag"], watched["value"]["loop_lag"], after["value"]["loop_lag"]) == (None, 0.0, None)


async def test_metrics_tell_what_is_measured(console: Any) -> None:
    runtime = runtime_of(console.system)
    runtime.lag._stopwatch = lambda: lambda: 0.0
    token = {"Authorization": "Bearer viewer-token-0123456789"}
    silent = (await console.get("/metrics", **token)).body
    with inspect.measured(console.system):
        told = (await console.get("/metrics", **token)).body

    assert b"trioactors_mailbox_wait_seconds 0.0" in silent
    assert b"loop_lag" not in silent
    assert b"trioactors_loop_lag_seconds 0.0" in told
