"""The practice market: the same candles whenever they are asked for, possible ones, and the documented structure."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from xfg_pipeline.exchange.market import Market, MarketMalformed
from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.exchange.simulation import path
from xfg_pipeline.exchange.simulation.coins import coin_named
from xfg_pipeline.exchange.simulation.setups import CYCLE_DAYS, DECOYS, SETUPS, Kind, Setup, is_weak
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.features import FEATURES, FeatureRows, compute, needed_from
from xfg_pipeline.signals.slots import DAY_SECONDS, SLOT_SECONDS, moment, seconds

START = datetime(2025, 3, 1, tzinfo=UTC)
EVER = datetime(2100, 1, 1, tzinfo=UTC)
COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE")
COLUMNS = ("open_time", "open", "high", "low", "close", "volume")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "practice_market.md"
SAMPLE = (("BTC", "2005-01-03"), ("DOGE", "2025-03-01"), ("PEPE", "2025-10-26"), ("ETH", "2040-06-01"))
MADE_OF = "c44bb17baa9adde16b8e66eae4a38c401a22240fe47b1e7912bc616fcc4d9653"
market: Market = SimulatedMarket()
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same(one: Candles, other: Candles) -> bool:
    """Whether candles are equal to the last bit."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def digest() -> str:
    """Of candles, minutes and positioning of some coins and days."""
    made = hashlib.sha256()
    for coin, day in SAMPLE:
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        end = start + timedelta(days=9)
        for candles in (market.candles(coin, start, end, EVER), market.finer_candles(coin, start, end, EVER)):
            assert candles is not None
            for name in COLUMNS:
                made.update(getattr(candles, name).tobytes())
        others = market.positioning(coin, start, end)
        assert others is not None
        for column in (others.time, others.funding_rate, others.open_interest, others.long_short_ratio):
            made.update(column.tobytes())
    return made.hexdigest()


@pytest.fixture(scope="module")
def two_months() -> dict[str, Candles]:
    """Candles of five coins."""
    end = START + timedelta(days=61)
    return {coin: market.candles(coin, START, end, end) for coin in COINS}


@few
@given(
    coin=st.sampled_from([*COINS, "WIF", "1000SHIB"]),
    first=st.integers(-60, 60 * 96),
    size=st.integers(0, 900),
    forget=st.booleans(),
)
def test_a_candle_is_the_same_in_whatever_range_and_order_it_is_asked_for(
    coin: str, first: int, size: int, forget: bool
) -> None:
    if forget:
        path.week.cache_clear()
    start = START + timedelta(minutes=15 * first)
    end = start + timedelta(minutes=15 * size)
    asked = market.candles(coin, start, end, EVER)
    whole = market.candles(coin, START - timedelta(days=30), START + timedelta(days=90), EVER)
    assert len(asked) == size
    assert same(asked, whole.opened_between(start, end))


def test_another_process_makes_the_same_market() -> None:
    code = "from tests.exchange.test_simulated import digest; print(digest())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        cwd=DOCS.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == digest()


def test_the_market_is_still_the_one_that_the_bundled_ensemble_was_trained_on() -> None:
    # Whoever changes it on purpose trains the practice ensemble again, and writes the new digest here.
    assert digest() == MADE_OF


@few
@given(slot=st.integers(-120, 120), second=st.sampled_from([-61, -60, -59, -1, 0, 1, 59]), fine=st.booleans())
@example(slot=1, second=-1, fine=False)
@example(slot=1, second=-1, fine=True)
def test_nothing_is_shown_that_had_not_closed_by_then(slot: int, second: int, fine: bool) -> None:
    as_of = START + timedelta(minutes=15 * slot, seconds=second)
    start, end = START - timedelta(days=1), START + timedelta(days=1)
    whole, shown = (
        market.finer_candles("ETH", start, end, at) if fine else market.candles("ETH", start, end, at)
        for at in (EVER, as_of)
    )
    assert whole is not None
    assert shown is not None
    assert same(shown, whole.closed_by(as_of))
    assert (shown.close_time <= seconds(as_of)).all()


@pytest.mark.parametrize("year", [1975, 2005, 2040, 2090])
def test_far_past_and_future_are_markets_like_any_other(year: int) -> None:
    start = datetime(year, 2, 27, tzinfo=UTC)
    for coin in COINS:
        candles = market.candles(coin, start, start + timedelta(days=20), EVER)
        assert len(candles) == 20 * 96
        known = coin_named(coin)
        assert known is not None
        assert known.price / 8 < candles.close.min() < candles.close.max() < known.price * 8
        assert 0.001 < np.mean((candles.high - candles.low) / candles.close) < 0.01


