"""Performance snapshots: every full hour and every closed trade, and what a late record changed since."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from xfg_pipeline.faults import point
from xfg_pipeline.resources.event_calibration import EventCalibration
from xfg_pipeline.resources.performance_walk import PerformanceWalk, hours
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slots_due import CATCH_UP
from xfg_pipeline.signals.calibration import wilson_interval
from xfg_pipeline.signals.slots import midnight
from xfg_pipeline.storage import performance, service_marks
from xfg_pipeline.storage.database import lock, without_hurry
from xfg_pipeline.trading.light.facts import Thresholds
from xfg_pipeline.trading.metrics.groups import LAST, GroupRecord
from xfg_pipeline.trading.metrics.metric import METRICS, Metrics

LIVE_FOR = timedelta(minutes=30)
"""A snapshot that is made later than this after its moment was not there in time: it is a backfill's."""
_COUNTS = ("consecutive_losses", "total_trades")

Key = tuple[datetime, str, str]


@dataclass
class Made:
    """Snapshots written, and of the newest moment the metrics."""

    snapshots: int = 0
    newest: Metrics | None = None


def keep_snapshots(pipeline: Pipeline, start: datetime, end: datetime, as_of: datetime, *, is_backfill: bool) -> Made:
    """Write what is missing up to `as_of`: of start <= moment < end in a backfill, else since the last snapshot."""
    account, made = pipeline.settings.account_name, Made()
    with pipeline.database.begin() as connection:
        without_hurry(connection)
        lock(connection, "performance", account)
        until = min(as_of, end - timedelta(microseconds=1)) if is_backfill else as_of
        stale = service_marks.within(connection, performance.stale_mark(account))
        if not is_backfill:
            last = performance.last_snapshot(connection, account, as_of) or midnight(as_of)
            # A trade may be heard of when a later snapshot is there.
            start = max(as_of - CATCH_UP, min(last, stale or last))
        keys = _keys(connection, account, start, until, as_of, stale, is_backfill=is_backfill)
        if keys:
            _write(connection, pipeline, sorted(keys), stale, made)
        service_marks.drop_within(connection, performance.stale_mark(account))
        point("snapshots.before_commit")
    point("snapshots.after_commit")
    return made


def _keys(
    connection: Connection,
    account: str,
    start: datetime,
    until: datetime,
    as_of: datetime,
    stale: datetime | None,
    *,
    is_backfill: bool,
) -> set[Key]:
    """Which snapshots are to be made: the missing ones, and those behind a change."""
    there = set(performance.snapshot_keys(connection, account, start, until))
    known = {(at, cause) for at, cause, _ in there}
    keys: set[Key] = set()
    for cause, moments in (
        ("hour", hours(start, until)),
        ("trade", performance.exits_between(connection, account, start, until)),
    ):
        for at in moments:
            if is_backfill:
                keys.add((at, cause, "backfill"))
            elif (at, cause) not in known:
                keys.add((at, cause, "live" if as_of - at <= LIVE_FOR else "backfill"))
    if stale is not None:
        # All of them: another run's may lie after this one's moment.
        keys |= set(performance.snapshot_keys(connection, account, stale))
    return keys


def _write(connection: Connection, pipeline: Pipeline, keys: list[Key], stale: datetime | None, made: Made) -> None:
    account, now = pipeline.settings.account_name, pipeline.market_now()
    first, last = keys[0][0], keys[-1][0]
    walk = PerformanceWalk(connection, pipeline, first, last)
    events = EventCalibration(connection, pipeline, first, last)
    thresholds = pipeline.settings.thresholds()
    rows, types, coins = [], [], []
    if stale is not None:
        performance.drop_groups_from(connection, account, stale, last)
    for at, cause, mode in keys:
        metrics = walk.to(at)
        rows.append(
            {"snapshot_time": at, "cause": cause, "mode": mode, "made_at": now} | _columns(metrics) | events.columns(at)
        )
        if cause == "trade" or at == midnight(at):
            groups = walk.groups()
            own = {"snapshot_time": at, "mode": mode}
            types += [own | _group("signal_type", one) | _failing(one, thresholds) for one in groups.types]
            coins += [own | _group("coin", one) | {"tier": groups.tiers[one.name].tier} for one in groups.coins]
        made.newest = metrics
    performance.write_snapshots(connection, account, rows)
    performance.write_groups(connection, account, "signal_type_performance", _once(types))
    performance.write_groups(connection, account, "coin_performance", _once(coins))
    walk.keep(connection)
    made.snapshots = len(rows)


def _columns(metrics: Metrics) -> dict[str, Any]:
    values: dict[str, Any] = {name: metrics[name].value for name in METRICS}
    values |= {name: int(values[name] or 0) for name in _COUNTS}
    wins = sum(one.win for one in metrics.last)
    low, high = wilson_interval(wins, len(metrics.last)) or (None, None)
    return values | {
        "win_rate_low": low,
        "win_rate_high": high,
        "samples": {name: metrics[name].n for name in METRICS},
        "reasons": {name: metrics[name].reason for name in METRICS if metrics[name].reason},
    }


def _group(key: str, record: GroupRecord) -> dict[str, Any]:
    row = asdict(record)
    return {key: row.pop("name"), **row}


def _failing(record: GroupRecord, thresholds: Thresholds) -> dict[str, Any]:
    if record.period != "last_20":
        return {"is_failing": None}
    if record.trades < LAST or record.win_rate is None:
        return {"is_failing": None}
    return {"is_failing": record.win_rate < thresholds.red_wr_threshold}


def _once(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A trade on the hour has two causes, and one row a group."""
    return list({tuple(row[name] for name in row if name in _GROUP_KEY): row for row in rows}.values())


_GROUP_KEY = frozenset({"snapshot_time", "mode", "signal_type", "coin", "period"})
