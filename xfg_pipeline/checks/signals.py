"""What must be true of candles, predictions and signals: whole, fresh, possible, decided in time, by the rules."""

import dagster as dg

from xfg_pipeline.checks.evidence import result
from xfg_pipeline.resources.market_standing import (
    candle_gaps,
    late,
    odd_candles,
    stale_candles,
    unsound_predictions,
    unsound_signals,
)
from xfg_pipeline.resources.pipeline import Pipeline


@dg.asset_check(asset="candles", description="No candle is missing between a coin's first and newest of 33 days.")
def candles_have_no_gap(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: a slot after a gap has no features."""
    return result(candle_gaps(pipeline))


@dg.asset_check(asset="candles", description="The newest candle of every coin closed within the last two intervals.")
def candles_are_fresh(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: on old candles nothing may be traded."""
    return result(stale_candles(pipeline))


@dg.asset_check(
    asset="candles", description="No leap to half or twice the price, no candle without volume, in 33 days."
)
def candles_are_possible(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """A warning; a bar that is impossible by itself cannot be in the table."""
    return result(odd_candles(pipeline))


@dg.asset_check(asset="signals", description="Every slot of the last day was decided within ten minutes.")
def every_slot_is_decided(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: what was not decided was not seen."""
    return result(late(pipeline))


@dg.asset_check(asset="predictions", description="Probabilities of the last day move, and each led to a decision.")
def predictions_are_sound(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: a model that always says the same is broken."""
    return result(unsound_predictions(pipeline))


@dg.asset_check(asset="signals", description="Signals of the last two days keep the rules that they were made by.")
def signals_are_sound(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: a signal that breaks its own rules is a wrong number."""
    return result(unsound_signals(pipeline))
