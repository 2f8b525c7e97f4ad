"""Power cuts, simulated: the same actors and clients on a disk in memory that forgets what was not synced.

A kill cannot show a missing sync, because the system keeps what was written. So here the disk is a `SimulatedDisk`. While the actors work,
a copy of it is kept from before each of its operations, with how much had been said by then. Later the power is cut on some of the
copies: what was not synced is dropped, in whole or in part; the actors start again on what is left, and the checker compares.

The control is the same disk with a sync that claims to have synced. It must lose.

Everything runs in this process and in virtual time, from a seed, so a finding can be repeated.
"""

from __future__ import annotations

import copy
import logging
import random
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import attrs

import trioactors as ta
from crashlab.checker import Checker, Kind
from crashlab.protocol import Report
from crashlab.workload import Ledger, Say, call_on, tell_all, tree
from trioactors.environment import DiskFile
from trioactors.persistence import Limits, Options
from trioactors.testing import run, virtual_environment
from trioactors.testing.disk import Keep, Power, SimulatedDisk
from trioactors_backends.filesystem import FilesystemStore

CALLS = 10
"""How many calls each client makes before the copies are looked at."""

_FOLDER = Path("/simulated/store")
_OPTIONS = Options(limits=Limits(slack_bytes=8_192))  # so that snapshots are written all the time


@attrs.define
class _WatchedPower(Power):
    """Tells when an operation begins."""

    before: Callable[[], object] = attrs.field(kw_only=True)

    def step(self) -> None:
        """Begin an operation."""
        self.before()
        super().step()


class _NeverSynced:
    """An open file that says it was synced."""

    def __init__(self, inner: DiskFile) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def sync(self) -> None:
        """Claim it."""


class ForgetfulDisk(SimulatedDisk):
    """The control: names are synced, what is in the files never is."""

    def open(self, path: Path) -> DiskFile:
        """Open the file; it cannot be synced."""
        return cast("DiskFile", _NeverSynced(super().open(path)))


@attrs.frozen
class Copy:
    """The disk as it was at some moment, and how many reports had been made by then."""

    disk: SimulatedDisk
    said: int


@attrs.frozen
class Found:
    """What became of the power cuts."""

    cuts: int
    lost: int
    """After how many of them an acknowledged call was gone, or an actor down, because its record is not what was written."""

    wrong: int
    """After how many the checker found anything at all."""

    refused: int
    """After how many the store is not served, because it is not what was written."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.cuts} power cuts: {self.lost} lost acknowledged calls, {self.refused} left a store that refuses to serve"


def cut_often(cuts: int, seed: int, make: Callable[..., SimulatedDisk] = SimulatedDisk) -> Found:
    """Work once, cut the power at so many moments of it, and check what is left."""
    chance = random.Random(seed)
    reports, copies = _worked(make(seed=seed), seed)
    results = [_after_a_cut(chance.choice(copies), chance.choice(list(Keep)), reports, seed) for _ in range(cuts)]
    kinds = [found for found in results if found is not None]
    return Found(cuts, sum(Kind.LOST in found for found in kinds), sum(map(bool, kinds)), results.count(None))


def _worked(disk: SimulatedDisk, seed: int) -> tuple[Sequence[Report], Sequence[Copy]]:
    """All that was said, and all copies of the disk."""
    reports: list[Report] = []
    copies: list[Copy] = []

    def before() -> None:
        power.before = _nothing
        copies.append(Copy(copy.deepcopy(disk), len(reports)))
        power.before = before

    power = disk.power = _WatchedPower(random.Random(seed), {}, None, before=before)
    _live(disk, seed, reports.append, calls=CALLS)
    return reports, copies


def _nothing() -> None:
    """Copies are not copied."""


def _after_a_cut(moment: Copy, keep: Keep, reports: Sequence[Report], seed: int) -> set[Kind] | None:
    """What the checker finds when the power goes at that *moment*; None if what is left is not served."""
    disk, checker = copy.deepcopy(moment.disk), Checker()
    disk.power_cut(keep)
    again: list[Report] = []
    down: set[Kind] = set()
    try:
        with _quiet():
            _live(disk, seed, again.append, calls=0)
    except (ta.StoreError, ta.StartFailed):
        return None
    except ta.ActorStopped:  # its record cannot be read, so all that it had acknowledged is gone
        down = {Kind.LOST}
    return down | {violation.kind for violation in [*checker.read(reports[: moment.said], 1), *checker.read(again, 2)]}


def _live(disk: SimulatedDisk, seed: int, say: Say, *, calls: int) -> None:
    async def main() -> None:
        environment = attrs.evolve(virtual_environment(seed), disk=disk)
        async with ta.open_system(FilesystemStore(_FOLDER, _OPTIONS), tree(Ledger), environment=environment) as system:
            await tell_all(system, say)
            await call_on(system, 1, say, calls=calls)

    run(main, seed=seed)


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """What is not served is counted, not reported."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
