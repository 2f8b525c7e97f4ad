"""Random clients: users that a seed makes up, who call and cast the handlers of your actors with random arguments.

    @sim_test(tree=BANK, random_clients=RandomClients(Account.transfer, Use(Account.look, weight=0.2), clients=3))
    async def test_no_money_is_lost(simulation: Simulation) -> None: ...

They run first, and then the workload, which settles the node and says what must be true. Each turn is drawn from the random stream of that
turn, so a failing run is shrunk as any other, by leaving clients and turns out. What is left is printed as a workload: a turn is the same
lines of Python, whether they are run or read.
"""

from __future__ import annotations

import enum
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import attrs
import trio

from trioactors.actors.actor import Actor
from trioactors.errors import UsageError
from trioactors.errors.lists import listed
from trioactors.messaging.definitions import HandlerSpec
from trioactors.messaging.handlers import Handler
from trioactors.settings import choice
from trioactors.supervision.specs import Supervisor
from trioactors.testing.given import require, require_count, require_seconds, require_type
from trioactors.testing.simulation.clients import Client
from trioactors.testing.simulation.plans import Stream
from trioactors.testing.simulation.random_turns import Act, Action, ActionWord, Message, RandomTurn, Target, Way, WayWord
from trioactors.testing.simulation.random_values import Given, Values
from trioactors.testing.simulation.world import Simulation

__all__ = ["Crowd", "RandomClients", "Use"]

_OFTEN: Final[Mapping[Way, int]] = {way: {Way.CALL: 6, Way.RETRY: 3}.get(way, 1) for way in Way}

_FAVOUR: Final = (0, 1, 1, 4)
"""By one of these, each run multiplies the weight of a handler: some runs use a few handlers only, and these often."""

_ACTING: Final = 0.15
"""The share of turns that are actions, if there are any."""


@attrs.frozen(init=False)
class Use:
    """What random clients may do with some actors: use one handler, or all handlers of a class.

        Use(Account.transfer, weight=3, ways=["call", "retry"])
        Use(Account, handlers=["transfer"], names=["zoe"])

    *weight* says how often each of the handlers is used, compared with others. *names* are the actors, by default all children of the tree
    that have the handler; others must be started by `app=`. *ways* are the ways to use it, by default all.
    """

    of: type[Actor[Any]] | HandlerSpec
    """The class, or the one handler."""
    weight: float
    handlers: tuple[str, ...]
    """Of the class, only these."""
    names: tuple[str, ...]
    ways: tuple[Way, ...]

    def __attrs_init__(self, **fields: Any) -> None:
        """Set the fields; attrs puts its own method here."""

    def __init__(
        self,
        of: type[Actor[Any]] | Handler[..., Any],
        *,
        weight: float = 1.0,
        handlers: Sequence[str] = (),
        names: Sequence[str] = (),
        ways: Sequence[Way | WayWord] = tuple(Way),
    ) -> None:
        """Check the options. Raises `UsageError`."""
        given, number = cast("Any", of), cast("Any", weight)
        is_class = inspect.isclass(given) and issubclass(given, Actor)
        wanted = "an actor class, a handler of it such as Account.transfer, or Use(...) of one"
        require(is_class or isinstance(of, Handler), "RandomClients(...)", given, wanted)
        require(is_class or not handlers, "Use(handlers=...)", handlers, "a class in front of it")
        holds = isinstance(number, int | float) and 0 < weight < math.inf
        require(holds, "Use(weight=...)", weight, "a number above zero; to use a handler never, name the others")
        listed = _listed("Use(ways=...)", ways, 'a list of ways, such as ["call", "cast"]')
        require(listed, "Use(ways=...)", ways, "at least one way")
        self.__attrs_init__(
            of=of.spec if isinstance(of, Handler) else of,
            weight=weight,
            handlers=_listed("Use(handlers=...)", handlers, "a list of names"),
            names=_listed("Use(names=...)", names, "a list of names"),
            ways=tuple(choice(way, Way, "ways") for way in listed),
        )

    def __str__(self) -> str:
        """The class or the handler."""
        return self.of.function.__qualname__ if isinstance(self.of, HandlerSpec) else self.of.__name__

    def fits(self, kind: type) -> bool:
        """Whether actors of *kind* are meant."""
        if isinstance(self.of, HandlerSpec):
            return any(_spec_in(base, self.of.name) is self.of for base in kind.__mro__)
        return issubclass(kind, self.of)


