"""The base class of all errors."""

__all__ = ["TrioactorsError"]


class TrioactorsError(Exception):
    """The base class of every error of trioactors."""
