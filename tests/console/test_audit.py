"""The audit log: every action with its outcome, bounded, without secrets, and kept when the console is restarted."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import attrs
import pytest
import trio

import trioactors as ta
from shared.logs import our_records
from trioactors.console.access import Role
from trioactors.console.audit import AuditLog, Client, NotAllowed, audit_of
from trioactors.console.options import Options

pytest.importorskip("trio_websocket")

TOKEN = "viewer-token-0123456789"
ADMIN = "admin-token-0123456789"


async def audit(console: Any, **options: Any) -> Any:
    async with console.viewer(TOKEN) as viewer:
        return (await viewer.ask("look", topic="audit", **options))["value"]


async def test_every_action_is_in_it_newest_first_with_its_outcome(console: Any) -> None:
    async with console.viewer(ADMIN) as admin:
        await admin.act("restart", name="anna")
        await admin.act("restart", name="nobody")
        await admin.act("call", name="anna", handler="note", arguments={"text": "x"})
        await admin.act("destroy")

    page = await audit(console)
    rows = [(row["number"], row["role"], row["action"], row["outcome"]) for row in page["rows"]]
    assert rows == [
        (3, "admin", "destroy", "failed"),
        (2, "admin", "call", "done"),
        (1, "admin", "restart", "failed"),
        (0, "admin", "restart", "done"),
    ]
    assert page["rows"][1]["options"] == "anna.note(text='x')"
    assert "nobody" in page["rows"][2]["error"]
    assert all(row["seconds"] >= 0 for row in page["rows"])


async def test_what_a_viewer_tried_to_prepare_is_on_record(console: Any) -> None:
    async with console.viewer(TOKEN) as viewer:
        refused = await viewer.ask("prepare", name="anna", handler="note", arguments={"text": "x"})
        await viewer.ask("letter", number=0)

    assert refused["error"]["text"] == "a call or a cast requires the role admin; your role is viewer"
    rows = [(row["action"], row["outcome"]) for row in (await audit(console, outcome="refused"))["rows"]]
    assert rows == [("letter", "refused"), ("prepare", "refused")]


async def test_a_page_of_it_is_filtered(console: Any) -> None:
    async with console.viewer(ADMIN) as admin:
        for name in ("anna", "nobody", "bert"):
            await admin.act("restart", name=name)
        await admin.act("stop", name="anna")

    assert [row["number"] for row in (await audit(console, action="restart", limit=1, offset=1))["rows"]] == [1]
    assert [row["number"] for row in (await audit(console, outcome="failed"))["rows"]] == [1]
    assert (await audit(console, action="restart"))["matched"] == 3


async def test_it_survives_a_restart_of_the_console(console: Any) -> None:
    async with console.viewer(ADMIN) as admin:
        await admin.act("restart", name="anna")
    await console.system.supervisor("shop").terminate_child("console")
    await console.system.supervisor("shop").restart_child("console")

    assert [row["action"] for row in (await audit(console))["rows"]] == ["restart"]


async def test_an_action_in_progress_is_in_it(console: Any) -> None:
    async with console.viewer(ADMIN) as admin:
        await admin.send(type="act", id="c", what="call", options={"name": "anna", "handler": "wait", "deadline": 5})
        await trio.sleep(1)
        [row] = (await audit(console))["rows"]

    assert (row["outcome"], row["seconds"]) == ("running", None)


def a_log() -> AuditLog:
    return AuditLog(now=lambda: 1.0, wall_clock=lambda: 2.0)


def record(
    log: AuditLog, role: Role = Role.ADMIN, action: str = "stop", options: object = "x", error: Exception | None = None
) -> None:
    with suppress(ValueError, NotAllowed), log.recording(Client("127.0.0.1", role), action, options):
        if error is not None:
            raise error


def test_it_is_bounded_and_says_what_is_lost() -> None:
    log = a_log()
    for _ in range(1_500):
        record(log)

    page = log.page(limit=10)
    assert (page.total, page.lost, page.rows[0].number) == (1_000, 500, 1_499)


def test_what_a_viewer_may_not_do_pushes_nothing_out() -> None:
    log = a_log()
    record(log, action="restart")
    for _ in range(5_000):
        record(log, Role.VIEWER, error=NotAllowed("no"))

    page = log.page(limit=1_000)
    assert page.total == 101
    assert [(row.action, row.outcome) for row in page.rows if row.role == "admin"] == [("restart", "done")]


def test_long_and_unprintable_text_is_one_short_line() -> None:
    log = a_log()
    record(log, action="a\nb\u202e" * 1_000, options=Options({"name": "\x1b" * 5_000}, "x"), error=ValueError("c\n" * 5_000))

    [row] = log.page().rows
    assert all(text.isprintable() and len(text) < 3_200 for text in (row.action, row.options, row.error))
    assert row.outcome == "failed"


def test_options_that_may_be_secret_are_named_only() -> None:
    options = Options({"name": "anna", "arguments": {"pin": "hunter2"}}, "call")
    text = Options({"arguments": '{"pin": "hunter2"}'}, "call")

    assert repr(options) == "{'name': 'anna', 'arguments': 'pin'}"
    assert repr(text) == "{'arguments': '...'}"


def test_each_entry_is_logged_when_it_is_requested_and_when_it_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trioactors.console.audit")
    log = a_log()
    record(log)
    record(log, Role.VIEWER, error=NotAllowed("no"))

    assert [each.getMessage() for each in our_records(caplog)] == [
        "127.0.0.1 (admin): stop 'x'",
        "127.0.0.1 (admin): stop 'x' done",
        "127.0.0.1 (viewer): stop 'x'",
        "127.0.0.1 (viewer): stop 'x' failed: no",
    ]


def test_an_entry_is_a_frozen_value() -> None:
    log = a_log()
    record(log)

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        log.page().rows[0].action = "other"  # type: ignore[misc]  # that is the point


async def test_two_consoles_of_one_system_have_one_log(console: Any) -> None:
    assert audit_of(console.system) is audit_of(console.system)
    async with ta.open_system() as other:
        assert audit_of(other) is not audit_of(console.system)
