"""The suite on the newest two supported Pythons, from the packages of Debian's unstable distribution.

    python -m debian                                    the suite, without tests/architecture and what is marked `lab`
    python -m debian -- python -m pytest tests/test_x.py    another command, with each of the Pythons

Where it cannot be done (not on Linux, not as root, no debootstrap, no packages) it says why and succeeds: nothing was found wrong. It fails
if a command fails.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tomllib
from pathlib import Path

from debian.folder import PLACE, CannotBeDone, Folder, newest

ROOT = Path(__file__).parent.parent.parent
REPORT = "report.xml"
SUITE = ("pytest", "-q", "-n", "auto", "--dist=worksteal", "--ignore=tests/architecture", "-m", "not lab", f"--junit-xml={REPORT}")


def main() -> int:
    """Run the suite, or the command that is given."""
    chosen = _arguments()
    folder = Folder(chosen.folder.resolve())
    try:
        folder.make()
        folder.copy(ROOT)
        versions = newest(_supported(), folder.offered())
        if not versions:
            raise CannotBeDone(f"Debian has none of {', '.join(_supported())}")  # noqa: TRY301 - the same end for each reason
        for version in versions:
            folder.install(version)
    except CannotBeDone as error:
        _say(f"debian: not run, because {error}")
        return 0
    return max([_run(folder, version, chosen.command or SUITE, chosen.reports) for version in versions])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m debian", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".nox" / "debian-unstable", help="where Debian is, or is put")
    parser.add_argument("--reports", type=Path, help="a folder for the reports of pytest")
    parser.add_argument("command", nargs="*", help="what to run with each Python in place of the suite")
    return parser.parse_args()


def _supported() -> list[str]:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    return [each.rpartition(" ")[2] for each in classifiers if each.startswith("Programming Language :: Python :: 3.")]


def _run(folder: Folder, version: str, command: tuple[str, ...], reports: Path | None) -> int:
    _say(f"debian: Python {version}: {' '.join(command)}")
    code = folder.run(version, command)
    report = folder.root / PLACE[1:] / REPORT
    if report.exists() and reports is not None:
        shutil.move(report, reports / f"{version}.xml")
    return code


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
