"""Whatever the way to a slot (late, in pieces, over again, by another ensemble): its rows are those of a backfill."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.slots.conftest import COINS, DAY, SLOT, Trial
from tests.slots.test_slots import TABLES, TOMORROW, PartialMarket, use
from xfg_pipeline.exchange.market import MarketUnavailable
from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.resources import slot_work
from xfg_pipeline.resources.market_standing import late, unsound_predictions
from xfg_pipeline.resources.minutes import Minutes
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.resolving import resolve
from xfg_pipeline.resources.selecting import NothingPredicted, publish
from xfg_pipeline.resources.slot_lights import without_light
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.resources.slots_due import work_of


def test_a_coin_that_is_silent_over_midnight_is_made_up_on_the_days_that_it_missed(
    new_trial: Callable[..., Trial],
) -> None:
    trial, whole = new_trial(), new_trial()
    for number in range(-4, 4):
        use(trial, PartialMarket(silent=frozenset({"SOL"})))
        trial.slot(DAY + number * SLOT)
    use(trial, SimulatedMarket())
    trial.slot(DAY + 4 * SLOT)
    whole.backfill(DAY - timedelta(days=1), TOMORROW, now=DAY + 4 * SLOT)
    for table in ("predictions", "signal_candidates"):
        assert trial.rows(table, DAY - 4 * SLOT) == whole.rows(table, DAY - 4 * SLOT), table


EASY = {"min_volume_ratio": "0.1", "min_risk_reward": "0.5", "min_confidence": "0.4", "max_signals_per_day": 60}
"""Gates that let much through."""


def test_a_range_in_pieces_knows_how_the_signals_of_the_pieces_before_ended(
    new_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    start, trading = DAY - timedelta(days=15), {**EASY, "max_signals_per_day": 8}
    whole, pieces = new_trial(**trading), new_trial(**trading)
    whole.backfill(start, TOMORROW)
    monkeypatch.setattr(slot_work, "DAYS_AT_ONCE", timedelta(days=5))
    pieces.backfill(start, TOMORROW)
    assert any("of the last 20" in row["lineage"]["tier"] for row in whole.rows("signals", start))
    for table in TABLES:
        assert pieces.rows(table, start) == whole.rows(table, start), table


def test_how_others_stand_is_known_at_a_slot_when_it_runs_as_it_is_later(new_trial: Callable[..., Trial]) -> None:
    live, backfilled = new_trial(), new_trial()
    query = "SELECT * FROM positioning WHERE time <= :slot ORDER BY coin, time"
    live.slot(DAY + 8 * SLOT)
    backfilled.backfill(DAY, TOMORROW)
    seen = live.all(query, slot=DAY + 8 * SLOT)
    known = {(row["coin"], row["time"]): row for row in backfilled.all(query, slot=DAY + 8 * SLOT)}
    assert seen[-1]["time"] == DAY + 8 * SLOT
    assert all(known[row["coin"], row["time"]] == row for row in seen)
    assert live.all("SELECT 1 FROM positioning WHERE time > :slot", slot=DAY + 8 * SLOT) == []


def test_what_was_held_at_a_slot_is_held_there_also_after_it_was_closed(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(**{**EASY, "max_signals_per_day": 288}, signal_ttl_minutes=15)
    trial.backfill(DAY - timedelta(days=4), DAY + timedelta(days=2))
    found = trial.all(
        "SELECT id, coin, slot, resolved_at, date_trunc('day', resolved_at, 'UTC') AS midnight FROM signals "
        "JOIN signal_outcomes USING (market, coin, slot) WHERE outcome IN ('target', 'stop') "
        "AND slot < date_trunc('day', resolved_at, 'UTC') ORDER BY resolved_at - date_trunc('day', resolved_at, 'UTC') "
        "DESC LIMIT 1"
    )[0]
    coin, midnight, until = found["coin"], found["midnight"], found["resolved_at"]
    with trial.database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE signals SET mode = 'live', status = 'executed', executed_at = slot + interval '1 minute' "
            f"WHERE id = {found['id']}"
        )
        connection.exec_driver_sql(f"UPDATE signal_candidates SET mode = 'live' WHERE slot < '{midnight.isoformat()}'")
    trial.backfill(midnight, midnight + timedelta(days=1), now=DAY + timedelta(days=3))
    gates = "SELECT slot, gate FROM signal_candidates WHERE coin = :coin AND slot >= :since AND slot < :before "
    gates += "AND (gate IS NULL OR gate = 'open_signal')"
    meanwhile = trial.all(gates, coin=coin, since=midnight, before=until)
    assert {row["gate"] for row in meanwhile} == {"open_signal"}
    later = trial.all(gates, coin=coin, since=until, before=midnight + timedelta(days=1))
    assert None in {row["gate"] for row in later}


def other_ensemble(trial: Trial, sharp: Path, home: Path, **changes: object) -> Pipeline:
    """The same models under another manifest: another hash."""
    folder = home / "other"
    shutil.copytree(sharp, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"name": "other"} | changes))
    models = trial.settings.models.model_copy(update={"path": folder})
    return Pipeline(trial.settings.model_copy(update={"models": models}), trial.database, trial.clock)


def test_a_new_ensemble_leaves_what_was_decided_live_and_decides_the_rest_by_its_own_word(
    trial: Trial, sharp: Path, tmp_path: Path
) -> None:
    trial.slot(DAY + 40 * SLOT)
    live = "SELECT * FROM signal_candidates WHERE mode = 'live' ORDER BY coin, slot"
    predicted = "SELECT * FROM predictions JOIN signal_candidates AS made USING (coin, slot) WHERE made.mode = 'live'"
    before = trial.all(live), trial.all(predicted)
    # As after a run that died between its predictions and its decisions, and was repeated too late.
    with trial.database.begin() as connection:
        connection.exec_driver_sql("UPDATE predictions SET mode = 'live'")
    trial.pipeline = other_ensemble(trial, sharp, tmp_path)
    trial.backfill(DAY, TOMORROW)
    assert (trial.all(live), trial.all(predicted)) == before
    assert trial.all("SELECT 1 FROM signal_candidates WHERE gate = 'model'") == []


def test_slots_of_a_coin_that_nobody_predicted_are_not_decided_as_unusable(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    before = trial.rows("signal_candidates")
    with trial.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM predictions WHERE coin = 'SOL' AND slot > '2025-11-18 12:00Z'")
    with pytest.raises(NothingPredicted, match=r"SOL.* materialize predictions"):
        publish(trial.pipeline, SlotWork(DAY, TOMORROW, TOMORROW), without_light)
    assert trial.rows("signal_candidates") == before


def test_a_prediction_from_other_candles_decides_nothing(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    with trial.database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE candles SET volume = volume * 2 WHERE coin = 'XRP' AND open_time = '2025-11-18 09:00Z'"
        )
    trial.pipeline.features.forget()
    with pytest.raises(NothingPredicted, match="XRP"):
        publish(trial.pipeline, SlotWork(DAY, TOMORROW, TOMORROW), without_light)


def test_a_backfill_does_not_take_a_slot_that_can_still_be_acted_on(trial: Trial) -> None:
    trial.clock.at = now = DAY + 41 * SLOT + timedelta(seconds=3)
    work = work_of(trial.pipeline, DAY, TOMORROW, now, None)
    assert work.span == (DAY, DAY + 40 * SLOT)
    trial._carry(work)
    trial.slot(DAY + 41 * SLOT)
    modes = trial.all("SELECT DISTINCT slot, mode FROM signal_candidates WHERE slot >= :then", then=DAY + 39 * SLOT)
    assert sorted((row["slot"], row["mode"]) for row in modes) == [
        (DAY + 39 * SLOT, "backfill"),
        (DAY + 40 * SLOT, "live"),
        (DAY + 41 * SLOT, "live"),
    ]


def test_a_decision_that_is_made_again_loses_what_became_of_the_one_before(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    made = trial.rows("signal_outcomes")
    publish(trial.pipeline, SlotWork(DAY, DAY + 50 * SLOT, TOMORROW), without_light)
    assert trial.rows("signal_outcomes") == [row for row in made if row["slot"] >= DAY + 50 * SLOT]
    resolve(trial.pipeline, SlotWork(DAY, TOMORROW, TOMORROW))
    assert trial.rows("signal_outcomes") == made


def test_an_event_is_followed_as_long_as_its_horizon(trial: Trial, sharp: Path, tmp_path: Path) -> None:
    event = {"kind": "close_change", "horizon_candles": 200, "barrier": 0.001, "unit": "fraction"}
    trial.pipeline = other_ensemble(trial, sharp, tmp_path, event=event)
    trial.backfill(DAY, TOMORROW)
    assert trial.all("SELECT 1 FROM signal_outcomes WHERE event_closed") == []
    last = TOMORROW + timedelta(days=2)
    trial.slot(last - 40 * SLOT)
    for number in range(-39, 0, 13):
        trial.slot(last + number * SLOT)
    closed = {row["slot"] for row in trial.all("SELECT DISTINCT slot FROM signal_outcomes WHERE event_closed")}
    assert closed == {DAY + number * SLOT for number in range(76)}
    trial.slot(last + 8 * SLOT)
    assert trial.all("SELECT 1 FROM signal_outcomes WHERE NOT event_closed AND slot < :then", then=TOMORROW) == []


def test_an_event_is_that_of_the_ensemble_that_predicted_it(trial: Trial, sharp: Path, tmp_path: Path) -> None:
    trial.backfill(DAY, TOMORROW, now=TOMORROW + timedelta(days=2))
    before = trial.rows("signal_outcomes")
    with trial.database.begin() as connection:
        connection.exec_driver_sql("UPDATE predictions SET mode = 'live'")
        connection.exec_driver_sql("UPDATE signal_candidates SET mode = 'live'")
        connection.exec_driver_sql("UPDATE signals SET mode = 'live'")
    event = {"kind": "close_change", "horizon_candles": 1, "barrier": 0.5, "unit": "fraction"}
    trial.pipeline = other_ensemble(trial, sharp, tmp_path, event=event)
    trial.backfill(DAY, TOMORROW, now=TOMORROW + timedelta(days=2))
    assert trial.rows("signal_outcomes") == before


def test_slots_before_what_an_outage_lets_catch_up_are_told_by_the_check(trial: Trial) -> None:
    trial.slot(DAY - timedelta(days=5))
    assert late(trial.pipeline) == []
    trial.slot(DAY)
    trial.slot(DAY + SLOT)
    found = late(trial.pipeline)
    assert {finding.where for finding in found} == set(COINS)
    assert all("xfg backfill signals 2025-11-" in finding.remedy for finding in found)
    trial.backfill(DAY - timedelta(days=5), DAY, now=DAY + SLOT)
    assert late(trial.pipeline) == []


def test_predictions_that_are_not_there_are_not_sound(trial: Trial) -> None:
    trial.backfill(DAY, TOMORROW)
    with trial.database.begin() as connection:
        connection.exec_driver_sql("UPDATE signal_candidates SET gate = 'model' WHERE coin = 'SOL'")
        connection.exec_driver_sql("DELETE FROM predictions WHERE coin = 'SOL'")
    assert [finding.where.split()[0] for finding in unsound_predictions(trial.pipeline)] == ["SOL"]
    with trial.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM predictions")
        connection.exec_driver_sql("DELETE FROM signal_candidates")
    assert len(unsound_predictions(trial.pipeline)) == 1


def test_one_dead_coin_does_not_stop_a_backfill_of_the_others_when_they_have_their_candles(trial: Trial) -> None:
    use(trial, PartialMarket(silent=frozenset({"SOL"})))
    trial.backfill(DAY, TOMORROW)
    trial.backfill(DAY, TOMORROW, now=TOMORROW + timedelta(days=3))
    assert trial.all("SELECT DISTINCT coin FROM signals ORDER BY coin") == [{"coin": "BTC"}, {"coin": "XRP"}]


def test_minutes_are_not_asked_for_again_and_again_while_the_market_is_silent() -> None:
    asked = []

    class Silent(SimulatedMarket):
        def finer_candles(self, coin: str, start: Any, end: Any, as_of: Any) -> Any:
            asked.append((coin, start, end, as_of))
            raise MarketUnavailable("no answer in 30 s")

    minutes = Minutes(Silent(), TOMORROW)
    for coin in COINS:
        for number in range(5):
            assert minutes.of(coin)(DAY + number * SLOT, DAY + (number + 1) * SLOT) is None
    assert asked == [("BTC", DAY, DAY + SLOT, TOMORROW)]
    assert len(minutes.unread["SOL"]) == 5
    assert len(minutes.notes) == 1


def test_a_late_coin_does_not_make_a_day_hold_more_signals_than_it_may(new_trial: Callable[..., Trial]) -> None:
    scout = new_trial(**EASY)
    scout.backfill(DAY, TOMORROW)
    first = scout.all("SELECT coin, slot FROM signals ORDER BY slot LIMIT 1")[0]
    trial = new_trial(**{**EASY, "max_signals_per_day": 1})
    at = first["slot"]
    use(trial, PartialMarket(silent=frozenset({first["coin"]})))
    trial.slot(at)
    while not trial.rows("signals"):
        at += SLOT
        trial.slot(at)
    use(trial, SimulatedMarket())
    trial.slot(at + SLOT)
    assert len(trial.rows("signals")) == 1
    stopped = "SELECT gate FROM signal_candidates WHERE coin = :coin AND slot = :slot"
    assert trial.all(stopped, **first) == [{"gate": "daily_limit"}]
