"""One run, from the walk to the result of every file.

The survey is a child of the tree, as the workers are. If it crashes, it is restarted and begins again; committed work is not repeated.
When it is done, the tree stops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import trio
from attrs import Factory, define

import trioactors as ta
from keeping import folder_of, inventory_of, page_of
from planning import Lot, again
from progress import Progress
from records import Entry, Top
from walking import Walk, tops_of, walk
from workers import Hasher, hasher_names

__all__ = ["Survey"]


@define
class Survey:
    """One run over everything under *root*. Afterwards it holds the results."""

    root: Path
    workers: int
    progress: Progress
    leave_out: Callable[[str], bool]
    walks: dict[Path, Walk] = Factory(dict[Path, Walk])
    """The walk of each top folder."""
    entries: dict[Path, Entry] = Factory(dict[Path, Entry])

    async def run(self) -> None:
        """Walk, plan, hash, and read the results back."""
        system = ta.current_system()
        self.progress.begin()
        self.walks.clear()
        inventory = await inventory_of(system, self.root)
        names = await inventory.expand(await trio.to_thread.run_sync(tops_of, self.root))
        tops = [Top(self.root, name) for name in names]
        lots = deque([lot for top in tops for lot in await self.plan(system, top)])
        self.progress.start_hashing()
        await self.hash_all(system, lots)
        self.entries = {top.name / path: entry for top in tops for path, entry in (await self.kept(system, top)).items()}

    async def plan(self, system: ta.System, top: Top) -> tuple[Lot, ...]:
        """Walk one top folder and have its actor plan the work there."""
        seen = await trio.to_thread.run_sync(partial(walk, top, leave_out=self.leave_out, pulse=self.pulse))
        folder = await folder_of(system, top)
        plan = await folder.plan(seen)
        self.walks[top.name] = seen
        self.progress.planned(plan)
        return plan.lots

    def pulse(self, files: int) -> None:
        """Count files and check for cancellation. The thread of the walk calls this after each folder."""
        trio.from_thread.check_cancelled()
        self.progress.seen += files

    async def hash_all(self, system: ta.System, lots: deque[Lot]) -> None:
        """Keep every worker busy. Each has two feeders: while one records a lot, the lot of the other is hashed."""
        async with trio.open_nursery() as nursery:
            for name in hasher_names(self.workers) * 2:
                nursery.start_soon(self.feed, system, system.get(Hasher, name), lots)

    async def feed(self, system: ta.System, hasher: Hasher, lots: deque[Lot]) -> None:
        """Hand out lot after lot. If the worker crashes, its files are tried again one by one, by any worker."""
        while lots:
            lot = lots.popleft()
            try:
                results = given_up(lot) if lot.hopeless else await hasher.hash(lot)
            except ta.ActorCrashed:
                lots.extendleft(again(lot))
                continue
            page = await page_of(system, lot.top, lot.page)
            await page.record(results)
            self.progress.recorded(lot, results)

    async def kept(self, system: ta.System, top: Top) -> Mapping[Path, Entry]:
        """Return the committed results of one top folder."""
        folder = await folder_of(system, top)
        return await folder.entries()


def given_up(lot: Lot) -> Mapping[Path, Entry]:
    """Return the results for files that crashed too many workers."""
    return {path: Entry(stamp, "unknown", problem=f"It crashed {lot.attempt - 1} workers") for path, stamp in lot.files.items()}
