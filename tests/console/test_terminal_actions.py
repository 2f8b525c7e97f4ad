"""Terminal commands that act on a running console: what they ask, send and print, and their exit codes."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
import trio

import trioactors as ta
from trioactors import inspect
from trioactors.cli.acting import acted, called, cast_to, confirmed, restarted, stopped
from trioactors.cli.consoles import Address
from trioactors.cli.letters import discarded, edited, look_at_audit, look_at_letters, resent
from trioactors.cli.live_commands import shown_live
from trioactors.cli.program import _read, main
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.console.audit import audit_of

pytest.importorskip("trio_websocket")

URL = "http://127.0.0.1:50000"
ADMIN = "admin-token-0123456789"
TOKEN = "viewer-token-0123456789"


class Declined(Exception):
    """A declared error."""


class Till(ta.Actor[None]):
    @ta.handler(raises=(Declined,), secret=("pin",))
    async def pay(self, amount: int, note: str | None = None, *, pin: str = "0") -> dict[str, Any]:
        """Pay."""
        if amount > 100:
            raise Declined("too much")
        await trio.lowlevel.checkpoint()
        return {"amount": amount, "note": note, "digits": len(pin)}

    @ta.handler
    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


@pytest.fixture
async def till(console: Any) -> Till:
    return await console.system.supervisor("shop").start_child(ta.child(Till, name="till"))


async def done(console: Any, step: Any, *arguments: str, token: str = ADMIN, asked: list[str] | None = None) -> ExitCode:
    """Run a command on the network in memory; *asked* gets its question, which is answered yes."""
    options = _read([arguments[0], URL, *arguments[1:]])

    async def confirm(question: str) -> None:
        await trio.lowlevel.checkpoint()
        if asked is not None:
            asked.append(question)

    return await acted(Address.of(URL, token), lambda address: console.network.connect(address.port), options, step, confirm)


async def test_a_call_prints_the_reply_as_json(console: Any, till: Till, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    code = await done(console, called, "call", "till", "pay", "--json", '{"amount": 3, "pin": "1234"}', asked=asked)

    assert code is ExitCode.OK
    assert asked == ["Call till.pay(amount=3, pin=<secret>)?"]
    assert json.loads(capsys.readouterr().out) == {"amount": 3, "note": None, "digits": 4}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("amount=3", "note=5"), {"amount": 3, "note": "5", "digits": 1}),
        (("note=a=b\u20ac", "amount=-1"), {"amount": -1, "note": "a=b\u20ac", "digits": 1}),
        (("amount=1", "note=null", "pin="), {"amount": 1, "note": None, "digits": 0}),
    ],
)
async def test_arguments_are_typed_as_key_and_value(
    console: Any, till: Till, capsys: pytest.CaptureFixture[str], typed: tuple[str, ...], expected: object
) -> None:
    await done(console, called, "call", "till", "pay", *typed)

    assert json.loads(capsys.readouterr().out) == expected


async def test_arguments_are_read_from_standard_input(
    console: Any, till: Till, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"amount": 7}\n'))

    await done(console, called, "call", "till", "pay", "--json", "-")

    assert json.loads(capsys.readouterr().out)["amount"] == 7


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("pay",), ExitCode.REFUSED, "till.pay: amount: missing"),
        (("pay", "amount=x"), ExitCode.USAGE, "amount: x is not JSON"),
        (("pay", "amount"), ExitCode.USAGE, "is not KEY=VALUE"),
        (("pay", "amount=1", "amount=2"), ExitCode.REFUSED, "twice"),
        (("pay", "amount=1", "--json", "{}"), ExitCode.USAGE, "not both"),
        (("pay", "--json", "{"), ExitCode.REFUSED, "invalid JSON"),
        (("pay", "--json", '{"amount": "1", "note": 1}'), ExitCode.REFUSED, r"amount: expected int.*; note: expected str"),
        (("pay", "amount=101"), ExitCode.REFUSED, "pay raised Declined: too much"),
        (("stop",), ExitCode.REFUSED, "no handler 'stop'; its handlers: pay, sleep"),
        (("sleep", "seconds=9", "--deadline", "1"), ExitCode.REFUSED, "sleep"),
        (("sleep", "seconds=9", "--deadline", "1e9"), ExitCode.REFUSED, "deadline must be a number of seconds"),
        (("sleep", "seconds=9", "--deadline", "nan"), ExitCode.USAGE, "--deadline must be a positive number of seconds"),
        (("pay", "--json", '{"amount": 1, "amount": 2}'), ExitCode.REFUSED, "^invalid JSON: an object has the key 'amount' twice$"),
    ],
)
async def test_a_call_that_cannot_be_made_says_why(
    console: Any, till: Till, arguments: tuple[str, ...], code: ExitCode, told: str
) -> None:
    with pytest.raises(Refused, match=told) as refused:
        await done(console, called, "call", "till", *arguments)

    assert refused.value.code is code


async def test_a_cast_is_sent_and_asked_for(console: Any, till: Till) -> None:
    asked: list[str] = []

    await done(console, cast_to, "cast", "till", "pay", "amount=1", asked=asked)
    await till.sleep(0)

    assert asked == ["Cast till.pay(amount=1)?"]
    assert inspect.actor(console.system, "till").ledger.handled == 2


async def test_nothing_is_sent_when_the_answer_is_no(console: Any, till: Till) -> None:
    options = _read(["call", URL, "till", "pay", "amount=1"])

    async def refuse(_: str) -> None:
        await trio.lowlevel.checkpoint()
        raise Refused("nothing was done")

    with pytest.raises(Refused, match="nothing was done"):
        await acted(Address.of(URL, ADMIN), lambda address: console.network.connect(address.port), options, called, refuse)
    assert inspect.actor(console.system, "till").ledger.accepted == 0


async def test_a_child_is_restarted_and_stopped_by_the_incarnation_that_was_shown(
    console: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    await done(console, restarted, "restart", "anna", asked=asked)
    await done(console, stopped, "stop", "anna", asked=asked)

    assert asked == ["Restart anna, incarnation 1, and all below it?", "Stop anna, incarnation 2, and all below it?"]
    assert capsys.readouterr().out.splitlines() == ["anna was restarted: incarnation 2", "anna was stopped"]
    assert inspect.actor(console.system, "anna").status.value == "undefined"


async def test_a_child_that_restarted_while_the_question_was_asked_is_left_alone(console: Any) -> None:
    options = _read(["stop", URL, "anna"])

    async def slowly(_: str) -> None:
        await ta.restart(console.system.get(console.actor, "anna"))

    with pytest.raises(Refused, match="refresh and try again"):
        await acted(Address.of(URL, ADMIN), lambda address: console.network.connect(address.port), options, stopped, slowly)


async def test_a_viewer_is_refused(console: Any) -> None:
    for step, command in ((restarted, ["restart", "anna"]), (called, ["call", "anna", "note", "text=x"])):
        with pytest.raises(Refused, match="requires the role admin") as refused:
            await done(console, step, *command, token=TOKEN)
        assert refused.value.code is ExitCode.REFUSED


async def test_a_connection_that_is_lost_says_that_the_action_may_have_been_done(console: Any, till: Till) -> None:
    async def stop_console() -> None:
        await trio.sleep(2)
        await console.system.supervisor("shop").terminate_child("console")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop_console)
        with pytest.raises(Refused, match="the action may have been done") as refused:
            await done(console, called, "call", "till", "sleep", "seconds=4")

    assert refused.value.code is ExitCode.UNREACHABLE


# --- dead letters ---


async def letters(console: Any, till: Till, *amounts: int) -> None:
    till.sleep.cast_nowait(1e5)
    for amount in amounts:
        till.pay.cast_nowait(amount, pin="hunter2")
    await trio.sleep(1)
    await ta.stop(till)
    await ta.restart(till)


async def looked(console: Any, look: Any, *arguments: str) -> None:
    options = _read([arguments[0], URL, *arguments[1:]])
    options.watch, options.json, options.frames, options.every = (
        False,
        options.json is not None and options.json is not False,
        None,
        1.0,
    )

    async def show(live: Any) -> Any:
        return await look(live, options=options)

    await shown_live(Address.of(URL, ADMIN), lambda address: console.network.connect(address.port), options, show)


async def test_letters_are_listed_sent_again_and_discarded(console: Any, till: Till, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []
    await letters(console, till, 1, 2, 3)

    await done(console, resent, "letters", "resend", "0", asked=asked)
    await done(console, discarded, "letters", "discard", "1", asked=asked)
    await done(console, resent, "letters", "resend", "--target", "till", asked=asked)
    await looked(console, look_at_letters, "letters")
    listed = capsys.readouterr().out
    await done(console, discarded, "letters", "discard", "--all", asked=asked)

    assert asked == [
        "Send dead letter 0 again? They may have been handled in part before.",
        "Discard dead letter 1?",
        "Send 2 dead letters again? They may have been handled in part before.",
        "Discard 2 dead letters?",
    ]
    assert "dead letter 0 was sent again to till" in listed
    assert "1 dead letter sent again" in listed
    assert "1 dead letter discarded" in listed
    assert "hunter2" not in listed
    assert inspect.dead_letters(console.system).discarded == 3


async def test_a_letter_is_printed_as_json_edited_and_sent(console: Any, till: Till, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []
    await letters(console, till, 1)

    await done(console, edited, "letters", "edit", "0")
    printed = json.loads(capsys.readouterr().out)
    await done(console, edited, "letters", "edit", "0", "amount=2", asked=asked)

    assert printed == {"amount": 1, "note": None}
    assert asked == ["Send dead letter 0 again, as till.pay(amount=2, note=None, pin=<secret>)?"]
    assert capsys.readouterr().out == "dead letter 0 was sent again to till\n"


async def test_what_was_sent_already_is_not_sent_again(console: Any, till: Till) -> None:
    await letters(console, till, 1)
    await done(console, resent, "letters", "resend", "0")

    with pytest.raises(Refused, match="already been sent again"):
        await done(console, edited, "letters", "edit", "0", "--json", '{"amount": 2}')


async def test_letters_that_cannot_be_sent_are_told(console: Any, till: Till, capsys: pytest.CaptureFixture[str]) -> None:
    await letters(console, till, 1)
    await ta.stop(till)

    with pytest.raises(Refused, match="1 dead letter could not be sent"):
        await done(console, resent, "letters", "resend", "--all")
    assert "dead letter 0 could not be sent" in capsys.readouterr().err
    (entry,) = audit_of(console.system).page(action="resend_all").rows
    assert entry.options.endswith(": 0 sent, 1 not")


async def test_letters_are_json_for_programs(console: Any, till: Till, capsys: pytest.CaptureFixture[str]) -> None:
    await letters(console, till, 1, 2)

    await looked(console, look_at_letters, "letters", "list", "--json")

    assert [row["number"] for row in json.loads(capsys.readouterr().out)["rows"]] == [1, 0]


async def test_the_audit_log_is_a_table(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await done(console, restarted, "restart", "anna")
    capsys.readouterr()

    await looked(console, look_at_audit, "audit")

    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["TIME", "WHO", "ACTION", "OUTCOME", "TOOK", "WHAT"]
    assert "(admin)" in row
    assert "restart" in row
    assert "done" in row


# --- the command line ---


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["letters", URL, "resend"], "needs either a NUMBER, a filter"),
        (["letters", URL, "discard", "1", "--all"], "needs either a NUMBER, a filter"),
        (["letters", URL, "edit"], "needs the NUMBER"),
        (["letters", URL, "list", "3"], "takes a filter only"),
        (["letters", URL, "shred"], "ACTION"),
        (["letters", URL, "--target", "\\q"], "escape"),
        (["call", URL, "anna"], "HANDLER"),
        (["call", "sqlite:///shop.db", "anna", "note"], "is not a console"),
        (["restart", URL], "NAME"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        ended = main(arguments)
    except SystemExit as error:
        ended = int(str(error.code))

    assert ended == ExitCode.USAGE
    assert told in capsys.readouterr().err


def test_arguments_after_two_dashes_are_taken_as_they_are() -> None:
    options = _read(["call", URL, "till", "pay", "--yes", "--", "amount=-1", "--note=x"])

    assert (options.name, options.handler, options.arguments) == ("till", "pay", ["amount=-1", "--note=x"])


async def ask(typed: str, monkeypatch: pytest.MonkeyPatch, *arguments: str, terminal: bool = True) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    await confirmed(_read(["stop", URL, "anna", *arguments]))("Stop\x1b anna?")


@pytest.mark.parametrize("typed", ["y\n", "YES\n", " y "])
def test_a_terminal_is_asked(typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    trio.run(ask, typed, monkeypatch)

    assert capsys.readouterr().err == "Stop\\x1b anna? [y/N] "


@pytest.mark.parametrize("typed", ["n\n", "", "\n", "yep\n"])
def test_any_other_answer_does_nothing(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="nothing was done") as refused:
        trio.run(ask, typed, monkeypatch)

    assert refused.value.code is ExitCode.REFUSED


def test_without_a_terminal_yes_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def asking(*arguments: str) -> None:
        async def main() -> None:
            await ask("y\n", monkeypatch, *arguments, terminal=False)

        trio.run(main)

    asking("--yes")
    with pytest.raises(Refused, match="pass --yes") as refused:
        asking()
    assert refused.value.code is ExitCode.USAGE
