"""A durable actor that adds, for tests of records that cannot be read and of their repair."""

from __future__ import annotations

from attrs import define

import trioactors as ta

__all__ = ["Adder", "Sum"]


@define
class Sum:
    total: int = 0


class Adder(ta.Actor[Sum], persist=ta.EVERY_MESSAGE, inspect=True):
    @ta.handler
    def add(self, by: int = 1) -> int:
        self.state.total += by
        return self.state.total

    @ta.handler(reads=True)
    def total(self) -> int:
        return self.state.total
