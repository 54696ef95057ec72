"""How far the model's own event came as often as it said, over all slots of 30 days: not what trades came to."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import Connection

from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.signals.calibration import DIGITS
from xfg_pipeline.storage.performance import event_hours

WINDOW = timedelta(days=30)
SETTLES = timedelta(hours=4)
"""An event of the bundled ensemble is decided after 16 candles at most; what is younger may still be open."""
_HOUR = 3600
_BINS = 10


class EventCalibration:
    """ECE and Brier score of the likelier direction, at any moment from `first` to `last`."""

    def __init__(self, connection: Connection, pipeline: Pipeline, first: datetime, last: datetime) -> None:
        self._start = int((first - WINDOW - SETTLES).timestamp()) // _HOUR
        found = event_hours(
            connection,
            pipeline.settings.market_name,
            pipeline.settings.market.coins,
            first - WINDOW - SETTLES - timedelta(hours=1),
            last,
        )
        size = int(last.timestamp()) // _HOUR - self._start + 2
        self._sums = np.zeros((4, size + 1, _BINS))
        at = np.clip(found["hour"].astype(np.int64) - self._start, -1, size - 1) + 1
        inside = at > 0
        for place, name in enumerate(("n", "probability", "came", "squares")):
            np.add.at(self._sums[place], (at[inside], found["bin"][inside].astype(np.int64)), found[name][inside])
        self._sums = self._sums.cumsum(axis=1)

    def columns(self, at: datetime) -> dict[str, Any]:
        """event_ece, event_brier and event_n as of a moment; null where nothing is decided."""
        end = int((at - SETTLES).timestamp()) // _HOUR - self._start
        start = int((at - SETTLES - WINDOW).timestamp()) // _HOUR - self._start
        n, said, came, squares = self._sums[:, max(end, 0)] - self._sums[:, max(start, 0)]
        total = round(n.sum())
        if total == 0:
            return {"event_ece": None, "event_brier": None, "event_n": 0}
        return {
            "event_ece": _rounded(np.abs(said - came).sum() / total),
            "event_brier": _rounded(squares.sum() / total),
            "event_n": total,
        }


def _rounded(value: float) -> Decimal:
    return Decimal(repr(round(float(value), DIGITS)))
