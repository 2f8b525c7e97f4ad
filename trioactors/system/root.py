"""The root supervisor of a system, and its place in Trio's tree of tasks.

The tree runs in one task of a nursery that `open_system` opens, inside a *shielded* scope: otherwise a cancellation from outside would
cancel all children at once and in random order. The body of the block is not shielded. Whatever ends the body (its last line, an error, a
cancellation, Ctrl-C), the root is asked to stop, and the block is left when the ordered stop is done. If that takes longer than
`Settings.stop_timeout`, or `ta.run` gets a second signal, the stop is *forced*: all children are cancelled at once, except the store.
A tree can also end by itself. Then that time begins when its top begins to stop, which is long before the root learns of its exit.

    root (internal)          exits when the tree or dynamic does
    ├── store                if the system has one: `committer.py`
    ├── the tree             as declared by the user, if there is one
    └── dynamic              what `system.start` starts; OTP's dynamic supervisor

All durable state depends on the store, so the root is rest_for_one: when the store must be opened again (after a failed sync, for example),
everything else is stopped first and started after it, with a back-off in between. Actors then read what was committed. The children of
`system.start` are restarted too, unlike those of other dynamic supervisors: the code that started them cannot see that a supervisor
restarted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import attrs
import trio

from trioactors.environment.forks import in_forked_children
from trioactors.errors import StartFailed, StoreError, TrioactorsError
from trioactors.errors.exits import SHUTDOWN, Exit
from trioactors.errors.lists import listed
from trioactors.messaging.mailbox import Refusal, is_over
from trioactors.persistence.committer import STORE
from trioactors.scheduling.deadlines import Alarm
from trioactors.settings import Backoff, Intensity
from trioactors.supervision.child import Child, Incarnation
from trioactors.supervision.draining import ask_supervisors, cut_by_force, in_start_order
from trioactors.supervision.lifecycle import run_incarnation
from trioactors.supervision.registry import Registry
from trioactors.supervision.runtime import Runtime
from trioactors.supervision.specs import INTERNAL, AutoShutdown, GiveUp, Restart, Strategy, Supervisor, child
from trioactors.supervision.stopping import Stopping, whole_stop
from trioactors.supervision.supervisor import supervise
from trioactors.supervision.tree import MakeChild, SupervisorChild
from trioactors.system.draining import drain_system
from trioactors.trace.records import StopForced

__all__ = ["DYNAMIC", "Root"]

_ROOT: Final = f"{INTERNAL}root"

DYNAMIC: Final = f"{INTERNAL}dynamic"

_log = logging.getLogger("trioactors")


@attrs.define(eq=False, repr=False)
class _RootChild(SupervisorChild):
    """The internal supervisor at the top. It has no parent."""

    up: Callable[[Child], None] = attrs.field(kw_only=True)
    """Called with each of its children that is ready."""
    over: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when it has exited."""

    def child_ready(self, child: Child, incarnation: Incarnation) -> None:
        """Note that the tree, the store or the dynamic supervisor is ready."""
        self.up(child)
        super().child_ready(child, incarnation)

    def end(self, incarnation: Incarnation, reason: Exit) -> Incarnation | None:
        """Record the exit. The system is over."""
        super().end(incarnation, reason)
        self.leaving = True
        self.close("its system ended")
        self.over.set()
        return None


