"""The traffic light as signals see it: what multiplies a position, and who said so."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True)
class Light:
    """The light that holds at a slot. Multiplier 0 pauses. `status` is None while no light is evaluated."""

    status: str | None
    multiplier: Decimal
    message: str
    evaluated_at: datetime | None = None

    @property
    def is_red(self) -> bool:
        """Whether signals are paused."""
        return self.multiplier == 0


class LightSource(Protocol):
    """Who knows the light."""

    def at(self, slot: datetime) -> Light:
        """The light that held at a slot, from what was known by then."""


class NoLight:
    """No metrics, no light: full size, and every signal says that no light was evaluated."""

    def at(self, slot: datetime) -> Light:
        """The same for every slot."""
        del slot
        return Light(None, Decimal(1), "no traffic light is evaluated")
