"""Draw a whole application from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from randomlab.acts import HANDLERS, USERS, Places
from randomlab.chance import PLAIN, Chance, Plan
from randomlab.data import Application, Child, Handler, Kind, Line, Node, Tree

__all__ = ["drawn", "drawn_with"]

_WORD: Final = ("a", "b", "c", "d", "e", "f", "g", "h")
_STORES: Final = (*["file:"] * 4, *["sqlite:"] * 2, "memory:", *["flaky file:"] * 2, "small file:")
_WRITING: Final = frozenset({"act.write()", "act.replace()", "act.swell()"})
_BRUTAL: Final = "ta.BRUTAL_KILL"
_HOOKS: Final = (("on_start", 0.6, 0), ("on_continue", 0.25, 1), ("on_stop", 0.25, 1))
"""How often a class has each hook, and how many acts at least. A class without `on_start` may be restarted in place."""
_WINDOWS: Final = ("ta.Within(0.2)", "ta.Within(1.0)", "ta.Within(3.0)")


def drawn(seed: int, plan: Plan = PLAIN) -> Application:
    """The application of *seed* under *plan*."""
    return drawn_with(Chance.of(seed, plan))


def drawn_with(chance: Chance) -> Application:
    """An application; afterwards *chance* knows what it has drawn."""
    store = chance.value("store", _STORES) if chance.takes("durable", 0.7) else None
    kinds = [f"K{number}" for number in range(chance.randint(1, 3))]
    handlers = {kind: [f"h{number}" for number in range(chance.randint(1, 4))] for kind in kinds}
    tree, makes = _tree(chance, kinds)
    supervisors = [each.name for each in tree.trees() if each.name != "top"]
    dynamic = [each.name for each in tree.trees() if each.options.get("strategy") == "dynamic"]
    leaning = _leaning(chance)
    if dynamic:
        leaning["user hire"] = chance.choice((4.0, 10.0))
    places = Places({name: handlers[kind] for name, kind in makes.items()}, handlers, leaning, supervisors, dynamic)
    users = tuple(_turns(chance, places) for _ in range(chance.randint(1, 4)))
    ends = any("end_the_life" in line.text for turns in users for line in turns)
    if ends:  # a watch of a client would outlast its system
        users = tuple(tuple(line for line in turns if "me.watch" not in line.text) for turns in users)
    settings = _settings(chance)
    told = ends and chance.random() < 0.6
    faults = _faults(chance) | ({"delays": 0} if ends else {})  # a store that is slow at the end is abandoned
    if faults["kills"] or faults["power_cuts"]:
        settings.pop("drain_on_stop", None)  # a killed node would drain, while its tree tries in vain to start again
    return Application(
        kinds=tuple(_kind(chance, name, handlers[name], places, store, defers=not told) for name in kinds),
        tree=tree,
        users=tuple(tuple(_told(line) for line in turns) for turns in users) if told else users,
        store=store,
        settings=settings,
        faults=faults,
        latency=chance.value("latency", (0.02, 0.3)) if store is not None and chance.takes("latency", 0.3) else 0.0,
    )


def _told(line: Line) -> Line:
    """The end of a life, of which callers are told. Nothing defers replies then: a system that ends while it owes some has leaked them."""
    return attrs.evolve(line, text=line.text.replace("end_the_life()", "end_the_life(told=True)"))


def _leaning(chance: Chance) -> dict[str, float]:
    """Each application does a few things very often: so those that are rare together meet in some of them."""
    names = [act.name for act in (*HANDLERS, *USERS)]
    return {name: chance.choice((4.0, 10.0)) for name in chance.sample([*names, "defer", "reads"], chance.choice((0, 2, 4, 6)))}


# --- classes ---


def _kind(chance: Chance, name: str, handlers: Sequence[str], places: Places, store: str | None, *, defers: bool) -> Kind:
    options: dict[str, Any] = {}
    if store is not None and chance.takes("persist", 0.8):
        options["persist"] = "ta.EVERY_MESSAGE" if chance.takes("EVERY_MESSAGE", 0.8) else chance.value("persist", _WINDOWS)
    if chance.takes("mailbox", 0.6):
        options["mailbox"] = chance.value("mailbox", (1, 2, 3, 4, 5))
    if chance.takes("overflow", 0.5):
        options["overflow"] = chance.value("overflow", ("wait", "fail", "drop_oldest"))
    if chance.takes("timeout", 0.5):
        options["timeout"] = chance.value("timeout", (0.3, 1.0, 3.0))
    lines = [_handler(chance, each, places) for each in handlers]
    if chance.takes("brittle", 0.25):  # one of its handlers always falls
        place = chance.randrange(len(lines))
        lines[place] = attrs.evolve(lines[place], lines=(*lines[place].lines, Line("act.fall()")), defers="")
    lines = lines if defers else [attrs.evolve(line, defers="") for line in lines]
    return Kind(name, options, tuple(lines), _hooks(chance, places))


def _handler(chance: Chance, name: str, places: Places) -> Handler:
    options: dict[str, Any] = {}
    if chance.takes("raises", 0.4):
        options["raises"] = "(Refused,)"
    if chance.takes("handler timeout", 0.2):
        options["timeout"] = chance.value("handler timeout", (0.2, 0.7, 2.0))
    count = chance.choice((0, 1, 1, 2, 2, 3, 4))
    drawn_lines = [_act(chance, HANDLERS, places) for _ in range(count)]
    if not any(line.text in _WRITING for line in drawn_lines):
        if chance.takes("reads", min(0.8, 0.2 * places.leaning.get("reads", 1.0))):
            options["reads"] = True
        elif chance.random() < 0.6:
            drawn_lines.insert(chance.randint(0, len(drawn_lines)), Line("act.write()"))
    lines = tuple(drawn_lines)
    if any(line.waits for line in lines) and chance.takes("execution_timeout", 0.15):
        options["execution_timeout"] = chance.value("execution_timeout", (0.25, 1.0, 4.0))
    often = 0.15 * places.leaning.get("defer", 1.0)
    defers = chance.choice(("defer()", f"defer('{name}')")) if chance.takes("act defer", often) else ""
    return Handler(name, options, lines, defers)


def _hooks(chance: Chance, places: Places) -> dict[str, tuple[Line, ...]]:
    hooks: dict[str, tuple[Line, ...]] = {}
    for hook, share, least in _HOOKS:
        if chance.takes(hook, share):
            lines = tuple(_act(chance, HANDLERS, places, hook=hook) for _ in range(chance.randint(least, 2)))
            hooks[hook] = lines
    if chance.takes("hindered", 0.2):  # restarts fail, are declined, or take their time
        hooks["on_start"] = (Line(chance.choice(("act.stumble()", "act.stumble()", "act.decline()"))),)
    if chance.takes("slow start", 0.1):
        hooks["on_start"] = (Line(f"await act.wait({chance.choice((0.5, 2.0))})", waits=True), *hooks.get("on_start", ()))
    return hooks


def _act(chance: Chance, table: Sequence[Any], places: Places, *, hook: str | None = None) -> Line:
    usable = [act for act in table if (act.in_handlers if hook is None else hook in act.hooks)]
    act = chance.pick("act", usable, [act.weight * places.leaning.get(act.name, 1.0) for act in usable])
    return Line(act.line(chance, places), waits=act.waits)


# --- the tree ---


def _tree(chance: Chance, kinds: Sequence[str]) -> tuple[Tree, dict[str, str]]:
    """A tree, and the class of each actor in it."""
    makes: dict[str, str] = {}
    names = iter(range(1_000))

    def leaf(*, significant: bool = False) -> Child:
        number = next(names)
        if makes and chance.random() < 0.12:
            make = chance.choice(("idle", "ta.resource(room)"))
            return Child(f"{make[:4].strip('t.')}{number}", make, _leaf_options(chance, significant=False))
        kind = chance.choice(kinds)
        makes[f"{_WORD[number % len(_WORD)]}{number}"] = kind
        return Child(f"{_WORD[number % len(_WORD)]}{number}", kind, _leaf_options(chance, significant=significant))

    def supervisor(depth: int, *, significant: bool = False) -> Tree:
        shutdown = chance.value("shutdown", ("any_significant", "all_significant")) if chance.takes("auto_shutdown", 0.25) else ""
        children: list[Node] = [
            supervisor(depth + 1, significant=bool(shutdown))
            if depth < 2 and chance.takes("supervisor below", 0.35)
            else leaf(significant=bool(shutdown))
            for _ in range(chance.randint(1, 3))
        ]
        if chance.takes("dynamic supervisor", 0.15):
            children.append(_dynamic(chance, f"s{next(names)}"))
        options = _supervisor_options(chance) | (_as_child(chance, significant=significant) if depth else {})
        if shutdown and any(child.options.get("significant") for child in children):
            options["auto_shutdown"] = shutdown
            if options.get("strategy", "one_for_one") == "one_for_one" and chance.takes("child_intensity", 0.5):
                options["child_intensity"] = "ta.Intensity(1, 10.0)"
        return Tree(f"s{next(names)}", options, tuple(children))

    inner = [supervisor(0) for _ in range(chance.randint(1, 2))]
    below = [*inner, *([leaf()] if not makes or chance.random() < 0.3 else [])]
    return Tree("top", {"intensity": "ta.Intensity(1000, 1.0)"}, tuple(below)), makes


def _dynamic(chance: Chance, name: str) -> Tree:
    """A supervisor whose children are started at run time. It hardly ever gives up over them: the model does not count their restarts."""
    most = chance.value("max_children", (1, 2, 3))
    return Tree(name, {"strategy": "dynamic", "max_children": most, "intensity": "ta.Intensity(1000, 1.0)"}, ())


def _leaf_options(chance: Chance, *, significant: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if chance.takes("restart", 0.4):
        options["restart"] = chance.value("restart", ("permanent", "transient", "temporary"))
    if chance.takes("grace", 0.3):
        options["grace"] = chance.value("grace", (0.5, 2.0, _BRUTAL))
    if significant and chance.takes("significant", 0.7):
        options |= {"restart": chance.value("restart", ("transient", "transient", "temporary")), "significant": True}
    return options


def _supervisor_options(chance: Chance) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if chance.takes("strategy", 0.7):
        options["strategy"] = chance.value("strategy", ("one_for_one", "one_for_all", "rest_for_one"))
    if chance.takes("backoff", 0.3):
        options["backoff"] = _backoff(chance)
    if options.get("strategy", "one_for_one") == "one_for_one" and chance.takes("child_intensity", 0.3):
        options["child_intensity"] = f"ta.Intensity({chance.choice((0, 1, 3))}, {chance.choice((2.0, 10.0))})"
    if not options.keys() & {"backoff", "child_intensity"} or chance.random() < 0.5:
        options["intensity"] = f"ta.Intensity({chance.value('intensity', (0, 1, 3, 20))}, {chance.choice((1.0, 5.0))})"
    if chance.takes("give_up", 0.15):
        options["give_up"] = "crash"
    return options


def _as_child(chance: Chance, *, significant: bool) -> dict[str, Any]:
    """The options of a supervisor as a child of another one."""
    options: dict[str, Any] = {}
    if chance.takes("supervisor grace", 0.3):
        options["grace"] = chance.value("supervisor grace", (0.5, 2.0))
    if chance.takes("supervisor restart", 0.3):
        options["restart"] = chance.value("supervisor restart", ("permanent", "transient", "temporary"))
    if significant and chance.takes("supervisor significant", 0.5):
        options |= {"restart": chance.value("supervisor restart", ("transient", "temporary")), "significant": True}
    return options


def _backoff(chance: Chance) -> str:
    jitter, reset = chance.choice((0.0, 0.5)), chance.choice((1.0, 60.0))
    return f"ta.Backoff(base={chance.choice((0.1, 0.5))}, cap={chance.choice((1.0, 8.0))}, jitter={jitter}, reset_after={reset})"


# --- users and numbers ---


def _turns(chance: Chance, places: Places) -> tuple[Line, ...]:
    return tuple(_act(chance, USERS, places) for _ in range(chance.randint(3, 8)))


def _settings(chance: Chance) -> dict[str, Any]:
    options: dict[str, Any] = {"call_timeout": chance.choice((1.0, 5.0)), "grace": chance.choice((0.5, 3.0))}
    if chance.takes("drain_messages", 0.2):
        options["drain_messages"] = chance.choice((1, 2))
    if chance.takes("drain_on_stop", 0.3):
        options["drain_on_stop"] = True
    if chance.takes("stop_timeout", 0.3):
        options["stop_timeout"] = chance.choice((2.0, 6.0))
    return options


def _faults(chance: Chance) -> dict[str, Any]:
    """A third of the applications see no fault, so that nothing is excused; a third few."""
    kinds = ("crashes", "kills", "power_cuts", "holds", "stalls", "clocks", "errors", "full", "syncs", "delays")
    share = chance.choice((0.0, 0.0, 0.3, 1.0))
    faults = {kind: _times(chance, kind) if chance.takes(f"fault {kind}", share) else 0 for kind in kinds}
    if chance.takes("slow store", 0.25):  # a slow store that often fails: much is handled while a commit is on its way
        faults |= {"delays": chance.choice((6, 12, 40)), "errors": chance.randint(0, 4), "full": chance.randint(0, 4)}
        faults["seconds"] = chance.choice((0.5, 3.0, 8.0))
    return faults


def _times(chance: Chance, kind: str) -> int:
    """How often a kind of fault may happen: once or twice, and more often if it is wanted."""
    return chance.randint(1, max(2, round(2 * chance.weight(f"fault {kind}"))))
