"""The API of levels, as a program sees it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.desk.conftest import DAY, ES, ES_PIVOTS, NQ, Desk

Post = Callable[..., httpx.Response]


def test_typed_pivots_are_saved_and_read_back(desk: Desk, api: httpx.Client, post: Post) -> None:
    desk.bring(ES, "ES_levels.csv")
    answer = post(ES_PIVOTS, symbol="es")
    assert answer.status_code == 200, answer.text
    saved = answer.json()
    assert saved["symbol"] == "ES"
    assert saved["trading_date"] == "2025-10-16"
    assert saved["completeness"]["status"] == "complete"
    assert sorted(saved["changed"]) == sorted(ES_PIVOTS)
    read = api.get(f"/api/v2/levels/es/{DAY}")
    assert read.json()["levels"] == saved["levels"] == ES | ES_PIVOTS
    assert read.headers["ETag"] == answer.headers["ETag"]
    details = {row["level_type"]: row for row in read.json()["details"]}
    assert details["vwap"]["source"] == "CSV"
    assert details["pivot"]["source"] == "MANUAL"
    assert details["pivot"]["price"] == 6690.5
    assert {"id", "timeframe", "priority", "is_validated", "touches", "holds", "label"} <= set(details["pivot"])


def test_null_takes_a_typed_level_back_and_what_is_left_out_stays(api: httpx.Client, post: Post) -> None:
    assert post(ES_PIVOTS).status_code == 200
    answer = post({"pivot_high": None})
    assert answer.json()["changed"] == ["pivot_high"]
    assert "pivot_high" not in answer.json()["levels"]
    assert answer.json()["levels"]["pivot"] == 6690.5
    actions = [row["action"] for row in api.get(f"/api/v2/levels/ES/{DAY}/history").json()["history"]]
    assert actions == ["removed", *["entered"] * 5]


@pytest.mark.parametrize(
    ("levels", "field"),
    [
        ({"pivot_ba_high": 6600, "pivot": 6690.5}, "pivot_ba_high"),
        ({"pivot_ba_low": 6700, "pivot": 6690.5}, "pivot_ba_low"),
        ({"pivot": 6690.1}, "pivot"),
        ({"pivot": 0}, "pivot"),
        ({"pivot": -5}, "pivot"),
        ({"pivot": "6690.5"}, "pivot"),
        ({"pivot": True}, "pivot"),
        ({"pivot": [6690.5]}, "pivot"),
        ({"pivot": 1e12}, "pivot"),
        ({"pivot": 6690.500000001}, "pivot"),
        ({"pivot_top": 6690.5}, "pivot_top"),
        ({"vwap": 6690.5}, "vwap"),
        ({"<img onerror=alert(1)>": 1}, "<img onerror=alert(1)>"),
        ({}, "levels"),
        ([], "levels"),
        (None, "levels"),
        ("pivot", "levels"),
    ],
)
def test_a_refused_level_is_named_and_nothing_is_saved(still_desk: Desk, levels: Any, field: str) -> None:
    with still_desk.program() as api:
        body = {"symbol": "ES", "trading_date": str(DAY), "levels": levels}
        answer = api.post("/api/v2/manual-levels", json=body)
        assert api.get(f"/api/v2/levels/ES/{DAY}").json()["levels"] == {}
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert set(error) >= {"code", "message", "fields"}
    assert field in error["fields"], error
    assert error["fields"][field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"symbol": "CL"}, "symbol"),
        ({"symbol": "' OR 1=1--"}, "symbol"),
        ({"symbol": "ES\x00"}, "symbol"),
        ({"symbol": 5}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"trading_date": "2025-02-30"}, "trading_date"),
        ({"trading_date": "16.10.2025"}, "trading_date"),
        ({"trading_date": "2025-10-18"}, "trading_date"),
        ({"trading_date": 20251016}, "trading_date"),
        ({"trading_date": "9999-12-31"}, "trading_date"),
        ({"trading_date": "2025-10-16T09:30:00"}, "trading_date"),
        ({"note": "hello"}, "note"),
    ],
)
def test_a_field_that_cannot_be_meant_is_named(still_desk: Desk, body: dict[str, Any], field: str) -> None:
    whole = {"symbol": "ES", "trading_date": str(DAY), "levels": {"pivot": 6690.5}} | body
    with still_desk.program() as api:
        answer = api.post("/api/v2/manual-levels", json=whole)
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["error"]["fields"]) == [field]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'{"symbol": "ES", "trading_date": "2025-10-16", "levels": {"pivot": NaN}}',
        b'{"symbol": "ES", "trading_date": "2025-10-16", "levels": {"pivot": Infinity}}',
        b'{"symbol": "ES", "trading_date": "2025-10-16", "levels": {"pivot": 1e999}}',
        b'{"symbol": "ES", "trading_date": "2025-10-16", "levels": {"pivot": 1e-999999999}}',
        b'{"symbol": "ES", "trading_date": "2025-10-16", "levels": {"pivot": 1' + b"0" * 5000 + b"}}",
        b'{"symbol": "ES", "trading_date": "2025-10-16", "levels": {"pivot": 1, "pivot": 2}}',
        b'{"symbol": "ES", "symbol": "NQ", "trading_date": "2025-10-16", "levels": {"pivot": 1}}',
        b'{"symbol": "\\u0000", "trading_date": "2025-10-16", "levels": {"pivot": 1}}',
        b'{"symbol": "\\ud800", "trading_date": "2025-10-16", "levels": {"\\ud800": 1}}',
        b'{"symbol": "\xff\xfe"}',
        b'{"symbol": "ES\x00"}',
        b"[" * 30_000,
        b'{"a":' * 10_000,
    ],
)
def test_a_body_that_is_no_proper_json_is_refused_in_our_shape(still_desk: Desk, raw: bytes) -> None:
    with still_desk.program() as api:
        answer = api.post("/api/v2/manual-levels", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert set(answer.json()["error"]) >= {"code", "message", "fields"}


def test_other_media_types_and_large_bodies_are_refused(desk: Desk, api: httpx.Client) -> None:
    answer = api.post("/api/v2/manual-levels", data={"symbol": "ES"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
    large = b'{"symbol": "' + b"x" * 70_000 + b'"}'
    for content in (large, iter([large[:40_000], large[40_000:]])):
        answer = api.post("/api/v2/manual-levels", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    # And the desk goes on.
    assert desk.program().get("/api/v2/levels/ES/2025-10-16").status_code == 200


def test_a_price_is_kept_to_the_last_digit(desk: Desk, post: Post, rows: Callable[..., Any]) -> None:
    del desk
    assert post({"weekly_pivot": 6690.25, "pivot": 1234567.75}).status_code == 200
    stored = rows("SELECT level_type, price::text FROM structural_levels_v2 ORDER BY level_type")
    assert [row["price"].rstrip("0") for row in stored] == ["1234567.75", "6690.25"]


def test_two_people_cannot_overwrite_each_other_unseen(desk: Desk, post: Post) -> None:
    del desk
    first = post(ES_PIVOTS)
    assert post({"pivot": 6695.0}, **{"If-Match": first.headers["ETag"]}).status_code == 200
    late = post({"pivot": 6680.0}, **{"If-Match": first.headers["ETag"]})
    assert late.status_code == 409
    error = late.json()["error"]
    assert error["code"] == "lost_update"
    assert error["current"]["pivot"] == 6695.0
    assert error["fields"] == {"pivot": "is now 6,695.00"}
    again = post({"pivot": 6680.0}, **{"If-Match": late.headers["ETag"]})
    assert again.status_code == 200
    assert again.json()["levels"]["pivot"] == 6680.0


def test_of_many_who_saw_the_same_only_one_saves(desk: Desk, post: Post) -> None:
    tag, barrier = post(ES_PIVOTS).headers["ETag"], Barrier(8)

    def save(n: int) -> int:
        client = desk.program()
        barrier.wait()
        body = {"symbol": "ES", "trading_date": str(DAY), "levels": {"pivot": 6690.5 + 0.25 * (n + 1)}}
        return client.post("/api/v2/manual-levels", json=body, headers={"If-Match": tag}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(save, range(8)))
    assert statuses == [200, *[409] * 7]


def test_twenty_calls_with_one_key_save_once(desk: Desk, post: Post, rows: Callable[..., Any]) -> None:
    del post
    barrier = Barrier(20)
    body = {"symbol": "ES", "trading_date": str(DAY), "levels": ES_PIVOTS}

    def save(_: int) -> tuple[int, Any]:
        client = desk.program()
        barrier.wait()
        for _attempt in range(50):
            answer = client.post("/api/v2/manual-levels", json=body, headers={"Idempotency-Key": "one-intent"})
            if answer.status_code != 409:
                return answer.status_code, answer.json()
            assert answer.json()["error"]["code"] == "in_flight"
        raise AssertionError("always in flight")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(save, range(20)))
    assert {status for status, _ in answers} == {200}
    assert all(answer == answers[0][1] for _, answer in answers)
    assert rows("SELECT count(*) AS n FROM level_audit") == [{"n": 5}]


def test_a_key_stands_for_one_body(desk: Desk, post: Post) -> None:
    del desk
    first = post(ES_PIVOTS, **{"Idempotency-Key": "k-1"})
    post({"pivot": 6695.0})
    again = post(ES_PIVOTS, **{"Idempotency-Key": "k-1"})
    assert again.status_code == 200
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["levels"] == first.json()["levels"]
    other = post({"pivot": 6680.0}, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert post(ES_PIVOTS, **{"Idempotency-Key": "a b"}).status_code == 422


def test_an_unknown_symbol_is_404_and_an_empty_day_is_empty(api: httpx.Client) -> None:
    for path in ("levels/CL/2025-10-16", "levels/CL/2025-10-16/history", "completeness/CL"):
        assert api.get(f"/api/v2/{path}").status_code == 404
    assert api.get("/api/v2/nearby-levels?symbol=CL&price=5").status_code == 404
    empty = api.get("/api/v2/levels/NQ/2025-10-16")
    assert (empty.status_code, empty.json()["levels"], empty.json()["details"]) == (200, {}, [])
    assert api.get("/api/v2/levels/ES/2025-13-01").status_code == 422
    assert api.get("/api/v2/nothing").json()["error"]["code"] == "not_found"
    wrong = api.delete("/api/v2/manual-levels")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")


def test_completeness_says_what_is_missing(desk: Desk, api: httpx.Client, post: Post) -> None:
    nothing = api.get("/api/v2/completeness/ES").json()
    assert nothing["trading_date"] == str(DAY)
    assert (nothing["status"], nothing["total_levels"]) == ("incomplete", 0)
    assert set(nothing["missing_csv"]) == set(ES)
    assert set(nothing["missing_manual"]) == set(ES_PIVOTS)
    desk.bring(ES, "ES_levels.csv")
    partial = api.get(f"/api/v2/completeness/es?date={DAY}").json()
    assert (partial["status"], partial["csv_complete"], partial["manual_complete"]) == (
        "partial",
        True,
        False,
    )
    post(ES_PIVOTS)
    whole = api.get("/api/v2/completeness/ES").json()
    assert (whole["status"], whole["overall_complete"], whole["missing_manual"]) == ("complete", True, [])


def test_nearby_levels_come_nearest_first(desk: Desk, api: httpx.Client) -> None:
    desk.bring(NQ, "NQ_levels.csv")
    answer = api.get("/api/v2/nearby-levels?symbol=nq&price=24910&range=60").json()
    assert answer["reference_price"] == 24910
    assert answer["range_points"] == 60
    near = [(level["level_type"], level["distance"]) for level in answer["nearby_levels"]]
    assert near == [("poc", 8.25), ("previous_day_close", 10.5), ("vah", 40.75), ("previous_day_high", 55)]
    assert set(answer["nearby_levels"][0]) >= {"level_type", "price", "distance", "source", "touches"}
    for bad in (
        "price=0",
        "price=NaN",
        "price=1e400",
        "price=x",
        "price=5&range=-1",
        "price=5&range=inf",
        "",
    ):
        assert api.get(f"/api/v2/nearby-levels?symbol=NQ&{bad}").status_code == 422, bad


def test_the_download_is_what_is_stored(desk: Desk, api: httpx.Client, post: Post) -> None:
    desk.bring(ES, "ES_levels.csv")
    post(ES_PIVOTS)
    answer = api.get(f"/api/v2/levels.csv?symbol=ES&from={DAY}&to={DAY}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "ES_levels_2025-10-16_2025-10-16.csv" in answer.headers["Content-Disposition"]
    lines = answer.text.splitlines()
    assert len(lines) == 1 + len(ES) + len(ES_PIVOTS)
    assert "ES,2025-10-16,pivot,6690.5,MANUAL" in answer.text
    assert api.get("/api/v2/levels.csv?symbol=ES&from=2025-10-17&to=2025-10-16").status_code == 422
    assert api.get("/api/v2/levels.csv?symbol=ES&from=2010-01-04&to=2025-10-16").status_code == 422


def test_every_answer_is_json_without_nan(desk: Desk, api: httpx.Client) -> None:
    desk.bring(ES, "ES_levels.csv")

    def refuse(text: str) -> None:
        raise AssertionError(text)

    for path in ("levels/ES/2025-10-16", "completeness/ES", "imports", "nearby-levels?symbol=ES&price=6690"):
        json.loads(api.get(f"/api/v2/{path}").content, parse_constant=refuse)


def test_the_weekly_pivot_belongs_to_the_week(desk: Desk, api: httpx.Client, post: Post) -> None:
    del desk
    monday = date(2025, 10, 13)
    assert post({"weekly_pivot": 6700.0}, day=str(monday)).status_code == 200
    assert api.get(f"/api/v2/levels/ES/{DAY}").json()["levels"] == {"weekly_pivot": 6700.0}
    assert api.get("/api/v2/levels/ES/2025-10-20").json()["levels"] == {}
