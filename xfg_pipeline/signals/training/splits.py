"""Walk-forward windows over time: what may be fitted on before a window, and what is forecast in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Times
from xfg_pipeline.signals.slots import SLOT_SECONDS

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Window:
    """One step: rows to fit on and rows to forecast, as bool[n] over all rows. Times in seconds since 1970 UTC."""

    number: int
    start: int
    end: int
    fit: Mask
    forecast: Mask


def before(settled: Times, moment: int, embargo: int) -> Mask:
    """Rows whose event was over `embargo` seconds before a moment: purged (López de Prado 2018, 7.4) and embargoed.

    The embargo stands before what is forecast, because the features of its first slots reach back over it.
    """
    done: Mask = settled <= moment - embargo
    return done


def walk_forward(
    slots: Times, settled: Times, *, start: int, end: int, folds: int, embargo: int, rolling: int | None = None
) -> Iterator[Window]:
    """Windows of equal time from `start` to `end`, each with everything settled before it.

    `slots`, `settled`: int64[n], when each row is known and when its event is over, of all coins in any order: all
    coins are split at the same times. `rolling` seconds limits how far back is fitted on. Rows whose event reaches
    beyond `end` are in no window. Raises ValueError when there is no room for the windows.
    """
    edges = [start + (end - start) * number // folds // SLOT_SECONDS * SLOT_SECONDS for number in range(folds + 1)]
    edges[0], edges[-1] = start, end
    if any(later <= earlier for earlier, later in pairwise(edges)):
        raise ValueError(f"{folds} windows do not fit between {start} and {end}")
    usable = settled <= end
    for number, (first, last) in enumerate(pairwise(edges), 1):
        fit = before(settled, first, embargo)
        if rolling is not None:
            fit &= slots >= first - rolling
        yield Window(number, first, last, fit, usable & (slots >= first) & (slots < last))
