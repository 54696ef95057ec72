"""The whole code location on one page: a reader of it knows what runs."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from xfg_pipeline.assets.levels import csv_levels, levels_that_hold, manual_levels, motivewave_exports
from xfg_pipeline.assets.market import price_bars
from xfg_pipeline.assets.signals import candles, exchange_klines, predictions, signal_outcomes, signals
from xfg_pipeline.assets.trading import controller_status, exchange_account, market_regime, performance, trades
from xfg_pipeline.checks.levels import (
    levels_of_today_are_complete,
    no_import_is_stuck,
    no_level_breaks_a_rule,
    prices_are_plausible,
)
from xfg_pipeline.checks.signals import (
    candles_are_fresh,
    candles_are_possible,
    candles_have_no_gap,
    every_slot_is_decided,
    predictions_are_sound,
    signals_are_sound,
)
from xfg_pipeline.checks.trading import (
    account_is_read,
    light_is_fresh,
    signals_obey_the_light,
    snapshots_are_fresh,
    trades_are_reconciled,
    trades_are_whole,
)
from xfg_pipeline.jobs import bars_job, checks_job, levels_job, slots_job, snapshots_job, trades_job
from xfg_pipeline.resources.dagster_resource import PipelineResource
from xfg_pipeline.schedules import hourly_snapshot, levels_expected, signals_every_15_minutes
from xfg_pipeline.sensors.closed_positions import closed_positions
from xfg_pipeline.sensors.inbox import inbox_sensor
from xfg_pipeline.sensors.manual_levels import manual_levels_sensor
from xfg_pipeline.sensors.market_history import market_history
from xfg_pipeline.settings import Settings


def build_definitions(
    settings: Settings | None = None, *, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Everything that Dagster sees. `resources` replaces what the assets work with, for tests."""
    interval = settings.csv_check_interval if settings is not None else 5
    return dg.Definitions(
        assets=[
            motivewave_exports,
            csv_levels,
            manual_levels,
            levels_that_hold,
            price_bars,
            exchange_klines,
            candles,
            market_regime,
            predictions,
            exchange_account,
            trades,
            performance,
            controller_status,
            signals,
            signal_outcomes,
        ],
        asset_checks=[
            no_import_is_stuck,
            no_level_breaks_a_rule,
            prices_are_plausible,
            levels_of_today_are_complete,
            candles_have_no_gap,
            candles_are_fresh,
            candles_are_possible,
            every_slot_is_decided,
            predictions_are_sound,
            signals_are_sound,
            account_is_read,
            trades_are_whole,
            trades_are_reconciled,
            snapshots_are_fresh,
            light_is_fresh,
            signals_obey_the_light,
        ],
        jobs=[levels_job, bars_job, checks_job, slots_job, trades_job, snapshots_job],
        schedules=[levels_expected, signals_every_15_minutes, hourly_snapshot],
        sensors=[inbox_sensor(interval), manual_levels_sensor(interval), market_history, closed_positions],
        resources={"pipeline": PipelineResource(), **(resources or {})},
        executor=dg.in_process_executor,
    )
