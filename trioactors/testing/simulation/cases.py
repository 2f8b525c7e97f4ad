"""A failed run as text: enough to repeat it on any machine, even after seeds are drawn differently.

A case holds the name of its test, the seed (for the random streams), the plan (the faults, and the clients and turns left out) and the tape
(which task ran when). It is kept as a JSON file in a corpus beside the test, and every run of the test tries it. A test refuses the cases
of other tests, which would do something else in it. Older cases have no name of a test; any test accepts them.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from trioactors.errors import UsageError
from trioactors.testing.disk import Keep
from trioactors.testing.schedules import Tape
from trioactors.testing.simulation.plans import Injection, Kind, Plan

__all__ = ["Case", "kept_cases", "name_of"]


def name_of(test: Callable[..., Any]) -> str:
    """The file and the name of a test, `test_bank.test_no_money_is_lost`, independent of how its module was imported."""
    function = test
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    name = str(getattr(function, "__qualname__", type(function).__qualname__)).replace("<locals>.", "")
    code = getattr(function, "__code__", None)
    return name if code is None else f"{Path(code.co_filename).stem}.{name}"


@attrs.frozen
class Case:
    """A complete description of one run."""

    seed: int
    plan: Plan
    tape: Tape
    failure: str = attrs.field(default="", eq=False)
    """The error, for readers only."""
    test: str = attrs.field(default="", eq=False)
    """The test that failed, as named by `name_of`."""

    def line(self) -> str:
        """The case as JSON on one line, without the error."""
        return json.dumps({**json.loads(self.dumps()), "failure": ""}, separators=(",", ":"))

    def look_at_test(self, test: str) -> None:
        """Raises `UsageError` if the case belongs to another test."""
        if self.test and self.test != test:
            raise UsageError(
                f"this case (seed {self.seed}) belongs to {self.test} and means nothing in {test}: choose that test (pytest: -k), or give "
                f'each test its own corpus. If the test was renamed, set "test" in the case to its new name'
            )

    def dumps(self) -> str:
        """The case as JSON; equal cases give equal text."""
        found: dict[str, object] = {
            "seed": self.seed,
            "faults": [
                {"kind": one.kind.value, "at": one.at, "pick": one.pick, "seconds": one.seconds, "keep": one.keep.value}
                for one in self.plan.injections
            ],
            "without": sorted(self.plan.without),
            "tape": str(self.tape),
            "failure": self.failure,
        }
        if self.test:
            found["test"] = self.test
        return json.dumps(found, indent=1) + "\n"

    @classmethod
    def loads(cls, text: str) -> Case:
        """Read the text that `dumps` returned. Raises `UsageError`."""
        try:
            found: Mapping[str, Any] = json.loads(text)
            injections = tuple(
                Injection(Kind(one["kind"]), int(one["at"]), float(one["pick"]), float(one["seconds"]), Keep(one["keep"]))
                for one in found["faults"]
            )
            plan = Plan(injections, frozenset(map(str, found["without"])))
            return cls(int(found["seed"]), plan, Tape.parse(found["tape"]), str(found["failure"]), str(found.get("test", "")))
        except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
            hint = "; to pass a file, write case=Path(...)" if text.endswith(".json") else ""
            raise UsageError(
                f"this is not a case of a simulation ({type(error).__name__}: {error}): {text[:80]!r}{hint}"
            ) from error

    @classmethod
    def load(cls, path: Path) -> Case:
        """Read a file that `keep_in` wrote. Raises `UsageError`, which names the file."""
        try:
            return cls.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, UsageError) as error:
            raise UsageError(f"{path}: {error}") from error

    def keep_in(self, corpus: Path) -> Path:
        """Write the case to the folder *corpus*. Equal cases get the same file name."""
        corpus.mkdir(parents=True, exist_ok=True)
        nameless = attrs.evolve(self, test="").line()
        path = corpus / f"{sha256(nameless.encode()).hexdigest()[:12]}.json"
        path.write_text(self.dumps(), encoding="utf-8")
        return path


def kept_cases(corpus: Path) -> Iterator[tuple[Path, Case]]:
    """The cases in the folder *corpus*, ordered by name; none if it does not exist. Raises `UsageError`, which names the file."""
    for path in sorted(corpus.glob("*.json")):
        yield path, Case.load(path)
