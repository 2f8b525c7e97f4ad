"""The promises of every store about its life: opening, locks, backups, and the end of its process. Part of `StoreContract`.

Tests that need another process fork one, which takes milliseconds; it reports the answers of the store on a pipe and ends by SIGKILL.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from trioactors.environment.environment import Environment
from trioactors.errors import Outcome, StoreError, StoreLocked, StoreUnavailable, UsageError
from trioactors.persistence.store import ABSENT, Batch, Committed, Corrupt, Key, Record, Space, Store, Write
from trioactors.testing.contract_records import ContractBase, names_of, put, remove, state

__all__ = ["SCRIPT", "LifeContract", "contents", "perform", "states_of_the_script"]

SCRIPT: tuple[Batch, ...] = (
    put("a", b"1" * 300, expected=None),
    put("b", b"2" * 5_000, expected=None),
    Batch((Write(state("a"), b"3", expected=None), Write(Key(Space.OUTBOX, "1"), b"4", expected=None))),
    remove("b"),
    put("c", b"5" * 9_000, expected=None),
    Batch((Write(state("c"), None, expected=None), Write(state("b"), b"6", expected=None))),
    put("a", b"7" * 300, expected=None),
    put("d/../e", b"8" * 3_000, expected=None),
)
"""The batches that the crash tests commit, one at a time."""

_FULL_DISKS = (0, 100, 300, 1_000, 3_000, 5_000, 9_000, 13_000, 17_000, 25_000, 33_000, 49_000, 66_000)
"""File size limits, in bytes."""

_Contents = dict[Key, bytes]
_Say = Callable[[str], object]


def states_of_the_script() -> Sequence[_Contents]:
    """The contents of the store after zero, one, two ... batches of the script."""
    states: list[_Contents] = [{}]
    for batch in SCRIPT:
        now = dict(states[-1])
        for write in batch.writes:
            if write.data is None:
                now.pop(write.key, None)
            else:
                now[write.key] = write.data
        states.append(now)
    return states


def perform(store: Store, said: _Say) -> None:
    """Commit the script, and report the result of each batch to *said*."""
    for batch in SCRIPT:
        try:
            [answer] = store.commit([batch])
        except StoreError as error:
            said("maybe" if error.outcome is Outcome.INDETERMINATE else "failed")
            return
        said("kept" if isinstance(answer, Committed) else "refused")


def contents(store: Store) -> _Contents | None:
    """The contents of the store; None if it reports a damaged record."""
    found: _Contents = {}
    for space in Space:
        for key, record in store.scan(space):
            if isinstance(record, Corrupt):
                return None
            found[key] = record.data
    return found


def _fork(task: Callable[[_Say], object]) -> tuple[int, int]:
    """Run *task* in a new process, which then kills itself. Returns its id and the pipe on which it reports."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - coverage does not follow a SIGKILL
        try:
            task(lambda word: os.write(writing, word.encode() + b"\n"))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    return child, reading


def _in_a_child(task: Callable[[_Say], object], kill_after: int | None = None) -> Sequence[str]:
    """Run *task* in a process that is killed after *kill_after* reports, or at its end. Returns the reports."""
    child, reading = _fork(task)
    with os.fdopen(reading) as pipe:
        first = [] if kill_after is None else [pipe.readline() for _ in range(kill_after)]
        if kill_after is not None:
            os.kill(child, signal.SIGKILL)
        said = [*first, *pipe]
    os.waitpid(child, 0)
    return [line.strip() for line in said if line.strip()]


def _owned_and_forked(task: Callable[[], object]) -> tuple[int, int]:
    """Run *task* in a new process, which forks another and then waits. Returns its id, and the pipe that lets the other one end.

    The other one has begun when this returns, and lives until the pipe is closed.
    """
    reading, writing = os.pipe()
    held, holding = os.pipe()
    owner = os.fork()
    if owner == 0:  # pragma: no cover - coverage does not follow a SIGKILL
        try:
            os.close(holding)
            task()
            if os.fork() == 0:
                os.write(writing, b"begun")
                os.read(held, 1)
            else:
                signal.pause()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    os.close(held)
    with os.fdopen(reading, "rb", buffering=0) as begun:
        assert begun.read(5) == b"begun"
    return owner, holding


