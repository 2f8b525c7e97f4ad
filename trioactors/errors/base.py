"""The base class of all errors, and how errors are copied and pickled."""

from __future__ import annotations

from typing import Any

__all__ = ["TrioactorsError"]


class TrioactorsError(Exception):
    """The base class of every error of trioactors.

    All can be copied and pickled. A pickled error has its text, attributes and notes, but no cause and no traceback, as any error has it.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Made again without `__init__`, which takes other arguments than the text that it makes."""
        return _made_again, (type(self), self.args, self._attributes())

    def __copy__(self) -> TrioactorsError:
        """A copy with the same cause, and no traceback."""
        again = _made_again(type(self), self.args, self._attributes())
        again.__cause__, again.__suppress_context__ = self.__cause__, self.__suppress_context__
        return again

    def _attributes(self) -> dict[str, Any]:
        return dict(vars(self))


def _made_again(kind: type[TrioactorsError], args: tuple[Any, ...], attributes: dict[str, Any]) -> TrioactorsError:
    error = kind.__new__(kind, *args)
    for name, value in attributes.items():
        setattr(error, name, value)
    return error
