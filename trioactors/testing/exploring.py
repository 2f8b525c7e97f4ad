"""Run a test under many schedules, and say in one line how to repeat a failure.

    @explore(seeds=200)                                   a test for pytest
    async def test_nothing_is_lost(system: ta.System) -> None: ...

    explore(main, seeds=200)                              a direct call

The first schedule under which the test fails ends the search. Its tape is shrunk: choices are reset to "in turn" as long as the rest
fails in the same way. The original error is then raised, with the line as a note. Errors that are not failures (Ctrl-C, a skipped test)
end the search at once, even while a tape is being shrunk.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, overload

import attrs

from trioactors.annotations import signature_of
from trioactors.errors import UsageError
from trioactors.testing.given import require_count, require_function, seeds_asked, seeds_from
from trioactors.testing.leaks import isolated_system
from trioactors.testing.playing import STEPS, failure_kind, finding_of, play, play_seed, replay
from trioactors.testing.schedules import Playback, Policy, PolicyWord, Tape, chosen_policy, policy_of

__all__ = ["REPLAYS", "SEEDS", "Explored", "Request", "explore", "shrunk"]

SEEDS: Final = 200
"""The number of schedules to try."""

REPLAYS: Final = 100
"""The number of runs for shrinking."""

_FROM_SYSTEM = ("system_tree", "system_store", "system_settings", "system_environment")
_REFUSED = ("autojump_clock", "mock_clock", "nursery", "recorder")
_OPTIONS = {
    "seed": "--trioactors-seed",
    "seeds": "--trioactors-seeds",
    "policy": "--trioactors-policy",
    "tape": "--trioactors-tape",
}


@attrs.frozen
class Explored:
    """A summary of an exploration without failures."""

    schedules: int
    distinct: int
    """The number of different ones among them."""


@attrs.frozen
class _Plan:
    seeds: Sequence[int]
    policy: Policy
    steps: int
    replays: int
    tape: str | None = None


@overload
def explore(
    main: Callable[[], Awaitable[Any]],
    /,
    *,
    seeds: int | Sequence[int] = SEEDS,
    policy: Policy | PolicyWord = Policy.MIX,
    steps: int = STEPS,
    replays: int = REPLAYS,
) -> Explored: ...


@overload
def explore(
    *,
    seeds: int | Sequence[int] = SEEDS,
    policy: Policy | PolicyWord = Policy.MIX,
    steps: int = STEPS,
    replays: int = REPLAYS,
) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., None]]: ...


def explore(
    main: Callable[[], Awaitable[Any]] | None = None,
    /,
    *,
    seeds: int | Sequence[int] = SEEDS,
    policy: Policy | PolicyWord = Policy.MIX,
    steps: int = STEPS,
    replays: int = REPLAYS,
) -> Explored | Callable[[Callable[..., Awaitable[Any]]], Callable[..., None]]:
    """Run *main* in virtual time under many schedules; or, above a test, make the test do so.

        explore(main, seeds=1000)
        explore(main, seeds=[14], policy="priorities")      repeat one schedule

    *seeds* is the number of schedules, or a list of seeds. Stops at the first failure and raises it, with a note of one line that says how
    to repeat it. A run may take *steps* steps; shrinking a failure may take *replays* runs.
    """
    tried = seeds_from("explore", seeds)
    require_count("explore(steps=...)", steps, "steps a run may take")
    plan = _Plan(tried, chosen_policy(policy), steps, replays)
    if main is not None:
        require_function("explore(...)", main, hint=", or @explore() above a test")
        return _explore(main, plan)
    return functools.partial(_decorated, plan=plan)


# --- searching ---


def _explore(main: Callable[[], Awaitable[Any]], plan: _Plan) -> Explored:
    tapes: set[Tape] = set()
    for count, seed in enumerate(plan.seeds, 1):
        played = play_seed(main, seed, plan.policy, steps=plan.steps)
        policy = policy_of(seed, plan.policy).value
        with _told(f'explore: it was raised in schedule {count} of {len(plan.seeds)}: seeds=[{seed}], policy="{policy}"'):
            error = finding_of(played.result)
        if error is not None:
            line = (
                f"explore: schedule {count} of {len(plan.seeds)} fails. "
                f'Repeat it with seeds=[{seed}], policy="{policy}" (pytest: --trioactors-seed={seed} --trioactors-policy={policy})'
            )
            with _told(f"{line}; this was raised while the failure was being shrunk. It had failed with {error!r}"):
                more = _examined(main, played.tape, error, plan)
            error.add_note(line + more)
            raise error
        tapes.add(played.tape)
    return Explored(len(plan.seeds), len(tapes))


@contextmanager
def _told(note: str) -> Generator[None, None, None]:
    """Add *note* to every error in the block. Errors that are not failures end the exploration."""
    try:
        yield
    except BaseException as error:
        error.add_note(note)
        raise


def _examined(main: Callable[[], Awaitable[Any]], tape: Tape, error: BaseException, plan: _Plan) -> str:
    """The rest of the note of a failure: its shrunk tape."""
    if not plan.replays:
        return ""
    if _same_failure(main, tape, error, plan) is None:
        return "; but its tape does not fail: something besides the schedule decides (threads, real time, random numbers, a set's order)"
    small = shrunk(lambda tape: _same_failure(main, tape, error, plan), tape, replays=plan.replays)
    return f'; shrunk from {tape.jumps} to {small.jumps} jumps of the queue: tape "{small}"'


def _same_failure(main: Callable[[], Awaitable[Any]], tape: Tape, error: BaseException, plan: _Plan) -> Tape | None:
    played = play(main, Playback(tape), policy=tape.policy, steps=plan.steps)
    return played.tape if failure_kind(finding_of(played.result)) == failure_kind(error) else None


def shrunk(fails: Callable[[Tape], Tape | None], tape: Tape, *, replays: int = REPLAYS) -> Tape:
    """Shrink *tape* to as few jumps as *replays* runs find. *fails* runs a tape and returns the tape of that run if it failed too."""
    best, size = tape, max(1, tape.jumps // 2)
    at = 0
    while replays > 0 and best.jumps:
        jumps = [place for place, choice in enumerate(best.choices) if choice]
        if at >= len(jumps):
            if size == 1:
                break
            at, size = 0, size // 2
            continue
        dropped = set(jumps[at : at + size])
        replays -= 1
        found = fails(Tape.of(best.policy, [0 if place in dropped else choice for place, choice in enumerate(best.choices)]))
        if found is not None and found.jumps < best.jumps:
            best = found
        else:
            at += size
    return best


# --- tests ---


class Request(Protocol):
    """The attributes of pytest's `request` that are used."""

    config: Any
    node: Any


