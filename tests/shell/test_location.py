"""The code location: exactly what is declared, and how its parts behave on an ephemeral instance."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from tests.conftest import ROOT, FixedClock
from tests.exports import PIVOTS, chart
from xfg_pipeline.build import build_definitions
from xfg_pipeline.partitions import TRADING_DAYS, UTC_DAYS
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.sensors.runs import RANGE_END, RANGE_START

DAY = date(2025, 10, 16)
Rows = Callable[..., list[dict[str, object]]]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def definitions(pipeline: Pipeline) -> dg.Definitions:
    return build_definitions(pipeline.settings, resources={"pipeline": pipeline})


def carry(
    definitions: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest
) -> dg.ExecuteInProcessResult:
    """Runs a request as the daemon would: a range of partitions by its tags."""
    assert request.job_name is not None
    job = definitions.resolve_job_def(request.job_name)
    return job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)


def tick(
    definitions: dg.Definitions, instance: dg.DagsterInstance, name: str, cursor: str | None = None
) -> dg.SensorResult:
    sensor = definitions.get_repository_def().get_sensor_def(name)
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources=dict(definitions.resources or {})
    ) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def drop(pipeline: Pipeline, name: str, content: bytes, clock: FixedClock) -> Path:
    path = pipeline.folders.inbox / name
    path.write_bytes(content)
    stamp = (clock.now() - timedelta(minutes=1)).timestamp()
    os.utime(path, (stamp, stamp))
    return path


def test_the_location_holds_exactly_this(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {
        "motivewave_exports",
        "csv_levels",
        "manual_levels",
        "structural_levels",
        "level_completeness",
        "price_bars",
        "exchange_klines",
        "candles",
        "market_regime",
        "predictions",
        "exchange_account",
        "trades",
        "performance_snapshots",
        "signal_type_performance",
        "coin_performance",
        "controller_status",
        "signals",
        "signal_outcomes",
    }
    assert {f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys} == {
        "csv_levels:no_import_is_stuck",
        "structural_levels:no_level_breaks_a_rule",
        "structural_levels:prices_are_plausible",
        "level_completeness:levels_of_today_are_complete",
        "candles:candles_have_no_gap",
        "candles:candles_are_fresh",
        "candles:candles_are_possible",
        "predictions:predictions_are_sound",
        "signals:every_slot_is_decided",
        "signals:signals_are_sound",
        "signals:signals_obey_the_light",
        "trades:account_is_read",
        "trades:trades_are_whole",
        "trades:trades_are_reconciled",
        "performance_snapshots:snapshots_are_fresh",
        "controller_status:light_is_fresh",
    }
    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {
        "levels_of_days",
        "bars_of_days",
        "checks_of_levels",
        "slots_of_days",
        "trades_of_days",
        "snapshots_of_days",
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "inbox",
        "manual_levels",
        "market_history",
        "closed_positions",
    }
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "levels_expected",
        "signals_every_15_minutes",
        "hourly_snapshot",
    }
    assert all(sensor.default_status is dg.DefaultSensorStatus.RUNNING for sensor in repository.sensor_defs)


def test_every_asset_says_what_it_is_and_whose(definitions: dg.Definitions) -> None:
    for key in definitions.get_repository_def().asset_graph.get_all_asset_keys():
        node = definitions.get_repository_def().asset_graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        assert node.group_name in ("levels", "market", "signals", "trades", "performance", "controller"), key


def test_the_lineage_is_that_of_the_design(definitions: dg.Definitions) -> None:
    graph = definitions.get_repository_def().asset_graph

    def parents(name: str) -> set[str]:
        return {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}

    assert parents("csv_levels") == {"motivewave_exports"}
    assert parents("structural_levels") == {"csv_levels", "manual_levels"}
    assert parents("level_completeness") == {"structural_levels"}
    assert parents("price_bars") == {"motivewave_exports"}
    assert parents("candles") == {"exchange_klines"}
    assert parents("predictions") == {"candles"}
    # In practice the account's invented past is made of predictions; MAE and MFE of candles.
    assert parents("trades") == {"exchange_account", "candles", "predictions"}
    for name in ("performance_snapshots", "signal_type_performance", "coin_performance"):
        assert parents(name) == {"trades"}
    assert parents("market_regime") == {"candles"}
    assert parents("controller_status") == {
        "performance_snapshots",
        "signal_type_performance",
        "coin_performance",
        "market_regime",
    }
    assert parents("signals") == {"predictions", "controller_status"}
    assert parents("signal_outcomes") == {"signals"}


def test_partitions_are_trading_days_with_the_next_ones() -> None:
    friday_evening = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    keys = TRADING_DAYS.get_partition_keys(current_time=friday_evening)
    assert keys[0] == "2010-01-04"
    assert keys[-3:] == ["2026-11-20", "2026-11-23", "2026-11-24"]
    assert "2026-11-26" not in TRADING_DAYS.get_partition_keys(current_time=friday_evening + timedelta(days=14))


def test_everything_else_has_a_partition_a_utc_day_with_the_present_one() -> None:
    late_in_new_york = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
    keys = UTC_DAYS.get_partition_keys(current_time=late_in_new_york)
    assert (keys[0], keys[-1]) == ("2020-01-01", "2026-11-21")


def test_a_dropped_file_becomes_levels_and_a_run_over_its_days(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    clock: FixedClock,
    rows: Rows,
) -> None:
    drop(pipeline, "ES_levels.csv", chart([date(2025, 10, 14), DAY]), clock)
    result = tick(definitions, instance, "inbox")
    assert pipeline.book.day("ES", DAY).prices["vah"] == Decimal("6703.75")
    [request] = result.run_requests or []
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2025-10-14", "2025-10-16")
    ran = carry(definitions, instance, request)
    assert ran.success
    for asset in ("csv_levels", "structural_levels", "level_completeness"):
        assert instance.get_materialized_partitions(dg.AssetKey(asset)) == {
            "2025-10-14",
            "2025-10-15",
            "2025-10-16",
        }
    assert [row["materialized_at"] is not None for row in rows("SELECT * FROM file_imports")] == [True]
    assert [(row["trading_date"], row["status"]) for row in rows("SELECT * FROM level_completeness ORDER BY 2")] == [
        (date(2025, 10, 14), "partial"),
        (DAY, "partial"),
    ]
    assert (tick(definitions, instance, "inbox", result.cursor).run_requests or []) == []


def test_a_run_that_fails_is_asked_for_again(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    clock: FixedClock,
    rows: Rows,
) -> None:
    drop(pipeline, "ES_levels.csv", chart(DAY), clock)
    first = tick(definitions, instance, "inbox")
    [request] = first.run_requests or []
    from xfg_pipeline.storage.database import Database

    broken = Pipeline(pipeline.settings, Database("postgresql://nobody@127.0.0.1:1/none"), clock)
    failing = build_definitions(pipeline.settings, resources={"pipeline": broken})
    key = {"dagster/run_key": str(request.run_key)}
    assert not carry(failing, instance, _tagged(request, key)).success
    assert (tick(definitions, instance, "inbox", first.cursor).run_requests or []) == []
    clock.at += timedelta(seconds=20)
    second = tick(definitions, instance, "inbox", first.cursor)
    [again] = second.run_requests or []
    assert again.run_key != request.run_key
    assert carry(definitions, instance, again).success
    assert rows("SELECT materialized_at IS NOT NULL AS carried FROM file_imports") == [{"carried": True}]


def _tagged(request: dg.RunRequest, tags: dict[str, str]) -> dg.RunRequest:
    return dg.RunRequest(run_key=request.run_key, job_name=request.job_name, tags={**request.tags, **tags})


def test_typed_pivots_become_a_materialisation_also_for_old_dates(
    definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline, rows: Rows
) -> None:
    old = date(2019, 6, 4)
    for day in (old, DAY):
        pipeline.book.enter_pivots("ES", day, {k: Decimal(str(v)) for k, v in PIVOTS.items()}, by="anna")
    result = tick(definitions, instance, "manual_levels")
    assert [(event.asset_key.to_user_string(), event.partition) for event in result.asset_events] == [
        ("manual_levels", "2019-06-04"),
        ("manual_levels", "2025-10-16"),
    ]
    requests = result.run_requests or []
    assert [request.tags[RANGE_START] for request in requests] == ["2019-06-04", "2025-10-16"]
    again = tick(definitions, instance, "manual_levels", result.cursor)
    assert (list(again.asset_events), again.run_requests or []) == ([], [])
    for request in requests:
        assert carry(definitions, instance, request).success
    assert rows("SELECT count(*) AS open FROM manual_level_outbox WHERE handled_at IS NULL") == [{"open": 0}]
    assert rows("SELECT manual_complete FROM level_completeness ORDER BY trading_date") == [
        {"manual_complete": True},
        {"manual_complete": True},
    ]


def test_bars_go_through_their_own_job(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    clock: FixedClock,
    exports: Path,
    rows: Rows,
) -> None:
    drop(pipeline, "ESZ5 - 5 min - ETH.csv", (exports / "ESZ5 - 5 min - ETH.csv").read_bytes(), clock)
    drop(pipeline, "ES_levels.csv", chart(date(2025, 10, 15), "6732.00"), clock)
    requests = tick(definitions, instance, "inbox").run_requests or []
    assert sorted(str(request.job_name) for request in requests) == ["bars_of_days", "levels_of_days"]
    for request in requests:
        assert carry(definitions, instance, request).success
    assert instance.get_materialized_partitions(dg.AssetKey("price_bars")) == {"2025-10-14", "2025-10-15"}
    assert rows("SELECT count(*) AS open FROM file_imports WHERE materialized_at IS NULL") == [{"open": 0}]


def test_levels_of_a_holiday_are_kept_and_closed_by_a_run_around_it(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pipeline: Pipeline,
    clock: FixedClock,
    rows: Rows,
) -> None:
    labor_day = date(2025, 9, 1)
    drop(pipeline, "ES_levels.csv", chart(labor_day), clock)
    [request] = tick(definitions, instance, "inbox").run_requests or []
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2025-08-29", "2025-09-02")
    assert carry(definitions, instance, request).success
    assert rows("SELECT materialized_at IS NOT NULL AS carried FROM file_imports") == [{"carried": True}]


def checked(ran: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {evaluation.check_name: evaluation.passed for evaluation in ran.get_asset_check_evaluations()}


def test_checks_report_what_is_missing_and_what_is_broken(
    definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline, clock: FixedClock
) -> None:
    import sqlalchemy as sa

    clock.at = datetime(2025, 10, 17, 13, 40, tzinfo=UTC)
    drop(pipeline, "ES_levels.csv", chart(date(2025, 10, 17)), clock)
    [request] = tick(definitions, instance, "inbox").run_requests or []
    assert checked(carry(definitions, instance, request)) == {
        "no_import_is_stuck": True,
        "no_level_breaks_a_rule": True,
        "prices_are_plausible": True,
        "levels_of_today_are_complete": True,
    }
    clock.at = datetime(2025, 10, 17, 13, 50, tzinfo=UTC)
    with pipeline.database.begin() as connection:
        connection.execute(sa.text("UPDATE structural_levels_v2 SET price = 9000 WHERE level_type = 'val'"))
        connection.execute(sa.text("UPDATE file_imports SET materialized_at = NULL"))
        connection.execute(sa.text("UPDATE file_imports SET received_at = received_at - interval '1 hour'"))
    assert _only_checks(definitions, instance) == {
        "no_import_is_stuck": False,
        "no_level_breaks_a_rule": False,
        "prices_are_plausible": False,
        "levels_of_today_are_complete": False,
    }


def _only_checks(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, bool]:
    job = definitions.get_repository_def().get_job("checks_of_levels")
    return checked(job.execute_in_process(instance=instance))


def test_on_a_morning_on_which_nothing_came_the_checks_run_all_the_same(
    definitions: dg.Definitions, instance: dg.DagsterInstance, clock: FixedClock
) -> None:
    schedule = definitions.get_repository_def().get_schedule_def("levels_expected")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("46 9 * * 1-5", "America/New_York")
    clock.at = datetime(2025, 10, 17, 13, 46, tzinfo=UTC)
    assert _only_checks(definitions, instance)["levels_of_today_are_complete"] is False
    clock.at = datetime(2025, 10, 18, 13, 46, tzinfo=UTC)
    assert _only_checks(definitions, instance)["levels_of_today_are_complete"] is True


def test_pivots_that_no_run_has_carried_are_reported(
    definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline, clock: FixedClock
) -> None:
    pipeline.book.enter_pivots("ES", DAY, {"pivot": Decimal(6700)}, by="anna")
    assert _only_checks(definitions, instance)["no_import_is_stuck"] is True
    clock.at += timedelta(minutes=16)
    assert _only_checks(definitions, instance)["no_import_is_stuck"] is False


def test_what_could_not_be_compared_did_not_pass(
    definitions: dg.Definitions, instance: dg.DagsterInstance, pipeline: Pipeline
) -> None:
    pipeline.book.enter_pivots("ES", DAY, {"pivot": Decimal(6700)}, by="anna")
    assert _only_checks(definitions, instance)["prices_are_plausible"] is False


def test_the_location_loads_by_its_declared_entry(tmp_path: Path) -> None:
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "XFG_HOME": str(tmp_path / "home")}
    checked_by_dg = subprocess.run(
        [str(Path(sys.executable).with_name("dg")), "check", "defs"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "All definitions loaded successfully" in checked_by_dg.stdout + checked_by_dg.stderr
    assert checked_by_dg.returncode == 0
