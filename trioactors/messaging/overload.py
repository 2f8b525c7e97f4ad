"""What an overloaded actor learns about its calls: how long each must have left to be worth beginning.

A queue that is served in order and sheds what is too late collapses when more comes than can be handled. Whatever is at its head has all
but used up its time by waiting: it is not too late yet, so it is begun, and its caller leaves before it is done. The actor works without
a pause, and for nobody. That goes on for as long as too much comes.

So a call that has less time left than its handler needs is shed like one whose time is up. What a handler needs is not guessed: as long as
nobody was answered too late, nothing is shed before its deadline. The first answer that came too late teaches how long it took, and longer
ones teach more. What was learned holds until the mailbox is empty, so a hiccup that taught too much costs nothing but a queue in which
nobody would have been answered in time anyway, and the first call after that is begun, however little time it has.

Casts are left alone: their deadline is for the beginning.
"""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = ["MARGIN", "SHORTEST", "Needs", "cannot_finish", "learned_from_cut", "learned_from_late"]

MARGIN: Final = 1.1
"""What was too little by a hair is too little."""

SHORTEST: Final = 0.0001
"""Seconds; what had next to nothing left teaches this much, so that doubling leads somewhere."""

Needs: TypeAlias = dict[str, float]
"""How many seconds the handlers of one actor need, by their names."""


def learned_from_late(needs: Needs | None, handler: str, took: float) -> Needs:
    """What is known when *handler* *took* so many seconds to answer, and that was too late."""
    return _learned(needs, handler, MARGIN * took)


def learned_from_cut(needs: Needs | None, handler: str, had: float) -> Needs:
    """What is known when *handler* *had* so many seconds, and ended unfinished: it needs more, and nobody knows how much."""
    return _learned(needs, handler, 2 * max(had, SHORTEST))


def cannot_finish(needs: Needs, handler: str, left: float) -> bool:
    """Whether a call of *handler* with so many seconds *left* would be begun in vain."""
    return left < needs.get(handler, 0.0)


def _learned(needs: Needs | None, handler: str, seconds: float) -> Needs:
    known = needs or {}
    return known | {handler: max(seconds, known.get(handler, 0.0))}
