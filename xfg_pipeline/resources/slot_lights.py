"""The light of a slot as signals are decided by: the evaluation of that slot, and none other."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sqlalchemy import Connection

from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.signals.light import Light, NoLight
from xfg_pipeline.storage.controller import lights_of_slots, newest_pause


class LightsOfSlots(Protocol):
    """Who knows the light and the account's equity at each slot of a range."""

    def at(self, slot: datetime) -> Light:
        """The light of a slot."""

    def equity_at(self, slot: datetime) -> Decimal | None:
        """What positions are sized by; None where it is not known."""


LightsBetween = Callable[[Connection, Pipeline, datetime, datetime], LightsOfSlots]


class SlotLights:
    """Lights and equity of a range of slots. A slot that was not evaluated is red: no light, no signal.

    So is a live one while somebody has paused, also where that was done after the slot: its signals come later still.
    """

    def __init__(self, connection: Connection, pipeline: Pipeline, start: datetime, end: datetime) -> None:
        account = pipeline.settings.account_name
        self._known = lights_of_slots(connection, account, start, end)
        self._pause = newest_pause(connection, account)
        self._setting = pipeline.settings.trading.equity if pipeline.settings.trading_mode == "live" else None

    def at(self, slot: datetime) -> Light:
        """The light of a slot."""
        known = self._known.get(slot)
        if known is None:
            return Light("red", Decimal(0), "no light was evaluated for this slot")
        if known.mode == "live" and self._pause is not None:
            return Light("red", Decimal(0), f"paused by {self._pause.who}: {self._pause.reason}", known.evaluated_at)
        return Light(known.status, known.multiplier, known.message, known.evaluated_at)

    def equity_at(self, slot: datetime) -> Decimal | None:
        """What positions are sized by: `trading.equity` where it is set live, else the account's own."""
        if self._setting is not None:
            return self._setting
        known = self._known.get(slot)
        return None if known is None else known.equity


class _NoLights:
    """As if there were no light: full size by the equity of the settings."""

    def __init__(self, equity: Decimal | None) -> None:
        self._equity = equity

    def at(self, slot: datetime) -> Light:
        return NoLight().at(slot)

    def equity_at(self, slot: datetime) -> Decimal | None:
        del slot
        return self._equity


def without_light(connection: Connection, pipeline: Pipeline, start: datetime, end: datetime) -> LightsOfSlots:
    """No light at any slot: for a past from before there was one."""
    del connection, start, end
    return _NoLights(pipeline.settings.equity)
