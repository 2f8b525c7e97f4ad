"""The checks. `nox -l` lists them.

    nox                 what a contributor runs before a commit: under five minutes on two cores (the sessions with a star in `nox -l`)
    nox -s labs         what takes longer: the suite with coverage on every supported Python, the crash lab, 10,000 simulations,
                        the browser, the soak, the wheel
    nox -s debian       the suite on the newest two Pythons, from Debian's packages
    nox -s fast         while you work: the tests, those that failed last time first

Each session installs what it needs into an environment of its own and uses nothing from outside. Sessions run on the newest supported
Python that is installed; `tests` runs on each. A run ends with one line that counts the tests of all its sessions; a lab that is a
program counts as one test.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = False  # a Python that is not here is reported as skipped
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "floors", "types", "suite", "docs", "examples"]

# A run starts hundreds of Pythons. Without compiled modules each would compile all it imports; they are kept out of the tree.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""
os.environ["PYTHONPYCACHEPREFIX"] = str(Path(__file__).parent / ".nox" / "bytecode")

PYPROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = nox.project.python_versions(PYPROJECT)
REPEATS = 20
SPREAD = ("--numprocesses=auto", "--dist=worksteal")
"""One process per core (pytest-xdist)."""
ELSEWHERE = ("--ignore=tests/architecture", "-m", "not lab")
"""What `suite` leaves to `floors` and to `labs`."""
ASYNC_CHECKED_FIRST = ("trioactors", "backends", "examples")
"""flake8-async takes a minute for the tests and the benchmarks: `labs` has that minute."""
LEFT_OUT = (
    "__pycache__",
    "architecture",
    "browser",
    "typing",
    "crashlab",
    "mutants",
    "planted",
    "promises",
    "randomlab",
    "simlab",
    "simulation",
    "soak",
    "test_exploring.py",
    "test_faults.py",
    "test_inventory_kills.py",
)
"""Tests that say nothing about a wheel (of the checkout, of the types, of the page), and the long ones, which `tests` runs."""
WHEEL_HOLDS = (
    "trioactors/__init__.py",
    "trioactors/console/static/index.html",
    "trioactors/py.typed",
    "trioactors_backends/__init__.py",
    "trioactors_backends/py.typed",
)


def _present(version: str) -> bool:
    """Whether a Python of this *version* is installed and runs (a shim may exist and not run)."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return True
    found = shutil.which(f"python{version}")
    return found is not None and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0


PRESENT = [version for version in SUPPORTED if _present(version)]
if not PRESENT:
    sys.exit(f"No supported Python found: one of {', '.join(SUPPORTED)} is needed on the PATH.")
NEWEST = PRESENT[-1]
LABS = (
    "lint_tests",
    "types_newest",
    *(f"tests-{version}" for version in PRESENT),
    "browser",
    "crashlab",
    "sim",
    "soak",
    "build",
)
"""What `labs` runs."""


class Tally:
    """The number of tests that passed and failed in all sessions of this run, and of earlier runs that share its file."""

    def __init__(self, shared: str | None) -> None:
        self.shared = shared and Path(shared)
        self.ran = False
        self.passed, self.failed = map(int, self.shared.read_text().split()) if self.shared and self.shared.exists() else (0, 0)

    def count(self, *, passed: bool) -> None:
        """Count one program as one test."""
        self.ran = True
        self.passed += passed
        self.failed += not passed

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
        if self.shared:
            self.shared.write_text(f"{self.passed} {self.failed}")


TALLY = Tally(os.environ.get("TALLY"))
atexit.register(TALLY.close)


def _install(session: nox.Session, *groups: str, package: tuple[str, ...] = ("-e", ".")) -> None:
    """Install the *package* with the dependencies of these *groups*."""
    session.install(*package, *nox.project.dependency_groups(PYPROJECT, *groups))


def _pytest(session: nox.Session, *arguments: str, runner: tuple[str, ...] = ("pytest",)) -> None:
    """Run pytest and count its tests; a run that fails without a failed test (it collected none, say) is one failure."""
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
    """Run one of the programs in tests/ and count it as one test; it exits with 1 if it finds a fault."""
    _install(session, "test")
    try:
        session.run("python", "-W", "error", "-m", program, *session.posargs, env={"PYTHONPATH": "tests", **environment})
    except BaseException:
        TALLY.count(passed=False)
        raise
    TALLY.count(passed=True)


