"""A state machine with timers: a traffic light that somebody can press a button on, and that fails to red."""

from __future__ import annotations

import enum
import logging
from typing import Final

import trio
from attrs import define

import trioactors as ta


class Light(enum.Enum):
    """The states."""

    RED = "red"
    GREEN = "green"
    YELLOW = "yellow"


NEXT: Final = {Light.RED: Light.GREEN, Light.GREEN: Light.YELLOW, Light.YELLOW: Light.RED}
SECONDS: Final = {Light.RED: 0.3, Light.GREEN: 0.5, Light.YELLOW: 0.1}


class LampBroken(Exception):
    """Crashes the light."""


@define
class Crossing:
    """What one incarnation knows. A restart begins with a new one, so the light fails to red."""

    light: Light = Light.RED


class TrafficLight(ta.Actor[Crossing]):
    """Goes round by itself. All its changes are messages, so no two can happen at once."""

    async def on_start(self) -> None:
        """Show the first light."""
        self.show(Light.RED)

    @ta.handler
    def step(self) -> None:
        """Go on to the next light. The timer sends this; it is a message like any other."""
        self.show(NEXT[self.state.light])

    @ta.handler
    def press(self) -> bool:
        """Somebody wants to cross: green ends now. Tells whether that changed anything."""
        if self.state.light is not Light.GREEN:
            return False
        self.show(Light.YELLOW)
        return True

    @ta.handler
    def shock(self) -> None:
        """Break a lamp."""
        raise LampBroken

    def show(self, light: Light) -> None:
        """Enter a state. The key makes sure that there is one timer: setting the next replaces the last, ticks and all."""
        self.state.light = light
        print(f"{light.value} (life {self.context.incarnation})")
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
    logging.getLogger("trioactors").setLevel(logging.CRITICAL)  # this crash is wanted; its report would only startle
    trio.run(main)
