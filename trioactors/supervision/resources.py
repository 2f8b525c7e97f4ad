"""Children that are async context managers: how they are declared. `functions.py` runs them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

import attrs

from trioactors.errors import SpecError

__all__ = ["Resource", "resource"]

T = TypeVar("T")


@attrs.frozen
class Resource(Generic[T]):
    """An async context manager as a child, made by `resource`: entered at each start, left at each stop."""

    enter: Callable[[], AbstractAsyncContextManager[T]]


def resource(enter: Callable[[], AbstractAsyncContextManager[T]]) -> Resource[T]:
    """Make a child of an async context manager, such as a connection pool.

        @asynccontextmanager
        async def pool(size: int) -> AsyncIterator[Pool]:
            async with await connect(size) as connected:
                yield connected

        tree = ta.Supervisor(
            ta.child(ta.resource(partial(pool, 10)), name="pool"),
            ta.child(Orders, name="orders"),
            name="shop",
            strategy="rest_for_one",
        )
        async with ta.open_system(tree) as system:
            pool = system.get(Pool, "pool")

    *enter* is called at each start. The value that it yields is available from `system.get(Class, name)` while the child runs.
    Raises `SpecError` if *enter* is not a function.
    """
    given: object = enter
    if not callable(given) or isinstance(given, AbstractAsyncContextManager):
        raise SpecError(
            f"resource() takes a function that makes an async context manager, not {enter!r}: "
            f"each start makes a new one, so write ta.resource(pool) or ta.resource(partial(pool, size)), not ta.resource(pool())"
        )
    return Resource(enter)
