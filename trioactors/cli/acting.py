"""`call`, `cast`, `restart` and `stop`: act on a running system through its console. Each asks first, in words, what is to be done."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, cast

import trio

from trioactors.cli.consoles import Address, Connect, Live, connect_tcp, live
from trioactors.cli.live_commands import address_of
from trioactors.cli.refusals import ExitCode, Refused, typed_name
from trioactors.cli.words import plain, pretty, say, shown, warn

__all__ = [
    "Confirm",
    "Step",
    "act_on",
    "acted",
    "arguments_of",
    "call",
    "called",
    "cast_to",
    "confirmed",
    "restart",
    "restarted",
    "send_cast",
    "stop",
    "stopped",
]

Confirm: TypeAlias = Callable[[str], Awaitable[None]]
"""Asks a question. Raises `Refused` if the answer is not yes."""
Step: TypeAlias = Callable[[Live, Confirm, argparse.Namespace], Awaitable[None]]

_SLACK: Final = 5.0
"""Seconds that a call may take beyond its own deadline."""
_AS_TYPED: Final = frozenset({"str", "text", "choice", "ref"})
"""The kinds of values that are typed as they are, not as JSON."""


def call(options: argparse.Namespace) -> ExitCode:
    """Call an actor."""
    return act_on(options, called)


def send_cast(options: argparse.Namespace) -> ExitCode:
    """Cast to an actor."""
    return act_on(options, cast_to)


def restart(options: argparse.Namespace) -> ExitCode:
    """Restart a child."""
    return act_on(options, restarted)


def stop(options: argparse.Namespace) -> ExitCode:
    """Stop a child."""
    return act_on(options, stopped)


def act_on(options: argparse.Namespace, step: Step) -> ExitCode:
    """Carry out *step* on the console of *options*."""
    return trio.run(acted, address_of(options), connect_tcp, options, step, confirmed(options))


async def acted(address: Address, connect: Connect, options: argparse.Namespace, step: Step, confirm: Confirm) -> ExitCode:
    """Connect, and carry out *step*."""
    async with live(address, connect) as console:

        async def asked(question: str) -> None:
            await console.meanwhile(partial(confirm, question))

        await step(console, asked, options)
    return ExitCode.OK


def confirmed(options: argparse.Namespace) -> Confirm:
    """A function that asks in the terminal, unless `--yes` was given."""

    async def confirm(question: str) -> None:
        await trio.lowlevel.checkpoint()
        if options.yes:
            return
        if not sys.stdin.isatty() or getattr(options, "json", None) == "-":
            raise Refused(f"{question} Nothing was done: no terminal can answer, so pass --yes", ExitCode.USAGE)
        sys.stderr.write(f"{plain(question)} [y/N] ")
        sys.stderr.flush()
        answer = await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
        if answer.strip().lower() not in {"y", "yes"}:
            raise Refused("nothing was done")

    return confirm


# --- messages ---


async def called(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Call, and print the reply. A declared error is a refusal."""
    if options.deadline is not None and not options.deadline > 0:  # not a number, too
        raise Refused("--deadline must be a positive number of seconds", ExitCode.USAGE)
    request = await _request(console, options)
    prepared = await console.ask("prepare", **request)
    await confirm(f"Call {prepared['text']}?")
    deadline = prepared["timeout"] if options.deadline is None else options.deadline
    answer = await console.act("call", seconds=deadline + _SLACK, **request, deadline=options.deadline)
    if answer["outcome"] == "raised":
        raise Refused(f"{options.handler} raised {answer['error']['kind']}: {answer['error']['text']}")
    for line in pretty(answer["value"]):
        say(line)
    if "note" in answer:
        warn(str(answer["note"]))


async def cast_to(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Cast."""
    request = await _request(console, options)
    prepared = await console.ask("prepare", **request)
    await confirm(f"Cast {prepared['text']}?")
    await console.act("cast", **request)


async def _request(console: Live, options: argparse.Namespace) -> dict[str, Any]:
    await trio.lowlevel.checkpoint()
    name = typed_name(options.name)
    arguments = await arguments_of(console, options, name, options.handler, None)
    return {"name": name, "handler": options.handler, "arguments": arguments}


async def arguments_of(console: Live, options: argparse.Namespace, name: str, handler: str, known: dict[str, Any] | None) -> str:
    """The arguments as the text of a JSON object; those typed as KEY=VALUE are added to *known*."""
    await trio.lowlevel.checkpoint()
    if options.json is not None:
        if options.arguments:
            raise Refused("pass the arguments either as KEY=VALUE or with --json, not both", ExitCode.USAGE)
        return sys.stdin.read() if options.json == "-" else str(options.json)
    if not options.arguments:
        return json.dumps(known or {})
    answer = await console.ask("signatures", name=name)
    known_handlers: dict[str, list[Any]] = {each["name"]: each["parameters"] for each in answer["handlers"]}
    typed = {each["name"]: each["shape"] for each in known_handlers.get(handler, [])}
    given = [_typed(each, typed) for each in cast("Sequence[str]", options.arguments)]
    kept = [(key, json.dumps(value)) for key, value in (known or {}).items() if key not in dict(given)]
    return f"{{{', '.join(f'{json.dumps(key)}: {value}' for key, value in [*kept, *given])}}}"


def _typed(argument: str, shapes: dict[str, Any]) -> tuple[str, str]:
    """The key and the JSON of a typed argument. Raises `Refused`."""
    key, equals, text = argument.partition("=")
    if not equals:
        raise Refused(f"{shown(argument)} is not KEY=VALUE", ExitCode.USAGE)
    shape = shapes.get(key, {"kind": "json"})
    if shape["kind"] == "optional" and text != "null":
        shape = shape["of"]
    if shape["kind"] in _AS_TYPED and not (shape["kind"] == "choice" and text not in shape["choices"]):
        return key, json.dumps(text)
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{shown(key)}: {shown(text)[:200]} is not JSON: {error}", ExitCode.USAGE) from None
    return key, text


# --- children ---


async def restarted(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Restart a child."""
    name = typed_name(options.name)
    branch = await console.look("tree", name=name, children=0)
    await confirm(f"Restart {shown(name)}, incarnation {branch['incarnation']}, and all below it?")
    answer = await console.act("restart", name=name, incarnation=branch["incarnation"])
    say(f"{shown(name)} was restarted: incarnation {answer['incarnation']}")


async def stopped(console: Live, confirm: Confirm, options: argparse.Namespace) -> None:
    """Stop a child."""
    name = typed_name(options.name)
    branch = await console.look("tree", name=name, children=0)
    await confirm(f"Stop {shown(name)}, incarnation {branch['incarnation']}, and all below it?")
    await console.act("stop", name=name, incarnation=branch["incarnation"])
    say(f"{shown(name)} was stopped")
