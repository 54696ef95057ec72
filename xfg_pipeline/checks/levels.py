"""What must be true of levels: today's are there, no rule is broken, prices are plausible, nothing is stuck."""

from datetime import time, timedelta
from typing import Any

import dagster as dg

from xfg_pipeline.checks.evidence import result
from xfg_pipeline.levels.sessions import NEW_YORK, is_session, previous_session
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.standing import broken_rules, implausible, incomplete, stuck

EXPECTED_BY = time(9, 45)
SESSIONS = 10


@dg.asset_check(
    asset="level_completeness",
    name="levels_of_today_are_complete",
    description="From 09:45 New York time of a session on: every allowed symbol has all its required levels.",
)
def levels_of_today_are_complete(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """A warning, because the trader decides whether to trade on fewer levels."""
    now = pipeline.clock.now().astimezone(NEW_YORK)
    if not is_session(now.date()) or now.time() < EXPECTED_BY:
        return dg.AssetCheckResult(passed=True, metadata={"expected": "from 09:45 New York time of a session"})
    return result(incomplete(pipeline.book, now.date()), dg.AssetCheckSeverity.WARN)


@dg.asset_check(
    asset="structural_levels",
    name="no_level_breaks_a_rule",
    description="Hierarchy and tick of the levels that hold, over the last ten sessions.",
)
def no_level_breaks_a_rule(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: a level that breaks a safe rule is a wrong number."""
    start, end = _last_sessions(pipeline)
    return result(broken_rules(pipeline.database, pipeline.rules, start, end))


@dg.asset_check(
    asset="structural_levels",
    name="prices_are_plausible",
    description="Every level of the last ten sessions lies within the band around a price known near its date.",
)
def prices_are_plausible(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error; days without any price to compare with are a warning by themselves."""
    start, end = _last_sessions(pipeline)
    return result(implausible(pipeline.database, pipeline.rules, start, end))


@dg.asset_check(
    asset="csv_levels",
    name="no_import_is_stuck",
    description="Every imported file and typed entry was carried through the assets within 15 minutes.",
)
def no_import_is_stuck(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """Retries are quiet; this check is not."""
    return result(stuck(pipeline.database, pipeline.clock.now() - timedelta(minutes=15)))


def _last_sessions(pipeline: Pipeline) -> tuple[Any, Any]:
    end = start = pipeline.book.today()
    for _ in range(SESSIONS):
        start = previous_session(start)
    return start, end
