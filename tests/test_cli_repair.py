"""`repair`, `reset` and `restore`: nothing intact is lost, nothing is destroyed without a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.records import tally
from shared.stores import SCHEMES, contents, damage, data_files, write_all
from trioactors.cli import main
from trioactors.errors import StoreFull
from trioactors.persistence import Key, Record, Space, store_at
from trioactors.testing.contract_records import HOSTILE_NAMES, state


@pytest.fixture(params=SCHEMES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet."""
    return f"{request.param}:///{tmp_path}/store"


def write(url: str, key: Key, data: bytes) -> None:
    write_all(url, {key: data})


def damage_the_one(folder: Path, what: bytes) -> None:
    """Damage *what* in the only data file that has it."""
    [file] = [file for file in folder.rglob("*") if file.is_file() and what in file.read_bytes()]
    damage(file, what)


# --- reset and restore ------------------------------------------------------------------------------------------------


def test_an_actor_that_was_reset_starts_fresh_and_its_record_is_kept(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(url, state("counter"), tally(7))
    write(url, state("other"), tally(1))

    assert main(["reset", url, "counter"]) == 0

    assert contents(url) == {
        state("other"): Record(tally(1), 2),
        Key(Space.QUARANTINE, "state/counter@1"): Record(tally(7), 3),
    }
    assert f"trioactors restore {url} state/counter@1" in capsys.readouterr().out


def test_several_resets_keep_several_copies(url: str) -> None:
    for total in (1, 2, 3):
        write(url, state("counter"), tally(total))
        main(["reset", url, "counter"])

    assert [found.data for found in contents(url).values() if isinstance(found, Record)] == [tally(1), tally(2), tally(3)]


def test_a_copy_never_replaces_another(url: str) -> None:
    write(url, Key(Space.QUARANTINE, "state/counter@2"), b"first")
    write(url, state("counter"), tally(7))

    assert main(["reset", url, "counter"]) == 0

    kept = {key.name: found.data for key, found in contents(url).items() if isinstance(found, Record)}
    assert kept == {"state/counter@2": b"first", "state/counter@2-2": tally(7)}
    assert main(["restore", url, "state/counter@2-2"]) == 0
    assert contents(url)[state("counter")] == Record(tally(7), 5)


def test_any_name_comes_back_as_it_was(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = sorted({*HOSTILE_NAMES, "-rf", "--", "a@3", "state/a@3", "y" * 4_096})
    write_all(url, {state(name): tally(number) for number, name in enumerate(names)})
    typed = [name.encode("unicode_escape").decode() for name in names]

    assert {main(["reset", url, "--", name]) for name in typed} == {0}
    assert {key.space for key in contents(url)} == {Space.QUARANTINE}
    assert capsys.readouterr().out.replace("\n", "").isprintable()
    assert {main(["restore", url, f"state/{name}@{number}"]) for number, name in enumerate(typed, 1)} == {0}

    after = {key: found.data for key, found in contents(url).items() if isinstance(found, Record)}
    assert after == {state(name): tally(number) for number, name in enumerate(names)}


def test_a_copy_does_not_replace_what_was_written_since(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(url, state("-n"), tally(7))
    main(["reset", url, "--", "-n"])
    write(url, state("-n"), tally(8))
    before = contents(url)

    assert main(["restore", url, "state/-n@1"]) == 1

    assert contents(url) == before
    assert f"trioactors reset {url} -- -n" in capsys.readouterr().err


def test_a_damaged_record_can_be_reset_and_is_not_put_back(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(url, state("counter"), tally(77777))
    damage_the_one(tmp_path, b"77777")

    assert main(["reset", url, "counter"]) == 0

    assert list(contents(url)) == [Key(Space.QUARANTINE, "state/counter@damaged")]
    assert "restore" not in capsys.readouterr().out
    assert main(["restore", url, "state/counter@damaged"]) == 1


def test_a_damaged_copy_is_not_put_back(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(url, state("counter"), tally(77777))
    main(["reset", url, "counter"])
    damage_the_one(tmp_path, b"77777") if url.startswith("sqlite") else damage_last(tmp_path, b"77777")

    assert main(["restore", url, "state/counter@1"]) == 1
    assert "no readable copy" in capsys.readouterr().err


def damage_last(folder: Path, what: bytes) -> None:
    """Damage the copy in quarantine: the log has the record twice."""
    [log] = folder.rglob("*.log")
    damage(log, what)


# --- repair: a store that can be opened -----------------------------------------------------------------------------------------


def test_where_nothing_is_damaged_nothing_is_done(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(url, state("counter"), tally(7))
    write(url, Key(Space.META, "opaque"), b"anything")
    write(url, state("newer"), b'{"format":99}')
    names = sorted(tmp_path.iterdir())

    assert main(["repair", url]) == 0

    assert "Nothing to repair" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == names


@pytest.mark.parametrize(("name", "said"), [("counter", "tally 1"), ("newer", "newer: ")])
def test_an_actor_whose_record_is_sound_is_left_alone(url: str, name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(url, state("counter"), tally(7))
    write(url, state("newer"), b'{"format":99}')
    before = contents(url)

    assert main(["repair", url, name]) == 0

    assert contents(url) == before
    assert said in capsys.readouterr().out


def test_what_cannot_be_read_is_set_aside_after_a_copy(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(url, state("sound"), tally(1))
    write(url, state("junk"), b"not json")
    write(url, state("hurt"), tally(77777))
    write(url, Key(Space.TIMER, "tick"), b"99999")
    damage_the_one(tmp_path, b"77777")
    damage_the_one(tmp_path, b"99999")
    before = contents(url)

    assert main(["repair", url]) == 0

    said = capsys.readouterr().out
    copy = tmp_path / "store.before-repair-1"
    assert said.startswith(f"Copied the store before repairing it: 4 records in {copy}\n")
    assert "hurt will start without saved state" in said
    assert contents(f"{url}.before-repair-1") == before
    assert {key: found.data for key, found in contents(url).items() if isinstance(found, Record)} == {
        state("sound"): tally(1),
        Key(Space.QUARANTINE, "state/junk@2"): b"not json",
        Key(Space.QUARANTINE, "state/hurt@damaged"): tally(77777).replace(b"7", b"3", 1),
        Key(Space.QUARANTINE, "timer/tick@damaged"): b"=9999",
    }
    assert main(["inspect", url]) == 0


def test_with_a_name_only_that_actor_is_touched(url: str) -> None:
    write(url, state("one"), b"not json")
    write(url, state("two"), b"nor this")

    assert main(["repair", url, "one"]) == 0

    assert sorted(key.name for key in contents(url)) == ["state/one@1", "two"]


def test_each_repair_leaves_a_copy_of_its_own(url: str, tmp_path: Path) -> None:
    for _ in range(2):
        write(url, state("counter"), b"junk")
        assert main(["repair", url]) == 0

    assert (tmp_path / "store.before-repair-1").exists()
    assert (tmp_path / "store.before-repair-2").exists()


def test_the_copy_goes_where_it_is_told(url: str, tmp_path: Path) -> None:
    write(url, state("counter"), b"junk")

    assert main(["repair", url, "--copy", str(tmp_path / "elsewhere")]) == 0

    assert contents(f"{url.rpartition('/')[0]}/elsewhere") == {state("counter"): Record(b"junk", 1)}


def test_where_no_copy_can_be_made_nothing_is_changed(url: str, tmp_path: Path) -> None:
    write(url, state("counter"), b"junk")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter").write_text("dear")

    assert main(["repair", url, "--copy", str(tmp_path / "taken")]) == 1

    assert contents(url) == {state("counter"): Record(b"junk", 1)}


def test_damage_in_quarantine_is_named_as_such(url: str, tmp_path: Path) -> None:
    write(url, Key(Space.QUARANTINE, "state/counter@1"), b"77777")
    damage_the_one(tmp_path, b"77777")

    assert main(["repair", url]) == 0

    assert [key.name for key in contents(url)] == ["quarantine/state/counter@1@damaged"]
    assert main(["inspect", url]) == 0


# --- repair: a store that cannot be opened ---------------------------------------------------------------------------------


def test_a_store_that_does_not_open_is_replaced_by_what_can_be_read(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "unmistakable", "junk", "last"):
        write(url, state(name), b"junk" if name == "junk" else tally(1))
    damage_the_one(tmp_path, b"unmistakable")
    before = data_files(tmp_path, "store")
    assert main(["inspect", url]) == 4
    assert "cannot be opened" in capsys.readouterr().err
    assert main(["reset", url, "first"]) == 1
    assert main(["repair", url, "first"]) == 1
    assert "omit the name" in capsys.readouterr().err

    assert main(["repair", url]) == 0

    said = capsys.readouterr().out
    assert "2 records could be read" in said
    assert "kept unchanged" in said
    after = contents(url)
    assert after[state("first")].data == after[state("last")].data == tally(1)
    assert after[Key(Space.QUARANTINE, "state/junk@3")].data == b"junk"
    assert data_files(tmp_path, "store.damaged-1") == before
    assert not list(tmp_path.glob("store.salvaged*"))
    assert main(["inspect", url]) == 0


def test_what_is_left_of_a_damaged_store_can_be_looked_at(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(url, state("first"), tally(1))
    write(url, state("unmistakable"), tally(2))
    write(url, state("last"), tally(3))
    damage_the_one(tmp_path, b"unmistakable")

    assert main(["inspect", url, "last"]) == 4
    assert '"total": 3' in capsys.readouterr().out
    assert main(["inspect", f"{url}?verify=none"]) in (0, 4)
    assert "last" in capsys.readouterr().out
    assert main(["backup", url, str(tmp_path / "copy")]) == 1
    assert main(["backup", f"{url}?verify=none", str(tmp_path / "copy")]) in (0, 1)


def test_a_store_of_which_nothing_can_be_read_is_left_where_it_is(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(url, state("unmistakable"), tally(1))
    files = [file for file in tmp_path.rglob("*") if file.is_file() and not file.name.endswith(("-lock", "owner"))]
    for file in files:
        file.write_bytes(file.read_bytes()[:100] + bytes(len(file.read_bytes()) - 100))
    before = data_files(tmp_path, "store")

    assert main(["repair", url]) == 1

    assert data_files(tmp_path, "store") == before
    assert "use a backup" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) == (1 if url.startswith("file") else 2)


def test_without_room_for_a_new_store_the_damaged_one_stays_where_it_is(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "unmistakable", "last"):
        write(url, state(name), tally(1))
    damage_the_one(tmp_path, b"unmistakable")
    before = data_files(tmp_path, "store")

    def full(*_: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(type(store_at(url)), "commit", full)

    assert main(["repair", url]) == 1

    assert data_files(tmp_path, "store") == before
    assert "store.salvaged-1, if it exists, can be removed" in capsys.readouterr().err


def test_a_new_store_that_is_not_whole_is_not_put_in_place(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "unmistakable", "last"):
        write(url, state(name), tally(1))
    damage_the_one(tmp_path, b"unmistakable")
    before = data_files(tmp_path, "store")
    monkeypatch.setattr("trioactors.cli.salvage.walked", lambda _: [])

    assert main(["repair", url]) == 1

    assert data_files(tmp_path, "store") == before
    assert "do not rely on it" in capsys.readouterr().err


def test_the_files_beside_a_damaged_database_move_with_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store"
    for name in ("first", "unmistakable", "last"):
        write(url, state(name), tally(1))
    damage_the_one(tmp_path, b"unmistakable")
    (tmp_path / "store-notes").write_text("mine")
    (tmp_path / "stored").write_text("not its own")

    assert main(["repair", url]) == 0

    assert sorted(file.name for file in (tmp_path / "store.damaged-1").iterdir()) == ["store", "store-lock", "store-notes"]
    assert (tmp_path / "stored").read_text() == "not its own"


def test_a_name_that_is_no_text_hides_nobody_else(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store"
    write_all(url, {state(f"actor-{number:03}"): tally(number) for number in range(100)})
    content = (tmp_path / "store").read_bytes()
    (tmp_path / "store").write_bytes(content.replace(b"actor-050", b"actor-\xff50"))

    assert main(["repair", url]) == 0

    after = contents(url)
    assert [key.name for key in after if key.space is Space.STATE] == [
        f"actor-{number:03}" for number in range(100) if number != 50
    ]
    assert after[Key(Space.QUARANTINE, "state/actor-\ufffd50@damaged")].data == tally(50)
