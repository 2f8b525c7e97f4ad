"""A histogram of durations: fixed buckets on a logarithmic scale, which can be merged.

A duration of *s* seconds falls into bucket `int(16 * log2(s * 1e6 + 1))`: 16 buckets for each doubling, starting from one microsecond. The
middle of a bucket is at most 2.2 % from each duration in it, give or take a microsecond. Buckets that nothing fell into take no room; a
second is bucket 318, a day 582.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from math import ceil, log2
from typing import Final

import attrs

__all__ = ["ERROR", "Histogram"]

_STEPS: Final = 16.0
"""Buckets for each doubling."""
_PER_SECOND: Final = 1e6
"""Buckets begin at one microsecond."""
ERROR: Final = 0.022
"""The largest relative error of a quantile, besides one microsecond."""


def _no_counts() -> defaultdict[int, int]:
    return defaultdict(int)


@attrs.define
class Histogram:
    """How many durations fell into each bucket."""

    counts: defaultdict[int, int] = attrs.field(factory=_no_counts)

    def add(self, seconds: float) -> None:
        """Count one duration; a negative one counts as 0."""
        self.counts[_bucket(seconds)] += 1

    def add_all(self, seconds: list[float]) -> None:
        """Count many durations; *seconds* is sorted by this. Cheaper than one after another, as few buckets hold most of them."""
        seconds.sort()
        at = 0
        while at < len(seconds):
            bucket = _bucket(seconds[at])
            beyond = max(bisect_left(seconds, _edge(bucket + 1), at), at + 1)
            self.counts[bucket] += beyond - at
            at = beyond

    def merge(self, other: Histogram) -> None:
        """Count all that *other* has counted."""
        for bucket, count in other.counts.items():
            self.counts[bucket] += count

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts.values())

    @property
    def seconds(self) -> float:
        """The sum of all durations, nearly."""
        return sum(count * _middle(bucket) for bucket, count in self.counts.items())

    def quantiles(self, *shares: float) -> tuple[float | None, ...]:
        """For each share, in ascending order, the duration that this share of all durations does not exceed; None if there are none."""
        if not self.counts:
            return (None,) * len(shares)
        ranks = [max(1, ceil(share * self.count)) for share in shares]
        found: list[float | None] = []
        passed = 0
        for bucket in sorted(self.counts):
            passed += self.counts[bucket]
            while len(found) < len(ranks) and ranks[len(found)] <= passed:
                found.append(_middle(bucket))
        return tuple(found)


def _bucket(seconds: float) -> int:
    return int(log2(max(0.0, seconds) * _PER_SECOND + 1.0) * _STEPS)


def _edge(bucket: float) -> float:
    """The shortest duration in *bucket*."""
    return float(2.0 ** (bucket / _STEPS) - 1.0) / _PER_SECOND


def _middle(bucket: int) -> float:
    """The duration that stands for all in *bucket*. The first bucket stands for none at all."""
    return 0.0 if bucket == 0 else _edge(bucket + 0.5)
