"""The account in Dagster: a sensor that reads and asks for a run, its run, an account that does not answer."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from tests.account.conftest import NOON, Office
from tests.account.test_account_in_postgres import a_month
from tests.exchange.bybit_server import BybitServer, status
from xfg_pipeline.build import build_definitions
from xfg_pipeline.jobs import LIVE_TAG
from xfg_pipeline.schedules import RANGE_END, RANGE_START


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Shell:
    """The code location over an office."""

    def __init__(self, office: Office, instance: dg.DagsterInstance) -> None:
        self.office, self.instance = office, instance
        self.repository = build_definitions(resources={"pipeline": office.pipeline}).get_repository_def()

    def tick(self, cursor: str | None = None) -> dg.SensorResult:
        with dg.build_sensor_context(
            instance=self.instance, cursor=cursor, resources={"pipeline": self.office.pipeline}
        ) as context:
            found = self.repository.get_sensor_def("closed_positions")(context)
        assert isinstance(found, dg.SensorResult)
        return found

    def hour(self) -> dg.RunRequest:
        with dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=self.office.clock.at,
            resources={"pipeline": self.office.pipeline},
        ) as context:
            found = self.repository.get_schedule_def("hourly_snapshot")(context)
        assert isinstance(found, dg.RunRequest)
        return found

    def run(self, job: str, **tags: str) -> dg.ExecuteInProcessResult:
        return self.repository.get_job(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False, resources={"pipeline": self.office.pipeline}
        )


@pytest.fixture
def shell(office: Office, instance: dg.DagsterInstance) -> Shell:
    return Shell(office, instance)


def test_what_is_new_is_read_by_the_tick_and_made_into_trades_by_its_run(shell: Shell, server: BybitServer) -> None:
    office = shell.office
    a_month(server)
    office.well()
    first = shell.tick()
    (asked,) = first.run_requests or []
    assert office.rows("SELECT count(*) AS n FROM account_closings") == [{"n": 13}]
    assert (asked.tags[LIVE_TAG], asked.tags[RANGE_END]) == ("trade", "2025-11-18")
    # Until its run has started, it is not asked for again.
    assert not shell.tick(first.cursor).run_requests
    ran = shell.run("trades_of_days", **{**asked.tags, "dagster/run_key": str(asked.run_key)})
    assert ran.success
    assert office.rows("SELECT count(*) AS n FROM trades") == [{"n": 11}]
    (light,) = office.rows("SELECT cause, mode, status FROM controller_status")
    assert (light["cause"], light["mode"]) == ("trade", "live")
    checks = {check.check_name: check.passed for check in ran.get_asset_check_evaluations()}
    assert checks == dict.fromkeys(
        ("account_is_read", "trades_are_whole", "trades_are_reconciled", "snapshots_are_fresh", "light_is_fresh"), True
    )
    office.clock.at += timedelta(seconds=30)
    again = shell.tick(first.cursor)
    assert not again.run_requests
    # Half an hour without an evaluation: a run is asked for, so that the light says what is the matter.
    office.clock.at += timedelta(minutes=30)
    (late,) = shell.tick(again.cursor).run_requests or []
    assert late.run_key != asked.run_key


def test_an_account_that_does_not_answer_fails_no_run_and_turns_the_light_red(
    shell: Shell, server: BybitServer
) -> None:
    office = shell.office
    a_month(server)
    office.well()
    shell.tick()
    server.fail_always(status(502))
    office.clock.at += timedelta(minutes=1)
    request = {LIVE_TAG: "trade", RANGE_START: f"{NOON:%Y-%m-%d}", RANGE_END: f"{NOON:%Y-%m-%d}"}
    ran = shell.run("trades_of_days", **request)
    assert ran.success
    assert not {check.check_name: check.passed for check in ran.get_asset_check_evaluations()}["account_is_read"]
    (light,) = office.rows("SELECT status, position_multiplier, triggers FROM controller_status")
    assert (light["status"], light["position_multiplier"]) == ("red", 0)
    assert "health_account" in [trigger["rule"] for trigger in light["triggers"]]


def test_an_account_that_stops_answering_asks_for_a_run_at_once_and_only_once(
    shell: Shell, server: BybitServer
) -> None:
    office = shell.office
    for number in range(20):
        at = NOON - timedelta(hours=30 - number)
        server.account.trade("BTC", "LONG", at, at + timedelta(minutes=10), "0.01", 60_000, 60_500)
    office.well()
    office.bring()
    office.make()
    assert office.light().decision.status == "green"
    cursor = shell.tick().cursor
    server.fail_always(status(502))
    office.clock.at += timedelta(seconds=30)
    first = shell.tick(cursor)
    (asked,) = first.run_requests or []
    assert shell.run("trades_of_days", **{**asked.tags, "dagster/run_key": str(asked.run_key)}).success
    (light,) = office.rows("SELECT status FROM controller_status ORDER BY id DESC LIMIT 1")
    assert light["status"] == "red"
    office.clock.at += timedelta(seconds=30)
    assert not shell.tick(first.cursor).run_requests


def test_every_hour_has_a_snapshot_and_a_light(shell: Shell, server: BybitServer) -> None:
    office = shell.office
    a_month(server)
    office.well()
    office.bring()
    request = shell.hour()
    assert request.tags[LIVE_TAG] == "hour"
    office.clock.at += timedelta(seconds=20)
    assert shell.run("snapshots_of_days", **request.tags).success
    rows = office.rows(
        "SELECT snapshot_time, mode FROM performance_snapshots WHERE cause = 'hour' ORDER BY 1 DESC LIMIT 1"
    )
    assert (rows[0]["snapshot_time"], rows[0]["mode"]) == (NOON, "live")
    assert office.rows("SELECT cause, mode FROM controller_status") == [{"cause": "hour", "mode": "live"}]


def test_a_tag_that_is_no_cause_is_refused_by_name(shell: Shell) -> None:
    day = f"{NOON:%Y-%m-%d}"
    ran = shell.run("trades_of_days", **{LIVE_TAG: "banana", RANGE_START: day, RANGE_END: day})
    assert not ran.success
    said = " ".join(str(one.step_failure_data.user_failure_data) for one in ran.get_step_failure_events())
    assert "banana" in said
