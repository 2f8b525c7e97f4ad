"""Stores and forks, beyond the contract: exits of a forked process, and stores that it opens itself."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shared.forks import forked_process, in_a_fork
from trioactors.environment import Environment
from trioactors.errors import StoreLocked
from trioactors.persistence import Record, Store, store_at
from trioactors.testing.contract_records import put, state
from trioactors_backends.filesystem import FilesystemStore
from trioactors_backends.memory import MemoryStore
from trioactors_backends.sqlite import SQLiteStore

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the child uses no locks of other threads

PROGRAM = """
import gc, os, signal, sys
from trioactors.environment import Environment
from trioactors.persistence import Batch, Key, Space, Write, store_at

store = store_at(sys.argv[1])
store.open(Environment())
store.commit([Batch((Write(Key(Space.STATE, "a"), b"1", expected=None),))])
if os.fork() == 0:
    print("begun", flush=True)
    sys.stdin.read()
    del store
    gc.collect()
    sys.exit(print("over", flush=True))
os.kill(os.getpid(), signal.SIGKILL)
"""
"""The process is killed with an open store, and one that it forked exits in order after it."""


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("url", ["file:///{}/store", "file:///{}/store?durability=relaxed", "sqlite:///{}/store.db"])
def test_the_exit_of_a_forked_process_changes_no_file(tmp_path: Path, url: str) -> None:
    url = url.format(tmp_path)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        assert owner.stdout.readline() == "begun\n"
        assert owner.wait() == -signal.SIGKILL
        before = content(tmp_path)

        owner.stdin.close()

        assert owner.stdout.read() == "over\n"  # to its end, which is that of the forked process
    assert content(tmp_path) == before
    store = store_at(url)
    store.open(Environment())
    assert store.read([state("a")]) == [Record(b"1", 1)]
    store.close()


def opened_and_closed(store: Store) -> str:
    store.open(Environment())
    [record] = store.read([state("a")])
    store.close()
    return "nothing" if record is None else "found"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the open files are known from /proc only")
@pytest.mark.parametrize("make", [SQLiteStore, FilesystemStore])
def test_another_program_inherits_no_file(path: Path, make: type[SQLiteStore | FilesystemStore]) -> None:
    """Not even if it is started without closing what is open."""
    show = "import os; print(*(os.path.realpath(f'/proc/self/fd/{number}') for number in os.listdir('/proc/self/fd')))"
    store = lived(make(path))

    done = subprocess.run([sys.executable, "-c", show], close_fds=False, capture_output=True, text=True, check=True)
    reading, writing = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writing, 1)]
    spawned = os.posix_spawn(sys.executable, [sys.executable, "-c", show], os.environ, file_actions=actions)
    os.waitpid(spawned, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = done.stdout + pipe.read()

    assert "/proc/" in said
    assert str(path) not in said
    store.close()


def lived(store: Store) -> Store:
    store.open(Environment())
    store.commit([put("a", b"1")])
    return store


def test_a_forked_process_cannot_open_a_database_that_its_parent_had_open(path: Path) -> None:
    """SQLite would take no locks for it."""
    store = lived(SQLiteStore(path))
    with forked_process(lambda: opened_and_closed(SQLiteStore(path))) as answer:
        store.close()

        assert answer().startswith(f"UsageError: the database {path} belongs to the process from which")
    assert opened_and_closed(store) == "found"


def test_the_reason_is_still_there(path: Path) -> None:
    """If this fails, SQLite's locks work in a forked process, and the refusal can go."""
    parent = sqlite3.connect(path, isolation_level=None)
    parent.execute("PRAGMA journal_mode = WAL")
    parent.execute("CREATE TABLE numbers (number)")

    def lost() -> str:
        child = sqlite3.connect(path, isolation_level=None)
        child.execute("INSERT INTO numbers VALUES (1)")
        reader = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM numbers').fetchall(); c.close()"
        subprocess.run([sys.executable, "-c", reader, str(path)], check=True)
        child.execute("INSERT INTO numbers VALUES (2)")
        os._exit(0)

    with forked_process(lost) as answer:
        parent.close()
        assert answer() == ""
    again = sqlite3.connect(path)
    assert again.execute("SELECT number FROM numbers").fetchall() == [(1,)]
    again.close()


def test_a_forked_process_opens_a_database_that_was_closed_before(path: Path) -> None:
    lived(SQLiteStore(path)).close()

    assert in_a_fork(lambda: opened_and_closed(SQLiteStore(path))) == "'found'"


def test_a_forked_process_opens_another_database(path: Path) -> None:
    store = lived(SQLiteStore(path))

    assert in_a_fork(lambda: opened_and_closed(SQLiteStore(path.with_name("other.db")))) == "'nothing'"
    store.close()


def test_a_forked_process_opens_a_folder_when_its_parent_has_closed_it(path: Path) -> None:
    store = lived(FilesystemStore(path))
    with forked_process(lambda: opened_and_closed(store)) as answer:
        assert in_a_fork(lambda: opened_and_closed(store)).startswith("StoreLocked")
        store.close()

        assert answer() == "'found'"


def test_a_fork_has_a_copy_of_a_store_in_memory(path: Path) -> None:
    del path
    store = lived(MemoryStore())

    assert in_a_fork(lambda: opened_and_closed(store)) == "'found'"
    with pytest.raises(StoreLocked):
        store.open(Environment())
    store.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the number of the open file is known from /proc only")
def test_closing_ends_a_lock_that_a_fork_in_c_still_has_open(path: Path) -> None:
    """Such a fork does not tell Python; a copy of the descriptor stands for it."""
    store = lived(FilesystemStore(path))
    owner = [int(file.name) for file in Path("/proc/self/fd").iterdir() if file.resolve() == path / "owner"]
    copy = os.dup(*owner)

    store.close()

    assert opened_and_closed(store) == "found"
    os.close(copy)
