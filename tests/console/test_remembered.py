"""What a console shows of the time before a viewer came: failures by cause, each failure, and figures over time."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from trioactors.cli import main
from trioactors.cli.consoles import Address
from trioactors.cli.live_commands import _failures, shown_live
from trioactors.cli.program import _read
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.console import serve_console
from trioactors.errors import StoreLocked
from trioactors.history.records import PREFIX
from trioactors.persistence import Batch, Key, Space, Write, store_at
from trioactors.testing import MemoryNetwork, isolated_system, virtual_environment

pytest.importorskip("trio_websocket")

URL = "http://127.0.0.1:50000"
TOKEN = "viewer-token-0123456789"
NASTY = "\x1b[2J\u202e<b>"


class Clerk(ta.Actor[None]):
    @ta.handler
    def fail(self, text: str) -> None:
        raise ValueError(text)


@attrs.define
class Running:
    system: ta.System
    network: MemoryNetwork

    async def look(self, topic: str, **options: Any) -> Any:
        """The value of a topic, through the console."""
        address = Address.of(URL, TOKEN)
        from trioactors.cli.consoles import live  # noqa: PLC0415 - only here

        async with live(address, self.connect) as console:
            return await console.look(topic, **options)

    async def connect(self, address: Address) -> trio.abc.Stream:
        return await self.network.connect(address.port)

    async def said(self, *arguments: str) -> ExitCode:
        options = _read(["failures", URL, *arguments])
        return await shown_live(Address.of(URL, TOKEN), self.connect, options, partial(_failures, name=options.name))


@asynccontextmanager
async def shop(store: Any = "memory:", *, history: bool | None = True) -> AsyncGenerator[Running, None]:
    network = MemoryNetwork()
    console = partial(serve_console, port=50_000, token=TOKEN, announce=lambda _: None)
    tree = ta.Supervisor(
        ta.child(Clerk, name="anna"), ta.child(console, name="console"), name="shop", intensity=ta.Intensity(limit=1_000)
    )
    world = attrs.evolve(virtual_environment(), listen=network.listen)
    async with isolated_system(tree, store=store, environment=world, history=history) as system:
        yield Running(system, network)


async def fails(running: Running, *texts: str) -> None:
    for text in texts:
        with pytest.raises(ta.ActorCrashed):
            await running.system.get(Clerk, "anna").fail(text)


async def test_groups_crashes_and_samples_are_topics(autojump_clock: MockClock) -> None:
    async with shop() as running:
        await fails(running, "one", "two")
        await trio.sleep(30.5)
        (group,) = await running.look("failure_groups", window=600)
        page = await running.look("crashes", owner="Clerk", limit=1)
        none = await running.look("crashes", error="OSError")
        found = await running.look("samples", span=600)

    assert (group["owner"], group["error"], group["count"], group["recent"]) == ("Clerk", "ValueError", 2, 2)
    assert (page["total"], page["matched"], [row["text"] for row in page["rows"]]) == (2, 2, ["two"])
    assert (none["matched"], none["rows"]) == (0, [])
    assert len(found["at"]) == len(found["handled"]) >= 30
    assert found["marks"] == [{"at": found["at"][0], "what": "started"}]


@pytest.mark.parametrize(
    ("topic", "options"),
    [
        ("samples", {"span": 0}),
        ("samples", {"span": 604_801}),
        ("samples", {"points": 721}),
        ("samples", {"points": 9}),
        ("samples", {"span": "a day"}),
        ("samples", {"of": 1}),
        ("failure_groups", {"window": 86_401}),
        ("failure_groups", {"limit": 1_001}),
        ("crashes", {"limit": 101}),
        ("crashes", {"owner": 1}),
    ],
)
async def test_options_out_of_bounds_are_refused(autojump_clock: MockClock, topic: str, options: dict[str, Any]) -> None:
    async with shop() as running:
        with pytest.raises(Refused, match="look"):
            await running.look(topic, **options)


async def test_a_system_that_remembers_nothing_says_how_to_change_that(autojump_clock: MockClock) -> None:
    async with shop(history=None) as running:
        with pytest.raises(Refused, match="history=True"):
            await running.look("samples")


# --- in a terminal ---


async def test_failures_in_a_terminal(autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]) -> None:
    async with shop() as running:
        assert await running.said() is ExitCode.OK
        nothing = capsys.readouterr().out
        await fails(running, "one", NASTY)
        await trio.sleep(90)
        await running.said()
        table = capsys.readouterr().out.splitlines()
        await running.said("anna")
        one = capsys.readouterr().out.splitlines()
        await running.said("--json")
        value = json.loads(capsys.readouterr().out)

    assert nothing == "no failures\n"
    assert table[0].split() == ["FAILURES", "LAST", "HOUR", "LAST", "FIRST", "OF", "ERROR", "CHILDREN"]
    assert table[1].split() == ["2", "2", "2m", "ago", "2m", "ago", "Clerk", "ValueError", "anna"]
    assert table[4].split()[:8] == ["anna", "Clerk", "2m", "ago", "present", "crash:", "ValueError", "\\x1b[2J\\u202e<b>"]
    assert one[0] == "anna failed 2m ago (present), incarnation 2: crash: ValueError"
    assert "  Traceback (most recent call last):" in one
    assert not {"\x1b", "\u202e"} & set("".join([*table, *one]))
    assert (value["groups"][0]["count"], value["failures"]["total"]) == (2, 1)


async def test_failures_without_a_history_are_those_of_the_children(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    async with shop(history=None) as running:
        await fails(running, "one")
        await running.said()

    assert capsys.readouterr().out.splitlines()[0].startswith("CHILD")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store of a program that has crashed."""
    url = f"file:///{tmp_path / 'store'}"

    async def crashes() -> None:
        async with shop(store_at(url)) as running:
            await fails(running, "one", "two")

    trio.run(crashes, clock=MockClock(autojump_threshold=0))
    return url