@few
@given(name=st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True), day=st.integers(0, 20_000))
def test_any_name_is_a_coin_with_possible_candles_on_its_own_grid(name: str, day: int) -> None:
    start = moment(day * DAY_SECONDS)
    instrument = market.instruments((name,))[name]
    candles = market.candles(name, start, start + timedelta(days=2), EVER)
    assert len(candles) == 192
    assert instrument.symbol == f"{name}USDT"
    for column, unit in ((candles.close, instrument.tick_size), (candles.volume, instrument.qty_step)):
        whole = [Decimal(repr(value)) / unit for value in column[:20].tolist()]
        assert all(value == value.to_integral_value() for value in whole)
    assert candles.close.min() > 500 * float(instrument.tick_size)
    assert candles.volume.min() > 0


@pytest.mark.parametrize("name", ["", "btc", "BTC/USDT", "BTC-PERP", "A" * 21, "BTC\n"])
def test_what_cannot_be_a_coin_is_left_out_and_refused(name: str) -> None:
    assert market.instruments(("BTC", name)).keys() == {"BTC"}
    with pytest.raises(MarketMalformed, match="is not the name of a coin") as refused:
        market.candles(name, START, START + timedelta(days=1), EVER)
    assert refused.value.coin == name


def test_time_is_the_asker_s_own() -> None:
    assert market.time(START) == START
    assert market.name == "simulated"


