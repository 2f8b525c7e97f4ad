"""Calls and casts through a console: the arguments are JSON, read strictly by the annotations of the handler.

The request is prepared first: `prepare` reads the arguments as the call would, and answers what would be sent, in words. Reading them may
call the classes of the program, so it is for admins, like the call itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
import trio

from trioactors.actors.calls import RemoteHandler
from trioactors.actors.child import ActorChild
from trioactors.console.options import Options
from trioactors.console.source import Source
from trioactors.console.topics import NotShown, error_fields, shown
from trioactors.inspect import Limits, Plain, plain, signatures
from trioactors.inspect.arguments import Parameters, parameters_of
from trioactors.inspect.signatures import handler_of
from trioactors.messaging.definitions import HandlerSpec
from trioactors.trace.formatting import described, told

__all__ = ["call", "cast_message", "handlers", "prepare", "sent_as"]

_REPLY: Final = Limits(text=20_000, items=1_000, depth=20, total=20_000)
_LARGE: Final = Limits(text=1_000, items=100, depth=10, total=400)
"""How much of a reply is shown, and how much of one that is still too large then."""
_SIZE: Final = 500_000
"""Largest reply in characters of JSON."""
_LONGEST: Final = 600.0
"""Longest deadline of a call, in seconds; and the usual one, if the handler's own is longer."""
_USUAL: Final = 60.0
_SHORTEST: Final = 0.01


@attrs.frozen(eq=False)
class _Request:
    """A message that can be sent."""

    child: ActorChild
    spec: HandlerSpec
    values: Mapping[str, Any]
    text: str
    """What would be sent, without secrets."""

    def handler(self, deadline: float | None = None) -> RemoteHandler[..., Any]:
        return RemoteHandler(self.child, self.spec, deadline)


def handlers(source: Source, options: Options) -> object:
    """The handlers of an actor."""
    name = options.needed("name")
    options.end()
    return {"name": name, "handlers": signatures(source.system, name)}


def prepare(source: Source, options: Options) -> object:
    """What a call or a cast would send. Raises `ArgumentsRefused`, with each problem."""
    request = _request(source, options)
    options.end()
    return {"text": request.text, "timeout": _usual_deadline(request)}


async def call(source: Source, options: Options) -> object:
    """Call, and answer the reply, or the declared error that the handler raised."""
    request = _request(source, options)
    deadline = options.duration("deadline", _usual_deadline(request), least=_SHORTEST, most=_LONGEST)
    options.end()
    began = trio.current_time()
    try:
        reply = await request.handler(deadline)(**request.values)
    except request.spec.raises as error:
        return {"outcome": "raised", "error": error_fields(error), "seconds": trio.current_time() - began}  # noqa: ASYNC910 - a call is one
    answer = {"outcome": "reply", "type": type(reply).__qualname__, "seconds": trio.current_time() - began}
    try:
        return {**answer, "value": shown(lambda: _cut(reply))}
    except NotShown as error:
        return {**answer, "value": None, "note": f"the reply has arrived, but {error}"}


def _cut(reply: object) -> Plain:
    value = plain(reply, _REPLY)
    return value if len(json.dumps(value)) <= _SIZE else plain(reply, _LARGE)


async def cast_message(source: Source, options: Options) -> object:
    """Cast, or fail at once if the mailbox is full."""
    request = _request(source, options)
    options.end()
    request.handler().cast_nowait(**request.values)
    await trio.lowlevel.checkpoint()
    return {"target": request.child.name, "handler": request.spec.name}


def _request(source: Source, options: Options) -> _Request:
    name, handler, arguments = options.needed("name"), options.needed("handler"), options.json("arguments")
    child, spec = handler_of(source.system, name, handler)
    parameters = parameters_of(source.system, child, spec)
    values = parameters.read(dict[str, object]() if arguments is None else arguments)
    options.spelled = sent_as(parameters, values)
    return _Request(child, spec, values, options.spelled)


def _usual_deadline(request: _Request) -> float:
    limits = (request.spec.timeout, request.child.plan.timeout, request.child.runtime.settings.call_timeout)
    return max(_SHORTEST, min(_USUAL, next(each for each in limits if each is not None)))


def sent_as(parameters: Parameters, values: Mapping[str, Any]) -> str:
    """A message in words, as in `ledger.post(amount=3)`, without secrets."""
    hidden = parameters.spec.secret
    given = ", ".join(f"{name}={'<secret>' if name in hidden else described(value, told)}" for name, value in values.items())
    return f"{parameters.where}({given})"
