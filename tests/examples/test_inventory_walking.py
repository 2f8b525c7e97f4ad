from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from records import Stamp, Top, durable_name, shown
from walking import Walk, tops_of, walk


def look(root: Path, name: str = "top", *, leave_out: str = "") -> Walk:
    return walk(Top(root, Path(name)), leave_out=lambda path: path == leave_out, pulse=lambda _: None)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "top" / "inner").mkdir(parents=True)
    return tmp_path / "top"


def test_every_file_is_seen_with_its_stamp(tmp_path: Path, top: Path) -> None:
    (top / "a").write_text("aa")
    (top / "inner" / "b").write_text("b")

    seen = look(tmp_path)

    assert seen.files == {Path("a"): Stamp.of((top / "a").stat()), Path("inner/b"): Stamp.of((top / "inner" / "b").stat())}
    assert seen.files[Path("a")].size == 2
    assert (seen.folders, seen.links, seen.special, seen.closed) == (2, 0, 0, {})


def test_links_are_counted_and_not_followed_so_no_circle_is_entered(tmp_path: Path, top: Path) -> None:
    (top / "inner" / "up").symlink_to(top)
    (top / "self").symlink_to(top / "self")
    (top / "file").write_text("one")
    (top / "link").symlink_to(top / "file")
    (top / "dangling").symlink_to(top / "nowhere")

    seen = look(tmp_path)

    assert list(seen.files) == [Path("file")]
    assert (seen.folders, seen.links) == (2, 4)


def test_a_top_folder_that_is_a_link_is_none(tmp_path: Path, top: Path) -> None:
    (tmp_path / "other").symlink_to(top)
    (tmp_path / "file").write_text("")

    assert tops_of(tmp_path) == [Path(), Path("top")]


def test_the_files_of_the_root_itself_are_a_top_folder_without_folders(tmp_path: Path, top: Path) -> None:
    (tmp_path / "here").write_text("")
    (top / "there").write_text("")

    assert list(look(tmp_path, ".").files) == [Path("here")]


def test_pipes_and_sockets_are_counted_and_left_alone(tmp_path: Path, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(top)  # the name of a socket must be short
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")

    seen = look(tmp_path)

    assert (seen.special, seen.files) == (2, {})


def test_names_that_are_no_text_are_carried_as_they_are(tmp_path: Path, top: Path) -> None:
    name = b"caf\xe9 \xff\n.txt"
    (top / os.fsdecode(name)).write_bytes(b"x")

    (path,) = look(tmp_path).files

    assert os.fsencode(path) == name
    assert shown(path) == r"caf\udce9 \udcff\n.txt"


def test_a_folder_that_cannot_be_read_is_noted_and_the_rest_is_seen(
    tmp_path: Path, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "file").write_text("")
    really = os.scandir

    def scandir(path: Path) -> object:
        if path == top / "inner":
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)

    seen = look(tmp_path)

    assert seen.closed == {Path("inner"): "Permission denied"}
    assert list(seen.files) == [Path("file")]


def test_a_top_folder_that_has_gone_is_empty(tmp_path: Path) -> None:
    assert look(tmp_path, "never") == Walk()


def test_a_top_folder_that_became_a_link_is_not_followed(tmp_path: Path, top: Path) -> None:
    (top / "file").write_text("")
    (tmp_path / "link").symlink_to(top)

    assert look(tmp_path, "link") == Walk()


def test_what_is_left_out_is_not_seen(tmp_path: Path, top: Path) -> None:
    (top / "inner" / "store").write_text("")
    (top / "file").write_text("")

    assert list(look(tmp_path, leave_out=f"{top}/inner").files) == [Path("file")]
    assert list(look(tmp_path, leave_out=f"{top}/file").files) == [Path("inner/store")]


def test_the_walk_tells_how_it_goes_and_can_be_ended_there(tmp_path: Path, top: Path) -> None:
    class Enough(Exception):
        pass

    (top / "file").write_text("")
    told: list[int] = []

    def pulse(files: int) -> None:
        told.append(files)
        if len(told) == 2:
            raise Enough

    with pytest.raises(Enough):
        walk(Top(tmp_path, Path("top")), leave_out=lambda _: False, pulse=pulse)

    assert told == [1, 0]


def test_no_two_top_folders_share_a_name() -> None:
    tops = [Top(Path("/a"), Path()), Top(Path("/"), Path("a")), Top(Path("/a"), Path("b")), Top(Path("/a/b"), Path())]

    assert len({durable_name("folder", str(top)) for top in tops}) == 4


def test_durable_names_are_short_text_whatever_the_path_is() -> None:
    long = Path("/", *["folder" * 20] * 30)

    assert durable_name("folder", os.fsdecode(b"/caf\xe9")) == "folder /caf%E9"
    assert len(durable_name("folder", str(long))) < 100
    assert durable_name("folder", str(long)) != durable_name("folder", str(long / "more"))