def _at_once(session: nox.Session, *commands: tuple[str, ...]) -> None:
    """Run programs that use one core each at the same time, and print what they print one after the other."""
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(session.run, *command, silent=True) for command in commands]
        for program in running:
            if output := program.result():
                print(output, flush=True)


@nox.session(python=NEWEST)
def suite(session: nox.Session) -> None:
    """The tests in random order, but those of `floors` and those marked `lab`; without coverage."""
    _install(session, "test")
    _pytest(session, *SPREAD, *ELSEWHERE, *session.posargs)


@nox.session(python=False)
def labs(session: nox.Session) -> None:
    """What takes longer: the whole suite with coverage on every Python, the labs, the browser, the wheel. Half an hour on two cores."""
    for name in LABS:
        session.notify(name, ())


@nox.session(python=SUPPORTED)
def tests(session: nox.Session) -> None:
    """The whole suite in random order, with coverage; on every supported Python that is installed."""
    _install(session, "test")
    session.run("coverage", "erase")
    _pytest(session, *SPREAD, *session.posargs, runner=("coverage", "run", "-m", "pytest"))
    session.run("coverage", "combine", "--quiet")
    if not session.posargs:
        session.run("coverage", "report")
        session.run("coverage", "report", "--include=*/restarts.py", "--fail-under=100")


@nox.session(python=NEWEST)
def debian(session: nox.Session) -> None:
    """The suite on the newest two Pythons, from Debian's packages in a folder of its own; where that cannot be done, it says why."""
    _install(session, "test")
    with tempfile.TemporaryDirectory() as reports:
        try:
            session.run("python", "-m", "debian", f"--reports={reports}", *session.posargs, env={"PYTHONPATH": "tests"})
        finally:
            for report in sorted(Path(reports).glob("*.xml")):
                TALLY.add(report)


@nox.session(python=NEWEST)
def browser(session: nox.Session) -> None:
    """Test the console's page in the system's chromium; without one this is skipped (or fails, if CI=true)."""
    _install(session, "browser")
    _pytest(session, "--numprocesses=auto", "--dist=loadfile", *(session.posargs or ("tests/browser",)))


@nox.session(python=NEWEST)
def screenshots(session: nox.Session) -> None:
    """Take the screenshots in docs/screenshots again, of examples/console."""
    _install(session, "browser")
    session.run("python", "tests/browser/screenshots.py")


@nox.session(python=NEWEST)
def crashlab(session: nox.Session) -> None:
    """Kill durable actors 200 times on each store: no answered message may be lost; `-- 2000` kills more often."""
    _lab(session, "crashlab")


@nox.session(python=NEWEST)
def soak(session: nox.Session) -> None:
    """Call actors 100,000 times, then at ten times their capacity: nothing may grow or collapse; `-- --quick` takes half a minute."""
    _lab(session, "soak", GLIBC_TUNABLES="glibc.malloc.tcache_count=0")  # memory that threads cache would be counted


@nox.session(python=NEWEST)
def sim(session: nox.Session) -> None:
    """Simulate whole applications under 10,000 seeds, on all cores: no promise may be broken; `-- 20000` tries more."""
    _lab(session, "simlab")


@nox.session(python=NEWEST)
def applications(session: nox.Session) -> None:
    """Run 5,000 random applications, on all cores, judge each by the whole contract, and say what none has met; `-- 20000` tries more."""
    _lab(session, "randomlab")


@nox.session(python=NEWEST)
def mutants(session: nox.Session) -> None:
    """Plant each recorded mutant in a copy and count the seeds until a simulation finds it: 95 % must be found within 2,000 seeds."""
    _lab(session, "mutants")


@nox.session(python=NEWEST)
def planted(session: nox.Session) -> None:
    """Plant each semantic bug in a copy and count the random applications until it is found; `-- --by tests` tries other ways."""
    _lab(session, "planted")


@nox.session(python=NEWEST)
def promises(session: nox.Session) -> None:
    """Measure the figures in docs/promises.md and docs/simulation.md and write them there; `-- crashlab 2000` measures only those."""
    _lab(session, "promises")


