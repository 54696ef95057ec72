"""Slots as Dagster runs them: the schedule's run, a backfill, what fails, and the month of a new instance."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

import xfg_pipeline.sensors.market_history as history
from tests.slots.conftest import COINS, DAY, SLOT, Trial
from tests.slots.test_slots import PartialMarket, use
from xfg_pipeline.build import build_definitions
from xfg_pipeline.jobs import SLOT_TAG
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.schedules import RANGE_END, RANGE_START

ASSETS = (
    "candles",
    "market_regime",
    "predictions",
    "trades",
    "performance_snapshots",
    "signal_type_performance",
    "coin_performance",
    "controller_status",
    "signals",
    "signal_outcomes",
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Location:
    """The code location over a trial."""

    def __init__(self, trial: Trial, instance: dg.DagsterInstance) -> None:
        self.trial = trial
        self.instance = instance

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions(resources={"pipeline": self.trial.pipeline})

    def run(self, **tags: str) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def("slots_of_days")
        return job.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)

    def scheduled(self) -> dg.RunRequest:
        schedule = self.definitions.get_repository_def().get_schedule_def("signals_every_15_minutes")
        with dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=self.trial.clock.at,
            resources={"pipeline": self.trial.pipeline},
        ) as context:
            request = schedule(context)
        assert isinstance(request, dg.RunRequest)
        return request

    def looked(self, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
        sensor = self.definitions.get_repository_def().get_sensor_def("market_history")
        with dg.build_sensor_context(
            instance=self.instance, cursor=cursor, resources={"pipeline": self.trial.pipeline}
        ) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        return result


@pytest.fixture
def location(trial: Trial, instance: dg.DagsterInstance) -> Location:
    return Location(trial, instance)


def test_the_schedules_run_takes_its_slot_from_candles_to_outcomes(location: Location) -> None:
    location.trial.clock.at = DAY + 41 * SLOT + timedelta(seconds=2)
    request = location.scheduled()
    assert request.run_key == "simulated 2025-11-18T10:15:00+00:00"
    assert request.tags[SLOT_TAG] == "2025-11-18T10:15:00+00:00"
    result = location.run(**request.tags)
    assert result.success
    counted = {
        event.step_materialization_data.materialization.asset_key.to_user_string(): (
            event.step_materialization_data.materialization.metadata["dagster/row_count"].value
        )
        for event in result.get_asset_materialization_events()
    }
    assert set(counted) == set(ASSETS)
    assert counted["predictions"] == len(COINS) * 42
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    # The paper account has not begun: its past comes with the first month.
    assert not checks.pop("account_is_read")
    assert checks == dict.fromkeys(
        (
            "candles_have_no_gap",
            "candles_are_fresh",
            "candles_are_possible",
            "predictions_are_sound",
            "every_slot_is_decided",
            "signals_are_sound",
            "signals_obey_the_light",
            "snapshots_are_fresh",
            "light_is_fresh",
            "trades_are_whole",
            "trades_are_reconciled",
        ),
        True,
    )
    assert location.trial.all(
        "SELECT DISTINCT mode FROM signal_candidates WHERE slot = :slot", slot=DAY + 41 * SLOT
    ) == [{"mode": "live"}]


def test_a_run_after_an_outage_covers_the_days_since_the_last_decided_slot(location: Location) -> None:
    location.trial.slot(DAY - 30 * SLOT)
    location.trial.clock.at = DAY + SLOT
    request = location.scheduled()
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2025-11-17", "2025-11-18")
    assert location.run(**request.tags).success
    decided = location.trial.all(
        "SELECT count(DISTINCT slot) AS n FROM signal_candidates WHERE slot >= :then", then=DAY - 30 * SLOT
    )
    assert decided[0]["n"] == 32


def test_a_backfill_of_days_in_one_run_materialises_each_day_and_is_expired(location: Location) -> None:
    location.trial.clock.at = DAY + timedelta(days=2)
    result = location.run(**{RANGE_START: "2025-11-16", RANGE_END: "2025-11-18"})
    assert result.success
    for name in ASSETS:
        done = location.instance.get_materialized_partitions(dg.AssetKey(name))
        assert done == {"2025-11-16", "2025-11-17", "2025-11-18"}
    found = location.trial.all("SELECT DISTINCT mode, status FROM signals")
    assert found == [{"mode": "backfill", "status": "expired"}]


def test_each_day_of_a_backfill_tells_the_rows_that_it_holds_and_not_those_of_the_range(location: Location) -> None:
    location.trial.clock.at = DAY + timedelta(days=2)
    result = location.run(**{RANGE_START: "2025-11-16", RANGE_END: "2025-11-18"})
    told: dict[str, dict[str, object]] = {}
    for event in result.get_asset_materialization_events():
        made = event.step_materialization_data.materialization
        rows = made.metadata["dagster/row_count"].value
        told.setdefault(made.asset_key.to_user_string(), {})[str(made.partition)] = rows
    days = ("2025-11-16", "2025-11-17", "2025-11-18")
    for name in ("candles", "predictions", "signal_outcomes"):
        assert told[name] == dict.fromkeys(days, 96 * len(COINS)), name
    signals = location.trial.all("SELECT slot::date::text AS day, count(*) AS n FROM signals GROUP BY 1")
    assert signals
    assert told["signals"] == dict.fromkeys(days, 0) | {row["day"]: row["n"] for row in signals}


def test_a_refused_ensemble_fails_the_run_and_names_the_model(location: Location, tmp_path: Path, sharp: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(sharp, broken)
    (broken / "tabnet.onnx").unlink()
    trial = location.trial
    models = trial.settings.models.model_copy(update={"path": broken})
    trial.pipeline = Pipeline(trial.settings.model_copy(update={"models": models}), trial.database, trial.clock)
    result = location.run(**{RANGE_START: "2025-11-18", RANGE_END: "2025-11-18"})
    assert not result.success
    failed = {event.step_key: event.step_failure_data for event in result.get_step_failure_events()}
    assert list(failed) == ["predictions"]
    assert "tabnet" in str(failed["predictions"].user_failure_data or failed["predictions"].error)
    assert trial.all("SELECT 1 FROM predictions UNION ALL SELECT 1 FROM signal_candidates") == []


def test_a_market_without_an_answer_fails_the_run_and_the_next_slot_makes_up_for_it(location: Location) -> None:
    trial = location.trial
    use(trial, PartialMarket(silent=frozenset(COINS)))
    trial.clock.at = DAY + SLOT
    assert not location.run(**location.scheduled().tags).success
    use(trial, PartialMarket())
    trial.clock.at = DAY + 2 * SLOT
    assert location.run(**location.scheduled().tags).success
    assert trial.all("SELECT count(*) AS n FROM signal_candidates WHERE slot >= :day", day=DAY)[0]["n"] == 3 * len(
        COINS
    )


def test_a_new_instance_asks_for_a_month(location: Location) -> None:
    location.trial.clock.at = DAY + timedelta(hours=10)
    first = location.looked()
    assert isinstance(first, dg.SensorResult)
    (asked,) = first.run_requests or []
    assert (asked.tags[RANGE_START], asked.tags[RANGE_END]) == ("2025-10-19", "2025-11-18")


def test_its_history_is_asked_for_once_and_again_when_its_run_failed(
    location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = location.trial
    trial.clock.at = DAY + timedelta(hours=10)
    monkeypatch.setattr(history, "DAYS", 3)
    first = location.looked()
    assert isinstance(first, dg.SensorResult)
    (asked,) = first.run_requests or []
    again = location.looked(first.cursor)
    assert isinstance(again, dg.SensorResult)
    assert not again.run_requests
    use(trial, PartialMarket(silent=frozenset(COINS)))
    assert not location.run(**{**asked.tags, "dagster/run_key": str(asked.run_key)}).success
    use(trial, PartialMarket())
    trial.clock.at += timedelta(minutes=5)
    retried = location.looked(first.cursor)
    assert isinstance(retried, dg.SensorResult)
    (second,) = retried.run_requests or []
    assert second.run_key != asked.run_key
    assert location.run(**{**second.tags, "dagster/run_key": str(second.run_key)}).success
    assert isinstance(location.looked(retried.cursor), dg.SkipReason)
    done = location.looked()
    assert isinstance(done, dg.SkipReason)
    assert "done" in str(done.skip_message)
    counted = trial.all("SELECT count(DISTINCT slot::date) AS days, count(*) AS n FROM signal_candidates")[0]
    assert counted["days"] == 4


@pytest.mark.parametrize("slot", [DAY + 41 * SLOT, DAY + timedelta(days=400)])
def test_a_slot_that_lies_ahead_is_refused_and_nothing_is_read_or_decided(location: Location, slot: datetime) -> None:
    location.trial.clock.at = DAY + 41 * SLOT - timedelta(minutes=5)
    day = f"{DAY:%Y-%m-%d}"
    result = location.run(**{SLOT_TAG: slot.isoformat(), RANGE_START: day, RANGE_END: day})
    assert not result.success
    said = " ".join(str(one.step_failure_data.user_failure_data) for one in result.get_step_failure_events())
    assert "lies ahead" in said
    assert location.trial.all("SELECT 1 AS n FROM candles UNION ALL SELECT 1 FROM signal_candidates") == []


@pytest.mark.parametrize("tag", ["garbage", "2025-11-18T10:07:00+00:00", "2025-11-18", ""])
def test_a_tag_that_is_no_slot_is_refused_by_name(location: Location, tag: str) -> None:
    location.trial.clock.at = DAY + 41 * SLOT
    day = f"{DAY:%Y-%m-%d}"
    result = location.run(**{SLOT_TAG: tag, RANGE_START: day, RANGE_END: day})
    assert not result.success
    said = " ".join(str(one.step_failure_data.user_failure_data) for one in result.get_step_failure_events())
    assert "xfg/slot" in said
    assert "must be" in said


def test_a_clock_that_was_set_back_a_little_after_the_schedule_asked_costs_no_slot(location: Location) -> None:
    location.trial.clock.at = DAY + 41 * SLOT + timedelta(seconds=1)
    request = location.scheduled()
    location.trial.clock.at -= timedelta(seconds=20)
    assert location.run(**request.tags).success
    assert location.trial.all("SELECT 1 AS n FROM signal_candidates WHERE slot = :slot LIMIT 1", slot=DAY + 41 * SLOT)


def test_days_that_lie_ahead_of_the_markets_time_are_not_done_but_refused(location: Location) -> None:
    location.trial.clock.at = DAY + 41 * SLOT
    result = location.run(**{RANGE_START: "2025-11-19", RANGE_END: "2025-11-20"})
    assert not result.success
    said = " ".join(str(one.step_failure_data.user_failure_data) for one in result.get_step_failure_events())
    assert "lie ahead: on simulated it is 2025-11-18 10:15 UTC" in said


def test_the_month_of_a_new_instance_leaves_its_newest_slots_to_the_schedule_without_an_alarm(
    location: Location,
) -> None:
    location.trial.clock.at = DAY + 41 * SLOT + timedelta(minutes=12)
    day = f"{DAY:%Y-%m-%d}"
    result = location.run(**{RANGE_START: day, RANGE_END: day})
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()}["every_slot_is_decided"]
    location.trial.clock.at = DAY + 42 * SLOT
    assert location.run(**location.scheduled().tags).success
    location.trial.clock.at = DAY + 44 * SLOT
    result = location.run(**{RANGE_START: day, RANGE_END: day})
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert not checks["every_slot_is_decided"]
