"""The root of all errors."""

__all__ = ["TrioactorsError"]


class TrioactorsError(Exception):
    """The root of every error of this library."""
