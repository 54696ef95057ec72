"""The page of trades: what was traded, why it ended, and what it comes to."""

import re
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.desk.conftest import Desk
from tests.desk.test_status_page import HTML, opened, small_targets, text_of, words
from tests.trading_rows import HASH, NOW, group, keep_groups, keep_trades, trade
from xfg_pipeline.desk.reliability_picture import picture_of
from xfg_pipeline.resources.performance_book import Calibration
from xfg_pipeline.signals.calibration import reliability
from xfg_pipeline.storage.database import Database


@pytest.fixture
def traded(database: Database) -> Database:
    """Three trades, one of them partly closed, and what they come to by type and coin."""
    keep_trades(
        database,
        trade(1, signal_type="breakout", confidence=0.84, ensemble_hash=HASH, slippage=None),
        trade(2, coin="ETH", direction="SHORT", pnl=Decimal("-150.12"), r_multiple=None, exit_reason="SL", mae=None),
        trade(3, is_open=True, entry_time=None, exit_reason="unknown", exit_evidence={}, exit_time=NOW),
    )
    keep_groups(
        database,
        group("BTC", 75, 53, "-2642.10"),
        group("DOGE", 17, 12, "1528"),
        group("breakout", 46, 27, "193", is_failing=True),
        group("breakout", 20, 12, "-20", "last_20"),
    )
    return database


def test_a_trade_says_how_it_ended_and_what_proves_it(traded: Database, desk: Desk) -> None:
    text = text_of(desk, "/trades")
    assert "Trades Wed 17 Sep to Thu 16 Oct, by their exit, UTC" in text
    assert "A demonstration: a paper account, traded by an invented hand." in text
    assert "BTC ↑ Long 13:11 UTC, held 1 h 00 min Target order orderId close-1 order stopOrderType TakeProfit" in text
    assert "Fees 25.46, funding −1.20. It went 0.13% against and 1.53% with it." in text
    assert "91,900 93,300 0.25 +324.54 +1.41% +2.36 R breakout no signal" in text
    assert "ETH ↓ Short 13:11 UTC, held 1 h 00 min Stop" in text
    assert "−150.12 +1.41% – no signal" in text
    assert "BTC ↑ Long 13:41 UTC, entry not in the records Partly closed Unknown No record says why." in text
    assert "+498.96 USDT Won 50% 1 of 2, 9% to 91%" in text


def test_trades_are_filtered_by_a_form(traded: Database, desk: Desk) -> None:
    text = text_of(desk, "/trades?from=2025-10-16&to=2025-10-16&coin=eth&matched=without&exit_reason=SL&signal_type=")
    assert "Chosen trades" in text
    assert "ETH ↓ Short" in text
    assert "BTC ↑ Long" not in text
    assert "No trade is like that." in text_of(desk, "/trades?coin=SOL")
    assert "No trade ended in these days." in text_of(desk, "/trades?from=2025-01-01&to=2025-01-02")
    html = desk.person().get("/trades?coin=ETH&direction=SHORT", headers=HTML).text
    assert 'href="/api/v2/trades.csv?from=2025-09-17&amp;to=2025-10-16&amp;coin=ETH&amp;direction=SHORT"' in html
    assert "<option selected>ETH</option>" in html


@pytest.mark.parametrize(
    "query", ["exit_reason=x", "matched=x", "from=x", "from=2025-10-16&to=2025-10-15", "offset=-1", "period=x"]
)
def test_what_cannot_be_meant_is_refused_on_the_page(still_desk: Desk, query: str) -> None:
    answer = still_desk.program().get(f"/trades?{query}", headers=HTML)
    assert answer.status_code == 422
    assert "text/html" in answer.headers["Content-Type"]


def test_a_share_of_a_few_trades_is_not_shown_as_one(traded: Database, desk: Desk) -> None:
    text = text_of(desk, "/trades")
    assert "BTC tier 2 75 71% 61 to 80% +0.06 R −2,642.10" in text
    assert "DOGE tier 2 17 – from 20 trades +0.06 R +1,528.00" in text
    assert "breakout failing 46 59% 49 to 68%" in text
    assert "breakout 20 60%" in text_of(desk, "/trades?period=last_20")
    assert "Nothing that was forecast is decided yet." in text


def test_many_trades_come_in_pages(desk: Desk, database: Database) -> None:
    keep_trades(database, *(trade(n, exit_time=NOW - timedelta(minutes=n)) for n in range(60)))
    client = desk.person()
    first = client.get("/trades", headers=HTML).text
    assert "1 to 25 of 60" in words(first)
    older = re.search(r'href="(/trades\?[^"]+)">older', first)
    assert older is not None
    second = client.get(older[1].replace("&amp;", "&"), headers=HTML).text
    assert "26 to 50 of 60" in words(second)
    assert "newer" in second


def test_a_download_that_is_not_all_of_it_says_so(
    desk: Desk, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_trades(database, *(trade(number) for number in range(1, 4)))
    assert "CSV of the newest" not in text_of(desk, "/trades")
    monkeypatch.setattr("xfg_pipeline.desk.trades_page.MOST_ROWS", 2)
    assert "CSV of the newest 2" in text_of(desk, "/trades")


def test_a_picture_of_calibration_places_what_was_said_against_what_came() -> None:
    stated, came = np.array([0.8] * 10 + [0.9] * 10), np.array([True] * 8 + [False] * 2 + [True] * 9 + [False])
    found = Calibration("trades", 20, 50, None, None, None, 17, (0.6, 0.95), reliability(stated, came))
    picture = picture_of(found, came="won")
    assert [dot.n for dot in picture.dots] == [10, 10]
    for dot, share in zip(picture.dots, (0.8, 0.9), strict=True):
        # On the diagonal of a square of 256: as far from the left as from below.
        assert dot.x - 34 == pytest.approx(276 - dot.y, abs=0.11)
        assert dot.high < dot.y < dot.low
        assert f"{share:.0%}" in dot.title
    assert picture.caption.startswith("Scores from 50 on; there are 20.")
    assert picture_of(Calibration("events", 0, 50, None, None, None, 0, None, ()), came="came").dots == ()


@pytest.mark.parametrize("width", [390, 1440])
def test_it_never_scrolls_sideways_and_can_be_touched(
    browser: Browser, traded: Database, desk: Desk, width: int
) -> None:
    with opened(browser, desk, "/trades?coin=BTC", width=width) as page:
        page.locator("summary").first.click()
        expect(page.locator("#trade-rows details").first).to_have_attribute("open", "")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if width == 390:
            assert small_targets(page) == []


def test_an_opened_row_stays_open_when_new_trades_come(browser: Browser, traded: Database, desk: Desk) -> None:
    with opened(browser, desk, "/trades") as page:
        page.locator("summary").filter(has_text="Stop").click()
        page.get_by_label("From").focus()
        keep_trades(traded, trade(4, exit_time=NOW))
        page.evaluate("refresh()")
        expect(page.locator("#trade-rows details")).to_have_count(4)
        expect(page.locator("#trade-rows details[open] summary")).to_have_text("Stop")
