"""What starts by the clock."""

import dagster as dg

from xfg_pipeline.jobs import LIVE_TAG, SLOT_TAG, checks_job, slots_job, snapshots_job
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slots_due import catch_up_from
from xfg_pipeline.signals.slots import slot_at

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

# A check runs with its asset. On the morning on which no export came nothing runs, and this is the morning that counts.
levels_expected = dg.ScheduleDefinition(
    name="levels_expected",
    job=checks_job,
    cron_schedule="46 9 * * 1-5",
    execution_timezone="America/New_York",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="A minute after levels are expected: all checks of levels, whether anything came or not.",
)


@dg.schedule(
    job=slots_job,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each slot: from its closed candle to signals, in one run; slots that were missed are caught up.",
)
def signals_every_15_minutes(
    context: dg.ScheduleEvaluationContext, pipeline: dg.ResourceParam[Pipeline]
) -> dg.RunRequest:
    """One run a slot, over the days from the last decided slot on."""
    slot = slot_at(pipeline.market.time(context.scheduled_execution_time))
    return dg.RunRequest(
        run_key=f"{pipeline.market.name} {slot.isoformat()}",
        tags={
            SLOT_TAG: slot.isoformat(),
            RANGE_START: catch_up_from(pipeline, slot).date().isoformat(),
            RANGE_END: slot.date().isoformat(),
        },
    )


@dg.schedule(
    job=snapshots_job,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every full hour: the metrics as of it, and the light.",
)
def hourly_snapshot(context: dg.ScheduleEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.RunRequest:
    """A snapshot of the hour also where no slot was decided and no trade closed."""
    hour = pipeline.market.time(context.scheduled_execution_time)
    day = hour.date().isoformat()
    return dg.RunRequest(
        run_key=f"{pipeline.settings.account_name} hour {hour.isoformat()}",
        tags={LIVE_TAG: "hour", RANGE_START: day, RANGE_END: day},
    )
