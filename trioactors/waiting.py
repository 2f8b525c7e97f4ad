"""The live wait-for graph, and the cycles that must not close.

A cell waits for others while its handler in progress does: for the target of a call, of a cast that waits for room, of a start or stop
request. A cell that does not run waits for its supervisor, and a supervisor for the child it is just starting or stopping. An edge that
would close a cycle is refused with `CallCycle` before anything is sent. What this cannot see (deferred replies, locks, pools) ends by
its deadline.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trioactors.errors import CallCycle

if TYPE_CHECKING:
    from trioactors.cells import Cell
    from trioactors.lives import Life

__all__ = ["chain_between", "drawn", "waiting"]


def chain_between(start: Cell, goal: Cell) -> list[Cell] | None:
    """The cells from *start* to *goal* along the graph, both included, or None where no path is."""
    paths: dict[Cell, Cell | None] = {start: None}
    frontier = [start]
    while frontier:
        cell = frontier.pop()
        if cell is goal:
            return _path(paths, goal)
        for blocker in cell.blockers():
            if blocker not in paths:
                paths[blocker] = cell
                frontier.append(blocker)
    return None


def _path(paths: dict[Cell, Cell | None], goal: Cell) -> list[Cell]:
    path: list[Cell] = []
    cell: Cell | None = goal
    while cell is not None:
        path.append(cell)
        cell = paths[cell]
    return path[::-1]


@contextmanager
def waiting(life: Life | None, *targets: Cell) -> Generator[None, None, None]:
    """While in this block, *life* waits for *targets*. Raises `CallCycle` if that would be for ever."""
    if life is None:
        yield
        return
    for target in targets:
        if chain := chain_between(target, life.cell):
            raise CallCycle([life.cell.name, *(cell.name for cell in chain)])
    waits = life.waits = {} if life.waits is None else life.waits
    for target in targets:
        waits[target] = waits.get(target, 0) + 1
    try:
        yield
    finally:
        for target in targets:
            waits[target] -= 1
            if not waits[target]:
                del waits[target]


def drawn(cell: Cell) -> str:
    """Whom *cell* waits for, and whom those do, as text; empty where it waits for nobody."""
    lines: list[str] = []
    seen = {cell}
    frontier = [cell]
    while frontier:
        waiter = frontier.pop()
        blockers = list(waiter.blockers())
        lines += [f"{waiter.name} waits for {blocker.name}" for blocker in blockers]
        fresh = [blocker for blocker in blockers if blocker not in seen]
        seen.update(fresh)
        frontier += fresh
    return "; ".join(lines)
