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

import inspect
import sys
from collections import Counter
from collections.abc import Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from trioactors.errors import DeliveryError, NameTaken, StartFailed, StoreError, UnknownName, UsageError
from trioactors.errors.exits import leaves
from trioactors.supervision.specs import INTERNAL, Supervisor
from trioactors.testing.simulation.history import NodeDown, Operation
from trioactors.testing.simulation.places import SIMULATOR, callers, nearest, raised_through

if TYPE_CHECKING:
    from trioactors.testing.simulation.world import Simulation

__all__ = [
    "Answers",
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
"""Those that depend on who is there just then."""

_MANY: Final = 20
"""So many runs without a child of some name are enough to say that there is none, and without an answer that nobody answers."""

_NO_ANSWER: Final = (DeliveryError, StoreError, StartFailed, UnknownName, NodeDown, trio.TooSlowError)
"""What somebody is told whom nobody has answered."""

_BEYOND: Final = (*SIMULATOR, "trioactors")
"""Nothing in these packages is a line of a test."""

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
    return nearest(raised_through(error), beyond=_BEYOND) or line_of_test()


def line_of_test() -> str:
    """The line of the test that has called."""
    return nearest(callers(sys._getframe(1)), beyond=_BEYOND) or "an unknown place"  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def look_at_awaited(made: Iterable[tuple[Coroutine[Any, Any, object], str]]) -> None:
    """Refuse what was made, each in its place, and that nobody has awaited: what it should do was not done."""
    left = [(asking, place) for asking, place in made if inspect.getcoroutinestate(asking) == inspect.CORO_CREATED]
    for asking, _ in left:
        asking.close()  # or Python warns of it, somewhere and later
    if left:
        raise UsageError(f"nobody has awaited what was made at {left[0][1]}, so nothing was asked: write `await` before it")


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


@attrs.define(eq=False)
class Answers:
    """Whether the calls of many runs were answered."""

    runs: int = 0
    calls: int = 0
    answered: bool = False
    errors: Counter[str] = attrs.field(factory=Counter[str])
    """What they were told instead."""
    first: str = ""

    def add(self, history: Iterable[Operation]) -> None:
        """The calls of one more run."""
        self.runs += 1
        for done in history if not self.answered else ():
            self.calls += 1
            self.answered = done.ok or (
                done.error is not None and not all(isinstance(leaf, _NO_ANSWER) for leaf in leaves(done.error))
            )
            self.errors["nothing" if done.error is None else type(done.error).__name__] += 1
            self.first = self.first or _with_cause(done.error)

    def look(self) -> None:
        """Raises `UsageError` where nobody was ever answered."""
        if self.answered or not self.calls or self.runs < _MANY:
            return
        told = ", ".join(f"{name} ({times})" for name, times in self.errors.most_common())
        raise UsageError(
            f"no call of any client was ever answered, in {self.runs} runs: so what is checked of answers holds, and shows nothing. "
            f"They were told {told}; the first: {self.first:.400}. "
            f"Mend what they ask for, or let them ask for something besides that is answered"
        )


def _with_cause(error: BaseException | None) -> str:
    cause = None if error is None else error.__cause__
    return f"{error!r}" if cause is None else f"{error!r}, by {cause!r}"
