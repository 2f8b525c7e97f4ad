"""The inventory, killed 20 times over 10,000 files.

The program runs under an audit hook of the interpreter, which writes down the name of each file before it is opened, so that nothing in
the program can hide a read. After each kill the store is read through the library, and from then on no file with a result in it may be
opened again.

The hook also limits how far a run gets before the kill arrives: at the 480th file a hashing thread stops and waits to be killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from attrs import Factory, define

from keeping import Sheet
from records import Entry
from summary import duplicates
from trioactors.environment import Environment
from trioactors.persistence import Record, Space, prefix_end, store_at
from trioactors.serializer import Serializer

PROGRAM = Path(__file__).parents[2] / "examples" / "inventory"
FILES = 10_000
MOMENTS = (
    ": the inventory is kept in ",  # it begins to open the store
    " files to hash ",  # it begins to hash
    "recorded ",  # the first results are committed
    "recorded ",
    "recorded ",
) * 4
"""A run is killed after the first line that contains one of these."""
BOUND = 480
"""Files that a run may open: less than a twentieth of all, so that some are always left."""

WATCHED = """
import itertools, os, runpy, sys

log, root, bound = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT), os.fsencode(sys.argv[2]) + b"/", int(sys.argv[3])
opened = itertools.count(1)

def watch(event, arguments):
    if event != "open" or isinstance(arguments[0], int):
        return
    path = os.fsencode(arguments[0])
    if path.startswith(root):
        if next(opened) > bound:
            os.read(0, 1)  # nobody writes there
        os.write(log, path.removeprefix(root) + b"\\n")

sys.addaudithook(watch)
sys.argv = sys.argv[4:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

SHA256SUM = "find . -type f -exec sha256sum {} + | LC_ALL=C sort"
REPEATED = "LC_ALL=C uniq --check-chars=64 --all-repeated=separate"


@define
class Bench:
    """A folder, a store, and what was seen of the runs so far."""

    root: Path
    path: Path
    logs: list[Path] = Factory(list[Path])

    @property
    def store(self) -> str:
        return f"sqlite:///{self.path}/store.db"

    def start(self, *, bound: int = sys.maxsize) -> subprocess.Popen[str]:
        self.logs.append(self.path / f"log-{len(self.logs)}")
        watched = sys.executable, "-c", WATCHED, self.logs[-1], self.root, str(bound)
        program = PROGRAM, self.root, "--store", self.store, "--workers", "2", "--verbose"
        world = {**os.environ, "PYTHONPYCACHEPREFIX": str(self.path / "cache"), "PYTHONDONTWRITEBYTECODE": ""}
        return subprocess.Popen([*watched, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=world)

    def kill_at(self, moment: str) -> int:
        """Kill a run at some *moment*; the number of results that it had reported as committed."""
        promised = 0
        with self.start(bound=BOUND) as process:
            assert process.stdout is not None
            for line in process.stdout:
                promised += int(line.split()[1]) if line.startswith("recorded ") else 0
                if moment in line:
                    process.kill()
                    break
        assert process.returncode == -signal.SIGKILL
        return promised

    def finish(self) -> str:
        """Let a run finish; its output."""
        with self.start() as process:
            printed, _ = process.communicate()
        assert process.returncode == 0
        return printed

    def opened(self) -> set[bytes]:
        """The files that the last run opened."""
        return set(self.logs[-1].read_bytes().splitlines())

    def kept(self) -> list[tuple[bytes, Entry]]:
        """Every result in the store, with its path."""
        if not (self.path / "store.db").exists():
            return []
        store, codec = store_at(self.store), Serializer().codec(Sheet)
        store.open(Environment())
        try:
            found = store.scan(Space.STATE, "page ", prefix_end("page "), limit=FILES)
        finally:
            store.close()
        results: list[tuple[bytes, Entry]] = []
        for key, record in found:
            assert isinstance(record, Record)
            top = Path(os.fsdecode(unquote_to_bytes(key.name.split(" ")[1]))).relative_to(self.root)
            results += [(os.fsencode(top / path), entry) for path, entry in codec.decode(record.data).files.items()]
        return results

    def shell(self, script: str) -> bytes:
        """The output of a shell *script* in the folder."""
        return subprocess.run(["sh", "-c", script], cwd=self.root, check=True, capture_output=True).stdout


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """10,000 files in the root and nine top folders; a third of them share their content with others, and some names are not text."""
    root = tmp_path / "root"
    for number in range(FILES):
        top = root / f"top{number % 10}" if number % 10 else root
        name = os.fsdecode(b"\xe9 %d" % number) if number % 100 == 1 else f"{number}.txt"
        folder = top / f"{number % 3}" if number % 10 else top
        if number < 30:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"%d\n" % (number // 2 if number % 3 else number) * (number % 50))
    yield Bench(root, tmp_path)
    shutil.rmtree(root)  # pytest would keep it for three more runs, and then somebody would wait for it


@pytest.mark.lab
@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is what the results are compared with")
def test_killed_20_times_over_10000_files_it_keeps_every_result_once_and_hashes_none_again(bench: Bench) -> None:
    known: dict[bytes, Entry] = {}
    for moment in MOMENTS:
        promised = bench.kill_at(moment)
        kept = dict(bench.kept())

        assert bench.opened().isdisjoint(known)
        assert known.items() <= kept.items()
        assert len(kept) >= len(known) + promised
        known = kept
    assert 0 < len(known) < FILES
    summary = bench.finish()

    assert bench.opened() == {os.fsencode(path.relative_to(bench.root)) for path in bench.root.rglob("*") if path.is_file()} - set(
        known
    )
    results = bench.kept()
    assert len(results) == len(dict(results)) == FILES
    lines = bench.shell(SHA256SUM).splitlines()
    assert {path: entry.sha256 for path, entry in results} == {line[68:]: line[:64].decode() for line in lines}
    groups = bench.shell(f"{SHA256SUM} | {REPEATED}").split(b"\n\n")
    entries = {Path(os.fsdecode(path)): entry for path, entry in results}
    found = {frozenset(os.fsencode(path) for path in group) for group in duplicates(entries)}
    assert found == {frozenset(line[68:] for line in group.splitlines()) for group in groups}
    assert f"duplicates: {sum(map(len, found)):,} files in {len(found):,} groups;" in summary


@pytest.mark.lab
def test_nothing_is_opened_in_a_run_over_what_is_known(bench: Bench) -> None:
    bench.finish()
    assert len(bench.opened()) == FILES

    again = bench.finish()

    assert not bench.logs[-1].read_bytes()
    assert "0 hashed, 10,000 known before, 0 had changed, 0 had gone; restarts: none" in again
