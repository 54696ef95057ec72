"""What starts by the clock."""

import dagster as dg

from xfg_pipeline.jobs import checks_job

# A check runs with its asset. On the morning on which no export came nothing runs, and this is the morning that counts.
levels_expected = dg.ScheduleDefinition(
    name="levels_expected",
    job=checks_job,
    cron_schedule="46 9 * * 1-5",
    execution_timezone="America/New_York",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="A minute after levels are expected: all checks of levels, whether anything came or not.",
)
