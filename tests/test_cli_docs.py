"""The output that docs/command-line.md shows is the real output."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from trioactors.cli import main
from trioactors.cli.refusals import ExitCode
from trioactors.environment import Environment
from trioactors.persistence import Batch, Key, Space, Write, store_at

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not part of what was installed")


def commands(page: str) -> Iterator[tuple[list[str], str]]:
    """The commands on the page, with the output that it shows."""
    for block in re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL):
        for typed, shown in re.findall(r"^\$ ([^\n]+)\n((?:(?!\$ )[^\n]*\n)*)", block, flags=re.MULTILINE):
            yield shlex.split(typed), shown


def test_every_command_on_the_page_says_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    store = store_at("sqlite:///shop.db")
    store.open(Environment())
    tally = b'{"format":1,"type":"tally","version":1,"value":{"total":%d}}'
    for space, name, data in (
        (Space.STATE, "counter", tally % 1),
        (Space.STATE, "counter", tally % 3),
        (Space.STATE, "ledger", b"<html>404 not found\n\n"),
        (Space.META, "opened", b"yesterday"),
    ):
        store.commit([Batch((Write(Key(space, name), data, expected=None),))])
    store.close()

    shown = list(commands(PAGE.read_text(encoding="utf-8")))
    for (program, *arguments), expected in shown:
        assert program == "trioactors"
        main(arguments)
        said = "".join(capsys.readouterr())
        assert doctest.OutputChecker().check_output(expected, said, doctest.ELLIPSIS), f"{arguments}:\n{said}"

    assert {arguments[1] for arguments, _ in shown} == {"inspect", "backup", "repair", "reset", "restore"}


def test_every_exit_code_is_on_the_page() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## Exit codes")[2]

    assert [code for code in ExitCode if not re.search(rf"^\|.*\b{code}\b.*\|", table, flags=re.MULTILINE)] == []
