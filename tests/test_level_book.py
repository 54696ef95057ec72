"""Reading levels and typing pivots, as the desk, the API and Python programs do."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import FixedClock
from tests.exports import PIVOTS, chart
from xfg_pipeline import LevelsManager, import_motivewave_csv
from xfg_pipeline.inbox.examples import export
from xfg_pipeline.levels.sessions import sessions
from xfg_pipeline.resources.day_book import close_days
from xfg_pipeline.resources.level_book import (
    Idempotency,
    IdempotencyConflict,
    LevelBook,
    LostUpdate,
    PivotsRefused,
    TooFarAhead,
    UnknownSymbol,
)
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage import levels

DAY = date(2025, 10, 16)
MONDAY = date(2025, 10, 13)
TYPED = {name: Decimal(str(price)) for name, price in PIVOTS.items()}
Rows = Callable[..., list[dict[str, object]]]


@pytest.fixture
def book(pipeline: Pipeline) -> LevelBook:
    return pipeline.book


def test_typed_levels_hold_before_imported_ones_and_those_before_calculated_ones(pipeline: Pipeline) -> None:
    brought = pipeline.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    insert = sa.text(
        "INSERT INTO structural_levels_v2 "
        "(symbol, trading_date, level_type, price, source, imported_by, file_import_id) VALUES "
        "('ES', :day, :level, :price, :source, 'test', CASE WHEN :source = 'CSV' THEN CAST(:file AS bigint) END)"
    )
    book, facts = pipeline.book, {"day": DAY, "file": brought.id}

    def hold(level: str) -> tuple[Decimal, list[str], list[Decimal]]:
        day = book.day("ES", DAY)
        holding = [row["source"] for row in day.rows if row["level_type"] == level and row["holds"]]
        near = book.nearby("ES", day.prices[level], Decimal(5)).levels
        return day.prices[level], holding, [one.price for one in near if one.level_type == level]

    with pipeline.database.begin() as connection:
        connection.execute(insert, {**facts, "level": "vah", "price": 6702, "source": "CALCULATED"})
        connection.execute(insert, {**facts, "level": "pivot", "price": 6698, "source": "CALCULATED"})
    assert hold("vah") == (Decimal("6703.75"), ["CSV"], [Decimal("6703.75")])
    assert hold("pivot") == (Decimal(6698), ["CALCULATED"], [Decimal(6698)])
    with pipeline.database.begin() as connection:
        connection.execute(insert, {**facts, "level": "pivot", "price": 6699, "source": "CSV"})
    assert hold("pivot") == (Decimal(6699), ["CSV"], [Decimal(6699)])
    book.enter_pivots("ES", DAY, {"pivot": Decimal("6700.25")}, by="anna")
    assert hold("pivot") == (Decimal("6700.25"), ["MANUAL"], [Decimal("6700.25")])
    assert sorted(row["source"] for row in book.day("ES", DAY).rows if row["level_type"] == "pivot") == [
        "CALCULATED",
        "CSV",
        "MANUAL",
    ]


def test_row_audit_and_event_are_one_transaction(book: LevelBook, rows: Rows) -> None:
    saved = book.enter_pivots("es", DAY, TYPED, by="anna")
    assert saved.changed == tuple(TYPED)
    assert saved.day.prices == TYPED
    assert (saved.day.manual_by, saved.day.manual_at) == ("anna", book.clock.now())
    book.enter_pivots("ES", DAY, {"pivot": Decimal("6701.50")}, by="ben")
    assert rows("SELECT by, level_type, action, old_price, new_price FROM level_audit ORDER BY id DESC LIMIT 1") == [
        {
            "by": "ben",
            "level_type": "pivot",
            "action": "changed",
            "old_price": Decimal(6700),
            "new_price": Decimal("6701.5"),
        }
    ]
    assert len(rows("SELECT * FROM level_audit")) == 6
    assert [row["levels"] for row in rows("SELECT levels FROM manual_level_outbox ORDER BY id")][-1] == {
        "pivot": "6701.50"
    }


def test_saving_what_is_there_already_changes_and_announces_nothing(book: LevelBook, rows: Rows) -> None:
    book.enter_pivots("ES", DAY, TYPED, by="anna")
    assert book.enter_pivots("ES", DAY, TYPED, by="anna").changed == ()
    assert len(rows("SELECT * FROM manual_level_outbox")) == 1


def test_a_broken_rule_names_its_field_and_nothing_is_saved(book: LevelBook) -> None:
    bad = TYPED | {"pivot_ba_high": Decimal(6699), "pivot_low": Decimal("6650.10")}
    with pytest.raises(PivotsRefused) as refused:
        book.enter_pivots("ES", DAY, bad, by="anna")
    assert set(refused.value.fields) == {"pivot_ba_high", "pivot_low"}
    assert "6,700.00" in refused.value.fields["pivot_ba_high"]
    assert "6,650.00" in refused.value.fields["pivot_low"]
    assert book.day("ES", DAY).prices == {}


def test_a_part_is_judged_together_with_what_was_typed_before(book: LevelBook) -> None:
    book.enter_pivots("ES", DAY, {"pivot": Decimal(6700)}, by="anna")
    with pytest.raises(PivotsRefused) as refused:
        book.enter_pivots("ES", DAY, {"pivot_ba_high": Decimal(6600)}, by="anna")
    assert set(refused.value.fields) >= {"pivot_ba_high"}


def test_a_typed_level_can_be_taken_back(book: LevelBook, rows: Rows) -> None:
    book.enter_pivots("ES", DAY, TYPED, by="anna")
    book.enter_pivots("ES", DAY, {"pivot_high": None}, by="ben")
    assert "pivot_high" not in book.day("ES", DAY).prices
    assert rows("SELECT action, old_price, new_price FROM level_audit ORDER BY id DESC LIMIT 1") == [
        {"action": "removed", "old_price": Decimal("6750.25"), "new_price": None}
    ]


def test_a_price_of_another_market_is_refused_when_the_market_is_known(pipeline: Pipeline) -> None:
    pipeline.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    with pytest.raises(PivotsRefused) as refused:
        pipeline.book.enter_pivots("ES", DAY, {"pivot": Decimal(25000)}, by="anna")
    assert "pivot" in refused.value.fields


def test_the_weekly_pivot_holds_for_its_week_and_is_stored_once(book: LevelBook, rows: Rows) -> None:
    book.enter_pivots("ES", date(2025, 10, 15), {"weekly_pivot": Decimal(6690)}, by="anna")
    assert rows("SELECT trading_date, timeframe FROM structural_levels_v2") == [
        {"trading_date": MONDAY, "timeframe": "WEEKLY"}
    ]
    friday = book.day("ES", date(2025, 10, 17))
    assert (friday.prices["weekly_pivot"], friday.weekly_from) == (Decimal(6690), MONDAY)
    assert book.day("ES", MONDAY).weekly_from is None
    assert "weekly_pivot" not in book.day("ES", date(2025, 10, 10)).prices
    assert book.completeness("ES", MONDAY).missing_manual.count("weekly_pivot") == 0


def test_after_a_monday_holiday_the_weekly_pivot_belongs_to_tuesday(book: LevelBook, rows: Rows) -> None:
    book.enter_pivots("ES", date(2025, 1, 22), {"weekly_pivot": Decimal(6090)}, by="anna")
    assert rows("SELECT trading_date FROM structural_levels_v2") == [{"trading_date": date(2025, 1, 21)}]
    assert "weekly_pivot" in book.completeness("ES", date(2025, 1, 21)).required_manual
    assert "weekly_pivot" not in book.completeness("ES", date(2025, 1, 22)).required_manual


def test_the_second_of_two_writers_is_told_what_holds_now(book: LevelBook) -> None:
    seen = book.day("ES", DAY).etag
    book.enter_pivots("ES", DAY, TYPED, by="anna", if_match=seen)
    with pytest.raises(LostUpdate) as lost:
        book.enter_pivots("ES", DAY, {"pivot": Decimal(6690)}, by="ben", if_match=seen)
    assert lost.value.current == TYPED
    assert lost.value.etag == book.day("ES", DAY).etag != seen
    book.enter_pivots("ES", DAY, {"pivot": Decimal(6690)}, by="ben", if_match=lost.value.etag)


def test_two_writers_at_once_with_one_etag_make_one_change(book: LevelBook) -> None:
    etag, barrier = book.day("ES", DAY).etag, threading.Barrier(6)

    def save(number: int) -> bool:
        barrier.wait()
        try:
            book.enter_pivots("ES", DAY, {"pivot": Decimal(6700 + number)}, by=f"user {number}", if_match=etag)
        except LostUpdate:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(save, range(6))) == [False] * 5 + [True]


def test_a_change_of_the_weekly_pivot_is_seen_by_every_day_of_the_week(book: LevelBook) -> None:
    before = book.day("ES", DAY).etag
    book.enter_pivots("ES", MONDAY, {"weekly_pivot": Decimal(6690)}, by="anna")
    assert book.day("ES", DAY).etag != before


def test_a_repeated_request_gets_its_first_answer(book: LevelBook, rows: Rows) -> None:
    key = Idempotency("anna", "manual-levels", "k1", "abc")
    first = book.enter_pivots("ES", DAY, TYPED, by="anna", idempotency=key)
    book.enter_pivots("ES", DAY, {"pivot": Decimal(6690)}, by="ben")
    again = book.enter_pivots("ES", DAY, TYPED, by="anna", idempotency=key)
    assert again.replayed
    assert (again.day.prices, again.day.etag, again.changed) == (
        first.day.prices,
        first.day.etag,
        first.changed,
    )
    assert book.day("ES", DAY).prices["pivot"] == Decimal(6690)
    with pytest.raises(IdempotencyConflict) as conflict:
        book.enter_pivots("ES", DAY, TYPED, by="anna", idempotency=Idempotency("anna", "manual-levels", "k1", "xyz"))
    assert conflict.value.kind == "body"


def test_days_far_away_and_unknown_symbols_are_refused(book: LevelBook) -> None:
    with pytest.raises(TooFarAhead, match="2025-10-20"):
        book.enter_pivots("ES", date(2026, 10, 16), TYPED, by="anna")
    with pytest.raises(UnknownSymbol, match="ES, NQ"):
        book.enter_pivots("CL", DAY, TYPED, by="anna")
    with pytest.raises(PivotsRefused, match="vwap"):
        book.enter_pivots("ES", DAY, {"vwap": Decimal(6700)}, by="anna")
    with pytest.raises(PivotsRefused):
        book.enter_pivots("ES", DAY, {}, by="anna")


def test_a_day_without_a_session_is_said_but_not_refused(book: LevelBook) -> None:
    saved = book.enter_pivots("ES", date(2025, 10, 11), TYPED, by="anna")
    assert [issue.code for issue in saved.warnings if issue.code == "no_session"] == ["no_session"]


def test_nearby_levels_come_nearest_first_from_the_latest_day(pipeline: Pipeline) -> None:
    pipeline.importer.import_bytes(chart([date(2025, 10, 15), DAY]), "ES_levels.csv", by="anna")
    pipeline.book.enter_pivots("ES", MONDAY, {"weekly_pivot": Decimal(6690)}, by="anna")
    found = pipeline.book.nearby("ES", Decimal(6693), Decimal(12))
    assert found.trading_date == DAY
    assert [(level.level_type, level.price, level.distance, level.source) for level in found.levels] == [
        ("poc", Decimal("6693.75"), Decimal("0.75"), "CSV"),
        ("previous_day_close", Decimal("6694.5"), Decimal("1.5"), "CSV"),
        ("weekly_pivot", Decimal(6690), Decimal(3), "MANUAL"),
        ("vah", Decimal("6703.75"), Decimal("10.75"), "CSV"),
    ]
    assert pipeline.book.nearby("NQ", Decimal(6693), Decimal(12)).levels == ()


def test_prices_come_back_as_they_were_written(pipeline: Pipeline) -> None:
    pipeline.importer.import_bytes(chart(DAY, levels={"vwap": "6626.4167", "poc": "6700.00"}), "ES.csv", by="anna")
    prices = pipeline.book.day("ES", DAY).prices
    assert [str(prices[name]) for name in ("vwap", "poc", "overnight_high")] == [
        "6626.4167",
        "6700",
        "6718.5",
    ]


def test_a_pivot_is_validated_only_when_its_band_was_checked(pipeline: Pipeline, rows: Rows) -> None:
    pipeline.book.enter_pivots("NQ", DAY, TYPED, by="anna")
    pipeline.importer.import_bytes(chart(date(2025, 10, 15)), "ES_levels.csv", by="anna")
    pipeline.book.enter_pivots("ES", DAY, TYPED, by="anna")
    close_days(pipeline, DAY, DAY)
    assert rows(
        "SELECT symbol, bool_or(is_validated) AS v FROM structural_levels_v2 WHERE source = 'MANUAL' "
        "GROUP BY 1 ORDER BY 1"
    ) == [{"symbol": "ES", "v": True}, {"symbol": "NQ", "v": False}]


def test_pivots_of_another_market_make_no_day_complete(pipeline: Pipeline) -> None:
    wrong = {name: price + 18_000 for name, price in TYPED.items()}
    pipeline.book.enter_pivots("ES", DAY, wrong, by="anna")
    pipeline.importer.import_bytes(chart(DAY), "ES_levels.csv", by="anna")
    found = pipeline.book.completeness("ES", DAY)
    assert (found.status, found.overall_complete) == ("incomplete", False)
    assert "pivot" in {name for issue in found.failed for name in issue.levels}
    # One at a time they can be put right.
    for name in ("pivot_ba_low", "pivot_low", "pivot", "pivot_high", "pivot_ba_high"):
        pipeline.book.enter_pivots("ES", DAY, {name: TYPED[name]}, by="anna")
    assert pipeline.book.completeness("ES", DAY).status == "complete"


def test_a_weekly_pivot_typed_on_a_sunday_is_of_the_week_that_follows(book: LevelBook, rows: Rows) -> None:
    book.enter_pivots("ES", date(2025, 2, 2), {"weekly_pivot": Decimal(6050)}, by="anna")
    assert rows("SELECT trading_date FROM structural_levels_v2") == [{"trading_date": date(2025, 2, 3)}]


def test_a_day_whose_last_level_was_taken_back_is_no_longer_called_partial(pipeline: Pipeline, rows: Rows) -> None:
    pipeline.book.enter_pivots("ES", DAY, TYPED, by="anna")
    close_days(pipeline, DAY, DAY)
    pipeline.book.enter_pivots("ES", DAY, dict.fromkeys(TYPED), by="anna")
    close_days(pipeline, DAY, DAY)
    assert rows("SELECT status, total_levels, manual_complete FROM level_completeness") == [
        {"status": "incomplete", "total_levels": 0, "manual_complete": False}
    ]


def test_typing_goes_on_while_a_long_run_closes_years(pipeline: Pipeline) -> None:
    days = sessions(date(2021, 1, 4), date(2025, 10, 16))
    pipeline.importer.import_bytes(export("ES", days).encode(), "ES_long.csv", by="anna")
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(close_days, pipeline, days[0], days[-1])
        saved = 0
        while not run.done():
            pipeline.book.enter_pivots("ES", DAY, {"pivot": Decimal(6640 + saved % 2)}, by="anna")
            saved += 1
        assert len(run.result().days) == len(days)
    assert saved > 5


def test_days_read_at_once_are_the_same_as_day_by_day(pipeline: Pipeline) -> None:
    days = sessions(date(2025, 9, 1), date(2025, 10, 16))
    pipeline.importer.import_bytes(export("ES", days).encode(), "ES_long.csv", by="anna")
    for monday, price in ((date(2025, 9, 29), 6600), (date(2025, 10, 6), 6610)):
        pipeline.book.enter_pivots("ES", monday, {"weekly_pivot": Decimal(price)}, by="anna")
    pipeline.book.enter_pivots("ES", DAY, TYPED, by="anna")
    with pipeline.database.read() as connection:
        at_once = levels.days_of_range(connection, ["ES", "NQ"], days[3], days[-1])
        assert {day for _, day in at_once} == set(days[3:])
        for (symbol, day), held in at_once.items():
            alone = levels.holding(levels.rows_of_day(connection, symbol, day))
            assert {name: row["id"] for name, row in held.items()} == {name: row["id"] for name, row in alone.items()}


def test_the_day_rolls_over_at_six_in_the_evening(book: LevelBook, clock: FixedClock) -> None:
    clock.at = datetime(2025, 10, 17, 21, 59, tzinfo=UTC)
    assert book.today() == date(2025, 10, 17)
    clock.at = datetime(2025, 10, 17, 22, 0, tzinfo=UTC)
    assert book.today() == date(2025, 10, 20)


class TestFromPython:
    """The surface for programs, with the file of the first design's own example."""

    EXAMPLE = (
        "Level_Type,Price,Symbol,Date\n"
        "overnight_high,5850.25,ES,2024-01-16\novernight_low,5825.50,ES,2024-01-16\n"
        "vwap,5837.75,ES,2024-01-16\nvah,5845.00,ES,2024-01-16\nval,5830.50,ES,2024-01-16\npoc,5836.25,ES,2024-01-16\n"
    )

    def test_import_enter_and_ask(self, database_url: str, tmp_path: Path) -> None:
        path = tmp_path / "morning_levels.csv"
        path.write_text(self.EXAMPLE)
        done = import_motivewave_csv(database_url, path)
        assert (done["success"], done["imported_count"], done["symbol"]) == (True, 6, "ES")
        assert import_motivewave_csv(database_url, str(path))["state"] == "duplicate"
        manager = LevelsManager(database_url)
        day = date(2024, 1, 16)
        saved = manager.add_manual_levels(
            "ES",
            day,
            {
                "pivot": 5838.00,
                "pivot_high": 5855.25,
                "pivot_low": 5820.75,
                "pivot_ba_high": 5870.00,
                "pivot_ba_low": 5805.50,
                "weekly_pivot": 5830.00,
            },
        )
        assert saved["imported_count"] == 6
        assert manager.get_levels_for_date("ES", day)["pivot"] == 5838.0
        nearby = manager.get_nearby_levels("ES", 5842.50, range_points=5.0, trading_date=day)
        assert [level["level_type"] for level in nearby] == ["vah", "pivot", "vwap"]
        status = manager.get_completeness("ES", day)
        assert (status["manual_complete"], status["status"]) == (True, "partial")
        assert set(status["missing_csv"]) == {"previous_day_high", "previous_day_low", "previous_day_close"}
        manager.close()

    @pytest.mark.parametrize("day", [date(2024, 1, 16), "2024-01-16", datetime(2024, 1, 16, 9, 30, tzinfo=UTC)])
    def test_dates_come_as_programs_have_them(self, database_url: str, day: date | str) -> None:
        manager = LevelsManager(database_url)
        manager.add_manual_levels("es", day, {"pivot": 5838})
        assert manager.get_levels_for_date("ES", day) == {"pivot": 5838.0}
        assert len(manager.get_nearby_levels("ES", 5840, 5, day)) == 1
        assert manager.get_completeness("ES", day)["status"] == "partial"
        manager.close()

    @pytest.mark.parametrize("price", ["abc", True, float("nan"), float("inf"), 0, -1])
    def test_what_is_no_price_is_refused_by_its_name(self, database_url: str, price: float) -> None:
        manager = LevelsManager(database_url)
        with pytest.raises(PivotsRefused, match="pivot"):
            manager.add_manual_levels("ES", date(2024, 1, 16), {"pivot": price})
        with pytest.raises(PivotsRefused, match="price"):
            manager.get_nearby_levels("ES", price)
        manager.close()

    def test_a_refusal_says_why(self, database_url: str, tmp_path: Path) -> None:
        path = tmp_path / "RESULTS.csv"
        path.write_text("Date,vah,val\n2024-01-16,5845.00,5830.50\n")
        done = import_motivewave_csv(database_url, path)
        assert (done["success"], done["imported_count"]) == (False, 0)
        assert "RESULTS.csv" in done["errors"][0]

    def test_an_empty_database_is_brought_up_to_date(self, cluster: object) -> None:
        manager = LevelsManager(cluster.create())  # type: ignore[attr-defined]
        assert manager.get_levels_for_date("ES", DAY) == {}
        manager.close()
