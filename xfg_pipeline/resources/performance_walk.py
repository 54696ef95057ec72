"""Metrics at any moments in order: folded on from the newest kept state, so that a day costs a day, not a history."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from xfg_pipeline.clock import BEFORE_ALL
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage import performance
from xfg_pipeline.trading.metrics.groups import Groups
from xfg_pipeline.trading.metrics.ledger import Ledger
from xfg_pipeline.trading.metrics.metric import Metrics


class PerformanceWalk:
    """The metrics of an account as time goes on, up to `until`; what came later is not there."""

    def __init__(self, connection: Connection, pipeline: Pipeline, start: datetime, until: datetime) -> None:
        own = pipeline.settings.controller
        self._account = pipeline.settings.account_name
        self._ledger, self._at = Ledger(ZoneInfo(own.day_timezone), own.ece_window, own.ece_min_n), BEFORE_ALL
        kept = performance.newest_state(connection, self._account, self._ledger.version, start)
        if kept is not None:
            self._at, state = kept
            self._ledger = Ledger.from_state(state)
        self._events = performance.events_between(connection, self._account, self._at, until)
        self._next = 0

    def to(self, moment: datetime) -> Metrics:
        """The metrics at a moment; moments ascend."""
        while self._next < len(self._events) and self._events[self._next].at <= moment:
            self._ledger.add(self._events[self._next])
            self._next += 1
        self._at = moment
        return self._ledger.at(moment)

    def groups(self) -> Groups:
        """By signal type and by coin, at the same moment."""
        return self._ledger.groups(self._at)

    def keep(self, connection: Connection) -> None:
        """Write the state of the last moment, to go on from."""
        performance.keep_state(connection, self._account, self._ledger.version, self._at, self._ledger.state())


def hours(start: datetime, until: datetime) -> Iterator[datetime]:
    """The full hours with start <= hour <= until."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    hour = hour if hour == start else hour + timedelta(hours=1)
    while hour <= until:
        yield hour
        hour += timedelta(hours=1)
