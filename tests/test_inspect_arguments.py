"""Arguments of handlers as JSON, against a slow and obvious model: any signature of a grammar, any JSON.

A signature is drawn as a tree of types. The model is written once more from scratch: what it takes for the value of a type, the forms must
give, and what it refuses, they must refuse. A refusal never reaches the actor.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

import attrs
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trioactors as ta
from trioactors import inspect
from trioactors.inspect.arguments import ArgumentsRefused, NotCallable, Parameters, parameters_of
from trioactors.inspect.signatures import handler_of
from trioactors.serializer import Json, secret


class Colour(enum.Enum):
    RED = "r"
    BLUE = 2


@attrs.frozen
class Point:
    x: int
    y: int = 0


@attrs.frozen
class Node:
    name: str
    below: tuple[Node, ...] = ()


NOTHING = object()
REFUSED = object()
Model = Callable[[Any], Any]
"""The value of some JSON, or REFUSED."""


def exactly(kind: type) -> Model:
    return lambda json: json if type(json) is kind and sane(json) else REFUSED


def sane(json: Any) -> bool:
    return not (isinstance(json, int) and not -(2**63) <= json < 2**63) and not (
        isinstance(json, float) and not math.isfinite(json)
    )


def floating(json: Any) -> Any:
    return json if type(json) in (int, float) and sane(json) else REFUSED


def chosen(json: Any) -> Any:
    return json if type(json) in (str, int) and json in ("a", 1) else REFUSED


def coloured(json: Any) -> Any:
    return Colour[json] if isinstance(json, str) and json in ("RED", "BLUE") else REFUSED


def pointed(json: Any) -> Any:
    if (
        type(json) is not dict
        or not {"x"} <= json.keys() <= {"x", "y"}
        or any(type(n) is not int or not sane(n) for n in json.values())
    ):
        return REFUSED
    return Point(**json)


def anything(json: Any) -> Any:
    if type(json) is list:
        return REFUSED if any(anything(item) is REFUSED for item in json) else json
    if type(json) is dict:
        return REFUSED if any(anything(item) is REFUSED for item in json.values()) else json
    return json if sane(json) else REFUSED


def listed(item: Model) -> Model:
    def model(json: Any) -> Any:
        if type(json) is not list:
            return REFUSED
        found = [item(each) for each in json]
        return REFUSED if any(each is REFUSED for each in found) else found

    return model


def mapped(item: Model) -> Model:
    def model(json: Any) -> Any:
        if type(json) is not dict:
            return REFUSED
        found = {key: item(each) for key, each in json.items()}
        return REFUSED if any(each is REFUSED for each in found.values()) else found

    return model


def paired(one: Model, other: Model) -> Model:
    def model(json: Any) -> Any:
        if type(json) is not list or len(json) != 2:
            return REFUSED
        found = (one(json[0]), other(json[1]))
        return REFUSED if REFUSED in [each for each in found if each is REFUSED] else found

    return model


def optional(item: Model) -> Model:
    return lambda json: None if json is None else item(json)


SIMPLE: dict[Any, Model] = {
    int: exactly(int),
    float: floating,
    str: exactly(str),
    bool: exactly(bool),
    Literal["a", 1]: chosen,
    Colour: coloured,
    Point: pointed,
    Json: anything,
    Any: anything,
    Annotated[int, "cents"]: exactly(int),
    int | float: floating,
}


def larger(inner: st.SearchStrategy[tuple[Any, Model]]) -> st.SearchStrategy[tuple[Any, Model]]:
    return st.one_of(
        inner.map(lambda each: (list[each[0]], listed(each[1]))),
        inner.map(lambda each: (Sequence[each[0]], listed(each[1]))),
        inner.map(lambda each: (Iterable[each[0]], listed(each[1]))),
        inner.map(lambda each: (dict[str, each[0]], mapped(each[1]))),
        inner.map(lambda each: (Mapping[str, each[0]], mapped(each[1]))),
        inner.map(
            lambda each: (
                each[0] | None if each[0] not in (Any, Json) else each[0],
                optional(each[1]) if each[0] not in (Any, Json) else each[1],
            )
        ),
        st.tuples(inner, inner).map(lambda two: (tuple[two[0][0], two[1][0]], paired(two[0][1], two[1][1]))),
    )


TYPES = st.recursive(st.sampled_from([*SIMPLE.items()]), larger, max_leaves=4)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**53 + 1, 2**63, -(2**63) - 1, 10**30, 1.5, math.nan, math.inf, 1e308, "a", "RED", "", "\N{SNOWMAN}", "nan"]),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["x", "y", "a", "int", "str"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def fitting(kind: Any) -> st.SearchStrategy[Any]:
    """JSON that often fits *kind*."""
    origin, arguments = getattr(kind, "__origin__", None), getattr(kind, "__args__", ())
    if isinstance(kind, types.UnionType):
        found = st.one_of(st.none(), *(fitting(each) for each in arguments if each is not type(None)))
    elif origin is tuple:
        found = st.tuples(*map(fitting, arguments)).map(list)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        found = st.dictionaries(st.sampled_from("xyz"), fitting(arguments[1]), max_size=3)
    elif isinstance(origin, type) and issubclass(origin, Iterable):
        found = st.lists(fitting(arguments[0]), max_size=3)
    else:
        found = FITTING.get(kind, VALUES)
    return found


INTEGERS = st.integers(-5, 5)
FITTING: dict[Any, st.SearchStrategy[Any]] = {
    int: INTEGERS,
    Annotated[int, "cents"]: INTEGERS,
    str: st.text(max_size=3),
    bool: st.booleans(),
    Colour: st.sampled_from(["RED", "BLUE"]),
    Point: st.fixed_dictionaries({"x": INTEGERS}, optional={"y": INTEGERS}),
}


def actor_of(kinds: Sequence[Any], defaults: Sequence[Any]) -> type[ta.Actor[None]]:
    """An actor whose handler `take` has a parameter of each of *kinds*; those with a default come last."""
    names = [f"p{number}" for number in range(len(kinds))]
    spelt = ", ".join(
        f"{name}: {name}_type" + ("" if default is NOTHING else " = None") for name, default in zip(names, defaults, strict=True)
    )
    scope: dict[str, Any] = {f"{name}_type": kind for name, kind in zip(names, kinds, strict=True)}
    exec(f"def take(self, {spelt}) -> None: ...", scope)
    take = scope["take"]
    take.__qualname__ = "Drawn.take"
    return types.new_class("Drawn", (ta.Actor[None],), {}, lambda body: body.update(take=ta.handler(take)))


def parameters(actor: type[ta.Actor[None]], use: Callable[[Parameters], Any], handler: str = "take") -> Any:
    async def main() -> Any:
        async with ta.open_system() as system:
            await system.start(actor, name="it")
            child, spec = handler_of(system, "it", handler)
            return use(parameters_of(system, child, spec))

    return trio.run(main)


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_arguments_are_read_as_the_model_reads_them_or_refused_with_their_path(data: st.DataObject) -> None:
    drawn = data.draw(st.lists(TYPES, min_size=1, max_size=3))
    optional_from = data.draw(st.integers(0, len(drawn)))
    defaults = [NOTHING if at < optional_from else None for at in range(len(drawn))]

    def use(known: Parameters) -> None:
        for _ in range(5):
            arguments = {
                f"p{at}": data.draw(st.one_of(fitting(kind), VALUES))
                for at, (kind, _) in enumerate(drawn)
                if data.draw(st.integers(0, 5))
            }
            if not data.draw(st.integers(0, 5)):
                arguments["extra"] = 1
            expected = {name: drawn[int(name[1:])][1](value) for name, value in arguments.items() if name != "extra"}
            bad = {name for name, value in expected.items() if value is REFUSED}
            bad |= {f"p{at}" for at, default in enumerate(defaults) if default is NOTHING and f"p{at}" not in arguments}
            bad |= arguments.keys() & {"extra"}
            judge(known, arguments, expected, bad)

    parameters(actor_of([kind for kind, _ in drawn], defaults), use)


def judge(known: Parameters, arguments: dict[str, Any], expected: dict[str, Any], bad: set[str]) -> None:
    if bad:
        with pytest.raises(ArgumentsRefused) as refused:
            known.read(arguments)
        assert {path.replace("[", ".").partition(".")[0] for path, _ in refused.value.problems} == bad
        assert all(text for _, text in refused.value.problems)
        return
    values = known.read(arguments)
    assert values.keys() == expected.keys()
    assert all(same(values[name], value) for name, value in expected.items())


@given(st.lists(TYPES, min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_every_signature_has_a_shape_of_limited_size(drawn: list[tuple[Any, Model]]) -> None:
    async def main() -> Any:
        async with ta.open_system() as system:
            await system.start(actor_of([kind for kind, _ in drawn], [NOTHING] * len(drawn)), name="it")
            return inspect.plain(inspect.signatures(system, "it"))

    [handler] = trio.run(main)
    assert handler["problem"] is None
    assert [parameter["name"] for parameter in handler["parameters"]] == [f"p{at}" for at in range(len(drawn))]
    assert all("kind" in parameter["shape"] for parameter in handler["parameters"])


class Clerk(ta.Actor[None]):
    @ta.handler
    def unions(self, value: int | str, moment: dt.datetime | str = "now") -> None: ...

    @ta.handler
    def values(self, when: dt.datetime, price: Decimal, data: bytes, tree: Node | None = None) -> None: ...

    @ta.handler
    def meet(self, other: Clerk, any_of: ta.Ref | None = None) -> None: ...

    @ta.handler
    def bare(self, one: list, two: dict, three: object) -> None: ...  # type: ignore[type-arg]  # that is the point


def read(handler: str, **arguments: Any) -> Any:
    return parameters(Clerk, lambda known: known.read(arguments), handler)


def test_a_member_of_a_union_is_told_by_its_name_or_by_its_value() -> None:
    assert read("unions", value=5) == {"value": 5}
    assert read("unions", value="5") == {"value": "5"}
    assert read("unions", value={"str": "5"}) == {"value": "5"}
    assert read("unions", value=1, moment="noon") == {"value": 1, "moment": "noon"}
    with pytest.raises(ArgumentsRefused, match=r'could be datetime or str; say which, as in \{"datetime": \.\.\.\}'):
        read("unions", value=1, moment="2026-01-31T12:00:00")
    with pytest.raises(ArgumentsRefused, match="expected one of int"):
        read("unions", value=None)


def test_types_that_json_lacks_are_text_in_one_form() -> None:
    values = read("values", when="2026-01-31T12:00:00", price="9.90", data="aGk=", tree={"name": "a", "below": [{"name": "b"}]})

    assert values["when"] == dt.datetime(2026, 1, 31, 12)  # noqa: DTZ001 - as it was given
    assert (str(values["price"]), values["data"], values["tree"].below[0].name) == ("9.90", b"hi", "b")
    with pytest.raises(ArgumentsRefused, match="and 2 more"):
        read("values", when=0, price=9.9, data="hi!")


def test_a_class_that_contains_itself_cannot_be_nested_without_end() -> None:
    tree: dict[str, Any] = {"name": "a"}
    for _ in range(40):
        tree = {"name": "a", "below": [tree]}

    with pytest.raises(ArgumentsRefused, match="levels deep"):
        read("values", when="2026-01-31T12:00:00", price="1", data="", tree=tree)


def test_more_values_than_anyone_types_are_refused() -> None:
    with pytest.raises(ArgumentsRefused, match="more than 20,000 values"):
        read("bare", one=[0] * 30_000, two={}, three=None)


def test_a_ref_is_the_name_of_an_actor_that_exists() -> None:
    values = read("meet", other="it", any_of="it")

    assert repr(values["other"]).startswith("<ref to <actor it: Clerk")
    for name in ("nobody", ":root"):
        with pytest.raises(ArgumentsRefused, match="other"):
            read("meet", other=name)


def test_what_does_not_say_what_it_holds_takes_any_json() -> None:
    assert read("bare", one=[1, "a"], two={"a": [None]}, three=1.5) == {"one": [1, "a"], "two": {"a": [None]}, "three": 1.5}
    with pytest.raises(ArgumentsRefused, match="one: expected list"):
        read("bare", one={}, two={}, three=1)


def test_an_annotation_for_type_checkers_only_is_the_reason() -> None:
    def take(self: Any, value: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821 - it is imported for type checkers only
        ...

    take.__qualname__ = "Puzzled.take"
    puzzled: Any = types.new_class("Puzzled", (ta.Actor[None],), {}, lambda body: body.update(take=ta.handler(take)))
    puzzled.__actor_plan__.names.missing.clear()

    with pytest.raises(NotCallable, match="value: its annotation names 'Missing', which does not exist at run time"):
        parameters(puzzled, lambda known: known)


@attrs.frozen
class Login:
    user: str
    password: str = secret()

    def __attrs_post_init__(self) -> None:
        if self.user == "root":
            raise ValueError(f"not with {self.password}")


class Door(ta.Actor[None]):
    @ta.handler
    def enter(self, login: Login) -> None: ...


@pytest.mark.parametrize(
    "login", [{"user": "root", "password": "hunter2"}, {"user": 1, "password": "hunter2"}, {"user": "a", "password": ["hunter2"]}]
)
def test_no_refusal_shows_a_secret(login: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsRefused) as refused:
        parameters(Door, lambda known: known.read({"login": login}), "enter")

    assert "hunter2" not in str(refused.value)
    assert refused.value.problems[0][0].startswith("login")
