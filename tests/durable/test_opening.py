"""A store that cannot be opened: `open_system` raises the store's error, and leaves nothing behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trioactors as ta
from shared.actors import Clerk
from shared.logs import our_records
from shared.threads import our_threads
from trioactors.environment.workers import InPlaceWorker, ThreadWorker, Worker
from trioactors.errors import BadStoreURL
from trioactors.persistence import store_at
from trioactors.testing import HeldWorker, SlowWorker, isolated_system, virtual_environment
from trioactors.testing.stores import Fault, FaultyStore, Operation
from trioactors_backends.memory import MemoryStore

TREE = ta.Supervisor(ta.child(Clerk, name="clerk"), name="shop")


async def refused(store: Any, environment: ta.Environment | None = None) -> BaseException:
    """The error of opening a system on *store*. It must leave nothing behind."""
    threads, tasks = our_threads(), len(system_tasks())
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller asks which one
        async with ta.open_system(store, TREE, environment=environment):
            pytest.fail("the body must not run")
    assert not our_threads() - threads
    assert len(system_tasks()) == tasks
    return caught.value


def system_tasks() -> list[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return [task for nursery in root.child_nurseries for task in nursery.child_tasks]


def contents(folder: Path) -> dict[str, bytes]:
    """The files of *folder*, without locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-lock"))
    return {path.name: path.read_bytes() for path in files}


def a_folder(path: Path) -> str:
    (path / "state.db").mkdir()
    return "sqlite"


def no_database(path: Path) -> str:
    (path / "state.db").write_bytes(b"certainly no database, and long enough to be looked at" * 50)
    return "sqlite"


def somebody_elses(path: Path) -> str:
    with sqlite3.connect(path / "state.db") as database:
        database.execute("create table x (y)")
    database.close()
    return "sqlite"


def a_newer_one(path: Path) -> str:
    store = store_at(f"sqlite:///{path}/state.db")
    store.open(ta.Environment())
    store.close()
    content = bytearray((path / "state.db").read_bytes())
    content[60:64] = (7).to_bytes(4, "big")  # the user version in the header of the database
    (path / "state.db").write_bytes(content)
    return "sqlite"


def a_file(path: Path) -> str:
    (path / "state.db").write_bytes(b"no folder")
    return "file"


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (a_folder, ta.StoreUnavailable),
        (no_database, ta.StoreCorrupt),
        (somebody_elses, ta.StoreUnavailable),
        (a_newer_one, ta.NewerSchema),
        (a_file, ta.StoreUnavailable),
    ],
)
@pytest.mark.parametrize("worker", [InPlaceWorker, ThreadWorker])
async def test_what_is_no_store_of_ours_is_refused_with_the_stores_own_error_and_left_alone(
    mock_clock: MockClock, tmp_path: Path, make: Callable[[Path], str], kind: type[ta.StoreError], worker: type[Worker]
) -> None:
    scheme = make(tmp_path)
    before = contents(tmp_path)

    error = await refused(f"{scheme}:///{tmp_path}/state.db", ta.Environment(worker=worker))

    assert type(error) is kind
    assert str(tmp_path / "state.db") in str(error)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("scheme", ["sqlite", "file"])
async def test_a_store_that_should_be_there_already_is_not_made(autojump_clock: MockClock, tmp_path: Path, scheme: str) -> None:
    error = await refused(f"{scheme}:///{tmp_path}/state.db?create=no")

    assert isinstance(error, ta.StoreError)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("scheme", ["sqlite", "file"])
async def test_two_systems_cannot_have_one_store(autojump_clock: MockClock, tmp_path: Path, scheme: str) -> None:
    url = f"{scheme}:///{tmp_path}/state.db"
    async with ta.open_system(url) as system:
        clerk: Any = await system.start(Clerk, name="clerk")
        await clerk.write("a")

        error = await refused(url)

        assert isinstance(error, ta.StoreLocked)
        assert await clerk.write("b") == 2
    async with ta.open_system(url) as system:
        assert await (await system.start(Clerk, name="clerk")).write("c") == 3


