from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import hashing
from hashing import examine
from records import Entry, Stamp

CONTENT = b"something" * 100_000
"""Several chunks."""


def quietly() -> None:
    pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.tar.gz"
    path.write_bytes(CONTENT)
    return path


def looked_at(path: Path, pulse: Callable[[], None] = quietly) -> Entry | None:
    return examine(path, Stamp.of(path.lstat()), pulse=pulse)


def test_a_file_is_known_by_stamp_type_and_digest(file: Path) -> None:
    assert looked_at(file) == Entry(Stamp.of(file.stat()), "application/x-tar in gzip", sha256=hashlib.sha256(CONTENT).hexdigest())


def test_an_empty_file_without_a_type_is_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    entry = looked_at(tmp_path / "empty")

    assert entry is not None
    assert (entry.kind, entry.sha256) == ("unknown", hashlib.sha256().hexdigest())


def test_the_stamp_is_of_what_was_read_not_of_what_was_seen_before(file: Path) -> None:
    entry = examine(file, Stamp(1, 2, 3), pulse=quietly)

    assert entry is not None
    assert entry.stamp == Stamp.of(file.stat())


def test_a_file_that_changes_once_while_it_is_read_is_read_again(file: Path) -> None:
    changes = [b"!"]

    def change() -> None:
        if changes:
            file.write_bytes(CONTENT + changes.pop())

    entry = looked_at(file, change)

    assert entry is not None
    assert entry.sha256 == hashlib.sha256(CONTENT + b"!").hexdigest()
    assert entry.stamp == Stamp.of(file.stat())


def test_a_file_that_never_holds_still_has_a_problem_and_no_digest(file: Path) -> None:
    def grow() -> None:
        os.truncate(file, file.stat().st_size + 1)

    entry = looked_at(file, grow)

    assert entry is not None
    assert (entry.sha256, entry.problem) == (None, "It changed while it was read, 3 times")


def test_a_file_that_has_gone_has_no_entry(file: Path) -> None:
    stamp = Stamp.of(file.stat())
    file.unlink()

    assert examine(file, stamp, pulse=quietly) is None
    assert examine(file / "below", stamp, pulse=quietly) is None


def test_a_file_that_cannot_be_opened_has_a_problem(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path, _: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(hashing.os, "open", closed)

    assert looked_at(file) == Entry(Stamp.of(file.stat()), "application/x-tar in gzip", problem="Permission denied")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; the test above says the same without a real file")
def test_a_file_that_the_system_protects_has_a_problem(file: Path) -> None:
    file.chmod(0)

    entry = looked_at(file)

    assert entry is not None
    assert entry.problem == "Permission denied"


def test_a_file_that_became_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    stamp = Stamp.of(file.stat())
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")

    entry = examine(file, stamp, pulse=quietly)

    assert entry is not None
    assert entry.sha256 is None
    assert entry.problem is not None


def test_a_file_that_became_a_pipe_is_not_waited_for(file: Path) -> None:
    stamp = Stamp.of(file.stat())
    file.unlink()
    os.mkfifo(file)

    entry = examine(file, stamp, pulse=quietly)

    assert entry is not None
    assert entry.problem == "Not a file any more"


def test_reading_can_be_ended_between_two_chunks(file: Path) -> None:
    class Enough(Exception):
        pass

    def pulse() -> None:
        raise Enough

    with pytest.raises(Enough):
        looked_at(file, pulse)
