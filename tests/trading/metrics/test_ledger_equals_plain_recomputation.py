"""Whatever happens to an account: folded one by one it comes to the same as computed from the whole list."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.metrics.event_lists import event_lists, folded
from tests.trading.metrics.plain_metrics import plain_metrics
from xfg_pipeline.trading.metrics.events import ClosedTrade, Event
from xfg_pipeline.trading.metrics.groups import PERIODS, GroupRecord
from xfg_pipeline.trading.metrics.ledger import Ledger
from xfg_pipeline.trading.metrics.metric import HISTORY, METRICS

ZONES = st.sampled_from([UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")])
LATER = st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(hours=5), timedelta(days=1), timedelta(days=33)])
START = datetime(2026, 2, 26, 20, 0, tzinfo=UTC)


@given(event_lists(), ZONES, LATER, st.sampled_from([(200, 50), (5, 3)]))
@settings(max_examples=100, deadline=None)
def test_each_metric_is_that_of_the_whole_list(
    events: list[Event], zone: ZoneInfo, later: timedelta, scored: tuple[int, int]
) -> None:
    moment = (events[-1].at if events else START) + later
    metrics = folded(*events, ledger=Ledger(zone, *scored)).at(moment)
    plain = plain_metrics(events, moment, zone, *scored)
    assert set(plain) == set(METRICS)
    for name, expected in plain.items():
        metric = metrics[name]
        assert (metric.value is None) == (expected is None), name
        assert (metric.reason == "") == (expected is not None), name
        if metric.value is not None and expected is not None:
            tolerance = Fraction(1, 10**9) if "pnl" not in name or "share" in name else 0
            assert abs(Fraction(metric.value) - expected) <= tolerance, name
    trades = [event for event in events if isinstance(event, ClosedTrade)]
    assert metrics.last == tuple(trades[-20:])
    assert metrics.wins == tuple(trade.win for trade in trades[-HISTORY:])


@given(event_lists(), ZONES, LATER)
@settings(max_examples=50, deadline=None)
def test_each_group_is_that_of_its_own_trades(events: list[Event], zone: ZoneInfo, later: timedelta) -> None:
    moment = (events[-1].at if events else START) + later
    groups = folded(*events, ledger=Ledger(zone)).groups(moment)
    trades = [event for event in events if isinstance(event, ClosedTrade)]
    today = moment.astimezone(zone).date()
    starts = {"week": today - timedelta(days=today.weekday()), "month": today.replace(day=1)}

    def expect(record: GroupRecord, mine: list[ClosedTrade]) -> None:
        if record.period == "last_20":
            inside = mine[-20:]
        else:
            inside = [one for one in mine if one.at.astimezone(zone).date() >= starts[record.period]]
        assert (record.trades, record.wins) == (len(inside), sum(one.win for one in inside))
        assert record.pnl == sum(one.pnl for one in inside)
        assert (record.win_rate is None) == (not inside)
        assert (record.profit_factor is None) == (not any(one.pnl < 0 for one in inside))
        assert (record.expectancy_r is None) == all(one.r_multiple is None for one in inside)

    for record in groups.types:
        expect(record, [one for one in trades if one.signal_type == record.name])
    for record in groups.coins:
        expect(record, [one for one in trades if one.coin == record.name])
        assert groups.tiers[record.name].known == min(20, sum(one.coin == record.name for one in trades))
    assert len(groups.types) == len(PERIODS) * len({one.signal_type for one in trades} - {None})
    assert len(groups.coins) == len(PERIODS) * len({one.coin for one in trades})


@given(event_lists(), st.data(), ZONES)
@settings(max_examples=50, deadline=None)
def test_a_ledger_goes_on_from_its_state_as_if_it_had_never_stopped(
    events: list[Event], data: st.DataObject, zone: ZoneInfo
) -> None:
    stop = data.draw(st.integers(0, len(events)))
    moment = (events[-1].at if events else START) + timedelta(hours=1)
    whole = folded(*events, ledger=Ledger(zone, 7, 2))
    first = folded(*events[:stop], ledger=Ledger(zone, 7, 2))
    second = folded(*events[stop:], ledger=Ledger.from_state(json.loads(json.dumps(first.state()))))
    assert second.at(moment) == whole.at(moment)
    assert second.groups(moment) == whole.groups(moment)
    assert second.state() == whole.state()
    assert second.version == whole.version


@given(event_lists(), LATER)
@settings(max_examples=30, deadline=None)
def test_reading_changes_nothing(events: list[Event], later: timedelta) -> None:
    ledger, silent = Ledger(), Ledger()
    for event in events:
        ledger.add(event)
        silent.add(event)
        ledger.at(event.at + later)
        ledger.groups(event.at + later)
    assert ledger.state() == silent.state()


def test_a_ledger_of_nothing_knows_nothing() -> None:
    metrics = Ledger().at(START)
    known = {name for name in METRICS if metrics[name].value is not None}
    assert known == {"daily_pnl", "weekly_pnl", "monthly_pnl", "pnl_24h", "consecutive_losses", "total_trades"}
    assert all(metrics[name].n == 0 for name in METRICS)
    assert (metrics.last, metrics.forecasts, metrics.types) == ((), (), {})
    assert Ledger().newest is None


@pytest.mark.parametrize("name", METRICS)
def test_a_value_that_is_not_known_says_why(name: str) -> None:
    metric = Ledger().at(START)[name]
    assert (metric.value is None) == (metric.reason != "")
