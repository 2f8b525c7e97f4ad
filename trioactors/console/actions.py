"""Questions and actions of viewers. Each one is answered, also when it fails, and every action is in the audit log.

An action is logged when it is requested and again when it has ended, so an action that ends the process is on record. Answering never
raises: an error of the runtime becomes the answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import attrs
import trio

from trioactors.console.access import Role
from trioactors.console.alerting import silenced
from trioactors.console.audit import Client, NotAllowed, audit_of
from trioactors.console.calling import call, cast_message, handlers, prepare
from trioactors.console.letters import discard, discard_all, letter, resend, resend_all
from trioactors.console.options import Options
from trioactors.console.repairing import REPAIRS
from trioactors.console.source import Message, Source
from trioactors.console.topics import TOPICS, error_fields, failed, shown
from trioactors.errors import SpecError, TrioactorsError, UsageError
from trioactors.errors.exits import ExitKind
from trioactors.inspect import plain, quarantine
from trioactors.inspect.arguments import ArgumentsRefused
from trioactors.settings import choice
from trioactors.supervision.child import Child, Parent, current_incarnation
from trioactors.supervision.handle import restart_child_of, stop_child
from trioactors.supervision.specs import INTERNAL
from trioactors.system.system import registry_of

__all__ = ["ACTIONS", "QUESTIONS", "answered"]


# --- questions change nothing ---


def _explain(source: Source, options: Options) -> object:
    name, reason = options.needed("name"), choice(options.text("reason") or "crash", ExitKind, "reason")
    options.end()
    explanation = source.system.explain(name, reason=reason)
    return {"text": str(explanation), **attrs.asdict(explanation, recurse=False)}


def _look(source: Source, options: Options) -> object:
    """The value of a topic, once."""
    topic = options.needed("topic")
    rest = options.rest("topic")
    if topic not in TOPICS:
        raise SpecError(f"unknown topic {topic[:100]!r}; known topics: {', '.join(TOPICS)}")
    value = TOPICS[topic](source, rest)
    rest.end()
    return shown(value)


async def _quarantine(source: Source, options: Options) -> object:
    """The quarantined records, read from the store. From then on the topic `durable` includes their number."""
    limit = options.number("limit", 100, most=source.limits.rows)
    offset = options.number("offset", 0, most=10_000_000)
    options.end()
    page = await quarantine(source.system, limit=limit, offset=offset)
    source.found["quarantine"] = {"total": page.total, "complete": page.complete, "time": trio.current_time()}
    return page


QUESTIONS: Final[Mapping[str, Callable[[Source, Options], object]]] = {
    "explain": _explain,
    "look": _look,
    "quarantine": _quarantine,
    "signatures": handlers,
    "prepare": prepare,
    "letter": letter,
}
"""Each returns its answer, or an awaitable of it if it reads the store."""

_FOR_ADMINS: Final = {"prepare": "a call or a cast", "letter": "looking into a dead letter"}
"""Questions that make the objects of a message, or show it in full."""


# --- actions ---


async def _restart(source: Source, options: Options) -> object:
    child = _target(source, options)
    await restart_child_of(child)
    return {"name": child.name, "incarnation": child.incarnation}


async def _stop(source: Source, options: Options) -> object:
    child = _target(source, options)
    await stop_child(child)
    return {"name": child.name, "status": child.status}


ACTIONS: Final[Mapping[str, Callable[[Source, Options], Awaitable[object]]]] = {
    "restart": _restart,
    "stop": _stop,
    "call": call,
    "cast": cast_message,
    "resend": resend,
    "resend_all": resend_all,
    "discard": discard,
    "discard_all": discard_all,
    **REPAIRS,
    "silence": lambda source, options: silenced(source.system, options),
}


def _target(source: Source, options: Options) -> Child:
    """The child to act on. Raises `UnknownName`, or `UsageError` if it is off limits or a given incarnation has exited."""
    name, seen = options.needed("name"), options.optional_number("incarnation")
    options.end()
    child = registry_of(source.system).find(name)
    if name.startswith(INTERNAL):
        raise UsageError(f"{name} is internal to the system; to stop the system, leave the open_system block")
    incarnation = current_incarnation.get()
    above: Child | Parent | None = None if incarnation is None else incarnation.child
    while above is not None:
        if above is child:
            raise UsageError(f"this console runs under {name}, so it cannot stop or restart it: the connection would be lost")
        above = above.parent
    if seen is not None and seen != child.incarnation:
        raise UsageError(f"{name} is now in incarnation {child.incarnation}, not {seen}: refresh and try again")
    return child


# --- answers ---


async def answered(source: Source, client: Client, message: Mapping[str, Any]) -> Message:
    """Carry out the request and return its answer, also if it fails."""
    await trio.lowlevel.checkpoint()
    what, given = message.get("what"), message.get("options", {})
    try:
        options = Options(given, str(what)[:100])
        answer = _act if message.get("type") == "act" else _ask
        return {"type": "answer", "ok": True, "value": plain(await answer(source, client, what, options))}
    except ArgumentsRefused as error:
        problems = [{"path": path, "text": text} for path, text in error.problems]
        return {"type": "answer", "ok": False, "error": {**error_fields(error), "problems": problems}}
    except TrioactorsError as error:
        return {"type": "answer", "ok": False, "error": failed(error)}


async def _ask(source: Source, client: Client, what: object, options: Options) -> object:
    await trio.lowlevel.checkpoint()
    if not isinstance(what, str) or what not in QUESTIONS:
        raise SpecError(f"unknown question {str(what)[:100]!r}; known questions: {', '.join(QUESTIONS)}")
    if what in _FOR_ADMINS and client.role is not Role.ADMIN:
        with audit_of(source.system).recording(client, what, options):  # what a viewer tried is on record, as with an action
            _check_role(client, _FOR_ADMINS[what])
    answer = QUESTIONS[what](source, options)
    return await cast("Awaitable[object]", answer) if isinstance(answer, Awaitable) else answer


async def _act(source: Source, client: Client, what: object, options: Options) -> object:
    with audit_of(source.system).recording(client, str(what), options):
        if not isinstance(what, str) or what not in ACTIONS:
            raise SpecError(f"unknown action {str(what)[:100]!r}; known actions: {', '.join(ACTIONS)}")
        _check_role(client, what)
        return await ACTIONS[what](source, options)


def _check_role(client: Client, what: str) -> None:
    if client.role is not Role.ADMIN:
        raise NotAllowed(f"{what} requires the role admin; your role is {client.role.value}")
