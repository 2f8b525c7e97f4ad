"""Handlers and alerts in the console and the terminal."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import trio

import trioactors as ta
from trioactors.alerts.watching import watching_child
from trioactors.cli.alert_commands import _looked_at_alerts, handlers_frame, silenced_live
from trioactors.cli.consoles import Address
from trioactors.cli.live_commands import shown_live
from trioactors.cli.program import _read
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.system.system import runtime_of

pytest.importorskip("trio_websocket")

URL = "http://127.0.0.1:50000"
TOKEN, ADMIN = "viewer-token-0123456789", "admin-token-0123456789"


async def watching(console: Any, *rules: ta.Alert) -> None:
    """Let the system of *console* have alerts."""
    runtime_of(console.system).alerts.rules = rules
    await console.system.supervisor().start_child(watching_child())


async def said(console: Any, look: Any, *arguments: str) -> ExitCode:
    connect = partial(_connected, console)
    return await shown_live(Address.of(URL, TOKEN), connect, _read([arguments[0], URL, *arguments[1:]]), look)


async def _connected(console: Any, address: Address) -> Any:
    return await console.network.connect(address.port)


async def test_handlers_are_measured_while_a_viewer_watches_them(console: Any) -> None:
    meter = runtime_of(console.system).meter
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="h", topic="handlers", every=1.0)
        first = await viewer.receive()
        await console.system.get(console.actor, "anna").note("x")
        later = await viewer.receive()
        assert meter.since is not None

    assert (first["value"]["rows"], meter.since) == ([], None)
    assert later["type"] == "difference"


async def test_the_handlers_of_an_actor_that_is_not_there_are_an_error(console: Any) -> None:
    async with console.viewer() as viewer:
        await viewer.send(type="watch", id="h", topic="handlers", options={"actor": "nobody"})
        answer = await viewer.receive()
        await viewer.send(type="watch", id="h", topic="handlers", options={"sort": "slowest"})
        wrong = await viewer.receive()

    assert (answer["type"], answer["error"]["kind"]) == ("error", "UnknownName")
    assert wrong["error"]["kind"] == "SpecError"


async def test_an_admin_silences_an_alert_and_a_viewer_may_not(console: Any, caplog: pytest.LogCaptureFixture) -> None:
    await watching(console, ta.alert("backlog", below=1, name="idle"))
    async with console.viewer() as viewer:
        refused = await viewer.act("silence", name="idle", seconds=60)
    async with console.viewer(ADMIN) as admin:
        done = await admin.act("silence", name="idle", seconds=60)
        shown = await admin.ask("look", topic="alerts")
        unknown = await admin.act("silence", name="nothing", seconds=60)
        too_long = await admin.act("silence", name="idle", seconds=1e9)

    assert refused["error"]["kind"] == "NotAllowed"
    assert done["ok"]
    assert shown["value"]["rows"][0]["silenced"] == done["value"]["until"]
    assert "alerts: idle" in unknown["error"]["text"]
    assert too_long["error"]["kind"] == "SpecError"
    assert any("silence" in line.getMessage() for line in caplog.records if line.name == "trioactors.console.audit")


async def test_the_terminal_lists_handlers_after_measuring_them(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    options = _read(["handlers", URL, "--seconds", "3"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_note_soon, console)
        assert await said(console, handlers_frame(options), "handlers") is ExitCode.OK

    head, row, foot = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["HANDLER", "RATE", "COUNT", "ERRORS"]
    assert row.split()[:4] == ["Clerk.note", "0.333/s", "1", "0"]
    assert foot == "figures of 3.0s"


async def _note_soon(console: Any) -> None:
    await trio.sleep(1)
    await console.system.get(console.actor, "anna").note("x")


async def test_the_terminal_lists_alerts(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await said(console, _looked_at_alerts, "alerts")
    assert capsys.readouterr().out == "no alerts\n"
    await watching(console, ta.alert("down of a*", below=1), ta.alert("failures", above=5))
    await trio.sleep(4)
    await said(console, _looked_at_alerts, "alerts")
    head, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    await said(console, _looked_at_alerts, "alerts", "--json")
    page = json.loads(capsys.readouterr().out)

    assert head == ["ALERT", "STATUS", "TARGET", "VALUE", "LIMIT", "FOR"]
    assert rows[0][:8] == ["down", "of", "a*", "raised", "anna", "0", "below", "1"]
    assert rows[-1][:3] == ["failures", "quiet", "-"]
    assert page["raised"] == 1


async def test_the_terminal_silences_an_alert(console: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await watching(console, ta.alert("backlog", below=1))
    connect = partial(_connected, console)
    options = _read(["silence", URL, "backlog", "600"])

    assert await silenced_live(Address.of(URL, ADMIN), connect, options) is ExitCode.OK
    assert capsys.readouterr().out == "backlog: silenced for 600 s\n"
    assert runtime_of(console.system).alerts.silenced("backlog", trio.current_time()) is not None
    with pytest.raises(Refused, match="requires the role admin"):
        await silenced_live(Address.of(URL, TOKEN), connect, options)
