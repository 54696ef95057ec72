"""The first days of a market: a new instance fetches and computes a month, once, so that nothing is empty."""

from datetime import timedelta

import dagster as dg

from xfg_pipeline.jobs import slots_job
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.sensors.carrying import QUICK_ATTEMPTS, RunState, Work, decide, from_cursor, to_cursor
from xfg_pipeline.sensors.runs import run_request, state_of
from xfg_pipeline.storage import service_marks

DAYS = 30


@dg.sensor(
    name="market_history",
    job=slots_job,
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=f"Once for each market: asks for a run over the last {DAYS} days, and again until one ends well.",
)
def market_history(
    context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]
) -> dg.SensorResult | dg.SkipReason:
    """A recording has no last thirty days: its slots come with its own time."""
    market = pipeline.market.name
    if market == "replay":
        return dg.SkipReason("a recording is played, or backfilled over its own dates")
    wanted, done = f"history.{market}.wanted", f"history.{market}.done"
    if (at := service_marks.read(pipeline.database, done)) is not None:
        return dg.SkipReason(f"done at {at:%Y-%m-%d %H:%M} UTC")
    now = pipeline.clock.now()
    asked = from_cursor(context.cursor)
    before = asked.get(market)
    if before is not None and state_of(context.instance, before.run_key) is RunState.ENDED_WELL:
        service_marks.write(pipeline.database, done, now)
        return dg.SkipReason("done")
    since = service_marks.first(pipeline.database, wanted, now)
    work = Work(market, since.date() - timedelta(days=DAYS), since.date())
    decision = decide("market_history", [work], asked, lambda key: state_of(context.instance, key), now)
    if decision.troubled:
        context.log.error("the history of %s: its runs failed %s times or more; see Runs", market, QUICK_ATTEMPTS)
    requests = [run_request(request, slots_job.name) for request in decision.requests]
    return dg.SensorResult(
        run_requests=requests,
        cursor=to_cursor({**asked, **decision.asked}),
        skip_reason=None if requests else "its run is going, or waits to be tried again",
    )
