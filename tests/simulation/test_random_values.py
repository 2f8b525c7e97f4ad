"""Random arguments fit their annotations, are small, and are written as Python that makes them again."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from attrs import define, field, frozen, validators

import trioactors as ta
from trioactors.serializer import Json, Serializer
from trioactors.testing.simulation.random_values import Draw, Given, Named, Values, written

if TYPE_CHECKING:
    pass

ItemId = NewType("ItemId", str)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@frozen
class Money:
    cents: int = field(validator=validators.ge(0))
    _currency: Literal["EUR", "USD"] = "EUR"


@dataclass
class Line:
    item: ItemId
    price: Money
    notes: list[str]


@define
class Tree:
    """Contains itself."""

    name: str
    children: list[Tree] = field(factory=list["Tree"])
    parent: Tree | None = None


@define
class Endless:
    next: Endless


class Blob:
    """No class that is known."""


@define
class Holder:
    blob: Blob


@frozen
class Never:
    """Refuses everything."""

    number: int = field()

    @number.validator
    def _refuse(self, _: object, value: int) -> None:
        raise ValueError(f"{value} is never right")


class Clerk(ta.Actor[None]):
    @ta.handler
    async def answer(self) -> None: ...


class Senior(Clerk):
    pass


def draw(annotation: Any, given: Given | None = None, default: Any = inspect.Parameter.empty) -> Draw | None:
    """What draws an argument `wanted` of that annotation for a handler `use`."""
    parameter = inspect.Parameter("wanted", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
    values = Values(given or {}, {"ann": Clerk, "bob": Senior})
    spec = Clerk.answer.spec
    found = values.parameter("Clerk.answer", spec, parameter)
    values.look()
    return found


def drawn(annotation: Any, given: Given | None = None, count: int = 200) -> list[Any]:
    """Values of that annotation."""
    drawing = draw(annotation, given)
    assert drawing is not None
    random = Random(1)
    return [drawing(random) for _ in range(count)]


KINDS = [
    bool,
    int,
    float,
    str,
    bytes,
    bytearray,
    Decimal,
    UUID,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    None,
    Colour,
    Right,
    ItemId,
    Money,
    Line,
    Tree,
    Annotated[int, ["anything"]],
    Literal[1, "two"],
    int | None,
    list[int],
    deque[int],
    set[str],
    frozenset[Colour],
    tuple[int, ...],
    tuple[int, str],
    dict[str, list[Money]],
    Mapping[Colour, int],
    Sequence[str],
    AbstractSet[int],
]


NAMES = {**globals(), "datetime": dt}
"""What a person would have imported."""


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_is_drawn_fits_its_annotation_and_its_text_makes_it_again(kind: Any) -> None:
    codec = Serializer().codec(kind)

    for value in drawn(kind):
        assert codec.decode(codec.encode(value)) == value
        assert eval(written(value), NAMES) == value


@pytest.mark.parametrize("kind", [Any, object, Json, list, dict, Iterable[int]], ids=str)
def test_an_annotation_that_says_little_gets_simple_values(kind: Any) -> None:
    values = drawn(kind)

    assert len({repr(value) for value in values}) > 3
    assert all(eval(written(value), NAMES) == value for value in values)


def test_clients_meet_because_few_numbers_and_texts_are_usual() -> None:
    for kind in (int, str):
        values = drawn(kind, count=1_000)
        usual = [value for value in set(values) if values.count(value) > 100]

        assert 3 <= len(usual) <= 4
        assert 4 <= len(set(values)) <= 10


def test_a_class_inside_itself_ends() -> None:
    trees = drawn(Tree)

    assert {len(tree.children) for tree in trees} == {0}
    assert {tree.parent for tree in trees} == {None}


def test_the_users_values_go_first_by_type_by_parameter_and_by_handler() -> None:
    given: Given = {ItemId: [ItemId("mug")], "wanted": [7], "answer.wanted": lambda random: random.choice([8, 9])}

    assert set(drawn(int, given={"wanted": [7]})) == {7}
    assert set(drawn(int, given={"wanted": [7], "answer.wanted": lambda random: random.choice([8, 9])})) == {8, 9}
    assert {line.item for line in drawn(Line, given={ItemId: given[ItemId]})} == {"mug"}
    assert {type(value) for value in drawn(Blob | None, given={Blob: lambda _: Blob()})} == {Blob, type(None)}


def test_a_ref_is_any_actor_of_the_class() -> None:
    assert {value.name for value in drawn(Clerk)} == {"ann", "bob"}
    assert {value.name for value in drawn(ta.Ref)} == {"ann", "bob"}
    assert {value.name if isinstance(value, Named) else value for value in drawn(Senior | None)} == {"bob", None}
    assert written(Named(Clerk, "ann")) == "system.get(Clerk, 'ann')"


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (Blob, "the type Blob is not known here"),
        (Holder, r"\.blob: the type Blob is not known here"),
        (list[Clerk], "a ref to Clerk inside another value is not known here"),
        (Endless, "it contains itself"),
        ("Client", "its annotation names 'Client', which does not exist at run time"),
    ],
)
def test_a_type_that_is_not_known_is_refused_with_its_place_and_the_next_step(annotation: Any, problem: str) -> None:
    with pytest.raises(ta.UsageError, match=f"cannot draw 'wanted' of Clerk.answer: {problem}.*values="):
        draw(annotation)


def test_a_parameter_whose_type_is_not_known_keeps_its_default() -> None:
    assert draw(Blob, default=None) is None
    assert draw(int, default=3) is not None


def test_a_class_that_refuses_everything_is_named() -> None:
    with pytest.raises(
        ta.UsageError, match=r"cannot draw a Never: it refuses what is drawn.*is never right.*values={Never: lambda"
    ):
        drawn(Never)


@pytest.mark.parametrize("key", ["wnated", "other.wanted", Blob])
def test_values_that_no_parameter_takes_are_refused(key: Any) -> None:
    with pytest.raises(ta.UsageError, match="no parameter of a handler that the clients use has this"):
        draw(int, given={key: [1]})


@pytest.mark.parametrize("values", ["mug", [], 3, None])
def test_values_are_a_list_or_a_function(values: Any) -> None:
    with pytest.raises(ta.UsageError, match="expected a list of values, or a function"):
        draw(int, given={"wanted": values})
