"""Actions on dead letters: send one again, perhaps with other arguments, or discard it; or do so with all that match a filter."""

from __future__ import annotations

import json
from typing import Any

import trio

from trioactors.actors.calls import RemoteHandler
from trioactors.actors.child import ActorChild
from trioactors.console.calling import sent_as
from trioactors.console.options import Options
from trioactors.console.source import Message, Source
from trioactors.console.topics import error_fields
from trioactors.errors import TrioactorsError, UnknownName, UsageError
from trioactors.inspect.arguments import NotCallable, Parameters, parameters_of
from trioactors.inspect.letters import matching
from trioactors.messaging.definitions import HandlerSpec
from trioactors.messaging.ledger import Accounts, DeadLetter
from trioactors.serializer.problems import Problem
from trioactors.system.system import registry_of, runtime_of

__all__ = ["discard", "discard_all", "letter", "resend", "resend_all"]

_MOST = 2**53


def letter(source: Source, options: Options) -> object:
    """A dead letter as it can be edited: its arguments without secrets, also as text (`json`), or why that is not possible.

    With other `arguments`, also what would be sent then. Raises `ArgumentsRefused`.
    """
    number, given = options.number("number", -1, most=_MOST, least=-1), options.json("arguments")
    options.end()
    found = _found(source, number)
    answer: Message = {
        "number": number,
        "target": found.target,
        **dict.fromkeys(("handler", "arguments", "json", "text", "problem")),
    }
    try:
        child, spec = _addressee(source, found)
        parameters = _editable(source, child, spec)
        values = _values(spec, found)
        text = None if given is None else sent_as(parameters, _changed(parameters, values, given))
        written = parameters.written(values)
        return {**answer, "handler": spec.name, "arguments": written, "json": json.dumps(written), "text": text}
    except (NotCallable, UnknownName) as error:
        return {**answer, "problem": str(error)}
    except Problem as problem:
        return {**answer, "problem": f"it cannot be edited, because its arguments do not fit the annotations: {problem.what}"}


async def resend(source: Source, options: Options) -> object:
    """Send one dead letter again, as a cast; with `arguments`, these instead of its own."""
    number, arguments = options.number("number", -1, most=_MOST, least=-1), options.json("arguments")
    options.end()
    found = _unsent(source, number)
    child, spec = _addressee(source, found)
    values = _values(spec, found)
    if arguments is not None:
        parameters = _editable(source, child, spec)
        values = _changed(parameters, values, arguments)
        options.spelled = f"{number} as {sent_as(parameters, values)}"
    await _send(source, number, child, spec, values)
    return {"number": number, "target": found.target}


async def resend_all(source: Source, options: Options) -> object:
    """Send all matching dead letters again. Those that cannot be sent are listed with their errors; the others are sent all the same."""
    await trio.lowlevel.checkpoint()
    found = _matching(source, options)
    sent: list[int] = []
    failed: list[Message] = []
    for each in found:
        if each.number in _accounts(source).resent:
            continue
        try:
            child, spec = _addressee(source, each)
            await _send(source, each.number, child, spec, _values(spec, each))
            sent.append(each.number)
        except TrioactorsError as error:
            failed.append({"number": each.number, "error": error_fields(error)})
    options.spelled = f"{options!r}: {len(sent)} sent, {len(failed)} not"
    return {"sent": sent, "failed": failed}


async def discard(source: Source, options: Options) -> object:
    """Discard one dead letter."""
    await trio.lowlevel.checkpoint()
    number = options.number("number", -1, most=_MOST, least=-1)
    options.end()
    found = _found(source, number)
    _accounts(source).discard({number})
    return {"number": number, "target": found.target}


async def discard_all(source: Source, options: Options) -> object:
    """Discard all matching dead letters."""
    await trio.lowlevel.checkpoint()
    numbers = {each.number for each in _matching(source, options)}
    _accounts(source).discard(numbers)
    options.spelled = f"{options!r}: {len(numbers)} discarded"
    return {"discarded": len(numbers)}


def _accounts(source: Source) -> Accounts:
    return runtime_of(source.system).accounts


def _matching(source: Source, options: Options) -> list[DeadLetter]:
    cause, target = options.text("cause"), options.text("target")
    options.end()
    return matching(source.system, cause=cause, target=target)


def _found(source: Source, number: int) -> DeadLetter:
    found = next((each for each in matching(source.system) if each.number == number), None)
    if found is None:
        raise UsageError(f"there is no dead letter {number}: it was discarded, is no longer kept, or never existed")
    return found


def _unsent(source: Source, number: int) -> DeadLetter:
    found = _found(source, number)
    if number in _accounts(source).resent:
        raise UsageError(f"dead letter {number} has already been sent again")
    return found


def _addressee(source: Source, found: DeadLetter) -> tuple[ActorChild, HandlerSpec]:
    """The actor that the letter was for, and its handler. Raises `UnknownName`."""
    child = registry_of(source.system).find(found.target)
    if isinstance(child, ActorChild):
        for spec in child.plan.handlers.values():
            if spec.message is type(found.message):
                return child, spec
    raise UnknownName(type(found.message).__name__, [])


def _editable(source: Source, child: ActorChild, spec: HandlerSpec) -> Parameters:
    return parameters_of(source.system, child, spec, secrets_anew=True)


def _values(spec: HandlerSpec, found: DeadLetter) -> dict[str, Any]:
    return {field.name: getattr(found.message, field.name) for field in spec.fields}


def _changed(parameters: Parameters, values: dict[str, Any], given: object) -> dict[str, Any]:
    """The values *given* as JSON, and the secret ones of the letter where none is given."""
    return parameters.read(given, {name: value for name, value in values.items() if name in parameters.spec.secret})


async def _send(source: Source, number: int, child: ActorChild, spec: HandlerSpec, values: dict[str, Any]) -> None:
    handler: RemoteHandler[..., Any] = RemoteHandler(child, spec)
    handler.cast_nowait(**values)
    _accounts(source).sent_again(number)
    await trio.lowlevel.checkpoint()
