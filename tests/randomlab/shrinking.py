"""The smallest application that still breaks the same promise: parts are left out for as long as it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from randomlab.data import Application, Child, Handler, Kind, Line, Node, Tree
from randomlab.running import play

__all__ = ["Finding", "failure_of", "shrunk", "smaller"]

_SCHEDULES = 3
"""Seeds tried for each smaller application: it takes other steps, so the same seed may miss the bug."""


@attrs.frozen
class Finding:
    """An application and a seed under which it breaks a promise."""

    application: Application
    seed: int
    failure: str
    """What kind of failure it is: the rule that was broken, or the class of the error."""
    text: str = ""


def failure_of(error: BaseException) -> str:
    """The kind of a failure: what stays the same while the application shrinks."""
    return str(error).partition(":")[0] if type(error).__name__ == "Broken" else type(error).__name__


def shrunk(finding: Finding, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> Finding:
    """The smallest finding that is reached in so many seconds of real time."""
    over = clock() + seconds
    progress = True
    while progress and clock() < over:
        progress = False
        for candidate in smaller(finding.application):
            if clock() >= over:
                return finding
            found = _still(candidate, finding)
            if found is not None:
                finding, progress = found, True
                break
    return finding


def _still(candidate: Application, finding: Finding) -> Finding | None:
    """The finding in a smaller application, if it is still there."""
    for seed in range(finding.seed, finding.seed + _SCHEDULES):
        try:
            error = play(candidate, seed).error
        except Exception:  # it is no valid application any more
            return None
        if error is not None and failure_of(error) == finding.failure:
            return Finding(candidate, seed, finding.failure, str(error))
    return None


def smaller(application: Application) -> Iterator[Application]:
    """Applications with one part less, large parts first."""
    for users in _without(application.users):
        yield attrs.evolve(application, users=users)
    for tree in _trees(application.tree):
        yield attrs.evolve(application, tree=tree)
    yield from _fewer_troubles(application)
    yield from _fewer_kinds(application)
    for place, turns in enumerate(application.users):
        for fewer in _without(turns):
            yield attrs.evolve(application, users=_replaced(application.users, place, fewer))
    for place, kind in enumerate(application.kinds):
        for less in _kinds(kind):
            yield attrs.evolve(application, kinds=_replaced(application.kinds, place, less))
    for name in [name for name, value in application.faults.items() if value]:
        yield attrs.evolve(application, faults={**application.faults, name: 0})
    for settings in _fewer(application.settings):
        yield attrs.evolve(application, settings=settings)


def _fewer_troubles(application: Application) -> Iterator[Application]:
    """Without any fault, or with a store that answers at once."""
    if any(application.faults.values()):
        yield attrs.evolve(application, faults=dict.fromkeys(application.faults, 0))
    if application.latency:
        yield attrs.evolve(application, latency=0.0)


def _fewer_kinds(application: Application) -> Iterator[Application]:
    """Without a class that no child has."""
    used = {leaf.make for leaf in application.tree.leaves()}
    for kinds in _without(application.kinds):
        if {kind.name for kind in application.kinds} & used <= {kind.name for kind in kinds}:
            yield attrs.evolve(application, kinds=kinds)


def _without(parts: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The parts with one left out; at least one stays."""
    if len(parts) > 1:
        for place in range(len(parts)):
            yield (*parts[:place], *parts[place + 1 :])


def _replaced(parts: Sequence[Any], place: int, part: Any) -> tuple[Any, ...]:
    return (*parts[:place], part, *parts[place + 1 :])


def _fewer(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in options:
        yield {key: value for key, value in options.items() if key != name}


def _trees(tree: Tree) -> Iterator[Tree]:
    for children in _without(tree.children):
        yield attrs.evolve(tree, children=children)
    for place, child in enumerate(tree.children):
        if isinstance(child, Tree) and len(child.children) == 1:
            yield attrs.evolve(tree, children=_replaced(tree.children, place, child.children[0]))
        for less in _nodes(child):
            yield attrs.evolve(tree, children=_replaced(tree.children, place, less))
    if tree.name != "top":
        for options in _fewer(tree.options):
            yield attrs.evolve(tree, options=options)


def _nodes(child: Node) -> Iterator[Node]:
    if isinstance(child, Child):
        for options in _fewer(child.options):
            yield attrs.evolve(child, options=options)
    else:
        yield from _trees(child)


def _kinds(kind: Kind) -> Iterator[Kind]:
    for handlers in _without(kind.handlers):
        yield attrs.evolve(kind, handlers=handlers)
    for hook in kind.hooks:
        yield attrs.evolve(kind, hooks={name: lines for name, lines in kind.hooks.items() if name != hook})
    for place, handler in enumerate(kind.handlers):
        for less in _handlers(handler):
            yield attrs.evolve(kind, handlers=_replaced(kind.handlers, place, less))
    for hook, lines in kind.hooks.items():
        for fewer in _without(lines):
            yield attrs.evolve(kind, hooks={**kind.hooks, hook: fewer})
    for options in _fewer(kind.options):
        yield attrs.evolve(kind, options=options)


def _handlers(handler: Handler) -> Iterator[Handler]:
    for place in range(len(handler.lines)):
        lines: tuple[Line, ...] = (*handler.lines[:place], *handler.lines[place + 1 :])
        yield attrs.evolve(handler, lines=lines, options=_fitting(handler, lines))
    for options in _fewer(handler.options):
        yield attrs.evolve(handler, options=options)
    if handler.defers:
        yield attrs.evolve(handler, defers="")


def _fitting(handler: Handler, lines: Sequence[Line]) -> Mapping[str, Any]:
    """Its options, without a limit on a handler that does not wait any more, which is refused."""
    if any(line.waits for line in lines):
        return handler.options
    return {name: value for name, value in handler.options.items() if name != "execution_timeout"}
