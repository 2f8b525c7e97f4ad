"""The command line: commands, their output, and their exit status."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from attrs import define

import trioactors.persistence.urls
from shared.stores import write_all
from trioactors.cli import main
from trioactors.environment import Environment
from trioactors.errors import StoreCorrupt
from trioactors.persistence import Address, Batch, Conflict, Key, Limits, Space, Store, Write, store_at
from trioactors.serializer import Serializer, stored
from trioactors.testing.contract_records import HOSTILE_NAMES
from trioactors_backends.memory import MemoryStore


@stored(name="tally", version=3)
@define
class Tally:
    """The state of an actor."""

    total: int = 0


RECORD = Serializer().codec(Tally).encode(Tally(7))
NEWER = b'{"format":99}'
DEEP = b'{"format":1,"type":"t","version":1,"value":' + b"[" * 99 + b"]" * 99 + b"}"


@pytest.fixture(params=["sqlite:///{}/store.db", "file:///{}/store"], ids=["sqlite", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet."""
    return str(request.param).format(tmp_path)


def fill(url: str, records: dict[str, bytes], space: Space = Space.STATE) -> None:
    """Write records under these names."""
    write_all(url, {Key(space, name): data for name, data in records.items()})


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*, without locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-lock", "owner")))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lines(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """The output so far, as JSON objects."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_script_and_the_module_are_this_main() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, function = pyproject["project"]["scripts"]["trioactors"].partition(":")

    assert getattr(import_module(module), function) is main
    run = subprocess.run([sys.executable, "-m", "trioactors", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("trioactors ")


def test_inspect_shows_a_row_for_each_record_and_a_sum(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD})
    fill(url, {"schema": b"1"}, Space.META)

    assert main(["inspect", url]) == 0

    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown == [
        ["space", "revision", "bytes", "status", "type", "name"],
        ["state", "1", "59", "readable", "tally", "3", "counter"],
        ["meta", "2", "1", "opaque", "-", "schema"],
        ["2", "records,", "60", "bytes:", "1", "readable,", "1", "opaque"],
    ]


def test_inspect_of_an_empty_store_says_so(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {})

    assert main(["inspect", url]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 records, 0 bytes"


def test_inspect_of_one_space_shows_no_other(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD})
    fill(url, {"schema": b"1"}, Space.META)

    assert main(["inspect", url, "--space", "meta"]) == 0
    assert "counter" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [(RECORD, "readable", 0), (NEWER, "newer", 0), (DEEP, "large", 0), (b"junk", "unreadable", 4), (b"", "unreadable", 4)],
)
def test_inspect_tells_what_can_be_read(url: str, data: bytes, status: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": data})

    assert main(["inspect", url, "--json"]) == code

    record, summary = lines(capsys)
    assert record["status"] == status
    assert summary["statuses"][status] == 1


def test_the_json_of_a_store_has_the_promised_keys(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD})

    main(["inspect", url, "--json"])

    assert lines(capsys) == [
        {
            "kind": "record",
            "space": "state",
            "name": "counter",
            "revision": 1,
            "bytes": 59,
            "type": "tally",
            "version": 3,
            "status": "readable",
            "problem": None,
        },
        {
            "kind": "summary",
            "store": url,
            "records": 1,
            "bytes": 59,
            "spaces": {"state": 1},
            "statuses": {"readable": 1, "newer": 0, "large": 0, "opaque": 0, "unreadable": 0, "damaged": 0},
            "problem": None,
        },
    ]


def test_the_json_of_a_record_has_its_value(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD, "junk": b"\xff"})

    assert main(["inspect", url, "counter", "--json"]) == 0
    assert main(["inspect", url, "--json", "junk"]) == 4

    counter, junk = lines(capsys)
    assert (counter["value"], counter["classes"]) == ({"total": 7}, {})
    assert junk["base64"] == "/w=="
    assert "value" not in junk


