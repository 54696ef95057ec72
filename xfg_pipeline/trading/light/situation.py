"""Everything that the rules look at, at one moment."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import fsum

from xfg_pipeline.trading.light.evidence import Forecasts
from xfg_pipeline.trading.light.facts import Health, Regime, Thresholds
from xfg_pipeline.trading.metrics.metric import HISTORY, Metric, Metrics, TypeRecord

WINDOW = 20
"""Trades that a win rate is of."""
_MISSING = Metric(None, 0, sufficient=False, reason="not computed")


@dataclass(frozen=True)
class Probation:
    """Trades closed since probation began, oldest first: by them alone performance is judged until there are `of`."""

    since: datetime
    wins: tuple[bool, ...]
    of: int


@dataclass(frozen=True)
class Situation:
    """Facts as the rules read them. In `probation` the record is that of its trades alone."""

    metrics: Metrics
    health: Health
    market: Regime
    thresholds: Thresholds
    probation: Probation | None = None

    @property
    def history(self) -> tuple[bool, ...]:
        """Whether each of the last up to 50 closed trades won, oldest first."""
        if self.probation is not None:
            return self.probation.wins[-HISTORY:]
        return self.metrics.wins or tuple(trade.win for trade in self.metrics.last)

    @property
    def recent(self) -> tuple[bool, ...]:
        """Whether each of the last up to 20 closed trades won, oldest first."""
        judged = self.probation.wins if self.probation else tuple(trade.win for trade in self.metrics.last)
        return judged[-WINDOW:]

    @property
    def streak(self) -> int | None:
        """Losing trades in a row up to now; None where nobody knows."""
        if self.probation is None:
            value = self._metric("consecutive_losses").value
            return None if value is None else int(value)
        wins = self.probation.wins
        return next((lost for lost, win in enumerate(reversed(wins)) if win), len(wins))

    @property
    def daily_loss(self) -> Decimal | None:
        """What the day lost, as a share of the equity at its start; 0 for a gain; None where equity is not known."""
        share = self.daily_share.value
        return None if share is None else max(Decimal(0), -share)

    @property
    def daily_share(self) -> Metric:
        """P&L of the day as a share of equity at its start."""
        return self._metric("daily_pnl_share")

    @property
    def calibration(self) -> Metric:
        """The calibration error of the trades' stated confidences."""
        return self._metric("ece")

    @property
    def forecasts(self) -> Forecasts:
        """What the calibration error is of."""
        return self.metrics.forecasts

    @property
    def wins_more_than_stated(self) -> bool:
        """Whether as many trades won as their confidences stated, or more; False where there are no forecasts."""
        if not self.forecasts:
            return False
        return sum(win for _, win in self.forecasts) >= fsum(confidence for confidence, _ in self.forecasts)

    @property
    def full_types(self) -> dict[str, TypeRecord]:
        """Signal types that have a full window, by name."""
        return {name: record for name, record in sorted(self.metrics.types.items()) if record.n >= WINDOW}

    def _metric(self, name: str) -> Metric:
        return self.metrics.values.get(name, _MISSING)
