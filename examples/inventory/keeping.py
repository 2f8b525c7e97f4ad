"""The durable actors: the inventory of a root, a folder for each top folder, and the pages of each folder.

Each commits before it answers. So acknowledged work survives `kill -9`, and other work is done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import Factory, define

import trioactors as ta
from planning import Plan, planned
from records import Entry, Top, durable_name
from trioactors.serializer import stored
from walking import Walk

__all__ = ["RECORDS", "Folder", "Inventory", "Page", "folder_of", "inventory_of", "page_of"]

A = TypeVar("A", bound=ta.Actor[Any])
RECORDS: Final = "records"
"""The name of the supervisor of all these actors."""
PATIENCE: Final = 600.0
"""The deadline of a call, in seconds. A folder asks all its pages, and a disk may be slow."""


@stored(name="sheet")
@define
class Sheet:
    """The state of a page."""

    files: dict[Path, Entry] = Factory(dict[Path, Entry])


class Page(ta.Actor[Sheet], persist=ta.EVERY_MESSAGE, timeout=PATIENCE):
    """A durable actor that keeps the results of up to a hundred files."""

    @ta.handler(reads=True)
    def entries(self) -> Mapping[Path, Entry]:
        """Return all entries."""
        return dict(self.state.files)

    @ta.handler
    def record(self, results: Mapping[Path, Entry | None]) -> None:
        """Keep these results; None means that the file has gone."""
        for path, entry in results.items():
            if entry is None:
                self.state.files.pop(path, None)
            else:
                self.state.files[path] = entry


@stored(name="shelf")
@define
class Shelf:
    """The state of a folder."""

    pages: int = 0


class Folder(ta.Actor[Shelf], persist=ta.EVERY_MESSAGE, timeout=PATIENCE):
    """A durable actor that knows the pages of a top folder and plans the work there."""

    def __init__(self, top: Top) -> None:
        self.top = top

    @ta.handler
    async def plan(self, walk: Walk) -> Plan:
        """Compare the walk with the results that are kept, and drop the results of files that have gone.

        The number of pages is committed before any file is hashed. So no result can be on an unknown page.
        """
        pages = await self.pages()
        plan = planned(self.top, walk, [await page.entries() for page in pages])
        for number, paths in plan.gone.items():
            await pages[number].record(dict.fromkeys(paths))
        self.state.pages = plan.pages
        return plan

    @ta.handler(reads=True)
    async def entries(self) -> Mapping[Path, Entry]:
        """Return the entry of every file, by its path under the folder."""
        return {path: entry for page in await self.pages() for path, entry in (await page.entries()).items()}

    async def pages(self) -> list[Page]:
        """Return the actors of all pages, started if necessary."""
        return [await page_of(self.context.system, self.top, number) for number in range(self.state.pages)]


@stored(name="inventory")
@define
class Tops:
    """The state of an inventory."""

    known: set[Path] = Factory(set[Path])


class Inventory(ta.Actor[Tops], persist=ta.EVERY_MESSAGE, timeout=PATIENCE):
    """A durable actor that knows the top folders of one root, including those that have gone."""

    @ta.handler
    def expand(self, tops: Sequence[Path]) -> list[Path]:
        """Add these top folders and return all that were ever seen."""
        self.state.known.update(tops)
        return sorted(self.state.known)


async def inventory_of(system: ta.System, root: Path) -> Inventory:
    """Return the inventory of *root*, started if necessary."""
    return await running(system, Inventory, Inventory, durable_name("inventory", str(root)))


async def folder_of(system: ta.System, top: Top) -> Folder:
    """Return the actor of a top folder, started if necessary."""
    return await running(system, Folder, partial(Folder, top), durable_name("folder", str(top)))


async def page_of(system: ta.System, top: Top, number: int) -> Page:
    """Return one page of a top folder, started if necessary."""
    return await running(system, Page, Page, f"{durable_name('page', str(top))} {number:04}")


async def running(system: ta.System, kind: type[A], make: ta.Startable[A], name: str) -> A:
    """Return the running actor *name*, or start one, which begins with the state that was committed under its name."""
    with suppress(ta.NameTaken):
        await system.supervisor(RECORDS).start_child(ta.child(make, name=name))
    return system.get(kind, name)
