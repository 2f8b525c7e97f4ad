"""A state machine with timers: a traffic light with a button, which goes back to red after a crash."""

from __future__ import annotations

import enum
import logging
from typing import Final

import trio
from attrs import define

import trioactors as ta


class Light(enum.Enum):
    """The states of the light."""

    RED = "red"
    GREEN = "green"
    YELLOW = "yellow"


NEXT: Final = {Light.RED: Light.GREEN, Light.GREEN: Light.YELLOW, Light.YELLOW: Light.RED}
SECONDS: Final = {Light.RED: 0.3, Light.GREEN: 0.5, Light.YELLOW: 0.1}


class LampBroken(Exception):
    """An error that crashes the light."""


@define
class Crossing:
    """The state of one incarnation. A restart begins with a new one, so after a crash the light is red."""

    light: Light = Light.RED


class TrafficLight(ta.Actor[Crossing]):
    """A light that changes by itself. All changes are messages, so two can never happen at once."""

    async def on_start(self) -> None:
        """Begin with red."""
        self.show(Light.RED)

    @ta.handler
    def step(self) -> None:
        """Change to the next light. The timer sends this; it is a message like any other."""
        self.show(NEXT[self.state.light])

    @ta.handler
    def press(self) -> bool:
        """Press the button: green changes to yellow now. Return whether that changed anything."""
        if self.state.light is not Light.GREEN:
            return False
        self.show(Light.YELLOW)
        return True

    @ta.handler
    def shock(self) -> None:
        """Break a lamp: the actor crashes."""
        raise LampBroken

    def show(self, light: Light) -> None:
        """Enter a state. The key keeps this to one timer: a new one replaces the last, even if its tick already waits."""
        self.state.light = light
        print(f"{light.value} (incarnation {self.context.incarnation})")
        self.context.after(SECONDS[light], self.step, key="step")


async def main() -> None:
    """Watch one round, press the button, and break a lamp."""
    async with ta.open_system() as system:
        light = await system.start(TrafficLight, name="light")
        await trio.sleep(0.35)
        print("press:", await light.press())
        print("press:", await light.press())
        await trio.sleep(0.45)
        await light.shock.cast()
        await trio.sleep(0.35)


if __name__ == "__main__":
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # this crash is intended; do not log its report
    trio.run(main)
