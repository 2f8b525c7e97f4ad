"""The simulated node: it runs the application again and again, in *lives*, each on the disk that the last one left.

A life is killed in three steps. First it is fenced: its disk refuses all operations, and clients that wait for a reply from it get
`NodeDown`. Then the disk loses what a kill or a power cut loses. Only then is the life cancelled; it unwinds without any effect. The next
life starts some seconds later, as if the program had been started again. The same happens if a life ends by itself because its tree gave
up or its store could not be opened. An exit that no planned fault explains fails the simulation, including a tree that gives up over
crashes none of which was planned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from operator import itemgetter
from typing import Any, Final

import attrs
import trio

from trioactors.environment.environment import Environment
from trioactors.errors import CallTimeout, UnknownName
from trioactors.errors.exits import leaves
from trioactors.persistence.store import Store
from trioactors.settings import OnUnreadable, Settings
from trioactors.supervision.child import Incarnation
from trioactors.supervision.registry import Registry
from trioactors.supervision.specs import Supervisor
from trioactors.system.system import System, registry_of
from trioactors.testing.clocks import EPOCH
from trioactors.testing.disk import Keep, SimulatedDisk
from trioactors.testing.driving import alive_in
from trioactors.testing.leaks import isolated_system
from trioactors.testing.playing import Stuck, who_waits
from trioactors.testing.simulation.causes import Causes
from trioactors.testing.simulation.hardware import Faulty, NodeDisk, NodeWorker
from trioactors.testing.simulation.history import NodeDown
from trioactors.testing.simulation.plans import stream
from trioactors.trace.records import TraceRecord

present_life: ContextVar[NodeLife] = ContextVar("trioactors_node_life")
"""The life that a task of the application belongs to."""

__all__ = ["Application", "Node", "NodeLife", "come_to_rest", "present_life"]

_ATTEMPTS: Final = 60
"""The number of starts in a row that may fail while faults are planned."""

_REST: Final = 600.0
"""Seconds in which an application must come to rest."""

_OFTEN: Final = 10
"""From this number of exits of the tree on, they are named as a possible reason why a run does not end."""


@attrs.frozen
class Application:
    """The application that runs on the node."""

    store: Callable[[], Store | None]
    """Makes the store of a life, on the disk of its environment."""
    tree: Supervisor | None
    body: Callable[[System], Awaitable[Any]] | None
    """Called in each life when the tree is up."""
    settings: Settings
    lasting: bool
    """Whether the store survives a life."""
    planned: tuple[type[BaseException], ...] = ()
    """Other errors than faults by which its actors may fail."""


@attrs.define(eq=False)
class NodeLife:
    """One life of the application, from start to exit."""

    number: int
    disk: NodeDisk
    worker: NodeWorker
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    system: System | None = None
    """The open system while the node is up, otherwise None."""
    registry: Registry | None = None
    """The registry, once the tree is up."""
    callers: dict[trio.CancelScope, None] = attrs.field(factory=dict[trio.CancelScope, None])
    """The calls that wait for a reply from it, in the order in which they began."""
    in_body: bool = False
    """Whether `app=` was called and has not returned."""
    leave: trio.Event = attrs.field(factory=trio.Event)
    """Set when it is to end in order, or has ended."""

    @property
    def dead(self) -> bool:
        """Whether it is fenced: nothing that it does has any effect."""
        return self.disk.fenced

    def supervisor_of(self, child: str) -> str | None:
        """The current supervisor of *child*, once the tree is up; it may differ from the declared one."""
        try:
            parent = None if self.registry is None else self.registry.find(child).parent
        except UnknownName:
            return None
        return None if parent is None else parent.name

    def hang_up(self, why: str) -> None:
        """Cancel all calls that wait for a reply from it."""
        for scope in tuple(self.callers):
            scope.cancel(reason=why)

    @contextmanager
    def asked(self) -> Generator[System, None, None]:
        """Surround the call of a client. Raises `NodeDown` if the life ends first, whatever the call would have returned or raised."""
        system = self.system
        if system is None or self.leave.is_set():
            raise NodeDown("the node is down")
        with trio.CancelScope() as scope:
            self.callers[scope] = None
            try:
                yield system
            except (AssertionError, trio.Cancelled):
                raise
            except Exception:
                if not self.dead:
                    raise
            finally:
                del self.callers[scope]
        if self.dead or scope.cancelled_caught:
            raise NodeDown("the node ended before it replied")


class Node:
    """A simulated machine and its disk."""

    def __init__(self, application: Application, seed: int, faulty: Faulty, record: Callable[[int, TraceRecord], None]) -> None:
        self._application = application
        self.tree = application.tree
        self.settings = application.settings
        self.lasting = application.lasting
        self.planned = application.planned
        self._seed = seed
        self._faulty = faulty
        self._record = record
        self.disk = SimulatedDisk(seed=seed)
        self.skew = 0.0
        """The error of the wall clock in seconds."""
        self.life: NodeLife | None = None
        """The current life, or the last one."""
        self.disturbed: set[int] = set()
        """The lives in which a fault has happened, or an operator has stopped or paused something."""
        self.task: trio.lowlevel.Task | None = None
        """The task that runs the lives."""
        self.lives = 0
        self.killed = 0
        self.failed_starts = 0
        self.ended = 0
        """How often the tree has exited by itself."""
        self._pause = 0.0
        self._stopping = False
        self._changed = trio.Event()
        self.over = trio.Event()
        """Set when the node has been switched off."""

    def __repr__(self) -> str:
        """Show the number of the life and whether it is up."""
        return f"<node in its life {self.lives}, {'up' if self.serves else 'down'}>"

    @property
    def serves(self) -> bool:
        """Whether the node is up."""
        return self.life is not None and self.life.system is not None

    def troubles(self) -> Iterator[str]:
        """Possible reasons why clients wait for the node."""
        if self.life is not None and self.life.in_body:
            yield (
                f"app= has not returned in life {self.lives} of the node, so the node is not up and clients wait. "
                f"Start whatever runs for ever as a child of the tree, and return from app="
            )
        if self.ended >= _OFTEN:
            yield (
                f"the tree has exited by itself {self.ended} times, and the node was started again each time. "
                f"If it should exit (auto_shutdown), let its work last longer; otherwise find out what stopped it"
            )

    def disturb(self) -> None:
        """From now on, actors of the current life may be down or slow."""
        if self.life is not None:
            self.disturbed.add(self.life.number)

    async def up(self, *, after: int = 0) -> NodeLife:
        """Wait until the node is up, in a life after number *after*."""
        await trio.lowlevel.checkpoint()
        while self.life is None or self.life.system is None or self.life.leave.is_set() or self.life.number <= after:
            await self._changed.wait()
        return self.life

    def actors(self) -> list[Incarnation]:
        """The actors that could crash now, ordered by name."""
        life = self.life
        if life is None or life.system is None:
            return []
        return [actor for _, actor in sorted(alive_in(life.system).items(), key=itemgetter(0))]

    def kill(self, keep: Keep | None, pause: float = 0.0) -> None:
        """End the current life at once; with *keep*, by a power cut. The node is started again after *pause* seconds."""
        life = self.life
        if life is None or life.dead:
            return
        self.killed += 1
        life.disk.fenced = True
        life.system = None
        self._pause = pause
        if keep is None:
            self.disk.kill()
        else:
            self.disk.power_cut(keep)
        life.hang_up("the node was killed")
        life.scope.cancel(reason="the node was killed")

    async def stop(self) -> None:
        """End the current life in order, and wait until it has ended."""
        life = await self.up()
        life.leave.set()
        while life is self.life and not life.dead and life.system is not None:
            await self._changed.wait()

    async def switch_off(self) -> None:
        """End the node in order, for good. Raises what goes wrong at the exit."""
        self._stopping = True
        if self.life is not None:
            self.life.leave.set()
        await self.over.wait()

    async def run(self) -> None:
        """Run one life after another. Raises errors that no fault explains."""
        failures = 0
        await trio.lowlevel.checkpoint()
        self.task = trio.lowlevel.current_task()
        try:
            while not self._stopping:
                failures = 0 if await self._live() else failures + 1
                if failures > (_ATTEMPTS if not self._faulty.over else 1):
                    raise AssertionError(f"the node does not come up again: {failures} starts in a row failed")
                if not self._stopping:
                    pause, self._pause = self._pause, 0.0
                    await trio.sleep(pause)
        finally:
            self.over.set()

    async def _live(self) -> bool:
        """Run one life. Returns whether it came up."""
        self.lives += 1
        disk = NodeDisk(self.disk, self._faulty, lambda due, keep: self.kill(keep, due.seconds))
        life = self.life = NodeLife(self.lives, disk, NodeWorker(self._faulty, disk))
        came_up = False
        try:
            with life.scope:
                await self._serve(life)
        except BaseException as error:  # noqa: ASYNC103 - only errors that a fault explains end here
            if not ((life.dead and _of_programs(error)) or Causes(self.planned, life.number in self.disturbed).explain(error)):
                raise
            self._pause = self._pause or 1.0
        finally:
            came_up = life.dead or life.system is not None
            life.system = None
            life.hang_up("the node ended")
            self._tell()
        if not came_up:
            self.failed_starts += 1
        if not life.dead:
            disk.fenced = True
            self.disk.kill()
        await trio.lowlevel.checkpoint()
        return came_up

    async def _serve(self, life: NodeLife) -> None:
        application = self._application
        present_life.set(life)

        async with isolated_system(
            application.tree,
            store=application.store(),
            settings=attrs.evolve(application.settings, on_unreadable=OnUnreadable.FAIL_START),  # no fault explains it: a finding
            environment=self._environment(life),
            observers=[lambda record: None if life.dead else self._record(life.number, record)],
        ) as system:
            life.registry = registry_of(system)
            if application.body is not None:
                life.in_body = True
                await application.body(system)
                life.in_body = False
            life.system = system
            self._tell()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_over, system, life.leave)
                await life.leave.wait()
                nursery.cancel_scope.cancel()

    async def _until_over(self, system: System, leave: trio.Event) -> None:
        await system.wait_stopped()
        self.ended += 1
        leave.set()

    def _tell(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    def _environment(self, life: NodeLife) -> Environment:
        ids = iter(range(1, 1_000_000_000))
        return Environment(
            wall_clock=lambda: EPOCH + trio.current_time() + self.skew,
            random=lambda label: stream(self._seed, f"{life.number}/{label}"),
            new_id=lambda: f"id-{life.number}-{next(ids)}",
            new_secret=lambda: f"secret-{life.number}-{next(ids)}",
            process=1,
            worker=lambda: life.worker,
            disk=life.disk,
            stopwatch=lambda: None,
            check_state=True,
        )


async def come_to_rest(system: System) -> None:
    """Wait until *system* has nothing more to do. Raises `Stuck` if it does not come to rest."""
    try:
        await system.quiesce(timeout=_REST)
    except CallTimeout as error:
        raise Stuck(
            f"the application does not come to rest: {error}. A run is over when no message waits and no handler runs: make a loop a "
            f"function among the children, and a repeated task a timer (context.every, context.after). {who_waits()}"
        ) from error


def _of_programs(error: BaseException) -> bool:
    """Whether *error* was raised by the program. Ctrl-C was not: it ends a simulation even if the node is dead."""
    return all(isinstance(leaf, Exception | trio.Cancelled) for leaf in leaves(error))
