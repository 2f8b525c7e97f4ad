"""Completions in real shells: what a press of Tab offers."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from trioactors.cli import main
from trioactors.cli.parsers import SHELLS, SORTS, parsers

COMMANDS = [*parsers()[1]]


@pytest.fixture
def script(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Path:
    """The completions for a shell, in a file."""
    assert main(["completions", request.param]) == 0
    path = tmp_path / f"trioactors.{request.param}"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def shell(name: str, program: str, folder: Path) -> str:
    """What *program* prints in a shell without any configuration."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    plain = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    world = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [found, *plain, "-c", program], capture_output=True, text=True, check=True, cwd=folder, env=world, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


def bash(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    typed = " ".join(f"'{word}'" for word in words)
    program = (
        f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _trioactors; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    return shell("bash", program, script.parent).split()


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash_offers_commands_options_words_and_paths(script: Path) -> None:
    (script.parent / "token.txt").touch()

    assert bash(script, "trioactors", "") == [*COMMANDS, "--help", "--version"]
    assert bash(script, "trioactors", "t") == [name for name in COMMANDS if name.startswith("t")]
    assert bash(script, "trioactors", "trace", "http://h", "--c") == ["--child", "--correlation", "--count"]
    assert bash(script, "trioactors", "ps", "http://h", "--sort", "") == [*SORTS]
    assert bash(script, "trioactors", "ps", "http://h", "--sort", "h") == ["handled"]
    assert bash(script, "trioactors", "ps", "http://h", "--search", "") == []
    assert bash(script, "trioactors", "ps", "http://h", "--token-file", "tok") == ["token.txt"]
    assert bash(script, "trioactors", "backup", "sqlite:///shop.db", "tok") == ["token.txt"]
    assert bash(script, "trioactors", "completions", "") == ["--help", *SHELLS]


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_reads_the_whole_and_offers_every_command(script: Path) -> None:
    program = f"""
autoload -Uz compinit; compinit -u -d {script.parent}/dump
source {script}
print -r -- ${{_comps[trioactors]}}
_arguments() {{ state=$wanted; words=(ps); print -rl -- "$@" }}
_describe() {{ print -rl -- ${{(P)4}} }}
wanted=command _trioactors
wanted=rest _trioactors
"""
    offered = shell("zsh", program, script.parent).splitlines()

    assert offered[0] == "_trioactors"
    assert {line.partition(":")[0] for line in offered} >= set(COMMANDS)
    assert any(line.startswith("--sort[") and line.endswith(f":({' '.join(SORTS)})") for line in offered)
    assert any(line.startswith("--token-file[") and line.endswith(":_files") for line in offered)


def fish(script: Path, typed: str) -> list[str]:
    """What fish offers at the end of *typed*."""
    offered = shell("fish", f"source {script}; complete -C '{typed}'", script.parent)
    return [line.partition("\t")[0] for line in offered.splitlines()]


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish_offers_commands_options_and_words(script: Path) -> None:
    (script.parent / "token.txt").touch()

    assert sorted(fish(script, "trioactors ")) == sorted(COMMANDS)
    assert fish(script, "trioactors ps http://h --sor") == ["--sort"]
    assert sorted(fish(script, "trioactors ps http://h --sort ")) == sorted(SORTS)
    assert fish(script, "trioactors ps http://h --token-file tok") == ["token.txt"]
    assert sorted(fish(script, "trioactors completions ")) == sorted(SHELLS)


@pytest.mark.parametrize("script", SHELLS, indirect=True)
def test_every_option_of_every_command_is_known_to_every_shell_and_the_token_is_not(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    for command in parsers()[1].values():
        for action in command._actions:
            if action.help is not argparse.SUPPRESS:
                for flag in action.option_strings:
                    assert flag in text or f"-l {flag[2:]}" in text or (script.suffix == ".bash" and flag == "-h")

    assert "--token " not in text
    assert "-l token " not in text