def test_weeks_meet_without_a_seam() -> None:
    candles = market.candles("BTC", START, START + timedelta(days=700), EVER)
    seam = np.flatnonzero((candles.open_time // SLOT_SECONDS - path.block_offset("BTC")) % path.CANDLES == 0)
    seam = seam[seam > 0]
    assert seam.size >= 99
    assert (candles.open[seam] == candles.close[seam - 1]).all()
    moves = np.abs(np.diff(np.log(candles.close)))
    assert moves[seam - 1].mean() < 1.3 * moves.mean()


def test_volatility_comes_in_clusters_and_returns_do_not(two_months: dict[str, Candles]) -> None:
    for candles in two_months.values():
        moves = np.diff(np.log(candles.close))

        def echo(values: np.ndarray, lag: int) -> float:
            return float(np.corrcoef(values[lag:], values[:-lag])[0, 1])

        assert echo(np.abs(moves), 1) > 0.08
        assert echo(np.abs(moves), 4) > 0.04
        assert abs(echo(moves, 1)) < 0.12
        days = np.abs(moves[: 60 * 96]).reshape(60, 96).mean(axis=1)
        assert days.max() > 2 * days.min()


def test_coins_move_together_but_not_alike(two_months: dict[str, Candles]) -> None:
    moves = np.corrcoef([np.diff(np.log(candles.close)) for candles in two_months.values()])
    others = moves[np.triu_indices(len(COINS), 1)]
    assert 0.1 < others.min() < others.max() < 0.6


def test_volume_follows_movement_and_has_a_long_tail(two_months: dict[str, Candles]) -> None:
    for candles in two_months.values():
        height = (candles.high - candles.low) / candles.close
        assert np.corrcoef(height, candles.volume)[0, 1] > 0.4
        assert candles.volume.max() > 6 * np.median(candles.volume)


def test_now_and_then_a_candle_opens_away_from_the_close_before(two_months: dict[str, Candles]) -> None:
    jumps = np.concatenate([candles.open[1:] != candles.close[:-1] for candles in two_months.values()])
    assert 0.003 < jumps.mean() < 0.03


def planted(coin: str, start: datetime, end: datetime) -> list[tuple[int, Setup]]:
    known = coin_named(coin)
    assert known is not None
    found = path.stretch(known, seconds(start), seconds(end)).setups
    return [(at, setup) for at, setup in found if seconds(start) <= at < seconds(end)]


def first_touch(candles: Candles, at: int, atr: float, direction: int, target: float, stop: float, within: int) -> int:
    """1 when `target` ATR in the direction comes before `stop` ATR against it, -1 the other way, 0 neither."""
    after = slice(at + 1, at + 1 + within)
    close = candles.close[at]
    best = (candles.high[after] - close) if direction > 0 else (close - candles.low[after])
    worst = (close - candles.low[after]) if direction > 0 else (candles.high[after] - close)
    won, lost = (
        int(np.argmax(reached)) if (reached := distance >= size * atr).any() else within
        for distance, size in ((best, target), (worst, stop))
    )
    return 0 if won == lost else (1 if won < lost else -1)


YEAR = START + timedelta(days=365)
Judged = tuple[Setup, bool, int, int, dict[str, float]]


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    """Every setup of ten coins in a year: itself, whether in a weak spell, the event, a plan, and its features."""
    found: list[Judged] = []
    for coin in (*COINS, "ADA", "AVAX", "LINK", "BNB", "LTC"):
        candles = market.candles(coin, needed_from(START), YEAR + timedelta(days=2), EVER)
        rows: FeatureRows = compute(candles, START, YEAR)
        for at, setup in planted(coin, START, YEAR):
            row = (at - int(rows.slots[0])) // SLOT_SECONDS
            place = int(np.searchsorted(candles.close_time, at))
            atr = float(rows.measures["atr"][row])
            event, plan = (
                first_touch(candles, place, atr, setup.direction, *sizes) for sizes in ((2, 2, 16), (3, 1.5, 96))
            )
            found.append((setup, is_weak(at), event, plan, dict(zip(FEATURES, rows.values[row], strict=True))))
    return found


def test_each_kind_of_setup_occurs_and_works_as_documented_until_it_weakens(judged: list[Judged]) -> None:
    for kind in SETUPS:
        of_kind = [one for one in judged if one[0].kind is kind]
        assert 0.2 < len(of_kind) / 3650 < 0.4
        for weak, event_range, plan_range in ((False, (0.88, 0.96), (0.82, 0.93)), (True, (0.42, 0.65), (0.36, 0.62))):
            chosen = [one for one in of_kind if one[1] is weak]
            event, plan = (float(np.mean([one[place] == 1 for one in chosen])) for place in (2, 3))
            assert event_range[0] < event < event_range[1], (kind, weak)
            assert plan_range[0] < plan < plan_range[1], (kind, weak)
        assert 0.45 < np.mean([one[0].direction > 0 for one in of_kind]) < 0.55


def test_clearer_setups_work_more_often(judged: list[Judged]) -> None:
    clear, faint = (
        np.mean([one[2] == 1 for one in judged if one[0].kind in SETUPS and not one[1] and half(one[0].strength)])
        for half in (lambda strength: strength > 0.5, lambda strength: strength <= 0.5)
    )
    assert clear > faint


def test_nothing_follows_a_decoy(judged: list[Judged]) -> None:
    for kind in DECOYS:
        chosen = [one for one in judged if one[0].kind is kind]
        assert len(chosen) / 3650 > 0.2
        up, down = (np.mean([one[2] * one[0].direction == side for one in chosen]) for side in (1, -1))
        assert abs(up - down) < 0.08
        assert max(up, down) < 0.5


def test_setups_look_like_what_they_are(judged: list[Judged]) -> None:
    def share(kind: Kind, holds: Callable[[dict[str, float], int], bool]) -> float:
        return float(np.mean([holds(one[4], one[0].direction) for one in judged if one[0].kind is kind]))

    assert share(Kind.BREAKOUT, lambda row, _: row["volume_ratio_20"] > 3) > 0.98
    assert (
        share(Kind.BREAKOUT, lambda row, side: (row["range_high_20"] > 0) if side > 0 else (row["range_low_20"] < 0))
        > 0.95
    )
    assert share(Kind.BREAKOUT, lambda row, _: row["band_width_before"] < 0.8) > 0.75
    assert share(Kind.CAPITULATION, lambda row, side: side * row["rsi_7"] < -0.2) > 0.75
    assert share(Kind.CAPITULATION, lambda row, side: row["lower_wick" if side > 0 else "upper_wick"] > 0.3) > 0.9
    assert share(Kind.RESUMPTION, lambda row, side: side * row["ema_50_distance"] > 0) > 0.95
    assert share(Kind.SPIKE, lambda row, _: row["volume_ratio_20"] > 2) > 0.95
    assert share(Kind.SPIKE, lambda row, _: row["band_width_before"] < 0.8) < 0.5


def test_a_weak_spell_cannot_be_told_from_the_features(judged: list[Judged]) -> None:
    # The mean of each feature differs between spells by less than what chance does to 45 means of these sizes.
    rows = np.array([list(one[4].values()) for one in judged if one[0].kind in SETUPS])
    weak = np.array([one[1] for one in judged if one[0].kind in SETUPS])
    rows = rows[:, rows.std(axis=0) > 0]
    error = rows.std(axis=0) * np.sqrt(1 / weak.sum() + 1 / (~weak).sum())
    away = np.abs(rows[weak].mean(axis=0) - rows[~weak].mean(axis=0)) / error
    assert away.max() < 4.5
    assert rows.shape[1] > 40


@few
@given(st.integers(-5_000, 50_000))
def test_every_thirty_days_have_a_weak_spell_of_two_or_three_days_and_more_that_is_not(day: int) -> None:
    weak = [is_weak((day + n) * DAY_SECONDS + 12 * 3600) for n in range(30)]
    assert 2 <= sum(weak) <= 12
    first = day // CYCLE_DAYS * CYCLE_DAYS
    cycle = "".join("x" if is_weak((first + n) * DAY_SECONDS) else "." for n in range(CYCLE_DAYS))
    assert cycle.strip(".") in {"xx", "xxx"}


@few
@given(coin=st.sampled_from([*COINS, "PEPE"]), first=st.integers(-5000, 5000), size=st.integers(1, 400))
def test_minutes_add_up_to_the_candle_exactly(coin: str, first: int, size: int) -> None:
    start = START + timedelta(minutes=15 * first)
    end = start + timedelta(minutes=15 * size)
    coarse, fine = market.candles(coin, start, end, EVER), market.finer_candles(coin, start, end, EVER)
    assert fine is not None
    assert fine.interval_seconds == 60
    assert len(fine) == 15 * size
    step = float(market.instruments((coin,))[coin].qty_step)
    by_candle = {name: getattr(fine, name).reshape(size, 15) for name in COLUMNS}
    assert np.array_equal(by_candle["open_time"][:, 0], coarse.open_time)
    assert np.array_equal(by_candle["open"][:, 0], coarse.open)
    assert np.array_equal(by_candle["high"].max(axis=1), coarse.high)
    assert np.array_equal(by_candle["low"].min(axis=1), coarse.low)
    assert np.array_equal(by_candle["close"][:, -1], coarse.close)
    assert np.array_equal(by_candle["open"][:, 1:], by_candle["close"][:, :-1])
    assert np.array_equal(np.rint(by_candle["volume"] / step).sum(axis=1), np.rint(coarse.volume / step))


@few
@given(first=st.integers(0, 2 * 1440), size=st.integers(0, 500))
def test_a_minute_is_the_same_in_whatever_range_it_is_asked_for(first: int, size: int) -> None:
    start = START + timedelta(minutes=first)
    end = start + timedelta(minutes=size)
    asked = market.finer_candles("SOL", start, end, EVER)
    whole = market.finer_candles("SOL", START, START + timedelta(days=4), EVER)
    assert asked is not None
    assert whole is not None
    assert same(asked, whole.opened_between(start, end))


def test_high_or_low_may_come_first_within_a_candle() -> None:
    fine = market.finer_candles("BTC", START, START + timedelta(days=5), EVER)
    assert fine is not None
    high_first = fine.high.reshape(-1, 15).argmax(axis=1) < fine.low.reshape(-1, 15).argmin(axis=1)
    assert 0.3 < high_first.mean() < 0.7


@few
@given(first=st.integers(-3000, 3000), size=st.integers(0, 300))
def test_positioning_is_the_same_in_whatever_range_it_is_asked_for(first: int, size: int) -> None:
    start = START + timedelta(minutes=15 * first)
    end = start + timedelta(minutes=15 * size)
    asked = market.positioning("ETH", start, end)
    whole = market.positioning("ETH", START - timedelta(days=40), START + timedelta(days=40))
    assert asked is not None
    assert whole is not None
    rows = (whole.time >= seconds(start)) & (whole.time < seconds(end))
    assert rows.sum() == size
    for name in ("time", "funding_rate", "open_interest", "long_short_ratio"):
        assert np.array_equal(getattr(asked, name), getattr(whole, name)[rows])


def test_positioning_follows_the_price() -> None:
    end = START + timedelta(days=90)
    candles = market.candles("SOL", START - timedelta(days=4), end, EVER)
    rows = market.positioning("SOL", START, end)
    assert rows is not None
    place = np.searchsorted(candles.close_time, rows.time)
    settled = rows.time % (8 * 3600) == 0
    before = candles.close[place] / candles.close[place - 288] - 1
    assert np.corrcoef(before[settled], rows.funding_rate[settled])[0, 1] > 0.99
    # The rate holds from one settlement to the next.
    assert (np.flatnonzero(np.diff(rows.funding_rate)) + 1 == np.flatnonzero(settled)[1:]).mean() > 0.99
    day = candles.close[place] / candles.close[place - 96] - 1
    assert np.corrcoef(day, np.log(rows.long_short_ratio))[0, 1] > 0.8
    assert 0.4 < rows.long_short_ratio.min() < rows.long_short_ratio.max() < 2.5
    capitulations = [
        at for at, setup in planted("SOL", START + timedelta(days=1), end) if setup.kind is Kind.CAPITULATION
    ]
    rows_of = np.searchsorted(rows.time, capitulations)
    # Known with the close of its candle, and not before.
    assert (rows.open_interest[rows_of] / rows.open_interest[rows_of - 1] < 0.9).all()
    assert (np.abs(rows.open_interest[rows_of - 1] / rows.open_interest[rows_of - 2] - 1) < 0.05).all()


def test_the_documentation_names_each_kind() -> None:
    text = DOCS.read_text(encoding="utf-8").lower()
    assert [kind.value for kind in Kind if kind.value.replace("_", " ") not in text] == []
