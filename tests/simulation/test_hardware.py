"""A disk that does what is planned at exactly one operation, and nothing once its node is dead; a worker that takes its time."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from pathlib import Path

import outcome
import pytest
import trio

from trioactors.environment import DiskFile
from trioactors.testing.clocks import run
from trioactors.testing.disk import Keep, SimulatedDisk
from trioactors.testing.simulation.hardware import Faulty, NodeDisk, NodeWorker
from trioactors.testing.simulation.plans import Injection, Kind

FOLDER = Path("/folder")
FILE = FOLDER / "file"


class Machine:
    """A disk with the faults that are planned for it; what it does is done as operation 1, 2, 3 ..."""

    def __init__(self, *injections: Injection) -> None:
        self.below = SimulatedDisk()
        self.below.make_folder(FOLDER)
        self.below.open(FILE)
        self.below.sync_folder(FOLDER)
        self.happened: list[Injection] = []
        self.deaths: list[Keep | None] = []
        self.faulty = Faulty(injections, self.happened.append)
        self.disk = self.started()

    def started(self) -> NodeDisk:
        self.disk = NodeDisk(self.below, self.faulty, self.die)
        return self.disk

    def die(self, _: Injection, keep: Keep | None) -> None:
        self.disk.fenced = True
        self.deaths.append(keep)
        if keep is None:
            self.below.kill()
        else:
            self.below.power_cut(keep)

    def write(self, *texts: bytes, sync: bool = False) -> list[int | None]:
        """What each write failed with, if it failed."""
        file = self.disk.open(FILE)
        found: list[int | None] = []
        for number, text in enumerate(texts):
            found.append(failure(partial(file.write, number, text)))
            if sync:
                found.append(failure(file.sync))
        return found

    @property
    def content(self) -> bytes:
        return self.below.contents(FILE)


def failure(do: Callable[[], object]) -> int | None:
    result = outcome.capture(do)
    if not isinstance(result, outcome.Error):
        return None
    assert isinstance(result.error, OSError)
    return result.error.errno


# --- faults of the disk ---


@pytest.mark.parametrize(("kind", "code"), [(Kind.ERROR, errno.EIO), (Kind.FULL, errno.ENOSPC)])
def test_an_operation_fails_alone(kind: Kind, code: int) -> None:
    machine = Machine(Injection(kind, 2))

    assert machine.write(b"a", b"b", b"c") == [None, code, None]
    assert machine.content == b"a\0c"
    assert [one.kind for one in machine.happened] == [kind]


def test_an_operation_that_was_none_fails_and_no_other_instead_of_it() -> None:
    machine = Machine(Injection(Kind.ERROR, 1))

    assert failure(lambda: machine.disk.make_folder(FOLDER)) == errno.EIO
    assert machine.write(b"a") == [None]


def test_a_sync_that_fails_loses_what_it_should_have_kept_and_other_operations_do_not_count() -> None:
    machine = Machine(Injection(Kind.SYNC, 2))

    assert machine.write(b"a", b"b", b"c", sync=True) == [None, None, None, errno.EIO, None, None]
    assert machine.content == b"abc"
    machine.below.power_cut(Keep.EVERYTHING)
    assert machine.content == b"a\0c"


def test_a_folders_sync_is_a_sync() -> None:
    machine = Machine(Injection(Kind.SYNC, 1))

    assert failure(lambda: machine.disk.sync_folder(FOLDER)) == errno.EIO


@pytest.mark.parametrize(("kind", "left"), [(Kind.KILL_BEFORE, b"a"), (Kind.KILL_AFTER, b"ab")])
def test_a_process_ends_just_before_or_after_an_operation(kind: Kind, left: bytes) -> None:
    machine = Machine(Injection(kind, 2))

    assert machine.write(b"a", b"b", b"c") == [None, errno.EBADF, errno.EBADF]
    assert machine.content == left
    assert machine.deaths == [None]


@pytest.mark.parametrize(("keep", "left"), [(Keep.NOTHING, b""), (Keep.EVERYTHING, b"ab")])
def test_the_power_goes_in_the_middle_of_an_operation(keep: Keep, left: bytes) -> None:
    machine = Machine(Injection(Kind.CUT, 2, keep=keep))

    assert machine.write(b"a", b"b", b"c") == [None, errno.EBADF, errno.EBADF]
    assert machine.content == left
    assert machine.deaths == [keep]


def test_the_power_goes_in_an_operation_that_was_none() -> None:
    machine = Machine(Injection(Kind.CUT, 1, keep=Keep.NOTHING))

    assert failure(lambda: machine.disk.make_folder(FOLDER)) == errno.EBADF
    machine.started()
    assert machine.write(b"a", b"b") == [None, None]


def test_operations_are_counted_over_all_lives() -> None:
    machine = Machine(Injection(Kind.KILL_BEFORE, 2), Injection(Kind.ERROR, 4))
    machine.write(b"a", b"b")
    machine.started()

    assert machine.write(b"c", b"d", b"e") == [None, errno.EIO, None]


def test_what_changes_nothing_is_not_counted() -> None:
    machine = Machine(Injection(Kind.ERROR, 1))

    file = machine.disk.open(FILE)
    assert file.size == 0
    assert file.read() + file.read_at(0, 9) == b""
    assert file.lock()
    assert machine.disk.names(FOLDER) == ["file"]
    assert machine.faulty.operations == 0
    assert machine.write(b"a") == [errno.EIO]


CHANGES: dict[str, Callable[[NodeDisk], object]] = {
    "make a folder": lambda disk: disk.make_folder(Path("/other")),
    "create": lambda disk: disk.open(FOLDER / "new"),
    "rename": lambda disk: disk.rename(FILE, FOLDER / "new"),
    "remove": lambda disk: disk.remove(FILE),
    "sync the folder": lambda disk: disk.sync_folder(FOLDER),
    "write": lambda disk: disk.open(FILE).write(0, b"a"),
    "truncate": lambda disk: disk.open(FILE).truncate(0),
    "sync": lambda disk: disk.open(FILE).sync(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_something_is_counted_once(name: str) -> None:
    machine = Machine(Injection(Kind.FULL, 1))

    assert failure(lambda: CHANGES[name](machine.disk)) == errno.ENOSPC
    assert machine.faulty.operations == 1
    assert failure(lambda: CHANGES[name](machine.disk)) is None


def test_when_faults_are_over_nothing_fails() -> None:
    machine = Machine(
        Injection(Kind.ERROR, 1), Injection(Kind.CUT, 2), Injection(Kind.SYNC, 1), Injection(Kind.DELAY, 1, seconds=2)
    )
    machine.faulty.over = True

    assert machine.write(b"a", b"b", sync=True) == [None] * 4
    assert machine.faulty.at_call() == 0
    assert machine.happened == []


# --- the fence ---


def opened(use: Callable[[DiskFile], object]) -> Callable[[Machine], Callable[[], object]]:
    def prepared(machine: Machine) -> Callable[[], object]:
        file = machine.disk.open(FILE)
        return lambda: use(file)

    return prepared


def changing(change: Callable[[NodeDisk], object]) -> Callable[[Machine], Callable[[], object]]:
    return lambda machine: lambda: change(machine.disk)


USES: dict[str, Callable[[Machine], Callable[[], object]]] = {
    **{name: changing(change) for name, change in CHANGES.items()},
    "names": lambda machine: lambda: machine.disk.names(FOLDER),
    "open": lambda machine: lambda: machine.disk.open(FILE),
    "read an open file": opened(lambda file: file.read()),
    "read at": opened(lambda file: file.read_at(0, 1)),
    "size": opened(lambda file: file.size),
    "lock": opened(lambda file: file.lock()),
    "write to an open file": opened(lambda file: file.write(0, b"a")),
    "sync an open file": opened(lambda file: file.sync()),
}


@pytest.mark.parametrize("name", USES)
def test_the_disk_of_a_dead_node_refuses(name: str) -> None:
    machine = Machine()
    use = USES[name](machine)
    before = machine.below.operations

    machine.disk.fenced = True

    assert failure(use) == errno.EBADF
    assert machine.below.operations == before
    assert machine.faulty.operations == 0
    assert repr(machine.disk) == "<disk of a dead node>"


def test_a_file_of_a_dead_node_can_be_closed() -> None:
    machine = Machine()
    file = machine.disk.open(FILE)
    machine.disk.fenced = True

    file.close()


# --- the checksum of what was written ---


def test_the_checksum_tells_what_was_written_but_not_in_a_locked_file() -> None:
    machine, other, locked = Machine(), Machine(), Machine()
    machine.write(b"a")
    other.write(b"b")
    file = locked.disk.open(FILE)
    file.lock()
    file.write(0, b"the number of a process")

    assert len({one.faulty.written for one in (machine, other, locked)}) == 3
    assert locked.faulty.written == 0


# --- the worker ---


def calls(*delays: Injection, die_after: float = 100.0) -> list[tuple[str, float, object]]:
    """What three calls of the store and their answers came to, and when."""

    async def main() -> list[tuple[str, float, object]]:
        machine = Machine(*delays)
        worker = NodeWorker(machine.faulty, machine.disk)
        found: list[tuple[str, float, object]] = []

        def submit(name: str) -> None:
            def call() -> str:
                found.append((f"{name} begins", trio.current_time(), worker.busy))
                machine.disk.check()
                return name

            worker.submit(call, lambda answer: found.append((f"{name} ends", trio.current_time(), type(answer).__name__)))

        for name in "abc":
            submit(name)
        await trio.sleep(die_after)
        machine.disk.fenced = True
        submit("d")
        await trio.sleep(100)
        assert not worker.busy
        return found

    return run(main)


def test_calls_take_no_time() -> None:
    assert [time for _, time, _ in calls()[:6]] == [0.0] * 6


def test_a_slow_call_is_made_in_the_middle_of_its_time_and_others_wait_for_it() -> None:
    assert calls(Injection(Kind.DELAY, 2, seconds=4))[:6] == [
        ("a begins", 0.0, True),
        ("a ends", 0.0, "Value"),
        ("b begins", 2.0, True),
        ("b ends", 4.0, "Value"),
        ("c begins", 4.0, True),
        ("c ends", 4.0, "Value"),
    ]


def test_a_slow_call_whose_node_dies_before_the_middle_does_nothing() -> None:
    found = {name: answer for name, _, answer in calls(Injection(Kind.DELAY, 2, seconds=4), die_after=1.0)}

    assert found["b ends"] == "Error"
    assert found["c ends"] == "Error"


def test_a_slow_call_whose_node_dies_after_the_middle_was_made() -> None:
    found = {name: answer for name, _, answer in calls(Injection(Kind.DELAY, 2, seconds=4), die_after=3.0)}

    assert found["b ends"] == "Value"
    assert found["c ends"] == "Error"


def test_a_dead_nodes_calls_take_no_time() -> None:
    found = calls(Injection(Kind.DELAY, 4, seconds=4))

    assert found[-1] == ("d ends", 100.0, "Error")


def test_nor_do_slow_ones_that_waited_for_their_turn_when_it_died() -> None:
    found = calls(Injection(Kind.DELAY, 2, seconds=4), Injection(Kind.DELAY, 3, seconds=4), die_after=3.0)

    assert found[-1] == ("d ends", 4.0, "Error")
