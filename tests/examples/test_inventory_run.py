from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
import rich.progress
import trio
from rich.console import Console

import hashing
import trioactors as ta
from planning import Lot, Plan
from progress import Progress, plain_lines, progress_bar
from records import Entry, Stamp, Top
from survey import Survey
from trioactors.persistence.urls import parse
from trioactors.testing import run
from workers import Sabotage


class Runs:
    """Runs the program in virtual time over one folder, again and again with the same store."""

    def __init__(self, program: ModuleType, root: Path, store: str) -> None:
        self.program = program
        self.root = root
        self.store = store
        self.lines: list[str] = []

    def __call__(self, *, crash: int | None = None, workers: int = 2) -> Survey:
        progress = Progress(chatty=True, say=self.lines.append)
        survey = Survey(
            self.root, workers, progress, leave_out=partial(self.program.part_of_store, parse(self.store).path or self.store)
        )
        run(partial(self.program.main, survey, store=self.store, sabotage=Sabotage(crash) if crash else None))
        return survey

    def content(self, survey: Survey) -> dict[str, str | None]:
        """The stored digests, by path."""
        return {str(path): entry.sha256 for path, entry in survey.entries.items()}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for top in ("one", "two"):
        (tmp_path / "root" / top / "inner").mkdir(parents=True)
    (tmp_path / "root" / "readme").write_bytes(b"in the root")
    for number in range(5):
        (tmp_path / "root" / "one" / f"{number}").write_bytes(b"%d" % number)
        (tmp_path / "root" / "two" / "inner" / f"{number}").write_bytes(b"%d" % (number // 2))
    return tmp_path / "root"


@pytest.fixture
def inventory(load: Callable[[str], ModuleType], root: Path, tmp_path: Path) -> Runs:
    return Runs(load("inventory/__main__"), root, f"sqlite:///{tmp_path}/store.db")


def test_every_file_is_hashed_and_kept(inventory: Runs) -> None:
    survey = inventory()

    assert inventory.content(survey) == {
        "readme": digest(b"in the root"),
        **{f"one/{number}": digest(b"%d" % number) for number in range(5)},
        **{f"two/inner/{number}": digest(b"%d" % (number // 2)) for number in range(5)},
    }
    assert inventory.lines[0] == "11 files to hash (21 bytes), 0 are known already"
    assert inventory.lines[-1] == "  duplicates: 8 files in 3 groups; 5 bytes in vain"


def test_the_second_run_hashes_nothing_and_finds_the_same(inventory: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inventory()
    monkeypatch.setattr(hashing, "read", None)

    second = inventory()

    assert second.entries == first.entries
    assert (second.progress.hashed, second.progress.known) == (0, 11)


def test_what_changed_is_hashed_again_what_is_gone_is_dropped_what_is_new_is_added(inventory: Runs, root: Path) -> None:
    before = inventory.content(inventory())
    (root / "one" / "0").write_bytes(b"changed")
    (root / "one" / "1").unlink()
    (root / "two" / "new").write_bytes(b"new")

    survey = inventory()

    del before["one/1"]
    assert inventory.content(survey) == before | {"one/0": digest(b"changed"), "two/new": digest(b"new")}
    assert (survey.progress.hashed, survey.progress.changed, survey.progress.gone) == (2, 1, 1)


def test_a_file_with_its_old_time_but_another_inode_is_hashed_again(inventory: Runs, root: Path) -> None:
    inventory()
    old = (root / "one" / "0").stat()
    (root / "one" / "other").write_bytes(b"x")
    (root / "one" / "other").replace(root / "one" / "0")
    os.utime(root / "one" / "0", ns=(old.st_atime_ns, old.st_mtime_ns))

    survey = inventory()

    assert inventory.content(survey)["one/0"] == digest(b"x")


def test_a_top_folder_that_is_gone_leaves_nothing_behind(inventory: Runs, root: Path) -> None:
    inventory()
    (root / "two").rename(root.parent / "elsewhere")

    survey = inventory()

    assert sorted({path.parts[0] for path in survey.entries}) == ["one", "readme"]
    assert survey.progress.gone == 5


def test_a_file_that_goes_before_it_is_hashed_has_no_result(inventory: Runs, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = hashing.read

    def read(path: Path, pulse: Callable[[], None]) -> tuple[Stamp, str | None]:
        if path.name == "readme":
            path.unlink()
        return really(path, pulse)

    monkeypatch.setattr(hashing, "read", read)

    assert "readme" not in inventory.content(inventory())


def test_a_file_that_cannot_be_read_is_told_and_tried_again_in_the_next_run(
    inventory: Runs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    def closed(path: Path, *how: int) -> int:
        if path == root / "readme":
            raise PermissionError(13, "Permission denied")
        return really(path, *how)

    with monkeypatch.context() as patch:
        patch.setattr(hashing.os, "open", closed)
        refused = inventory()

    assert inventory.content(refused)["readme"] is None
    assert "    readme: Permission denied" in inventory.lines
    assert inventory.content(inventory())["readme"] == digest(b"in the root")


def test_links_pipes_and_strange_names_are_met_with_calm(inventory: Runs, root: Path) -> None:
    (root / "two" / "up").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    os.mkfifo(root / "one" / "pipe")
    strange = root / os.fsdecode(b"\xff\xfe") / os.fsdecode(b"\xe9\n")
    strange.parent.mkdir()
    strange.write_bytes(b"strange")

    survey = inventory()

    assert survey.entries[strange.relative_to(root)].sha256 == digest(b"strange")
    assert len(survey.entries) == 12
    assert "  left alone: links 2; pipes, sockets and devices 1" in inventory.lines
    assert inventory().progress.known == 12


def test_the_store_itself_is_not_a_part_of_what_it_keeps(inventory: Runs, root: Path) -> None:
    inventory.store = f"sqlite:///{root}/store.db"

    assert len(inventory().entries) == len(inventory().entries) == 11


def test_two_roots_share_a_store_and_nothing_else(inventory: Runs, root: Path) -> None:
    whole = inventory()
    inventory.root = root / "two"

    part = inventory()

    assert sorted(map(str, part.entries)) == [f"inner/{number}" for number in range(5)]
    inventory.root = root
    again = inventory()
    assert (again.entries, again.progress.hashed) == (whole.entries, 0)


def test_crashes_cost_restarts_and_no_result(inventory: Runs) -> None:
    plain = inventory()
    inventory.store = "memory:"

    survey = inventory(crash=2)

    assert inventory.content(survey) == inventory.content(plain)
    assert sum(survey.progress.restarts.values()) == 5
    assert set(survey.progress.restarts) <= {"hasher-1", "hasher-2"}
    assert sum(" crashed (" in line for line in inventory.lines) == 5


def test_a_file_that_crashes_every_worker_is_given_up_and_the_others_are_not(
    inventory: Runs, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    really = hashing.kind_of

    def kind_of(path: Path) -> str:
        if path == root / "one" / "3":
            raise RuntimeError("a bug")
        return really(path)

    monkeypatch.setattr(hashing, "kind_of", kind_of)

    survey = inventory()

    problems = {str(path): entry.problem for path, entry in survey.entries.items() if entry.problem}
    assert problems == {"one/3": "It crashed 3 workers"}
    assert len(survey.entries) == 11
    assert sum(survey.progress.restarts.values()) == 3
    assert "RuntimeError: a bug" in caplog.text


def test_a_survey_that_crashes_begins_anew_and_hashes_nothing_twice(
    inventory: Runs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read: list[Path] = []
    committed: list[Path] = []
    really_read, really_recorded = hashing.read, Progress.recorded

    def reading(path: Path, pulse: Callable[[], None]) -> tuple[Stamp, str | None]:
        read.append(path)
        return really_read(path, pulse)

    def recorded(self: Progress, lot: Lot, results: Mapping[Path, Entry | None]) -> None:
        really_recorded(self, lot, results)
        if not self.restarts:
            committed.extend(lot.top.place / path for path in results)
            raise RuntimeError("a bug")

    monkeypatch.setattr(hashing, "read", reading)
    monkeypatch.setattr(Progress, "recorded", recorded)

    survey = inventory(workers=1)

    assert survey.progress.restarts == {"survey": 1}
    assert len(survey.entries) == 11
    assert committed
    assert [read.count(path) for path in committed] == [1] * len(committed)
    assert "RuntimeError: a bug" in caplog.text


def test_a_store_that_cannot_be_used_is_an_error_with_its_name(inventory: Runs, tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no database" * 1000)

    with pytest.raises(ta.StoreError, match=r"store\.db"):
        inventory()


def a_lot(size: int) -> Lot:
    return Lot(Top(Path("/root"), Path("top")), 0, {Path("file"): Stamp(size, 0, 0)})


async def show(way: Callable[[Progress], object], progress: Progress) -> None:
    """Hash two files, one every two seconds."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way, progress)
        await trio.sleep(1.5)
        progress.planned(Plan(pages=1, lots=(a_lot(1000), a_lot(3000)), gone={}, known=7, changed=0))
        progress.start_hashing()
        for size in (1000, 3000):
            await trio.sleep(2)
            progress.recorded(a_lot(size), {})
        nursery.cancel_scope.cancel()


def test_where_nobody_watches_a_line_is_printed_each_second() -> None:
    lines: list[str] = []

    run(partial(show, plain_lines, Progress(seen=2, say=lines.append)))

    assert lines == [
        "looking: 2 files so far",
        "2 files to hash (4.0 kB), 7 are known already",
        "  0%: 0 of 2 files, 0 files/s, 0 bytes/s",
        "  0%: 0 of 2 files, 0 files/s, 0 bytes/s",
        " 50%: 1 of 2 files, 0 files/s, 400 bytes/s",
        " 50%: 1 of 2 files, 0 files/s, 286 bytes/s",
    ]


def test_in_a_terminal_a_bar_moves_and_what_is_said_stands_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=150)
    monkeypatch.setattr(rich.progress, "get_console", lambda: console)
    progress = Progress()

    run(partial(show, progress_bar, progress))

    text = screen.getvalue()
    assert "2 files to hash (4.0 kB), 7 are known already\n" in text
    assert text.index("looking: 0 files") < text.index("  0%: 0 of 2 files") < text.index(" 50%: 1 of 2 files")
    assert progress.say is not console.print