def _spec_in(cls: type, name: str) -> HandlerSpec | None:
    """The handler of that name that *cls* itself defines."""
    member: Any = vars(cls).get(name)
    return member.spec if isinstance(member, Handler) else None


def _listed(call: str, given: Any, wanted: str) -> tuple[Any, ...]:
    """The items of a list or a tuple of words."""
    require(type(given) in {list, tuple} and all(isinstance(each, str | enum.Enum) for each in given), call, given, wanted)
    return tuple(given)


@attrs.frozen(init=False)
class RandomClients:
    """Clients that a seed makes up: 1 to *clients* of them, each with 1 to *turns* turns, and up to *pause* seconds before a turn.

        RandomClients(Account.transfer, Account.look, clients=3, values={"to": ["ann", "bob"], Money: draw_money})

    They use the handlers, or all handlers of the classes; without any, all handlers of all actors in the tree. Arguments are drawn by
    their annotations, or from *values*: lists, or functions of a `random.Random`, by type, parameter or "handler.parameter".
    With *actions*, they also restart, stop or pause the actors that they use.
    """

    uses: tuple[Use, ...]
    clients: int
    turns: int
    pause: float
    values: Given = attrs.field(eq=False)
    actions: tuple[Action, ...]

    def __attrs_init__(self, **fields: Any) -> None:
        """Set the fields; attrs puts its own method here."""

    def __init__(
        self,
        *of: type[Actor[Any]] | Handler[..., Any] | Use,
        clients: int = 3,
        turns: int = 6,
        pause: float = 1.0,
        values: Given | None = None,
        actions: Sequence[Action | ActionWord] = (),
    ) -> None:
        """Check the options. Raises `UsageError`."""
        require_count("RandomClients(clients=...)", clients, "clients, at most")
        require_count("RandomClients(turns=...)", turns, "turns of each client, at most")
        require_seconds("RandomClients(pause=...)", pause, "the longest pause before a turn", least=0)
        require_type("RandomClients(values=...)", values, Mapping | None, 'a dict, such as {"amount": [0, 1, 100]}')
        listed = _listed("RandomClients(actions=...)", actions, 'a list of actions, such as ["restart", "pause"]')
        self.__attrs_init__(
            uses=tuple(each if isinstance(each, Use) else Use(each) for each in of),
            clients=clients,
            turns=turns,
            pause=pause,
            values={**(values or {})},
            actions=tuple(choice(action, Action, "actions") for action in listed),
        )

    def on(self, tree: Supervisor | None) -> Crowd:
        """The same clients for the actors of *tree*. Raises `UsageError` if there is no such actor or handler, or no value for it."""
        found = dict(_actors(tree))
        uses = self.uses or tuple(Use(kind) for kind in dict.fromkeys(found.values()))
        require(uses, "RandomClients(...)", "", "an actor class or a handler", but="the tree has no actor with a name")
        meant = [(use, *actor) for use in uses for actor in _meant(use, found)]
        values = Values(self.values, {**found, **{name: kind for _, name, kind in meant}})
        targets = tuple(target for use, name, kind in meant for target in _targets(use, name, kind, values))
        require(targets, "RandomClients(...)", self, "actors with handlers", but="these actors have no handlers")
        values.look()
        return Crowd(self, targets)


