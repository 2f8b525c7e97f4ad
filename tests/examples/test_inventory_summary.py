from __future__ import annotations

from pathlib import Path

from progress import Progress, in_bytes
from records import Entry, Stamp
from summary import duplicates, summary
from survey import Survey
from walking import Walk


def entry(content: str, *, size: int = 5, inode: int = 0, kind: str = "text/plain") -> Entry:
    return Entry(Stamp(size, 0, inode), kind, sha256=content)


def told(entries: dict[Path, Entry], walks: dict[Path, Walk] | None = None, **counts: int) -> list[str]:
    survey = Survey(Path("/root"), 1, Progress(**counts), leave_out=lambda _: False)
    survey.entries, survey.walks = entries, walks or {}
    return list(summary(survey))


def test_files_are_the_same_when_size_and_digest_are() -> None:
    entries = {Path("c"): entry("one"), Path("a"): entry("one"), Path("b"): entry("two"), Path("d"): entry("one", size=6)}

    assert duplicates(entries) == [[Path("a"), Path("c")]]


def test_what_could_not_be_read_is_the_same_as_nothing() -> None:
    closed = Entry(Stamp(0, 0, 0), "unknown", problem="Permission denied")

    assert duplicates({Path("a"): closed, Path("b"): closed}) == []


def test_those_that_take_most_room_in_vain_come_first() -> None:
    entries = {
        Path("small"): entry("s", size=1, inode=1),
        Path("small too"): entry("s", size=1, inode=2),
        Path("big"): entry("b", size=9, inode=3),
        Path("big too"): entry("b", size=9, inode=4),
        Path("hard"): entry("h", size=100, inode=5),
        Path("link"): entry("h", size=100, inode=5),
    }

    assert duplicates(entries) == [
        [Path("big"), Path("big too")],
        [Path("small"), Path("small too")],
        [Path("hard"), Path("link")],
    ]


def test_the_summary_says_what_is_there_what_was_done_and_what_is_the_same() -> None:
    entries = {
        Path("a.txt"): entry("one", size=2000, inode=1),
        Path("top/b.txt"): entry("one", size=2000, inode=2),
        Path("top/c.txt"): entry("one", size=2000, inode=3),
        Path("top/shut"): Entry(Stamp(7, 0, 0), "unknown", problem="Permission denied"),
    }
    walks = {Path(): Walk(folders=1, links=2), Path("top"): Walk(folders=3, special=1, closed={Path("in"): "Input/output error"})}

    assert told(entries, walks, known=1, hashed=3, changed=2, gone=4) == [
        "",
        "/root: 4 files, 6.0 kB, in 4 folders",
        "  this run: 3 hashed, 1 known before, 2 had changed, 4 had gone; restarts: none",
        "  left alone: links 2; pipes, sockets and devices 1",
        "  types:",
        "            3  text/plain",
        "            1  unknown",
        "  not read:",
        "    top/in: Input/output error",
        "    top/shut: Permission denied",
        "  found more than once:",
        "        2.0 kB  a.txt = top/b.txt and 1 more",
        "  duplicates: 3 files in 1 groups; 4.0 kB in vain",
    ]


def test_a_long_list_is_cut_and_the_rest_counted() -> None:
    entries = {Path(f"{number}"): entry(f"{number}", kind=f"kind {number}") for number in range(12)}

    assert told(entries)[-2] == "    and 2 more"


def test_restarts_are_told_by_name() -> None:
    progress = Progress()
    progress.restarts.update({"hasher-2": 1, "hasher-1": 3})
    survey = Survey(Path("/root"), 1, progress, leave_out=lambda _: False)

    assert next(line for line in summary(survey) if "restarts" in line).endswith("restarts: hasher-1 3, hasher-2 1")


def test_sizes_are_for_people() -> None:
    assert [in_bytes(number) for number in (0, 999, 1000, 1.5e6, 2e9, 3e12, 4e15)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "1.5 MB",
        "2.0 GB",
        "3.0 TB",
        "4000.0 TB",
    ]
