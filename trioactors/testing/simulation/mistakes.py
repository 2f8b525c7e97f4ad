"""Mistakes of a test that would pass for answers: a name that nobody ever has, a handler that there is none of, arguments that do not fit.

What a client's call raises is what that client was told. A typing error in a workload would then be a call that fails, in every run, and
the test would be green and show nothing. So an error by which Python or trioactors says that a program is wrong ends the run, as a mistake
of the test, where it was raised at the call itself. One that came with an answer is an answer, whatever it is; to bring one, somebody must
have woken the caller, and Trio does that in one place.

A name is no mistake at once. Its child may come later, or be gone, or come in other runs only; so names that were asked for in vain are
noted, and judged in the end: a run in which nobody could start anything but the tree shows alone that a name is wrong. Otherwise many
runs must have shown it.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import attrs
import trio

from trioactors.errors import NameTaken, UnknownName, UsageError
from trioactors.lives import leaves
from trioactors.registry import INTERNAL
from trioactors.specs import Supervisor
from trioactors.testing.simulation.places import SIMULATOR, callers, nearest, raised_through

if TYPE_CHECKING:
    from trioactors.testing.simulation.world import Simulation

__all__ = ["Names", "at_the_call", "is_mistake", "kept_as_mistake", "names_of", "place_of"]

_MISTAKES: Final = (UsageError, TypeError, AttributeError, NameError)
_OF_THE_MOMENT: Final = (NameTaken, UnknownName)
"""Those that depend on who is there just then."""

_MANY: Final = 20
"""So many runs without a child of some name are enough to say that there is none."""

_WOKEN: Final = trio.lowlevel.wait_task_rescheduled.__code__


def at_the_call(error: BaseException) -> Iterator[BaseException]:
    """What is in *error* that was raised where somebody called, and was not brought by an answer."""
    for leaf in leaves(error):
        if all(frame.f_code is not _WOKEN for frame, _ in raised_through(leaf)):
            yield leaf


def is_mistake(error: BaseException) -> bool:
    """Whether it says that the program is wrong which raised it, whatever the node does."""
    return isinstance(error, _MISTAKES) and not isinstance(error, _OF_THE_MOMENT)


@contextmanager
def kept_as_mistake(simulation: Simulation) -> Generator[None, None, None]:
    """What the simulation itself refuses in the block ends it as a mistake of the test."""
    try:
        yield
    except UsageError as error:
        simulation.mistake = error
        raise


def place_of(error: BaseException) -> str:
    """The line of the test that raised it, or that waits for what did."""
    beyond = (*SIMULATOR, "trioactors")
    raised = nearest(raised_through(error), beyond=beyond)
    return raised or nearest(callers(sys._getframe(1)), beyond=beyond) or "an unknown place"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def names_of(spec: Supervisor | None) -> Iterator[str]:
    """The names that a tree gives."""
    if spec is None:
        return
    yield spec.name
    for below in spec.children:
        if isinstance(below, Supervisor):
            yield from names_of(below)
        elif below.name is not None:
            yield below.name


@attrs.define(eq=False)
class Names:
    """Which names children had, and which were asked for in vain, in one run or in many."""

    tree: frozenset[str] = frozenset()
    """Those that the tree gives."""
    started: set[str] = attrs.field(factory=set[str])
    """Those that somebody had."""
    in_vain: dict[str, str] = attrs.field(factory=dict[str, str])
    """Those that nobody had when they were asked for, and where that was."""
    may_come: bool = False
    """Whether the test may have started more than the tree."""
    runs: int = 1
    alone: set[str] = attrs.field(factory=set[str])
    """Of the names in vain: those of runs in which nothing could be but the tree."""

    def over(self) -> None:
        """The run is over."""
        self.started = {name for name in self.started if not name.startswith(INTERNAL)}
        if not self.may_come and self.started <= self.tree:
            self.alone.update(self.in_vain)

    def add(self, run: Names) -> None:
        """The names of one more run."""
        self.runs += run.runs
        self.tree |= run.tree
        self.started |= run.started
        self.in_vain = {**run.in_vain, **self.in_vain}
        self.alone |= run.alone

    def look(self) -> None:
        """Raises `UsageError` where a name was asked for that nobody ever had."""
        for name, place in self.in_vain.items():
            if name in self.tree or name in self.started or not (name in self.alone or self.runs >= _MANY):
                continue
            known = ", ".join(sorted(self.tree | self.started)) or "none"
            raise UsageError(
                f"no child is ever named {name!r}, so each call of it fails, and shows nothing ({place}). Names that there were: {known}. "
                f"If it is there in rare runs only, let me.use(...) look into system.names() first"
            )
