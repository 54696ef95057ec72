"""Why there is a signal, in two plain sentences with the numbers. Nothing here promises anything."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.increments import Increments, rounded_down
from xfg_pipeline.signals.manifest import CLASSES
from xfg_pipeline.signals.positioning import PositioningRows

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def reasoning(
    signal_type: str,
    *,
    long: bool,
    measures: Mapping[str, float],
    positioning: Mapping[str, float],
    members: NDArray[Any],
    models: Sequence[str],
    confidence: Decimal,
    increments: Increments,
) -> str:
    """The structure that names the signal type, then how many models agree, and the confidence.

    `measures` and `positioning` are those of the slot by name; `members` is [models, 3], the slot's probabilities of
    each model. A model agrees when the signal's direction is its most probable class.
    """
    volume = f"{rounded_down(Decimal(repr(measures['volume_ratio'])), 2):f} times the usual volume"
    seen = _structure(signal_type, long, measures, positioning, increments, volume)
    return f"{seen}. {_agreement(members, models, long)}; confidence {rounded_down(confidence, 2):f}."


def of_row(positioning: PositioningRows, row: int) -> dict[str, float]:
    """The positioning of one slot by name."""
    return {
        "funding_rate": float(positioning.funding_rate[row]),
        "open_interest_change": float(positioning.open_interest_change[row]),
        "long_short_ratio": float(positioning.long_short_ratio[row]),
    }


def _structure(
    signal_type: str,
    long: bool,
    measures: Mapping[str, float],
    positioning: Mapping[str, float],
    increments: Increments,
    volume: str,
) -> str:
    def price(name: str) -> str:
        return increments.price_text(Decimal(repr(measures[name])), thousands=True)

    side, edge = ("above", "high") if long else ("below", "low")
    away = "below" if long else "above"
    if signal_type == "breakout":
        return f"Price closed {side} the 20-candle {edge} of {price(f'range_{edge}')} with {volume}"
    if signal_type == "trend_following":
        return (
            f"Price closed {side} its 50-candle average of {price('ema_50')} in a trend of strength "
            f"{measures['adx']:.0f} (ADX) with {volume}"
        )
    if signal_type == "mean_reversion":
        distance = abs(measures["close"] - measures["mean_20"]) / measures["atr"]
        return (
            f"Price closed {distance:.1f} times the usual candle range {away} its 20-candle mean of "
            f"{price('mean_20')}, RSI {measures['rsi']:.0f}, with {volume}"
        )
    if signal_type == "liquidation_cascade":
        start = measures["range_high" if long else "range_low"]
        return (
            f"Price {'fell' if long else 'rose'} {abs(measures['close'] / start - 1):.1%} from the 20-candle "
            f"{'high' if long else 'low'} of {price('range_high' if long else 'range_low')} while open interest shrank "
            f"by {-positioning['open_interest_change']:.1%} within an hour, with {volume}"
        )
    crowd = positioning["long_short_ratio"]
    many, few, stands = (1 / crowd, "long", "short") if long else (crowd, "short", "long")
    return (
        f"{many:.1f} accounts are {stands} for each that is {few}, funding is {positioning['funding_rate']:.3%}, "
        f"and price has moved {measures['return_96']:+.1%} in a day, with {volume}"
    ).replace("-", "−")


def _agreement(members: NDArray[Any], models: Sequence[str], long: bool) -> str:
    wanted = CLASSES.index("up" if long else "down")
    against = [name for name, own in zip(models, np.argmax(members, axis=1).tolist(), strict=True) if own != wanted]
    count, agreeing = len(models), len(models) - len(against)
    if not against:
        return f"All {_number(count)} models agree" if count > 1 else f"The only model, {models[0]}, says the same"
    if agreeing == 0:
        return "No single model is on this side by itself"
    verb = "agrees" if agreeing == 1 else "agree"
    said = f"{_number(agreeing).capitalize()} of {_number(count)} models {verb}"
    if len(against) <= 2:
        return f"{said}, {' and '.join(against)} {'does' if len(against) == 1 else 'do'} not"
    return said


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)
