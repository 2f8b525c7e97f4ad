"""Finds mistakes of a test that look like replies: a name that no child ever has, a handler that does not exist, wrong arguments.

An error that a client's call raises is recorded as its result. A typing error in a workload would therefore be a call that fails in every
run, and the test would pass and show nothing. So an error by which Python or trioactors says that a program is wrong ends the run as a
mistake of the test, if it was raised at the call itself. An error that came with a reply is a reply; to deliver one, the caller must have
been rescheduled, and Trio does that in one place.

An unknown name is not a mistake at once: its child may start later, have stopped, or exist in other runs only. Such names are collected and
judged at the end. One run shows that a name is wrong if nothing but the tree could have started children in it; otherwise many runs must
show it.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import attrs
import trio

from trioactors.errors import DeliveryError, NameTaken, StartFailed, StoreError, UnknownName, UsageError
from trioactors.errors.exits import leaves
from trioactors.supervision.specs import INTERNAL, Supervisor
from trioactors.testing.simulation.history import NodeDown, Operation
from trioactors.testing.simulation.places import SIMULATOR, callers, nearest, raised_through

__all__ = [
    "Answers",
    "Judged",
    "Names",
    "at_the_call",
    "is_mistake",
    "kept_as_mistake",
    "line_of_test",
    "look_at_awaited",
    "names_of",
    "place_of",
]

_MISTAKES: Final = (UsageError, TypeError, AttributeError, NameError)
_OF_THE_MOMENT: Final = (NameTaken, UnknownName)
"""Errors that depend on which children exist at the moment."""

_MANY: Final = 20
"""The number of runs after which a name without a child, or calls without a reply, count as a mistake."""

_NO_ANSWER: Final = (DeliveryError, StoreError, StartFailed, UnknownName, NodeDown, trio.TooSlowError)
"""Errors that say that there was no reply."""

_BEYOND: Final = (*SIMULATOR, "trioactors")
"""Packages whose lines are never lines of a test."""

_WOKEN: Final = trio.lowlevel.wait_task_rescheduled.__code__


class Judged(Protocol):
    """The part of a simulation in which a mistake of the test is recorded."""

    mistake: BaseException | None
    """The error that shows that the test is wrong, rather than the application."""


def at_the_call(error: BaseException) -> Iterator[BaseException]:
    """The parts of *error* that were raised at the call itself, not delivered by a reply."""
    for leaf in leaves(error):
        if all(frame.f_code is not _WOKEN for frame, _ in raised_through(leaf)):
            yield leaf


def is_mistake(error: BaseException) -> bool:
    """Whether *error* says that the calling program is wrong, whatever the node does."""
    return isinstance(error, _MISTAKES) and not isinstance(error, _OF_THE_MOMENT)


@contextmanager
def kept_as_mistake(run: Judged) -> Generator[None, None, None]:
    """If the simulation itself raises `UsageError` in the block, record it as a mistake of the test."""
    try:
        yield
    except UsageError as error:
        run.mistake = error
        raise


def place_of(error: BaseException) -> str:
    """The line of the test that raised *error*, or that waits for the code that did."""
    return nearest(raised_through(error), beyond=_BEYOND) or line_of_test()


def line_of_test() -> str:
    """The line of the test that is the nearest caller."""
    return nearest(callers(sys._getframe(1)), beyond=_BEYOND) or "an unknown place"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def look_at_awaited(made: Iterable[tuple[Coroutine[Any, Any, object], str]]) -> None:
    """Refuse coroutines that were created and never awaited: their calls were not made. Each comes with the line that created it."""
    left = [(asking, place) for asking, place in made if inspect.getcoroutinestate(asking) == inspect.CORO_CREATED]
    for asking, _ in left:
        asking.close()  # or Python warns about it later, in another place
    if left:
        raise UsageError(f"the call at {left[0][1]} was never awaited, so it was not made: write `await` before it")


def names_of(spec: Supervisor | None) -> Iterator[str]:
    """The names in a tree."""
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
    """The names that children had, and those that were looked up and not found, in one run or in many."""

    tree: frozenset[str] = frozenset()
    """The names in the tree."""
    started: set[str] = attrs.field(factory=set[str])
    """The names that some child had."""
    in_vain: dict[str, str] = attrs.field(factory=dict[str, str])
    """The names that no child had when they were looked up, and the lines that looked them up."""
    may_come: bool = False
    """Whether the test may have started other children than those of the tree."""
    runs: int = 1
    alone: set[str] = attrs.field(factory=set[str])
    """The names not found in runs in which only the children of the tree could exist."""

    def over(self) -> None:
        """Called when the run is over."""
        self.started = {name for name in self.started if not name.startswith(INTERNAL)}
        if not self.may_come and self.started <= self.tree:
            self.alone.update(self.in_vain)

    def add(self, run: Names) -> None:
        """Add the names of one more run."""
        self.runs += run.runs
        self.tree |= run.tree
        self.started |= run.started
        self.in_vain = {**run.in_vain, **self.in_vain}
        self.alone |= run.alone

    def look(self) -> None:
        """Raises `UsageError` if a name was looked up that no child ever had."""
        for name, place in self.in_vain.items():
            if name in self.tree or name in self.started or not (name in self.alone or self.runs >= _MANY):
                continue
            known = ", ".join(sorted(self.tree | self.started)) or "none"
            raise UsageError(
                f"no child is ever named {name!r}, so every call to it fails and shows nothing ({place}). Existing names: {known}. "
                f"If it exists in rare runs only, look into system.names() first, in me.use(...)"
            )


@attrs.define(eq=False)
class Answers:
    """Counts the replies and errors of many runs."""

    runs: int = 0
    calls: int = 0
    answered: bool = False
    errors: Counter[str] = attrs.field(factory=Counter[str])
    """The errors that calls raised instead, by class."""
    first: str = ""

    def add(self, history: Iterable[Operation]) -> None:
        """Add the calls of one more run."""
        self.runs += 1
        for done in history if not self.answered else ():
            self.calls += 1
            self.answered = done.ok or (
                done.error is not None and not all(isinstance(leaf, _NO_ANSWER) for leaf in leaves(done.error))
            )
            self.errors["nothing" if done.error is None else type(done.error).__name__] += 1
            self.first = self.first or _with_cause(done.error)

    def look(self) -> None:
        """Raises `UsageError` if no call ever got a reply."""
        if self.answered or not self.calls or self.runs < _MANY:
            return
        errors = ", ".join(f"{name} ({times})" for name, times in self.errors.most_common())
        raise UsageError(
            f"no call of any client got a reply in {self.runs} runs, so checks of replies pass and show nothing. "
            f"The calls raised {errors}; the first: {self.first:.400}. "
            f"Fix the calls, or add others that get a reply"
        )


def _with_cause(error: BaseException | None) -> str:
    cause = None if error is None else error.__cause__
    return f"{error!r}" if cause is None else f"{error!r}, by {cause!r}"
