"""How likely luck alone would have brought what a rule saw. Exact where it can be, else resampled with a fixed seed."""

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import comb, log

import numpy as np

from xfg_pipeline.signals.calibration import DIGITS, bin_of, calibration_error
from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.trading.metrics.metric import HISTORY

FALL = 0.15
"""The fall of a win rate that the CUSUM looks for: from 70 % to 55 %."""
DRAWS = 2000
_SEED = 20_260_101
_ROWS = 200
_SHOWN = Context(prec=9)

Forecasts = tuple[tuple[float, bool], ...]


@lru_cache(maxsize=4096)
def chance_of_wins(wins: int, n: int, rate: Decimal) -> Decimal:
    """P(at most `wins` of n) where each is won at `rate`: the exact binomial tail, to 9 significant digits."""
    p = Fraction(rate)
    tail = sum((comb(n, won) * p**won * (1 - p) ** (n - won) for won in range(wins + 1)), Fraction(0))
    return _shown(tail)


def cusum(wins: Sequence[bool], rate: float, fallen: float) -> float:
    """How far the newest wins speak for `fallen` rather than `rate`: Page's (1954) sum of log likelihood ratios.

    A win adds ln(fallen / rate), a loss ln((1 - fallen) / (1 - rate)); below zero it begins again at zero.
    """
    won, lost = log(fallen / rate), log((1 - fallen) / (1 - rate))
    level = 0.0
    for win in wins:
        level = max(0.0, level + (won if win else lost))
    return level


def chance_of_fall(wins: Sequence[bool], rate: Decimal) -> Decimal:
    """P(the CUSUM of 50 trades ends as high as that of these or higher) where each is won at `rate`; exact.

    The alternative is a rate that has fallen by FALL. Of fewer trades as much is asked as of 50: they are looked at
    again after each one.
    """
    seen = round(cusum(wins, float(rate), _fallen(float(rate))), DIGITS)
    if seen <= 0:
        return Decimal(1)
    levels, tails = _distribution(max(HISTORY, len(wins)), float(rate))
    return _shown(Fraction(tails[bisect_left(levels, seen)]))


@lru_cache(maxsize=512)
def _distribution(trades: int, rate: float) -> tuple[list[float], list[float]]:
    """The levels above zero that a CUSUM can stand at after so many trades, ascending, and P(at that one or higher).

    By counting: a level is given by the wins and losses since it was last zero, so there is one entry for each pair.
    """
    won, lost = log(_fallen(rate) / rate), log((1 - _fallen(rate)) / (1 - rate))
    reached = {(0, 0): 1.0}
    for _ in range(trades):
        after: dict[tuple[int, int], float] = {}
        for (gained, gone), weight in reached.items():
            for place, share in (((gained + 1, gone), rate), ((gained, gone + 1), 1 - rate)):
                key = place if place[0] * won + place[1] * lost > 0 else (0, 0)
                after[key] = after.get(key, 0.0) + weight * share
        reached = after
    ranked = sorted((round(gained * won + gone * lost, DIGITS), weight) for (gained, gone), weight in reached.items())
    tails = list(accumulate(weight for _, weight in reversed(ranked)))
    return [level for level, _ in ranked], [min(1.0, tail) for tail in reversed(tails)]


def _fallen(rate: float) -> float:
    return max(rate / 2, rate - FALL)


def chance_of_streak(losses: int, rate: Decimal) -> Decimal:
    """P(the next `losses` trades are all lost) where each is won at `rate`."""
    return _shown((1 - Fraction(rate)) ** losses)


def chance_of_groups(chances: Sequence[Decimal], groups: int) -> Decimal:
    """P(`groups` or more of all are each as unlikely as the one in that place, least likely first).

    The distribution of an order statistic: exact where groups are independent, and where they come in steps too high
    rather than too low. 1 where there are fewer groups.
    """
    if len(chances) < groups:
        return Decimal(1)
    p, of = Fraction(sorted(chances)[groups - 1]), len(chances)
    return _shown(sum((comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(groups, of + 1)), Fraction(0)))


@lru_cache(maxsize=256)
def chance_of_calibration_error(forecasts: Forecasts) -> Decimal:
    """The share of resamplings of a calibrated model whose ECE is at least that of these forecasts.

    Consistency resampling (Bröcker and Smith 2007): outcomes are drawn from the stated probabilities, DRAWS times, from
    a fixed seed; the forecasts themselves count as one drawing, so it is never zero. The order does not matter.
    """
    stated: Floats = np.array(sorted(probability for probability, _ in forecasts), dtype=np.float64)
    seen = calibration_error(
        np.array([probability for probability, _ in forecasts]), np.array([win for _, win in forecasts], dtype=np.bool_)
    )
    if seen is None:
        return Decimal(1)
    distance = (_uniform(-(-stated.size // _ROWS) * _ROWS)[: stated.size] < stated[:, None]) - stated[:, None]
    # Sorted forecasts stand bin by bin, so that a bin's sum is one stretch.
    starts = np.unique(bin_of(stated), return_index=True)[1]
    errors = np.abs(np.add.reduceat(distance, starts, axis=0)).sum(axis=0) / stated.size
    as_bad = int((np.round(errors, DIGITS) >= seen).sum())
    return _shown(Fraction(as_bad + 1, DRAWS + 1))


@lru_cache(maxsize=2)
def _uniform(rows: int) -> Floats:
    """What is drawn by, the same for every window: [rows, DRAWS]."""
    return np.random.default_rng(_SEED).random((rows, DRAWS))


def _shown(value: Fraction) -> Decimal:
    return _SHOWN.divide(Decimal(value.numerator), Decimal(value.denominator))