def test_a_record_is_shown_in_full_and_pretty(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD})

    assert main(["inspect", url, "counter"]) == 0

    head, _, body = capsys.readouterr().out.partition("\n\n")
    assert "type      tally\nversion   3\nstatus    readable" in head
    assert body == '{\n  "total": 7\n}\n'


def test_a_number_that_json_does_not_have_is_shown_as_it_stands(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = b'{"format":1,"type":"t","version":1,"value":1e999}'
    fill(url, {"huge": data})

    main(["inspect", url, "huge"])
    assert capsys.readouterr().out.endswith(f"\n\n{data.decode()}\n")

    main(["inspect", url, "huge", "--json"])
    assert "base64" in lines(capsys)[0]


@pytest.mark.parametrize("space", ["state", "quarantine"])
def test_a_record_of_another_space_is_asked_for(url: str, space: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"same": RECORD})
    fill(url, {"same": b"bytes"}, Space.QUARANTINE)

    assert main(["inspect", "--space", space, url, "same"]) == 0
    assert f"space     {space}\n" in capsys.readouterr().out


def test_any_name_is_shown_without_harm_and_found_as_it_was_shown(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = {*HOSTILE_NAMES, "-rf", "--json", "--", "\x1b[31mred\x07", "a\u202eb", "\x9b31m", "y" * 4_096}
    fill(url, dict.fromkeys(names, RECORD))

    assert main(["inspect", url]) == 0

    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    for row in printed.splitlines()[1:-1]:
        assert main(["inspect", url, "--json", "--", row[75:]]) == 0
    assert {record["name"] for record in lines(capsys)} == names


def test_what_is_in_a_record_cannot_harm_a_terminal(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    wild = b'{"format":1,"type":"\\u001b[2J","version":1,"value":{"\\u001b]0;x\\u0007":"\xc2\x9b\xe2\x80\xae"}}'
    fill(url, {"wild": wild, "junk": b"\x1b[2J\x00\xff"})

    for command in (["inspect", url], ["inspect", url, "wild"], ["inspect", url, "junk"], ["inspect", url, "wild", "--json"]):
        main(command)

    captured = capsys.readouterr()
    assert (captured.out + captured.err).replace("\n", "").isprintable()


def test_a_terminal_without_the_characters_is_given_their_numbers(url: str) -> None:
    fill(url, {"\U0001f600\u20ac": RECORD})

    run = subprocess.run(
        [sys.executable, "-m", "trioactors", "inspect", url],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=True,
    )

    assert b"\\U0001f600\\u20ac" in run.stdout


def test_inspect_changes_nothing(url: str, tmp_path: Path) -> None:
    fill(url, {"counter": RECORD, "junk": b"junk"})
    before = snapshot(tmp_path)

    main(["inspect", url])
    main(["inspect", url, "counter"])

    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "command", [["inspect"], ["inspect", "x"], ["backup", "/nowhere/copy"], ["repair"], ["reset", "x"], ["restore", "state/x@1"]]
)
@pytest.mark.parametrize("there", ["nothing", "an empty file or folder"])
def test_no_command_makes_a_store(
    url: str, command: list[str], there: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if there != "nothing":
        (tmp_path / "store.db").touch()
        (tmp_path / "store").mkdir()
    before = sorted(tmp_path.rglob("*"))

    assert main([command[0], url, *command[1:]]) == 1

    assert sorted(tmp_path.rglob("*")) == before
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "COMMAND"),
        (["look"], 2, "invalid choice"),
        (["\x1b[31m"], 2, "\\x1b[31m"),
        (["inspect"], 2, "URL"),
        (["reset", "{url}"], 2, "NAME"),
        (["backup", "{url}"], 2, "TO"),
        (["inspect", "{url}", "a", "b"], 2, "b"),
        (["inspect", "{url}", "--jsn"], 2, "--jsn"),
        (["inspect", "{url}", "--space", "stat\x07"], 2, "unknown space stat\\x07; known spaces: state, event"),
        (["inspect", "{url}", "a\\b"], 2, "\\b is not an escape"),
        (["inspect", "{url}", "\\U00110000"], 2, "is not an escape"),
        (["inspect", "{url}", "\\ud800"], 2, "not valid Unicode"),
        (["inspect", "{url}", os.fsdecode(b"\xff")], 2, "not valid Unicode"),
        (["inspect", "store.db"], 2, "no scheme"),
        (["inspect", "redis:///0"], 2, "known schemes"),
        (["inspect", "{url}?durabilty=relaxed"], 2, "no option 'durabilty'"),
        (["inspect", "memory:"], 1, "ends with its program"),
        (["inspect", "{url}", "nobody"], 1, "nothing is stored under nobody"),
        (["reset", "{url}", "nobody"], 1, "nobody has no state"),
        (["repair", "{url}", "nobody"], 1, "nobody has no state"),
        (["restore", "{url}", "counter"], 1, "is not the name of a copy"),
        (["restore", "{url}", "elsewhere/counter@1"], 1, "is not the name of a copy"),
        (["restore", "{url}", "state/counter@damaged"], 1, "is damaged, so it cannot be restored"),
        (["restore", "{url}", "state/counter@1"], 1, "there is no copy"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    url: str, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(url, {"counter": RECORD})

    try:
        ended = main([argument.format(url=url) for argument in arguments])
    except SystemExit as end:
        ended = int(end.code or 0)

    captured = capsys.readouterr()
    assert ended == code
    assert captured.out == ""
    assert captured.err.startswith("trioactors: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_a_store_in_use_is_told_by_the_exit_code(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD})
    owner = store_at(url)
    owner.open(Environment())

    codes = [main([command, url, "counter"]) for command in ("inspect", "repair", "reset")]

    owner.close()
    assert codes == [3, 3, 3]
    assert f"in use by process {os.getpid()}" in capsys.readouterr().err


def test_a_newer_store_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"file:///{tmp_path}/store"
    fill(url, {"counter": RECORD})
    log = tmp_path / "store" / "00000000000000000001.log"
    log.write_bytes(log.read_bytes()[:8] + b"\x00\x63" + log.read_bytes()[10:])
    before = snapshot(tmp_path)

    for command in ("inspect", "repair"):
        assert main([command, url]) == 1

    assert snapshot(tmp_path) == before
    assert capsys.readouterr().err.count("has format 99") == 2


def test_a_disk_that_refuses_is_named(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD})
    for lock in (tmp_path / "store.db-lock", tmp_path / "store" / "owner"):
        if lock.exists():
            lock.unlink()
            lock.mkdir()

    assert main(["reset", url, "counter"]) == 1

    assert "cannot open its lock" in capsys.readouterr().err


def test_a_reader_that_went_away_ends_it_without_a_word(url: str) -> None:
    fill(url, {f"actor-{number}": RECORD for number in range(100)})
    reading, writing = os.pipe()
    os.close(reading)

    run = subprocess.run([sys.executable, "-m", "trioactors", "inspect", url], stdout=writing, stderr=subprocess.PIPE, check=False)

    os.close(writing)
    assert (run.returncode, run.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only some systems have a device that is always full")
def test_output_that_cannot_be_written_is_told(url: str) -> None:
    fill(url, {"counter": RECORD})

    with Path("/dev/full").open("wb") as full:
        run = subprocess.run([sys.executable, "-m", "trioactors", "inspect", url], stdout=full, stderr=subprocess.PIPE, check=False)

    assert run.returncode == 1
    assert run.stderr.startswith(b"trioactors: the output cannot be written: ")
    assert run.stderr.count(b"\n") == 1


def test_an_interrupt_is_one_line(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD})

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("trioactors.cli.inspecting.look", interrupted)

    assert main(["inspect", url]) == 130
    assert capsys.readouterr().err == "trioactors: interrupted\n"


def test_a_backup_is_complete_and_opens(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {f"actor-{number}": RECORD for number in range(40)})
    copy = tmp_path / "a copy?"

    assert main(["backup", url, str(copy)]) == 0

    assert "40 records copied" in capsys.readouterr().out
    main(["inspect", f"{url.partition(':')[0]}:///{tmp_path}/a%20copy%3F", "--json"])
    assert lines(capsys)[-1]["records"] == 40


def test_a_backup_replaces_nothing(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(url, {"counter": RECORD})
    there = tmp_path / "copy"
    there.mkdir()
    (there / "letter").write_text("dear")

    assert main(["backup", url, str(there)]) == 1

    assert (there / "letter").read_text() == "dear"
    assert capsys.readouterr().err.count("\n") == 1


def test_a_backup_that_is_not_the_same_is_not_believed(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(url, {"counter": RECORD})
    kind = type(store_at(url))
    honest: Callable[[Store, Path], None] = kind.backup

    def forgetful(store: Store, to: Path) -> None:
        store.commit([Batch((Write(Key(Space.META, "passing"), b"", expected=None),))])
        honest(store, to)
        store.commit([Batch((Write(Key(Space.META, "passing"), None, expected=None),))])

    monkeypatch.setattr(kind, "backup", forgetful)

    assert main(["backup", url, str(tmp_path / "copy")]) == 1
    assert "Do not rely on it" in capsys.readouterr().err


class Foreign(MemoryStore):
    """A store of another package, without any options."""

    shared = MemoryStore()

    @classmethod
    def from_address(cls, address: Address, limits: Limits) -> MemoryStore:
        """The only store of its kind."""
        address.allow()
        assert limits
        return cls.shared


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a store of another package."""
    Foreign.shared = MemoryStore()
    point = EntryPoint("foreign", f"{__name__}:Foreign", trioactors.persistence.urls.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda _: Foreign)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [point])
    fill("foreign:", {"counter": RECORD, "junk": b"junk"})
    return "foreign:"


def test_what_another_store_does_not_allow_is_said(foreign: str, capsys: pytest.CaptureFixture[str]) -> None:
    Foreign.shared._limits = Limits(key_bytes=10)

    assert main(["reset", foreign, "counter"]) == 1

    assert "it has 15 bytes, and this store allows 10" in capsys.readouterr().err
    assert main(["inspect", foreign, "counter"]) == 0


def test_another_writer_is_noticed(foreign: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Foreign.shared, "commit", lambda _: [Conflict(Key(Space.STATE, "counter"), 1, 2)])

    assert main(["reset", foreign, "counter"]) == 1

    assert "by another program" in capsys.readouterr().err


def test_a_damaged_store_of_another_package_is_left_to_it(
    foreign: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged(*_: object) -> None:
        raise StoreCorrupt("it is damaged.")

    monkeypatch.setattr(Foreign.shared, "open", damaged)

    assert [main(["inspect", foreign]), main(["repair", foreign])] == [1, 1]
    assert capsys.readouterr().err.splitlines() == [
        "trioactors: foreign: does not support verify=none, so it cannot be inspected while it is damaged",
        "trioactors: it is damaged. It is not in a file that could be moved. Nothing was changed.",
    ]


def test_a_missing_package_is_named(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert main(["inspect", url]) == 1

    assert ('pip install "sqlite-utils' in capsys.readouterr().err) == url.startswith("sqlite")


def test_a_store_of_another_package_is_served_through_the_port(
    foreign: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", foreign, "counter"]) == 0
    assert main(["reset", foreign, "counter"]) == 0
    assert main(["restore", foreign, "state/counter@1"]) == 0
    assert capsys.readouterr().err == ""


def test_where_there_is_no_path_to_put_a_copy_beside_it_is_asked_for(foreign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", foreign]) == 1

    assert "--copy" in capsys.readouterr().err
    assert main(["inspect", foreign, "junk"]) == 4


def test_a_copy_that_cannot_be_verified_stops_the_repair(foreign: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", foreign, "--copy", str(tmp_path / "copy")]) == 1

    assert "Do not rely on it" in capsys.readouterr().err
    assert main(["inspect", foreign, "junk"]) == 4
