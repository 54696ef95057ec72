"""What a recorded file is, and what is said when it is not: file, row, column, remedy."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.exchange.recordings import BEGIN, recorded, write
from xfg_pipeline.exchange.market import MarketError, MarketMalformed, MarketUnavailable
from xfg_pipeline.exchange.replay import ReplayMarket
from xfg_pipeline.exchange.replay_names import recording
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.slots import moment

ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
ENDINGS = ("csv", "parquet", "feather")


def read(folder: Path, coin: str = "BTC") -> Candles:
    return ReplayMarket(folder).candles(coin, *ALWAYS)


def same(found: Candles, frame: pd.DataFrame) -> bool:
    """Whether candles are those of a frame, to the last bit."""
    names = ("open", "high", "low", "close", "volume")
    times = [int(at.timestamp()) for at in frame["date"]]
    return found.open_time.tolist() == times and all(
        np.array_equal(getattr(found, name), frame[name].to_numpy()) for name in names
    )


@pytest.mark.parametrize(
    ("name", "coin", "minutes", "source"),
    [
        ("BTC_USDT-15m.feather", "BTC", 15, ""),
        ("bybit_BTCUSDT_15m.csv", "BTC", 15, "bybit"),
        ("btcusdt-1m.PARQUET", "BTC", 1, ""),
        ("1000PEPE_USDT-15m.csv", "1000PEPE", 15, ""),
        ("1000PEPEUSDT_15m.csv", "1000PEPE", 15, ""),
        ("Binance_ETH-USDT-15m.feather", "ETH", 15, "binance"),
        ("SOL_USDT_USDT-15m-futures.feather", "SOL", 15, ""),
    ],
)
def test_a_name_says_coin_and_interval(name: str, coin: str, minutes: int, source: str) -> None:
    found = recording(Path(name))
    assert found is not None
    assert (found.coin, found.minutes, found.source) == (coin, minutes, source)


@pytest.mark.parametrize(
    "name",
    [
        "BTC_USDT-5m.feather",
        "BTC_USDT-1h.csv",
        "BTC_USDT-15m.json",
        "BTC_EUR-15m.csv",
        "notes.csv",
        "BTC_USDT-15m.csv.tmp",
    ],
)
def test_other_names_are_no_recordings(name: str) -> None:
    assert recording(Path(name)) is None


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_gives_the_same_candles(tmp_path: Path, ending: str) -> None:
    frame = recorded(500)
    write(frame, tmp_path / f"BTC_USDT-15m.{ending}")
    assert same(read(tmp_path), frame)


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("date", lambda at: at.dt.strftime("%Y-%m-%d %H:%M:%S")),
        ("timestamp", lambda at: at.dt.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("Open Time", lambda at: at.dt.tz_convert("America/New_York").map(lambda one: one.isoformat())),
        ("TIME", lambda at: [int(x.timestamp()) for x in at]),
        ("timestamp", lambda at: [int(x.timestamp()) * 1000 for x in at]),
        ("open_time", lambda at: [int(x.timestamp()) * 1_000_000 for x in at]),
        ("datetime", lambda at: [float(x.timestamp()) for x in at]),
    ],
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_times_may_be_text_or_seconds_and_naive_text_is_utc(tmp_path: Path, ending: str, name: str, times: Any) -> None:
    frame = recorded()
    told = frame.drop(columns="date")
    told.insert(0, name, times(frame["date"]))
    write(told, tmp_path / f"BTC_USDT-15m.{ending}")
    assert same(read(tmp_path), frame)


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_typed_times_are_utc_where_they_have_no_zone(tmp_path: Path, zone: str | None, unit: str) -> None:
    frame = recorded()
    at = frame["date"].dt.tz_localize(None) if zone is None else frame["date"].dt.tz_convert(zone)
    frame.assign(date=at.dt.as_unit(unit)).to_parquet(tmp_path / "BTC_USDT-15m.parquet")
    assert same(read(tmp_path), frame)


@pytest.mark.parametrize("index_name", ["Date", None])
def test_times_may_be_the_index_of_a_typed_file(tmp_path: Path, index_name: str | None) -> None:
    frame = recorded()
    frame.set_index("date").rename_axis(index_name).to_parquet(tmp_path / "BTC_USDT-15m.parquet")
    assert same(read(tmp_path), frame)


def test_numbers_may_be_decimals_or_texts_or_smaller_types(tmp_path: Path) -> None:
    frame = recorded()
    table = pa.table(
        {
            "date": pa.array(frame["date"]),
            "open": pa.array([Decimal(str(value)) for value in frame["open"]], pa.decimal128(12, 4)),
            "high": pa.array([str(value) for value in frame["high"]]),
            "low": pa.array(frame["low"]),
            "close": pa.array(frame["close"]),
            "volume": pa.array(frame["volume"].astype("int16")),
        }
    )
    parquet.write_table(table, tmp_path / "BTC_USDT-15m.parquet")
    assert same(read(tmp_path), frame)


def test_rows_may_stand_in_any_order_and_other_columns_are_ignored(tmp_path: Path) -> None:
    frame = recorded()
    told = frame.iloc[[5, 0, 3, 1, 2, 4]].assign(turnover=1.0, close_time="x")
    write(told[["close_time", "volume", "close", "low", "high", "open", "date"]], tmp_path / "BTC_USDT-15m.csv")
    assert same(read(tmp_path), frame)


def test_a_gap_in_a_recording_stays_a_gap(tmp_path: Path) -> None:
    frame = recorded().drop(index=[2, 3])
    write(frame, tmp_path / "BTC_USDT-15m.csv")
    assert same(read(tmp_path), frame)


def test_a_file_with_a_header_alone_is_no_candles(tmp_path: Path) -> None:
    (tmp_path / "BTC_USDT-15m.csv").write_text("date,open,high,low,close,volume\n")
    assert len(read(tmp_path)) == 0


LINE = "2025-01-01 00:15:00,100,101,99,100,5"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("soon,100,101,99,100,5", r"line 3, column date: 'soon' is no time.*ISO 8601"),
        ("31/01/2025 00:15,100,101,99,100,5", r"line 3, column date: '31/01/2025 00:15' is no time"),
        (",100,101,99,100,5", "line 3, column date: .* is no time"),
        (
            "2025-01-01 00:20:00,100,101,99,100,5",
            "line 3, column open_time: 2025-01-01T00:20:00.* is not on the 900 s grid",
        ),
        ("2025-01-01 00:15:00.5,100,101,99,100,5", "is no whole second"),
        ("2025-01-01 00:00:00,100,101,99,100,5", "line 3, column open_time: 2025-01-01T00:00:00.* is there twice"),
        ("2025-01-01 00:15:00,a hundred,101,99,100,5", "line 3, column open: 'a hundred' is no number"),
        ("2025-01-01 00:15:00,1e999,1e999,99,100,5", "line 3, column (open|high): inf is no price"),
        ("2025-01-01 00:15:00,100,101,99,-100,5", r"line 3, column close: -100\.0 is no price"),
        ("2025-01-01 00:15:00,100,101,0,100,5", r"line 3, column low: 0\.0 is no price"),
        ("2025-01-01 00:15:00,100,101,99,100,-5", r"line 3, column volume: -5\.0 is no volume"),
        ("2025-01-01 00:15:00,100,101,99,100,", "line 3, column volume: nan is empty"),
        ("2025-01-01 00:15:00,100,101,99", "line 3, column (close|volume): nan is empty"),
        ("2025-01-01 00:15:00,100,99.5,99,100,5", "line 3, the candle has its high below its open, low or close"),
        ("2025-01-01 00:15:00,100,101,100.5,100,5", "line 3, the candle has its low above its open or close"),
        ("2025-01-01 00:15:00,100,101,99,100,5,7", "cannot be read: .*line 3"),
        ('2025-01-01 00:15:00,100,101,99,100,"5', "cannot be read"),
    ],
)
def test_a_broken_line_is_named_with_its_column(tmp_path: Path, line: str, told: str) -> None:
    rows = ["date,open,high,low,close,volume", "2025-01-01 00:00:00,100,101,99,100,5", line]
    (tmp_path / "BTC_USDT-15m.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(MarketMalformed, match=told) as refused:
        read(tmp_path)
    assert "BTC_USDT-15m.csv" in str(refused.value)
    assert "Nothing of it is used; " in str(refused.value)
    assert refused.value.coin == "BTC"


def test_a_bad_row_of_a_typed_file_is_named_and_the_others_are_counted(tmp_path: Path) -> None:
    frame = recorded()
    frame.loc[[2, 4, 5], "low"] = 0.0
    write(frame, tmp_path / "BTC_USDT-15m.feather")
    with pytest.raises(MarketMalformed, match=r"row 3, column low: 0\.0 is no price.*and 2 other rows are wrong"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("open,high,low,close,volume,x", "has no column of times"),
        ("date,open,high,low,close,vol", "has no column volume"),
        ("date,time,high,low,close,volume", "has date and time"),
        ("date,open,Open,low,close,high", "has 2 columns open"),
        ("date;open;high;low;close;volume", "has no column of times"),
        ("date,open,high,low,close", "more cells in its rows than in its header"),
    ],
)
def test_a_header_that_does_not_fit_says_what_is_there_and_what_is_wanted(
    tmp_path: Path, header: str, told: str
) -> None:
    line = LINE.replace(",", ";") if ";" in header else LINE
    (tmp_path / "BTC_USDT-15m.csv").write_text(f"{header}\n{line}\n")
    with pytest.raises(MarketMalformed, match=told):
        read(tmp_path)


@pytest.mark.parametrize(
    "times",
    [
        [BEGIN, BEGIN * 1000],
        [BEGIN, BEGIN + 0.5],
        [BEGIN, -900],
        [BEGIN * 10**9, BEGIN * 10**9 + 900 * 10**9],
        [True, False],
        pd.to_datetime([0, 900], unit="s", utc=True),
        pd.to_datetime([BEGIN, 5_000_000_000], unit="s"),
        np.array([BEGIN, -7_000_000_000_000], dtype="datetime64[s]"),
        [float("nan"), BEGIN],
        [float("inf"), BEGIN],
        [None, None],
    ],
)
def test_numbers_that_are_no_times_are_refused(tmp_path: Path, times: object) -> None:
    write(recorded(2).assign(date=times), tmp_path / "BTC_USDT-15m.parquet")
    with pytest.raises(MarketMalformed, match="column date"):
        read(tmp_path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_empty_or_cut_off_or_something_else_is_malformed(tmp_path: Path, ending: str) -> None:
    path = write(recorded(300), tmp_path / f"BTC_USDT-15m.{ending}")
    whole = path.read_bytes()
    for content in (b"", b"\x00" * 64, b"\xff\xfe\x00garbage", whole[: len(whole) // 2 - 3], b"<html>"):
        path.write_bytes(content)
        with pytest.raises(MarketMalformed, match="BTC_USDT-15m"):
            read(tmp_path)


def test_broken_contents_that_arrow_takes_for_a_failure_of_the_disk_are_malformed(tmp_path: Path) -> None:
    path = write(recorded(300), tmp_path / "BTC_USDT-15m.parquet")
    content = bytearray(path.read_bytes())
    content[4] ^= 0xFF  # the header of the first page
    path.write_bytes(content)
    with pytest.raises(MarketMalformed, match=r"cannot be read: .*thrift"):
        read(tmp_path)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.floats(0, 1), byte=st.integers(1, 255), cut=st.floats(0, 1) | st.none())
def test_any_damaged_byte_gives_candles_or_an_error_of_the_market(
    tmp_path: Path, ending: str, at: float, byte: int, cut: float | None
) -> None:
    path = write(recorded(20), tmp_path / f"BTC_USDT-15m.{ending}")
    content = bytearray(path.read_bytes())
    content[int(at * (len(content) - 1))] ^= byte
    path.write_bytes(content if cut is None else content[: int(cut * len(content))])
    error = None
    try:
        read(tmp_path)
    except MarketError as refused:
        error = refused
    assert error is None or "BTC_USDT-15m" in str(error)


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "BTC_USDT-15m.csv").symlink_to(tmp_path / "elsewhere.csv")
    market = ReplayMarket(tmp_path)
    with pytest.raises(MarketMalformed, match="no recording of BTC"):
        market.candles("BTC", *ALWAYS)
    path = write(recorded(), tmp_path / "ETH_USDT-15m.csv")
    assert market.coins() == ("ETH",)
    # The folder has not changed by its time: the file went between the listing and the reading.
    path.unlink()
    market._listed = (tmp_path.stat().st_mtime_ns, market._listed[1])  # type: ignore[index]
    with pytest.raises(MarketUnavailable, match="cannot be opened: No such file"):
        market.candles("ETH", *ALWAYS)


def test_a_month_of_minutes_is_kept_to_the_last_bit(tmp_path: Path) -> None:
    frame = recorded(40_000, minutes=1)
    write(frame, tmp_path / "BTC_USDT-1m.csv")
    found = ReplayMarket(tmp_path).finer_candles("BTC", *ALWAYS)
    assert found is not None
    assert same(found, frame)
    assert moment(found.close_time[-1]) - moment(found.open_time[0]) == timedelta(minutes=40_000)
