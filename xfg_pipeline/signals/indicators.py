"""The formulas of the features: day blocks of candles in, one column a feature out. Nothing looks ahead.

Recursive indicators are TA-Lib's, row by row; the rest is elementwise or a sum in a fixed order. No logarithm,
exponential or library reduction is used: their last bit may depend on the length and layout of an array.
"""

import math
from typing import Any

import numpy as np
import talib

from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.day_blocks import CLIP, DayBlocks, ratio, window_sums
from xfg_pipeline.signals.slots import DAY_SECONDS, SLOT_SECONDS, SLOTS_A_DAY

RETURNS = (1, 2, 4, 8, 16, 32, 96)
STILL = 1e-9
"""A movement below this share of the price is none: what remains of rounding is not divided by."""
LONGEST_RUN = 8

FEATURES: tuple[str, ...] = (
    *(f"return_{candles}" for candles in RETURNS),
    "rsi_7",
    "rsi_14",
    "stochastic_k",
    "stochastic_d",
    "adx",
    "di_difference",
    "macd_histogram",
    "band_position",
    "band_width",
    "band_width_change",
    "band_width_before",
    "ema_20_distance",
    "ema_50_distance",
    "ema_spread",
    "range_high_20",
    "range_low_20",
    "range_high_96",
    "range_low_96",
    "atr_percent",
    "atr_ratio",
    "volatility_ratio_8",
    "volatility_ratio_24",
    "volume_ratio_20",
    "volume_ratio_96",
    "volume_before",
    "obv_slope",
    "money_flow",
    "signed_volume",
    "break_volume",
    "climax",
    "body",
    "upper_wick",
    "lower_wick",
    "range_change",
    "gap",
    "run",
    "hour_sin",
    "hour_cos",
)
MEASURES: tuple[str, ...] = (
    "open",
    "high",
    "low",
    "close",
    "candle_range",
    "atr",
    "volume_ratio",
    "range_high",
    "range_low",
    "mean_20",
    "band_high",
    "band_low",
    "ema_50",
    "rsi",
    "adx",
    "return_4",
    "return_96",
)

_HOUR_SIN = np.array([math.sin(math.tau * slot / SLOTS_A_DAY) for slot in range(SLOTS_A_DAY)])
_HOUR_COS = np.array([math.cos(math.tau * slot / SLOTS_A_DAY) for slot in range(SLOTS_A_DAY)])


def indicators(days: DayBlocks) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Features by name, and measures by name but for the candle's own prices; all float64[n, width - first]."""
    high, low, close = days.high, days.low, days.close
    now = days.now(close)
    still = now * STILL
    atr = days.recursive(talib.ATR, high, low, close, timeperiod=14)
    features = _momentum(days, atr, still)
    more, measures = _bands(days, atr, still)
    features |= more
    features |= _volatility(days, atr, still)
    features |= _volume(days)
    # How far beyond the range of 20, and how stretched, with how much volume: what a tree cannot multiply by itself.
    beyond = np.maximum(features["range_high_20"], 0.0) + np.minimum(features["range_low_20"], 0.0)
    features["break_volume"] = np.clip(beyond * features["volume_ratio_20"], -CLIP, CLIP)
    features["climax"] = features["rsi_7"] * features["volume_ratio_20"]
    features |= _candle(days, atr, still)
    of_day = days.slot % DAY_SECONDS // SLOT_SECONDS
    features["hour_sin"], features["hour_cos"] = _HOUR_SIN[of_day], _HOUR_COS[of_day]
    measures |= {
        "candle_range": days.now(high) - days.now(low),
        "atr": atr,
        "volume_ratio": features["volume_ratio_20"],
        "rsi": 50.0 + 50.0 * features["rsi_14"],
        "adx": 100.0 * features["adx"],
        "return_4": now / days.back(close, 4) - 1.0,
        "return_96": now / days.back(close, 96) - 1.0,
    }
    return features, measures


def _macd_histogram(close: Floats) -> Any:
    return talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)[2]


def _momentum(days: DayBlocks, atr: Floats, still: Floats) -> dict[str, Floats]:
    high, low, close = days.high, days.low, days.close
    now = days.now(close)
    found = {
        f"return_{candles}": ratio((now - days.back(close, candles)) / math.sqrt(candles), atr, still)
        for candles in RETURNS
    }
    # CMO is RSI from -100 to 100 with the same smoothing, and 0 where nothing moved: TA-Lib's RSI is 0 there.
    for period in (7, 14):
        found[f"rsi_{period}"] = days.recursive(talib.CMO, close, timeperiod=period) / 100.0
    earlier = days.since(2)
    bottom = earlier.lowest(low, 14)
    quick = ratio(earlier.now(close) - bottom, earlier.highest(high, 14) - bottom, earlier.now(close) * STILL, 0.5)
    found["stochastic_k"] = quick[:, 2:]
    found["stochastic_d"] = (quick[:, 2:] + quick[:, 1:-1] + quick[:, :-2]) / 3.0
    found["adx"] = days.recursive(talib.ADX, high, low, close, timeperiod=14) / 100.0
    plus = days.recursive(talib.PLUS_DI, high, low, close, timeperiod=14)
    minus = days.recursive(talib.MINUS_DI, high, low, close, timeperiod=14)
    found["di_difference"] = (plus - minus) / 100.0
    found["macd_histogram"] = ratio(days.recursive(_macd_histogram, close), atr, still)
    rises = np.zeros(close.shape)
    rises[:, 1:] = np.sign(close[:, 1:] - close[:, :-1])
    latest = days.now(rises)
    unbroken = np.ones(latest.shape)
    run = np.zeros(latest.shape)
    for candle in range(LONGEST_RUN):
        unbroken *= days.back(rises, candle) == latest
        run += unbroken
    found["run"] = run * latest / LONGEST_RUN
    return found


