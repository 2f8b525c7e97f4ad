"""The durable actors: the inventory of a root, a folder for each top folder, and the pages of each folder.

Each commits before it answers. So what they have said yes to is there after `kill -9`, and what they have not is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from attrs import Factory, define

import trioactors as ta
from planning import Plan, planned
from records import Entry, Top, durable_name
from trioactors.serializer import stored
from walking import Walk

__all__ = ["RECORDS", "Folder", "Inventory", "Page", "folder_of", "inventory_of", "page_of"]

A = TypeVar("A")
RECORDS: Final = "records"
"""The supervisor of all these actors."""
PATIENCE: Final = 600.0
"""Seconds for an answer. A folder asks all its pages, and a disk may be slow."""


@stored(name="sheet")
@define
class Sheet:
    """What a page remembers."""

    files: dict[Path, Entry] = Factory(dict[Path, Entry])


class Page(ta.Actor[Sheet], persist=ta.EVERY_MESSAGE, timeout=PATIENCE):
    """Keeps the results of up to a hundred files."""

    @ta.handler(reads=True)
    def entries(self) -> Mapping[Path, Entry]:
        """All of them."""
        return dict(self.state.files)

    @ta.handler
    def record(self, results: Mapping[Path, Entry | None]) -> None:
        """Keep these results; None is the result of a file that has gone."""
        for path, entry in results.items():
            if entry is None:
                self.state.files.pop(path, None)
            else:
                self.state.files[path] = entry


@stored(name="shelf")
@define
class Shelf:
    """What a folder remembers."""

    pages: int = 0


class Folder(ta.Actor[Shelf], persist=ta.EVERY_MESSAGE, timeout=PATIENCE):
    """Knows its pages, and what is to be done in its folder."""

    def __init__(self, top: Top) -> None:
        self.top = top

    @ta.handler
    async def plan(self, walk: Walk) -> Plan:
        """Compare what was seen with what is known; forget what has gone.

        The number of pages is committed before anybody hashes a file. So there never is a result on a page that nobody knows of.
        """
        pages = await self.pages()
        plan = planned(self.top, walk, [await page.entries() for page in pages])
        for number, paths in plan.gone.items():
            await pages[number].record(dict.fromkeys(paths))
        self.state.pages = plan.pages
        return plan

    @ta.handler(reads=True)
    async def entries(self) -> Mapping[Path, Entry]:
        """What is kept of every file, by its path under the folder."""
        return {path: entry for page in await self.pages() for path, entry in (await page.entries()).items()}

    async def pages(self) -> list[Page]:
        """Its pages, running."""
        return [await page_of(self.context.system, self.top, number) for number in range(self.state.pages)]


@stored(name="inventory")
@define
class Tops:
    """What an inventory remembers."""

    known: set[Path] = Factory(set[Path])


class Inventory(ta.Actor[Tops], persist=ta.EVERY_MESSAGE, timeout=PATIENCE):
    """Knows the top folders of one root, also those that are no longer there."""

    @ta.handler
    def expand(self, tops: Sequence[Path]) -> list[Path]:
        """Learn of these top folders. Answers with all that were ever seen."""
        self.state.known.update(tops)
        return sorted(self.state.known)


async def inventory_of(system: ta.System, root: Path) -> Inventory:
    """The inventory of *root*, running."""
    return await running(system, Inventory, Inventory, durable_name("inventory", str(root)))


async def folder_of(system: ta.System, top: Top) -> Folder:
    """The actor of a top folder, running."""
    return await running(system, Folder, partial(Folder, top), durable_name("folder", str(top)))


async def page_of(system: ta.System, top: Top, number: int) -> Page:
    """One page of a top folder, running."""
    return await running(system, Page, Page, f"{durable_name('page', str(top))} {number:04}")


async def running(system: ta.System, kind: type[A], make: Callable[[], A], name: str) -> A:
    """The actor *name*: the one that runs, or else a new one, which begins from what was committed under its name."""
    with suppress(ta.NameTaken):
        await system.supervisor(RECORDS).start_child(ta.child(make, name=name))
    return system.get(kind, name)
