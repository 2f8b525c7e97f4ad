"""`repair` after a flipped bit anywhere in a store: nothing intact is lost, and a copy is left."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shared.records import tally
from shared.stores import SCHEMES, Contents, contents, data_files, write_all
from trioactors.cli import main
from trioactors.cli.looking import look, rescued
from trioactors.environment import Environment
from trioactors.errors import StoreCorrupt, StoreError
from trioactors.persistence import Key, Space, store_at
from trioactors.testing.contract_records import state

FLIPS = 60
"""The number of bits that are flipped in each store, one at a time."""


def left(url: str, keys: Iterable[Key]) -> Contents:
    """The contents of a store that may be damaged: what a walk finds, and what a read of each key finds."""
    store = store_at(f"{url}?verify=none&create=no")
    store.open(Environment())
    found = dict(rescued(store))
    for key in keys:
        with suppress(StoreCorrupt):
            [record_or_none] = store.read([key])
            if record_or_none is not None:
                found[key] = record_or_none
    store.close()
    return found


def populate(url: str) -> dict[Key, set[bytes]]:
    """Fill a store; for each key, every value that was ever written under it."""
    names = [f"actor-{number}" for number in range(12)] + ["a/b", "nul\0", "\U0001f600"]
    first = {state(name): tally(number) + b" " * 40 * number for number, name in enumerate(names)}
    others = {Key(space, "actor-1"): b"something else" for space in (Space.TIMER, Space.META)}
    second = {state(name): tally(99) for name in ("actor-3", "actor-7")}
    for records in (first, others, second):
        write_all(url, records)
    return {key: {records[key] for records in (first, others, second) if key in records} for key in first | others}


def places(folder: Path) -> Iterator[tuple[Path, int, int]]:
    """Bits all over the data files, empty parts left out: file, byte, bit."""
    files = {
        file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.name not in ("owner", "store-lock") and file.is_file()
    }
    used = [(file, at) for file, content in files.items() for at, byte in enumerate(content) if byte]
    for number, (file, at) in enumerate(used[:: len(used) // FLIPS]):
        yield file, at, 1 << (number * 5 % 8)


def known_before(url: str, keys: Iterable[Key]) -> Contents | None:
    """What can be read before the repair, in any mode in which the store opens; None if it opens in none."""
    try:
        return contents(url)
    except StoreCorrupt:
        pass
    except StoreError:
        return None
    try:
        return left(url, keys)
    except StoreError:
        return None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_whatever_bit_is_turned_nothing_intact_is_lost_and_a_copy_is_left(scheme: str, tmp_path: Path) -> None:
    original, lab = tmp_path / "original", tmp_path / "lab"
    original.mkdir()
    written = populate(f"{scheme}:///{original}/store")
    ends: set[str] = set()
    for file, at, bit in list(places(original)):
        shutil.rmtree(lab, ignore_errors=True)
        shutil.copytree(original, lab)
        content = bytearray((lab / file.relative_to(original)).read_bytes())
        content[at] ^= bit
        (lab / file.relative_to(original)).write_bytes(content)
        ends.add(repaired(f"{scheme}:///{lab}/store", lab, written))

    assert ends == {"nothing to do", "set aside", "replaced", "refused"}


def repaired(url: str, lab: Path, written: dict[Key, set[bytes]]) -> str:
    """Repair the store, and check that nothing intact is lost; the outcome."""
    before, files = known_before(url, written), data_files(lab, "store")
    code = main(["repair", url])
    if code == 1:
        assert before is None or before == {}
        assert data_files(lab, "store") == files
        return "refused"
    assert code == 0
    assert before is not None
    after = contents(url)
    assert not any(look(key, found).status.bad for key, found in after.items())
    assert all(found.data in written[key] for key, found in after.items() if key.space is not Space.QUARANTINE)
    intact = {key: found.data for key, found in before.items() if not look(key, found).status.bad}
    assert {key: after[key].data for key in intact} == intact
    set_aside = {found.data for key, found in before.items() if key not in intact}
    kept = {found.data for key, found in after.items() if key.space is Space.QUARANTINE}
    if (lab / "store.damaged-1").exists():
        assert kept <= set_aside
        assert data_files(lab, "store.damaged-1") == files
        return "replaced"
    assert kept == set_aside
    if set_aside:
        assert contents(f"{url}.before-repair-1") == before
        return "set aside"
    return "nothing to do"
