"""The promises of a store on disk under faults: an error, a full disk, a kill and a power cut at every operation of its life.

    class TestMyStoreUnderFaults(FaultContract):
        def make(self, path: Path) -> Store:
            return MyStore(path)

The store must keep its files on `environment.disk` (`trioactors.environment.Disk`), which is a `SimulatedDisk` here. It must also take
times and random numbers from the environment, so that a failure can be repeated by the numbers in its message. `StoreContract` has the
other promises and needs no such disk.

After every fault: an answered commit is kept, with its revisions and bytes; a failed one is not; an indeterminate one is kept in whole
batches, in order, or not at all. A state that was read once survives the next power cut. A failed sync is never repeated. The store can be
opened again.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from trioactors.errors import StoreError
from trioactors.persistence.store import Store
from trioactors.testing.disk import Keep, PowerCut
from trioactors.testing.faults import LIVES, Killed, Life, LostWrite, Plan, Repeated

__all__ = ["FaultContract"]

_WINDOW = 6
"""The power is cut within this number of operations after a failed sync."""

_WINDOW_OF_OPENING = 10
"""The power is cut within this number of operations of an opening."""


class FaultContract(ABC):
    """Runs the life of the store once for each operation of its disk and each fault. Subclass it as `StoreContract`."""

    durable = True
    """Whether a commit is synced before it is answered. If not, a power cut may lose the last commits."""

    every = 1
    """The step between the operations that are tried: 1 tries all of them."""

    @abstractmethod
    def make(self, path: Path) -> Store:
        """A closed store at *path*, on the disk of the environment that it is opened with."""

    @pytest.fixture
    def lives(self) -> _Lives:
        """The lives that the tests continue from."""
        return _Lives(self.make)

    def test_without_faults_everything_is_kept(self, lives: _Lives) -> None:
        for keep in Keep:
            lives.healthy.fork(Plan()).after(keep, durable=self.durable)

        assert 0 < lives.born < lives.operations

    @pytest.mark.parametrize(
        ("code", "keep"),
        [(errno.EIO, Keep.NOTHING), (errno.ENOSPC, Keep.ANYTHING)],
        ids=["an error", "a full disk"],
    )
    def test_after_a_failure_at_any_operation_a_power_cut_takes_nothing(self, lives: _Lives, code: int, keep: Keep) -> None:
        for at in range(1, lives.operations + 1, self.every):
            self._try(lives, at, Plan(seed=at, failures={at: code}), keep)

    def test_killed_before_any_operation_everything_is_there(self, lives: _Lives) -> None:
        for at in range(1, lives.operations + 2, self.every):
            self._try(lives, at, Plan(seed=at, kill_at=at), None)

    @pytest.mark.parametrize("keep", Keep)
    def test_a_power_cut_at_any_operation_takes_nothing_that_was_answered(self, lives: _Lives, keep: Keep) -> None:
        seeds = 2 if keep is Keep.ANYTHING else 1
        for at in range(1, lives.operations + 1, self.every):
            for seed in range(seeds):
                self._try(lives, at, Plan(seed=at * seeds + seed, cut_at=at), keep)

    def test_a_power_cut_soon_after_a_failed_sync_takes_nothing_that_was_answered(self, lives: _Lives) -> None:
        for at in lives.healthy.disk.syncs[:: self.every]:
            for later in range(1, _WINDOW):
                self._try(lives, at, Plan(seed=at + later, failures={at: errno.EIO}, cut_at=at + later), Keep.ANYTHING)

    def test_a_power_cut_in_the_opening_after_a_failed_sync_and_a_kill_takes_nothing(self, lives: _Lives) -> None:
        for at in lives.healthy.disk.syncs[:: self.every]:
            for later in range(1, _WINDOW_OF_OPENING if at > lives.born else 1):
                killed = Plan(seed=at + later, failures={at: errno.EIO}, kill_at=at + 1)
                self._try(lives, at, killed, Keep.ANYTHING, later)

    def _try(self, lives: _Lives, at: int, plan: Plan, keep: Keep | None, later: int | None = None) -> None:
        """Run the plan and check the result. With *later*, the power is cut that many operations into the next opening."""
        try:
            life = lives.lived(at, plan)
            if later is not None:
                life.cut_in_the_next(later)
            life.after(keep, durable=self.durable)
        except (StoreError, LostWrite, Repeated) as error:
            end = "the process was killed" if keep is None else f"the power was cut, keeping {keep.value}"
            end += "" if later is None else f", {later} operations into the next opening"
            pytest.fail(f"{plan}, and {end}: {type(error).__name__}: {error}")


class _Lives:
    """The lives of one kind of store. They are equal up to the fault, so most of them continue from a newly made store."""

    def __init__(self, make: Callable[[Path], Store]) -> None:
        self._unborn = Life(make)
        self._newborn = self._unborn.fork(Plan())
        self._newborn.run([()])
        self.healthy = self._newborn.fork(Plan())
        self.healthy.run()
        self.born = self._newborn.disk.operations
        self.operations = self.healthy.disk.operations

    def lived(self, at: int, plan: Plan) -> Life:
        """A life up to its end or its planned cut or kill. The plan takes effect at operation *at*."""
        life = (self._unborn if at <= self.born else self._newborn).fork(plan)
        with suppress(PowerCut, Killed):
            life.run(((), *LIVES[:1]) if at <= self.born else LIVES)
        return life
