"""Pause, resume, reset and restore through a console: from the page's protocol, and from a terminal."""

from __future__ import annotations

import argparse
import csv
import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.adders import Adder
from shared.logs import our_records
from trioactors import inspect
from trioactors.cli import main
from trioactors.cli.acting import acted
from trioactors.cli.consoles import Address
from trioactors.cli.live_commands import _actors, shown_live
from trioactors.cli.program import _read
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.repair_commands import list_quarantine, pause_actor, reset_record, restore_record, resume_actor
from trioactors.cli.tables import actor_lines, actors_lines, tree_lines
from trioactors.persistence import Batch, Key, Space, Write

pytest.importorskip("trio_websocket")

URL = "http://127.0.0.1:50000"
TOKEN = "viewer-token-0123456789"
ADMIN = "admin-token-0123456789"


async def damaged(console: Any) -> Adder:
    """A durable actor that is down because its record cannot be read."""
    adder: Adder = await console.system.start(Adder, name="adder")
    await adder.add(5)
    store = console.system._runtime.committer.store
    store.commit([Batch((Write(Key(Space.STATE, "adder"), b"{}", expected=None),))])
    with pytest.raises(ta.StartFailed):
        await ta.restart(adder)
    return adder


def options_of(command: str, *arguments: str) -> argparse.Namespace:
    return _read([command, URL, *arguments])


STEPS = {
    "pause": pause_actor,
    "resume": resume_actor,
    "reset": reset_record,
    "restore": restore_record,
    "quarantine": list_quarantine,
}


async def typed(
    console: Any, command: str, *arguments: str, token: str = ADMIN, asked: list[str] | None = None, answer: bool = True
) -> ExitCode:
    """Run a command on the network in memory; *asked* gets its question."""
    address, options = Address.of(URL, token), options_of(command, *arguments)

    async def connect(address: Address) -> trio.abc.Stream:
        stream: trio.abc.Stream = await console.network.connect(address.port)
        return stream

    async def confirm(question: str) -> None:
        await trio.lowlevel.checkpoint()
        if asked is not None:
            asked.append(question)
        if not answer:
            raise Refused("nothing was done")

    return await acted(address, connect, options, STEPS[command], confirm)


