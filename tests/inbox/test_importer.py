"""One content: whole or not at all, once, and the newest wins with the old values in the audit."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import FixedClock
from tests.exports import chart
from xfg_pipeline.inbox.importer import DerivationFailed, Importer
from xfg_pipeline.levels.issues import ExportUnfinished
from xfg_pipeline.resources.day_book import close_days
from xfg_pipeline.resources.pipeline import Pipeline

DAY = date(2025, 10, 16)
Rows = Callable[..., list[dict[str, object]]]


@pytest.fixture
def importer(pipeline: Pipeline) -> Importer:
    return pipeline.importer


def sample_names(kind: str) -> list[str]:
    expected = Path(__file__).resolve().parents[3] / "shared" / "data" / "exports" / "expected.json"
    return sorted(json.loads(expected.read_text())[kind]) if expected.is_file() else ["absent"]


@pytest.mark.parametrize("name", sample_names("good"))
def test_a_good_sample_is_stored_as_expected(name: str, exports: Path, pipeline: Pipeline, rows: Rows) -> None:
    expected = json.loads((exports / "expected.json").read_text())["good"][name]
    done = pipeline.importer.import_bytes((exports / name).read_bytes(), name, by="anna")
    assert (done.state, done.symbol) == ("imported", expected["symbol"])
    if expected["holds"] == "bars":
        for day, wanted in expected["dates"].items():
            [stored] = rows(
                "SELECT count(*) AS bars, max(high) AS high, min(low) AS low, sum(volume) AS volume, "
                "min(bar_time) AS first, max(bar_time) AS last FROM price_bars WHERE trading_date = :day",
                day=day,
            )
            assert stored["bars"] == wanted["bars"]
            assert [float(str(stored[key])) for key in ("high", "low", "volume")] == [
                wanted["high"],
                wanted["low"],
                wanted["volume"],
            ]
            assert str(stored["first"])[:16] == wanted["first_utc"][:16].replace("T", " ")
            assert str(stored["last"])[:16] == wanted["last_utc"][:16].replace("T", " ")
        return
    assert [str(day) for day in done.trading_dates] == expected["trading_dates"]
    for day, wanted in expected["dates"].items():
        held = pipeline.book.day(done.symbol or "", date.fromisoformat(day)).prices
        assert held == {name: Decimal(str(price)) for name, price in wanted["levels"]["api"].items()}
        missing = pipeline.book.completeness(done.symbol or "", date.fromisoformat(day)).missing_csv
        assert sorted(missing) == sorted(wanted["missing_required"]["readme"])


@pytest.mark.parametrize("name", sample_names("bad"))
def test_a_bad_sample_is_refused_whole_and_says_why(name: str, exports: Path, importer: Importer, rows: Rows) -> None:
    expected = json.loads((exports / "expected.json").read_text())["bad"][name]
    plain = Path(name).name
    if "needs" in expected:
        importer.import_bytes((exports / "ES_levels.csv").read_bytes(), "ES_levels.csv", by="anna")
    before = rows("SELECT symbol, trading_date, level_type, price FROM structural_levels_v2 ORDER BY 1, 2, 3")
    content = (exports / name).read_bytes()
    if expected.get("may_wait"):
        with pytest.raises(ExportUnfinished) as unfinished:
            importer.import_bytes(content, plain, by="anna")
        done = importer.refuse(content, plain, unfinished.value, by="anna")
    else:
        done = importer.import_bytes(content, plain, by="anna")
    if expected["outcome"] != "refused":
        assert done.state == "imported"
        assert {name for issue in done.issues for name in issue["levels"]} >= {"vwap", "poc"}
        return
    assert done.state == "refused"
    assert rows("SELECT symbol, trading_date, level_type, price FROM structural_levels_v2 ORDER BY 1, 2, 3") == before
    assert plain in done.reason
    if expected["line"] is not None:
        assert f"{expected['line']}" in done.reason
    if expected["columns"] and expected["columns"][0] != "Close":
        assert expected["columns"][0] in done.reason
    assert done.issues[0]["remedy"]


def test_the_same_content_is_imported_once(importer: Importer, rows: Rows) -> None:
    first = importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    again = importer.import_bytes(chart(DAY), "ES_copy.csv", by="ben")
    assert (first.state, again.state, again.id) == ("imported", "duplicate", first.id)
    assert "ES_levels.csv" in again.reason
    assert rows("SELECT duplicates, last_duplicate_name FROM file_imports") == [
        {"duplicates": 1, "last_duplicate_name": "ES_copy.csv"}
    ]


def test_a_correction_replaces_the_day_and_keeps_the_old_values(
    pipeline: Pipeline, clock: FixedClock, rows: Rows
) -> None:
    first = pipeline.importer.import_bytes(chart(DAY, levels={"mgi_rtho": "6634.00"}), "ES_levels.csv", by="anna")
    clock.at += timedelta(minutes=5)
    second = pipeline.importer.import_bytes(chart(DAY, levels={"vah": "6704.00"}), "ES_levels.csv", by="ben")
    held = pipeline.book.day("ES", DAY)
    assert held.prices["vah"] == Decimal("6704.00")
    assert "mgi_rtho" not in held.prices
    assert {row["file_import_id"] for row in held.rows} == {second.id}
    audit = rows(
        "SELECT level_type, action, old_price, new_price, by, old_file_import_id FROM level_audit ORDER BY level_type"
    )
    assert audit == [
        {
            "level_type": "mgi_rtho",
            "action": "removed",
            "old_price": Decimal(6634),
            "new_price": None,
            "by": "ben",
            "old_file_import_id": first.id,
        },
        {
            "level_type": "vah",
            "action": "changed",
            "old_price": Decimal("6703.75"),
            "new_price": Decimal(6704),
            "by": "ben",
            "old_file_import_id": first.id,
        },
    ]


def test_a_correction_that_adds_a_level_is_audited_too(importer: Importer, rows: Rows) -> None:
    importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    importer.import_bytes(chart(DAY, levels={"mgi_rtho": "6634.00"}), "ES_levels.csv", by="ben")
    assert [(row["level_type"], row["action"]) for row in rows("SELECT * FROM level_audit")] == [
        ("mgi_rtho", "entered")
    ]


def test_an_old_content_does_not_come_back_by_itself_but_does_when_trusted(pipeline: Pipeline) -> None:
    wrong, right = chart(DAY, levels={"vah": "6704.00"}), chart(DAY)
    pipeline.importer.import_bytes(right, "ES_levels.csv", by="anna")
    pipeline.importer.import_bytes(wrong, "ES_levels.csv", by="anna")
    assert pipeline.importer.import_bytes(right, "ES_levels.csv", by="sync").state == "duplicate"
    assert pipeline.book.day("ES", DAY).prices["vah"] == Decimal("6704.00")
    assert pipeline.importer.import_bytes(right, "ES_levels.csv", by="anna", trust=True).state == "imported"
    assert pipeline.book.day("ES", DAY).prices["vah"] == Decimal("6703.75")


def test_a_wrong_market_that_came_first_can_be_put_right(pipeline: Pipeline) -> None:
    far = {name: str(Decimal(price) + 18_000) for name, price in _levels().items()}
    assert pipeline.importer.import_bytes(chart(DAY, "24621.50", far), "ES_levels.csv", by="anna").state == "imported"
    right = chart(DAY)
    assert pipeline.importer.import_bytes(right, "ES_levels.csv", by="anna").state == "refused"
    assert pipeline.importer.import_bytes(right, "ES_levels.csv", by="anna", trust=True).state == "imported"
    assert pipeline.book.day("ES", DAY).prices["vah"] == Decimal("6703.75")


def test_a_refused_content_may_try_again(importer: Importer, pipeline: Pipeline, exports: Path) -> None:
    content = (exports / "bad/ES_date_order_unknown.csv").read_bytes()
    first = importer.import_bytes(content, "ES_dates.csv", by="anna")
    assert (first.state, first.attempt) == ("refused", 1)
    told = Importer(pipeline.database, replace(pipeline.rules, date_order="day_first"), pipeline.clock)
    second = told.import_bytes(content, "ES_dates.csv", by="anna")
    assert (second.state, second.attempt, second.id) == ("imported", 2, first.id)


def test_many_at_once_with_one_content_make_one_import(pipeline: Pipeline, rows: Rows) -> None:
    barrier = threading.Barrier(6)

    def drop(number: int) -> str:
        barrier.wait()
        return pipeline.importer.import_bytes(chart(DAY), f"ES_{number}.csv", by="anna").state

    with ThreadPoolExecutor(6) as pool:
        states = sorted(pool.map(drop, range(6)))
    assert states == ["duplicate"] * 5 + ["imported"]
    assert rows("SELECT count(*) AS n, sum(duplicates) AS d FROM file_imports") == [{"n": 1, "d": 5}]


def test_text_that_postgres_cannot_hold_is_kept_readable(importer: Importer) -> None:
    done = importer.import_bytes(b"\x00\x01binary", "odd\udcff\x00name.csv", by="anna")
    assert done.state == "refused"
    assert "\x00" not in done.file_name


def test_deriving_again_changes_nothing_when_nothing_changed(pipeline: Pipeline, rows: Rows) -> None:
    pipeline.importer.import_bytes(chart([date(2025, 10, 15), DAY]), "ES_levels.csv", by="anna")
    before = rows("SELECT * FROM structural_levels_v2 ORDER BY trading_date, level_type")
    derived = pipeline.importer.derive(date(2025, 10, 1), DAY, by="dagster")
    assert (derived.files, derived.days, derived.levels, derived.changed) == (1, 2, 18, 0)
    assert rows("SELECT * FROM structural_levels_v2 ORDER BY trading_date, level_type") == before
    assert rows("SELECT * FROM level_audit") == []


def test_new_aliases_reach_the_past_through_the_kept_file(pipeline: Pipeline) -> None:
    content = chart(DAY, levels={"My Study": "6690.00"})
    pipeline.importer.import_bytes(content, "ES_levels.csv", by="anna")
    assert "my_level" not in pipeline.book.day("ES", DAY).prices
    rules = replace(pipeline.rules, aliases={"My Study": "my_level"})
    Importer(pipeline.database, rules, pipeline.clock).derive(DAY, DAY, by="dagster")
    assert pipeline.book.day("ES", DAY).prices["my_level"] == Decimal(6690)


def test_a_kept_file_that_no_longer_reads_changes_nothing(pipeline: Pipeline, rows: Rows) -> None:
    pipeline.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    before = rows("SELECT * FROM structural_levels_v2 ORDER BY level_type")
    strict = replace(pipeline.rules, tick_sizes={"ES": Decimal(7)})
    with pytest.raises(DerivationFailed, match=r"ES_levels\.csv"):
        Importer(pipeline.database, strict, pipeline.clock).derive(DAY, DAY, by="dagster")
    assert rows("SELECT * FROM structural_levels_v2 ORDER BY level_type") == before


def test_the_file_itself_is_kept_byte_for_byte(pipeline: Pipeline) -> None:
    from xfg_pipeline.storage.file_imports import content_of

    done = pipeline.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    with pipeline.database.read() as connection:
        assert content_of(connection, done.id) == chart(DAY)


def _levels() -> dict[str, str]:
    from tests.exports import README_LEVELS

    return README_LEVELS


def test_what_holds_for_every_day_is_said_once_a_file(importer: Importer) -> None:
    done = importer.import_bytes(chart([date(2025, 10, day) for day in (14, 15, 16)]), "ES.csv", by="anna")
    assert [issue["code"] for issue in done.issues] == ["band_unchecked"]
    assert "3 of the days" in done.issues[0]["message"]


def test_a_level_is_validated_only_when_its_band_was_checked(pipeline: Pipeline, rows: Rows) -> None:
    pipeline.importer.import_bytes(chart(date(2025, 10, 15)), "ES_a.csv", by="anna")
    pipeline.importer.import_bytes(chart(DAY), "ES_b.csv", by="anna")
    query = "SELECT trading_date, bool_and(is_validated) AS v FROM structural_levels_v2 GROUP BY 1 ORDER BY 1"
    wanted = [{"trading_date": date(2025, 10, 15), "v": False}, {"trading_date": DAY, "v": True}]
    assert rows(query) == wanted
    close_days(pipeline, date(2025, 10, 15), DAY)
    assert rows(query) == wanted
    # With the file of the day after as a measure, deriving again checks what could not be checked.
    pipeline.importer.derive(date(2025, 10, 15), DAY, by="dagster")
    close_days(pipeline, date(2025, 10, 15), DAY)
    assert [row["v"] for row in rows(query)] == [True, True]


def test_a_file_that_is_trusted_under_its_true_name_keeps_its_levels(pipeline: Pipeline, rows: Rows) -> None:
    older = chart(DAY, "24621.50", {name: str(Decimal(price) + 18_000) for name, price in _levels().items()})
    pipeline.importer.import_bytes(older, "NQ_right.csv", by="anna")
    content = chart(DAY)
    pipeline.importer.import_bytes(content, "NQ_levels.csv", by="anna", trust=True)
    assert pipeline.book.day("NQ", DAY).prices["vah"] == Decimal("6703.75")
    done = pipeline.importer.import_bytes(content, "ES_levels.csv", by="anna", trust=True)
    assert (done.symbol, done.file_name) == ("ES", "ES_levels.csv")
    for _ in range(2):
        assert pipeline.book.day("ES", DAY).prices["vah"] == Decimal("6703.75")
        assert pipeline.book.day("NQ", DAY).prices["vah"] == Decimal("24703.75")
        pipeline.importer.derive(DAY, DAY, by="dagster")


def test_a_day_that_a_renamed_file_gives_up_and_nobody_else_has_is_empty(pipeline: Pipeline) -> None:
    pipeline.importer.import_bytes(chart(DAY), "NQ_levels.csv", by="anna")
    pipeline.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna", trust=True)
    assert pipeline.book.day("NQ", DAY).prices == {}
    assert len(pipeline.book.day("ES", DAY).prices) == 9


def test_bars_of_another_market_are_refused_where_the_market_is_known(pipeline: Pipeline, exports: Path) -> None:
    pipeline.importer.import_bytes((exports / "ES_levels.csv").read_bytes(), "ES_levels.csv", by="anna")
    bars = (exports / "NQZ5 - 5 min - RTH.csv").read_bytes()
    done = pipeline.importer.import_bytes(bars, "ESZ5 - 5 min - RTH.csv", by="anna")
    assert done.state == "refused"
    assert "24,756.25" in done.reason or "24756.25" in done.reason


def test_bars_without_a_volume_have_none(importer: Importer, rows: Rows) -> None:
    lines = [f"2025-10-16 {hour:02}:00:00,6700,6710,6690,6705" for hour in range(10, 16)]
    content = "\n".join(["Date/Time,Open,High,Low,Close", *lines]) + "\n"
    assert importer.import_bytes(content.encode(), "ES - 60 min.csv", by="anna").state == "imported"
    assert rows("SELECT DISTINCT volume FROM price_bars") == [{"volume": None}]


def test_a_symbol_that_is_no_longer_allowed_does_not_hold_up_the_others(pipeline: Pipeline) -> None:
    pipeline.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    pipeline.importer.import_bytes(chart(DAY), "NQ_copy.csv", by="anna")
    far = {name: str(Decimal(price) + 18_000) for name, price in _levels().items()}
    pipeline.importer.import_bytes(chart(DAY, "24621.50", far), "NQ_levels.csv", by="anna")
    only_es = Importer(pipeline.database, replace(pipeline.rules, allowed_symbols=("ES",)), pipeline.clock)
    assert only_es.derive(DAY, DAY, by="dagster").levels == 9


def test_an_old_content_that_comes_back_is_told_what_holds_instead(importer: Importer) -> None:
    importer.import_bytes(chart(DAY), "ES_a.csv", by="anna")
    importer.import_bytes(chart(DAY, levels={"vah": "6704.00"}), "ES_b.csv", by="anna")
    again = importer.import_bytes(chart(DAY), "ES_a.csv", by="anna")
    assert "ES_b.csv" in again.reason
    assert "--trust" in again.reason


def test_a_price_with_the_digits_of_a_float_is_kept_to_eight_decimals(pipeline: Pipeline) -> None:
    pipeline.importer.import_bytes(chart(DAY, levels={"vwap": "6626.416666666667"}), "ES_a.csv", by="anna")
    assert pipeline.book.day("ES", DAY).prices["vwap"] == Decimal("6626.41666667")


def test_bars_with_columns_that_nobody_knows_say_so(importer: Importer) -> None:
    lines = [f"2025-10-16 {hour:02}:00:00,6700,6710,6690,6705,1,6701" for hour in range(10, 16)]
    content = "\n".join(["Date/Time,Open,High,Low,Close,Volume,My VAH", *lines]) + "\n"
    done = importer.import_bytes(content.encode(), "ES - 60 min.csv", by="anna")
    assert [issue["code"] for issue in done.issues if "My VAH" in issue["message"]] == ["no_known_level"]


def test_later_prices_do_not_undo_what_was_accepted(pipeline: Pipeline) -> None:
    far = {name: str(Decimal(price) + 18_000) for name, price in _levels().items()}
    pipeline.importer.import_bytes(chart(DAY), "ES_a.csv", by="anna")
    pipeline.importer.import_bytes(chart(date(2025, 10, 15), "24621.50", far), "ES_b.csv", by="anna", trust=True)
    assert pipeline.importer.derive(DAY, DAY, by="dagster").changed == 0
