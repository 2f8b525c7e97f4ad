"""`nox -s promises`: measure the figures on the pages again, and write them there; or `PYTHONPATH=tests python -m promises`.

    nox -s promises                        all labs, each with its default length
    nox -s promises -- crashlab 2000       one lab, with arguments
    nox -s promises -- --log run.txt sim   read the log of a long run, or of several, concatenated
    nox -s promises -- --pages             measure nothing; write the figures in docs/figures into the pages

If a lab finds something wrong, its figure stays as it was, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from promises.figures import Figure, blocks, renewed
from promises.parts import BadLog, summed

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@attrs.frozen
class Lab:
    """A program whose output is a figure."""

    module: str
    session: str
    """The command that runs it."""
    last: int = 40
    """The number of lines that are kept, from the end."""
    read: Callable[[Sequence[str]], Sequence[str]] = list[str]
    """Reads a log of its output. Raises `BadLog`."""
    environment: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The environment variables that it needs, as in the noxfile."""


LABS: Mapping[str, Lab] = {
    "crashlab": Lab("crashlab", "nox -s crashlab"),
    "sim": Lab("simlab", "nox -s sim", read=summed),
    "bank": Lab("promises.bank", "nox -s promises -- bank"),
    "mutants": Lab("mutants", "nox -s mutants", last=1),
    "soak": Lab("soak", "nox -s soak", environment={"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}),
}
"""The labs, by the names of their figures."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="promises", description="Measure the figures of the pages, and write them there.")
    parser.add_argument("--pages", action="store_true", help="measure nothing, only write the pages")
    parser.add_argument("--log", type=Path, help="do not run the lab: this is what it has printed")
    parser.add_argument("lab", nargs="?", choices=sorted(LABS), help="this one only (default: all)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the lab")
    asked = parser.parse_args(arguments)
    if asked.log is not None and asked.lab is None:
        parser.error("--log: which lab has printed it?")
    return asked


def printed(lab: Lab, arguments: Sequence[str]) -> Sequence[str] | None:
    """Run the lab; its output, or None if it finds something wrong."""
    command = [sys.executable, "-W", "error", "-m", lab.module, *arguments]
    found: list[str] = []
    paths = os.pathsep.join(filter(None, (str(ROOT / "tests"), os.environ.get("PYTHONPATH"))))
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **lab.environment, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as program:
        assert program.stdout is not None  # asked for
        for line in program.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            found.append(line.rstrip())
    return found if program.returncode == 0 else None


def figure(lab: Lab, arguments: Sequence[str], lines: Sequence[str]) -> Figure:
    """The figure of a lab that has just run."""
    typed = (
        f"{lab.session} -- {' '.join(arguments)}"
        if arguments and " -- " not in lab.session
        else " ".join([lab.session, *arguments])
    )
    where = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return Figure(typed, today, where, tuple(line for line in lines if line)[-lab.last :])


def write_pages(docs: Path) -> None:
    """Write the figures into the pages that show them, and name those that no page shows."""
    homeless = {path.stem for path in (docs / "figures").glob("*.json")}
    for page in sorted(docs.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        new = renewed(text, docs / "figures")
        if new != text:
            page.write_text(new, encoding="utf-8")
        homeless -= {name for name, _ in blocks(new)}
    for name in sorted(homeless):
        sys.stdout.write(f"no page shows {name}: put <!-- figures: {name} --> and <!-- end of figures --> where it belongs\n")


def measure(name: str, arguments: Sequence[str], log: Path | None, docs: Path) -> bool:
    """Measure a figure and keep it; whether the lab found nothing wrong."""
    lab = LABS[name]
    try:
        lines = printed(lab, arguments) if log is None else lab.read(log.read_text(encoding="utf-8").splitlines())
    except BadLog as error:
        sys.stdout.write(f"{log}: {error}\n")
        lines = None
    if not lines:
        sys.stdout.write(f"{name}: something is wrong, or nothing was said; the figure stays as it was\n")
        return False
    figure(lab, arguments, lines).save(docs / "figures" / f"{name}.json")
    return True


def main(arguments: Sequence[str] | None = None, docs: Path = DOCS) -> int:
    """Run the command line; the exit status."""
    asked = options(arguments)
    names = [] if asked.pages else [asked.lab] if asked.lab else list(LABS)
    sound = [measure(name, asked.arguments, asked.log, docs) for name in names]
    write_pages(docs)
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
