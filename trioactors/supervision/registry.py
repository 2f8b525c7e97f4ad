"""Names: unique in a system, and given back the moment a child is gone for good.

A name maps to the lasting half of a child, not to an incarnation, so it survives restarts. Those who wait for a name are woken when
it is taken; nobody polls.
"""

from __future__ import annotations

import trio

from trioactors.errors import NameTaken, UnknownName
from trioactors.supervision.child import Child
from trioactors.supervision.specs import INTERNAL

__all__ = ["Registry"]


class Registry:
    """Who has which name."""

    def __init__(self) -> None:
        self._children: dict[str, Child] = {}
        self._awaited: dict[str, tuple[trio.Event, int]] = {}
        self._ordinals: dict[str, int] = {}

    def register(self, child: Child) -> None:
        """Give *cell* its name. Raises `NameTaken`."""
        holder = self._children.setdefault(child.name, child)
        if holder is not child:
            raise NameTaken(child.name, repr(holder))
        if child.name in self._awaited:
            self._awaited.pop(child.name)[0].set()

    def release(self, child: Child) -> bool:
        """Take the name back, if it is this cell's; tell whether it was."""
        if self._children.get(child.name) is not child:
            return False
        del self._children[child.name]
        return True

    def find(self, name: str) -> Child:
        """Who has *name*. Raises `UnknownName`."""
        try:
            return self._children[name]
        except KeyError:
            known = [other for other in self._children if not other.startswith(INTERNAL)]
            raise UnknownName(name, known) from None

    def knows(self, child: Child) -> bool:
        """Whether *cell* has its name now."""
        return self._children.get(child.name) is child

    def fresh(self, stem: str) -> str:
        """A name for a child that was given none: the class or function and a number, `Counter-1`."""
        while True:
            ordinal = self._ordinals[stem] = self._ordinals.get(stem, 0) + 1
            if f"{stem}-{ordinal}" not in self._children:
                return f"{stem}-{ordinal}"

    async def wait_for(self, name: str) -> Child:
        """Wait until somebody has *name*. The caller sets the deadline. A checkpoint."""
        await trio.lowlevel.checkpoint()
        while name not in self._children:
            event, waiters = self._awaited.get(name, (trio.Event(), 0))
            self._awaited[name] = (event, waiters + 1)
            try:
                await event.wait()
            finally:
                self._leave(name, event)
        return self._children[name]

    def _leave(self, name: str, event: trio.Event) -> None:
        current, waiters = self._awaited.get(name, (None, 0))
        if current is not event:
            return
        if waiters == 1:
            del self._awaited[name]
        else:
            self._awaited[name] = (event, waiters - 1)

    def __len__(self) -> int:
        """How many names are taken."""
        return len(self._children)

    def children(self) -> list[Child]:
        """Everybody who has a name, in the order of registration."""
        return list(self._children.values())

    @property
    def awaited(self) -> int:
        """How many names are being waited for."""
        return len(self._awaited)
