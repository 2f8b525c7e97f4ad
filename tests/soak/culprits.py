"""Whose fault it is: what there is more of after some rounds than before them.

Done only when a bound is broken, because looking costs memory. Objects are counted by their types; a container that has grown is named
with who holds it.
"""

from __future__ import annotations

import gc
import os
import threading  # noqa: TID251 - it counts them
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import trio

from soak.measures import settle

SHOWN = 4
"""How many culprits are named."""

_CONTAINERS = (list, dict, set, deque)
_OURS = frozenset({"soak.culprits", "soak.measures"})


class Look:
    """What there is now."""

    def __init__(self) -> None:
        settle()
        found = [thing for thing in gc.get_objects() if type(thing).__module__ not in _OURS]
        self.types = Counter(_type_of(thing) for thing in found)
        self.sizes = {id(thing): len(thing) for thing in found if isinstance(thing, _CONTAINERS)}
        self.tasks = Counter(task.name for task in _tasks())
        self.threads = Counter(thread.name for thread in threading.enumerate())
        self.descriptors = Counter(_descriptors())

    def since(self, before: Look, rounds: int) -> Iterator[str]:
        """What there is at least one more of for each of the *rounds*."""
        for what in ("task", "thread", "descriptor"):
            mine, theirs = getattr(self, f"{what}s"), getattr(before, f"{what}s")
            yield from (f"{what} {name!r}: {more} more" for name, more in _most(mine - theirs, rounds))
        grown = Counter({key: size - before.sizes[key] for key, size in self.sizes.items() if key in before.sizes})
        for key, more in _most(grown, rounds):
            yield f"{_described(key)} has {more} more items"
        yield from (f"{name}: {more} more" for name, more in _most(self.types - before.types, rounds))


async def accused(rounds: int, work: Callable[[], Awaitable[None]]) -> Sequence[str]:
    """Do *work* so many times, and say what there is more of."""
    before = Look()
    for _ in range(rounds):
        await work()
    return list(Look().since(before, rounds))


def _most(grown: Counter[str] | Counter[int], rounds: int) -> Iterator[tuple[str | int, int]]:
    yield from ((what, more) for what, more in grown.most_common(SHOWN) if more >= rounds)


def _type_of(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _tasks() -> Iterator[trio.lowlevel.Task]:
    waiting = [trio.lowlevel.current_root_task()]
    while waiting:
        task = waiting.pop()
        if task is not None:
            yield task
            waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


def _descriptors() -> Iterator[str]:
    folder = Path("/proc/self/fd")
    for number in folder.iterdir() if folder.exists() else ():
        try:
            yield os.readlink(number)  # noqa: PTH115 - a socket is no path
        except OSError:  # the one of this very listing
            continue


def _described(key: int) -> str:
    (container,) = [thing for thing in gc.get_objects() if id(thing) == key]
    holders = [thing for thing in gc.get_referrers(container) if not isinstance(thing, list)]
    return f"a {type(container).__name__} {_place(holders, container)}".rstrip()


def _place(holders: Sequence[object], container: object) -> str:
    for holder in holders:
        names = vars(holder) if hasattr(holder, "__dict__") else {name: getattr(holder, name, None) for name in _slots(holder)}
        for name, value in names.items():
            if value is container:
                return f"at {_type_of(holder)}.{name}"
        if isinstance(holder, dict):
            for name, value in holder.items():
                if value is container:
                    return f"at {holder.get('__name__', 'a dict')}[{name!r}]"
    return f"held by {_type_of(holders[0])}" if holders else ""


def _slots(holder: object) -> Iterator[str]:
    for kind in type(holder).__mro__:
        slots = vars(kind).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots
