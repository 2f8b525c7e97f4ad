from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from functools import cached_property, partial, partialmethod, wraps
from typing import Any

import attrs
import pytest
import trio
import trio.lowlevel

import trioactors as ta
from shared.actors import Refused, Tally


class Worse(Refused):
    pass


class Account(ta.Actor[Tally]):
    @ta.handler
    async def put(self, amount: int = 1) -> int:
        self.state.total += amount
        return self.state.total

    @ta.handler
    def total(self) -> int:
        return self.state.total

    @ta.handler(raises=(Refused,))
    async def take(self, amount: int) -> int:
        if amount > self.state.total:
            raise Worse(amount)
        self.state.total -= amount
        return self.state.total

    @ta.handler
    async def put_twice(self, amount: int) -> int:
        await self.put(amount)
        return await self.put(amount)

    @ta.handler
    async def put_later(self, amount: int) -> None:
        await self.put.cast(amount)
        self.put.cast_nowait(amount)

    @ta.handler
    def move(self, amount: int, /, to: str, *, note: str = "none", fee: int) -> tuple[int, str, str, int]:
        """Move money."""
        return amount, to, note, fee

    @ta.handler(secret=("pin",))
    async def unlock(self, pin: str, user: str = "me") -> str:  # noqa: ARG002 - a message with a secret
        return user


# --- what is refused when the class is made ---


def refused(function: Callable[..., Any], **options: Any) -> str:
    with pytest.raises(ta.DefinitionError) as caught:
        ta.handler(**options)(function)
    return str(caught.value)


def test_a_parameter_without_annotation_is_refused() -> None:
    def add(self, by) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
        return by  # type: ignore[no-any-return]

    assert "parameter 'by' lacks an annotation" in refused(add)


def test_an_answer_without_annotation_is_refused() -> None:
    def add(self, by: int):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return by

    assert "write `-> None` if it returns nothing" in refused(add)


def test_open_ended_arguments_are_refused() -> None:
    def add(self: object, *numbers: int) -> None: ...

    assert "*numbers is not allowed" in refused(add)


def test_open_ended_keywords_are_refused() -> None:
    def add(self: object, **numbers: int) -> None: ...

    assert "numbers is not allowed" in refused(add)


def test_a_generator_is_refused() -> None:
    def items(self: object) -> Iterator[int]:
        yield 1

    assert "is a generator: a handler returns one value" in refused(items)


def test_an_async_generator_is_refused() -> None:
    async def items(self: object) -> AsyncIterator[int]:
        yield 1

    assert "is a generator: a handler returns one value" in refused(items)


@pytest.mark.parametrize("name", ["state", "context", "on_message", "on_start"])
def test_a_reserved_name_is_refused(name: str) -> None:
    def method(self: object) -> None: ...

    method.__qualname__ = f"Thing.{name}"

    assert "belong to the actor itself; choose another name" in refused(method)


def test_a_private_handler_is_refused() -> None:
    def _add(self: object) -> None: ...

    assert "a private method cannot be called by others" in refused(_add)


def test_a_method_without_self_is_refused() -> None:
    def add() -> None: ...

    assert "lacks `self`" in refused(add)


def test_a_keyword_only_self_is_refused() -> None:
    def add(*, self: object) -> None: ...

    assert "lacks `self`" in refused(add)


@pytest.mark.parametrize("wrapper", [staticmethod, classmethod, property])
def test_what_is_no_plain_method_is_refused(wrapper: Callable[..., Any]) -> None:
    def add(self: object) -> None: ...

    assert "directly on a method" in refused(wrapper(add))


@pytest.mark.parametrize("wrapper", [staticmethod, classmethod, property])
def test_a_handler_inside_another_decorator_is_refused(wrapper: Callable[..., Any]) -> None:
    def add(self: object) -> None: ...

    add.__qualname__ = "Wrapped.add"
    members = {"add": wrapper(ta.handler(add))}

    with pytest.raises(ta.DefinitionError, match="add"):
        type("Wrapped", (ta.Actor,), members)


@pytest.mark.parametrize("wrapper", [lambda f: wraps(f)(lambda _: f), partialmethod, cached_property])
def test_a_handler_inside_a_functools_wrapper_is_refused(wrapper: Callable[..., Any]) -> None:
    def add(self: object) -> None: ...

    add.__qualname__ = "Wrapped.add"

    with pytest.raises(ta.DefinitionError, match="put @handler on top"):
        type("Wrapped", (ta.Actor,), {"add": wrapper(ta.handler(add))})


def test_a_decorated_method_keeps_the_signature_it_wraps() -> None:
    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return inner

    class Logged(ta.Actor[None]):
        @ta.handler
        @logged
        def add(self, by: int) -> int:
            return by

    assert [field.name for field in Logged.add.spec.fields] == ["by"]


def test_catching_everything_is_refused() -> None:
    def add(self: object) -> None: ...

    assert "would hide every bug" in refused(add, raises=Exception)


@pytest.mark.parametrize("raises", [(Exception,), (BaseException,), ("ValueError",), (ValueError(),), KeyboardInterrupt])
def test_declared_errors_are_classes_of_expected_errors(raises: Any) -> None:
    def add(self: object) -> None: ...

    assert "raises=" in refused(add, raises=raises)


def test_a_secret_that_names_no_parameter_is_refused() -> None:
    def add(self: object, by: int) -> None: ...

    assert "secret= names unknown parameters: pin" in refused(add, secret=("by", "pin"))


@pytest.mark.parametrize("timeout", [-1, float("nan"), "1", False])
def test_a_timeout_that_is_no_time_is_refused(timeout: Any) -> None:
    def add(self: object) -> None: ...

    with pytest.raises(ta.SpecError, match="timeout"):
        ta.handler(timeout=timeout)(add)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="retries"):
        ta.handler(retries=3)  # type: ignore[call-overload]


def test_annotations_are_not_evaluated_at_definition() -> None:
    class Later(ta.Actor[None]):
        @ta.handler
        def add(self, item: DefinedNowhere) -> AlsoNowhere: ...  # type: ignore[name-defined]  # noqa: F821

    assert Later.add.spec.name == "add"


# --- what a handler is, in each place ---


def test_a_handler_on_the_class_names_its_place() -> None:
    assert repr(Account.put) == "<handler Account.put>"


def test_a_handler_keeps_its_documentation() -> None:
    assert Account.move.__doc__ == "Move money."


async def test_a_handler_on_self_runs_the_body_directly(system: ta.System) -> None:
    account = await system.start(Account, name="account")

    assert await account.put_twice(3) == 6
    assert ta.info(account).ledger.accepted == 1


async def test_a_cast_on_self_goes_through_the_mailbox(system: ta.System) -> None:
    account = await system.start(Account, name="account")

    await account.put_later(3)

    assert await account.total() == 6
    assert ta.info(account).ledger.accepted == 4


async def test_an_actor_outside_a_system_is_a_plain_object(autojump_clock: trio.testing.MockClock) -> None:
    account = Account()

    assert await account.put_twice(2) == 4
    assert await account.total() == 4


async def test_an_actor_outside_a_system_cannot_cast(autojump_clock: trio.testing.MockClock) -> None:
    account = Account()

    with pytest.raises(ta.UsageError, match="has no context"):
        await account.put.cast(2)


async def test_plain_and_async_methods_are_called_alike(system: ta.System) -> None:
    account = await system.start(Account, name="account")

    assert await account.put(5) == 5
    assert await account.total() == 5


async def test_every_kind_of_parameter_arrives(system: ta.System) -> None:
    account = await system.start(Account, name="account")

    assert await account.move(1, "you", fee=2) == (1, "you", "none", 2)
    assert await account.move(1, to="you", note="rent", fee=2) == (1, "you", "rent", 2)


# --- messages ---


def test_a_handler_yields_a_frozen_message_class() -> None:
    message = Account.put.spec.message(amount=3)

    assert repr(message) == "AccountPut(amount=3)"
    assert message == Account.put.spec.message(3)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        message.amount = 4


def test_a_message_has_the_defaults_of_its_handler() -> None:
    assert Account.put.spec.message().amount == 1


def test_a_message_does_not_show_secrets() -> None:
    assert repr(Account.unlock.spec.message("1234")) == "AccountUnlock(user='me')"


# --- declared errors ---


async def test_a_declared_error_reaches_the_caller_as_itself(system: ta.System) -> None:
    account = await system.start(Account, name="account")

    with pytest.raises(Worse) as caught:
        await account.take(3)

    assert caught.value.args == (3,)


async def test_an_actor_lives_on_after_a_declared_error(system: ta.System) -> None:
    account = await system.start(Account, name="account")
    await account.put(2)

    with pytest.raises(Refused):
        await account.take(3)

    assert await account.total() == 2
    assert ta.info(account).incarnation == 1
    assert ta.info(account).ledger.handled == 3


async def test_a_declared_error_of_a_cast_disturbs_nobody(system: ta.System) -> None:
    account = await system.start(Account, name="account")

    await account.take.cast(3)

    assert await account.total() == 0
    assert ta.info(account).incarnation == 1


async def test_a_single_declared_class_needs_no_tuple(system: ta.System) -> None:
    class Strict(ta.Actor[None]):
        @ta.handler(raises=Refused)  # type: ignore[call-overload,untyped-decorator]
        async def take(self) -> None:
            raise Refused

    strict = await system.start(Strict, name="strict")

    with pytest.raises(Refused):
        await strict.take()


async def test_an_error_declared_by_another_handler_crashes(system: ta.System) -> None:
    class Careless(ta.Actor[None]):
        @ta.handler(raises=(Refused,))
        async def take(self) -> None:
            raise Refused

        @ta.handler
        async def put(self) -> None:
            raise Refused

    careless = await system.start(Careless, name="careless")

    with pytest.raises(ta.ActorCrashed) as caught:
        await careless.put()

    assert isinstance(caught.value.__cause__, Refused)


# --- overriding ---


async def test_an_overriding_handler_is_the_one_that_runs(system: ta.System) -> None:
    class Doubling(Account):
        @ta.handler
        async def put(self, amount: int = 1) -> int:
            return await super().put(2 * amount)

    doubling = await system.start(Doubling, name="doubling")

    assert await doubling.put(3) == 6
    assert await doubling.total() == 6


async def test_bound_handlers_are_functions_like_any_other(system: ta.System) -> None:
    account = await system.start(Account, name="account")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(account.put, 2)
        nursery.start_soon(partial(account.put, amount=3))
        nursery.start_soon(account.put.cast, 4)

    assert await account.total() == 9


# --- what is async without being an `async def` ---


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: object, **kwargs: object) -> Any:
        return function(*args, **kwargs)

    return wrapper


def forgetful(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def wrapper(*args: object, **kwargs: object) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Later:
    """An awaitable that is no coroutine, as a tracing proxy is."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, Any, int]:
        return self._wait().__await__()

    async def _wait(self) -> int:
        await trio.lowlevel.checkpoint()
        return self.value


def proxied(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: object, **kwargs: object) -> Any:
        return Later(function(*args, **kwargs))

    return wrapper


class Hidden(ta.Actor[Tally]):
    @ta.handler
    @forgetful
    async def forgotten(self, by: int) -> int:
        return await self._add(by)

    @ta.handler
    @proxied
    def by_proxy(self, by: int) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler
    @timed
    @timed
    async def below(self, by: int) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler
    def awaitable(self, by: int) -> Awaitable[int]:
        return self._add(by)

    @ta.handler
    def coroutine(self, *, by: int) -> Coroutine[Any, Any, int]:
        return self._add(by)

    @ta.handler
    def unsaid(self, by: int) -> Any:
        return self._add(by)

    @ta.handler
    @timed
    def plain(self, by: int) -> int:
        return by

    @ta.handler
    async def through_itself(self, by: int) -> int:
        return await self.below(by) + await self.awaitable(by) + await self.unsaid(by) + await self.coroutine(by=by)

    @ta.handler
    @timed
    def items(self) -> Iterator[int]:
        yield 1

    async def _add(self, by: int) -> int:
        await trio.lowlevel.checkpoint()
        self.state.total += by
        return self.state.total


@pytest.mark.parametrize("name", ["below", "awaitable", "coroutine", "unsaid", "plain", "forgotten", "by_proxy"])
async def test_what_a_handler_returns_is_awaited_if_that_is_needed(system: ta.System, name: str) -> None:
    hidden = await system.start(Hidden, name="hidden")

    assert await getattr(hidden, name)(by=5) == 5


async def test_a_hidden_async_handler_is_run_for_a_cast_too(system: ta.System) -> None:
    hidden = await system.start(Hidden, name="hidden")

    await hidden.below.cast(5)

    assert await hidden.below(0) == 5


async def test_hidden_async_handlers_are_awaited_on_self(system: ta.System) -> None:
    hidden = await system.start(Hidden, name="hidden")

    assert await hidden.through_itself(1) == 1 + 2 + 3 + 4


async def test_a_generator_below_a_plain_decorator_is_no_answer(system: ta.System) -> None:
    hidden = await system.start(Hidden, name="hidden")

    with pytest.raises(ta.ActorCrashed) as caught:
        await hidden.items()

    assert "returned a generator" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "annotation", ["Awaitable[int] | int", "Optional[Coroutine[Any, Any, int]]", "Union[None, 'Awaitable[int]']"]
)
def test_an_awaitable_or_something_else_is_refused(annotation: str) -> None:
    def add(self: object) -> None: ...

    add.__annotations__["return"] = annotation

    assert "returns an awaitable or something else" in refused(add)


@pytest.mark.parametrize("hook", ["on_save", "on_load"])
def test_a_plain_hook_that_hides_an_async_one_is_refused(hook: str) -> None:
    async def method(self: object) -> None: ...

    with pytest.raises(ta.DefinitionError, match="must be a plain `def`"):
        type("Saving", (ta.Actor,), {hook: timed(method)})


# --- abstract handlers ---


class Shape(ta.Actor[None], ABC):
    @ta.handler
    @abstractmethod
    async def area(self) -> float: ...


class Square(Shape):
    @ta.handler
    async def area(self) -> float:
        return 4.0


async def test_an_abstract_handler_is_defined_by_a_subclass(system: ta.System) -> None:
    square = await system.start(Square, name="square")

    assert await square.area() == 4.0


async def test_an_actor_with_an_abstract_handler_cannot_be_started(system: ta.System) -> None:
    with pytest.raises(ta.DefinitionError, match="Shape is abstract: a subclass must define area"):
        await system.start(Shape, name="shape")  # type: ignore[type-abstract]
