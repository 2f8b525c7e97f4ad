"""What can be checked: `nox -l` lists it, with a star before what plain `nox` does: all that is quick, and proves something.

Each session installs what it needs into an environment of its own and uses nothing from outside. Sessions run on the newest
supported Python that is present; `tests` runs on every one. A run ends with one line that counts the tests of all its sessions.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = False  # a Python that is not here is reported as skipped
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "floors", "types", "tests", "browser", "crashlab", "sim", "docs", "examples", "build"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = nox.project.python_versions(PYPROJECT)
REPEATS = 20
SPREAD = ("--numprocesses=auto", "--dist=worksteal")
"""A process for each core (pytest-xdist)."""
LEFT_OUT = (
    "__pycache__",
    "architecture",
    "browser",
    "typing",
    "crashlab",
    "mutants",
    "promises",
    "simlab",
    "simulation",
    "soak",
    "test_exploring.py",
    "test_faults.py",
    "test_inventory_kills.py",
)
"""Those tests that say nothing about a wheel: of the checkout, of the types, of the page, and the long ones, which have just run."""
WHEEL_HOLDS = (
    "trioactors/__init__.py",
    "trioactors/console/static/index.html",
    "trioactors/py.typed",
    "trioactors_backends/__init__.py",
    "trioactors_backends/py.typed",
)


def _present(version: str) -> bool:
    """Whether a Python of this *version* is here and runs (a shim may be here and not run)."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return True
    found = shutil.which(f"python{version}")
    return found is not None and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0


PRESENT = [version for version in SUPPORTED if _present(version)]
if not PRESENT:
    sys.exit(f"No supported Python is here: one of {', '.join(SUPPORTED)} is needed on the PATH.")
NEWEST = PRESENT[-1]


class Tally:
    """How many tests passed and failed, over all sessions of this run."""

    def __init__(self) -> None:
        self.ran = False
        self.passed = 0
        self.failed = 0

    def add(self, report: Path) -> None:
        """Count the tests of one pytest run."""
        self.ran = True
        for suite in ET.parse(report).iter("testsuite") if report.exists() else ():
            tests, skipped, *bad = (int(suite.get(name, 0)) for name in ("tests", "skipped", "failures", "errors"))
            self.failed += sum(bad)
            self.passed += tests - skipped - sum(bad)

    def close(self) -> None:
        """Print the last line of the run."""
        if self.ran:
            print(f"{self.passed} passed, {self.failed} failed", flush=True)


TALLY = Tally()
atexit.register(TALLY.close)


def _install(session: nox.Session, *groups: str, package: tuple[str, ...] = ("-e", ".")) -> None:
    """Install the *package* with the dependencies of these *groups*."""
    session.install(*package, *nox.project.dependency_groups(PYPROJECT, *groups))


def _pytest(session: nox.Session, *arguments: str, runner: tuple[str, ...] = ("pytest",)) -> None:
    """Run pytest and count its tests; a run that fails without a failed test (it found none, say) is one failure."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        before = TALLY.failed
        try:
            session.run(*runner, f"--junit-xml={report}", *arguments)
        except BaseException:
            TALLY.add(report)
            TALLY.failed = max(TALLY.failed, before + 1)
            raise
        TALLY.add(report)


def _lab(session: nox.Session, program: str, **environment: str) -> None:
    """Run one of the programs in tests/; it exits with 1 if something is not as it must be."""
    _install(session, "test")
    session.run("python", "-W", "error", "-m", program, *session.posargs, env={"PYTHONPATH": "tests", **environment})


@nox.session(python=SUPPORTED)
def tests(session: nox.Session) -> None:
    """The whole suite in random order, with coverage; on every supported Python that is here."""
    _install(session, "test")
    session.run("coverage", "erase")
    _pytest(session, *SPREAD, *session.posargs, runner=("coverage", "run", "-m", "pytest"))
    session.run("coverage", "combine", "--quiet")
    if not session.posargs:
        session.run("coverage", "report")
        session.run("coverage", "report", "--include=*/restarts.py", "--fail-under=100")


@nox.session(python=NEWEST)
def browser(session: nox.Session) -> None:
    """The console's page in the chromium of this system; without one it is skipped (where CI=true it fails)."""
    _install(session, "browser")
    _pytest(session, "tests/browser", *session.posargs)


@nox.session(python=NEWEST)
def screenshots(session: nox.Session) -> None:
    """Take the pictures in docs/screenshots anew, of examples/console."""
    _install(session, "browser")
    session.run("python", "tests/browser/screenshots.py")


@nox.session(python=NEWEST)
def crashlab(session: nox.Session) -> None:
    """Kill durable actors 200 times on each store: nothing that was answered is lost; `-- 2000` kills more often."""
    _lab(session, "crashlab")


@nox.session(python=NEWEST)
def soak(session: nox.Session) -> None:
    """Call actors 100,000 times, and ten times too often: nothing may grow, nothing may collapse; `-- --quick` for half a minute."""
    _lab(session, "soak", GLIBC_TUNABLES="glibc.malloc.tcache_count=0")  # what threads keep for themselves would be counted


