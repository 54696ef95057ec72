"""The signals page: as HTML, and in a real browser, wide and narrow, light and dark, with and without its script."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import FixedClock
from tests.desk.conftest import PASSWORD, TOKEN, Desk, serving
from tests.signal_rows import SLOT, keep_day, keep_decision, keep_signals, signal
from xfg_pipeline.desk.signals_view import cut, signed, span_text, stopped_text
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage.database import Database

HTML = {"Accept": "text/html"}


@pytest.fixture
def day(database: Database) -> Database:
    """A day with a signal in every status."""
    keep_day(database)
    return database


def text_of(desk: Desk, address: str = "/signals") -> str:
    """What the page says, without its tags."""
    answer = desk.person().get(address, headers=HTML)
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_today_has_signals_tickets_and_reasons(day: Database, desk: Desk) -> None:
    text = text_of(desk)
    assert "Signals, Thursday 16 October 2025 UTC" in text
    assert "3 of 12 · next slot 13:45 UTC" in text
    assert "13:30 UTC, 09:30 New York breakout, tier 1, made 11 min ago" in text
    assert "Ready expires 14:00 UTC, in 18 min" in text
    assert "Paused: Loss of the day is 4.6%. Price closed above" in text
    assert "Expired 05:00 UTC, 8 h 41 min ago" in text
    assert "Stop came first, −1.00 R, 2025-10-16 05:15 UTC." in text
    assert "Link id xfg-251016-1330-BTC Practice not a real order" in text
    assert text.count("Ticket,") == 1
    assert "Confidence 0.74 is below 0.77. −0.02 0.74 2.62" in text
    assert "It would be signal 13 of the day, and 12 are allowed." in text
    assert "Taken all the same: target came first, +2.25 R" in text
    assert "8 decided" in text


def test_practice_says_that_it_is_a_demonstration_and_live_does_not(
    day: Database, desk: Desk, pipeline: Pipeline
) -> None:
    sentence = "The practice market and its ensemble are a demonstration. They say nothing about a real market."
    text = text_of(desk)
    assert sentence in text
    assert "PRACTICE Simulated market, paper account. No real money." in text
    keep_signals(day, [signal("ETH")], market="bybit")
    live = pipeline.settings.model_copy(update={"mode": "live"})
    with serving(Pipeline(live, day, pipeline.clock), desk.access) as running:
        text = text_of(running)
    assert sentence not in text
    assert "PRACTICE" not in text
    assert "not a real order" not in text


@pytest.mark.parametrize(("provider", "says"), [("bybit", "Prices of Bybit"), ("replay", "Recorded market")])
def test_practice_names_the_market_that_it_looks_at(
    pipeline: Pipeline, desk: Desk, provider: str, says: str, tmp_path: Path
) -> None:
    recorded = pipeline.settings.market.replay.model_copy(update={"folder": tmp_path})
    market = pipeline.settings.market.model_copy(update={"provider": provider, "replay": recorded})
    own = Pipeline(pipeline.settings.model_copy(update={"market": market}), pipeline.database, pipeline.clock)
    with serving(own, desk.access) as running:
        assert f"PRACTICE {says}, paper account." in text_of(running, "/levels")


def test_an_empty_day_says_what_will_happen_or_what_to_do(desk: Desk, database: Database) -> None:
    assert "Nothing is decided yet. A run follows each slot by a few seconds; the next one closes at 13:45" in (
        text_of(desk)
    )
    assert "No signal is ready now. Open nothing." in text_of(desk)
    assert "Nothing was decided for this day. xfg backfill signals 2025-10-14 2025-10-14 makes it up." in (
        text_of(desk, "/signals?date=2025-10-14")
    )
    assert "This day has not begun." in text_of(desk, "/signals?date=2025-10-17")
    keep_decision(database, "BTC", SLOT, gate="confidence", value=0.5, threshold=0.77)
    keep_decision(database, "ETH", SLOT, gate="confidence", value=0.5, threshold=0.77)
    keep_decision(database, "SOL", SLOT, gate="volume", value=0.5, threshold=2.0)
    assert "No signal yet. 3 candidates were stopped: 2 by confidence and 1 by volume." in text_of(desk)


def test_any_coin_and_slot_can_be_asked_for(day: Database, desk: Desk) -> None:
    asked = text_of(desk, "/signals?coin=DOGE&slot=2025-10-16T13:15")
    assert "It would be signal 13 of the day" in asked
    assert "Confidence 0.74" not in asked
    everybody = text_of(desk, "/signals?coin=&slot=2025-10-15T09:00")
    assert "Signals, Wednesday 15 October 2025 UTC" in everybody
    assert everybody.count("not evaluated") == 5
    of_doge = text_of(desk, "/signals?coin=doge")
    assert "DOGE, all slots of the day" in of_doge
    assert "Confidence 0.74" in of_doge
    assert "Volume is 1.21" not in of_doge


@pytest.mark.parametrize("query", ["date=x", "date=2041-01-01", "slot=2025-10-16T13:31", "slot=x", "coin=%00"])
def test_what_cannot_be_meant_is_refused_on_the_page_too(still_desk: Desk, query: str) -> None:
    answer = still_desk.program().get(f"/signals?{query}", headers=HTML)
    assert answer.status_code == 422
    assert "text/html" in answer.headers["Content-Type"]


@pytest.mark.parametrize("date", ["2010-01-01", "2040-12-31"])
def test_the_first_and_last_days_are_pages_too(still_desk: Desk, date: str) -> None:
    assert still_desk.program().get(f"/signals?date={date}", headers=HTML).status_code == 200


def test_the_page_holds_no_inline_script_style_or_foreign_address(day: Database, desk: Desk) -> None:
    keep_signals(day, [signal("ETH", reasoning="<script>alert(1)</script> & so on")])
    text = desk.person().get("/signals", headers=HTML).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on" in text
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"(src|href)=[\"']?(https?:)?//(?!127\.0\.0\.1)", text)
    assert PASSWORD not in text
    assert TOKEN not in text


def test_many_coins_show_their_newest_slot_only(desk: Desk, pipeline: Pipeline) -> None:
    coins = tuple(f"C{n}" for n in range(30))
    for back in range(3):
        for coin in coins:
            at = SLOT - timedelta(minutes=15 * back)
            keep_decision(pipeline.database, coin, at, gate="confidence", value=0.5, threshold=0.77)
    market = pipeline.settings.market.model_copy(update={"coins": coins})
    own = Pipeline(pipeline.settings.model_copy(update={"market": market}), pipeline.database, pipeline.clock)
    with serving(own, desk.access) as running:
        assert text_of(running).count("Confidence 0.50 is below 0.77.") == len(coins)


def test_figures_look_as_they_should() -> None:
    assert [span_text(timedelta(seconds=s)) for s in (-5, 12, 61, 3599, 3600, 90_000)] == [
        "0 s",
        "12 s",
        "1 min",
        "59 min",
        "1 h 00 min",
        "1 d",
    ]
    assert [
        signed(None if n is None else Decimal(n)) for n in (None, "0", "0.07", "-0.0218", "-0.0003", "-1234.5")
    ] == [
        "–",
        "0.00",
        "+0.07",
        "−0.02",
        "−0.0003",
        "−1,234.50",
    ]
    assert [cut(n) for n in (None, 0.7699999, 0.77, 2.0)] == ["–", "0.76", "0.77", "2.00"]
    assert stopped_text({"passed": 3}) == ""
    assert stopped_text({"plan": 1}) == "1 candidate was stopped: 1 by plan."


# In a browser.


@contextmanager
def opened(browser: Browser, desk: Desk, width: int = 1440, **options: Any) -> Iterator[Page]:
    """The signals page of somebody who has logged in; nothing on it may ask elsewhere or complain."""
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=width < 500, **options)
    context.set_default_timeout(10_000)
    name = desk.access.cookie_name
    context.add_cookies([{"name": name, "value": str(desk.person().cookies[name]), "url": desk.url}])
    page, faults = context.new_page(), []
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(desk.url) else faults.append(one.url))
    page.goto(f"{desk.url}/signals")
    yield page
    context.close()
    assert faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_never_scrolls_sideways_and_can_be_touched(
    browser: Browser, day: Database, desk: Desk, width: int, scheme: Any
) -> None:
    with opened(browser, desk, width, color_scheme=scheme) as page:
        for address in ("/signals", "/signals?date=2025-10-14", "/signals?coin=BTC&slot=2025-10-16T13:45"):
            page.goto(desk.url + address)
            assert page.evaluate("document.documentElement.scrollWidth") == width, address
        page.goto(f"{desk.url}/signals")
        if width == 390:
            small = page.evaluate(
                """() => [...document.querySelectorAll("a, button, select, input:not([type=hidden])")]
                    .filter((it) => it.getClientRects().length && !it.closest(".skip") && !it.matches(".skip"))
                    .filter((it) => it.getBoundingClientRect().height < 43.5).map((it) => it.outerHTML.slice(0, 80))"""
            )
            assert small == []


def test_a_ticket_is_copied_whole(browser: Browser, day: Database, desk: Desk) -> None:
    with opened(browser, desk, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.get_by_role("button", name="Copy ticket").click()
        expect(page.locator("#tickets [role=status]")).to_have_text("Copied.")
        copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("BTCUSDT  Buy  Limit\nQuantity     0.250\n")
    assert copied.endswith("\nPractice     not a real order")


def test_an_expired_signal_loses_its_ticket_at_the_next_refresh(
    browser: Browser, day: Database, desk: Desk, clock: FixedClock
) -> None:
    with opened(browser, desk) as page:
        page.get_by_role("button", name="Copy ticket").focus()
        clock.at = SLOT + timedelta(minutes=31)
        page.evaluate("refresh()")
        expect(page.locator("#tickets")).to_contain_text("No signal is ready now. Open nothing.")
        expect(page.locator("#sig-rows .pill").first).to_have_text("Expired")


def test_a_signal_expires_on_the_page_without_a_refresh(browser: Browser, day: Database, desk: Desk) -> None:
    with opened(browser, desk) as page:
        expect(page.locator("#sig-rows .pill").first).to_have_text("Ready")
        page.evaluate("newsAt -= 1128000; document.body.classList.add('stale'); age()")
        expect(page.locator("#sig-rows .pill").first).to_have_text("Expired")
        expect(page.get_by_role("button", name="Copy ticket")).to_have_count(0)


def test_without_news_nothing_can_be_acted_on(browser: Browser, day: Database, desk: Desk) -> None:
    with opened(browser, desk) as page:
        page.evaluate("newsAt -= 2 * everySeconds * 1000; age()")
        expect(page.locator("#sig-rows .pill").first).to_have_text("Paused: no news")
        expect(page.get_by_role("button", name="Copy ticket")).to_have_count(0)
        expect(page.locator("#toast")).to_contain_text("What is shown may be wrong.")
        page.evaluate("refresh()")
        expect(page.locator("#sig-rows .pill").first).to_have_text("Ready")
        expect(page.get_by_role("button", name="Copy ticket")).to_be_visible()


def test_the_page_works_without_its_script(browser: Browser, day: Database, desk: Desk) -> None:
    with opened(browser, desk, java_script_enabled=False) as page:
        expect(page.locator("#tickets code")).to_contain_text("xfg-251016-1330-BTC")
        expect(page.get_by_role("button", name="Copy ticket")).to_have_count(0)
        page.locator("#ask-coin").select_option("DOGE")
        page.locator("#ask-slot").fill("2025-10-16T13:15")
        page.get_by_role("button", name="Ask").click()
        expect(page.locator("#why-rows tbody tr")).to_have_count(1)
        expect(page.locator("#why-rows")).to_contain_text("It would be signal 13 of the day")
        page.locator("#why-rows").get_by_role("link", name="DOGE").click()
        expect(page.locator("#why-rows tbody tr")).to_have_count(2)
