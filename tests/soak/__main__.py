"""`nox -s soak`: all scenarios, then overload; or `GLIBC_TUNABLES=glibc.malloc.tcache_count=0 PYTHONPATH=tests python -m soak`.

Exits 1 if a bound is broken, and names the culprit.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
from collections.abc import Sequence

from soak import leaks, overload
from soak.planted import an_item, per_call, planted
from soak.scenarios import SCENARIOS

CALLS = 100_000
QUICK_CALLS = 5_000
CONTROL_CALLS = 3_000
OVERLOAD = "overload"
STUCK = 1_800
"""Seconds after which it is taken for stuck, besides what its calls may take: the clock stands still, so nothing else would end it."""

SLOWEST = 100
"""How many calls a second must be made."""

_LEAKS = "{:<16} {:>9} {:>8} {:>15} {:>15} {:>6} {:>8} {:>12} {:>6}"
_OVERLOAD = "{:<22} {:>10} {:>24} {:>12} {:>16}"


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="soak", description="Call actors for long, and far too often, and look at what grows.")
    parser.add_argument("--calls", type=int, help=f"how many each scenario makes (default {CALLS:,}; {QUICK_CALLS:,} if quick)")
    parser.add_argument("--quick", action="store_true", help="half a minute: short runs, and overload in virtual time only")
    names = [*(scenario.name for scenario in SCENARIOS), OVERLOAD]
    parser.add_argument("--only", choices=names, action="append", help="this one only; may be repeated")
    chosen = parser.parse_args(arguments)
    if chosen.calls is None:
        chosen.calls = QUICK_CALLS if chosen.quick else CALLS
    if chosen.calls < CONTROL_CALLS:
        parser.error(f"--calls {chosen.calls}: fewer than {CONTROL_CALLS} show nothing")
    return chosen


def say(text: str) -> None:
    """Print one line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Soak:
    """Runs one part after another, says what each has shown, and remembers what is wrong."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def complain(self, where: str, complaints: Sequence[str]) -> None:
        """Say what is wrong, and remember it."""
        for complaint in complaints:
            say(f"{where}: {complaint}")
        self.complaints += complaints

    def control_leaks(self) -> None:
        """A leak of one number in each call must be found, and named."""
        with planted(an_item, each=per_call) as scenario:
            verdict = leaks.soak(scenario, CONTROL_CALLS)
        say(f"control, a list that grows by one number in each call: {verdict.allocated} KiB; {'; '.join(verdict.culprits)}")
        if not verdict.complaints() or not any("HOARD" in culprit for culprit in verdict.culprits):
            self.complain("control", ["the planted leak was not found, so this soak would not find another"])

    def soak(self, names: Sequence[str], calls: int) -> None:
        """Look for leaks."""
        say("memory in KiB per 100,000 calls: slope ± standard error; at rest: fewest-most")
        say(_LEAKS.format("scenario", "calls", "crashes", "allocated", "resident", "tasks", "threads", "descriptors", "s"))
        for scenario in SCENARIOS:
            if scenario.name in names:
                verdict = leaks.soak(scenario, calls)
                counts = (f"{few}-{most}" for few, most in verdict.counts.values())
                say(
                    _LEAKS.format(
                        verdict.scenario,
                        f"{verdict.calls:,}",
                        f"{verdict.crashes:,}",
                        str(verdict.allocated),
                        str(verdict.resident),
                        *counts,
                        f"{verdict.seconds:.1f}",
                    )
                )
                if verdict.step:
                    say(f"{scenario.name}: besides, one step of {verdict.step / 1024:+,.0f} KiB")
                complaints = verdict.complaints()
                self.complain(scenario.name, complaints)
                self.complain(scenario.name, [f"suspect: {culprit}" for culprit in verdict.culprits] if complaints else ())

    def overload(self, *, quick: bool) -> None:
        """Ask for ten times too much."""
        say(
            f"{overload.TIMES} times the capacity; share of it answered in time, and in both halves the most waiting, blocks of memory"
        )
        say(_OVERLOAD.format("actor, clock", "capacity/s", "share", "waiting", "blocks"))
        control = overload.under_virtual_overload("control, sheds nothing", overload.unshedding, overload.QUICK)
        self._show(control)
        if not control.complaints():
            self.complain("control", ["an actor that sheds nothing did not collapse, so this soak would not find a collapse"])
        for name, server in overload.SERVERS.items():
            self._judge(overload.under_virtual_overload(f"{name}, virtual", server, overload.QUICK if quick else overload.VIRTUAL))
            if not quick:
                self._judge(overload.under_working_overload(f"{name}, working", server))

    def _judge(self, verdict: overload.Verdict) -> None:
        self._show(verdict)
        self.complain(verdict.name, verdict.complaints())

    def _show(self, verdict: overload.Verdict) -> None:
        shares = " ".join(f"{share:.1%}" for share in sorted(verdict.shares))
        say(
            _OVERLOAD.format(
                verdict.name,
                f"{verdict.capacity:.1f}",
                shares,
                "{:,} {:,}".format(*verdict.waiting),
                "{:,} {:,}".format(*verdict.allocated),
            )
        )


def main() -> int:
    """Run what the command line asks for; the exit status."""
    chosen = options()
    names = chosen.only or [*(scenario.name for scenario in SCENARIOS), OVERLOAD]
    soak = Soak()
    faulthandler.dump_traceback_later(STUCK + len(names) * chosen.calls / SLOWEST, exit=True)
    if names != [OVERLOAD]:
        soak.control_leaks()
        soak.soak(names, chosen.calls)
    if OVERLOAD in names:
        soak.overload(quick=chosen.quick)
    faulthandler.cancel_dump_traceback_later()
    if soak.complaints:
        say("the soak failed")
    return 1 if soak.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
