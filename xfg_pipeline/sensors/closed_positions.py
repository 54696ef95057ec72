"""The account, asked every half minute: what is new goes into Postgres at once, and asks for a run."""

import dagster as dg

from xfg_pipeline.jobs import LIVE_TAG, trades_job
from xfg_pipeline.resources.account_waiting import waiting
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.trade_run import Brought, look
from xfg_pipeline.sensors.carrying import QUICK_ATTEMPTS, Work, decide, from_cursor, to_cursor
from xfg_pipeline.sensors.runs import run_request, state_of


@dg.sensor(
    name="closed_positions",
    job=trades_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks the account for new fills and closed P&L; a run makes trades, metrics and the light of them.",
)
def closed_positions(
    context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]
) -> dg.SensorResult | dg.SkipReason:
    """A failed answer is noted, and makes the light red; it is never taken for an empty one."""
    seen = Brought()
    look(pipeline, seen)
    for kind, why in seen.problems.items():
        context.log.warning("%s: %s", kind, why)
    work, asked = waiting(pipeline), from_cursor(context.cursor)
    open_work = [] if work is None else [Work(work.name, work.first, work.last)]
    now = pipeline.clock.now()
    decision = decide("closed_positions", open_work, asked, lambda key: state_of(context.instance, key), now)
    if decision.troubled:
        context.log.error("trades: runs failed %s times or more; see Runs", QUICK_ATTEMPTS)
    requests = [run_request(request, trades_job.name, {LIVE_TAG: "trade"}) for request in decision.requests]
    return dg.SensorResult(
        run_requests=requests,
        cursor=to_cursor(decision.asked),
        skip_reason=None if requests else "nothing new, or its run is going",
    )
