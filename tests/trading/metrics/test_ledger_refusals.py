"""What cannot be folded is refused by name, and leaves everything as it was."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from tests.trading.metrics.event_lists import MONDAY, closing, equity, folded, hours, trade
from xfg_pipeline.trading.metrics.events import Event
from xfg_pipeline.trading.metrics.ledger import VERSION, Ledger

NAIVE = datetime(2026, 6, 1)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (closing("1", NAIVE), "Realised b-closing: its time 2026-06-01T00:00:00 has no time zone"),
        (closing("NaN", hours(2)), "its pnl is NaN, which is no number"),
        (equity("Infinity", hours(2)), "its equity is Infinity"),
        (trade(True, hours(2), r="NaN"), "its r_multiple is NaN"),
        (trade(True, hours(2), pnl="-Infinity"), "its pnl is -Infinity"),
        (trade(True, hours(2), confidence=1.01), "its confidence 1.01 is not between 0 and 1"),
        (trade(True, hours(2), confidence=float("nan")), "its confidence nan is not between 0 and 1"),
        (closing("1", hours(0.5)), "comes before b-closing of 2026-06-01T01:00:00\\+00:00, which is folded already"),
        (closing("1", hours(1), "a"), "comes before b-closing"),
        (closing("9", hours(1)), "Realised b-closing of 2026-06-01T01:00:00\\+00:00 is folded already"),
    ],
)
def test_what_cannot_be_folded_changes_nothing(event: Event, says: str) -> None:
    ledger = folded(equity("100"), closing("1", hours(1)))
    before = ledger.state()
    with pytest.raises(ValueError, match=says):
        ledger.add(event)
    assert ledger.state() == before


def test_a_closing_and_its_trade_may_have_one_name() -> None:
    same = trade(True, hours(1))
    ledger = folded(closing("1", hours(1), same.id), same)
    for again in (closing("1", hours(1), same.id), same):
        with pytest.raises(ValueError, match="folded already"):
            Ledger.from_state(ledger.state()).add(again)


def test_nothing_is_read_from_before_what_is_folded() -> None:
    ledger = folded(closing("1", hours(1)))
    for read in (ledger.at, ledger.groups):
        with pytest.raises(ValueError, match="but b-closing of 2026-06-01T01:00:00\\+00:00 is folded already"):
            read(hours(1) - timedelta(microseconds=1))
    assert ledger.at(hours(1))["daily_pnl"].value == 1
    assert ledger.newest == hours(1)
    with pytest.raises(ValueError, match="has no time zone"):
        ledger.at(NAIVE)


def test_a_zone_needs_a_name() -> None:
    with pytest.raises(ValueError, match="no named time zone; use UTC or ZoneInfo"):
        Ledger(timezone(timedelta(hours=1)))


def test_a_state_of_another_version_is_not_gone_on_from() -> None:
    state = Ledger().state()
    assert state["version"] == Ledger().version == f"{VERSION}:UTC:200:50"
    assert Ledger(ece_window=100).version != Ledger().version
    for other in ({"version": "0:UTC:200:50"}, {}):
        with pytest.raises(ValueError, match=f"this is {VERSION}; fold from the start"):
            Ledger.from_state(other)


def test_a_state_is_json_of_a_bounded_size() -> None:
    ledger, sizes = folded(equity("10000")), []
    for number in range(1200):
        at = MONDAY.astimezone(UTC) + timedelta(hours=4 * number)
        ledger.add(closing(str(Decimal(number % 7 - 3)), at))
        ledger.add(trade(number % 3 > 0, at, kind="breakout", confidence=0.8, ensemble="a" * 64))
        if number in {399, 1199}:
            sizes.append(len(json.dumps(ledger.state())))
    assert sizes[1] < 1.05 * sizes[0] < 20_000


def test_the_same_word_again_and_again_takes_no_room() -> None:
    ledger = folded(equity("10000"))
    before = len(json.dumps(ledger.state()))
    for second in range(30, 3600, 30):
        ledger.add(equity("10000.00", MONDAY + timedelta(seconds=second)))
    assert len(json.dumps(ledger.state())) <= before + 10
