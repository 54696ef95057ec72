"""What a coin of the practice market is like: its instrument, its usual price, movement and turnover."""

import functools
import math
import re
from dataclasses import dataclass
from decimal import Decimal

from xfg_pipeline.exchange.market import Instrument
from xfg_pipeline.exchange.simulation.noise import draw, seed

COIN_NAME = re.compile(r"[A-Z0-9]{1,20}")


@dataclass(frozen=True)
class Coin:
    """Prices are near `price` (USDT) over decades. `sigma` is the usual move of a candle as a fraction of the price,
    `turnover` the usual traded value of a candle in USDT.
    """

    instrument: Instrument
    price: float
    sigma: float
    turnover: float


_KNOWN: dict[str, tuple[float, str, str, float, float]] = {
    # price, tick, step, sigma, turnover of a candle
    "BTC": (60_000.0, "0.1", "0.001", 0.0022, 60e6),
    "ETH": (3_000.0, "0.01", "0.01", 0.0026, 30e6),
    "SOL": (150.0, "0.01", "0.1", 0.0033, 12e6),
    "XRP": (0.60, "0.0001", "0.1", 0.0029, 6e6),
    "DOGE": (0.15, "0.00001", "1", 0.0034, 5e6),
    "ADA": (0.50, "0.0001", "1", 0.0031, 2e6),
    "AVAX": (30.0, "0.001", "0.1", 0.0034, 2e6),
    "LINK": (15.0, "0.001", "0.1", 0.0031, 2e6),
    "BNB": (550.0, "0.1", "0.01", 0.0023, 4e6),
    "LTC": (85.0, "0.01", "0.1", 0.0028, 2e6),
    "DOT": (7.0, "0.0001", "0.1", 0.0031, 1e6),
    "SUI": (2.0, "0.0001", "10", 0.0037, 2e6),
}


@functools.lru_cache(maxsize=4096)
def coin_named(name: str) -> Coin | None:
    """A coin by its base asset; None for what cannot be one. A name that is not known gets values from its hash."""
    if not COIN_NAME.fullmatch(name):
        return None
    price, tick, step, sigma, turnover = _KNOWN.get(name) or _from_hash(name)
    quantity_step = Decimal(step)
    instrument = Instrument(
        coin=name,
        symbol=f"{name}USDT",
        tick_size=Decimal(tick),
        qty_step=quantity_step,
        min_qty=quantity_step,
        max_qty=quantity_step * 1_000_000,
        min_notional=Decimal(5),
        max_leverage=Decimal(100 if name in ("BTC", "ETH") else 50),
    )
    return Coin(instrument, price, sigma, turnover)


def _from_hash(name: str) -> tuple[float, str, str, float, float]:
    stream = seed(name, "nature")
    price = 10.0 ** (-2.0 + 4.5 * draw(stream, 0))
    tick = Decimal(1).scaleb(math.floor(math.log10(price)) - 4)
    step = Decimal(1).scaleb(max(-3, min(2, -math.floor(math.log10(price)))))
    return price, f"{tick:f}", f"{step:f}", 0.0026 + 0.0012 * draw(stream, 1), 2e5 * 10.0 ** draw(stream, 2)
