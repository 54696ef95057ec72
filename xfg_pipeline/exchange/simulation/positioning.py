"""How others stand in the practice market: the crowd follows the price, and capitulations close positions."""

import numpy as np

from xfg_pipeline.exchange.market import Positioning
from xfg_pipeline.exchange.simulation.coins import Coin
from xfg_pipeline.exchange.simulation.noise import seed, smooth
from xfg_pipeline.exchange.simulation.path import stretch
from xfg_pipeline.exchange.simulation.setups import Kind
from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.signals.slots import DAY_SECONDS, SLOT_SECONDS

HOUR = 3_600
SETTLEMENT = 8 * HOUR
MEMORY = 3 * DAY_SECONDS
"""How far back a row looks, from the last settlement of funding."""


def positioning_of(coin: Coin, first: int, last: int) -> Positioning:
    """Rows every 15 minutes with first <= time < last (seconds UTC), each from candles that had closed by its time."""
    name = coin.instrument.coin
    time = np.arange(-(-first // SLOT_SECONDS) * SLOT_SECONDS, last, SLOT_SECONDS, dtype=np.int64)
    if not time.size:
        nothing = np.empty(0)
        return Positioning(name, time, nothing, nothing, nothing)
    path = stretch(coin, int(time[0]) - SETTLEMENT - MEMORY - SLOT_SECONDS, int(time[-1]))
    begin = int(path.open_time[0])

    def price(at: Times) -> Floats:
        return path.close[(at - begin) // SLOT_SECONDS - 1].astype(np.float64)

    settled = time // SETTLEMENT * SETTLEMENT
    three_days = price(settled) / price(settled - MEMORY) - 1.0
    day = price(time) / price(time - DAY_SECONDS) - 1.0
    mood = smooth(seed(name, "crowd"), time, 6 * HOUR)
    interest = np.exp(0.15 * smooth(seed(name, "interest"), time, 5 * DAY_SECONDS) + 0.04 * mood)
    interest *= 1.0 + 0.2 * np.tanh(2.0 * np.abs(three_days))
    for at, setup in path.setups:
        age = time - at
        if setup.kind is Kind.CAPITULATION:
            fresh = (age >= 0) & (age <= MEMORY)
            interest = np.where(fresh, interest * (1.0 - 0.14 * np.exp(-age.clip(0) / DAY_SECONDS)), interest)
    steps, whole = coin.instrument.qty_step.as_integer_ratio()
    held = np.rint(60.0 * coin.turnover / coin.price * interest * whole / steps)
    funding = np.clip(0.0001 + 0.004 * three_days, -0.003, 0.003)
    crowd = np.exp(0.35 * np.tanh(day / (12.0 * coin.sigma)) + 0.12 * mood)
    return Positioning(name, time, _rounded(funding, 8), held * steps / whole, _rounded(crowd, 4))


def _rounded(values: Floats, decimals: int) -> Floats:
    return np.asarray(np.round(values, decimals), dtype=np.float64)
