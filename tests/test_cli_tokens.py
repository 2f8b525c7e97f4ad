"""The token for a console is never on a command line."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from trioactors.cli import main
from trioactors.cli.program import _read
from trioactors.cli.refusals import ExitCode, Refused
from trioactors.cli.tokens import token_of

SECRET = "act-77d0aa41c3e2-0123"
PS = ["ps", "http://127.0.0.1:1"]


def token(*arguments: str) -> str | None:
    return token_of(_read([*PS, *arguments]))


@pytest.fixture(autouse=True)
def without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIOACTORS_CONSOLE_TOKEN", raising=False)


@pytest.mark.parametrize("command", ["tree", "ps", "top", "inspect", "trace"])
@pytest.mark.parametrize("arguments", [["--token", SECRET], [f"--token={SECRET}"], ["--token"]])
def test_a_token_on_the_command_line_is_refused_with_the_reason_and_the_way_and_not_repeated(
    command: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "http://127.0.0.1:1", *arguments])

    told = capsys.readouterr().err
    assert ended.value.code == ExitCode.USAGE
    assert "every user of this machine can read command lines" in told
    assert "TRIOACTORS_CONSOLE_TOKEN" in told
    assert "--token-file" in told
    assert SECRET not in told


def test_the_help_names_the_file_and_the_variable_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ps", "--help"])

    told = capsys.readouterr().out
    assert "--token-file PATH" in told
    assert "--token " not in told


def test_it_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert token() is None
    monkeypatch.setenv("TRIOACTORS_CONSOLE_TOKEN", "")
    assert token() is None
    monkeypatch.setenv("TRIOACTORS_CONSOLE_TOKEN", f" {SECRET}\n")
    assert token() == SECRET


def test_it_comes_from_a_file_rather_than_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIOACTORS_CONSOLE_TOKEN", "another")
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\r\nanything else\n", encoding="utf-8")

    assert token("--token-file", str(path)) == SECRET


def test_it_comes_from_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{SECRET}\n"))

    assert token("--token-file", "-") == SECRET


def test_it_is_asked_for_in_a_terminal_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("trioactors.cli.tokens.getpass.getpass", lambda prompt, *_: asked.append(prompt) or SECRET)

    assert token("--token-file", "-") == SECRET
    assert asked == ["Token: "]


@pytest.mark.parametrize("content", ["", "\n", "two words\n", "schl\u00fcssel\n", "x" * 1_001, "a\x00b"])
def test_a_file_without_a_token_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(Refused, match="one line of printable ASCII") as refused:
        token("--token-file", str(path))

    assert refused.value.code is ExitCode.USAGE


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"cannot be read: .*nowhere"):
        token("--token-file", str(tmp_path / "nowhere"))
