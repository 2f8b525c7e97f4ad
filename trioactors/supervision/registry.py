"""Names of children: unique in a system, and free again as soon as a child is removed for good.

A name maps to a `Child`, not to an incarnation, so it survives restarts. Tasks that wait for a name are woken when it is registered; there
is no polling.
"""

from __future__ import annotations

import trio

from trioactors.errors import NameTaken, SystemClosed, UnknownName
from trioactors.supervision.child import Child
from trioactors.supervision.specs import INTERNAL

__all__ = ["Registry"]


class Registry:
    """Maps names to children."""

    def __init__(self) -> None:
        self._children: dict[str, Child] = {}
        self._awaited: dict[str, tuple[trio.Event, int]] = {}
        self._ordinals: dict[str, int] = {}
        self._closed = False

    def register(self, child: Child) -> None:
        """Register *child* under its name. Raises `NameTaken`."""
        holder = self._children.setdefault(child.name, child)
        if holder is not child:
            raise NameTaken(child.name, repr(holder))
        if child.name in self._awaited:
            self._awaited.pop(child.name)[0].set()

    def release(self, child: Child) -> bool:
        """Free the name of *child*. Returns False if *child* does not hold it."""
        if self._children.get(child.name) is not child:
            return False
        del self._children[child.name]
        return True

    def find(self, name: str) -> Child:
        """The child called *name*. Raises `UnknownName`."""
        try:
            return self._children[name]
        except (KeyError, TypeError):  # not known, or not even hashable
            known = [other for other in self._children if not other.startswith(INTERNAL)]
            raise UnknownName(name, known) from None

    def holder(self, name: str) -> Child | None:
        """The child called *name*, or None."""
        return self._children.get(name)

    def knows(self, child: Child) -> bool:
        """Whether *child* is registered under its name."""
        return self._children.get(child.name) is child

    def fresh(self, stem: str) -> str:
        """Make a name for a child that has none: its class or function and a number, such as `Counter-1`."""
        while True:
            ordinal = self._ordinals[stem] = self._ordinals.get(stem, 0) + 1
            if f"{stem}-{ordinal}" not in self._children:
                return f"{stem}-{ordinal}"

    async def wait_for(self, name: str) -> Child:
        """Wait until a child is registered as *name*. The caller sets the deadline. A checkpoint. Raises `SystemClosed`."""
        await trio.lowlevel.checkpoint()
        while name not in self._children:
            if self._closed:
                raise SystemClosed(f"no child can take the name {name!r}: the system is closed")
            event, waiters = self._awaited.get(name, (trio.Event(), 0))
            self._awaited[name] = (event, waiters + 1)
            try:
                await event.wait()
            finally:
                self._leave(name, event)
        return self._children[name]

    def close(self) -> None:
        """End the waits for names: no child will be registered any more."""
        self._closed = True
        for event, _ in self._awaited.values():
            event.set()

    def _leave(self, name: str, event: trio.Event) -> None:
        current, waiters = self._awaited.get(name, (None, 0))
        if current is not event:
            return
        if waiters == 1:
            del self._awaited[name]
        else:
            self._awaited[name] = (event, waiters - 1)

    def __len__(self) -> int:
        """The number of names."""
        return len(self._children)

    def children(self) -> list[Child]:
        """All children, in the order of registration."""
        return list(self._children.values())

    @property
    def awaited(self) -> int:
        """The number of names that tasks wait for."""
        return len(self._awaited)
