"""Annotations may name what is not there yet: such a name is looked for when the class is made, at `child()`, and at the start."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import trioactors as ta

STYLES = ["import", "text", *(["lazy"] if sys.version_info >= (3, 14) else [])]
"""With `from __future__ import annotations`; as text; and as Python 3.14 has it, where an annotation is evaluated when it is asked for."""

HEAD = """\
from contextlib import asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal
import attrs, trio
import trioactors as ta
from trioactors.serializer import transient
"""

Make = Callable[..., Any]


@pytest.fixture(params=STYLES)
def module(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Write modules and import the last one. `<Money>` in a source is an annotation in one of the `STYLES`."""
    quoted = '"' if request.param == "text" else ""
    first = "from __future__ import annotations\n" if request.param == "import" else ""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def make(source: str, **others: str) -> ModuleType:
        for name, each in {**others, "shop": source}.items():
            written = each.replace("->", "\0").replace("<", quoted).replace(">", quoted).replace("\0", "->")
            (tmp_path / f"{name}.py").write_text(f"{first}{HEAD}{written}", encoding="utf-8")
        return importlib.import_module("shop")

    yield make
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


LATER = """
class Ledger(ta.Actor["Book"], persist=ta.EVERY_MESSAGE):
    def __init__(self, opened: <Money | None> = None) -> None:
        self.opened = opened

    @ta.handler
    async def pay(self, amount: <Money>, *, then: <list[Money] | None> = None) -> <Receipt>:
        self.state.total += amount.cents
        self.state.last = Receipt(self.state.total)
        return self.state.last

    async def on_stop(self, reason: <Why>) -> None:
        stopped.append(reason)

async def poll(every: <Seconds> = 1.0, *, task_status: <Status>) -> None:
    task_status.started()
    await trio.sleep(every)

@asynccontextmanager
async def pool(size: <Count> = 1) -> <Pools>:
    yield size

tree = ta.Supervisor(
    ta.child(Ledger, name="ledger"), ta.child(poll, name="poll"), ta.child(ta.resource(pool), name="pool"), name="shop"
)
stopped = []
early = ta.child(Ledger, name="early")

@attrs.define
class Book:
    total: int = 0
    last: <Receipt | None> = None
    past: <dict[str, list[Receipt]]> = attrs.field(factory=dict)

@attrs.define
class Money:
    cents: int

@attrs.define
class Receipt:
    total: int

Why, Seconds, Status, Count, Pools = ta.Exit, float, Any, int, Any
"""


async def test_handlers_hooks_states_and_functions_may_name_what_is_defined_later(module: Make) -> None:
    shop = module(LATER)

    async with ta.open_system("memory:", shop.tree) as system:
        ledger: Any = system.get(shop.Ledger, "ledger")
        assert await ledger.pay(shop.Money(3)) == shop.Receipt(3)
        await ta.restart(ledger)
        assert await ledger.pay(shop.Money(4), then=[]) == shop.Receipt(7)
        assert system.get(int, "pool") == 1

    assert [str(reason) for reason in shop.stopped] == ["shutdown", "shutdown"]


NEVER = {
    "handler Odd.pay: the annotation of parameter 'amount' names 'Monney'": (
        "class Odd(ta.Actor[None]):\n    @ta.handler\n    async def pay(self, amount: <list[Monney]>) -> None: ..."
    ),
    "handler Odd.pay: the annotation of parameter 'by' names 'Monney'": (
        "class Odd(ta.Actor[None]):\n    @ta.handler\n    async def pay(self, *, by: <Monney.Kind | None> = None) -> None: ..."
    ),
    "handler Odd.pay: the annotation of the return value names 'Receit'": (
        "class Odd(ta.Actor[None]):\n    @ta.handler\n    async def pay(self) -> <Receit>: ..."
    ),
    "handler Base.pay: the annotation of parameter 'amount' names 'Monney'": (
        "class Base(ta.Actor[None]):\n    @ta.handler\n    async def pay(self, amount: <Monney>) -> None: ...\nclass Odd(Base): ..."
    ),
    "Odd.on_stop: the annotation of parameter 'reason' names 'Exitt'": (
        "class Odd(ta.Actor[None]):\n    async def on_stop(self, reason: <Exitt>) -> None: ..."
    ),
    "Odd.__init__: the annotation of parameter 'size' names 'Nmber'": (
        "class Odd(ta.Actor[None]):\n    def __init__(self, size: <Nmber> = 1) -> None: ..."
    ),
    "Odd: the annotation of its state names 'Nowhere'": 'class Odd(ta.Actor["Nowhere"]): ...',
    "Odd: the annotation of its state names 'Hidden'": (
        'class Odd(ta.Actor["list[Hidden]"]):\n    def __init__(self) -> None: self.state = []'
    ),
    "Odd: its state cannot be stored. Book: last: the annotation": (
        "@attrs.define\nclass Book:\n    last: <Receit | None> = None\nclass Odd(ta.Actor[Book], persist=ta.EVERY_MESSAGE): ..."
    ),
    "Odd: the annotation of parameter 'every' names 'Secnds'": "async def Odd(every: <Secnds> = 1.0) -> None: ...",
}


@pytest.mark.parametrize("error", NEVER)
async def test_a_name_that_never_appears_is_refused_before_anything_starts(module: Make, tmp_path: Path, error: str) -> None:
    shop = module(NEVER[error])
    spec = ta.child(shop.Odd, name="odd")

    for tree in (ta.Supervisor(spec, name="shop"), ta.Supervisor(ta.Supervisor(spec, name="inner"), name="shop")):
        with pytest.raises(ta.DefinitionError) as caught:
            ta.open_system(f"file:///{tmp_path}/data", tree)
        assert str(caught.value).startswith(error)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("error", NEVER)
async def test_a_name_that_never_appears_is_refused_by_a_running_system(module: Make, error: str) -> None:
    spec = ta.child(module(NEVER[error]).Odd, name="odd")

    async with ta.open_system("memory:") as system:
        for refused in (spec, ta.Supervisor(spec, name="inner")):
            with pytest.raises(ta.DefinitionError) as caught:
                await system.supervisor().start_child(refused)
            assert str(caught.value).startswith(error)
        assert system.names() == ()


async def test_a_resource_is_a_function_too(module: Make) -> None:
    shop = module("@asynccontextmanager\nasync def pool(size: <Cuont> = 1) -> <Any>:\n    yield size")

    with pytest.raises(ta.DefinitionError, match=r"pool: the annotation of parameter 'size' names 'Cuont'"):
        ta.open_system(ta.Supervisor(ta.child(ta.resource(shop.pool)), name="top"))


async def test_what_appears_after_a_refused_start_can_be_started(module: Make) -> None:
    shop = module("class Odd(ta.Actor[None]):\n    @ta.handler\n    async def pay(self, amount: <Money>) -> int:\n        return 1")

    async with ta.open_system() as system:
        with pytest.raises(ta.DefinitionError):
            await system.start(shop.Odd)
        shop.Money = int
        odd: Any = await system.start(shop.Odd)
        assert await odd.pay(5) == 1


@pytest.mark.parametrize("when", ["when the class is made", "at child()"])
async def test_a_name_needs_to_be_there_only_once(module: Make, when: str) -> None:
    shop = module(
        ("Money = int\n" if when == "when the class is made" else "")
        + "class Odd(ta.Actor[None]):\n    @ta.handler\n    async def pay(self, amount: <Money>) -> int:\n        return amount\n"
        + "Money = int\nspec = ta.child(Odd, name='odd')\ndel Money\n"
    )

    async with ta.open_system() as system:
        await system.supervisor().start_child(shop.spec)
        assert await system.get(shop.Odd, "odd").pay(3) == 3


CHECKED_ONLY = """
if TYPE_CHECKING:
    from decimal import Decimal
    from nowhere import *
    import fractions as f

class Ledger(ta.Actor[None]):
    def __init__(self, opened: <Decimal | None> = None) -> None: ...

    @ta.handler
    async def pay(self, amount: <Decimal>, part: <f.Fraction>) -> <list[Decimal]>:
        return [amount, part]

    async def on_stop(self, reason: <Decimal>) -> None: ...

async def poll(every: <Decimal> = None) -> None:
    await trio.sleep_forever()
"""


async def test_what_is_imported_for_type_checkers_only_is_no_mistake(module: Make) -> None:
    shop = module(CHECKED_ONLY.replace("    from nowhere import *\n", ""))

    async with ta.open_system(ta.Supervisor(ta.child(shop.poll), name="top")) as system:
        ledger: Any = await system.start(shop.Ledger)
        assert await ledger.pay(1, 2) == [1, 2]


async def test_a_star_import_for_type_checkers_may_bring_any_name(module: Make) -> None:
    shop = module(CHECKED_ONLY.replace("Fraction", "Whole").replace("f.", "").replace("import fractions as f", "pass"))

    async with ta.open_system() as system:
        assert await (await system.start(shop.Ledger)).pay(1, 2) == [1, 2]


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ('class Shop(ta.Actor["Book"]): ...\n', "import it (not under `if TYPE_CHECKING:`)"),
        (
            "class Shop(ta.Actor[None]):\n    async def on_stop(self, reason: <Book>) -> None: ...\n",
            "import it (under `if TYPE_CHECKING:` is enough)",
        ),
    ],
    ids=["state", "hook"],
)
async def test_the_advice_for_a_name_that_is_missing_fits_its_place(module: Make, source: str, advice: str) -> None:
    shop = module(source)
    async with ta.open_system() as system:
        with pytest.raises(ta.DefinitionError, match=re.escape(advice)):
            await system.start(shop.Shop)


async def test_a_state_must_be_there_at_run_time(module: Make) -> None:
    shop = module(
        "if TYPE_CHECKING:\n    from decimal import Decimal\n"
        "@attrs.define\nclass Book:\n    total: <Decimal | None> = None\n    cache: <Decimal | None> = transient(default=None)\n"
        'class Named(ta.Actor["Decimal"]): ...\n'
        "class Kept(ta.Actor[Book], persist=ta.EVERY_MESSAGE): ...\n"
    )

    async with ta.open_system("memory:") as system:
        with pytest.raises(ta.StartFailed) as caught:
            await system.start(shop.Named, name="named")
        assert "import it not for type checkers only" in str(caught.value.__cause__)
        with pytest.raises(ta.DefinitionError, match=r"Book: total: the annotation .* names 'Decimal'"):
            await system.start(shop.Kept, name="kept")


async def test_a_transient_field_may_name_anything(module: Make) -> None:
    shop = module(
        "@attrs.define\nclass Book:\n    total: int = 0\n    cache: <Nowhere> = transient(default=None)\n"
        "class Kept(ta.Actor[Book], persist=ta.EVERY_MESSAGE):\n"
        "    @ta.handler\n    async def add(self) -> int:\n        self.state.total += 1\n        return self.state.total\n"
    )

    async with ta.open_system("memory:") as system:
        assert await (await system.start(shop.Kept, name="kept")).add() == 1


LOCAL = """
def make(*, late: bool = True):
    class Ledger(ta.Actor[None]):
        @ta.handler
        async def pay(self, amount: <Money>, to: <Ledger | None> = None) -> <list[Money]>:
            return [amount]

        @ta.handler
        async def give(self, what: <Inner>) -> None: ...

        class Inner: ...

    class Money: ...

    return Ledger
"""


async def test_what_is_local_to_a_function_or_to_the_class_is_no_mistake(module: Make) -> None:
    kind = module(LOCAL).make()

    async with ta.open_system() as system:
        ledger: Any = await system.start(kind)
        assert await ledger.pay(3) == [3]


async def test_a_misspelt_name_is_found_in_a_function_too(module: Make) -> None:
    kind = module(LOCAL.replace("amount: <Money>", "amount: <Monney>")).make()

    async with ta.open_system() as system:
        with pytest.raises(ta.DefinitionError, match=r"handler make\.<locals>\.Ledger\.pay: the annotation of parameter 'amount'"):
            await system.start(kind)


async def test_without_its_source_no_name_is_refused() -> None:
    names: dict[str, Any] = {"ta": ta, "__name__": "frozen"}
    code = 'class Odd(ta.Actor[None]):\n    @ta.handler\n    async def pay(self, amount: "Monney") -> int:\n        return amount'
    exec(compile(code, "frozen.pyc", "exec"), names)

    async with ta.open_system() as system:
        assert await (await system.start(names["Odd"])).pay(3) == 3


