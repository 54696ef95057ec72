"""How far the confidence stated for trades holds: a window of the newest trades that had one."""

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from xfg_pipeline.signals.calibration import brier_score, calibration_error, log_loss
from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.trading.metrics.metric import Metric

Pairs = tuple[tuple[float, bool], ...]
_SCORES: dict[str, Callable[[Floats, Any], float | None]] = {
    "ece": calibration_error,
    "brier": brier_score,
    "log_loss": log_loss,
}


class Forecasts:
    """The last `window` trades that had a confidence. Scored are those of the ensemble of the newest one alone."""

    def __init__(self, window: int, min_n: int) -> None:
        self._min_n = min_n
        self._last: deque[tuple[float, bool, str | None]] = deque(maxlen=window)
        self._found: tuple[Pairs, dict[str, Metric]] | None = None

    def add(self, confidence: float, win: bool, ensemble: str | None) -> None:
        """A trade whose signal stated this confidence."""
        self._last.append((confidence, win, ensemble))
        self._found = None

    def metrics(self) -> tuple[Pairs, dict[str, Metric]]:
        """The scored trades, oldest first, and ece, brier and log_loss of them."""
        if self._found is None:
            self._found = self._scored()
        return self._found

    def _scored(self) -> tuple[Pairs, dict[str, Metric]]:
        newest = self._last[-1][2] if self._last else None
        pairs = tuple((confidence, win) for confidence, win, ensemble in self._last if ensemble == newest)
        n, enough = len(pairs), len(pairs) >= self._min_n
        if not pairs:
            none = "no closed trade has a confidence"
            return pairs, {
                name: Metric(None, 0, False, none if name != "ece" else self._too_few(0)) for name in _SCORES
            }
        stated = np.array([confidence for confidence, _ in pairs])
        came = np.array([win for _, win in pairs])
        found = {name: Metric(Decimal(str(score(stated, came))), n, enough) for name, score in _SCORES.items()}
        if not enough:
            found["ece"] = Metric(None, n, False, self._too_few(n))
        return pairs, found

    def _too_few(self, n: int) -> str:
        return f"{n} of {self._min_n}"

    def state(self) -> dict[str, Any]:
        """As JSON: each ensemble's hash once."""
        names = list(dict.fromkeys(ensemble for *_, ensemble in self._last))
        place = {name: number for number, name in enumerate(names)}
        return {"ensembles": names, "last": [[p, win, place[ensemble]] for p, win, ensemble in self._last]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self._last.extend((p, win, state["ensembles"][number]) for p, win, number in state["last"])
        self._found = None
