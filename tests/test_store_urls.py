"""From a URL to a store, and the errors if there is none."""

from __future__ import annotations

import builtins
import importlib.metadata
import importlib.util
import os
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from trioactors.environment import Environment
from trioactors.errors import BackendMissing, BadStoreURL, NewerSchema, Outcome, StoreCorrupt, StoreError, StoreUnavailable
from trioactors.persistence import Durability, Limits, Options, Verification, store_at
from trioactors.persistence.urls import GROUP, installed, parse


def test_three_slashes_make_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert parse("sqlite:///counter.db").path == str(tmp_path / "counter.db")
    assert parse("file:///data/store").path == str(tmp_path / "data" / "store")


def test_four_slashes_make_an_absolute_path(tmp_path: Path) -> None:
    assert parse(f"sqlite:///{tmp_path}/counter.db").path == str(tmp_path / "counter.db")


def test_a_relative_path_does_not_follow_a_change_of_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = store_at("file:///data")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    store.open(Environment())
    store.close()

    assert (tmp_path / "data").is_dir()


def test_percent_signs_escape(tmp_path: Path) -> None:
    assert parse(f"sqlite:///{tmp_path}/a%3Fb%20c.db").path == str(tmp_path / "a?b c.db")


def test_a_path_may_hold_any_byte() -> None:
    assert os.fsencode(parse("file:////a%ffb").path) == b"/a\xffb"


def test_options_are_the_query() -> None:
    address = parse("sqlite:///x.db?durability=relaxed&verify=none")

    assert address.known_options(Limits()) == Options(durability=Durability.RELAXED, verify=Verification.NONE)


def test_the_scheme_has_no_case() -> None:
    assert parse("MEMORY:").scheme == "memory"


@pytest.mark.parametrize("url", ["memory:", "file:///data", "sqlite:///data.db"])
def test_every_store_of_this_package_is_found(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    store = store_at(url)

    assert "closed" in repr(store)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("counter.db", "sqlite:///counter.db"),
        ("", "no scheme"),
        ("/var/counter.db", "no scheme"),
        ("redis:///0", "known schemes: file, memory, sqlite"),
        ("redis://host/0", "known schemes: file, memory, sqlite"),
        ("postgres:x", "known schemes: file, memory, sqlite"),
        ("memory://", "write memory:"),
        ("memory://x", "write memory:"),
        ("sqlite:", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "memory:"),
        ("sqlite://host/x.db", "a host is not allowed"),
        ("sqlite:x.db", "sqlite:///relative"),
        ("file:", "names no folder"),
        ("file://", "a host is not allowed"),
        ("memory:///x", "no path"),
        ("memory:x", "write memory:"),
        ("memory:?durability=relaxed", "no option 'durability'"),
        ("sqlite:///x.db?durabilty=relaxed", "no option 'durabilty'; known options: durability, verify, create"),
        ("sqlite:///x.db?durability=fast", "one of durable, relaxed, not 'fast'"),
        ("file:///x?verify=", "one of full, none, not ''"),
        ("file:///x?create=no&create=yes", "given twice"),
        ("file:///a%00b", "NUL"),
        ("sqlite:///~/x.db", "~ is not expanded"),
        ("sqlite:////~/x.db", "~ is not expanded"),
        ("file:///~else/x", "or ./~else"),
        ("file:///%7E/x", "~ is not expanded"),
    ],
)
def test_a_bad_url_says_what_to_do(url: str, said: str) -> None:
    with pytest.raises(BadStoreURL) as caught:
        store_at(url)

    assert said in str(caught.value)
    assert url in str(caught.value)
    assert caught.value.outcome is Outcome.FAILED


def test_without_an_install_it_says_so() -> None:
    with pytest.raises(BadStoreURL, match="install the package"):
        store_at("memory:", backends=[])


def test_a_backend_that_cannot_be_imported_is_named() -> None:
    point = EntryPoint("odd", "no_such_module:Store", GROUP)

    with pytest.raises(BadStoreURL, match="no_such_module:Store"):
        store_at("odd:", backends=[point])


def test_a_backend_that_is_no_store_is_named() -> None:
    point = EntryPoint("odd", "pathlib:Path", GROUP)

    with pytest.raises(BadStoreURL, match="is not a store"):
        store_at("odd:", backends=[point])


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(BackendMissing, match=r'pip install "sqlite-utils>=4\.0"'):
        store_at("sqlite:///x.db")


