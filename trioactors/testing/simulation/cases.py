"""A run that failed, as text: enough to run it again, on any machine, however the seeds are drawn by then.

A case has the test that it is of, the seed (for the streams of chance), the plan (the faults, and what is left out) and the tape (who ran
when). It is kept as a JSON file in a corpus beside the test, and tried at every run of it. Those of other tests are refused: they would do
something else there. An older case, which does not say whose it is, is anybody's.
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
    """The file and the name of a test, `test_bank.test_no_money_is_lost`, however its module was imported."""
    function = test
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    name = str(getattr(function, "__qualname__", type(function).__qualname__)).replace("<locals>.", "")
    code = getattr(function, "__code__", None)
    return name if code is None else f"{Path(code.co_filename).stem}.{name}"


@attrs.frozen
class Case:
    """One run, whole."""

    seed: int
    plan: Plan
    tape: Tape
    failure: str = attrs.field(default="", eq=False)
    """What was wrong, for people."""
    test: str = attrs.field(default="", eq=False)
    """The test that failed so, as `name_of` has it."""

    def line(self) -> str:
        """As JSON, on one line, without what was wrong."""
        return json.dumps({**json.loads(self.dumps()), "failure": ""}, separators=(",", ":"))

    def look_at_test(self, test: str) -> None:
        """Raises `UsageError` if it is of another test."""
        if self.test and self.test != test:
            raise UsageError(
                f"this case (seed {self.seed}) is of {self.test}, and would show nothing in {test}: choose that test (pytest: -k), or give "
                f'each test a corpus of its own. If that was its name before, write the new one as "test" into the case'
            )

    def dumps(self) -> str:
        """As JSON; equal cases give equal text."""
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
        """Read what `dumps` wrote. Raises `UsageError`."""
        try:
            found: Mapping[str, Any] = json.loads(text)
            injections = tuple(
                Injection(Kind(one["kind"]), int(one["at"]), float(one["pick"]), float(one["seconds"]), Keep(one["keep"]))
                for one in found["faults"]
            )
            plan = Plan(injections, frozenset(map(str, found["without"])))
            return cls(int(found["seed"]), plan, Tape.parse(found["tape"]), str(found["failure"]), str(found.get("test", "")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "; a file is given as case=Path(...)" if text.endswith(".json") else ""
            raise UsageError(f"this is no case of a simulation ({type(error).__name__}: {error}): {text[:80]!r}{hint}") from error

    @classmethod
    def load(cls, path: Path) -> Case:
        """Read the file that `keep_in` wrote. Raises `UsageError`, which names it."""
        try:
            return cls.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, UsageError) as error:
            raise UsageError(f"{path}: {error}") from error

    def keep_in(self, corpus: Path) -> Path:
        """Write it to the folder *corpus*, under a name that equal cases share."""
        corpus.mkdir(parents=True, exist_ok=True)
        nameless = attrs.evolve(self, test="").line()
        path = corpus / f"{sha256(nameless.encode()).hexdigest()[:12]}.json"
        path.write_text(self.dumps(), encoding="utf-8")
        return path


def kept_cases(corpus: Path) -> Iterator[tuple[Path, Case]]:
    """What is in the folder *corpus*, by name; nothing where it is not there. Raises `UsageError`, which names the file."""
    for path in sorted(corpus.glob("*.json")):
        yield path, Case.load(path)
