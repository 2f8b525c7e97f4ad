"""How a store is opened: its options, its limits, and the address that carries them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TypeVar

import attrs

from trioactors.errors import BadStoreURL

__all__ = ["Address", "Creation", "Durability", "Limits", "Options", "Verification"]

E = TypeVar("E", bound=enum.Enum)


class Durability(enum.Enum):
    """What an acknowledged commit survives."""

    DURABLE = "durable"
    """Everything that the disk survives, including power cuts."""

    RELAXED = "relaxed"
    """The end of the process, including `kill -9`. A power cut may lose the last commits, but never a part of one."""


class Verification(enum.Enum):
    """What is verified when a store is opened. A record is always verified when it is read."""

    FULL = "full"
    """That every key that was committed and not removed is present. This reads all keys, which takes time, see docs/stores.md."""

    NONE = "none"
    """Nothing: for tools that inspect a damaged store."""


class Creation(enum.Enum):
    """What happens if the store does not exist."""

    CREATE = "yes"
    REFUSE = "no"


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of a store."""

    key_bytes: int = 4_096
    """The longest name, in bytes of UTF-8."""

    record_bytes: int = 256 * 1024 * 1024
    """The largest record, in bytes."""

    slack_bytes: int = 8 * 1024 * 1024
    """The bytes of outdated records that a store on disk may hold before it cleans up."""

    patience: float = 1.0
    """The seconds that a store waits for another program that reads or writes its file."""


@attrs.frozen(kw_only=True)
class Options:
    """How a store on disk is opened."""

    durability: Durability = Durability.DURABLE
    verify: Verification = Verification.FULL
    create: Creation = Creation.CREATE
    limits: Limits = attrs.field(factory=Limits)


@attrs.frozen
class Address:
    """A store URL, taken apart. `path` is absolute, or empty if the URL has none."""

    url: str
    scheme: str
    path: str
    options: Mapping[str, str]

    def known_options(self, limits: Limits) -> Options:
        """The options common to stores on disk. Raises `BadStoreURL` for any other option, or a bad value."""
        self.allow("durability", "verify", "create")
        return Options(
            durability=self.choice("durability", Durability.DURABLE),
            verify=self.choice("verify", Verification.FULL),
            create=self.choice("create", Creation.CREATE),
            limits=limits,
        )

    def allow(self, *names: str) -> None:
        """Raise `BadStoreURL` for an option that is not among *names*."""
        for name in self.options:
            if name not in names:
                known = ", ".join(names) or "none"
                raise BadStoreURL(self.url, f"{self.scheme} has no option {name!r}; known options: {known}")

    def choice(self, name: str, default: E) -> E:
        """The option *name* as a member of *default*'s enum. Raises `BadStoreURL` if its value is not one."""
        value = self.options.get(name)
        if value is None:
            return default
        try:
            return type(default)(value)
        except ValueError:
            allowed = ", ".join(str(member.value) for member in type(default))
            raise BadStoreURL(self.url, f"{name} is one of {allowed}, not {value!r}") from None