class Root:
    """The tree of one system, from its start to its end."""

    def __init__(self, tree: Supervisor | None, runtime: Runtime, make_child: MakeChild) -> None:
        store = runtime.committer
        grace = 2 * runtime.settings.grace  # the committer itself closes within one grace
        spec = Supervisor(
            *([child(store.run, name=STORE, restart=Restart.PERMANENT, grace=grace, drain=False)] if store is not None else []),
            *([tree.as_top()] if tree is not None else []),
            Supervisor(name=DYNAMIC, strategy=Strategy.DYNAMIC, child_intensity=runtime.settings.intensity).as_top(),
            name=_ROOT,
            strategy=Strategy.REST_FOR_ONE,
            intensity=Intensity(limit=0) if store is None else runtime.settings.intensity,
            backoff=None if store is None else Backoff(),
            auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        )
        self._runtime = runtime
        self.registry = Registry()
        """The names of all children of the system."""
        self._settled = trio.Event()
        """Set when the tree runs, or has failed to start."""
        self._ends_with: Incarnation | None = None
        """The supervisor that began to stop by itself, and with which the system ends."""
        self._failed_start: BaseException | None = None
        """Why it could not start. If the stop is forced meanwhile, the exits of the supervisors above it no longer say it."""
        self._alarm: Alarm | None = None
        """Forces the stop."""
        runtime.ending = self._ending
        self._child = _RootChild(
            _ROOT, spec, runtime, None, supervise, make_child=make_child, registry=self.registry, up=self._up_again
        )
        self._child.watchers = [self._up]
        self.registry.register(self._child)
        self._incarnation = self._child.new_incarnation()
        self._interrupted: BaseException | None = None
        self.body = trio.CancelScope()
        """The scope of the block."""
        in_forked_children(self, Root._leave_to_parent)

    def _leave_to_parent(self) -> None:
        """Called in a forked process: the mailboxes refuse, as those of a closed system do. So no message asks for its process."""
        self._runtime.leave()
        for found in self.registry.children():
            for mailbox in found.mailboxes():
                mailbox.closed = mailbox.closed if is_over(mailbox) else Refusal(self._not_here)

    def _not_here(self) -> TrioactorsError:
        return self._runtime.over("")

    def __repr__(self) -> str:
        """The status of the tree."""
        return "closed" if self._runtime.closed else self._child.status.value

    def _up(self, incarnation: Incarnation | None) -> None:
        """Note that the tree runs, or has failed to start."""
        del incarnation
        self._child.watchers = ()
        self._settled.set()

    @property
    def over(self) -> trio.Event:
        """Set when the tree has exited."""
        return self._child.over

    def interrupt(self, error: BaseException) -> None:
        """Cancel the body, stop in order, and raise *error* from the block: a KeyboardInterrupt or SystemExit from a child."""
        self._interrupted = self._interrupted or error
        self.body.cancel(reason=f"{type(error).__name__} inside a child")

    async def run(self) -> None:
        """Run the tree to its exit, shielded from cancellations from outside."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._runtime.deadlines.run, name="alarms")
                await run_incarnation(self._child, self._incarnation)
                if self.failure() is not None:
                    self.body.cancel(reason="the tree gave up")
                nursery.cancel_scope.cancel()

    async def started(self) -> None:
        """Wait until the tree runs. Raises the `StartFailed` that names the child, or the store's own error if it cannot be opened."""
        await self._settled.wait()
        ended = self._child.last_exit
        error = self._failed_start if ended is None or ended.error is None else ended.error
        while isinstance(error, StartFailed) and isinstance(error.__cause__, StartFailed):
            error = error.__cause__
        if isinstance(error, StartFailed) and isinstance(error.__cause__, StoreError):
            store = self._child.children.get(STORE)
            if store is not None and store.last_exit is not None and store.last_exit.error is error.__cause__:
                error = error.__cause__
        if error is not None and self.failure() is None:
            raise error

    async def stop(self, drain: float = 0.0) -> None:
        """Drain the tree for up to *drain* seconds, stop it in order, and wait until it has exited. `Settings.stop_timeout` bounds all."""
        with trio.CancelScope(shield=True):
            self._ends_with = None  # whatever becomes of it
            if self._incarnation.ended is None:
                stopping = self._begin_stop(drain)
                if stopping.drain_until is not None:
                    await drain_system(self._child, stopping.drain_until)
            self._child.leaving = True
            if self._incarnation.ended is None:
                self._child.request_stop(self._incarnation, SHUTDOWN)
            await self._child.over.wait()
            if self._alarm is not None:
                self._alarm.cancel()
        self._runtime.closed = True
        self._runtime.lag.close()
        if self._runtime.history is not None:
            self._runtime.history.close()
        self._child.forget()
        self.registry.release(self._child)
        self.registry.close()

    def _begin_stop(self, drain: float = 0.0) -> Stopping:
        """Set the times of the stop, which begins now, or began when the tree began to end by itself."""
        runtime, settings = self._runtime, self._runtime.settings
        limit, began = settings.stop_timeout, runtime.stopping.began if runtime.stopping is not None else runtime.now()
        stopping = runtime.stopping = whole_stop(began, drain, stop_timeout=limit, grace=settings.grace)
        if self._alarm is None:
            late = f"the stop took longer than stop_timeout ({limit:g} s)"
            self._alarm = runtime.deadlines.at(stopping.forced_at, partial(self.force, late))
        return stopping

    def _ending(self, incarnation: Incarnation, failed_start: BaseException | None) -> None:
        """Begin the stop, if the system ends with this supervisor, which begins to stop by itself."""
        if self._ends_with is None and self._ends_system(incarnation):
            self._ends_with, self._failed_start = incarnation, failed_start
            self._begin_stop()

    def _ends_system(self, incarnation: Incarnation) -> bool:
        child = incarnation.child
        if not incarnation.ready:  # its start failed, and so do those of all supervisors that are starting it
            above = child.parent
            while isinstance(above, SupervisorChild) and above.current is not None and not above.current.ready:
                above = above.parent
            return above is None
        if isinstance(child, SupervisorChild) and child.gave_up is not None and child.plan.give_up is GiveUp.CRASH:
            return child.parent is None or (child.parent is self._child and self._runtime.committer is None)
        return child.parent is None or child.parent is self._child

    def _up_again(self, child: Child) -> None:
        """Note that *child* runs. If the system was to end with it, it goes on: the store failed meanwhile, and all was restarted."""
        if self._ends_with is not None and self._alarm is not None and child is self._ends_with.child:
            self._alarm.cancel()
            self._ends_with = self._alarm = self._runtime.stopping = None

    def force(self, why: str) -> None:
        """End the stop at once: cancel everything that runs, but the store, whose commits are still done. Does nothing if all is over."""
        runtime = self._runtime
        if runtime.forced is not None or self._incarnation.ended is not None:
            return
        runtime.forced = why
        self._child.leaving = True
        children = [child for child in in_start_order(self._child) if cut_by_force(child)]
        running = [child.current for child in children if child.current is not None and child.current.ended is None]
        names = tuple(incarnation.child.name for incarnation in running)
        _log.warning("the stop is forced: %s. Cancelled: %s", why, listed(names, 10, none="nothing"))
        runtime.observers.emit(StopForced(time=runtime.now(), child=_ROOT, reason=why, running=names))
        ask_supervisors(self._child)
        for incarnation in running:
            incarnation.child.request_stop(incarnation, SHUTDOWN)
            incarnation.kill(why)
        runtime.resting.wake()

    def failure(self) -> BaseException | None:
        """The error to raise from the block although its body did not raise it: an interrupt, or a supervisor that gave up."""
        tops = [each for each in self._child.children.values() if isinstance(each, SupervisorChild)]
        gave_up = (top.gave_up for top in [*tops, self._child])
        return self._interrupted or next((error for error in gave_up if error is not None), None)
