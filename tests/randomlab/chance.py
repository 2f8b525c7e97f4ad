"""What an application is drawn with: random numbers of a seed, tilted by the weights of a plan."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import attrs

__all__ = ["PLAIN", "Chance", "Plan"]

T = TypeVar("T")


def _weights(given: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((name, weight) for name, weight in given.items() if weight != 1))


@attrs.frozen
class Plan:
    """How much more often than usual something is drawn. What is not named is drawn as usual.

    As text: `act user forget 2.8; overflow drop_oldest 2; fault kills 4`.
    """

    weights: tuple[tuple[str, float], ...] = attrs.field(default=(), converter=lambda given: _weights(dict(given)))

    @classmethod
    def read(cls, text: str) -> Plan:
        """The plan that is written as *text*. Raises `ValueError`."""
        parts = (part.rpartition(" ") for part in text.split(";") if part.strip())
        return cls([(name.strip(), float(weight)) for name, _, weight in parts])

    def __str__(self) -> str:
        """The plan as text."""
        return "; ".join(f"{name} {weight:g}" for name, weight in self.weights)


PLAIN: Final = Plan()
"""Everything is drawn as usual."""


class Chance(random.Random):
    """Random numbers that know what they have drawn. The same seed and plan give the same ones."""

    _weights: Mapping[str, float]
    drew: set[str]
    """What was drawn, in the words of a plan."""

    @classmethod
    def of(cls, seed: int, plan: Plan = PLAIN) -> Chance:
        """The random numbers for the application of *seed* and *plan*."""
        chance = cls(f"application {seed}")
        chance._weights = dict(plan.weights)
        chance.drew = set()
        return chance

    def weight(self, name: str) -> float:
        """How much more often than usual *name* is to be drawn."""
        return self._weights.get(name, 1.0)

    def takes(self, name: str, share: float) -> bool:
        """Whether to take *name*, which is usually taken in this *share* of cases."""
        weight = self.weight(name)
        taken = self.random() < share * weight / (share * weight + 1 - share)
        if taken:
            self.drew.add(name)
        return taken

    def value(self, kind: str, values: Sequence[T]) -> T:
        """One of the *values* of an option; usually, each is as probable as the others."""
        if self._weights:
            return self.pick(kind, values, [1.0] * len(values))
        value = self.choice(values)
        self.drew.add(f"{kind} {value}")
        return value

    def pick(self, kind: str, values: Sequence[T], weights: Sequence[float]) -> T:
        """One of *values* with these usual *weights*."""
        if self._weights:
            weights = [weight * self.weight(f"{kind} {value}") for value, weight in zip(values, weights, strict=True)]
        value = self.choices(values, weights=weights)[0]
        self.drew.add(f"{kind} {value}")
        return value
