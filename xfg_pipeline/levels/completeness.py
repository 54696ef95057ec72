"""Whether a day's levels are all there and hold together: one light a symbol and date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from xfg_pipeline.levels.issues import Issue
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import is_first_session_of_week
from xfg_pipeline.levels.validation import judge_levels
from xfg_pipeline.levels.vocabulary import PIVOTS

Status = Literal["complete", "partial", "incomplete"]


@dataclass(frozen=True)
class Completeness:
    """What a day has and lacks. Lists are API names; `failed` are the faults of the levels that are there."""

    symbol: str
    trading_date: date
    csv_complete: bool
    manual_complete: bool
    overall_complete: bool
    missing_csv: tuple[str, ...]
    missing_manual: tuple[str, ...]
    total_levels: int
    status: Status
    failed: tuple[Issue, ...]
    required_csv: tuple[str, ...]
    required_manual: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As the web API answers it."""
        return {
            "symbol": self.symbol,
            "trading_date": self.trading_date.isoformat(),
            "csv_complete": self.csv_complete,
            "manual_complete": self.manual_complete,
            "overall_complete": self.overall_complete,
            "missing_csv": list(self.missing_csv),
            "missing_manual": list(self.missing_manual),
            "total_levels": self.total_levels,
            "status": self.status,
            "failed": [issue.to_dict() for issue in self.failed],
            "required_csv": list(self.required_csv),
            "required_manual": list(self.required_manual),
        }


def completeness(symbol: str, trading_date: date, prices: Mapping[str, Decimal], rules: LevelRules) -> Completeness:
    """Judge the levels that hold for a day (`prices`, points, by API name).

    complete: nothing required is missing and nothing failed. incomplete: no level is there, a critical one
    is missing, or validation failed. partial: anything between; a level that nobody requires is enough for it.
    The weekly pivot is required on the first session of the week only. On any other day, where it is kept from
    that first session, it does not count as there: alone it leaves the day incomplete.
    """
    required_csv = rules.required_csv()
    required_manual = (*PIVOTS, "weekly_pivot") if is_first_session_of_week(trading_date) else PIVOTS
    missing_csv = tuple(name for name in required_csv if name not in prices)
    missing_manual = tuple(name for name in required_manual if name not in prices)
    failed = tuple(issue for issue in judge_levels(prices, symbol, rules) if issue.is_error)
    own = [name for name in prices if name != "weekly_pivot" or name in required_manual]
    critical_missing = any(name not in prices for name in rules.critical_levels())
    overall = not missing_csv and not missing_manual and not failed
    status: Status = "partial"
    if not own or critical_missing or failed:
        status = "incomplete"
    elif overall:
        status = "complete"
    return Completeness(
        symbol=symbol,
        trading_date=trading_date,
        csv_complete=not missing_csv,
        manual_complete=not missing_manual,
        overall_complete=overall,
        missing_csv=missing_csv,
        missing_manual=missing_manual,
        total_levels=len(prices),
        status=status,
        failed=failed,
        required_csv=required_csv,
        required_manual=required_manual,
    )
