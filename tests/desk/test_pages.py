"""The pages as HTML: what they say, and what must never be in them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.conftest import FixedClock
from tests.desk.conftest import DAY, ES, ES_PIVOTS, PASSWORD, TOKEN, USER, Desk, serving
from xfg_pipeline.desk.formats import price_text, sentence, typed_price
from xfg_pipeline.desk.ladder import ROW, TIGHT_ROW, Rung, draw, segments
from xfg_pipeline.desk.origin import host_name
from xfg_pipeline.desk.pages import STATIC
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database

HTML = {"Accept": "text/html"}


def test_no_page_holds_inline_script_or_style(desk: Desk) -> None:
    desk.bring(ES, "ES_levels.csv")
    client = desk.person()
    pages = [client.get(path, headers=HTML).text for path in ("/levels", "/api-description", "/nothing")]
    pages.append(desk.client().get("/login", headers=HTML).text)
    for text in pages:
        assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|javascript:", text), text[:200]
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
        assert not re.search(r"(src|href)=[\"']?(https?:)?//(?!127\.0\.0\.1)", text)
        assert PASSWORD not in text
        assert TOKEN not in text


def test_an_empty_day_says_what_to_do(desk: Desk) -> None:
    text = desk.person().get("/levels", headers=HTML).text
    assert "No levels for this date yet." in text
    assert str(desk.pipeline.settings.inbox) in text
    assert text.count("Nothing yet") == 2


def test_a_day_without_a_session_names_the_next_one(desk: Desk) -> None:
    text = desk.person().get("/levels?date=2025-10-18", headers=HTML).text
    assert "Saturday 18 October 2025 is no trading day" in text
    assert 'href="/levels?date=2025-10-20"' in text
    assert 'class="pivots' not in text


@pytest.mark.parametrize("date", ["2010-01-01", "2040-12-31", "2025-10-17"])
def test_the_first_and_last_dates_are_pages_too(still_desk: Desk, date: str) -> None:
    assert still_desk.person().get(f"/levels?date={date}", headers=HTML).status_code == 200


@pytest.mark.parametrize("date", ["2009-12-31", "2041-01-01", "0001-01-01", "x", "2025-1-1", "20251016", "-1"])
def test_a_date_that_cannot_be_is_refused_on_a_page(still_desk: Desk, date: str) -> None:
    answer = still_desk.person().get("/levels", params={"date": date}, headers=HTML)
    assert answer.status_code == 422
    assert "text/html" in answer.headers["Content-Type"]


def test_the_last_price_stands_between_the_levels_of_its_own_day_only(desk: Desk, database: Database) -> None:
    desk.bring(ES, "ES_levels.csv")
    with database.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO price_bars SELECT 'ES', 5, '2025-10-16 13:35+00', '2025-10-16', "
                "6690, 6691, 6689, 6690.25, 10, id FROM file_imports"
            )
        )
    client = desk.person()
    text = client.get("/levels", headers=HTML).text
    assert re.search(r'class="last"><td>6,690.25</td>.*Last price <span class="note">09:35', text)
    assert "+28.25" in text
    assert "−84.50" in text
    assert "Last price" not in client.get("/levels?date=2025-10-15", headers=HTML).text


def test_a_typed_value_stands_before_the_imported_one_and_both_are_shown(desk: Desk) -> None:
    desk.bring(ES, "ES_levels.csv")
    body = {"symbol": "ES", "trading_date": str(DAY), "levels": ES_PIVOTS}
    assert desk.program().post("/api/v2/manual-levels", json=body).status_code == 200
    text = desk.person().get("/levels", headers=HTML).text
    assert "6,626.4167" in text, "the exact value in the list"
    assert "6,626.42" in text, "the rounded one in the picture"
    assert "Saved 09:41:12 by api" in text


def test_the_form_alone_saves_refuses_and_keeps_what_was_typed(desk: Desk) -> None:
    client = desk.person()
    form = {"symbol": "ES", "date": str(DAY)} | {name: str(price) for name, price in ES_PIVOTS.items()}
    saved = client.post("/levels", data=form, headers=HTML)
    assert (saved.status_code, saved.headers["Location"]) == (303, f"/levels?date={DAY}#ES")
    assert desk.pipeline.book.day("ES", DAY).manual["pivot"] == Decimal("6690.5")
    for typed, says in (
        ("abc", "Not a price"),
        ("9e9", "Not a price"),
        ("1" * 12, "Too large"),
        ("6690,5", "Not a price"),
    ):
        refused = client.post("/levels", data=form | {"pivot": typed}, headers=HTML)
        assert refused.status_code == 422
        assert says in refused.text
        assert f'value="{typed}"' in refused.text
    lost = client.post("/levels", data=form | {"pivot": "6691", "etag": '"old"'}, headers=HTML)
    assert lost.status_code == 409
    assert "is now 6,690.50" in lost.text
    assert 'value="6691"' in lost.text
    assert client.post("/levels", data={"symbol": "CL", "date": str(DAY)}, headers=HTML).status_code == 404
    assert client.post("/levels", data={"symbol": "ES", "date": "x"}, headers=HTML).status_code == 422


def test_a_form_sent_after_the_login_has_ended_saves_nothing_and_comes_back(desk: Desk) -> None:
    client = desk.client(headers=HTML | {"Sec-Fetch-Site": "same-origin"})
    form = {"symbol": "ES", "date": str(DAY), "pivot": "6690.5"}
    sent = client.post("/levels", data=form)
    assert sent.status_code == 303
    assert desk.pipeline.book.day("ES", DAY).manual == {}
    login = client.get(sent.headers["Location"])
    assert "pivot=6690.5" in login.text
    target = re.search(r'name="next" value="([^"]+)"', login.text)
    assert target is not None
    done = client.post("/login", data={"username": USER, "password": PASSWORD, "next": target[1].replace("&amp;", "&")})
    page = client.get(done.headers["Location"])
    assert 'value="6690.5"' in page.text
    assert "Typed before the login, and not saved yet." in page.text
    assert desk.pipeline.book.day("ES", DAY).manual == {}


def test_practice_is_said_on_every_page_and_live_has_no_strip(pipeline: Pipeline, settings: Settings) -> None:
    for mode, strips in (("practice", 1), ("live", 0)):
        own = Pipeline(settings.model_copy(update={"mode": mode}), pipeline.database, pipeline.clock)
        with serving(own) as desk:
            desk.access.ensure_password(USER, PASSWORD)
            assert desk.client().get("/login", headers=HTML).text.count("PRACTICE") == strips
            assert desk.person().get("/levels", headers=HTML).text.count("PRACTICE") == strips


def test_in_the_evening_the_page_shows_the_next_session(desk: Desk, clock: FixedClock) -> None:
    clock.at = datetime(2025, 10, 16, 22, 5, tzinfo=UTC)
    assert "Levels, Friday 17 October 2025" in desk.person().get("/levels", headers=HTML).text


def test_every_colour_of_the_style_sheet_is_a_token() -> None:
    screen = (STATIC / "desk.css").read_text().partition("@media print")[0]
    assert re.findall(r":[^;{]*#[0-9a-f]{3,8}\b", screen) == []


def test_the_ladder_is_true_to_scale_and_even_in_its_rows() -> None:
    prices = {"vah": 110, "poc": 105, "val": 90, "overnight_high": 120, "overnight_low": 70}
    ladder = draw([Rung(name, name, Decimal(price), "imported") for name, price in prices.items()])
    assert [rung.name for rung in ladder.rungs] == ["overnight_high", "vah", "poc", "val", "overnight_low"]
    assert [tie.at_row for tie in ladder.ties] == [ROW / 2 + ROW * n for n in range(5)]
    assert [tie.on_rail for tie in ladder.ties] == [16.0, 41.6, 54.4, 92.8, 144.0]
    assert ladder.value_area is not None
    assert (ladder.value_area.top, ladder.value_area.height) == (41.6, 51.2)
    assert ladder.overnight is not None
    assert ladder.overnight.height == 128.0
    assert draw([]).height == 0
    assert draw([Rung("pivot", "Pivot", Decimal(5), "typed")]).ties[0].on_rail == 16.0
    many = draw([Rung(f"l{n}", "L", Decimal(n + 1), "imported") for n in range(30)])
    assert (many.is_tight, many.height) == (True, 30 * TIGHT_ROW)


def test_the_strip_has_a_gap_between_imported_and_typed() -> None:
    parts, width = segments({"a": True, "b": False}, {"c": True})
    assert [(part.x, part.there) for part in parts] == [(0, True), (10, False), (24, True)]
    assert width == 32


@pytest.mark.parametrize(
    ("text", "price"),
    [("6,905.00", "6905.00"), (" 6905.25 ", "6905.25"), ("25 260", "25260"), (".5", "0.5"), ("", None)],
)
def test_prices_are_read_as_people_type_them(text: str, price: str | None) -> None:
    assert typed_price(text) == (None if price is None else Decimal(price))


@pytest.mark.parametrize("text", ["6905,25", "1,23", "-5", "+5", "0", "1e3", "NaN", "６", "5..", "0x1", "5\n6"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"price|zero"):
        typed_price(text)


def test_figures_and_sentences_look_as_they_should() -> None:
    assert price_text(Decimal("6626.4167"), Decimal("0.25")) == "6,626.4167"
    assert price_text(Decimal(6900), Decimal("0.25")) == "6,900.00"
    assert sentence("compare with the chart") == "Compare with the chart."
    assert sentence("") == ""
    assert host_name("[::1]:5002") == "[::1]"
    assert host_name("Desk.Example.:80") == "desk.example"


def test_the_page_says_when_nobody_reads_the_folder(desk: Desk) -> None:
    from xfg_pipeline.storage import service_marks

    person, clock = desk.person(), desk.pipeline.clock
    service_marks.write(desk.pipeline.database, service_marks.LAST_LOOK, clock.now())
    assert "is not being read" not in person.get("/levels").text
    service_marks.write(desk.pipeline.database, service_marks.LAST_LOOK, clock.now() - timedelta(minutes=3))
    assert "is not being read: last read 16 Oct 09:38:12" in person.get("/levels").text


def test_an_empty_day_leads_to_the_last_one_with_levels(desk: Desk) -> None:
    desk.bring(ES, "ES_levels.csv")
    page = desk.person().get("/levels?date=2025-10-20").text
    assert 'The last levels are of <a href="/levels?date=2025-10-16">' in page
