"""The light's page and the light in the header of every page: as HTML, and in a real browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import FixedClock
from tests.desk.conftest import PASSWORD, TOKEN, USER, Desk
from tests.trading_rows import (
    ACCOUNT,
    DAILY_LOSS,
    LOW_WIN_RATE,
    METRICS,
    NOW,
    SLOT,
    WIN_RATE,
    group,
    keep_account,
    keep_action,
    keep_groups,
    keep_lights,
    keep_snapshots,
    light,
    side,
    snapshot,
)
from xfg_pipeline.desk.account_view import account_lines
from xfg_pipeline.desk.figures import between, chance, money, number, share, signed_share
from xfg_pipeline.desk.light_strip import strip_of
from xfg_pipeline.resources.performance_book import AccountState
from xfg_pipeline.resources.shown_light import DayOfLight
from xfg_pipeline.storage.database import Database

HTML = {"Accept": "text/html"}
Rows = Callable[..., list[dict[str, object]]]


def words(html: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def text_of(desk: Desk, address: str = "/status") -> str:
    """What the page at an address says."""
    answer = desk.person().get(address, headers=HTML)
    assert answer.status_code == 200, answer.text
    return words(answer.text)


@pytest.fixture
def known(database: Database) -> Database:
    """A snapshot, groups and an account that was just read."""
    keep_snapshots(database, snapshot())
    keep_groups(database, group("breakout", 20, 12, "-40", "last_20", is_failing=True))
    keep_account(database)
    return database


def test_the_light_says_why_and_what_to_do(known: Database, desk: Desk) -> None:
    keep_lights(known, light("yellow", SLOT, [WIN_RATE], gated=side("green"), changed=True))
    text = text_of(desk)
    assert "Yellow ×0.5 half size 13 of the last 20 trades won: 65% (95% interval 43.3 to 81.9%), below 70%." in text
    assert "Trade at half size. The tickets carry it already. Green returns when every rule is green." in text
    assert "Since 13:30 UTC Decided by Win rate, last 20 Evaluated 13:30 UTC, 11 min ago Gated light Green" in text
    assert "Literal rules Yellow ×0.5" in text
    assert "Win rate, last 20 Yellow 65% 70% 20 43 to 82% 39.2%" in text
    assert "Calibration error Green 5.2% below 6% 200 – –" in text
    assert "Signal types Green 1 below 1 1 – –" in text
    assert "Market data ok Answered 1 min ago." in text
    assert "75% 15 of 20 95% interval 53 to 89%" in text
    assert "Sharpe, yearly – 12 of 30 days." in text
    assert "+301.65 USDT today +0.77% of the equity at 00:00. Yellow from −3%, red below −4%." in text
    assert "There is no red to acknowledge." in text
    assert f"Account {ACCOUNT} 39,671.25 USDT at 13:41 UTC" in text
    assert "API key none needed The paper account has no key." in text
    assert "ETH ↓ Short 2.5 3,122.4 3,155 +10.25" in text
    assert "Tue 14 Oct Order close-9 is not in ours. −80.00 −92.50 +12.50" in text
    assert "A demonstration: paper trades say nothing about a real market." in text


def test_before_anything_is_known_the_page_says_so(desk: Desk) -> None:
    text = text_of(desk)
    assert "Red ×0 no new trades No light has been evaluated yet." in text
    assert "Nobody evaluates the light." in text
    assert "Metrics come with the first hour or the first closed trade." in text
    assert "Nothing was read yet." in text
    assert "No day has been reconciled yet." in text
    assert "Positions were not read yet: nobody knows what is open." in text
    assert "No open position" not in text
    assert "Closed P&amp;L not read yet" in text
    assert "30 unknown" in text


def test_what_is_too_little_to_judge_by_is_not_shown_as_green(database: Database, desk: Desk) -> None:
    few = snapshot()
    keep_snapshots(database, few | {"ece": None, "reasons": few["reasons"] | {"ece": "7 of 50"}})
    keep_lights(database, light("green", metrics=METRICS | {"ece": None}))
    text = text_of(desk)
    assert "Calibration error Not judged – below 6%" in text
    assert "Signal types Not judged – below 1" in text


def test_what_is_not_judged_on_probation_is_green_nowhere(known: Database, desk: Desk) -> None:
    keep_lights(known, light("yellow", SLOT, [WIN_RATE | {"rule": "probation", "message": "on probation"}]))
    html = desk.person().get("/status", headers=HTML).text
    assert "Calibration error Off" in words(html)
    assert re.search(r'<h3 class="is-none">Calibration error, trades', html)


def test_nothing_of_an_old_light_is_shown_as_green(known: Database, desk: Desk, clock: FixedClock) -> None:
    keep_lights(known, light("green", SLOT))
    assert "is-green" in desk.person().get("/status", headers=HTML).text
    clock.at = SLOT + timedelta(minutes=30)
    html = desk.person().get("/status", headers=HTML).text
    assert "The last evaluation is 30 min old, more than 20 min." in words(html)
    assert "Was green" in html
    assert 'class="is-green"' not in re.sub(r'(?s)<section class="sheet w6".*', "", html)
    assert "Cannot be acknowledged: Monitor." in words(html)


def test_every_page_has_the_light_in_its_header_in_word_shape_and_multiplier(desk: Desk, database: Database) -> None:
    keep_lights(database, light("red", SLOT, [DAILY_LOSS]))
    client = desk.person()
    for path in ("/levels", "/signals", "/status", "/trades", "/api-description"):
        html = client.get(path, headers=HTML).text
        found = re.search(r'(?s)<a class="bar-light is-red" id="bar-light".*?</a>', html)
        assert found is not None, path
        assert "#m-red" in found[0]
        assert words(found[0]) == "Light: Red ×0"
        assert "The day lost 4.6% of its first equity, above 4%." in found[0]
    assert "bar-light" not in desk.client().get("/login", headers=HTML).text


def test_a_person_pauses_and_acknowledges_by_forms(desk: Desk, database: Database, rows: Rows) -> None:
    keep_lights(database, light("green", SLOT))
    client = desk.person()
    paused = client.post("/status/pause", data={"reason": "news <b>at two</b>"}, headers=HTML, follow_redirects=True)
    assert paused.url.path == "/status"
    assert "Paused. It stays red until somebody acknowledges." in words(paused.text)
    assert f"Paused by {USER}" in words(paused.text)
    assert "news &lt;b&gt;at two&lt;/b&gt;" in paused.text
    assert [row["who"] for row in rows("SELECT who FROM controller_actions")] == [USER]


@pytest.mark.parametrize("action", ["pause", "acknowledge"])
def test_a_refused_form_keeps_what_was_typed(desk: Desk, database: Database, rows: Rows, action: str) -> None:
    keep_lights(database, light("red", SLOT, [LOW_WIN_RATE]))
    refused = desk.person().post(f"/status/{action}", data={"reason": "x" * 600}, headers=HTML)
    assert refused.status_code == 422
    assert "Nothing was changed: the reason must have 500 characters or fewer, not 600." in words(refused.text)
    assert f'value="{"x" * 600}"' in refused.text
    assert rows("SELECT * FROM controller_actions") == []


def test_an_acknowledgement_that_cannot_be_is_refused_on_the_page(desk: Desk, database: Database) -> None:
    keep_lights(database, light("red", SLOT, [DAILY_LOSS]))
    refused = desk.person().post("/status/acknowledge", data={"reason": "I looked"}, headers=HTML)
    assert refused.status_code == 409
    assert "That must end by itself; it cannot be acknowledged." in words(refused.text)
    assert "Cannot be acknowledged: Loss of the day. It ends when its cause does." in words(refused.text)


def test_an_expired_login_acts_on_nothing_and_keeps_the_reason(desk: Desk, rows: Rows) -> None:
    client = desk.client(headers={"Sec-Fetch-Site": "same-origin", **HTML})
    answer = client.post("/status/pause", data={"reason": "news at two"})
    assert answer.status_code == 303
    login = client.get(answer.headers["Location"])
    assert "/status?reason=news+at+two" in login.text
    again = client.post(
        "/login",
        data={"username": USER, "password": PASSWORD, "next": "/status?reason=news+at+two"},
        follow_redirects=True,
    )
    assert 'value="news at two"' in again.text
    assert rows("SELECT * FROM controller_actions") == []


def test_the_page_holds_no_inline_script_style_or_foreign_address(known: Database, desk: Desk) -> None:
    keep_lights(known, light("red", SLOT, [LOW_WIN_RATE | {"message": "<script>alert(1)</script>"}]))
    keep_action(known, "pause", NOW, who="<i>anna</i>", reason="<script>alert(2)</script>")
    for path in ("/status", "/trades"):
        html = desk.person().get(path, headers=HTML).text
        assert "<script>alert" not in html
        assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|javascript:", html)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
        assert not re.search(r"(src|href)=[\"']?(https?:)?//(?!127\.0\.0\.1)", html)
        assert PASSWORD not in html
        assert TOKEN not in html


def test_a_strip_gives_each_colour_its_share_of_the_day() -> None:
    day = SLOT.date()
    strip = strip_of([DayOfLight(day, {"green": 72, "red": 24}, "live"), DayOfLight(day, {}, None)])
    assert [(bar.colour, bar.height, bar.title) for bar in strip.bars] == [
        ("green", 40, "Thu 16 Oct: 75% green"),
        ("red", 5, "Thu 16 Oct: 25% red"),
    ]
    assert sum(bar.width for bar in strip.bars) == pytest.approx(8.6)
    assert strip.says == "0 green throughout · 0 with yellow · 1 with red · 1 unknown"


def test_figures_never_say_zero_for_what_is_not_known() -> None:
    assert [share(None), share("0.65"), share(Decimal("0.0654")), share(-0.03)] == ["–", "65%", "6.5%", "−3%"]
    assert [money(None), money("0"), money("-0.4"), money(1234.5), money(5, sign=False)] == [
        "–", "0.00", "−0.40", "+1,234.50", "5.00",
    ]  # fmt: skip
    assert [number(None), number(1.5), number(-0.001), number(20, 0)] == ["–", "1.5", "0", "20"]
    assert [chance(None), chance(Decimal("0.0001")), chance(Decimal("0.098"))] == ["–", "<0.1%", "9.8%"]
    assert [between(None), between((None, None)), between(("0.48", "0.85"))] == ["–", "–", "48 to 85%"]
    assert signed_share("-0.028") == "−2.80%"


@pytest.mark.parametrize(
    ("expires", "mark", "says"),
    [
        (None, "green", "may read only, does not expire"),
        (NOW + timedelta(days=40), "green", "may read only, expires in 40 days"),
        (NOW + timedelta(days=3, hours=1), "yellow", "may read only, expires in 3 days"),
        (NOW - timedelta(days=1), "red", "expired Wed 15 Oct"),
    ],
)
def test_a_key_is_shown_with_its_rights_and_its_end(expires: Any, mark: str, says: str) -> None:
    key = {
        "read_only": True,
        "permissions": ["Positions"],
        "addresses": [],
        "expires_at": expires and expires.isoformat(),
    }
    sync = {"kind": "state", "facts": {"key": key}, "succeeded_at": NOW, "problem": None, "complete_until": NOW}
    failed = sync | {"kind": "closings", "problem": "the exchange does not answer", "facts": {}}
    failed["problem_kind"] = "unavailable"
    lines = account_lines(AccountState(None, [], [sync, failed], 2), NOW, "live")
    last = lines[-1]
    assert (last.label, last.mark, last.text) == ("API key", mark, says)
    assert last.note == "Rights: Positions. Bound to no address."
    refused = account_lines(AccountState(None, [], [sync, failed | {"problem_kind": "key"}], 0), NOW, "live")[-1]
    assert (refused.mark, refused.text) == ("red", "refused")
    key["addresses"] = ["*"]
    assert account_lines(AccountState(None, [], [sync], 0), NOW, "live")[-1].note == last.note
    assert [(line.label, line.mark) for line in lines[:2]] == [("Closed P&L", "red"), ("Fills", "none")]
    assert lines[0].note == "The exchange does not answer."
    assert lines[-2].text == "2 records"
    nothing = account_lines(AccountState(None, [], [], 0), NOW, "live")[-1]
    assert (nothing.mark, nothing.text) == ("red", "none known")


# In a browser.


@contextmanager
def opened(browser: Browser, desk: Desk, path: str = "/status", width: int = 1440, **options: Any) -> Iterator[Page]:
    """A page of somebody who has logged in; nothing on it may ask elsewhere or complain."""
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=width < 500, **options)
    context.set_default_timeout(10_000)
    name = desk.access.cookie_name
    context.add_cookies([{"name": name, "value": str(desk.person().cookies[name]), "url": desk.url}])
    page, faults = context.new_page(), []
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(desk.url) else faults.append(one.url))
    page.goto(f"{desk.url}{path}")
    yield page
    context.close()
    assert faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_never_scrolls_sideways_and_can_be_touched(
    browser: Browser, known: Database, desk: Desk, width: int, scheme: Any
) -> None:
    keep_lights(known, light("red", SLOT, [LOW_WIN_RATE, WIN_RATE], gated=side("yellow", WIN_RATE)))
    with opened(browser, desk, width=width, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if width == 390:
            assert small_targets(page) == []


def test_a_long_word_in_a_reason_widens_no_page(browser: Browser, desk: Desk, database: Database) -> None:
    keep_lights(database, light("green", SLOT))
    keep_action(database, "pause", SLOT, reason="w" * 400)
    for width in (390, 1440):
        with opened(browser, desk, width=width) as page:
            expect(page.locator("#light .reason")).to_contain_text("wwww")
            assert page.evaluate("document.documentElement.scrollWidth") == width


def small_targets(page: Page) -> Any:
    """What a finger would miss."""
    return page.evaluate(
        """() => [...document.querySelectorAll("a, button, select, summary, input:not([type=hidden])")]
            .filter((it) => it.getClientRects().length && !it.closest(".skip") && !it.matches(".skip"))
            .filter((it) => it.getBoundingClientRect().height < 43.5).map((it) => it.outerHTML.slice(0, 80))"""
    )


def test_a_new_light_comes_without_a_reload_and_no_news_is_red(
    browser: Browser, desk: Desk, database: Database
) -> None:
    keep_lights(database, light("green", SLOT))
    with opened(browser, desk) as page:
        expect(page.locator("#light-word")).to_have_text("Green")
        page.locator("#pause-reason").fill("half typed")
        keep_lights(database, light("yellow", SLOT + timedelta(minutes=1)))
        page.evaluate("refresh()")
        expect(page.locator("#light-word")).to_have_text("Yellow")
        expect(page.locator("#bar-light")).to_contain_text("Yellow ×0.5")
        expect(page.locator("#pause-reason")).to_have_value("half typed")
        page.evaluate("newsAt -= 2 * everySeconds * 1000; age()")
        expect(page.locator("#light-word")).to_have_text("Red")
        expect(page.locator("#light")).to_have_class("light is-red")
        expect(page.locator("#light .reason")).to_contain_text("The light is unknown: nothing was heard for")
        expect(page.locator("#light")).to_contain_text("The last light was yellow.")
        expect(page.locator("#bar-light")).to_contain_text("Red ×0")
        page.evaluate("refresh()")
        expect(page.locator("#light-word")).to_have_text("Yellow")
        expect(page.locator("#bar-light")).to_contain_text("Yellow ×0.5")


def test_without_news_the_header_of_any_page_is_red(browser: Browser, desk: Desk, database: Database) -> None:
    keep_lights(database, light("green", SLOT))
    with opened(browser, desk, "/levels") as page:
        expect(page.locator("#bar-light")).to_contain_text("Green ×1")
        page.evaluate("newsAt -= 2 * everySeconds * 1000; age()")
        expect(page.locator("#bar-light")).to_have_class("bar-light is-red")
        expect(page.locator("#bar-light")).to_contain_text("Red ×0")


def test_the_page_works_without_its_script(browser: Browser, desk: Desk, database: Database) -> None:
    keep_lights(database, light("red", SLOT))
    with opened(browser, desk, java_script_enabled=False) as page:
        page.get_by_label("Reason to leave red").fill("three stops on one piece of news")
        page.get_by_role("button", name="Acknowledge: half size").click()
        expect(page.locator("#act [role=status]")).to_contain_text("Acknowledged.")
        expect(page.locator("#actions")).to_contain_text("three stops on one piece of news")
