"""How a store is opened: its options, its numbers, and the address that carries them."""

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
    """Everything the disk survives, power cuts included."""

    RELAXED = "relaxed"
    """The end of the process, also by `kill -9`. A power cut may take the last commits, never a part of one."""


class Verification(enum.Enum):
    """What is verified when a store is opened. A record is always verified when it is read."""

    FULL = "full"
    """That every key that was ever committed and not removed is there; reading them all takes time, see docs/stores.md."""

    NONE = "none"
    """Nothing: for tools that look into a damaged store."""


class Creation(enum.Enum):
    """What happens when there is no store yet."""

    CREATE = "yes"
    REFUSE = "no"


@attrs.frozen(kw_only=True)
class Limits:
    """The numbers of a store."""

    key_bytes: int = 4_096
    """The longest name, in UTF-8."""

    record_bytes: int = 256 * 1024 * 1024
    """The largest record."""

    slack_bytes: int = 8 * 1024 * 1024
    """Dead weight that a store on disk may carry before it cleans up."""

    patience: float = 1.0
    """Seconds a store waits for another program that reads or writes its file."""


@attrs.frozen(kw_only=True)
class Options:
    """How a store on disk is opened."""

    durability: Durability = Durability.DURABLE
    verify: Verification = Verification.FULL
    create: Creation = Creation.CREATE
    limits: Limits = attrs.field(factory=Limits)


@attrs.frozen
class Address:
    """A store URL, taken apart; `path` is absolute, or empty where the URL has none."""

    url: str
    scheme: str
    path: str
    options: Mapping[str, str]

    def known_options(self, limits: Limits) -> Options:
        """The options that stores on disk share; any other is refused."""
        self.allow("durability", "verify", "create")
        return Options(
            durability=self.choice("durability", Durability.DURABLE),
            verify=self.choice("verify", Verification.FULL),
            create=self.choice("create", Creation.CREATE),
            limits=limits,
        )

    def allow(self, *names: str) -> None:
        """Refuse every option that is not among *names*."""
        for name in self.options:
            if name not in names:
                known = ", ".join(names) or "none"
                raise BadStoreURL(self.url, f"{self.scheme} knows no option {name!r}; it knows: {known}")

    def choice(self, name: str, default: E) -> E:
        """The option as a member of *default*'s enum."""
        value = self.options.get(name)
        if value is None:
            return default
        try:
            return type(default)(value)
        except ValueError:
            allowed = ", ".join(str(member.value) for member in type(default))
            raise BadStoreURL(self.url, f"{name} is one of {allowed}, not {value!r}") from None