def _actors(tree: Supervisor | None) -> Iterator[tuple[str, type[Actor[Any]]]]:
    """The actors in a tree that have a name."""
    for spec in () if tree is None else tree.children:
        if isinstance(spec, Supervisor):
            yield from _actors(spec)
        elif spec.plan is not None and spec.name is not None:
            yield spec.name, spec.target


def _meant(use: Use, found: Mapping[str, type[Actor[Any]]]) -> list[tuple[str, type[Actor[Any]]]]:
    """The actors that are meant, by name. Raises `UsageError` if there are none."""
    fitting = {name: kind for name, kind in found.items() if use.fits(kind)}
    if not isinstance(use.of, HandlerSpec):
        fitting |= {name: use.of for name in use.names if name not in found}
    meant = [(name, kind) for name, kind in fitting.items() if not use.names or name in use.names]
    missing = set(use.names) - fitting.keys()
    if missing or not meant:
        known = listed(f"{name} ({kind.__name__})" for name, kind in found.items())
        raise UsageError(
            f"RandomClients({use}): the tree has no such actor{''.join(f' named {name!r}' for name in sorted(missing)[:1])}. Its actors "
            f'with names: {known}. If one is started later, give its class and its name: Use(Kind, names=["name"], handlers=[...])'
        )
    return meant


def _targets(use: Use, name: str, kind: type[Actor[Any]], values: Values) -> Iterator[Target]:
    handlers: Mapping[str, HandlerSpec] = kind.__actor_plan__.handlers
    wanted = (use.of.name,) if isinstance(use.of, HandlerSpec) else use.handlers or sorted(handlers)
    for handler in wanted:
        if handler not in handlers:
            known = ", ".join(sorted(handlers)) or "none"
            raise UsageError(f"Use({use}, handlers=[{handler!r}]): there is no such handler; its handlers: {known}")
        spec, where = handlers[handler], f"{kind.__name__}.{handler}"
        drawn = {field.name: values.parameter(where, spec, field) for field in spec.fields}
        draws = {field: draw for field, draw in drawn.items() if draw is not None}
        yield Target(kind, name, spec, use.weight, use.ways, draws)


# --- a run ---


@attrs.frozen
class Crowd:
    """Random clients for one tree."""

    options: RandomClients
    targets: tuple[Target, ...]

    async def run(self, simulation: Simulation) -> None:
        """Run the clients of this seed, and wait for them."""
        chance = simulation.random("random clients")
        weights = [target.weight * chance.choice(_FAVOUR) for target in self.targets]
        weights = weights if any(weights) else [target.weight for target in self.targets]

        async def client(me: Client) -> None:  # noqa: ASYNC910 - each turn is a step of the client
            for number in range(me.random.randint(1, self.options.turns)):
                turn = me.begin(number)
                if turn is not None:
                    await self._take(self._drawn(turn.random, weights), me, simulation, turn.random)

        await simulation.clients(chance.randint(1, self.options.clients), client)

    async def _take(self, turn: RandomTurn, me: Client, simulation: Simulation, random: Stream) -> None:
        wait = round(random.random() * self.options.pause, 2) if random.choice((True, False)) else 0.0
        script = simulation.script.setdefault(me.number, [])
        script += [f"await trio.sleep({wait})"] if wait else []
        script += turn.lines()
        if wait:
            await trio.sleep(wait)
        await turn.take(me, simulation)

    def _drawn(self, random: Stream, weights: Sequence[float]) -> RandomTurn:
        seconds = random.choice((0.1, 0.5, 1.0, 2.0))
        if self.options.actions and random.random() < _ACTING:
            target = random.choice(self.targets)
            return Act(random.choice(self.options.actions), target.kind, target.name, seconds)
        (target,) = random.choices(self.targets, weights)
        (way,) = random.choices(target.ways, [_OFTEN[way] for way in target.ways])
        return Message(target, way, target.arguments(random), seconds)
