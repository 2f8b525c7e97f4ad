"""A run that failed, as text: enough to run it again, on any machine, however the seeds are drawn by then.

A case has the seed (for the streams of chance), the plan (the faults, and what is left out) and the tape (who ran when). It is kept as a
JSON file in a corpus beside the test, and tried at every run of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from trioactors.errors import UsageError
from trioactors.testing.disk import Keep
from trioactors.testing.schedules import Tape
from trioactors.testing.simulation.plans import Injection, Kind, Plan

__all__ = ["Case", "kept_cases"]


@attrs.frozen
class Case:
    """One run, whole."""

    seed: int
    plan: Plan
    tape: Tape
    failure: str = attrs.field(default="", eq=False)
    """What was wrong, for people."""

    def line(self) -> str:
        """As JSON, on one line, without what was wrong."""
        return json.dumps({**json.loads(self.dumps()), "failure": ""}, separators=(",", ":"))

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
            return cls(int(found["seed"]), plan, Tape.parse(found["tape"]), str(found["failure"]))
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
        path = corpus / f"{sha256(self.line().encode()).hexdigest()[:12]}.json"
        path.write_text(self.dumps(), encoding="utf-8")
        return path


def kept_cases(corpus: Path) -> Iterator[tuple[Path, Case]]:
    """What is in the folder *corpus*, by name; nothing where it is not there. Raises `UsageError`, which names the file."""
    for path in sorted(corpus.glob("*.json")):
        yield path, Case.load(path)
