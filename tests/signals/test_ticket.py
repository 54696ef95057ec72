"""The ticket: what a person copies into the exchange, or the reason why there is nothing to copy."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.signals.candidate_rows import BTC, START, FixedLight, candidates
from xfg_pipeline.signals.light import Light
from xfg_pipeline.signals.records import Signal, Status, order_link_id, status_at
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.selection import select
from xfg_pipeline.signals.standing import Standing
from xfg_pipeline.signals.ticket import Ticket, TicketRefused, ticket


def signal(multiplier: str = "0.5", **changed: float) -> Signal:
    found = select(
        [candidates(**changed)],  # type: ignore[arg-type]
        Standing(),
        light=FixedLight(multiplier, "yellow", "calibration error is 6.5%"),
        equity=lambda _: Decimal(39661),
        rules=SignalRules(),
    )
    return found.signals[0]


def made(
    one: Signal, multiplier: str = "0.5", status: Status = "ready", after: timedelta = timedelta(minutes=10)
) -> Ticket:
    light = Light("yellow", Decimal(multiplier), "daily loss is 4.1%")
    return ticket(one, status, "BTCUSDT", BTC, light, START + after, SignalRules())


def test_the_ticket_is_in_the_exchanges_terms() -> None:
    assert made(signal()).text == (
        "BTCUSDT  Buy  Limit\n"
        "Quantity     0.531\n"
        "Price        91970.0\n"
        "Take profit  93250.0  last price\n"
        "Stop loss    91410.0  last price\n"
        "Link id      xfg-251209-0930-BTC"
    )


def test_a_short_sells_at_the_lower_edge() -> None:
    one = signal()
    short = replace(
        one,
        direction="SHORT",
        stop_loss=one.take_profit,
        take_profit=one.stop_loss,
    )
    text = made(short).text.splitlines()
    assert text[0] == "BTCUSDT  Sell  Limit"
    assert text[2] == "Price        91890.0"


def test_a_stricter_light_cuts_the_size_and_a_better_one_leaves_it() -> None:
    full = made(signal("1"), "1")
    cut = made(signal("1"), "0.5")
    assert (full.quantity, cut.quantity) == ("1.062", "0.531")
    assert (full.multiplier, cut.multiplier) == (Decimal(1), Decimal("0.5"))
    assert cut.risk_amount == Decimal("0.531") * 560
    assert made(signal("0.5"), "1").quantity == "0.531"


@pytest.mark.parametrize(
    ("arguments", "first_word"),
    [
        ({"status": "expired"}, "EXPIRED"),
        ({"after": timedelta(minutes=30)}, "EXPIRED"),
        ({"status": "executed"}, "EXECUTED"),
        ({"status": "paused"}, "PAUSED"),
        ({"multiplier": "0"}, "PAUSED, open nothing: daily loss is 4.1%"),
    ],
)
def test_what_cannot_be_acted_on_has_no_ticket_and_says_so_first(arguments: dict[str, object], first_word: str) -> None:
    with pytest.raises(TicketRefused) as refused:
        made(signal(), **arguments)  # type: ignore[arg-type]
    text = str(refused.value)
    assert text.startswith(first_word)
    assert "0.531" not in text


def test_a_size_cut_below_the_least_order_is_refused() -> None:
    one = replace(signal("1"), equity=Decimal(40), position_size=Decimal("0.001"))
    assert made(one, "1").quantity == "0.001"
    with pytest.raises(TicketRefused, match=r"NO SIZE at ×0.5.*least order of 0.001"):
        made(one, "0.5")


def test_numbers_from_the_database_lose_their_zeros() -> None:
    stored = replace(signal(), position_size=Decimal("0.53100000"), entry_high=Decimal("91970.00000000"))
    assert made(stored).text == made(signal()).text


def test_the_time_of_expiry_is_told_in_utc() -> None:

    elsewhere = replace(signal(), expires_at=(START + timedelta(minutes=30)).astimezone(ZoneInfo("America/New_York")))
    with pytest.raises(TicketRefused, match="EXPIRED at 2025-12-09 10:00 UTC: open nothing"):
        made(elsewhere, after=timedelta(hours=1))


@pytest.mark.parametrize(
    ("status", "after", "expected"),
    [
        ("ready", 29, "ready"),
        ("ready", 30, "expired"),
        ("paused", 29, "paused"),
        ("paused", 31, "expired"),
        ("executed", 31, "executed"),
        ("expired", 0, "expired"),
    ],
)
def test_a_status_ends_by_itself_unless_it_was_executed(status: Status, after: int, expected: Status) -> None:
    assert status_at(status, START + timedelta(minutes=30), START + timedelta(minutes=after)) == expected


def test_the_link_id_is_by_slot_in_utc_and_by_coin() -> None:

    assert order_link_id(START.astimezone(ZoneInfo("America/New_York")), "BTC") == "xfg-251209-0930-BTC"
    assert order_link_id(START, "1000PEPE") == "xfg-251209-0930-1000PEPE"
    assert len(order_link_id(START, "A" * 20)) == 36
    for coin in ("A" * 21, "BT C", "BTC/USDT", ""):
        with pytest.raises(ValueError, match="order link id"):
            order_link_id(START, coin)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stop_loss": Decimal(91890)},
        {"take_profit": Decimal(91970)},
        {"entry_low": Decimal(91980)},
        {"direction": "SHORT"},
    ],
)
def test_a_signal_with_prices_on_the_wrong_sides_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not in order"):
        replace(signal(), **wrong)  # type: ignore[arg-type]
