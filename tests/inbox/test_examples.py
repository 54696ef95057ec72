"""The samples of practice: readable, complete, labelled, and no measure for anything real."""

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import ROOT, FixedClock
from tests.exports import README_LEVELS, chart
from xfg_pipeline.inbox.examples import export, place
from xfg_pipeline.levels.sessions import sessions
from xfg_pipeline.resources.pipeline import Pipeline


@pytest.mark.parametrize(
    "moment", [datetime(2025, 10, 17, 13, 0, tzinfo=UTC), datetime(2025, 10, 18, 12, 0, tzinfo=UTC)]
)
def test_samples_make_the_exports_side_complete(pipeline: Pipeline, clock: FixedClock, moment: datetime) -> None:
    clock.at = moment
    for path in place(pipeline.folders.inbox, clock):
        os.utime(path, (moment.timestamp(), moment.timestamp()))
    assert {one.state for one in pipeline.inbox.scan().done} == {"imported"}
    last = date(2025, 10, 16) if moment.day == 17 else date(2025, 10, 17)
    for symbol in ("ES", "NQ"):
        found = pipeline.book.completeness(symbol, last)
        assert (found.csv_complete, found.failed) == (True, ())
    assert {one.received_by for one in pipeline.book.imports()} == {"practice"}


@pytest.mark.parametrize("symbol", ["ES", "NQ"])
def test_samples_of_any_day_read_without_an_error(pipeline: Pipeline, clock: FixedClock, symbol: str) -> None:
    days = sessions(date(2024, 1, 2), date(2024, 12, 31))
    done = pipeline.importer.import_bytes(export(symbol, days).encode(), f"{symbol}.csv", by="anna")
    assert (done.state, len(done.trading_dates)) == ("imported", len(days))


def test_a_real_price_is_never_checked_against_a_sample(pipeline: Pipeline, clock: FixedClock) -> None:
    for path in place(pipeline.folders.inbox, clock):
        os.utime(path, (clock.now().timestamp(),) * 2)
    pipeline.inbox.scan()
    far = {name: str(Decimal(price) + 3000) for name, price in README_LEVELS.items()}
    day = date(2025, 10, 16)
    assert pipeline.importer.import_bytes(chart(day, "9621.50", far), "ES_levels.csv", by="inbox").state == "imported"
    pipeline.book.enter_pivots("NQ", day, {"pivot": Decimal(31000)}, by="anna")


def test_with_real_money_the_samples_go_and_real_files_stay(pipeline: Pipeline, clock: FixedClock) -> None:
    for path in place(pipeline.folders.inbox, clock):
        os.utime(path, (clock.now().timestamp(),) * 2)
    pipeline.inbox.scan()
    day = date(2025, 10, 15)
    pipeline.importer.import_bytes(chart(day), "ES_levels.csv", by="anna")
    assert pipeline.importer.retire_samples() == 2
    assert pipeline.book.day("ES", date(2025, 10, 16)).prices == {}
    assert pipeline.book.day("NQ", day).prices == {}
    assert len(pipeline.book.day("ES", day).prices) == 9
    assert pipeline.importer.retire_samples() == 0
    pipeline.importer.derive(date(2025, 10, 1), date(2025, 10, 17), by="dagster")
    assert pipeline.book.day("NQ", day).prices == {}
    assert {row["action"] for row in pipeline.book.history("NQ", day)} == {"removed"}


def test_the_shipped_examples_are_read_as_their_page_says(pipeline: Pipeline) -> None:
    folder = ROOT / "examples" / "exports"
    names = sorted(path.name for path in folder.glob("*.csv"))
    assert len(names) >= 4
    page = (folder / "README.md").read_text()
    for name in names:
        done = pipeline.importer.import_bytes((folder / name).read_bytes(), name, by="anna")
        assert name in page
        assert done.state == ("refused" if "bad" in name else "imported"), done.reason


def test_the_example_settings_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    from xfg_pipeline.settings import load_settings

    monkeypatch.setenv("XFG_CONFIG", str(ROOT / "examples" / "config.yaml"))
    assert load_settings().level_rules()


def test_nothing_waits_half_written(tmp_path: Path, clock: FixedClock) -> None:
    place(tmp_path, clock)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ES - practice sample.csv",
        "NQ - practice sample.csv",
    ]