def _decorated(test: Callable[..., Awaitable[Any]], *, plan: _Plan) -> Callable[..., None]:
    if not inspect.iscoroutinefunction(test):
        raise UsageError(f"@explore(...) takes an async test function, not {test!r}; to explore directly write explore(main)")
    signature = signature_of(test)
    refused = [name for name in _REFUSED if name in signature.parameters]
    if refused:
        raise UsageError(
            f"{test.__name__} cannot use {', '.join(refused)}: each schedule is a separate run, so create what you need in the test"
        )

    @functools.wraps(test)
    def explored(*args: Any, request: Request | None = None, **fixtures: Any) -> None:
        if "request" in signature.parameters:
            fixtures["request"] = request
        main = _main(functools.partial(test, *args), signature, fixtures)
        asked = _asked(plan, request)
        if asked.tape is None:
            _explore(main, asked)
        else:
            replay(main, asked.tape, steps=asked.steps)

    vars(explored)["__signature__"] = _with_fixtures(signature)  # pytest reads the fixtures of the test here
    return explored


def _main(
    test: Callable[..., Awaitable[Any]], signature: inspect.Signature, fixtures: dict[str, Any]
) -> Callable[[], Awaitable[Any]]:
    """The test, with a new system for each run."""
    if "system" not in signature.parameters or "system" in fixtures:
        return functools.partial(test, **fixtures)
    own = {
        name: fixtures[name] if name in signature.parameters else fixtures.pop(name) for name in _FROM_SYSTEM if name in fixtures
    }
    shared = [name for name in ("system_store", "system_environment") if not isinstance(own.get(name), str | None)]
    if shared:
        raise UsageError(
            f"{' and '.join(shared)} would be shared by all schedules, so each would begin with what the last one left: "
            f"do not take `system`; open an isolated_system(...) in the test, with new ones"
        )
    tree, store, settings = own.get("system_tree"), own.get("system_store", "memory:"), own.get("system_settings")

    async def main() -> None:
        async with isolated_system(tree, store=store, settings=settings) as system:
            await test(system=system, **fixtures)

    return main


def _with_fixtures(signature: inspect.Signature) -> inspect.Signature:
    """The fixtures that pytest must pass: `request`, and for `system` its parts."""
    wanted = {name: parameter for name, parameter in signature.parameters.items() if name != "system"}
    for name in ("request", *(_FROM_SYSTEM if "system" in signature.parameters else ())):
        wanted.setdefault(name, inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY))
    ordered = sorted(wanted.values(), key=lambda parameter: parameter.kind)
    return signature.replace(parameters=ordered, return_annotation=None)


def _asked(plan: _Plan, request: Request | None) -> _Plan:
    """The plan, changed by the options of the command line."""
    if request is None:
        return plan
    given = {name: request.config.getoption(option, None) for name, option in _OPTIONS.items()}
    if given["seed"] is not None:
        plan = attrs.evolve(plan, seeds=(given["seed"],))
    elif given["seeds"] is not None:
        plan = attrs.evolve(plan, seeds=seeds_asked(given["seeds"]))
    if given["policy"] is not None:
        plan = attrs.evolve(plan, policy=chosen_policy(given["policy"]))
    return attrs.evolve(plan, tape=given["tape"])
