"""What an operator does with the children of a node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

import trio

import trioactors as ta
from randomlab.notes import Op, Row
from randomlab.stage.notebook import next_number, note, simulation
from randomlab.stage.others import Stranger

__all__ = ["operate", "resume_all", "roll_call", "start_guest", "stop_node"]


async def operate(known: str, what: str, target: str, system: ta.System) -> None:
    """Carry out an operation on a child, and note when it begins and how it ends."""
    note(Op, id=known, what=what, target=target, phase="begins")
    try:
        await _OPERATIONS[what](system, target)
    except (trio.Cancelled, KeyboardInterrupt, AssertionError):
        note(Op, id=known, what=what, target=target, phase="cancelled")
        raise
    except Exception as error:  # whatever it is, it is noted
        note(Op, id=known, what=what, target=target, phase=type(error).__name__)
    else:
        note(Op, id=known, what=what, target=target, phase="done")


async def _on_ref(operation: Callable[[Any], Awaitable[object]], system: ta.System, target: str) -> None:
    await operation(system.get(ta.Actor, target))


async def _info(system: ta.System, target: str) -> None:
    known = ta.info(system.get(ta.Actor, target))
    note(
        Row,
        supervisor="",
        child=target,
        status=known.status.value,
        incarnation=known.incarnation,
        restart_at=known.restart_at,
    )
    assert known.ledger.balanced, f"the ledger of {target} does not balance: {known.ledger}"
    await trio.lowlevel.checkpoint()


async def _pause(system: ta.System, target: str) -> None:
    """Pause for a second."""
    ref = system.get(ta.Actor, target)
    known = f"pause {next_number()}"
    try:
        try:
            await ta.pause(ref, timeout=0.5)
        except ta.CallTimeout:  # whether it is paused now is not judged
            note(Op, id=known, what="pause", target=target, phase="CallTimeout")
        else:
            note(Op, id=known, what="pause", target=target, phase="paused")
        await trio.sleep(1.0)
    finally:
        note(Op, id=known, what="pause", target=target, phase="resumes")
        with trio.CancelScope(shield=True):
            await ta.resume(ref)


def _supervisors(system: ta.System) -> Iterator[tuple[str, ta.SupervisorHandle]]:
    """The supervisors of the tree that are known now."""
    for name in ["top", *(name for name in system.names() if name.startswith("s"))]:
        yield name, system.supervisor(name)


def _supervisor_of(system: ta.System, target: str) -> ta.SupervisorHandle:
    """The supervisor that knows a child. Raises `UnknownName`."""
    for _, handle in _supervisors(system):
        if any(row.name == target for row in handle.which_children()):
            return handle
    raise ta.UnknownName(target, [])


async def _managed(system: ta.System, target: str, what: str) -> None:
    """Ask the supervisor of a child."""
    await getattr(_supervisor_of(system, target), what)(target)


async def _replace(system: ta.System, target: str) -> None:
    """Take a child out of its supervisor, and put another one of the same name and class in its place, at the end."""
    handle, make = _supervisor_of(system, target), system.get(ta.Actor, target).__class__
    restart = next(row.restart for row in handle.which_children() if row.name == target)
    await handle.terminate_child(target)
    with suppress(ta.UnknownName):  # a temporary child is forgotten already
        await handle.delete_child(target)
    await handle.start_child(ta.child(make, name=target, restart=restart))


async def _take(system: ta.System, target: str) -> None:
    """Start another actor under a name, which is refused for as long as the name is known, and stop it at once."""
    await ta.stop(await system.start(Stranger, name=target))


async def _rebuild(system: ta.System, target: str) -> None:
    """Take a supervisor out of the tree, and take the names that it leaves."""
    handle = _supervisor_of(system, target)
    below = list(_actors(system, target))
    await handle.terminate_child(target)
    await handle.delete_child(target)
    note(Op, id=f"{target} is out {next_number()}", what="out", target=target, phase="done")
    for name in below:
        await operate(f"{target} takes {name} {next_number()}", "take", name, system)


def _actors(system: ta.System, supervisor: str) -> Iterator[str]:
    """The names of all actors below a supervisor."""
    for row in system.supervisor(supervisor).which_children():
        if row.kind is ta.ChildKind.SUPERVISOR:
            yield from _actors(system, row.name)
        elif row.kind is ta.ChildKind.ACTOR:
            yield row.name


async def _look(system: ta.System, target: str) -> None:
    """Note what all supervisors say about their children, whoever was named."""
    del target
    await trio.lowlevel.checkpoint()
    for name, handle in _supervisors(system):
        for row in handle.which_children():
            note(Row, supervisor=name, child=row.name, status=row.status.value, incarnation=row.incarnation)


async def _quiesce(system: ta.System, target: str) -> None:
    """Wait for everybody, whoever was named."""
    del target
    await system.quiesce(timeout=2.0)


async def _explain(system: ta.System, target: str) -> None:
    """What would happen is not done by asking."""
    before = system.names()
    system.explain(target)
    assert system.names() == before
    await trio.lowlevel.checkpoint()


_OPERATIONS: Final[dict[str, Callable[[ta.System, str], Awaitable[None]]]] = {
    "stop": partial(_on_ref, ta.stop),
    "stop and drain": partial(_on_ref, partial(ta.stop, drain=True)),
    "restart": partial(_on_ref, ta.restart),
    "flush": partial(_on_ref, partial(ta.flush, timeout=3.0)),
    "info": _info,
    "pause": _pause,
    "forget": partial(_on_ref, ta.forget),
    "quiesce": _quiesce,
    "explain": _explain,
    "terminate_child": lambda system, target: _managed(system, target, "terminate_child"),
    "restart_child": lambda system, target: _managed(system, target, "restart_child"),
    "delete_child": lambda system, target: _managed(system, target, "delete_child"),
    "replace": _replace,
    "rebuild": _rebuild,
    "take": _take,
    "look": _look,
}


async def start_guest(
    name: str, kind: type[ta.Actor[Any]], restart: ta.RestartWord, system: ta.System, *, under: str | None = None
) -> bool:
    """Start one more actor, *under* a supervisor of the tree if one is named, and note whether it runs. Returns whether it was started."""
    what = "start" if under is None else f"hire by {under}"
    note(Op, id=name, what=what, target=name, phase="begins")
    try:
        if under is None:
            ref = await system.start(kind, name=name, restart=restart)
            assert ref is system.get(kind, name) or ta.info(ref).status.down
        else:
            await system.supervisor(under).start_child(ta.child(kind, name=name, restart=restart))
    except (trio.Cancelled, KeyboardInterrupt, AssertionError):
        note(Op, id=name, what=what, target=name, phase="cancelled")
        raise
    except Exception as error:  # whatever it is, it is noted
        note(Op, id=name, what=what, target=name, phase=type(error).__name__)
        return False
    note(Op, id=name, what=what, target=name, phase="done")
    return True


async def stop_node(known: str, *, told: bool) -> None:
    """Stop the whole system in order, note when, and wait until the node is up again.

    If callers are *told*, they learn it from the system. Otherwise they leave first, also those to whom it owes replies.
    """
    node = simulation().node
    life = await node.up()
    note(Op, id=known, what="end", target=f"life {life.number}", phase="begins")
    life.leave.set()
    if told:
        note(Op, id=f"{known} told", what="told", target=f"life {life.number}", phase="begins")
    else:
        life.hang_up("the node is stopped")
    await node.up(after=life.number)


async def resume_all(system: ta.System) -> None:
    """Resume every actor: one that paused itself may have fallen before it could go on."""
    for name in _all_actors(system):
        with suppress(ta.TrioactorsError):
            note(Op, id="the end", what="pause", target=name, phase="resumes")
            await ta.resume(system.get(ta.Actor, name))


async def roll_call(system: ta.System) -> None:
    """Let every actor that runs note its state."""
    for name in _all_actors(system):
        with suppress(ta.TrioactorsError):
            actor: Any = system.get(ta.Actor, name)
            await actor.present()


def _all_actors(system: ta.System) -> list[str]:
    return [name for name in system.names() if not name.startswith(("s", "top", ":", "idle", "a.r"))]
