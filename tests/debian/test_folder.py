"""When the suite can run on Debian's Pythons, and on which."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from debian.folder import CannotBeDone, Folder, newest, obstacle

ALL = ("debootstrap", "chroot", "unshare", "mount")


def test_the_newest_two_that_are_supported_and_offered_are_chosen() -> None:
    supported = ["3.11", "3.12", "3.13", "3.14", "3.15"]

    assert newest(supported, ["3.16", "3.15", "3.13"]) == ["3.13", "3.15"]
    assert newest(supported, ["3.9", "3.14"]) == ["3.14"]
    assert newest(supported, []) == []


@pytest.mark.parametrize(
    ("platform", "user", "programs", "why"),
    [
        ("darwin", 0, ALL, "this is darwin"),
        ("linux", 1000, ALL, "need root"),
        ("linux", 0, ("chroot", "mount"), "debootstrap, unshare is not installed"),
        ("linux", 0, ALL, ""),
    ],
)
def test_it_says_why_it_cannot_be_done(platform: str, user: int, programs: tuple[str, ...], why: str) -> None:
    said = obstacle(platform, user, programs)

    assert why in said
    assert bool(said) == bool(why)


def test_a_folder_that_cannot_be_made_is_no_failure_of_the_suite(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "debian", f"--folder={tmp_path}/none"],
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("debian: not run, because ")
    assert not (tmp_path / "none").exists()


def test_a_command_that_fails_is_quoted_with_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(CannotBeDone, match=r"not a git repository|No such file"):
        Folder(tmp_path / "folder").copy(tmp_path / "no tree")