@nox.session(python=NEWEST)
def sim(session: nox.Session) -> None:
    """Simulate whole applications under 10,000 seeds, on all cores: nothing that was promised is broken; `-- 20000` tries more."""
    _lab(session, "simlab")


@nox.session(python=NEWEST)
def mutants(session: nox.Session) -> None:
    """Plant each kept mutant in a copy, and look how soon simulations find it: at least 95 in 100 must be found within 2,000 seeds."""
    _lab(session, "mutants")


@nox.session(python=NEWEST)
def promises(session: nox.Session) -> None:
    """Measure the figures in docs/promises.md and docs/simulation.md anew, and write them there; `-- crashlab 2000` only those."""
    _lab(session, "promises")


@nox.session(python=NEWEST)
def fast(session: nox.Session) -> None:
    """While you work: what failed last time first, and stop at the first failure."""
    _install(session, "test")
    _pytest(session, "-x", "--ff", "--no-header", *session.posargs)


@nox.session(python=NEWEST)
def repeat(session: nox.Session) -> None:
    """The suite twenty times over, each time in another order."""
    _install(session, "test")
    for seed in range(1, REPEATS + 1):
        _pytest(session, "-q", *SPREAD, f"--randomly-seed={seed}", *session.posargs)


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Style and formatting (ruff), and what goes wrong in async code (flake8-async)."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", *session.posargs)
    session.run("flake8")


@nox.session(python=NEWEST)
def types(session: nox.Session) -> None:
    """Both mypy and pyright, strict; each planted error must be reported, and nothing else."""
    _install(session, "types")
    session.run("mypy")
    session.run("pyright", "--warnings", "--project=pyproject.toml")
    _pytest(session, "tests/typing")


@nox.session(python=NEWEST)
def floors(session: nox.Session) -> None:
    """Imports point down (import-linter), and the other rules of the house (tests/architecture)."""
    _install(session, "floors")
    session.run("lint-imports", "--no-cache")
    _pytest(session, "tests/architecture")


@nox.session(python=NEWEST)
def docs(session: nox.Session) -> None:
    """Every piece of code in README.md and docs/ runs and does what the text says."""
    _install(session, "test")
    _pytest(session, "README.md", "docs", *session.posargs)


@nox.session(python=NEWEST)
def examples(session: nox.Session) -> None:
    """Every program in examples/ runs to its end without a warning."""
    _install(session)
    for program in sorted(Path("examples").glob("*.py")):
        session.run("python", "-W", "error", str(program))
    session.run("python", "-W", "error", "examples/inventory", "examples", "--store", "memory:", "--crash", "5")


@nox.session(python=NEWEST)
def demo(session: nox.Session) -> None:
    """A living system under the console, to look at and to break: `-- FOLDER` for one that you can come back to. Ctrl-C ends it."""
    _install(session, package=("-e", ".[console,examples]"))
    python = str(Path(session.bin, "python"))
    os.execv(python, [python, "examples/console/demo.py", *session.posargs])  # so that every signal is its own


@nox.session(python=NEWEST, reuse_venv=False)
def build(session: nox.Session) -> None:
    """Build the wheel, look into it, and run the suite against it, outside the tree; without the labs, which have just run."""
    with tempfile.TemporaryDirectory() as folder:
        outside = Path(folder)
        session.install(*nox.project.dependency_groups(PYPROJECT, "build"))
        session.run("python", "-m", "build", "--installer=uv", f"--outdir={outside}")
        (wheel,) = outside.glob("*.whl")
        missing = set(WHEEL_HOLDS) - set(zipfile.ZipFile(wheel).namelist())
        if missing:
            session.error(f"{wheel.name} lacks {', '.join(sorted(missing))}")
        _install(session, "test", package=(str(wheel),))
        shutil.copytree("tests", outside / "tests", ignore=shutil.ignore_patterns(*LEFT_OUT))
        shutil.copytree("examples", outside / "examples")
        shutil.copy("pyproject.toml", outside)
        session.chdir(outside)
        session.run("python", "-P", "-c", "import trioactors as t; assert 'site-packages' in t.__file__, t.__file__")
        _pytest(session, *SPREAD)
        session.chdir(Path(__file__).parent)


@nox.session(python=NEWEST)
def bench(session: nox.Session) -> None:
    """Measure against the floor and the peers; prints a table, proves nothing by itself."""
    _install(session, "bench")
    # Where triotp cannot be installed, the table says so.
    session.install("--no-deps", "-r", "benchmarks/without-dependencies.txt", success_codes=[0, 1])
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=NEWEST)
def bench_durable(session: nox.Session) -> None:
    """Measure durable actors against the bare store and the peers, at equal durability; prints tables, proves nothing by itself."""
    _install(session, "bench")
    session.run("python", "-m", "benchmarks.durable", *session.posargs)
