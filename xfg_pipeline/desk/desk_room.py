"""What every route of the desk is given: settings, clock, and the objects that know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from xfg_pipeline.clock import Clock
from xfg_pipeline.desk.access import Access
from xfg_pipeline.desk.errors import ApiError
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import current_trading_date
from xfg_pipeline.resources.health import Health
from xfg_pipeline.resources.level_book import LevelBook
from xfg_pipeline.resources.light_book import LightBook
from xfg_pipeline.resources.performance_book import PerformanceBook
from xfg_pipeline.resources.signal_book import SignalBook
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database


@dataclass(frozen=True)
class Room:
    """Made once by `create_app`; routes ask for it with `RoomOf`."""

    settings: Settings
    rules: LevelRules
    database: Database
    clock: Clock
    level_book: LevelBook
    importer: Importer
    signal_book: SignalBook
    light_book: LightBook
    performance_book: PerformanceBook
    access: Access
    health: Callable[[], Health]

    def today(self) -> date:
        """The trading date that is on now."""
        return current_trading_date(self.clock.now())

    def local_now(self) -> datetime:
        """Now, in the user's zone."""
        return self.clock.now().astimezone(ZoneInfo(self.settings.timezone))

    def known_symbol(self, symbol: str) -> str:
        """The symbol in upper case, or 404."""
        if symbol.upper() not in self.rules.allowed_symbols:
            allowed = ", ".join(self.rules.allowed_symbols)
            raise ApiError(404, "unknown_symbol", f"No such symbol. Known here: {allowed}.", {"symbol": "is unknown"})
        return symbol.upper()


def _room(request: Request) -> Room:
    room: Room = request.app.state.room
    return room


RoomOf = Annotated[Room, Depends(_room)]
