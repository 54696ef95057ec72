"""From candles to outcomes, slot by slot and over ranges: the same rows, whatever the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.slots.conftest import COINS, DAY, SLOT, Trial
from xfg_pipeline.exchange.market import MarketUnavailable
from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.resources.market_standing import (
    candle_gaps,
    late,
    stale_candles,
    unsound_predictions,
    unsound_signals,
)
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.predicting import predict
from xfg_pipeline.resources.selecting import NothingPredicted, publish
from xfg_pipeline.resources.slot_lights import without_light
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.ensemble import EnsembleRefused
from xfg_pipeline.signals.features import NO_CANDLE, REASONS
from xfg_pipeline.signals.light import Light
from xfg_pipeline.storage.candles import write_candles

TABLES = ("predictions", "signal_candidates", "signals", "signal_outcomes")
TOMORROW = DAY + timedelta(days=1)


class PartialMarket(SimulatedMarket):
    """The simulated market without some candles, or without answers."""

    def __init__(self, *, without: tuple[str, object] | None = None, silent: frozenset[str] = frozenset()) -> None:
        self.without = without
        self.silent = silent

    def candles(self, coin: str, start: Any, end: Any, as_of: Any) -> Any:
        if coin in self.silent:
            raise MarketUnavailable(f"{coin}: no answer in 5 s", coin=coin)
        found = super().candles(coin, start, end, as_of)
        if self.without is None or coin != self.without[0]:
            return found
        return found.at(found.open_time != int(self.without[1].timestamp()))  # type: ignore[attr-defined]


def use(trial: Trial, market: SimulatedMarket) -> None:
    trial.pipeline.__dict__["market"] = market
    for made in ("feed", "features"):
        trial.pipeline.__dict__.pop(made, None)


def test_a_day_of_live_slots_and_one_backfill_give_the_same_rows(new_trial: Callable[..., Trial]) -> None:
    live, backfilled = new_trial(), new_trial()
    live.backfill(DAY - timedelta(days=1), DAY)
    for number in range(96):
        live.slot(DAY + number * SLOT)
    backfilled.backfill(DAY - timedelta(days=1), TOMORROW, now=DAY + 95 * SLOT)
    for table in TABLES:
        assert live.rows(table) == backfilled.rows(table), table
    assert len(live.rows("signals")) >= 3
    assert {row["mode"] for row in live.all("SELECT mode FROM signals WHERE slot >= :day", day=DAY)} == {"live"}
    assert {row["status"] for row in backfilled.all("SELECT status FROM signals")} == {"expired"}


def test_a_slot_run_twice_changes_nothing(trial: Trial) -> None:
    trial.slot(DAY + 40 * SLOT)
    before = {table: trial.all(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES[:3]}
    trial.slot(DAY + 40 * SLOT, late=timedelta(seconds=30))
    assert {table: trial.all(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES[:3]} == before
    assert len(before["signal_candidates"]) == len(COINS) * 41  # from midnight on: nothing was decided of this day


def test_missed_slots_are_caught_up_over_midnight_as_expired_and_with_the_same_rows(
    new_trial: Callable[..., Trial],
) -> None:
    missed, whole = new_trial(), new_trial()
    missed.slot(DAY - 12 * SLOT)
    missed.slot(DAY + 20 * SLOT)
    whole.backfill(DAY - timedelta(days=1), TOMORROW, now=DAY + 20 * SLOT)
    for table in TABLES:
        assert missed.rows(table, DAY - 12 * SLOT) == whole.rows(table, DAY - 12 * SLOT), table
    late_ones = missed.all(
        "SELECT mode, status FROM signals WHERE slot > :then AND slot < :fresh",
        then=DAY - 12 * SLOT,
        fresh=DAY + 18 * SLOT,
    )
    assert late_ones
    assert {(row["mode"], row["status"]) for row in late_ones} == {("backfill", "expired")}


def test_a_long_outage_is_caught_up_three_days_back_and_the_rest_is_told(trial: Trial) -> None:
    trial.slot(DAY - timedelta(days=6))
    trial.slot(DAY)
    first = trial.all(
        "SELECT min(slot) AS slot FROM signal_candidates WHERE slot > :then", then=DAY - timedelta(days=6)
    )
    assert first[0]["slot"] == DAY - timedelta(days=3)


def test_what_comes_later_changes_nothing_that_was_decided(new_trial: Callable[..., Trial]) -> None:
    short, long = new_trial(), new_trial()
    short.backfill(DAY, TOMORROW, now=DAY + 30 * SLOT)
    long.backfill(DAY, TOMORROW)
    until = DAY + 31 * SLOT
    for table in TABLES[:3]:
        assert short.rows(table, DAY, until) == long.rows(table, DAY, until), table
    assert short.rows("signal_candidates", until) == []
    open_ones = {(row["coin"], row["slot"]) for row in short.rows("signal_outcomes") if row["outcome"] == "unresolved"}
    ended = {(row["coin"], row["slot"]): row for row in long.rows("signal_outcomes")}
    for row in short.rows("signal_outcomes"):
        if (row["coin"], row["slot"]) not in open_ones and row["event_closed"]:
            assert row == ended[row["coin"], row["slot"]]
    assert open_ones


def test_a_backfill_leaves_what_was_live_and_makes_the_rest_again(trial: Trial) -> None:
    trial.slot(DAY + 2 * SLOT)
    live = trial.all("SELECT * FROM signal_candidates WHERE mode = 'live' ORDER BY coin, slot")
    assert live
    trial.backfill(DAY, TOMORROW)
    assert trial.all("SELECT * FROM signal_candidates WHERE mode = 'live' ORDER BY coin, slot") == live
    assert trial.all("SELECT count(*) AS n FROM signal_candidates")[0]["n"] == len(COINS) * 96


def test_a_signal_keeps_its_id_when_it_is_made_again(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    before = trial.all("SELECT id, coin, slot FROM signals ORDER BY id")
    trial.backfill(DAY, TOMORROW)
    assert trial.all("SELECT id, coin, slot FROM signals ORDER BY id") == before != []


def test_every_coin_and_slot_has_an_answer_to_why_no_signal(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    found = trial.all(
        "SELECT gate, count(*) AS n, bool_and(gate_value IS NOT NULL OR detail IS NOT NULL) AS told "
        "FROM signal_candidates GROUP BY gate"
    )
    counts = {row["gate"]: row["n"] for row in found}
    assert sum(counts.values()) == len(COINS) * 96
    assert counts[None] == len(trial.rows("signals"))
    assert all(row["told"] for row in found if row["gate"] is not None)


def test_a_coin_that_does_not_answer_waits_and_the_others_go_on(trial: Trial) -> None:
    use(trial, PartialMarket(silent=frozenset({"SOL"})))
    trial.slot(DAY + SLOT)
    details = trial.all("SELECT DISTINCT coin, detail FROM signal_candidates WHERE gate = 'data'")
    assert details == [{"coin": "SOL", "detail": REASONS[NO_CANDLE]}]
    use(trial, SimulatedMarket())
    trial.slot(DAY + 2 * SLOT)
    assert trial.all("SELECT 1 FROM signal_candidates WHERE gate = 'data'") == []
    assert trial.all("SELECT count(*) AS n FROM signal_candidates")[0]["n"] == len(COINS) * 3


def test_a_market_that_does_not_answer_is_no_empty_market(trial: Trial) -> None:
    use(trial, PartialMarket(silent=frozenset(COINS)))
    with pytest.raises(MarketUnavailable):
        trial.slot(DAY)
    assert trial.all("SELECT 1 FROM signal_candidates") == []


def test_a_missing_candle_costs_its_coin_the_slots_after_it_and_is_told_by_a_check(trial: Trial) -> None:
    use(trial, PartialMarket(without=("XRP", DAY - timedelta(hours=30))))
    trial.backfill(DAY, TOMORROW)
    gates = trial.all("SELECT coin, count(*) AS n FROM signal_candidates WHERE gate = 'data' GROUP BY coin")
    assert gates == [{"coin": "XRP", "n": 96}]
    assert [finding.where.split()[0] for finding in candle_gaps(trial.pipeline)] == ["XRP"]
    use(trial, SimulatedMarket())
    trial.backfill(DAY, TOMORROW)
    assert trial.all("SELECT 1 FROM signal_candidates WHERE gate = 'data'") == []
    assert candle_gaps(trial.pipeline) == []


def test_a_revised_candle_replaces_and_changes_later_backfills_but_no_live_row(trial: Trial) -> None:
    trial.slot(DAY + 8 * SLOT)
    live = trial.all("SELECT * FROM predictions WHERE mode = 'live' ORDER BY coin, slot")
    at = DAY + 7 * SLOT
    one = trial.pipeline.market.candles("BTC", at, at + SLOT, at + SLOT)
    changed = replace(one, high=one.high * 1.01, volume=one.volume * 3)
    with trial.database.begin() as connection:
        written = write_candles(connection, "simulated", [changed], trial.clock.at)
    assert (written.new, written.revised) == (0, 1)
    trial.pipeline.features.forget()
    work = SlotWork(DAY, TOMORROW, DAY + 8 * SLOT)
    predict(trial.pipeline, work)
    assert trial.all("SELECT * FROM predictions WHERE mode = 'live' ORDER BY coin, slot") == live


def test_rows_of_another_market_are_neither_shown_nor_counted(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    with trial.database.begin() as connection:
        connection.exec_driver_sql("UPDATE candles SET market = 'bybit'")
        connection.exec_driver_sql("UPDATE predictions SET market = 'bybit'")
        connection.exec_driver_sql("UPDATE signal_candidates SET market = 'bybit'")
        connection.exec_driver_sql("UPDATE signal_outcomes SET market = 'bybit'")
        connection.exec_driver_sql("UPDATE signals SET market = 'bybit'")
    kept = {table: trial.all(f"SELECT * FROM {table} WHERE market = 'bybit' ORDER BY 1, 2, 3") for table in TABLES}
    assert kept["signals"]
    trial.backfill(DAY, TOMORROW)
    for table in TABLES:
        assert trial.all(f"SELECT * FROM {table} WHERE market = 'bybit' ORDER BY 1, 2, 3") == kept[table]
        own = trial.all(f"SELECT count(*) AS n FROM {table} WHERE market = 'simulated'")[0]["n"]
        assert own == len(kept[table])


class FixedLight:
    def __init__(self, multiplier: str) -> None:
        self.light = Light("red" if multiplier == "0" else "yellow", Decimal(multiplier), "set by the test")

    def __call__(self, *_: object) -> "FixedLight":
        return self

    def at(self, slot: object) -> Light:
        assert slot is not None
        return self.light

    def equity_at(self, slot: object) -> Decimal:
        assert slot is not None
        return Decimal(10_000)


def live_signals(trial: Trial, scout: Trial) -> list[dict[str, Any]]:
    """The signals of live runs at the first slots of the day that a scout found some at."""
    scout.backfill(DAY, TOMORROW)
    for row in scout.all("SELECT DISTINCT slot FROM signals ORDER BY slot LIMIT 4"):
        trial.slot(row["slot"])
    return trial.all("SELECT * FROM signals WHERE mode = 'live' ORDER BY slot, coin")


def test_a_red_light_pauses_and_gives_no_size_and_a_yellow_one_halves_it(new_trial: Callable[..., Trial]) -> None:
    full, half, red = new_trial(), new_trial(), new_trial()
    half.lights = FixedLight("0.5")
    red.lights = FixedLight("0")
    as_they_are, halved, paused = (live_signals(one, new_trial()) for one in (full, half, red))
    assert as_they_are
    assert [(row["coin"], row["slot"]) for row in halved] == [(row["coin"], row["slot"]) for row in as_they_are]
    assert {row["position_multiplier"] for row in halved} == {Decimal("0.5")}
    for whole, smaller in zip(as_they_are, halved, strict=True):
        assert 0 < smaller["position_size"] <= whole["position_size"] / 2
        assert smaller["risk_amount"] <= Decimal("0.0075") * Decimal(10_000)
    assert paused
    assert {(row["position_size"], row["risk_amount"]) for row in paused} == {(0, 0)}
    assert {
        row["status"] for row in red.all("SELECT status FROM signals WHERE expires_at > :now", now=red.clock.at)
    } <= {"paused"}
    assert {row["lineage"]["light"]["status"] for row in paused} == {"red"}


def test_a_signal_expires_by_the_next_slot_even_when_no_candle_comes(
    trial: Trial, new_trial: Callable[..., Trial]
) -> None:
    last = live_signals(trial, new_trial())[-1]
    assert last["status"] == "ready"
    use(trial, PartialMarket(silent=frozenset(COINS[1:])))
    trial.slot(last["expires_at"].replace(minute=last["expires_at"].minute // 15 * 15) + SLOT)
    assert trial.all("SELECT 1 FROM signals WHERE status = 'ready' AND expires_at <= :now", now=trial.clock.at) == []


def test_an_unknown_equity_makes_no_signal_and_says_so(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial()
    unknown = trial.settings.model_copy(update={"mode": "live"})
    made = Pipeline(unknown, trial.database, trial.clock)
    made.__dict__["market"] = SimulatedMarket()
    trial.pipeline = made
    trial.backfill(DAY, TOMORROW)
    assert trial.rows("signals") == []
    stopped = trial.all("SELECT DISTINCT detail FROM signal_candidates WHERE gate = 'size'")
    assert len(stopped) == 1
    assert "equity" in stopped[0]["detail"]


def test_no_signal_comes_from_a_broken_ensemble(trial: Trial, tmp_path: Any, sharp: Any) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(sharp, broken)
    (broken / "catboost.onnx").write_bytes(b"")
    trial.pipeline = Pipeline(
        trial.settings.model_copy(update={"models": trial.settings.models.model_copy(update={"path": broken})}),
        trial.database,
        trial.clock,
    )
    with pytest.raises(EnsembleRefused, match="catboost"):
        trial.slot(DAY)
    assert trial.all("SELECT 1 FROM predictions") == []


def test_without_predictions_nothing_is_decided_and_no_reason_is_invented(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    with trial.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM predictions")
    before = trial.rows("signal_candidates")
    with pytest.raises(NothingPredicted, match="materialize predictions"):
        publish(trial.pipeline, SlotWork(DAY, TOMORROW, TOMORROW), without_light)
    assert trial.rows("signal_candidates") == before


def test_the_lineage_of_a_signal_can_be_computed_again(trial: Trial) -> None:
    import hashlib

    from xfg_pipeline.signals.features import compute, needed_from

    trial.backfill(DAY, TOMORROW)
    row = trial.all("SELECT * FROM signals ORDER BY slot LIMIT 1")[0]
    start = needed_from(row["slot"])
    seen = trial.pipeline.market.candles(row["coin"], start, row["slot"], row["slot"])
    content = np.stack([seen.open, seen.high, seen.low, seen.close, seen.volume]).tobytes()
    assert row["lineage"]["candles"]["sha256"] == hashlib.sha256(seen.open_time.tobytes() + content).hexdigest()
    features = compute(seen, row["slot"], row["slot"] + SLOT)
    names = trial.pipeline.ensemble.manifest.features
    assert row["lineage"]["features"] == dict(zip(names, features.matrix(names)[0].tolist(), strict=True))
    stored = trial.all(
        "SELECT encode(feature_hash, 'hex') AS hash, ensemble_hash FROM predictions "
        "WHERE coin = :coin AND slot = :slot",
        coin=row["coin"],
        slot=row["slot"],
    )[0]
    assert row["lineage"]["feature_hash"] == stored["hash"]
    assert trial.pipeline.ensemble.hash == stored["ensemble_hash"]


def test_the_standing_checks_pass_after_a_day_and_fail_when_something_is_wrong(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    pipeline = trial.pipeline
    for ask in (candle_gaps, stale_candles, unsound_predictions, unsound_signals):
        assert ask(pipeline) == [], ask.__name__
    trial.clock.at = TOMORROW + timedelta(hours=3)
    assert {finding.where for finding in stale_candles(pipeline)} == set(COINS)
    assert {finding.where for finding in late(pipeline)} == set(COINS)
    trial.clock.at = TOMORROW
    with trial.database.begin() as connection:
        connection.exec_driver_sql("UPDATE predictions SET p_up = 0.5, p_flat = 0.25, p_down = 0.25")
    assert any("weaker" in finding.what for finding in unsound_signals(pipeline))
    assert any("same probabilities" in finding.what for finding in unsound_predictions(pipeline))
