"""A viewer can tell a system that does nothing from one that stands still."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import trio

from trioactors.console import ConsoleLimits
from trioactors.testing import MemoryNetwork

pytest.importorskip("trio_websocket")


async def test_every_message_has_the_next_number_and_the_time(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="figures", every=0.5)
        told = [await viewer.next() for _ in range(4)]

    assert [message["sequence"] for message in told] == [2, 3, 4, 5]  # the hello was the first
    assert told[-1]["time"] - told[0]["time"] == pytest.approx(1.5, abs=0.1)


async def test_a_viewer_that_watches_nothing_gets_a_beat_every_second(console: Any) -> None:
    async with console.viewer() as viewer:
        began = trio.current_time()
        beats = [await viewer.next() for _ in range(10)]

        assert {message["type"] for message in beats} == {"beat"}
        assert set(beats[0]) == {"type", "sequence", "time"}
        assert trio.current_time() - began == pytest.approx(10, abs=0.1)


async def test_no_second_passes_without_a_message_where_nothing_changes(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="budgets", every=1.0)
        times = [trio.current_time()]
        for _ in range(10):
            await viewer.next()
            times.append(trio.current_time())

    assert max(later - earlier for earlier, later in pairwise(times)) <= 1.001


async def test_beats_are_left_out_where_enough_is_said(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="a", topic="figures", every=0.5)
        told = [await viewer.next() for _ in range(20)]

    assert "beat" not in {message["type"] for message in told}


async def test_beats_are_not_queued_for_one_who_does_not_read(console_with: Any) -> None:
    limits = ConsoleLimits(send_time=20.0)
    async with console_with(network=MemoryNetwork(room=2_000), limits=limits) as console, console.viewer() as viewer:
        stalled = trio.current_time()
        await trio.sleep(60)
        received = 0
        with pytest.raises(Exception, match="CloseReason"):  # noqa: PT012
            while True:
                await viewer.next()
                received += 1

        assert received < 50
        assert trio.current_time() - stalled < 62
