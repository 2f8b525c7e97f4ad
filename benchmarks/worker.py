"""Take one measurement in its own process: `python -m benchmarks.worker CONTESTANT FUNCTION SIZE` prints it as JSON.

Each measurement has its own process, so that no contestant leaves threads, garbage or a grown heap to the next.
"""

from __future__ import annotations

import importlib
import json
import sys

__all__: list[str] = []


def measured(contestant: str, plays: str, size: int) -> dict[str, object]:
    """The cost, or the reason why there is none."""
    try:
        module = importlib.import_module(f"benchmarks.{contestant}")
    except ImportError as error:
        return {"missing": f"not installable here ({error})"}
    play = getattr(module, plays, None)
    if play is None:
        return {"missing": "not played"}
    try:
        return {"cost": play(size)}
    except OverflowError as error:
        return {"missing": str(error)}


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
