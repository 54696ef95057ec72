"""The OpenAPI description is true: whatever a program sends, the desk answers as described and never 500."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.desk.conftest import DAY, ES, ES_PIVOTS, TOKEN, Desk
from tests.signal_rows import keep_day
from tests.trading_rows import NOW, keep_account, keep_snapshots, keep_trades, snapshot, trade

EXAMPLES = 40
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_the_description_is_complete_and_behind_the_login(desk: Desk) -> None:
    assert desk.client().get("/api/v2/openapi.json").status_code == 401
    described = desk.program().get("/api/v2/openapi.json").json()
    assert set(described["paths"]) == {
        "/healthz",
        "/readyz",
        "/api/v2/manual-levels",
        "/api/v2/levels/{symbol}/{date}",
        "/api/v2/levels/{symbol}/{date}/history",
        "/api/v2/completeness/{symbol}",
        "/api/v2/nearby-levels",
        "/api/v2/levels.csv",
        "/api/v2/imports",
        "/api/v2/signals",
        "/api/v2/signals.csv",
        "/api/v2/signals/{id}",
        "/api/v2/signals/{id}/ticket",
        "/api/v2/candidates",
        "/api/v2/status",
        "/api/v2/status/history",
        "/api/v2/status/cost",
        "/api/v2/status/pause",
        "/api/v2/status/acknowledge",
        "/api/v2/trades",
        "/api/v2/trades.csv",
        "/api/v2/performance",
        "/api/v2/performance/history",
        "/api/v2/performance/signals",
        "/api/v2/calibration",
    }
    page = desk.person().get("/api-description", headers={"Accept": "text/html"})
    assert all(path in page.text for path in described["paths"])


def test_no_generated_call_is_answered_with_500_or_with_what_is_not_described(desk: Desk) -> None:
    desk.bring(ES, "ES_levels.csv")
    keep_day(desk.pipeline.database)
    keep_trades(desk.pipeline.database, trade(1), trade(2, exit_time=NOW, fees=None, mae=None))
    keep_snapshots(desk.pipeline.database, snapshot())
    keep_account(desk.pipeline.database)
    client = desk.program()
    body = {"symbol": "ES", "trading_date": str(DAY), "levels": ES_PIVOTS}
    assert client.post("/api/v2/manual-levels", json=body).status_code == 200
    described = client.get("/api/v2/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    schema.config.update(base_url=desk.url)
    called: list[str] = []

    for found in schema.get_all_operations():
        operation = found.ok()
        strategy = operation.as_strategy() | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

        @seed(20251016)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def call(case: Any) -> None:
            case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS)
            called.append(case.path)

        call()
    assert len(set(called)) == len(described["paths"])


def test_stored_signals_are_answered_as_described(desk: Desk) -> None:
    keep_day(desk.pipeline.database)
    client = desk.program()
    schema = schemathesis.openapi.from_dict(client.get("/api/v2/openapi.json").json())
    schema.config.update(base_url=desk.url)
    ids = [row["id"] for row in client.get("/api/v2/signals").json()["signals"]]
    calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("/api/v2/signals", {}, {"from": "2025-10-15", "to": "2025-10-16"}),
        ("/api/v2/signals.csv", {}, {}),
        ("/api/v2/candidates", {}, {}),
        ("/api/v2/candidates", {}, {"slot": "2025-10-16T13:30Z"}),
        *(("/api/v2/signals/{id}", {"id": one}, {}) for one in ids),
        *(("/api/v2/signals/{id}/ticket", {"id": one}, {"format": kind}) for one in ids for kind in ("json", "text")),
    ]
    statuses = []
    for path, parts, query in calls:
        case = schema[path]["GET"].Case(path_parameters=parts, query=query)
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS)
        statuses.append(answer.status_code)
    assert statuses == [*[200] * 8, 200, 200, *[409] * 6]


def test_what_is_known_of_the_account_is_answered_as_described(desk: Desk) -> None:
    keep_day(desk.pipeline.database)
    keep_trades(desk.pipeline.database, trade(1), trade(2, exit_time=NOW, fees=None, mae=None, entry_time=None))
    keep_snapshots(desk.pipeline.database, snapshot())
    keep_account(desk.pipeline.database)
    schema = schemathesis.openapi.from_dict(desk.program().get("/api/v2/openapi.json").json())
    schema.config.update(base_url=desk.url)
    for path in ("/status", "/status/history", "/status/cost", "/trades", "/performance", "/performance/history"):
        case = schema[f"/api/v2{path}"]["GET"].Case()
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS)
        assert answer.status_code == 200


def test_no_bytes_at_all_make_the_desk_fail(desk: Desk) -> None:
    client = desk.program()

    @seed(20251016)
    @settings(max_examples=60, deadline=None, database=None)
    @given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
    def send(raw: bytes) -> None:
        answer = client.post("/api/v2/manual-levels", content=raw, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, answer.text

    send()
