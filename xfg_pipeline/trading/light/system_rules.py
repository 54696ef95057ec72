"""The rules that judge what the numbers rest on: the system's parts, the candles' age, the market's volatility."""

from collections.abc import Callable
from decimal import Decimal
from statistics import median

from xfg_pipeline.signals.calibration import DIGITS
from xfg_pipeline.trading.light.facts import Reading, Status, Trigger
from xfg_pipeline.trading.light.situation import Situation
from xfg_pipeline.trading.light.wording import listed, number

_NORMAL: dict[str, Status] = {"ok": "green", "unknown": "yellow", "degraded": "yellow"}
_SEVERITY = {"green": 0, "yellow": 1, "red": 2}


def health(part: str) -> Callable[[Situation], Trigger]:
    """The rule of one part: failed is red, unknown or degraded yellow, and so is a reading that should be there."""

    def judged(seen: Situation) -> Trigger:
        return _worst(part, [reading for reading in seen.health.readings if reading.part == part], seen)

    return judged


def candles(seen: Situation) -> Trigger:
    """The candles' part, and any coin whose newest candle is too old."""
    if not seen.market.stale:
        return health("candles")(seen)
    message = f"the newest candle of {listed(seen.market.stale)} is too old"
    return Trigger("health_candles", "red", message, n=len(seen.market.stale))


def volatility(seen: Situation) -> Trigger:
    """Volatility against its own normal: the median of coins above the limit is red, one coin alone yellow."""
    limit = seen.thresholds.volatility_ratio
    # A ratio of exactly the limit comes out of the float division with a rest in the 16th digit.
    known = {coin: round(ratio, DIGITS) for coin, ratio in sorted(seen.market.ratios.items()) if ratio is not None}
    short = sorted(coin for coin, ratio in seen.market.ratios.items() if ratio is None)
    if not known:
        message = "volatility against its normal is not known for any coin"
        return Trigger("volatility", "yellow", message, None, limit, 0)
    middle = Decimal(median(known.values()))
    high = [coin for coin, ratio in known.items() if ratio > limit]
    said = []
    if middle > limit:
        said.append(f"the median volatility of {len(known)} coins is {number(middle)} times normal, above {limit}")
    if high:
        said.append(listed(f"{coin} {number(known[coin])}" for coin in high) + f" times normal, above {limit}")
    if short:
        said.append(f"the normal volatility of {listed(short)} is not known yet")
    status: Status = "red" if middle > limit else "yellow" if said else "green"
    value = middle if status != "yellow" or not high else max(known.values())
    message = "; ".join(said) or f"the median volatility of {len(known)} coins is {number(middle)} times normal"
    return Trigger("volatility", status, message, value, limit, len(known))


def _worst(part: str, readings: list[Reading], seen: Situation) -> Trigger:
    rule = f"health_{part}"
    if not readings:
        if part in seen.health.parts:
            return Trigger(rule, "yellow", f"{part}: nobody has looked")
        return Trigger(rule, "green", f"{part}: not looked at here")
    worst = max(readings, key=lambda reading: _SEVERITY[_NORMAL.get(reading.state, "red")])
    status = _NORMAL.get(worst.state, "red")
    return Trigger(rule, status, f"{part}: {worst.detail}", worst.value, worst.limit)
