"""The light by the API: what it says, that it is never a 500, and who may pause or acknowledge it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.conftest import FixedClock
from tests.desk.conftest import NOW, PASSWORD, TOKEN, USER, Desk, access_of, serving
from tests.trading_rows import DAILY_LOSS, LOW_WIN_RATE, SLOT, WIN_RATE, keep_lights, light, side
from xfg_pipeline.desk.passwords import hash_password
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.web_access import WebAccessRepository

Rows = Callable[..., list[dict[str, object]]]
PAUSE, ACKNOWLEDGE = "/api/v2/status/pause", "/api/v2/status/acknowledge"


def test_the_light_says_what_triggered_it_and_what_it_was_decided_from(api: httpx.Client, database: Database) -> None:
    keep_lights(database, light("yellow", SLOT, [WIN_RATE], gated=side("green"), changed=True))
    told = api.get("/api/v2/status").json()
    assert (told["status"], told["position_multiplier"], told["triggered_by"]) == ("yellow", 0.5, "win_rate")
    assert told["triggers"] == [
        {
            "rule": "win_rate",
            "status": "yellow",
            "message": WIN_RATE["message"],
            "value": 0.65,
            "threshold": 0.7,
            "n": 20,
            "interval": [0.432854, 0.818808],
            "chance": 0.39199,
        }
    ]
    assert {name: one["status"] for name, one in told["lights"].items()} == {"literal": "yellow", "gated": "green"}
    assert (told["evidence"], told["cause"], told["evaluated_status"]) == ("literal", "slot", "yellow")
    assert told["as_of"] == NOW.isoformat()
    assert told["timestamp"] == told["since"] == SLOT.isoformat()
    assert (told["account"], told["market"], told["mode"]) == ("paper_simulated", "simulated", "practice")
    assert [one["part"] for one in told["health"]][:2] == ["market", "candles"]
    assert (told["metrics"]["ece"], told["metrics"]["sharpe_ratio"]) == (0.052, None)
    assert (told["thresholds"]["red_wr_threshold"], told["thresholds"]["evidence"]) == (0.65, "literal")
    assert told["paused"] is None


def test_without_an_evaluation_and_with_an_old_one_it_is_red(
    api: httpx.Client, database: Database, clock: FixedClock
) -> None:
    told = api.get("/api/v2/status").json()
    assert (told["status"], told["position_multiplier"], told["triggered_by"]) == ("red", 0, "monitor")
    assert (told["timestamp"], told["evaluated_status"], told["health"]) == (None, None, [])
    keep_lights(database, light("green", SLOT))
    assert api.get("/api/v2/status").json()["status"] == "green"
    clock.at = SLOT + timedelta(minutes=21)
    told = api.get("/api/v2/status").json()
    assert (told["status"], told["evaluated_status"]) == ("red", "green")
    assert "more than 20 min" in told["message"]


def test_when_nothing_can_be_read_it_is_red_and_never_a_500(
    pipeline: Pipeline, api: httpx.Client, database: Database
) -> None:
    keep_lights(database, light("green", SLOT, lights={"literal": {}, "gated": {}}))
    odd = api.get("/api/v2/status")
    assert odd.status_code == 503
    assert (odd.json()["status"], odd.json()["triggered_by"]) == ("red", "monitor")
    gone = Database("postgresql://nobody@127.0.0.1:1/none", pool_timeout=1)
    alone = Pipeline(pipeline.settings, gone, pipeline.clock)
    access = access_of(alone)
    access._set_up = True  # the desk was in use before Postgres went away
    with serving(alone, access) as running:
        answer = running.program().get("/api/v2/status")
        by_password = running.client(auth=(USER, PASSWORD)).get("/api/v2/status")
        page = running.program().get("/status", headers={"Accept": "text/html"})
    for told in (answer, by_password):
        assert told.status_code == 503
        body = told.json()
        assert (body["status"], body["position_multiplier"]) == ("red", 0)
        assert body["triggered_by"] == body["triggers"][0]["rule"] == "health_database"
        assert body["message"].startswith("The light is unknown: Postgres does not answer.")
        assert body["error"]["code"] == "database_unavailable"
    assert page.status_code == 503
    assert "unknown is red: open nothing" in page.text
    gone.dispose()


def test_pausing_and_acknowledging_stay_in_the_audit_log(api: httpx.Client, database: Database, rows: Rows) -> None:
    keep_lights(database, light("green", SLOT))
    told = api.post(PAUSE, json={"reason": " news at 14:00 "}).json()
    assert (told["status"], told["position_multiplier"]) == ("red", 0)
    assert (told["action"]["who"], told["action"]["reason"], told["evaluated"]) == ("api", "news at 14:00", True)
    assert told["paused"]["who"] == "api"
    assert api.get("/api/v2/status").json()["status"] == "red"
    logged = rows("SELECT action, who, reason FROM controller_actions ORDER BY id")
    assert [tuple(row.values()) for row in logged] == [("pause", "api", "news at 14:00")]


@pytest.mark.parametrize(
    ("made", "code", "still"),
    [
        (light("red", SLOT, [LOW_WIN_RATE, DAILY_LOSS]), "still_red", ["daily_loss"]),
        (light("yellow"), "not_red", []),
    ],
)
def test_an_acknowledgement_is_refused_with_what_is_still_red(
    api: httpx.Client, database: Database, rows: Rows, made: Any, code: str, still: list[str]
) -> None:
    keep_lights(database, made)
    answer = api.post(ACKNOWLEDGE, json={"reason": "I looked"})
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert (error["code"], [one["rule"] for one in error["triggers"]]) == (code, still)
    assert error["message"].startswith("Nothing was changed.")
    assert rows("SELECT * FROM controller_actions") == []


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 1}, {"reason": "x" * 501}])
def test_a_reason_is_asked_for(still_desk: Desk, body: Any) -> None:
    for path in (PAUSE, ACKNOWLEDGE):
        answer = still_desk.program().post(path, json=body)
        assert answer.status_code == 422
        assert set(answer.json()["error"]["fields"]) == {"reason"}


def test_a_viewer_looks_and_changes_nothing(desk: Desk, database: Database, rows: Rows) -> None:
    WebAccessRepository(database).save_user("viktor", hash_password(PASSWORD), "viewer", NOW)
    client = desk.client(auth=("viktor", PASSWORD))
    assert client.get("/api/v2/status").status_code == 200
    for path in (PAUSE, ACKNOWLEDGE):
        assert client.post(path, json={"reason": "news"}).status_code == 403
    assert desk.client().post(PAUSE, json={"reason": "news"}).status_code == 401
    foreign = desk.client(headers={"Origin": "http://evil.example", "Authorization": f"Bearer {TOKEN}"})
    assert foreign.post(PAUSE, json={"reason": "news"}).status_code in (200, 403)
    page = client.get("/status", headers={"Accept": "text/html"}).text
    assert "This user may look, and change nothing." in page
    assert '<form class="pad form act"' not in page


def test_the_same_intent_acts_once(api: httpx.Client, rows: Rows) -> None:
    key = {"Idempotency-Key": "k1"}
    first = api.post(PAUSE, json={"reason": "news"}, headers=key)
    again = api.post(PAUSE, json={"reason": "news"}, headers=key)
    other = api.post(PAUSE, json={"reason": "others"}, headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["action"]["id"] == first.json()["action"]["id"]
    assert len(rows("SELECT * FROM controller_actions")) == 1


def test_history_and_cost_are_of_utc_days(api: httpx.Client, database: Database) -> None:
    keep_lights(database, light("green", SLOT), light("red", SLOT - timedelta(days=1), changed=True))
    today = api.get("/api/v2/status/history").json()
    assert [(row["status"], row["position_multiplier"]) for row in today["history"]] == [("green", 1)]
    both = api.get("/api/v2/status/history?from=2025-10-15&to=2025-10-16&changed=true").json()
    assert [row["status"] for row in both["history"]] == ["red"]
    assert (both["total"], both["from"]) == (1, "2025-10-15")
    cost = api.get("/api/v2/status/cost").json()
    assert (cost["from"], cost["to"], cost["total"]["n"], cost["rules"]) == ("2025-09-17", "2025-10-16", 0, [])
    for path in ("history", "cost"):
        refused = api.get(f"/api/v2/status/{path}?from=2025-10-16&to=2025-10-15")
        assert refused.status_code == 422
        assert set(refused.json()["error"]["fields"]) == {"to"}
