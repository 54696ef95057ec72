"""How far stated probabilities hold: reliability bins, ECE, Brier score, log loss, and the interval of a share.

Sums are exact (math.fsum) and results are rounded to 9 digits, so that a value on a threshold compares as equal to it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Floats

DIGITS = 9
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class ReliabilityBin:
    """Forecasts with lower < p <= upper (the first bin also has p = 0). Shares are None where there is none."""

    lower: float
    upper: float
    n: int
    mean_probability: float | None
    share: float | None
    """How often what was forecast came true."""


def bin_of(probabilities: Floats, bins: int = 10) -> NDArray[np.int64]:
    """The equal-width bin of each probability, from 0 on: ceil(round(p * bins, 12)) - 1, and 0 for p = 0.

    The rounding puts 0.3 into (0.2, 0.3] although 0.3 * 10 is 3.0000000000000004.
    """
    found: NDArray[np.int64] = np.ceil(np.round(probabilities * bins, 12)).astype(np.int64) - 1
    return np.maximum(found, 0)


def reliability(probabilities: Floats, happened: NDArray[np.bool_], bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """What was forecast against what came, one entry a bin. Both arrays are [n]; raises ValueError otherwise."""
    p, y = _forecasts(probabilities, happened)
    place = bin_of(p, bins)
    made = []
    for number in range(bins):
        inside = place == number
        n = int(inside.sum())
        made.append(
            ReliabilityBin(
                number / bins,
                (number + 1) / bins,
                n,
                round(math.fsum(p[inside]) / n, DIGITS) if n else None,
                round(int(y[inside].sum()) / n, DIGITS) if n else None,
            )
        )
    return tuple(made)


def calibration_error(probabilities: Floats, happened: NDArray[np.bool_], bins: int = 10) -> float | None:
    """ECE (Guo et al. 2017): the mean over all forecasts of |share - mean probability| of their bin; None of none."""
    p, y = _forecasts(probabilities, happened)
    if p.size == 0:
        return None
    place = bin_of(p, bins)
    distances = (
        abs(math.fsum(p[place == number]) - int(y[place == number].sum())) for number in np.unique(place).tolist()
    )
    return round(math.fsum(distances) / p.size, DIGITS)


def brier_score(probabilities: Floats, happened: NDArray[np.bool_]) -> float | None:
    """Brier (1950), one event: the mean of (p - y)². None of none."""
    p, y = _forecasts(probabilities, happened)
    return round(math.fsum((p - y) ** 2) / p.size, DIGITS) if p.size else None


def brier_score_of_classes(probabilities: Floats, classes: NDArray[Any]) -> float | None:
    """Brier (1950), exclusive classes: the mean over rows of the sum of (p - y)², 0 to 2. [n, C] and int[n]."""
    if probabilities.shape[0] != classes.shape[0]:
        raise ValueError(f"{probabilities.shape[0]} forecasts and {classes.shape[0]} outcomes")
    if classes.size == 0:
        return None
    came = classes[:, None] == np.arange(probabilities.shape[1])
    return round(math.fsum(((probabilities.astype(np.float64) - came) ** 2).sum(axis=1)) / classes.size, DIGITS)


def log_loss(probabilities: Floats, happened: NDArray[np.bool_]) -> float | None:
    """The mean of -ln(probability of what came), probabilities held at least 1e-15 from 0 and 1. None of none."""
    p, y = _forecasts(probabilities, happened)
    stated = np.clip(np.where(y, p, 1 - p), 1e-15, 1 - 1e-15)
    return round(-math.fsum(np.log(stated)) / p.size, DIGITS) if p.size else None


def wilson_interval(successes: int, n: int) -> tuple[float, float] | None:
    """95 % interval of a share (Wilson 1927). None of none."""
    if n == 0:
        return None
    share, z2 = successes / n, _Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return round(max(0.0, centre - half), DIGITS), round(min(1.0, centre + half), DIGITS)


def _forecasts(probabilities: Floats, happened: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(happened).astype(np.bool_)
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(f"forecasts of shape {p.shape} and outcomes of shape {y.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("a probability is not between 0 and 1")
    return p, y