async def test_a_page_that_is_no_source_refuses_no_name(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\nwith code in it\n", encoding="utf-8")
    names: dict[str, Any] = {"ta": ta, "__name__": "page"}
    code = 'class Odd(ta.Actor[None]):\n    @ta.handler\n    async def pay(self, amount: "Monney") -> int:\n        return amount'
    exec(compile(code, str(page), "exec"), names)

    async with ta.open_system() as system:
        assert await (await system.start(names["Odd"])).pay(3) == 3


async def test_only_types_are_names(module: Make) -> None:
    shop = module(
        "class Odd(ta.Actor[None]):\n    @ta.handler\n"
        "    async def pay(self, how: <Literal['cash', 'card']>, of: <Annotated[int, 'in cents', [n for n in ()]]>) -> int:\n"
        "        return of\n"
    )

    async with ta.open_system() as system:
        assert await (await system.start(shop.Odd)).pay("cash", 3) == 3


async def test_a_decorated_handler_is_read_in_its_own_module(module: Make) -> None:
    shop = module(
        "from tools import timed\nclass Odd(ta.Actor[None]):\n    @ta.handler\n    @timed\n"
        "    async def pay(self, amount: <Money>) -> <Money>:\n        return amount\nMoney = int\n",
        tools="def timed(function):\n    @wraps(function)\n    def run(*args: <Any>, **more: <Any>) -> <Any>:\n"
        "        return function(*args, **more)\n    return run\n",
    )

    async with ta.open_system() as system:
        assert await (await system.start(shop.Odd)).pay(3) == 3


async def test_a_state_that_a_base_names_is_looked_for_in_the_module_of_the_base(module: Make) -> None:
    shop = module(
        "from base import Base\nclass Kept(Base): ...\n",
        base='class Base(ta.Actor["Book"], persist=ta.EVERY_MESSAGE):\n    @ta.handler\n    async def add(self) -> int:\n'
        "        self.state.total += 1\n        return self.state.total\n@attrs.define\nclass Book:\n    total: int = 0\n",
    )

    async with ta.open_system("memory:") as system:
        assert await (await system.start(shop.Kept, name="kept")).add() == 1


async def test_modules_that_import_each_other_may_name_each_other(module: Make) -> None:
    shop = module(
        "import orders\n",
        orders="import ledgers\n@attrs.define\nclass Order:\n    number: int = 0\n",
        ledgers="import orders\n@attrs.define\nclass Page:\n    order: <orders.Order | None> = None\n"
        'class Ledger(ta.Actor["orders.Order"], persist=ta.EVERY_MESSAGE):\n    @ta.handler\n'
        "    async def put(self, order: <orders.Order>) -> int:\n        self.state = order\n        return order.number\n"
        "class Pages(ta.Actor[Page], persist=ta.EVERY_MESSAGE):\n    @ta.handler\n"
        "    async def put(self, order: <orders.Order>) -> int:\n        self.state.order = order\n        return order.number\n",
    )
    ledgers, order = sys.modules["ledgers"], shop.orders.Order(3)

    async with ta.open_system("memory:") as system:
        assert await (await system.start(ledgers.Ledger, name="ledger")).put(order) == 3
        assert await (await system.start(ledgers.Pages, name="pages")).put(order) == 3


async def test_the_same_text_means_something_else_in_another_module(module: Make) -> None:
    kept = (
        'from typing import Optional\nclass Kept(ta.Actor["Book"], persist=ta.EVERY_MESSAGE):\n    @ta.handler\n'
        "    async def put(self) -> None:\n        self.state.last = Page()\n"
        "@attrs.define\nclass Book:\n    last: Optional[<Page>] = None\n@attrs.define\nclass Page:\n    number: int = 0\n"
    )
    shop = module("import first, second\n", first=kept, second=kept)

    async with ta.open_system("memory:") as system:
        for name in ("first", "second"):
            await (await system.start(getattr(shop, name).Kept, name=name)).put()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
async def test_type_parameters_and_aliases_are_names_too(module: Make) -> None:
    shop = module(
        "@attrs.define\nclass Book:\n    total: <Cents> = 0\ntype Cents = Whole\n"
        "class Ledger[T](ta.Actor[Book], persist=ta.EVERY_MESSAGE):\n    @ta.handler\n"
        "    async def pay[K](self, amount: <Cents>, to: <T | None> = None, key: <K | None> = None) -> <Cents>:\n"
        "        self.state.total += amount\n        return self.state.total\n"
        "class Own(Ledger[int]): ...\nspec = ta.child(Own, name='early')\nWhole = int\n"
    )

    async with ta.open_system("memory:") as system:
        assert await (await system.start(shop.Own, name="own")).pay(3) == 3


def test_the_tools_for_tests_take_functions_that_name_what_is_defined_later(module: Make) -> None:
    shop = module(
        "from trioactors.testing import explore\n@explore(seeds=1)\n"
        "async def one(fixture: <Money>) -> <Nothing>:\n    done.append(fixture)\n"
        "Money, Nothing, done = int, None, []\n"
    )

    shop.one(fixture=3)

    assert shop.done == [3]


async def test_annotations_that_were_set_by_hand_are_read_as_they_are() -> None:
    def pay(self: object, amount: Any) -> Any: ...

    pay.__annotations__ = {"amount": Path, "return": Iterator[int]}

    kind: Any = type("Odd", (ta.Actor,), {"pay": ta.handler(pay)})

    ta.open_system(ta.Supervisor(ta.child(kind, name="odd"), name="top"))
