"""Questions and actions of viewers. Each one is answered, also when it fails, and every action is in the audit log.

An action is logged when it is requested and again when it has ended, so an action that ends the process is on record. Answering never
raises: an error of the runtime becomes the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import attrs
import trio

from trioactors.actors.calls import RemoteHandler
from trioactors.actors.child import ActorChild
from trioactors.console.access import Role
from trioactors.console.options import Options
from trioactors.console.topics import TOPICS, Message, Source, error_fields, failed, shown
from trioactors.errors import SpecError, TrioactorsError, UnknownName, UsageError
from trioactors.errors.exits import ExitKind
from trioactors.inspect import plain, quarantine
from trioactors.inspect.letters import numbered
from trioactors.settings import choice
from trioactors.supervision.child import Child, Parent, current_incarnation
from trioactors.supervision.handle import restart_child_of, stop_child
from trioactors.supervision.specs import INTERNAL
from trioactors.system.system import registry_of

__all__ = ["ACTIONS", "QUESTIONS", "Client", "NotAllowed", "answered"]

_audit = logging.getLogger("trioactors.console.audit")


@attrs.frozen
class Client:
    """The sender of a request."""

    address: str
    role: Role


class NotAllowed(UsageError):
    """The viewer's role does not allow the action."""


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
    options.end()
    page = await quarantine(source.system, limit=limit)
    source.found["quarantine"] = {"total": page.total, "complete": page.complete, "time": trio.current_time()}
    return page


QUESTIONS: Final[Mapping[str, Callable[[Source, Options], object]]] = {
    "explain": _explain,
    "look": _look,
    "quarantine": _quarantine,
}
"""Each returns its answer, or an awaitable of it if it reads the store."""


# --- actions ---


async def _restart(source: Source, options: Options) -> object:
    child = _target(source, options)
    await restart_child_of(child)
    return {"name": child.name, "incarnation": child.incarnation}


async def _stop(source: Source, options: Options) -> object:
    child = _target(source, options)
    await stop_child(child)
    return {"name": child.name, "status": child.status}


async def _resend(source: Source, options: Options) -> object:
    """Send one dead letter again, as a cast."""
    number = options.number("number", -1, most=2**53, least=-1)
    options.end()
    return {"number": number, "target": await _sent_again(source, number)}


async def _resend_all(source: Source, options: Options) -> object:
    """Send all matching dead letters again. Those that cannot be sent are listed with their errors; the others are sent all the same."""
    await trio.lowlevel.checkpoint()
    cause, target = options.text("cause"), options.text("target")
    options.end()
    sent: list[int] = []
    failed: list[Message] = []
    for number, letter in numbered(source.system):
        if (
            number in source.resent
            or (cause is not None and letter.cause != cause)
            or (target is not None and letter.target != target)
        ):
            continue
        try:
            await _sent_again(source, number)
            sent.append(number)
        except TrioactorsError as error:
            failed.append({"number": number, "error": error_fields(error)})
    return {"sent": sent, "failed": failed}


ACTIONS: Final[Mapping[str, Callable[[Source, Options], Awaitable[object]]]] = {
    "restart": _restart,
    "stop": _stop,
    "resend": _resend,
    "resend_all": _resend_all,
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


async def _sent_again(source: Source, number: int) -> str:
    """Cast the dead letter again and return its target. Raises `UnknownName`, `UsageError`, and the errors of sending."""
    letter = dict(numbered(source.system)).get(number)
    if letter is None:
        raise UsageError(f"there is no dead letter {number}: it is no longer kept, or never existed")
    if number in source.resent:
        raise UsageError(f"dead letter {number} has already been sent again")
    child = registry_of(source.system).find(letter.target)
    spec = None
    if isinstance(child, ActorChild):
        spec = next((each for each in child.plan.handlers.values() if each.message is type(letter.message)), None)
    if spec is None or not isinstance(child, ActorChild):
        raise UnknownName(type(letter.message).__name__, [])
    values: dict[str, Any] = {field.name: getattr(letter.message, field.name) for field in spec.fields}
    positional = [values.pop(field.name) for field in spec.fields if field.kind is not field.KEYWORD_ONLY]
    handler: RemoteHandler[..., Any] = RemoteHandler(child, spec)
    handler.cast_nowait(*positional, **values)
    await trio.lowlevel.checkpoint()
    source.resent.add(number)
    return letter.target


# --- answers ---


async def answered(source: Source, client: Client, message: Mapping[str, Any]) -> Message:
    """Carry out the request and return its answer, also if it fails."""
    await trio.lowlevel.checkpoint()
    action = message.get("type") == "act"
    what, given = message.get("what"), message.get("options", {})
    try:
        options = Options(given, str(what)[:100])
        value = await _act(source, client, what, options) if action else await _ask(source, what, options)
        return {"type": "answer", "ok": True, "value": plain(value)}
    except TrioactorsError as error:
        if action:
            _audit.warning("%s (%s): %s %r failed: %s", client.address, client.role.value, _spelled(what), given, _spelled(error))
        return {"type": "answer", "ok": False, "error": failed(error)}


async def _ask(source: Source, what: object, options: Options) -> object:
    await trio.lowlevel.checkpoint()
    if not isinstance(what, str) or what not in QUESTIONS:
        raise SpecError(f"unknown question {str(what)[:100]!r}; known questions: {', '.join(QUESTIONS)}")
    answer = QUESTIONS[what](source, options)
    return await cast("Awaitable[object]", answer) if isinstance(answer, Awaitable) else answer


async def _act(source: Source, client: Client, what: object, options: Options) -> object:
    if not isinstance(what, str) or what not in ACTIONS:
        raise SpecError(f"unknown action {str(what)[:100]!r}; known actions: {', '.join(ACTIONS)}")
    if client.role is not Role.ADMIN:
        raise NotAllowed(f"{what} requires the role admin; your role is {client.role.value}")
    _audit.warning("%s (%s): %s %r", client.address, client.role.value, what, options)
    value = await ACTIONS[what](source, options)
    _audit.warning("%s (%s): %s %r done", client.address, client.role.value, what, options)
    return value


def _spelled(value: object) -> str:
    """*value* in one line of at most 200 characters: text from a client must not forge a log entry."""
    return repr(str(value))[:200]