def test_failures_of_a_store_that_no_program_has_open(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", url]) == ExitCode.OK
    table = capsys.readouterr().out.splitlines()
    assert main(["failures", url, "--json"]) == ExitCode.OK
    value = json.loads(capsys.readouterr().out)
    assert main(["failures", url, "anna"]) == ExitCode.OK
    one = capsys.readouterr().out
    assert main(["failures", url, "nobody"]) == ExitCode.REFUSED
    refused = capsys.readouterr().err

    assert table[1].split()[0] == "2"
    assert table[4].split()[0] == "anna"
    assert (value["groups"][0]["owner"], value["failures"]["rows"][0]["text"]) == ("Clerk", "two")
    assert "raise ValueError(text)" in one
    assert "has no failure of nobody" in refused


def test_a_store_in_use_is_refused_as_by_other_commands(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_at(url)
    store.open(virtual_environment())

    assert main(["failures", url]) == ExitCode.IN_USE
    assert StoreLocked.__name__ not in capsys.readouterr().err
    store.close()


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_shown(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_at(url)
    store.open(virtual_environment())
    store.commit([Batch((Write(Key(Space.META, f"{PREFIX}groups"), b"{", expected=None),))])
    store.close()

    assert main(["failures", url]) == ExitCode.OK
    shown = capsys.readouterr()

    assert f"{PREFIX}groups" in shown.err
    assert shown.out.splitlines()[0].startswith("CHILD")


def test_a_backup_and_an_inspection_know_the_history_as_records(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", url, str(tmp_path / "copy")]) == ExitCode.OK
    capsys.readouterr()
    assert main(["inspect", f"file:///{tmp_path / 'copy'}"]) == ExitCode.OK
    listed = capsys.readouterr().out
    assert main(["failures", f"file:///{tmp_path / 'copy'}"]) == ExitCode.OK

    assert f"trioactors.crash_groups 1  {PREFIX}groups" in listed
    assert "state " not in listed
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "2"
