"""What can be done in a random application: one line for each public capability."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

__all__ = ["HANDLERS", "USERS", "Act", "Places"]


@attrs.frozen
class Places:
    """The actors of an application and their handlers."""

    handlers: Mapping[str, Sequence[str]]
    kinds: Mapping[str, Sequence[str]]
    leaning: Mapping[str, float] = {}
    """How much more often than usual this application does an act."""
    supervisors: Sequence[str] = ()
    dynamic: Sequence[str] = ()
    """The supervisors among them whose children are started at run time."""

    def one(self, chance: random.Random) -> str:
        """An actor."""
        return chance.choice(sorted(self.handlers))

    def any(self, chance: random.Random) -> str:
        """An actor or, in one of three cases, a supervisor."""
        return chance.choice(sorted(self.supervisors)) if self.supervisors and chance.random() < 0.35 else self.one(chance)

    def target(self, chance: random.Random) -> str:
        """An actor and one of its handlers, as two arguments."""
        name = self.one(chance)
        return f"{name!r}, {chance.choice(self.handlers[name])!r}"


Line = Callable[[random.Random, Places], str]
_HOOKS: Final = ("on_start", "on_continue", "on_stop")


@attrs.frozen
class Act:
    """One thing that a handler, a hook or a user can do."""

    name: str
    shows: tuple[str, ...]
    """The public capabilities that it shows, as architecture tests name them."""
    line: Line
    waits: bool = False
    weight: float = 1.0
    hooks: tuple[str, ...] = ()
    """The hooks that may do it."""
    in_handlers: bool = True

    def __str__(self) -> str:
        """Its name."""
        return self.name


def _plain(text: str) -> Line:
    def line(chance: random.Random, places: Places) -> str:
        del chance, places
        return text

    return line


def _to(way: str, *, within: tuple[float, ...] = (), waits: bool = True) -> Line:
    def line(chance: random.Random, places: Places) -> str:
        limit = f", within={chance.choice(within)}" if within else ""
        return f"{'await ' if waits else ''}act.{way}({places.target(chance)}{limit})"

    return line


def _own(text: str) -> Line:
    """A timer: its handler is one of any class, looked up on the actor; a class without it has `h0`."""
    return lambda chance, _: text.format(
        delay=chance.choice((0.0, 0.1, 0.5, 2.0)), period=chance.choice((0.3, 1.0)), key=chance.choice("xy")
    )


def _ask(what: str, who: str) -> Line:
    return lambda chance, places: f"await {who}.ask({what!r}, {places.one(chance)!r})"


def _ask_of_any(what: str) -> Line:
    return lambda chance, places: f"await me.ask({what!r}, {places.any(chance)!r})"


def _two(chance: random.Random, places: Places) -> str:
    return f"({places.target(chance)}), ({places.target(chance)})"


def _crowd(way: str) -> Line:
    def line(chance: random.Random, places: Places) -> str:
        limit = f", within={chance.choice(_SHORT)}" if chance.random() < 0.6 else ""
        return f"await me.crowd({way!r}, {chance.randint(2, 6)}, {places.target(chance)}{limit})"

    return line


def _start(chance: random.Random, places: Places) -> str:
    kind = chance.choice(sorted(places.kinds))
    stops = chance.choice(("", "", ", stops=2"))
    rule = chance.choice(("permanent", "transient", "temporary"))
    return f"await me.start({kind}, {rule!r}, {chance.choice(places.kinds[kind])!r}{stops})"


def _hire(chance: random.Random, places: Places) -> str:
    """Several in a row: so there are too many sometimes."""
    if not places.dynamic:
        return _start(chance, places)
    kind, under = chance.choice(sorted(places.kinds)), chance.choice(places.dynamic)
    rule = chance.choice(("permanent", "transient", "temporary", "temporary"))
    return f"await me.hire({under!r}, {kind}, {rule!r}, {chance.choice(places.kinds[kind])!r}, stops={chance.random() < 0.3})"


def _start_here(chance: random.Random, places: Places) -> str:
    kind = chance.choice(sorted(places.kinds))
    return f"await act.start({kind}, {chance.choice(places.kinds[kind])!r})"


_SHORT: Final = (0.05, 0.3, 1.0)


def _send(way: str, *, within: bool = False) -> Line:
    """What a user sends."""

    def line(chance: random.Random, places: Places) -> str:
        target = places.target(chance)
        limit = f", within={chance.choice(_SHORT)}" if within else ""
        return f"await me.send({way!r}, {target}{limit})"

    return line


HANDLERS: Final = (
    Act("write", ("Actor.state",), _plain("act.write()"), weight=4, hooks=_HOOKS),
    Act("replace", ("Actor.state",), _plain("act.replace()"), weight=0.5, hooks=_HOOKS),
    Act("swell", ("Actor.state",), _plain("act.swell()"), weight=0.3),
    Act("call", ("BoundHandler.__call__",), _to("call"), waits=True, weight=3, hooks=("on_continue",)),
    Act("call within", ("BoundHandler.within",), _to("call", within=_SHORT), waits=True, weight=2),
    Act("cast", ("BoundHandler.cast",), _to("cast"), waits=True, weight=4, hooks=_HOOKS),
    Act("cast within", ("BoundHandler.within",), _to("cast", within=_SHORT), waits=True, weight=1),
    Act("nowait", ("BoundHandler.cast_nowait",), _to("nowait", waits=False), weight=2, hooks=_HOOKS),
    Act(
        "wait",
        (),
        lambda chance, _: f"await act.wait({chance.choice((0.0, 0.1, 0.5, 2.0))})",
        waits=True,
        weight=3,
        hooks=_HOOKS,
    ),
    Act(
        "need", ("BoundHandler.__call__",), lambda chance, places: f"await act.need({places.target(chance)})", waits=True, weight=2
    ),
    Act(
        "need within",
        ("BoundHandler.within",),
        lambda chance, places: f"await act.need({places.target(chance)}, within={chance.choice(_SHORT)})",
        waits=True,
        weight=1,
    ),
    Act("rest", ("pause", "resume"), lambda chance, _: f"await act.rest({chance.choice((0.2, 1.0))})", waits=True, weight=0.4),
    Act(
        "gather blindly",
        ("gather_calls",),
        lambda chance, places: f"await act.gather_blindly({_two(chance, places)})",
        waits=True,
        weight=0.4,
    ),
    Act("gather", ("gather_calls",), lambda chance, places: f"await act.gather({_two(chance, places)})", waits=True, weight=0.7),
    Act("aside", ("BoundHandler.cast",), lambda chance, places: f"await act.aside({_two(chance, places)})", waits=True, weight=0.5),
    Act("lock", (), lambda chance, places: f"await act.lock({places.target(chance)})", waits=True, weight=0.3),
    Act("portal", ("System.portal",), lambda chance, places: f"await act.portal({places.target(chance)})", waits=True, weight=0.1),
    Act("look", ("Actor.handler on self",), _plain("await act.look()"), waits=True, weight=0.3),
    Act("disappoint", ("Deferred.fail",), _plain("act.disappoint()"), weight=0.5),
    Act("stumble", (), _plain("act.stumble()"), weight=1, hooks=("on_start",), in_handlers=False),
    Act("decline", ("Ignore",), _plain("act.decline()"), weight=0.5, hooks=("on_start",), in_handlers=False),
    Act("settle", ("Deferred.reply",), _plain("act.settle()"), weight=1),
    Act("refuse", ("handler.raises",), _plain("act.refuse()"), weight=1),
    Act("refuse in a group", ("handler.raises",), _plain("act.refuse_in_a_group()"), weight=0.3),
    Act("fall", (), _plain("act.fall()"), weight=1),
    Act("fall in a group", (), _plain("act.fall_in_a_group()"), weight=0.3),
    Act("leave", ("Shutdown",), _plain("act.leave()"), weight=0.5),
    Act("stop", ("Context.stop",), _plain("act.stop()"), weight=0.5),
    Act("after", ("Context.after",), _own("act.after({delay}, 'h0', {key!r})"), weight=1.5, hooks=("on_start", "on_continue")),
    Act("every", ("Context.every",), _own("act.every({period}, 'h0', {key!r})"), weight=0.7, hooks=("on_start",)),
    Act("cancel", ("Context.cancel",), _own("act.cancel({key!r})"), weight=1),
    Act(
        "task",
        ("Context.start_soon",),
        lambda chance, places: f"act.task({chance.choice((0.0, 0.4))}, {places.target(chance)})",
        weight=0.7,
    ),
    Act("stop another", ("stop",), _ask("stop", "act"), waits=True, weight=0.5),
    Act("restart another", ("restart",), _ask("restart", "act"), waits=True, weight=0.7),
    Act("flush another", ("flush",), _ask("flush", "act"), waits=True, weight=0.3),
    Act("start another", ("System.start",), _start_here, waits=True, weight=0.3),
    Act("info another", ("info",), _ask("info", "act"), waits=True, weight=0.3),
)

USERS: Final = (
    Act(
        "user call",
        ("BoundHandler.__call__",),
        _send("call"),
        waits=True,
        weight=6,
    ),
    Act(
        "user call within",
        ("BoundHandler.within",),
        _send("call", within=True),
        waits=True,
        weight=2,
    ),
    Act(
        "user cast",
        ("BoundHandler.cast",),
        _send("cast"),
        waits=True,
        weight=4,
    ),
    Act(
        "user cast within",
        ("BoundHandler.within",),
        _send("cast", within=True),
        waits=True,
        weight=1.5,
    ),
    Act(
        "user hurry",
        (),
        lambda chance, places: f"await me.hurry({places.target(chance)}, {chance.choice(_SHORT)})",
        waits=True,
        weight=3,
    ),
    Act(
        "user nowait",
        ("BoundHandler.cast_nowait",),
        _send("nowait"),
        waits=True,
        weight=2,
    ),
    Act(
        "user gather", ("gather_calls",), lambda chance, places: f"await me.gather({_two(chance, places)})", waits=True, weight=0.7
    ),
    Act(
        "user gather blindly",
        ("gather_calls",),
        lambda chance, places: f"await me.gather_blindly({_two(chance, places)})",
        waits=True,
        weight=0.7,
    ),
    Act("user crowd call", ("BoundHandler.__call__",), _crowd("call"), waits=True, weight=1.0),
    Act("user crowd cast", ("BoundHandler.cast",), _crowd("cast"), waits=True, weight=1.5),
    Act("user stop", ("stop",), _ask("stop", "me"), waits=True, weight=0.5),
    Act("user stop and drain", ("stop",), _ask("stop and drain", "me"), waits=True, weight=0.3),
    Act("user restart", ("restart",), _ask("restart", "me"), waits=True, weight=0.8),
    Act("user flush", ("flush",), _ask("flush", "me"), waits=True, weight=0.5),
    Act("user info", ("info",), _ask("info", "me"), waits=True, weight=0.5),
    Act("user quiesce", ("System.quiesce",), _ask("quiesce", "me"), waits=True, weight=0.2),
    Act("user explain", ("System.explain",), _ask("explain", "me"), waits=True, weight=0.3),
    Act("user forget", ("forget",), _ask("forget", "me"), waits=True, weight=0.3),
    Act("user terminate_child", ("SupervisorHandle.terminate_child",), _ask_of_any("terminate_child"), waits=True, weight=0.4),
    Act("user restart_child", ("SupervisorHandle.restart_child",), _ask_of_any("restart_child"), waits=True, weight=0.5),
    Act("user delete_child", ("SupervisorHandle.delete_child",), _ask_of_any("delete_child"), waits=True, weight=0.2),
    Act(
        "user stop twice",
        ("stop",),
        lambda chance, places: f"await me.stop_twice({places.one(chance)!r}, {chance.choice((0.0, 0.3))})",
        waits=True,
        weight=0.4,
    ),
    Act(
        "user pester",
        ("BoundHandler.cast",),
        lambda chance, places: f"await me.pester({places.target(chance)}, {chance.choice((0.0, 0.2, 1.2))})",
        waits=True,
        weight=1,
    ),
    Act(
        "user drain a call",
        ("stop",),
        lambda chance, places: f"await me.drain_a_call({places.target(chance)})",
        waits=True,
        weight=0.4,
    ),
    Act("user replace", ("SupervisorHandle.start_child",), _ask("replace", "me"), waits=True, weight=0.3),
    Act(
        "user rebuild",
        ("SupervisorHandle.delete_child",),
        lambda chance, places: f"await me.ask('rebuild', {chance.choice(sorted(places.supervisors) or ['top'])!r})",
        waits=True,
        weight=0.4,
    ),
    Act("user take", ("System.start",), _ask("take", "me"), waits=True, weight=0.3),
    Act("user look", ("SupervisorHandle.which_children",), _ask("look", "me"), waits=True, weight=1),
    Act("user end the life", (), _plain("await me.end_the_life()"), waits=True, weight=0.3),
    Act("user start", ("System.start",), _start, waits=True, weight=0.8),
    Act(
        "user hire",
        ("SupervisorHandle.start_child",),
        _hire,
        waits=True,
        weight=0.5,
    ),
    Act("user pause", ("pause", "resume"), _ask("pause", "me"), waits=True, weight=0.5),
    Act(
        "user watch",
        ("watch",),
        lambda chance, places: (
            f"await me.watch({places.one(chance)!r}, {chance.choice((1.0, 6.0))}, pause={chance.choice((0.0, 0.0, 0.7))})"
        ),
        waits=True,
        weight=0.8,
    ),
)
