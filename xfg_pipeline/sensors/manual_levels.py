"""Typed pivots: each entry becomes a materialisation of `manual_levels`, and a run of what is downstream."""

import dagster as dg

from xfg_pipeline.jobs import levels_job
from xfg_pipeline.levels.sessions import is_session
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.sensors.carrying import Work, decide, from_cursor, to_cursor
from xfg_pipeline.sensors.runs import on_sessions, run_request, state_of
from xfg_pipeline.storage import manual_levels as outbox


def manual_levels_sensor(interval_seconds: int = 5) -> dg.SensorDefinition:
    """The sensor, looking every `interval_seconds`."""

    @dg.sensor(
        name="manual_levels",
        jobs=[levels_job],
        minimum_interval_seconds=max(1, interval_seconds - 1),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Reads the outbox that every entry of pivots leaves in its own transaction; entries made while Dagster "
            "was down, or for old dates, are taken up too."
        ),
    )
    def manual_levels(context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.SensorResult:
        with pipeline.database.read() as connection:
            events = outbox.open_events(connection)
        before = from_cursor(context.cursor)
        decision = decide(
            "manual_levels",
            [on_sessions(Work(str(event["id"]), event["trading_date"], event["trading_date"])) for event in events],
            before,
            lambda run_key: state_of(context.instance, run_key),
            pipeline.clock.now(),
        )
        for work_id in decision.troubled:
            context.log.error("entry %s: its runs failed again and again; see Runs", work_id)
        # The cursor and the events of a tick are stored together: what it remembers has been reported.
        reported = [
            dg.AssetMaterialization(
                asset_key="manual_levels",
                partition=event["trading_date"].isoformat(),
                metadata={
                    "symbol": event["symbol"],
                    "by": event["by"],
                    "levels": event["levels"],
                    "entry": event["id"],
                },
            )
            for event in events
            if str(event["id"]) not in before and is_session(event["trading_date"])
        ]
        requests = [run_request(request, levels_job.name) for request in decision.requests]
        return dg.SensorResult(
            asset_events=reported,
            run_requests=requests,
            cursor=to_cursor(decision.asked),
            skip_reason=None if requests else "nothing new",
        )

    return manual_levels