def test_naming_a_store_imports_no_sqlite_utils(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def guarded(name: str, *rest: object) -> object:
        assert not name.startswith("sqlite_utils")
        return real(name, *rest)  # type: ignore[arg-type]  # the arguments of __import__, passed on

    monkeypatch.setattr(builtins, "__import__", guarded)

    store_at("sqlite:///x.db")


def opening(url: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        store_at(url).open(Environment())
    return caught.value


def test_a_database_that_is_a_folder(tmp_path: Path) -> None:
    error = opening(f"sqlite:///{tmp_path}")

    assert isinstance(error, StoreUnavailable)
    assert "is a folder" in str(error)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("dear diary")

    error = opening(f"file:///{tmp_path}/file")

    assert isinstance(error, StoreUnavailable)
    assert "is not a folder" in str(error)
    assert (tmp_path / "file").read_text() == "dear diary"


def test_a_folder_inside_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("dear diary")

    assert isinstance(opening(f"file:///{tmp_path}/file/store"), StoreUnavailable)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")

    error = opening(f"file:///{tmp_path}")

    assert "holds other files" in str(error)
    assert [file.name for file in tmp_path.iterdir()] == ["letter"]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("dear diary, " * 100)

    error = opening(f"sqlite:///{tmp_path}/x.db")

    assert isinstance(error, StoreCorrupt)
    assert "not a SQLite database" in str(error)
    assert (tmp_path / "x.db").read_text() == "dear diary, " * 100


def test_a_database_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert "does not exist. Create it" in str(opening(f"sqlite:///{tmp_path}/missing/x.db"))


@pytest.mark.parametrize("url", ["sqlite:///{}/x.db?create=no", "file:///{}/x?create=no", "file:///{}?create=no"])
def test_what_must_not_be_made_is_not_made(tmp_path: Path, url: str) -> None:
    assert isinstance(opening(url.format(tmp_path)), StoreUnavailable)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["sqlite:///{}/x", "file:///{}/x"])
def test_a_newer_store_is_left_alone(tmp_path: Path, url: str) -> None:
    store = store_at(url.format(tmp_path))
    store.open(Environment())
    store.close()
    _make_newer(tmp_path / "x")

    error = opening(url.format(tmp_path))

    assert isinstance(error, NewerSchema)
    assert error.found == 7
    assert "newer trioactors" in str(error)


def _make_newer(path: Path) -> None:
    if path.is_file():
        content = bytearray(path.read_bytes())
        content[60:64] = (7).to_bytes(4, "big")  # the user version in the header of the database
        path.write_bytes(content)
        return
    [log] = path.glob("*.log")
    content = bytearray(log.read_bytes())
    content[8:10] = (7).to_bytes(2, "big")
    log.write_bytes(content)


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
@pytest.mark.parametrize("query", ["", "?verify=none"])
def test_three_slashes_before_a_folder_of_the_root_show_both_spellings(
    scheme: str, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, rest = tmp_path.parts[1], "/".join((*tmp_path.parts[2:], "new%20one"))

    with pytest.raises(BadStoreURL) as caught:
        store_at(f"{scheme}:///{first}/{rest}{query}")

    for spelling in (f"{scheme}:////{first}/{rest}{query}", f"{scheme}:///./{first}/{rest}{query}"):
        assert f"{spelling} for" in str(caught.value)
        assert "closed" in repr(store_at(spelling))
    assert list(tmp_path.iterdir()) == []


def test_three_slashes_before_a_folder_of_the_root_are_a_relative_path_if_something_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "usr").mkdir()

    assert str(tmp_path / "usr") in repr(store_at("file:///usr"))


def test_in_the_root_both_spellings_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")

    assert "/usr/new.db" in repr(store_at("sqlite:///usr/new.db"))


def test_a_path_is_a_database_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a?b %20").mkdir()

    assert repr(store_at(Path("new?.db"))) == f"<SQLiteStore {tmp_path}/new?.db closed>"
    assert repr(store_at(Path("a?b %20"))) == f"<FilesystemStore {tmp_path}/a?b %20 closed>"
    assert repr(store_at(Path("usr/x.db"))) == f"<SQLiteStore {tmp_path}/usr/x.db closed>"
    with pytest.raises(BadStoreURL, match="not expanded"):
        store_at(Path("~/x.db"))


def test_the_stores_of_this_package_are_found_without_its_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [])

    for url in ("memory:", "file:///new", "sqlite:///new.db"):
        assert "closed" in repr(store_at(url))
    with pytest.raises(BadStoreURL, match="known schemes: file, memory, sqlite"):
        store_at("redis:///0")


def test_what_is_found_without_metadata_is_what_the_metadata_says() -> None:
    said = {point.name: point.value for point in importlib.metadata.entry_points(group=GROUP)}
    known = {point.name: point.value for point in installed() if point.value.startswith("trioactors_backends")}

    assert known.items() <= said.items()


@pytest.mark.parametrize("url", ["sqlite:///\ud800.db", "file:///a/\ud800", "file:////\udfff/a?verify=none", "\ud800:x"])
def test_half_of_a_surrogate_pair_is_refused_and_shown(url: str) -> None:
    with pytest.raises(BadStoreURL, match=r"\\ud[8f]"):
        store_at(url)