async def test_a_damaged_actor_is_reset_and_restored(console: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trioactors.console.audit")
    adder = await damaged(console)
    async with console.viewer(ADMIN) as admin:
        look = {"topic": "actors", "status": "failed"}
        seen = (await admin.ask("look", **look))["value"]["rows"][0]
        assert "cannot be read" in seen["problem"]
        answer = await admin.act("reset", name="adder", incarnation=seen["incarnation"])
        assert answer["value"] == {"name": "adder", "copy": "state/adder@2", "incarnation": 3}
        assert await adder.add() == 1
        [row] = (await admin.ask("quarantine"))["value"]["rows"]
        assert (row["name"], row["actor"], row["restorable"]) == ("state/adder@2", "adder", True)
        refused = await admin.act("restore", copy="state/adder@2")

    assert refused["error"]["kind"] == "RecordCorrupt"
    assert await adder.add() == 2
    told = [record.getMessage() for record in our_records(caplog) if record.name == "trioactors.console.audit"]
    assert len([line for line in told if "reset" in line]) == 2
    assert any("restore" in line and "failed" in line for line in told)


async def test_a_readable_copy_is_restored(console: Any) -> None:
    adder = await console.system.start(Adder, name="adder")
    await adder.add(5)
    async with console.viewer(ADMIN) as admin:
        await admin.act("reset", name="adder")
        await adder.add()
        answer = await admin.act("restore", copy="state/adder@1")

    assert answer["value"]["replaced"].startswith("state/adder@")
    assert answer["value"]["incarnation"] == 3
    assert await adder.add() == 6


@pytest.mark.parametrize(
    ("what", "options", "kind"),
    [
        ("reset", {"name": "adder", "incarnation": 7}, "UsageError"),
        ("reset", {"name": "anna"}, "UsageError"),
        ("reset", {"name": "adder", "force": True}, "SpecError"),
        ("restore", {"copy": "nonsense"}, "UsageError"),
        ("restore", {"copy": "state/adder@1", "incarnation": 7}, "UsageError"),
        ("restore", {}, "SpecError"),
        ("pause", {"name": "console"}, "WrongClass"),
        ("pause", {"name": "nobody"}, "UnknownName"),
        ("resume", {"name": "anna", "incarnation": 7}, "UsageError"),
    ],
)
async def test_a_wrong_repair_is_refused(console: Any, what: str, options: dict[str, Any], kind: str) -> None:
    await (await console.system.start(Adder, name="adder")).add()
    async with console.viewer(ADMIN) as admin:
        answer = await admin.act(what, **options)

    assert answer["error"]["kind"] == kind


@pytest.mark.parametrize("what", ["pause", "resume", "reset", "restore"])
async def test_repairs_need_the_role_admin(console: Any, what: str) -> None:
    async with console.viewer(TOKEN) as viewer:
        answer = await viewer.act(what, name="anna")

    assert answer["error"]["kind"] == "NotAllowed"


async def test_a_paused_actor_is_shown_with_its_time_everywhere(console: Any) -> None:
    anna = console.system.get(console.actor, "anna")
    await trio.sleep(30)
    async with console.viewer(ADMIN) as admin:
        answer = await admin.act("pause", name="anna", incarnation=1)
        since = answer["value"]["paused_since"]
        assert answer["value"] == {"name": "anna", "paused_since": trio.current_time(), "at_rest": True}
        await anna.note.cast("waits")
        await admin.act("pause", name="anna")

        assert inspect.actor(console.system, "anna").paused_since == since
        assert inspect.tree(console.system, name="anna").paused_since == since
        assert [row.paused_since for row in inspect.actors(console.system, search="nna").rows] == [since]
        assert (await admin.act("resume", name="anna"))["value"] == {"name": "anna", "was_paused": True}

    await ta.flush(anna)
    assert ta.info(anna).ledger.handled == 2
    assert inspect.actor(console.system, "anna").paused_since is None


async def test_a_pause_of_a_busy_actor_answers_soon(console: Any) -> None:
    console.system.get(console.actor, "anna").wait.cast_nowait()
    began = trio.current_time()
    async with console.viewer(ADMIN) as admin:
        answer = await admin.act("pause", name="anna")

    assert answer["value"]["at_rest"] is False
    assert trio.current_time() - began < 5
    assert ta.info(console.system.get(console.actor, "anna")).paused


async def test_pause_and_resume_are_commands(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert await typed(console, "pause", "anna") is ExitCode.OK
    assert ta.info(console.system.get(console.actor, "anna")).paused
    await typed(console, "resume", "anna")
    await typed(console, "resume", "anna", "--json")
    console.system.get(console.actor, "bert").wait.cast_nowait()
    await typed(console, "pause", "bert")

    assert capsys.readouterr().out.splitlines() == [
        "anna is paused. Its messages wait until it is resumed",
        "anna takes messages again",
        '{"name": "anna", "was_paused": false}',
        "bert is paused; the message in progress is not done yet. Its messages wait until it is resumed",
    ]


async def test_a_reset_and_a_restore_ask_first_and_a_pause_does_not(console: Any) -> None:
    adder = await console.system.start(Adder, name="adder")
    await adder.add(5)
    asked: list[str] = []
    await typed(console, "pause", "adder", asked=asked)
    await typed(console, "resume", "adder", asked=asked)
    assert asked == []

    with pytest.raises(Refused, match="nothing was done"):
        await typed(console, "reset", "adder", asked=asked, answer=False)
    assert ta.info(adder).incarnation == 1
    await typed(console, "reset", "adder", asked=asked)
    with pytest.raises(Refused, match="nothing was done"):
        await typed(console, "restore", "state/adder@1", asked=asked, answer=False)
    assert await adder.add() == 1

    assert asked == [
        "Let adder, incarnation 1, start anew without its saved state? Its record is kept in quarantine.",
        "Let adder, incarnation 1, start anew without its saved state? Its record is kept in quarantine.",
        "Let adder, incarnation 2, start anew with state/adder@1? The record that it replaces is kept in quarantine.",
    ]


async def test_a_name_that_is_not_there_is_refused(console: Any) -> None:
    with pytest.raises(Refused, match="nobody"):
        await typed(console, "reset", "nobody")
    with pytest.raises(Refused, match="is not the name of a copy"):
        await typed(console, "restore", "nonsense")


async def test_a_command_that_asks_reads_on(console: Any) -> None:
    """A question may stand for minutes: the console must not take the connection for dead."""
    adder = await console.system.start(Adder, name="adder")
    await adder.add(5)
    address = Address.of(URL, ADMIN)

    async def slowly(question: str) -> None:
        await trio.sleep(300)

    ended = await acted(address, lambda to: console.network.connect(to.port), options_of("reset", "adder"), reset_record, slowly)

    assert ended is ExitCode.OK
    assert await adder.add() == 1


async def test_a_quarantine_is_listed_and_emptied_from_the_terminal(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    adder = await console.system.start(Adder, name="adder")
    await adder.add(5)
    await typed(console, "reset", "adder")
    await typed(console, "quarantine")
    await typed(console, "quarantine", "--json")
    await typed(console, "restore", "state/adder@1")
    await ta.stop(adder)
    await typed(console, "reset", "adder")

    *lines, restored, stopped = capsys.readouterr().out.splitlines()
    assert lines[0] == "adder was started without saved state: incarnation 2. Its record is in quarantine as state/adder@1"
    assert lines[1].split()[1] == "state/adder@1"
    assert lines[2] == "1 quarantined record"
    assert json.loads(lines[3])["restorable"] is True
    assert restored == "adder was started with state/adder@1: incarnation 3"
    assert stopped.startswith(
        "adder is not running; it will start without saved state. Its record is in quarantine as state/adder@"
    )


async def test_lists_are_csv_without_formulas(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await console.system.start(Adder, name='=sum(1, "2")')
    await ta.pause(console.system.get(console.actor, "bert"))
    options = options_of("ps", "--csv")
    await shown_live(
        Address.of(URL, ADMIN),
        lambda address: console.network.connect(address.port),
        options,
        partial(_actors, options=options),
    )
    await typed(console, "quarantine", "--csv")

    lines = capsys.readouterr().out.splitlines()
    rows = list(csv.DictReader(lines))
    assert [row["name"] for row in rows] == ['\'=sum(1, "2")', "anna", "bert"]
    assert [row["durable"] for row in rows] == ["true", "false", "false"]
    assert [bool(row["paused_since"]) for row in rows] == [False, False, True]


async def test_the_terminal_says_what_is_paused_or_damaged(console: Any) -> None:
    await damaged(console)
    await ta.pause(console.system.get(console.actor, "bert"))
    async with console.viewer(ADMIN) as admin:
        page = (await admin.ask("look", topic="actors"))["value"]
        tree = (await admin.ask("look", topic="tree"))["value"]
        views = [(await admin.ask("look", topic="actor", name=name))["value"] for name in ("adder", "bert")]
    now = trio.current_time()

    assert [line.split()[2:4] for line in actors_lines(page, now)[1:]] == [
        ["failed", "2"],
        ["running", "1"],
        ["running,", "paused"],
    ]
    drawn = "\n".join(tree_lines(tree))
    assert "bert (Clerk) PAUSED" in drawn
    assert "adder (Adder) FAILED" in drawn
    assert "cannot be read" in drawn
    assert any(line.startswith("problem") and "cannot be read" in line for line in actor_lines(views[0], now))
    assert any("running for" in line and ", paused for" in line for line in actor_lines(views[1], now))


async def test_a_refusal_is_a_line(console: Any) -> None:
    with pytest.raises(Refused, match="pause requires the role admin; your role is viewer"):
        await typed(console, "pause", "anna", token=TOKEN)
    with pytest.raises(Refused, match="no child is named 'nobody'"):
        await typed(console, "pause", "nobody")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands whose deadlines do not wait on a real clock."""
    monkeypatch.setattr(trio, "run", partial(trio.run, clock=MockClock()))


@pytest.mark.usefixtures("terminal")
def test_a_store_lists_its_quarantine_and_answers_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"

    async def program() -> None:
        async with ta.open_system(url) as system:
            await (await system.start(Adder, name="adder")).add(5)

    trio.run(program)
    assert main(["reset", url, "adder", "--json"]) == 0
    assert main(["quarantine", url, "--json"]) == 0
    assert main(["restore", url, "state/adder@1", "--json"]) == 0

    reset, listed, _, restored = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert reset == {"name": "adder", "copy": "state/adder@1", "incarnation": None}
    assert (listed["space"], listed["name"]) == ("quarantine", "state/adder@1")
    assert restored == {"name": "adder", "copy": "state/adder@1", "replaced": None, "incarnation": None}


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("command", ["reset", "restore", "pause", "resume", "quarantine"])
def test_a_console_that_is_not_there_is_told(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = [] if command == "quarantine" else ["anna"]

    assert main([command, "http://127.0.0.1:1", *name]) == ExitCode.UNREACHABLE
    assert "no console answers at 127.0.0.1:1" in capsys.readouterr().err
