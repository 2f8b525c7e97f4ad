"""What can be asked, and what can be done: each with an answer, errors included; and every deed in the audit log.

A deed is told to the log twice, when it is asked for and when it has ended, so that one which takes the process with it is on record.
Answers never raise: what the runtime says against it is the answer.
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
from trioactors.console.topics import TOPICS, Message, Source, told_error
from trioactors.errors import SpecError, TrioactorsError, UnknownName, UsageError
from trioactors.inspect import plain, quarantine
from trioactors.messaging.ledger import DeadLetter
from trioactors.supervision.child import Child, Parent, current_incarnation
from trioactors.supervision.handle import restart_child_of, stop_child
from trioactors.supervision.specs import INTERNAL
from trioactors.system.system import registry_of, runtime_of

__all__ = ["DEEDS", "QUESTIONS", "Asker", "NotAllowed", "answered"]

_audit = logging.getLogger("trioactors.console.audit")


@attrs.frozen
class Asker:
    """Who asks."""

    address: str
    role: Role


class NotAllowed(UsageError):
    """The viewer's role does not allow it."""


# --- questions: nothing changes ---


def _explain(source: Source, options: Options) -> object:
    name, reason = options.needed("name"), options.text("reason") or "crash"
    options.end()
    explanation = source.system.explain(name, reason=reason)
    return {"text": str(explanation), **attrs.asdict(explanation, recurse=False)}


def _look(source: Source, options: Options) -> object:
    """A topic, once."""
    topic = options.needed("topic")
    rest = options.rest("topic")
    if topic not in TOPICS:
        raise SpecError(f"no topic is named {topic[:100]!r}; there are {', '.join(TOPICS)}")
    value = TOPICS[topic](source, rest)
    rest.end()
    return value()


async def _quarantine(source: Source, options: Options) -> object:
    """What is in quarantine, from the store; the topic `durable` tells from then on how much it was."""
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
"""Each gives its answer, or, where it has to ask the store, something to await."""


# --- deeds ---


async def _restart(source: Source, options: Options) -> object:
    child = _target(source, options)
    await restart_child_of(child)
    return {"name": child.name, "incarnation": child.incarnation}


async def _stop(source: Source, options: Options) -> object:
    child = _target(source, options)
    await stop_child(child)
    return {"name": child.name, "status": child.status}


async def _resend(source: Source, options: Options) -> object:
    """Send the dead letter of a number again, as a cast."""
    number = options.number("number", -1, most=2**53, least=-1)
    options.end()
    return {"number": number, "target": await _sent_again(source, number)}


async def _resend_all(source: Source, options: Options) -> object:
    """Send all that match again; what cannot be sent is told, and the rest is sent all the same."""
    await trio.lowlevel.checkpoint()
    cause, target = options.text("cause"), options.text("target")
    options.end()
    sent: list[int] = []
    failed: list[Message] = []
    for number, letter in _kept(source).items():
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
            failed.append({"number": number, "error": told_error(error)})
    return {"sent": sent, "failed": failed}


DEEDS: Final[Mapping[str, Callable[[Source, Options], Awaitable[object]]]] = {
    "restart": _restart,
    "stop": _stop,
    "resend": _resend,
    "resend_all": _resend_all,
}


def _target(source: Source, options: Options) -> Child:
    """The child that is meant; if an incarnation is named, only that one. Raises `UnknownName`, `UsageError`."""
    name, seen = options.needed("name"), options.optional_number("incarnation")
    options.end()
    child = registry_of(source.system).find(name)
    if name.startswith(INTERNAL):
        raise UsageError(f"{name} is the system's own; leave the block of open_system to stop it")
    incarnation = current_incarnation.get()
    above: Child | Parent | None = None if incarnation is None else incarnation.child
    while above is not None:
        if above is child:
            raise UsageError(f"this console runs in {name}: it cannot stop or restart that, since nobody would be left to answer")
        above = above.parent
    if seen is not None and seen != child.incarnation:
        raise UsageError(f"{name} is in its incarnation {child.incarnation} by now, not in {seen}: look again")
    return child


def _kept(source: Source) -> dict[int, DeadLetter]:
    runtime = runtime_of(source.system)
    return dict(enumerate(tuple(runtime.accounts.dead_letters), start=runtime.accounts.dead - len(runtime.accounts.dead_letters)))


async def _sent_again(source: Source, number: int) -> str:
    """Raises `UnknownName`, `UsageError`, and what sending raises."""
    letter = _kept(source).get(number)
    if letter is None:
        raise UsageError(f"no dead letter has the number {number}: it is not kept any more, or never was")
    if number in source.resent:
        raise UsageError(f"dead letter {number} was sent again already")
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


async def answered(source: Source, asker: Asker, message: Mapping[str, Any]) -> Message:
    """The answer to a request, whatever comes of it."""
    await trio.lowlevel.checkpoint()
    deed = message.get("type") == "act"
    what, given = message.get("what"), message.get("options", {})
    try:
        options = Options(given, str(what)[:100])
        value = await _done(source, asker, what, options) if deed else await _told(source, what, options)
        return {"type": "answer", "ok": True, "value": plain(value)}
    except TrioactorsError as error:
        if deed:
            _audit.warning("%s (%s): %s %r failed: %s", asker.address, asker.role.value, _spelled(what), given, _spelled(error))
        return {"type": "answer", "ok": False, "error": told_error(error)}


async def _told(source: Source, what: object, options: Options) -> object:
    await trio.lowlevel.checkpoint()
    if not isinstance(what, str) or what not in QUESTIONS:
        raise SpecError(f"nobody can ask {str(what)[:100]!r}; there are {', '.join(QUESTIONS)}")
    answer = QUESTIONS[what](source, options)
    return await cast("Awaitable[object]", answer) if isinstance(answer, Awaitable) else answer


async def _done(source: Source, asker: Asker, what: object, options: Options) -> object:
    if not isinstance(what, str) or what not in DEEDS:
        raise SpecError(f"nobody can do {str(what)[:100]!r}; there are {', '.join(DEEDS)}")
    if asker.role is not Role.ADMIN:
        raise NotAllowed(f"{what} needs the role admin, and you are a {asker.role.value}")
    _audit.warning("%s (%s): %s %r", asker.address, asker.role.value, what, options)
    value = await DEEDS[what](source, options)
    _audit.warning("%s (%s): %s %r done", asker.address, asker.role.value, what, options)
    return value


def _spelled(value: object) -> str:
    """In one line of at most 200 characters: what comes from outside must not fake an entry."""
    return repr(str(value))[:200]