@nox.session(python=NEWEST)
def fast(session: nox.Session) -> None:
    """While you work: run what failed last time first, and stop at the first failure."""
    _install(session, "test")
    _pytest(session, "-x", "--ff", "--no-header", *(session.posargs or ELSEWHERE))


@nox.session(python=NEWEST)
def repeat(session: nox.Session) -> None:
    """Run the suite twenty times, each time in another order."""
    _install(session, "test")
    for seed in range(1, REPEATS + 1):
        _pytest(session, "-q", *SPREAD, f"--randomly-seed={seed}", *session.posargs)


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Check style and formatting (ruff), and mistakes in async code (flake8-async)."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", *session.posargs)
    session.run("flake8", *ASYNC_CHECKED_FIRST)


@nox.session(python=NEWEST)
def lint_tests(session: nox.Session) -> None:
    """Check the whole tree for mistakes in async code (flake8-async), the tests and the benchmarks too."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("flake8")


@nox.session(python=NEWEST)
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright, both strict; they must report each planted error, and nothing else."""
    _install(session, "types")
    _at_once(session, ("mypy",), ("pyright", "--warnings", "--project=pyproject.toml"))
    _pytest(session, *SPREAD, "tests/typing")


@nox.session(python=NEWEST)
def types_newest(session: nox.Session) -> None:
    """Check types as the newest supported Python has them; `types` checks them as the oldest has."""
    _install(session, "types")
    _at_once(
        session,
        ("mypy", f"--python-version={SUPPORTED[-1]}"),
        ("pyright", "--warnings", "--project=pyproject.toml", f"--pythonversion={SUPPORTED[-1]}"),
    )


@nox.session(python=NEWEST)
def floors(session: nox.Session) -> None:
    """Check that imports point down (import-linter), and the other rules of the house (tests/architecture)."""
    _install(session, "floors")
    session.run("lint-imports", "--no-cache")
    _pytest(session, *SPREAD, "tests/architecture")


@nox.session(python=NEWEST)
def docs(session: nox.Session) -> None:
    """Run all code in README.md and docs/ and compare what it prints; a page is read from its top, two pages at a time."""
    _install(session, "test")
    _pytest(session, "--numprocesses=auto", "--dist=loadfile", *(session.posargs or ("README.md", "docs")))


@nox.session(python=NEWEST)
def examples(session: nox.Session) -> None:
    """Run every program in examples/ to its end, without a warning."""
    _install(session)
    for program in sorted(Path("examples").glob("*.py")):
        session.run("python", "-W", "error", str(program))
    session.run("python", "-W", "error", "examples/inventory", "examples", "--store", "memory:", "--crash", "5")


@nox.session(python=NEWEST)
def demo(session: nox.Session) -> None:
    """Run a system under the console, to look at and to break; `-- FOLDER` keeps its state there. Ctrl-C ends it."""
    _install(session, package=("-e", ".[console,examples]"))
    python = str(Path(session.bin, "python"))
    os.execv(python, [python, "examples/console/demo.py", *session.posargs])  # so that every signal is its own


@nox.session(python=NEWEST, reuse_venv=False)
def build(session: nox.Session) -> None:
    """Build the wheel, check what it contains, and run the suite against it outside the tree; `-- dist` keeps it in that folder."""
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
        if session.posargs:
            kept = Path(session.posargs[0])
            kept.mkdir(exist_ok=True)
            for built in outside.glob("trioactors-*"):
                shutil.copy(built, kept)


@nox.session(python=NEWEST)
def bench(session: nox.Session) -> None:
    """Measure beside the least that Trio needs and beside peers; prints a table and checks nothing."""
    _install(session, "bench")
    # Where triotp cannot be installed, the table says so.
    session.install("--no-deps", "-r", "benchmarks/without-dependencies.txt", success_codes=[0, 1])
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=NEWEST)
def bench_durable(session: nox.Session) -> None:
    """Measure durable actors beside the bare store and peers, at equal durability; prints tables and checks nothing."""
    _install(session, "bench")
    session.run("python", "-m", "benchmarks.durable", *session.posargs)