_USES: tuple[Callable[[Store, Path], object], ...] = (
    lambda store, _: store.read([state("a")]),
    lambda store, _: store.scan(Space.STATE),
    lambda store, _: store.commit([put("a", b"")]),
    lambda store, path: store.backup(path.with_name("copy")),
)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the child uses no locks of other threads
class LifeContract(ContractBase):
    """Opening, locks, backups, other processes."""

    @pytest.fixture
    def closed(self, path: Path) -> Store:
        """A store that was never opened."""
        return self.make(path)

    @pytest.mark.parametrize("use", _USES, ids=("read", "scan", "commit", "backup"))
    def test_a_closed_store_refuses(self, closed: Store, path: Path, use: Callable[[Store, Path], object]) -> None:
        with pytest.raises(StoreUnavailable, match="not open") as caught:
            use(closed, path)

        assert caught.value.outcome is Outcome.FAILED

    def test_closing_what_is_closed_does_nothing(self, store: Store) -> None:
        store.close()
        store.close()

    def test_what_was_committed_is_there_after_reopening(self, store: Store, environment: Environment) -> None:
        store.commit([put("a", b"1")])
        store.close()
        store.open(environment)

        assert store.read([state("a")]) == [Record(b"1", 1)]

    def test_another_store_at_the_same_place_finds_it(self, store: Store, path: Path, environment: Environment) -> None:
        store.commit([put("a", b"1"), put("b", b"2")])
        store.close()
        other = self.make(path)
        other.open(environment)

        assert names_of(other) == ["a", "b"]
        other.close()

    def test_revisions_go_on_after_reopening(self, store: Store, environment: Environment) -> None:
        store.commit([put("a", b"1")])
        store.close()
        store.open(environment)

        assert list(store.commit([put("a", b"2", expected=1)])) == [Committed((2,))]

    def test_it_cannot_be_opened_twice(self, store: Store, environment: Environment) -> None:
        with pytest.raises(StoreLocked):
            store.open(environment)

        assert store.read([state("a")]) == [None]

    def test_a_second_store_is_kept_out(self, store: Store, path: Path, environment: Environment) -> None:
        with pytest.raises(StoreLocked):
            self.make(path).open(environment)

        assert list(store.commit([put("a", b"unharmed")])) == [Committed((1,))]

    def test_closing_lets_the_next_one_in(self, store: Store, path: Path, environment: Environment) -> None:
        store.close()
        other = self.make(path)

        other.open(environment)

        other.close()

    def test_its_repr_tells_its_state(self, store: Store) -> None:
        store.commit([put("a", b"")])
        while_open = repr(store)
        store.close()

        assert "open" in while_open
        assert "1 records" in while_open
        assert "closed" in repr(store)

    def test_a_backup_is_a_store(self, store: Store, path: Path, environment: Environment) -> None:
        store.commit([put("a", b"1"), put("b", b"2")])
        store.commit([put("a", b"3", expected=1), remove("b")])

        store.backup(path.with_name("store-copy"))

        copy = self.restored(path.with_name("store-copy"))
        copy.open(environment)
        assert copy.scan(Space.STATE) == store.scan(Space.STATE) == [(state("a"), Record(b"3", 2))]
        copy.close()

    def test_a_backup_stays_as_it_was(self, store: Store, path: Path, environment: Environment) -> None:
        store.commit([put("a", b"then")])
        store.backup(path.with_name("store-copy"))
        store.commit([put("a", b"now", expected=1)])

        copy = self.restored(path.with_name("store-copy"))
        copy.open(environment)
        assert copy.read([state("a")]) == [Record(b"then", 1)]
        assert store.read([state("a")]) == [Record(b"now", 2)]
        copy.close()

    def test_a_backup_replaces_nothing(self, store: Store, path: Path) -> None:
        there = path.with_name("store-copy")
        there.mkdir()
        (there / "letter").write_text("dear")

        with pytest.raises(StoreUnavailable, match="backup"):
            store.backup(there)

        assert (there / "letter").read_text() == "dear"

    def test_an_error_at_any_commit_leaves_the_others(self, store: Store) -> None:
        model = states_of_the_script()[-1]
        for batch in SCRIPT:
            conflict = Batch((*batch.writes, Write(Key(Space.META, "x"), b"", expected=7)))
            answers = store.commit([conflict, batch, conflict])
            assert isinstance(answers[1], Committed)

        assert contents(store) == model

    def test_a_second_process_is_kept_out(self, store: Store, path: Path) -> None:
        self.needs_another_process()

        def intrude(say: _Say) -> None:
            try:
                self.make(path).open(Environment())
            except StoreLocked:
                say("locked")

        assert _in_a_child(intrude) == ["locked"]
        assert list(store.commit([put("a", b"unharmed")])) == [Committed((1,))]

    def test_a_killed_process_lets_go(self, closed: Store, environment: Environment) -> None:
        self.needs_another_process()

        def work(say: _Say) -> None:
            closed.open(environment)
            perform(closed, say)

        said = _in_a_child(work)
        closed.open(environment)

        assert said == ["kept"] * len(SCRIPT)
        assert contents(closed) == states_of_the_script()[-1]
        closed.close()

    def test_closing_lets_the_next_one_in_although_a_forked_process_lives(
        self, store: Store, path: Path, environment: Environment
    ) -> None:
        store.commit([put("a", b"1")])
        child, reading = _fork(lambda _: signal.pause())
        store.close()
        other = self.make(path)

        other.open(environment)

        other.close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)

    def test_a_killed_process_lets_go_although_one_that_it_forked_lives(self, closed: Store, environment: Environment) -> None:
        self.needs_another_process()

        def work() -> None:
            closed.open(environment)
            closed.commit([put("a", b"1")])

        owner, holding = _owned_and_forked(work)
        os.kill(owner, signal.SIGKILL)
        os.waitpid(owner, 0)

        closed.open(environment)

        assert closed.read([state("a")]) == [Record(b"1", 1)]
        closed.close()
        os.close(holding)

    @pytest.mark.parametrize("use", _USES, ids=("read", "scan", "commit", "backup"))
    def test_a_forked_process_cannot_use_it(
        self, store: Store, path: Path, environment: Environment, use: Callable[[Store, Path], object]
    ) -> None:
        """Nor does it harm to close it there."""
        store.commit([put("a", b"1")])

        def work(say: _Say) -> None:
            try:
                use(store, path)
            except UsageError as error:
                say("spawn" if "spawn" in str(error) else "no way out")
            store.close()
            say("closed")

        assert _in_a_child(work) == ["spawn", "closed"]
        assert list(store.commit([put("a", b"2", expected=1)])) == [Committed((2,))]
        store.close()
        store.open(environment)
        assert store.read([state("a")]) == [Record(b"2", 2)]

    def test_a_fork_of_a_forked_process_cannot_use_it_either(self, store: Store) -> None:
        def deeper(say: _Say) -> None:
            for word in _in_a_child(work):
                say(word)

        def work(say: _Say) -> None:
            try:
                store.commit([put("a", b"1")])
            except UsageError:
                say("refused")

        assert _in_a_child(deeper) == ["refused"]

    @pytest.mark.parametrize("at", range(len(SCRIPT)))
    def test_killed_between_commits(self, closed: Store, environment: Environment, at: int) -> None:
        self.needs_another_process()

        def work(say: _Say) -> None:
            closed.open(environment)
            for batch in SCRIPT[:at]:
                closed.commit([batch])
                say("kept")

        acknowledged = len(_in_a_child(work))
        closed.open(environment)

        assert contents(closed) == states_of_the_script()[acknowledged]
        closed.close()

    @pytest.mark.parametrize("at", range(len(SCRIPT)))
    def test_killed_during_a_commit(self, closed: Store, environment: Environment, at: int) -> None:
        """The process is killed when it has acknowledged so many commits, while it is working on the next."""
        self.needs_another_process()

        def work(say: _Say) -> None:
            closed.open(environment)
            say("open")
            perform(closed, say)

        said = _in_a_child(work, kill_after=at + 1).count("kept")
        closed.open(environment)

        assert contents(closed) in states_of_the_script()[said : said + 2]
        closed.close()

    @pytest.mark.parametrize("size", _FULL_DISKS)
    def test_on_a_full_disk(self, closed: Store, environment: Environment, size: int) -> None:
        """No file can grow beyond *size*: opening or a commit is refused, and no acknowledged commit is lost."""
        self.needs_another_process()

        def work(say: _Say) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            try:
                closed.open(environment)
            except StoreError:
                return
            say("opened")
            perform(closed, say)
            closed.close()
            say("closed")

        said = _in_a_child(work)
        closed.open(environment)

        acknowledged = said.count("kept")
        assert ("opened" in said) == ("closed" in said)
        assert contents(closed) in states_of_the_script()[acknowledged : acknowledged + 1 + said.count("maybe")]
        assert list(closed.commit([put("room", b"again", expected=ABSENT)]))
        closed.close()
