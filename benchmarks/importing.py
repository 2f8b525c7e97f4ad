"""How long `import trioactors` takes, beside `import trio, attrs, cattrs`: `python -m benchmarks.importing`, or `... importing 51`.

Each import runs in a new process, in turn with the others, and what counts is CPU time (user and system): a busy machine changes it
little. The goal is a ratio of 1.5 at most. A slow import is found with `python -X importtime -c "import trioactors"`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

__all__: list[str] = []

ROUNDS = 25
BASE = "import trio, attrs, cattrs"
PROGRAMS = (BASE, "import trioactors", "import trioactors; trioactors.Actor, trioactors.open_system")


def seconds(program: str) -> float:
    """CPU time of a new Python that runs *program*."""
    process = subprocess.Popen([sys.executable, "-c", program])  # noqa: S603 - the programs above
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{program!r} failed")
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, and print a line for each program."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    for program in PROGRAMS:
        seconds(program)  # so that all of it is compiled, and in the cache of the system
    measured = [[seconds(program) for program in PROGRAMS] for _ in range(rounds)]
    print(f"{'ms':>6} {'ratio':>6}")
    for at, program in enumerate(PROGRAMS):
        time, ratio = median(row[at] for row in measured), median(row[at] / row[0] for row in measured)
        print(f"{time * 1000:6.1f} {ratio:6.2f}  {program}")


if __name__ == "__main__":
    main()
