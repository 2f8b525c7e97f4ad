"""Draw mutants by lot, among all that a mutation tool makes of the sources: `PYTHONPATH=tests python -m mutants.drawing drawn.json`.

The tool is cosmic-ray (`pip install cosmic-ray`); it is needed for this alone. It offers one mutant for each operator and place, so that a
single `+` counts twelve times and a `return` that forgets nothing at all once. Hence the lot falls on places first (a line and a kind of
operator), evenly over the groups, and then on one of the mutants of that place. A mutant that is no program any more, or differs from
the original only in hints of types or in what a class of attrs says of itself in a debugger (`repr=`), is passed over; nothing else is,
and nothing is tried before the draw is done.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from mutants.table import Mutant, keep, scopes

ROOT = Path(__file__).parents[2]
"""The checkout."""

SEED = 4
EACH = 12
"""How many of each group."""

_BACKENDS = "backends/trioactors_backends"

GROUPS: Mapping[str, Sequence[str]] = {
    "rules": tuple(f"trioactors/supervision/{name}.py" for name in ("restarts", "supervisor", "launcher")),
    "mailbox": (
        "trioactors/messaging/mailbox.py",
        "trioactors/actors/loop.py",
        "trioactors/actors/timers.py",
        "trioactors/scheduling/deadlines.py",
    ),
    "durable actors": tuple(
        f"trioactors/{name}.py"
        for name in (
            "durability/output_gate",
            "durability/saver",
            "durability/write_behind",
            "actors/calls",
            "persistence/committer",
        )
    ),
    "stores": (
        "trioactors/persistence/commit_rules.py",
        *(f"{_BACKENDS}/{name}.py" for name in ("filesystem", "recovery", "generations", "keyspace", "frames", "ownership")),
    ),
}

ONLY: Mapping[str, frozenset[str]] = {
    "trioactors/persistence/commit_rules.py": frozenset({"decide", "current", "_change", "_first_conflict", "_too_large"})
}
"""Where a file is more than what is meant: the functions that are."""


@attrs.frozen(order=True)
class Offer:
    """One mutant that the tool offers."""

    file: str
    line: int
    operator: str
    occurrence: int
    function: str

    @property
    def place(self) -> tuple[str, int, str]:
        """Its line, and the kind of its operator."""
        return self.file, self.line, self.operator.split("_")[0]


def offers(tool: str, root: Path, files: Sequence[str]) -> Sequence[Offer]:
    """All that the tool offers for *files*, in order."""
    config, session = root / "draw.toml", root / "draw.sqlite"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = {json.dumps(list(files))}\ntimeout = 1.0\nexcluded-modules = []\ntest-command = "true"\n'
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    subprocess.run([tool, "init", config.name, session.name], cwd=root, check=True)
    dump = subprocess.run([tool, "dump", session.name], cwd=root, check=True, capture_output=True, text=True).stdout
    found = [json.loads(line)[0]["mutations"][0] for line in dump.splitlines()]
    return sorted(
        Offer(one["module_path"], one["start_pos"][0], one["operator_name"], one["occurrence"], one["definition_name"])
        for one in found
        if one["definition_name"] in ONLY.get(one["module_path"], {one["definition_name"]})
    )


def drawn(tool: str, root: Path, group: str, count: int, seed: int) -> Iterator[Mutant]:
    """So many mutants of one *group*, of the sources in *root*, by lot."""
    chance = random.Random(f"{seed}/{group}")
    places: dict[tuple[str, int, str], list[Offer]] = defaultdict(list)
    for offer in offers(tool, root, GROUPS[group]):
        places[offer.place].append(offer)
    for number, place in enumerate(chance.sample(sorted(places), len(places)), 1):
        offer = chance.choice(places[place])
        path = root / offer.file
        before = path.read_text()
        subprocess.run([tool, "apply", offer.file, offer.operator, str(offer.occurrence)], cwd=root, check=True)
        after = path.read_text()
        path.write_text(before)
        if matters(before, after):
            count -= 1
            yield described(f"{group} {number}", group, offer, before, after)
        if not count:
            return


def matters(before: str, after: str) -> bool:
    """Whether *after* is a program, and another one than *before*, hints of types and `repr=` apart."""
    try:
        return _bare(before) != _bare(after)
    except SyntaxError:
        return False


def _bare(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.Call):
            node.keywords = [one for one in node.keywords if one.arg != "repr"]
    return ast.dump(tree)


def described(name: str, group: str, offer: Offer, before: str, after: str) -> Mutant:
    """The mutant as lines of its scope."""
    old, new = before.splitlines(), after.splitlines()
    changes = [one for one in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if one[0] != "equal"]
    (_, begin, _, new_begin, _), (_, _, end, _, new_end) = changes[0], changes[-1]
    scope, first = "", 0
    for found, node in scopes(ast.parse(before)):
        start = min((one.lineno for one in node.decorator_list), default=node.lineno) - 1
        if start <= begin and end <= (node.end_lineno or 0):
            scope, first = found, start
    while new_begin == new_end and not old[begin].strip():  # a decorator goes, with the empty lines before it
        begin += 1
    lines = tuple(old[begin:end])
    nth = sum(tuple(old[at : at + len(lines)]) == lines for at in range(first, begin + 1))
    return Mutant(name, group, offer.file, scope, offer.operator.removeprefix("core/"), lines, tuple(new[new_begin:new_end]), nth)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, and write down what was drawn."""
    parser = argparse.ArgumentParser(prog="mutants.drawing", description="Draw mutants of the sources by lot.")
    parser.add_argument("to", type=Path, help="the file to write")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the lot (default {SEED})")
    parser.add_argument("--each", type=int, default=EACH, help=f"how many of each group (default {EACH})")
    parser.add_argument("--tool", default="cosmic-ray", help="the program (default cosmic-ray)")
    parser.add_argument("--sources", type=Path, default=ROOT, help="the checkout (default: this one)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for package in ("trioactors", _BACKENDS):
            shutil.copytree(asked.sources / package, root / package)
        found = [one for group in GROUPS for one in drawn(asked.tool, root, group, asked.each, asked.seed)]
    keep(found, asked.to)
    sys.stdout.write(f"{len(found)} mutants are in {asked.to}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
