"""Levels from a Python program: the same rules and the same transactions as the desk and the API."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from xfg_pipeline.clock import Clock, SystemClock
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.levels.band import why_no_price
from xfg_pipeline.levels.issues import Issue
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.resources.level_book import LevelBook, PivotsRefused
from xfg_pipeline.settings import load_settings
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.migrate import upgrade


class LevelsManager:
    """Levels of one database.

    `rules` are those of the settings in force unless given. The schema is brought up to date at the start.
    Prices come and go as floats here; inside they are decimals.
    """

    def __init__(self, database_url: str, *, rules: LevelRules | None = None, clock: Clock | None = None) -> None:
        self.database = Database(database_url)
        self.rules = rules or load_settings().level_rules()
        self.clock = clock or SystemClock()
        upgrade(self.database)
        self._book = LevelBook(self.database, self.rules, self.clock)

    def add_manual_levels(
        self,
        symbol: str,
        trading_date: date | str,
        levels: Mapping[str, float | Decimal | None],
        user: str = "python",
    ) -> dict[str, Any]:
        """Save typed levels; None takes one back.

        Answers success, imported_count (values given), changed and warnings. Raises PivotsRefused, which names
        each field, when a rule is broken; nothing is saved then.
        """
        typed = {name: None if price is None else _price(name, price) for name, price in levels.items()}
        saved = self._book.enter_pivots(symbol, _day(trading_date), typed, by=user)
        return {
            "success": True,
            "imported_count": len(typed),
            "changed": list(saved.changed),
            "warnings": [issue.message for issue in saved.warnings],
        }

    def get_levels_for_date(self, symbol: str, trading_date: date | str) -> dict[str, float]:
        """What holds on a date: level name to price."""
        prices = self._book.day(symbol, _day(trading_date)).prices
        return {name: float(price) for name, price in prices.items()}

    def get_nearby_levels(
        self, symbol: str, price: float, range_points: float = 5.0, trading_date: date | str | None = None
    ) -> list[dict[str, Any]]:
        """Levels within `range_points`, nearest first, of a date or of the latest that has levels."""
        day = None if trading_date is None else _day(trading_date)
        found = self._book.nearby(symbol, _price("price", price), _price("range_points", range_points), day)
        return [
            {
                "level_type": level.level_type,
                "price": float(level.price),
                "distance": float(level.distance),
                "source": level.source,
                "touches": level.touches,
            }
            for level in found.levels
        ]

    def get_completeness(self, symbol: str, trading_date: date | str) -> dict[str, Any]:
        """Whether all required levels are there, and which are missing."""
        return self._book.completeness(symbol, _day(trading_date)).to_dict()

    def import_csv(self, path: str | Path, *, trust: bool = False, by: str = "python") -> dict[str, Any]:
        """Import a MotiveWave export; see `import_motivewave_csv`."""
        importer = Importer(self.database, self.rules, self.clock)
        done = importer.import_bytes(Path(path).read_bytes(), Path(path).name, by=by, trust=trust)
        issues = [Issue.from_dict(issue).sentence(done.file_name) for issue in done.issues]
        return {
            "success": done.state != "refused",
            "state": done.state,
            "imported_count": done.imported_count if done.state == "imported" else 0,
            "symbol": done.symbol,
            "trading_dates": [day.isoformat() for day in done.trading_dates],
            "reason": done.reason,
            "errors": issues if done.state == "refused" else [],
            "warnings": issues if done.state == "imported" else [],
        }

    def close(self) -> None:
        """Close the connections."""
        self.database.dispose()


def _day(given: date | str) -> date:
    """A date, whatever a program has: a date, a datetime or its ISO text."""
    if isinstance(given, str):
        return date.fromisoformat(given)
    return given.date() if isinstance(given, datetime) else given


def _price(name: str, given: float | Decimal) -> Decimal:
    """A price as a decimal. Raises PivotsRefused, which names the field."""
    try:
        price = Decimal(str(given))
    except InvalidOperation:
        price = Decimal("NaN")
    if isinstance(given, bool) or (why := why_no_price(price)):
        raise PivotsRefused({name: f"{given!r} is not a price" + ("" if isinstance(given, bool) else f": {why}")})
    return price


def import_motivewave_csv(database_url: str, path: str | Path, *, trust: bool = False) -> dict[str, Any]:
    """Import a MotiveWave export into a database.

    Answers success, state (imported, duplicate or refused), imported_count (levels or bars), symbol, trading_dates,
    reason, errors and warnings. With `trust` also a file that was seen before, or disagrees with stored prices.
    Raises ExportUnfinished for a file whose last row is cut, and OSError when it cannot be read.
    """
    manager = LevelsManager(database_url)
    try:
        return manager.import_csv(path, trust=trust)
    finally:
        manager.close()
