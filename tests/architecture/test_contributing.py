"""Every command in CONTRIBUTING.md works, and a commit is checked by what nox runs.

What would install packages or run for minutes is tried by its parts: a session of nox by the program that it runs, an installation by the
group that it names. A command of a new kind has to be added to `attempt`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGE = ROOT / "CONTRIBUTING.md"
PROGRAMS = {
    "fast": ["pytest", "-x", "--ff", "--no-header"],
    "sim": ["simlab"],
}
"""What the sessions run that are tried with arguments."""


def commands(page: str) -> list[str]:
    """Single commands in the shell blocks of *page*."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page, flags=re.DOTALL | re.MULTILINE)
    return [command.strip() for block in blocks for line in block.splitlines() for command in line.split("&&") if command.strip()]


def hooks(text: str) -> dict[str, list[str]]:
    """The command lines of the hooks, by their ids."""
    return {name: shlex.split(entry) for name, entry in re.findall(r"- id: (\S+)\n\s+name: .*\n\s+entry: (.+)", text)}


def run(command: Sequence[str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment, or of the system, without measuring coverage."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    program = BIN / command[0]
    world = {**own, "PYTHONPATH": str(ROOT / "tests")}
    found = [str(program) if program.exists() else command[0], *command[1:]]
    return subprocess.run(found, cwd=folder, env=world, capture_output=True, text=True, check=False)


def works(command: Sequence[str], folder: Path = ROOT) -> None:
    """It ends well, or what it printed is shown."""
    done = run(command, folder)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"


def try_session(words: Sequence[str]) -> None:
    """The sessions exist; the program of one is run with the arguments that are given to it."""
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    end = words.index("--") if "--" in words else len(words)
    names, arguments = words[:end], words[end + 1 :]
    for name in names:
        assert f"\ndef {name}(session: nox.Session) -> None:" in noxfile
        if name in PROGRAMS:
            program = PROGRAMS[name]
            assert all(f'"{word}"' in noxfile for word in program[1:])
            works([sys.executable, "-m", *program, *arguments])
        elif arguments:
            assert "session.posargs" in noxfile.partition(f"\ndef {name}(")[2].partition("@nox.session")[0]


def try_hooks(folder: Path) -> None:
    """The hooks can be installed in a repository."""
    if not (BIN / "pre-commit").exists() or shutil.which("git") is None:
        pytest.skip("pre-commit is installed in the session floors")
    shutil.copy(ROOT / ".pre-commit-config.yaml", folder)
    works(["git", "init", "--quiet"], folder)
    works(["pre-commit", "validate-config"], folder)
    works(["pre-commit", "install"], folder)
    assert (folder / ".git" / "hooks" / "pre-commit").exists()


def attempt(words: Sequence[str], folder: Path) -> None:
    """Run a command, or the parts of it that neither install anything nor take minutes."""
    match words:
        case ["python3", "-m", "venv", name]:
            works([sys.executable, "-m", "venv", "--without-pip", name], folder)
            assert (folder / name / "bin" / "activate").exists()
        case [".", ".venv/bin/activate"] | ["python3", "-m", "pip", "install", "--upgrade", "pip"]:
            pass
        case ["python3", "-m", "pip", "install", "-e", ".", "--group", group]:
            assert group in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
        case ["pre-commit", "install"]:
            try_hooks(folder)
        case ["python3", "-m", "nox"]:
            assert "nox.options.sessions = [" in (ROOT / "noxfile.py").read_text(encoding="utf-8")
        case ["python3", "-m", "nox", "-s", *rest]:
            try_session(rest)
        case ["python3", "-m", "pytest", *rest]:
            works([sys.executable, "-m", "pytest", *rest])
        case _:
            pytest.fail(f"nothing here tries {shlex.join(words)}")


@pytest.mark.parametrize("command", commands(PAGE.read_text(encoding="utf-8")))
def test_each_command_works(command: str, tmp_path: Path) -> None:
    attempt(shlex.split(command), tmp_path)


def test_a_command_that_nothing_tries_is_found(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="nothing here tries rm"):
        attempt(["rm", "-rf", "."], tmp_path)


def test_a_session_that_does_not_exist_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        attempt(["python3", "-m", "nox", "-s", "fats"], tmp_path)


def test_commands_are_found_in_lists_too() -> None:
    page = "```sh\na b && c\n```\n\n1. So:\n\n   ```sh\n   d\n   ```\n\n```text\ne\n```\n"

    assert commands(page) == ["a b", "c", "d"]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_every_file_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    paths = [name for name in re.findall(r"`([\w./-]+)`", text) if "/" in name and not name.endswith("dist/")]

    assert [name for name in (*links, *paths) if not (ROOT / name).exists()] == []


def test_each_hook_is_a_check_of_nox() -> None:
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")

    for command in hooks((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")).values():
        words = ", ".join(f'"{word}"' for word in command)
        assert f"session.run({words}" in noxfile


@pytest.mark.parametrize(
    ("hook", "bad"),
    [
        ("ruff-check", "import os\n"),
        ("ruff-format", "x=1\n"),
        ("flake8-async", "import time\n\n\nasync def late() -> None:\n    time.sleep(1)\n"),
    ],
)
def test_a_hook_passes_good_files_and_finds_bad_ones(hook: str, bad: str, tmp_path: Path) -> None:
    command = hooks((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))[hook]
    if not (BIN / command[0]).exists():
        pytest.skip(f"{command[0]} is installed in the session floors")
    (tmp_path / "planted.py").write_text(bad, encoding="utf-8")

    assert run([*command, "conftest.py"]).returncode == 0
    assert run([*command, str(tmp_path / "planted.py")]).returncode != 0


def test_the_hook_of_the_floors_passes() -> None:
    command = hooks((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["floors"]
    if not (BIN / command[0]).exists():
        pytest.skip("import-linter is installed in the session floors")

    works(command)
