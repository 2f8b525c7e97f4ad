"""The inventory as its users see it: started by its command, in a terminal and outside."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "inventory"
ENDLESS = 10**12
"""The size of a sparse file, in bytes; reading it takes minutes at least."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "top").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "root" / "top" / f"caf\xe9 {number}").write_bytes(b"same")
    return tmp_path / "root"


@pytest.fixture
def endless(root: Path) -> Path:
    """The same with a last file that takes for ever."""
    (root / "vast").mkdir()
    (root / "vast" / "file").touch()
    os.truncate(root / "vast" / "file", ENDLESS)
    return root


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(PROGRAM), *map(str, arguments)]


def ran(*arguments: object, at: Path, **world: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=at, env={**os.environ, **world}, capture_output=True, text=True, check=False)


class Started(subprocess.Popen[str]):
    """A running program with both its outputs; leaving the block kills it."""

    stdout: IO[str]
    stderr: IO[str]

    def __exit__(self, *error: object) -> None:
        self.kill()
        super().__exit__(*error)


def started(*arguments: object, at: Path) -> Started:
    return Started(command(*arguments), cwd=at, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_first_command_keeps_its_inventory_in_this_folder_and_the_second_finds_it(root: Path, tmp_path: Path) -> None:
    first = ran(root, at=tmp_path)
    second = ran(root, at=tmp_path)

    assert (first.returncode, first.stderr) == (second.returncode, second.stderr) == (0, "")
    assert first.stdout.startswith(f"{root}: the inventory is kept in {tmp_path}/inventory.db\n3 files to hash (12 bytes)")
    assert "this run: 0 hashed, 3 known before" in second.stdout
    assert second.stdout.endswith("duplicates: 3 files in 1 groups; 8 bytes in vain\n")


def test_crashes_on_demand_are_told_and_mended(root: Path, tmp_path: Path) -> None:
    crashed = ran(root, "--crash", 2, "--workers", 1, "--store", "memory:", at=tmp_path)

    assert (crashed.returncode, crashed.stderr) == (0, "")
    assert "hasher-1 crashed (1 so far) and restarts in 0.0" in crashed.stdout
    assert "this run: 3 hashed, 0 known before, 0 had changed, 0 had gone; restarts: hasher-1 1" in crashed.stdout


def test_ctrl_c_stops_it_within_a_file_and_it_goes_on_from_there(endless: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    with started(endless, "--verbose", at=tmp_path) as process:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("recorded"):
                process.send_signal(signal.SIGINT)
        complaints = process.stderr.read()
        process.wait()
    (endless / "vast" / "file").unlink()

    assert (process.returncode, complaints) == (130, "")
    assert lines[-1] == "stopped; start it again to continue from here\n"
    assert "this run: 0 hashed, 3 known before" in ran(endless, at=tmp_path).stdout


def test_in_a_terminal_there_is_a_bar_and_then_the_summary(root: Path, tmp_path: Path) -> None:
    ours, its = pty.openpty()
    with subprocess.Popen(
        command(root, "--store", "memory:"),
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        screen = b""
        try:
            while shown := os.read(ours, 1 << 16):
                screen += shown
        except OSError:  # so a terminal says on Linux that nobody writes to it any more
            pass
    os.close(ours)

    text = screen.decode()
    assert process.returncode == 0
    assert "━" in text
    assert text.index("━") < text.index("duplicates: 3 files in 1 groups; 8 bytes in vain")


def test_it_ends_quietly_when_nobody_reads_what_it_says(endless: Path, tmp_path: Path) -> None:
    with started(endless, at=tmp_path) as process:
        process.stdout.close()
        complaints = process.stderr.read()
        process.wait()

    assert (process.returncode, complaints) == (-signal.SIGPIPE, "")


def test_names_that_the_console_cannot_show_do_not_stop_it(root: Path, tmp_path: Path) -> None:
    shown = ran(root, "--store", "memory:", at=tmp_path, PYTHONIOENCODING="ascii")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert r"4 bytes  top/caf\xe9 0 = top/caf\xe9 1 and 1 more" in shown.stdout


def test_nonsense_is_refused_by_its_name(root: Path, tmp_path: Path) -> None:
    assert f"{root}/nowhere is not a folder" in ran(root / "nowhere", at=tmp_path).stderr
    assert "'0' is not a whole number from 1" in ran(root, "--workers", 0, at=tmp_path).stderr
    assert "no store has the scheme 'nowhere'" in ran(root, "--store", "nowhere:", at=tmp_path).stderr


def test_a_store_that_somebody_has_is_refused_with_the_reason(endless: Path, tmp_path: Path) -> None:
    with started(endless, "--verbose", at=tmp_path) as first:
        next(line for line in first.stdout if line.startswith("recorded"))
        second = ran(endless, at=tmp_path)

    assert second.returncode == 1
    complaint = second.stderr.splitlines()[-1]
    assert complaint.startswith("inventory: ")
    assert "inventory.db is in use by process" in complaint
    assert str(first.pid) in complaint