def _bands(days: DayBlocks, atr: Floats, still: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    close = days.close
    now = days.now(close)
    earlier = days.since(97)
    means = earlier.total(close, 20) / 20.0
    spread = np.zeros(means.shape)
    for candle in range(20):
        spread += (earlier.back(close, candle) - means) ** 2
    deviations = np.sqrt(spread / 20.0)
    widths = np.where(deviations > means * STILL, deviations / means, 0.0)
    mean, deviation = means[:, 97:], deviations[:, 97:]
    usual = window_sums(widths[:, 1:-1], 96) / 96.0
    ema_20 = days.recursive(talib.EMA, close, timeperiod=20)
    ema_50 = days.recursive(talib.EMA, close, timeperiod=50)
    tops = {candles: days.highest(days.high, candles, 1) for candles in (20, 96)}
    bottoms = {candles: days.lowest(days.low, candles, 1) for candles in (20, 96)}
    features = {
        "band_position": ratio(now - mean, 2.0 * deviation, mean * STILL),
        "band_width": ratio(4.0 * deviation, atr, still),
        "band_width_change": ratio(widths[:, 97:], usual, STILL, 1.0),
        "band_width_before": ratio(widths[:, 96:-1], usual, STILL, 1.0),
        "ema_20_distance": ratio(now - ema_20, atr, still),
        "ema_50_distance": ratio(now - ema_50, atr, still),
        "ema_spread": ratio(ema_20 - ema_50, atr, still),
    }
    for candles in (20, 96):
        features[f"range_high_{candles}"] = ratio(now - tops[candles], atr, still)
        features[f"range_low_{candles}"] = ratio(now - bottoms[candles], atr, still)
    measures = {
        "range_high": tops[20],
        "range_low": bottoms[20],
        "mean_20": mean,
        "band_high": mean + 2.0 * deviation,
        "band_low": mean - 2.0 * deviation,
        "ema_50": ema_50,
    }
    return features, measures


def _volatility(days: DayBlocks, atr: Floats, still: Floats) -> dict[str, Floats]:
    close = days.close
    long_atr = days.recursive(talib.ATR, days.high, days.low, close, timeperiod=96)
    squares = np.zeros(close.shape)
    squares[:, 1:] = (close[:, 1:] / close[:, :-1] - 1.0) ** 2
    usual = days.total(squares, 96) / 96.0
    found = {
        "atr_percent": ratio(100.0 * atr, days.now(close)),
        "atr_ratio": ratio(atr, long_atr, still, 1.0),
    }
    for candles in (8, 24):
        recent = days.total(squares, candles) / float(candles)
        found[f"volatility_ratio_{candles}"] = np.sqrt(ratio(recent, usual, STILL * STILL, 1.0))
    return found


def _volume(days: DayBlocks) -> dict[str, Floats]:
    volume, close = days.volume, days.close
    total_20, total_96 = days.total(volume, 20), days.total(volume, 96)
    direction = np.zeros(close.shape)
    direction[:, 1:] = np.sign(close[:, 1:] - close[:, :-1])
    height = days.high - days.low
    place = ratio(2.0 * close - days.high - days.low, height, close * STILL)
    volume_ratio = ratio(days.now(volume), total_20 / 20.0)
    return {
        "volume_ratio_20": volume_ratio,
        "volume_ratio_96": ratio(days.now(volume), total_96 / 96.0),
        "volume_before": ratio(days.total(volume, 4, 1) / 4.0, total_96 / 96.0),
        "obv_slope": ratio(days.total(direction * volume, 20), total_20),
        "money_flow": ratio(days.total(place * volume, 20), total_20),
        "signed_volume": days.now(ratio(close - days.open, height, close * STILL)) * volume_ratio,
    }


def _candle(days: DayBlocks, atr: Floats, still: Floats) -> dict[str, Floats]:
    open_, high, low, close = days.now(days.open), days.now(days.high), days.now(days.low), days.now(days.close)
    height = high - low
    return {
        "body": ratio(close - open_, height, still),
        "upper_wick": ratio(high - np.maximum(open_, close), height, still),
        "lower_wick": ratio(np.minimum(open_, close) - low, height, still),
        "range_change": ratio(height, atr, still),
        "gap": ratio(open_ - days.back(days.close, 1), atr, still),
    }
