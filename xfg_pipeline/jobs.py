"""The jobs: which assets a trigger carries through together."""

import dagster as dg

SLOT_TAG = "xfg/slot"
"""Which slot a run was asked for at; a run without it is a backfill."""

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

slots_job = dg.define_asset_job(
    "slots_of_days",
    selection=["candles", "predictions", "signals", "signal_outcomes"],
    executor_def=dg.in_process_executor,
    description="From closed candles to signals and their outcomes, for the slots of a range of UTC days.",
    tags={"dagster/max_runtime": "900"},
)
