"""Rows of candles and slots that cannot be: the table refuses them, whoever writes."""

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from tests.conftest import Cluster
from xfg_pipeline.storage import migrate
from xfg_pipeline.storage.database import Database

CANDLE = {
    "market": "simulated",
    "coin": "BTC",
    "open_time": "2025-11-18 10:00Z",
    "open": "100",
    "high": "101",
    "low": "99",
    "close": "100.5",
    "volume": "3",
    "recorded_at": "2025-11-18 10:15Z",
}
CANDIDATE = {
    "market": "simulated",
    "coin": "BTC",
    "slot": "2025-11-18 10:15Z",
    "mode": "live",
    "made_at": "2025-11-18 10:15Z",
    "gate": "volume",
    "direction": "LONG",
    "confidence": "0.8",
    "entry_low": "99",
    "entry_high": "100",
    "stop_loss": "98",
    "take_profit": "104",
}
SIGNAL = {
    "market": "simulated",
    "coin": "BTC",
    "slot": "2025-11-18 10:15Z",
    "mode": "live",
    "created_at": "2025-11-18 10:15Z",
    "signal_type": "breakout",
    "direction": "SHORT",
    "tier": "3",
    "confidence": "0.8",
    "disagreement": "0.1",
    "volume_ratio": "2.5",
    "entry_low": "99",
    "entry_high": "100",
    "stop_loss": "101",
    "take_profit": "95",
    "risk_reward": "2.0",
    "position_size": "1",
    "position_multiplier": "1",
    "risk_amount": "2",
    "equity": "10000",
    "reasoning": "why",
    "status": "ready",
    "expires_at": "2025-11-18 10:45Z",
    "order_link_id": "xfg-251118-1015-BTC",
    "gates": "[]",
}
ROWS = {"candles": CANDLE, "signal_candidates": CANDIDATE, "signals": SIGNAL}


def insert(database: Database, table: str, row: Mapping[str, str | None]) -> None:
    columns = ", ".join(row)
    values = ", ".join("NULL" if value is None else f"'{value}'" for value in row.values())
    with database.begin() as connection:
        connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({values})"))


@pytest.mark.parametrize("table", ROWS)
def test_a_possible_row_is_taken_once(database: Database, table: str) -> None:
    insert(database, table, ROWS[table])
    with pytest.raises(DBAPIError, match="duplicate key"):
        insert(database, table, ROWS[table])


@pytest.mark.parametrize(
    ("table", "bad"),
    [
        ("candles", {"close": "NaN"}),
        ("candles", {"high": "Infinity"}),
        ("candles", {"low": "0"}),
        ("candles", {"high": "100.2"}),
        ("candles", {"low": "100.2"}),
        ("candles", {"volume": "-1"}),
        ("candles", {"volume": "NaN"}),
        ("candles", {"open_time": "2025-11-18 10:07Z"}),
        ("candles", {"open_time": "2025-11-18 10:00:00.5Z"}),
        ("candles", {"market": "binance"}),
        ("candles", {"coin": "btc"}),
        ("signal_candidates", {"gate": "mood"}),
        ("signal_candidates", {"confidence": "1.01"}),
        ("signal_candidates", {"confidence": "NaN"}),
        ("signal_candidates", {"stop_loss": "100"}),
        ("signal_candidates", {"take_profit": "99.5"}),
        ("signal_candidates", {"direction": "SHORT"}),
        ("signal_candidates", {"mode": "guessed"}),
        ("signals", {"direction": "LONG"}),
        ("signals", {"stop_loss": "99.5"}),
        ("signals", {"take_profit": "NaN"}),
        ("signals", {"signal_type": "hunch"}),
        ("signals", {"position_size": "0"}),
        ("signals", {"position_multiplier": "0"}),
        ("signals", {"position_multiplier": "2"}),
        ("signals", {"equity": None}),
        ("signals", {"tier": "4"}),
        ("signals", {"mode": "backfill"}),
        ("signals", {"status": "done"}),
        ("signals", {"status": "executed"}),
        ("signals", {"expires_at": "2025-11-18 10:15Z"}),
        ("signals", {"order_link_id": "xfg 1"}),
        ("signals", {"order_link_id": "x" * 37}),
    ],
)
def test_an_impossible_row_is_refused(database: Database, table: str, bad: dict[str, str | None]) -> None:
    with pytest.raises(DBAPIError):
        insert(database, table, ROWS[table] | bad)
    insert(database, table, ROWS[table])


def test_a_database_of_the_first_release_is_brought_up_with_its_rows(cluster: Cluster) -> None:
    from alembic import command

    earlier = Database(cluster.create())
    with earlier.begin() as connection:
        command.upgrade(migrate._config(connection), "0001")
    with earlier.begin() as connection:
        connection.execute(sa.text("INSERT INTO service_marks (name, at) VALUES ('inbox.last_look', now())"))
    assert migrate.pending(earlier) == ["0002", "0003"]
    assert migrate.upgrade(earlier) == ["0002", "0003"]
    with earlier.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM service_marks")).scalar_one() == 1
        assert connection.execute(sa.text("SELECT count(*) FROM signals")).scalar_one() == 0
    earlier.dispose()
