"""The terminal commands against a running console: their output and exit status."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors import inspect
from trioactors.cli import main
from trioactors.cli.consoles import Address
from trioactors.cli.live_commands import _actor, _actors, _figures, shown_live, traced_live
from trioactors.cli.program import _read
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.tables import actor_lines, actors_lines, figures_lines, tree_lines
from trioactors.console import serve_console

pytest.importorskip("trio_websocket")

URL = "http://127.0.0.1:50000"
TOKEN = "viewer-token-0123456789"
NAME = "<b>evil\x1b[2J\n"


async def said(console: Any, look: Any, *arguments: str, url: str = URL, token: str | None = TOKEN) -> ExitCode:
    """Run a command on the network in memory."""
    options = options_of(*arguments)
    return await shown_live(Address.of(url, token), lambda address: console.network.connect(address.port), options, look)


def options_of(*arguments: str) -> argparse.Namespace:
    return _read([arguments[0], URL, *arguments[1:]])


def ps(*arguments: str) -> Any:
    return partial(_actors, options=options_of("ps", *arguments))


async def test_ps_is_a_readable_table(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await console.system.get(console.actor, "anna").note("x")

    assert await said(console, ps(), "ps") is ExitCode.OK
    head, anna, bert = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "CLASS", "STATUS", "INCARNATION", "AGE", "WAITING", "HANDLED", "CRASHED", "HANDLING", "FOR"]
    assert anna.split() == ["anna", "Clerk", "running", "1", "0.0s", "0", "1", "0", "-", "-"]
    assert bert.startswith("bert")


async def test_ps_is_sorted_searched_and_limited_by_the_server(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await said(console, ps("--sort", "name", "--reverse", "--limit", "1"), "ps")
    limited = capsys.readouterr().out.splitlines()
    await said(console, ps("--search", "ANN"), "ps")
    searched = capsys.readouterr().out.splitlines()

    assert limited[1].startswith("bert")
    assert limited[2] == "and 1 more of 2"
    assert [line.split()[0] for line in searched[1:]] == ["anna"]


async def test_json_is_one_object_a_line(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await said(console, ps(), "ps", "--json", "--watch", "--frames", "2")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert [row["name"] for row in json.loads(lines[0])["rows"]] == ["anna", "bert"]


async def test_watching_looks_again_and_again(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    began = trio.current_time()

    await said(console, _figures, "inspect", "--watch", "--every", "5", "--frames", "3")

    assert trio.current_time() - began >= 10
    assert capsys.readouterr().out.count("2 actors") == 3


@pytest.mark.parametrize(
    ("width", "gone"),
    [
        (40, {"INCARNATION", "AGE", "FOR", "CRASHED", "HANDLED"}),
        (60, {"INCARNATION", "AGE", "FOR"}),
        (72, {"INCARNATION"}),
        (10, {"INCARNATION", "AGE", "FOR", "CRASHED", "HANDLED", "CLASS", "STATUS"}),
    ],
)
async def test_a_narrow_terminal_shows_who_waits_and_what_is_handled_first(console: Any, width: int, gone: set[str]) -> None:
    await trio.lowlevel.checkpoint()
    now = trio.current_time()
    page = inspect.plain(inspect.actors(console.system))
    assert isinstance(page, dict)
    whole, narrow = actors_lines(page, now), actors_lines(page, now, width)

    assert set(whole[0].split()) - set(narrow[0].split()) == gone
    assert max(len(line) for line in narrow) <= max(width, len("NAME  WAITING  HANDLING"))


async def test_ps_finds_what_the_page_calls_down(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await console.system.supervisor("shop").terminate_child("bert")
    await said(console, ps("--status", "down"), "ps")

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["bert"]


async def test_a_dumb_terminal_gets_no_codes(
    console: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")

    await said(console, _figures, "inspect", "--watch", "--frames", "1")

    assert "\x1b" not in capsys.readouterr().out


async def test_inspect_shows_one_actor_in_full(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    anna = console.system.get(console.actor, "anna")
    with pytest.raises(ta.ActorCrashed):
        await anna.fail()
    await anna.note("hello")
    anna.wait.cast_nowait()
    anna.note.cast_nowait("later")
    await trio.sleep(90)

    await said(console, partial(_actor, name="anna"), "inspect", "anna")

    shown = capsys.readouterr().out
    for part in (
        "name      anna",
        "incarnation 2",
        "wait for 2m",
        '"hello"',
        ">=0.0s",
        "last crash, incarnation 1",
        "ValueError",
        "stack",
    ):
        assert part in shown
    assert "hunter2" not in shown


async def test_inspect_tells_of_a_child_that_is_no_actor_why_it_failed(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await console.system.supervisor().start_child(ta.child(console.function, name="poll", restart="permanent"))
    await said(console, partial(_actor, name="poll"), "inspect", "poll")
    before = capsys.readouterr().out
    await trio.sleep(4)

    await said(console, partial(_actor, name="poll"), "inspect", "poll")
    after = capsys.readouterr().out
    await said(console, partial(_actor, name="shop"), "inspect", "shop")
    supervisor = capsys.readouterr().out
    await said(console, partial(_actor, name="poll"), "inspect", "poll", "--json")
    told = json.loads(capsys.readouterr().out)

    assert "kind      function" in before
    assert "last crash" not in before
    for part in (
        "name      poll",
        "incarnation 2, permanent",
        "last exit crash: OSError",
        "last crash, incarnation 1, 1.0s ago",
        "the line is dead",
    ):
        assert part in after
    assert "budget    one_for_one, 0 of 3 restarts in 5 s" in supervisor
    assert (told["incarnation"], told["failure"]["text"]) == (2, "the line is dead")


async def test_names_with_control_characters_cannot_fake_anything(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await console.system.start(console.actor, name=NAME)

    await said(console, ps(), "ps")
    await said(console, partial(_actor, name=NAME), "inspect", "x")

    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "<b>evil\\x1b[2J\\n" in shown


async def test_trace_shows_records_as_they_come_and_ends(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    options = _read(["trace", URL, "--child", "anna", "--count", "2"])
    anna = console.system.get(console.actor, "anna")
    codes: list[ExitCode] = []

    async def trace() -> None:
        codes.append(await traced_live(Address.of(URL, TOKEN), lambda address: console.network.connect(address.port), options))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trace)
        await trio.sleep(1)
        await anna.note("x")

    accepted, handled = capsys.readouterr().out.splitlines()
    assert "MessageAccepted" in accepted
    assert "MessageHandled" in handled
    assert 'handler="note"' in handled
    assert codes == [ExitCode.OK]


async def trace(console: Any, *arguments: str) -> ExitCode:
    return await traced_live(
        Address.of(URL, TOKEN), lambda address: console.network.connect(address.port), options_of("trace", *arguments)
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--count", "0"), r"^trace: count=0 must be a whole number, at least 1$"),
        (
            ("--kind", "MessageHandeld"),
            r"^trace: unknown kind 'MessageHandeld'; known kinds: .*CallTimedOut, .*MessageHandled",
        ),
        (("--kind", "TraceRecord"), r"unknown kind"),
    ],
)
async def test_a_trace_that_makes_no_sense_is_refused_in_words(console: Any, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(Refused, match=told) as refused:
        await trace(console, *arguments)

    assert refused.value.code is ExitCode.REFUSED


async def test_a_trace_of_a_child_that_is_not_there_says_that_it_waits(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trace, console, "--child", "carl", "--count", "1")
        await trio.sleep(1)
        told = capsys.readouterr().err
        await console.system.start(console.actor, name="carl")

    assert told == "trioactors: there is no child carl yet; waiting for it\n"
    assert "ChildStarted" in capsys.readouterr().out


async def test_a_trace_of_a_child_that_is_there_says_nothing_of_it(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trace, console, "--child", "anna", "--count", "1")
        await trio.sleep(1)
        await console.system.get(console.actor, "anna").note("x")

    assert capsys.readouterr().err == ""


async def test_a_link_opens_one_command(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    link = f"{URL}{console.link}"

    assert await said(console, _figures, "inspect", url=link, token=None) is ExitCode.OK
    with pytest.raises(Refused, match="each link works once"):
        await said(console, _figures, "inspect", url=link, token=None)
    assert "2 actors" in capsys.readouterr().out


async def test_a_wrong_token_is_told_in_one_line(console: Any) -> None:
    with pytest.raises(Refused, match="Sign in first") as refused:
        await said(console, _figures, "inspect", token="wrong")

    assert refused.value.code is ExitCode.REFUSED
    assert "\n" not in str(refused.value)


async def test_an_actor_that_nobody_knows_is_told(console: Any) -> None:
    with pytest.raises(Refused, match="nobody") as refused:
        await said(console, partial(_actor, name="nobody"), "inspect", "nobody")

    assert refused.value.code is ExitCode.REFUSED


async def test_where_nobody_listens_is_told(console: Any) -> None:
    with pytest.raises(Refused, match="no console answers") as refused:
        await said(console, _figures, "inspect", url="http://127.0.0.1:1")

    assert refused.value.code is ExitCode.UNREACHABLE


async def test_what_speaks_no_http_is_no_console(console: Any) -> None:
    opened = await console.network.listen("127.0.0.1", 7)

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"SSH-2.0-OpenSSH\r\n")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, answer, [opened.listener])
        with pytest.raises(Refused, match="is not a console"):
            await said(console, _figures, "inspect", url="http://127.0.0.1:7")
        nursery.cancel_scope.cancel()


async def test_a_console_that_goes_away_while_it_is_watched_is_told(console: Any) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_later, console.system)
        with pytest.raises(Refused, match="closed") as refused:
            await said(console, _figures, "inspect", "--watch")

    assert refused.value.code is ExitCode.UNREACHABLE


async def _stop_later(system: ta.System) -> None:
    await trio.sleep(5)
    await system.supervisor("shop").terminate_child("console")


async def test_an_error_in_a_command_comes_out_as_itself(console: Any) -> None:
    async def interrupt(_: Any) -> Any:
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await said(console, interrupt, "inspect")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["tree", "sqlite:///shop.db"], 2, "is not a console"),
        (["ps", "http://"], 2, "is not a console"),
        (["ps", "http://h:port"], 2, "not a URL"),
        (["ps", "http://h:1/?token=secret-0123456789"], 2, "does not belong into a URL"),
        (["ps", "http://user:secret@h:1"], 2, "does not belong into a URL"),
        (["ps", "http://h:1/console"], 2, "has a path"),
        (["ps", "http://h", "--sort", "beauty"], 2, "--sort"),
        (["ps", "http://h", "--every", "0"], 2, "--every"),
        (["inspect", "http://h", "--space", "state"], 2, "--space"),
        (["inspect", "http://h", "\\q"], 2, "escape"),
        (["backup", "http://127.0.0.1:1", "to"], 2, "http"),
        (["top", "http://127.0.0.1:1"], 5, "no console answers"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioactors.cli.live_commands.trio.run", partial(trio.run, clock=MockClock()))
    try:
        ended = main(arguments)
    except SystemExit as error:
        ended = int(str(error.code))

    assert ended == code
    assert told in capsys.readouterr().err


def test_the_figures_say_who_waits_and_what_holds_the_loop() -> None:
    ledger = {"handled": 7, "crashed": 0}
    quiet = {"ledger": ledger, "store": None, "store_broken": False, "actors": 1, "children": 2, "down": 0, "busy": 1}
    quiet |= {"backlog": 3, "dead_letters": 0, "restarts": 0, "failures": 0, "mailbox_wait": 0.0, "loop_lag": None}

    told = [figures_lines({**quiet, **more})[1] for more in ({}, {"mailbox_wait": 75.0}, {"loop_lag": 0.251})]

    assert told == [
        "3 waiting, 7 handled, 0 crashed, 0 dead letters, 0 restarts, 0 failures",
        "3 waiting, 7 handled, 0 crashed, 0 dead letters, 0 restarts, 0 failures; the oldest call has waited 1m",
        "3 waiting, 7 handled, 0 crashed, 0 dead letters, 0 restarts, 0 failures; a task blocked the event loop for 0.25s",
    ]


def test_a_tree_is_drawn() -> None:
    def branch(name: str, *children: dict[str, Any], **rest: Any) -> dict[str, Any]:
        budget = {"strategy": "one_for_one", "used": 1, "allowed": 3, "period": 5.0} if children else None
        kind = "supervisor" if children else "actor"
        plain = {"actor": None, "status": "running", "incarnation": 1, "backlog": 0, "last_exit": None, "more": 0}
        return {"name": name, "kind": kind, "budget": budget, "children": list(children), **plain, **rest}

    inner = branch("b", branch("c", actor="Clerk", backlog=7), more=2)
    shown = tree_lines(branch("a", inner, branch("d", status="restarting", incarnation=3, last_exit="crash: OSError")))

    assert shown == [
        "a (supervisor) one_for_one, 1 of 3 restarts in 5 s",
        "|-- b (supervisor) one_for_one, 1 of 3 restarts in 5 s",
        "|   |-- c (Clerk) 7 waiting",
        "|   `-- and 2 more",
        "`-- d (actor) RESTARTING incarnation 3 last exit: crash: OSError",
    ]


async def test_a_timer_is_shown_with_when_it_rings(console: Any) -> None:
    view = inspect.plain(inspect.actor(console.system, "anna"))
    assert isinstance(view, dict)
    timer = {"actor": "anna", "key": "beat", "handler": "tick", "due": 12.0, "period": 60.0, "waiting": False}

    lines = actor_lines({**view, "timers": [timer], "durable": {"policy": "EVERY", "revision": 3, "size": 1_000}}, 2.0)

    assert "timer     tick beat in 10.0s, every 1m" in lines
    assert "durable   EVERY, revision 3, 1,000 bytes" in lines


class Plain(ta.Actor[None]):
    @ta.handler
    def hello(self) -> str:
        return "hello"


def test_every_command_works_against_a_console_on_a_real_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIOACTORS_CONSOLE_TOKEN", TOKEN)
    announced: list[str] = []

    async def typed(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-W", "error", "-m", "trioactors", *arguments]
        done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
        return done.returncode, (done.stdout + done.stderr).decode()

    async def session() -> list[tuple[int, str]]:
        console = partial(serve_console, token=TOKEN, announce=announced.append)
        tree = ta.Supervisor(ta.child(Plain, name="plain"), ta.child(console, name="console"), name="top")
        async with ta.open_system(tree):
            url = announced[0].split()[1].partition("/open/")[0]
            results = [await typed("tree", url), await typed("ps", url), await typed("inspect", url, "plain", "--json")]
            return [*results, await typed("top", url, "--frames", "1"), await typed("tree", announced[0].split()[1])]

    told = trio.run(session, clock=MockClock())

    assert [code for code, _ in told] == [0, 0, 0, 0, 0], told
    assert "plain (Plain)" in told[0][1]
    assert json.loads(told[2][1])["name"] == "plain"
    assert "1 actor," in told[3][1]
