"""Streams of the newest records only: how many are left out is told, and nothing is said if none were."""

from __future__ import annotations

from typing import Any

import pytest

from trioactors import inspect
from trioactors.errors import SpecError


async def records(console: Any, notes: int, **options: Any) -> Any:
    """What a viewer gets that watches with *options* while anna notes several texts: two records for each."""
    anna = console.system.get(console.actor, "anna")
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="t", topic="trace", options=options, every=1.0)
        assert (await viewer.ask("explain", name="anna"))["ok"]
        for number in range(notes):
            await anna.note(f"{number}")
        return await viewer.receive()


async def test_the_newest_are_sent_and_the_others_are_counted(console: Any) -> None:
    message = await records(console, 10, limit=4, newest=True)

    assert [row["number"] for row in message["rows"]] == [16, 17, 18, 19]
    assert (message["skipped"], message["lost"], message["cursor"]) == (16, 0, 20)


async def test_nothing_is_skipped_if_just_as_many_are_due_as_are_wanted(console: Any) -> None:
    message = await records(console, 2, limit=4, newest=True)

    assert len(message["rows"]) == 4
    assert "skipped" not in message


@pytest.mark.parametrize("options", [{"kind": "MessageHandled"}, {"kind": "MessageHandled", "child": "anna", "handler": "note"}])
async def test_only_those_that_were_asked_for_count_as_skipped(console: Any, options: dict[str, str]) -> None:
    few = await records(console, 4, limit=4, newest=True, **options)
    more = await records(console, 5, limit=4, newest=True, **options)

    assert (len(few["rows"]), few.get("skipped")) == (4, None)
    assert (len(more["rows"]), more.get("skipped")) == (4, 1)


async def test_a_stream_of_everything_begins_with_the_oldest(console: Any) -> None:
    message = await records(console, 10, limit=4)

    assert [row["number"] for row in message["rows"]] == [0, 1, 2, 3]
    assert "skipped" not in message


async def test_what_has_left_the_ring_is_lost_and_not_skipped(console: Any) -> None:
    ring = inspect.TraceRing(limit=6)
    anna = console.system.get(console.actor, "anna")
    with ring.watching(console.system):
        for number in range(10):
            await anna.note(f"{number}")

        filtered = ring.newest(0, limit=2, kind="MessageHandled")

        assert ring.newest(0, limit=2) == (18, 4)
        assert filtered == (17, 1)
        assert ring.newest(19, limit=2) == (19, 0)
        with pytest.raises(SpecError, match="limit"):
            ring.newest(0, limit=0)


async def test_commits_are_skipped_in_the_same_way(console: Any) -> None:
    async with console.viewer() as viewer:
        refused = await viewer.ask("look", topic="figures", newest=True)
        await viewer.send(type="watch", id="c", topic="commits", options={"newest": 1})
        wrong = await viewer.receive()

    assert "newest" in refused["error"]["text"]
    assert "newest must be true or false" in wrong["error"]["text"]
