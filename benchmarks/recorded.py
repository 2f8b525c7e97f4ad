"""trioactors with a recorder attached, which keeps the last ten thousand trace records."""

from __future__ import annotations

from collections.abc import Callable

import trioactors as ta
from benchmarks import ours

__all__: list[str] = []


def with_recorder(plays: Callable[[int, tuple[ta.Observer, ...]], float]) -> Callable[[int], float]:
    """Run the same scenario with a recorder attached. The recorder must have seen records."""

    def play(size: int) -> float:
        recorder = ta.Recorder()
        cost = plays(size, (recorder,))
        assert len(recorder) + recorder.lost > size
        return cost

    return play


call = with_recorder(ours.call)
call_by_keyword = with_recorder(ours.call_by_keyword)
call_from_many = with_recorder(ours.call_from_many)
cast = with_recorder(ours.cast)
cast_awaited = with_recorder(ours.cast_awaited)
ring = with_recorder(ours.ring)
spawn_and_stop = with_recorder(ours.spawn_and_stop)
restart = with_recorder(ours.restart)
