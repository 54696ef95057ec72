"""The watched folder: new files are imported, and each import is carried through the assets by a run."""

from collections.abc import Iterable

import dagster as dg

from xfg_pipeline.inbox.folder import Scan
from xfg_pipeline.jobs import bars_job, levels_job
from xfg_pipeline.levels.sessions import FIRST_DAY
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.sensors.carrying import QUICK_ATTEMPTS, Asked, Work, decide, from_cursor, to_cursor
from xfg_pipeline.sensors.runs import on_sessions, run_request, state_of
from xfg_pipeline.storage import file_imports
from xfg_pipeline.storage.file_imports import FileImport

# A tick may take a minute before Dagster gives it up; what is left over is the next tick's.
SECONDS_A_TICK = 25.0


def inbox_sensor(interval_seconds: int) -> dg.SensorDefinition:
    """The sensor, looking every `interval_seconds`."""

    @dg.sensor(
        name="inbox",
        jobs=[levels_job, bars_job],
        # Dagster's loop comes round every five seconds: one second less, or every other round is missed.
        minimum_interval_seconds=max(1, interval_seconds - 1),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Imports MotiveWave exports from the watched folder, and asks for a run over the trading days of each "
            "import, also of those that came by the desk or the command line."
        ),
    )
    def inbox(
        context: dg.SensorEvaluationContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.SensorResult | dg.SkipReason:
        pipeline.folders.make()
        scan = pipeline.inbox.scan(seconds=SECONDS_A_TICK)
        for one in scan.done:
            context.log.info("%s: %s %s", one.file_name, one.state, one.reason)
        with pipeline.database.read() as connection:
            waiting = file_imports.not_materialized(connection)
        asked = from_cursor(context.cursor)
        remembered: dict[str, Asked] = {}
        requests: list[dg.RunRequest] = []
        # Files with levels and files with bars go through different jobs.
        for job, files in (
            (levels_job, [one for one in waiting if one.shape != "bars"]),
            (bars_job, [one for one in waiting if one.shape == "bars"]),
        ):
            decision = decide(
                "inbox", _work(files), asked, lambda key: state_of(context.instance, key), pipeline.clock.now()
            )
            remembered |= decision.asked
            requests += [run_request(request, job.name) for request in decision.requests]
            for work_id in decision.troubled:
                context.log.error(
                    "import %s: its runs failed %s times or more; see Runs of %s", work_id, QUICK_ATTEMPTS, job.name
                )
        return dg.SensorResult(
            run_requests=requests,
            cursor=to_cursor(remembered),
            skip_reason=None if requests else _why_nothing(scan),
        )

    return inbox


def _work(files: Iterable[FileImport]) -> list[Work]:
    days_of = {one.id: [day for day in one.trading_dates if day >= FIRST_DAY] for one in files}
    return [on_sessions(Work(str(id_), min(days), max(days))) for id_, days in days_of.items() if days]


def _why_nothing(scan: Scan) -> str:
    names = ", ".join(f"{one.name} ({one.reason})" for one in scan.waiting)
    return f"waiting: {names}" if names else "nothing new"
