"""The translation between decisions and Dagster's runs."""

from collections.abc import Mapping

import dagster as dg

from xfg_pipeline.levels.sessions import FIRST_DAY, is_session, next_session, previous_session
from xfg_pipeline.schedules import RANGE_END, RANGE_START
from xfg_pipeline.sensors.carrying import Request, RunState, Work

_ENDED = {
    dg.DagsterRunStatus.SUCCESS: RunState.ENDED_WELL,
    dg.DagsterRunStatus.FAILURE: RunState.FAILED,
    dg.DagsterRunStatus.CANCELED: RunState.FAILED,
}


def state_of(instance: dg.DagsterInstance, run_key: str) -> RunState:
    """What became of the run with this key."""
    runs = instance.get_runs(filters=dg.RunsFilter(tags={"dagster/run_key": run_key}), limit=1)
    return _ENDED.get(runs[0].status, RunState.GOING) if runs else RunState.UNKNOWN


def run_request(request: Request, job_name: str, tags: Mapping[str, str] | None = None) -> dg.RunRequest:
    """One run over the range of a request; `tags` beside those of the range."""
    return dg.RunRequest(
        run_key=request.run_key,
        job_name=job_name,
        tags={RANGE_START: request.start.isoformat(), RANGE_END: request.end.isoformat(), **(tags or {})},
    )


def on_sessions(work: Work) -> Work:
    """The same work with its days widened to sessions: only those are partitions."""
    first = next_session(FIRST_DAY)
    start = max(first, work.start if is_session(work.start) else previous_session(max(work.start, first)))
    end = max(start, work.end if is_session(work.end) else next_session(work.end))
    return Work(work.id, start, end)
