"""The machine below a system: its root supervisor, and how it stands in Trio.

The tree runs in one task of a nursery that `open_system` opens, inside a *shielded* scope: otherwise a cancellation from outside would
cancel all children at once and in random order. The body of the block is not shielded. Whatever ends the body (its end, an error, a
cancellation, Ctrl-C) asks the root to stop, and the block is left when the ordered stop is done; its length is bounded by the graces.

    root (internal)          ends when the tree or dynamic does
    ├── store                if the system has one: `committer.py`
    ├── the tree             as declared by the user, if there is one
    └── dynamic              what `system.start` starts; OTP's dynamic supervisor

All durable state rests on the store, so the root is rest_for_one: when the store must be opened again (a failed sync, say), everything
else is stopped first and started after it, with a back-off in between. Actors then read what was committed. Those of `system.start` come
back too, unlike the children of other dynamic supervisors: whoever started them sees no supervisor that could have restarted.
"""

from __future__ import annotations

from typing import Final

import attrs
import trio

from trioactors.errors import StartFailed, StoreError
from trioactors.errors.exits import SHUTDOWN, Exit
from trioactors.persistence.committer import STORE
from trioactors.settings import Backoff, Intensity
from trioactors.supervision.child import Incarnation
from trioactors.supervision.lifecycle import run_incarnation
from trioactors.supervision.registry import Registry
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import INTERNAL, AutoShutdown, Restart, Strategy, Supervisor, child
from trioactors.supervision.supervisor import supervise
from trioactors.supervision.tree import MakeChild, SupervisorChild

__all__ = ["DYNAMIC", "Root"]

_ROOT: Final = f"{INTERNAL}root"

DYNAMIC: Final = f"{INTERNAL}dynamic"


@attrs.define(eq=False, repr=False)
class _RootChild(SupervisorChild):
    """The internal supervisor at the top. It has no parent; *over* is set when it has ended."""

    over: trio.Event = attrs.field(factory=trio.Event, init=False)

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """The tree is gone."""
        super().end(incarnation, reason)
        self.leaving = True
        self.close("its system ended")
        self.over.set()
        return None


class Root:
    """The tree of one system, from its start to its end."""

    def __init__(self, tree: Supervisor | None, runtime: Runtime, make_child: MakeChild) -> None:
        store = runtime.committer
        grace = 2 * runtime.settings.grace  # closing is bounded by one of them, inside
        spec = Supervisor(
            *([child(store.run, name=STORE, restart=Restart.PERMANENT, grace=grace)] if store is not None else []),
            *([tree.as_top()] if tree is not None else []),
            Supervisor(name=DYNAMIC, strategy=Strategy.DYNAMIC).as_top(),
            name=_ROOT,
            strategy=Strategy.REST_FOR_ONE,
            intensity=Intensity(limit=0) if store is None else None,
            backoff=None if store is None else Backoff(),
            auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        )
        self._runtime = runtime
        self.registry = Registry()
        """The names of the system."""
        self._settled = trio.Event()
        """Set when the tree is up, or has ended before it was."""
        self._child = _RootChild(_ROOT, spec, runtime, None, supervise, make_child=make_child, registry=self.registry)
        self._child.watchers = [self._up]
        self.registry.register(self._child)
        self._incarnation = self._child.new_incarnation()
        self._interrupted: BaseException | None = None
        self.body = trio.CancelScope()
        """The scope of the block."""

    def __repr__(self) -> str:
        """The state of the tree."""
        return "closed" if self._runtime.closed else self._child.status.value

    def _up(self, incarnation: Incarnation) -> None:
        """The tree is up, or has ended before it was."""
        del incarnation
        self._child.watchers = ()
        self._settled.set()

    @property
    def over(self) -> trio.Event:
        """Set when the tree has ended."""
        return self._child.over

    def interrupt(self, error: BaseException) -> None:
        """A KeyboardInterrupt or SystemExit came up inside a child: end the body, stop in order, raise it there."""
        self._interrupted = self._interrupted or error
        self.body.cancel(reason=f"{type(error).__name__} inside a child")

    async def run(self) -> None:
        """Run the tree to its end, out of reach of any cancellation from outside."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._runtime.deadlines.run, name="alarms")
                await run_incarnation(self._child, self._incarnation)
                if self.failure() is not None:
                    self.body.cancel(reason="the tree gave up")
                nursery.cancel_scope.cancel()

    async def started(self) -> None:
        """Wait until the tree is up. Raises `StartFailed`, the one that names the child; where it is the store, its own error."""
        await self._settled.wait()
        ended = self._child.last_exit
        error: BaseException | None = None if ended is None else ended.error
        while isinstance(error, StartFailed) and isinstance(error.__cause__, StartFailed):
            error = error.__cause__
        if isinstance(error, StartFailed) and isinstance(error.__cause__, StoreError):
            store = self._child.children.get(STORE)
            if store is not None and store.last_exit is not None and store.last_exit.error is error.__cause__:
                error = error.__cause__
        if error is not None and self.failure() is None:
            raise error

    async def stop(self) -> None:
        """Stop the tree in order and wait for it; bounded by the graces."""
        self._child.leaving = True
        with trio.CancelScope(shield=True):
            if self._incarnation.ended is None:
                self._child.request_stop(self._incarnation, SHUTDOWN)
            await self._child.over.wait()
        self._runtime.closed = True
        self._runtime.lag.close()
        self._child.forget()
        self.registry.release(self._child)

    def failure(self) -> BaseException | None:
        """What must leave the block although its body did not raise it."""
        tops = [each for each in self._child.children.values() if isinstance(each, SupervisorChild)]
        gave_up = (top.gave_up for top in [*tops, self._child])
        return self._interrupted or next((error for error in gave_up if error is not None), None)
