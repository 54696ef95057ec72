"""The API of signals, as a program sees it."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.conftest import FixedClock
from tests.desk.conftest import DAY, NOW, Desk
from tests.signal_rows import (
    HASH,
    SLOT,
    keep_candle,
    keep_day,
    keep_decision,
    keep_instruments,
    keep_prediction,
    keep_signals,
    signal,
)
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.tables import signal_candidates, signals

Get = Callable[..., httpx.Response]


@pytest.fixture
def day(database: Database) -> Database:
    """A day with a signal in every status."""
    keep_day(database)
    return database


@pytest.fixture
def get(api: httpx.Client) -> Get:
    """Asks the API."""

    def ask(path: str, **query: Any) -> httpx.Response:
        return api.get(f"/api/v2/{path}", params=query)

    return ask


def of(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {row["coin"]: row for row in answer.json()["signals"]}


def test_signals_of_today_come_newest_first_with_the_status_of_now(day: Database, get: Get) -> None:
    answer = get("signals")
    found = of(answer)
    assert {coin: row["status"] for coin, row in found.items()} == {
        "BTC": "ready",
        "SOL": "paused",
        "ETH": "expired",
        "XRP": "executed",
    }
    assert list(found) == ["BTC", "SOL", "ETH", "XRP"]
    told = answer.json()
    assert (told["date"], told["total"], told["market"], told["mode"]) == (str(DAY), 4, "simulated", "practice")
    assert datetime.fromisoformat(told["as_of"]) == NOW
    assert set(found["BTC"]) >= {column.name for column in signals.c} - {"lineage"}
    assert "lineage" not in found["BTC"]
    assert found["SOL"]["light"]["message"] == "loss of the day is 4.6%"
    assert (found["ETH"]["outcome"], found["ETH"]["r_multiple"]) == ("stop", -1)


def test_numbers_are_numbers_and_keep_their_digits(day: Database, get: Get) -> None:
    btc = of(get("signals"))["BTC"]
    numbers = [btc[name] for name in ("entry_low", "entry_high", "stop_loss", "take_profit", "risk_reward")]
    assert numbers == [91850, 91950, 91350, 93300, 2.25]
    assert (btc["confidence"], btc["position_size"], btc["risk_amount"], btc["equity"]) == (0.84, 0.25, 150, 10000)
    assert btc["gates"][0]["margin"] == "0.07"


def test_a_signal_expires_by_the_clock_even_when_nobody_writes_it(
    day: Database, get: Get, clock: FixedClock, rows: Callable[..., Any]
) -> None:
    clock.at = SLOT + timedelta(minutes=30)
    assert of(get("signals"))["BTC"]["status"] == "expired"
    assert rows("SELECT status FROM signals WHERE market = 'simulated' AND coin = 'BTC' AND slot = :at", at=SLOT) == [
        {"status": "ready"}
    ]
    assert of(get("signals", status="ready")) == {}
    clock.at -= timedelta(seconds=1)
    assert list(of(get("signals", status="ready"))) == ["BTC"]


@pytest.mark.parametrize(
    ("query", "coins"),
    [
        ({"status": "paused"}, ["SOL"]),
        ({"status": "executed"}, ["XRP"]),
        ({"status": "expired"}, ["ETH"]),
        ({"coin": "btc"}, ["BTC"]),
        ({"coin": "PEPE"}, []),
        ({"date": "2025-10-15"}, ["BTC"]),
        ({"date": "2025-10-14"}, []),
        ({"from": "2025-10-15", "to": "2025-10-16", "coin": "BTC"}, ["BTC", "BTC"]),
        ({"from": "2025-10-16"}, ["BTC", "SOL", "ETH", "XRP"]),
        ({"to": "2025-10-15"}, ["BTC"]),
        ({"limit": "2", "offset": "1"}, ["SOL", "ETH"]),
    ],
)
def test_signals_are_filtered(day: Database, get: Get, query: dict[str, str], coins: list[str]) -> None:
    answer = get("signals", **query)
    assert [row["coin"] for row in answer.json()["signals"]] == coins
    if "limit" in query:
        assert answer.json()["total"] == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "open"}, "status"),
        ({"coin": "BTC-USDT"}, "coin"),
        ({"coin": "BTC\x00"}, "coin"),
        ({"date": "16.10.2025"}, "date"),
        ({"date": "2041-01-01"}, "date"),
        ({"date": "2025-10-16", "from": "2025-10-16"}, "date"),
        ({"from": "2025-10-17", "to": "2025-10-16"}, "to"),
        ({"from": "2023-01-01", "to": "2025-10-16"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "100000"}, "limit"),
        ({"offset": "-1"}, "offset"),
    ],
)
def test_what_cannot_be_meant_is_named(still_desk: Desk, query: dict[str, str], field: str) -> None:
    with still_desk.program() as api:
        answer = api.get("/api/v2/signals", params=query)
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["error"]["fields"]) == [field]


def test_one_signal_has_everything_that_it_was_made_from(day: Database, get: Get) -> None:
    id_ = of(get("signals"))["BTC"]["id"]
    one = get(f"signals/{id_}").json()
    assert (one["id"], one["coin"], one["mode"], one["trading_mode"]) == (id_, "BTC", "live", "practice")
    assert one["lineage"]["candles"] == {"count": 343, "sha256": "9f31" * 16}
    assert set(one["lineage"]) >= {"features", "ensemble", "settings_hash", "light", "tier"}
    assert one["prediction"]["models"]["catboost"] == {"down": 0.06, "flat": 0.2, "up": 0.74}
    assert list(one["prediction"]["models"]) == ["xgboost", "lightgbm", "catboost"]
    assert one["prediction"]["meta_learner"]["up"] == pytest.approx(0.84)
    assert (one["prediction"]["ensemble"], one["prediction"]["ensemble_hash"]) == ("practice-test", HASH)
    assert one["prediction"]["feature_hash"] == "51" * 16
    assert list(one["links"]) == ["candles", "predictions", "signals", "signal_outcomes"]


def test_the_links_of_a_signal_lead_to_its_partition_in_dagster(day: Database, get: Get, desk: Desk) -> None:
    links = get(f"signals/{of(get('signals'))['BTC']['id']}").json()["links"]
    page = desk.person().get(links["signals"], headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert ":3000/assets/signals?view=partitions&amp;partition=2025-10-16" in page.text


def test_a_signal_without_its_prediction_says_so(database: Database, get: Get) -> None:
    keep_signals(database, [signal()])
    assert get(f"signals/{of(get('signals'))['BTC']['id']}").json()["prediction"] is None


@pytest.mark.parametrize("id_", ["0", "-1", "x", "1.5", str(2**63), "9" * 40])
def test_an_id_that_cannot_be_is_refused(still_desk: Desk, id_: str) -> None:
    with still_desk.program() as api:
        for path in (f"signals/{id_}", f"signals/{id_}/ticket"):
            answer = api.get(f"/api/v2/{path}")
            assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["id"])


def test_a_signal_of_another_market_is_not_there(day: Database, get: Get, rows: Callable[..., Any]) -> None:
    (other,) = rows("SELECT id FROM signals WHERE market = 'bybit' AND coin = 'BTC'")
    for path in (f"signals/{other['id']}", f"signals/{other['id']}/ticket", f"signals/{2**62}"):
        answer = get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_signal")
    assert "DOGE" not in of(get("signals"))


def test_a_ready_signal_has_a_ticket_that_says_practice(day: Database, get: Get, api: httpx.Client) -> None:
    id_ = of(get("signals"))["BTC"]["id"]
    told = get(f"signals/{id_}/ticket").json()
    assert told["ticket"].splitlines() == [
        "BTCUSDT  Buy  Limit",
        "Quantity     0.250",
        "Price        91950.0",
        "Take profit  93300.0  last price",
        "Stop loss    91350.0  last price",
        "Link id      xfg-251016-1330-BTC",
        "Practice     not a real order",
    ]
    assert (told["side"], told["quantity"], told["price"], told["mode"]) == ("Buy", "0.250", "91950.0", "practice")
    assert (told["position_multiplier"], told["risk_amount"]) == (1, 150)
    by_query = get(f"signals/{id_}/ticket", format="text")
    by_header = api.get(f"/api/v2/signals/{id_}/ticket", headers={"Accept": "text/plain"})
    for plain in (by_query, by_header):
        assert plain.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert plain.text == told["ticket"] + "\n"
    assert get(f"signals/{id_}/ticket", format="xml").status_code == 422


@pytest.mark.parametrize(
    ("coin", "code", "says"),
    [
        ("SOL", "paused", "PAUSED, open nothing: loss of the day is 4.6%"),
        ("ETH", "expired", "EXPIRED at 2025-10-16 05:00 UTC: open nothing"),
        ("XRP", "executed", "EXECUTED: xfg-251016-0430-XRP has been placed"),
    ],
)
def test_what_cannot_be_acted_on_has_no_ticket(day: Database, get: Get, coin: str, code: str, says: str) -> None:
    answer = get(f"signals/{of(get('signals'))[coin]['id']}/ticket")
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert (error["code"], error["mode"]) == (code, "practice")
    assert error["message"].startswith(says)


def test_a_coin_whose_steps_are_not_known_has_no_ticket(database: Database, get: Get) -> None:
    keep_instruments(database, ("ETH",))
    keep_signals(database, [signal()])
    answer = get(f"signals/{of(get('signals'))['BTC']['id']}/ticket")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "unknown_instrument")


def test_why_there_is_no_signal_has_an_answer_for_every_coin(day: Database, get: Get) -> None:
    told = get("candidates", slot="2025-10-16T13:30").json()
    why = {row["coin"]: row for row in told["candidates"]}
    assert list(why) == ["BTC", "ETH", "SOL", "XRP", "DOGE"]
    assert why["DOGE"]["reason"] == "confidence 0.74 is below 0.77"
    assert why["DOGE"]["margin"] == -0.021787
    assert (why["ETH"]["gate"], why["ETH"]["margin"], why["ETH"]["outcome"]) == ("volume", -0.79, "unresolved")
    assert (why["ETH"]["entry_low"], why["ETH"]["risk_reward"]) == (91850, 2.25)
    assert why["SOL"]["reason"] == "SOL has an open signal of 13:15 UTC"
    assert why["BTC"]["gate"] is None
    assert why["BTC"]["signal_id"] == of(get("signals"))["BTC"]["id"]
    assert not why["XRP"]["evaluated"]
    assert why["XRP"]["reason"].startswith("no run has finished for this slot; its candle is not kept")
    assert set(why["XRP"]) == set(why["DOGE"]) >= {column.name for column in signal_candidates.c}


def test_decisions_of_a_day_are_counted_by_gate_and_filtered(day: Database, get: Get) -> None:
    told = get("candidates").json()
    assert told["counts"] == {"passed": 4, "confidence": 1, "volume": 1, "open_signal": 1, "daily_limit": 1}
    assert (told["total"], len(told["candidates"])) == (8, 8)
    assert {row["market"] for row in told["candidates"]} == {"simulated"}
    limit = get("candidates", gate="daily_limit").json()["candidates"]
    assert [(row["coin"], row["margin"], row["reason"]) for row in limit] == [
        ("DOGE", -1, "it would be signal 13 of the day, and 12 are allowed")
    ]
    assert limit[0]["outcome"] == "target"
    assert [row["coin"] for row in get("candidates", gate="passed").json()["candidates"]] == [
        "BTC",
        "SOL",
        "ETH",
        "XRP",
    ]
    of_doge = get("candidates", coin="doge", limit="1").json()
    assert (of_doge["total"], len(of_doge["candidates"]), of_doge["counts"]) == (
        2,
        1,
        {"confidence": 1, "daily_limit": 1},
    )
    at_slot = get("candidates", slot="2025-10-16T13:30Z", gate="passed").json()
    assert [row["coin"] for row in at_slot["candidates"]] == ["BTC"]


@pytest.mark.parametrize(
    ("slot", "coin", "reason"),
    [
        ("2025-10-16T13:45", "BTC", "the slot is still open: its candle closes at 13:45 UTC"),
        ("2025-10-16T15:45+02:00", "BTC", "the slot is still open: its candle closes at 13:45 UTC"),
        ("2025-10-16T14:00", "BTC", "the slot lies ahead: its candle opens at 2025-10-16 13:45 UTC"),
        ("2025-10-16T13:30", "PEPE", "PEPE is not among market.coins (BTC, ETH, SOL, XRP, DOGE)"),
        (
            "2025-10-16T13:30",
            "BTC",
            "no run has finished for this slot; its candle and its prediction are kept. A run follows each slot",
        ),
        (
            "2025-10-16T13:15",
            "BTC",
            "no run has finished for this slot; its candle is kept, and no prediction. `xfg ba",
        ),
        (
            "2025-10-16T13:00",
            "BTC",
            "no run has finished for this slot; its candle is not kept. `xfg backfill signals ",
        ),
    ],
)
def test_where_nothing_was_decided_what_can_be_known_is_said(
    database: Database, get: Get, slot: str, coin: str, reason: str
) -> None:
    keep_candle(database, "BTC", SLOT)
    keep_candle(database, "BTC", SLOT - timedelta(minutes=15))
    keep_prediction(database)
    (told,) = get("candidates", slot=slot, coin=coin).json()["candidates"]
    assert (told["evaluated"], told["gate"], told["coin"]) == (False, None, coin)
    assert told["reason"].startswith(reason)


def test_a_coin_that_is_no_longer_configured_keeps_its_reasons(database: Database, get: Get) -> None:
    keep_decision(database, "PEPE", SLOT, gate="data", detail="no closed candle for the slot")
    (told,) = get("candidates", slot="2025-10-16T13:30", coin="PEPE").json()["candidates"]
    assert (told["evaluated"], told["gate"], told["reason"]) == (True, "data", "no closed candle for the slot")
    assert "PEPE" in [row["coin"] for row in get("candidates", slot="2025-10-16T13:30").json()["candidates"]]


@pytest.mark.parametrize(
    "query",
    [
        {"slot": "2025-10-16T13:31"},
        {"slot": "2025-10-16"},
        {"slot": "2025-10-16T13:30:30"},
        {"slot": "2025-02-30T13:30"},
        {"slot": "0001-01-01T00:00+14:00"},
        {"slot": "2025-10-16T13:30+99:00"},
        {"slot": "2025-10-16T24:00"},
        {"slot": ""},
        {"slot": "2025-10-16T13:30", "date": "2025-10-15"},
        {"gate": "greed"},
        {"limit": "1001"},
    ],
)
def test_a_slot_or_gate_that_cannot_be_is_named(still_desk: Desk, query: dict[str, str]) -> None:
    with still_desk.program() as api:
        answer = api.get("/api/v2/candidates", params=query)
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["error"]["fields"]) == [next(iter(query))]


def test_an_empty_day_is_empty_and_says_practice(still_desk: Desk) -> None:
    with still_desk.program() as api:
        told = api.get("/api/v2/signals").json()
        assert (told["signals"], told["total"], told["mode"]) == ([], 0, "practice")
        told = api.get("/api/v2/candidates").json()
        assert (told["candidates"], told["counts"], told["mode"]) == ([], {}, "practice")


def test_the_download_is_what_is_stored_and_its_name_says_practice(day: Database, get: Get) -> None:
    answer = get("signals.csv", **{"from": "2025-10-15", "to": "2025-10-16"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "practice_signals_2025-10-15_2025-10-16.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["coin"] for row in rows] == ["BTC", "SOL", "ETH", "XRP", "BTC"]
    assert (rows[0]["market"], rows[0]["stop_loss"], rows[0]["status"]) == ("simulated", "91350", "ready")
    assert get("signals.csv", **{"from": "2020-10-15", "to": "2025-10-16"}).status_code == 422


def test_a_day_is_utc_and_both_ends_are_inside(database: Database, get: Get) -> None:
    midnight = datetime(2025, 10, 16, tzinfo=UTC)
    last = midnight + timedelta(hours=23, minutes=45)
    keep_signals(database, [signal("BTC", midnight), signal("ETH", last), signal("SOL", last + timedelta(minutes=15))])
    assert sorted(of(get("signals", date="2025-10-16"))) == ["BTC", "ETH"]
    assert list(of(get("signals", **{"from": "2025-10-17", "to": "2025-10-17"}))) == ["SOL"]


def test_prices_of_small_coins_keep_every_digit(database: Database, get: Get) -> None:
    plan = {"entry_low": "0.00001234", "entry_high": "0.00001240", "stop_loss": "0.00001200", "take_profit": "0.000014"}
    keep_signals(database, [signal("PEPE", **{name: Decimal(price) for name, price in plan.items()})])
    pepe = of(get("signals"))["PEPE"]
    assert {name: Decimal(str(pepe[name])) for name in plan} == {name: Decimal(price) for name, price in plan.items()}


def test_live_says_live(desk: Desk, database: Database) -> None:
    from tests.desk.conftest import serving
    from xfg_pipeline.resources.pipeline import Pipeline

    live = desk.pipeline.settings.model_copy(update={"mode": "live"})
    keep_signals(database, [signal()], market="bybit")
    keep_signals(database, [signal("ETH")])
    with serving(Pipeline(live, database, desk.pipeline.clock)) as running:
        told = running.program().get("/api/v2/signals", params={"date": str(date(2025, 10, 16))}).json()
    assert (told["mode"], told["market"], [row["coin"] for row in told["signals"]]) == ("live", "bybit", ["BTC"])