@pytest.mark.parametrize(
    ("url", "said"),
    [("nowhere:///x", "nowhere"), ("state.db", "state.db"), ("sqlite:state.db", "sqlite"), ("memory:x", "memory")],
)
async def test_an_address_that_makes_no_sense_is_refused_before_anything_is_done(
    autojump_clock: MockClock, url: str, said: str
) -> None:
    error = await refused(url)

    assert isinstance(error, BadStoreURL)
    assert said in str(error)


@pytest.mark.parametrize("error", [ta.StoreUnavailable("not now"), ta.StorePoisoned("x"), ta.StoreFull("x")], ids=repr)
async def test_any_error_of_a_store_that_is_opened_leaves_as_itself(autojump_clock: MockClock, error: ta.StoreError) -> None:
    store = FaultyStore(MemoryStore(), Fault(at=1, operation=Operation.OPEN, before=error), blocking=True)

    told = await refused(store)

    assert type(told) is type(error)
    assert str(told) == str(error)
    async with isolated_system(TREE, store=store) as system:
        assert await system.get(Clerk, "clerk").write("a") == 1


def falling(error: Exception) -> FaultyStore:
    """A store whose opening raises an error that is not declared."""

    def fall() -> None:
        raise error

    return FaultyStore(MemoryStore(), Fault(at=1, operation=Operation.OPEN, wait=fall))


async def test_an_undeclared_error_names_the_store_as_what_did_not_start(autojump_clock: MockClock) -> None:
    error = await refused(falling(LookupError("surprise")))

    assert isinstance(error, ta.StartFailed)
    assert "store could not be started" in str(error)
    assert "surprise" in str(error)
    assert isinstance(error.__cause__, LookupError)


async def test_what_the_system_refuses_is_a_store_that_is_not_available(autojump_clock: MockClock) -> None:
    error = await refused(falling(PermissionError(13, "Permission denied", "/srv/state.db")))

    assert isinstance(error, ta.StoreUnavailable)
    assert "Permission denied: '/srv/state.db'" in str(error)
    assert isinstance(error.__cause__, PermissionError)


async def test_a_failed_start_of_the_tree_closes_the_store(autojump_clock: MockClock) -> None:
    class Failing(Clerk):
        async def on_start(self) -> None:
            raise LookupError("bad start")

    store = MemoryStore()
    with pytest.raises(ta.StartFailed, match="shop/failing could not be started"):
        async with isolated_system(ta.Supervisor(ta.child(Failing, name="failing"), name="shop"), store=store):
            pytest.fail("the body must not run")

    assert repr(store).startswith("<MemoryStore closed")


async def test_a_store_that_takes_for_ever_to_open_is_left_when_the_start_has_no_time_left(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    disk = HeldWorker()
    disk.hold()
    store = FaultyStore(MemoryStore(), blocking=True)

    with pytest.raises(ta.StartFailed, match="not ready within 30 s"):
        async with isolated_system(TREE, store=store, environment=virtual_environment(worker=disk)):
            pytest.fail("the body must not run")

    assert trio.current_time() == 35.0  # and closing has its grace
    assert "is abandoned" in caplog.text
    disk.release()


async def test_opening_can_be_cancelled(autojump_clock: MockClock) -> None:
    store = FaultyStore(MemoryStore(), blocking=True)
    with trio.move_on_after(1) as scope:
        async with isolated_system(TREE, store=store, environment=virtual_environment(worker=SlowWorker(3.0))):
            pytest.fail("the body must not run")

    assert scope.cancelled_caught
    assert trio.current_time() == 6.0  # the opening cannot be interrupted, and the closing comes after it
    assert "closed" in repr(store)


async def test_why_a_store_cannot_be_opened_is_told_once(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    store = FaultyStore(MemoryStore(), Fault(at=1, operation=Operation.OPEN, before=ta.StoreLocked("the store")))

    with pytest.raises(ta.StoreLocked):
        async with isolated_system(TREE, store=store):
            pytest.fail("the body must not run")

    assert not our_records(caplog)
