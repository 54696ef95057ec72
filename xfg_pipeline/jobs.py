"""The jobs: which assets a trigger carries through together."""

import dagster as dg

SLOT_TAG = "xfg/slot"
"""Which slot a run was asked for at."""
LIVE_TAG = "xfg/live"
"""Why a run that was asked for without a slot speaks of now: `trade` or `hour`. A run without either is a backfill."""

# One process a run: a run of four steps takes half a second so, and thirteen with a process a step.
levels_job = dg.define_asset_job(
    "levels_of_days",
    selection=["motivewave_exports", "csv_levels", "structural_levels", "level_completeness"],
    executor_def=dg.in_process_executor,
    description="Carries imported and typed levels of a range of trading days through the assets.",
    tags={"dagster/max_runtime": "900"},
)

checks_job = dg.define_asset_job(
    "checks_of_levels",
    selection=dg.AssetSelection.checks_for_assets("csv_levels", "structural_levels", "level_completeness"),
    executor_def=dg.in_process_executor,
    description="All checks of levels, without deriving anything.",
)

bars_job = dg.define_asset_job(
    "bars_of_days",
    selection=["motivewave_exports", "price_bars"],
    executor_def=dg.in_process_executor,
    description="Carries imported price bars of a range of trading days through the assets.",
    tags={"dagster/max_runtime": "900"},
)

_TO_THE_LIGHT = ["performance_snapshots", "signal_type_performance", "coin_performance", "controller_status"]

slots_job = dg.define_asset_job(
    "slots_of_days",
    selection=[
        "candles",
        "market_regime",
        "predictions",
        "trades",
        *_TO_THE_LIGHT,
        "signals",
        "signal_outcomes",
    ],
    executor_def=dg.in_process_executor,
    description="From closed candles and trades to the light, signals and outcomes, for a range of UTC days.",
    tags={"dagster/max_runtime": "900"},
)

trades_job = dg.define_asset_job(
    "trades_of_days",
    selection=["trades", *_TO_THE_LIGHT],
    executor_def=dg.in_process_executor,
    description="From the account's records to trades, metrics and the light, for a range of UTC days.",
    tags={"dagster/max_runtime": "900"},
)

snapshots_job = dg.define_asset_job(
    "snapshots_of_days",
    selection=_TO_THE_LIGHT,
    executor_def=dg.in_process_executor,
    description="Metrics and the light, for a range of UTC days.",
    tags={"dagster/max_runtime": "900"},
)
