"""The whole code location on one page: a reader of it knows what runs."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from xfg_pipeline.assets.levels import csv_levels, levels_that_hold, manual_levels, motivewave_exports
from xfg_pipeline.assets.market import price_bars
from xfg_pipeline.checks.levels import (
    levels_of_today_are_complete,
    no_import_is_stuck,
    no_level_breaks_a_rule,
    prices_are_plausible,
)
from xfg_pipeline.jobs import bars_job, checks_job, levels_job
from xfg_pipeline.resources.dagster_resource import PipelineResource
from xfg_pipeline.schedules import levels_expected
from xfg_pipeline.sensors.inbox import inbox_sensor
from xfg_pipeline.sensors.manual_levels import manual_levels_sensor
from xfg_pipeline.settings import Settings


def build_definitions(
    settings: Settings | None = None, *, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Everything that Dagster sees. `resources` replaces what the assets work with, for tests."""
    interval = settings.csv_check_interval if settings is not None else 5
    return dg.Definitions(
        assets=[motivewave_exports, csv_levels, manual_levels, levels_that_hold, price_bars],
        asset_checks=[
            no_import_is_stuck,
            no_level_breaks_a_rule,
            prices_are_plausible,
            levels_of_today_are_complete,
        ],
        jobs=[levels_job, bars_job, checks_job],
        schedules=[levels_expected],
        sensors=[inbox_sensor(interval), manual_levels_sensor(interval)],
        resources={"pipeline": PipelineResource(), **(resources or {})},
        executor=dg.in_process_executor,
    )
