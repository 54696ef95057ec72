"""The levels page in a real browser: typed, saved, refreshed, read on a phone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, expect

from tests.conftest import FixedClock
from tests.desk.conftest import DAY, ES, ES_PIVOTS, NQ, NQ_PIVOTS, PASSWORD, USER, Desk, serving


@dataclass
class Watched:
    """A page, and everything on it that should not have happened."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(word in message.text for word in self.expected):
            self.faults.append(message.text)

    def asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.faults.append(f"asked another host: {request.url}")

    def log_in(self) -> None:
        self.page.goto(f"{self.url}/levels")
        self.page.get_by_label("Name").fill(USER)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("Levels, Thursday 16 October 2025")

    def type_pivots(self, symbol: str, prices: dict[str, float]) -> None:
        """From the first field down by Tab, as one does at 09:30."""
        self.field(symbol, "pivot_ba_high").focus()
        for price in prices.values():
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(str(price))
            self.page.keyboard.press("Tab")

    def field(self, symbol: str, name: str):  # type: ignore[no-untyped-def]
        return self.page.locator(f"#{symbol}-{name}")

    def says(self, symbol: str, name: str):  # type: ignore[no-untyped-def]
        return self.page.locator(f"#{symbol}-{name}-m")

    def light(self, symbol: str):  # type: ignore[no-untyped-def]
        return self.page.locator(f"#{symbol}-done")


def _watched(browser: Browser, desk: Desk, width: int = 1440) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=width < 500)
    context.set_default_timeout(10_000)
    watched = Watched(context.new_page(), desk.url)
    watched.page.on("console", watched.heard)
    watched.page.on("pageerror", lambda error: watched.faults.append(str(error)))
    watched.page.on("request", watched.asked)
    yield watched
    context.close()
    assert watched.faults == []


@pytest.fixture
def watched(browser: Browser, desk: Desk) -> Iterator[Watched]:
    yield from _watched(browser, desk)


@pytest.fixture
def phone(browser: Browser, desk: Desk) -> Iterator[Watched]:
    yield from _watched(browser, desk, 390)


def test_pivots_of_both_symbols_are_typed_and_both_turn_complete(desk: Desk, watched: Watched) -> None:
    desk.bring(ES, "ES_levels.csv")
    desk.bring(NQ, "NQ_levels.csv")
    watched.log_in()
    for symbol, prices in (("ES", ES_PIVOTS), ("NQ", NQ_PIVOTS)):
        expect(watched.light(symbol)).to_contain_text(f"{symbol} Partial")
        watched.type_pivots(symbol, prices)
        expect(watched.says(symbol, "pivot")).to_contain_text("Between BA high and BA low")
        watched.page.keyboard.press("Enter")
        expect(watched.light(symbol)).to_contain_text(f"{symbol} Complete")
        expect(watched.light(symbol)).to_contain_text("14 of 14")
        expect(watched.page.locator(f"#{symbol} button.primary")).to_have_text("Saved")
    assert desk.pipeline.book.day("ES", DAY).manual["pivot"] == 6690.5
    assert desk.pipeline.book.day("NQ", DAY).manual_by == USER
    ladder = watched.page.locator("#NQ-lad tbody tr")
    expect(ladder).to_have_count(14)
    expect(ladder.first).to_contain_text("25,120.00")


def test_a_broken_hierarchy_is_said_while_it_is_typed(watched: Watched) -> None:
    watched.log_in()
    watched.field("NQ", "pivot").fill("25285")
    watched.field("NQ", "pivot_ba_high").fill("25,260.00")
    expect(watched.says("NQ", "pivot_ba_high")).to_have_text("Must be above pivot 25,285.00")
    expect(watched.field("NQ", "pivot_ba_high")).to_have_attribute("aria-invalid", "true")
    watched.field("NQ", "pivot_high").fill("25385")
    expect(watched.says("NQ", "pivot_high")).to_have_text("Above BA high: unusual")
    watched.field("NQ", "pivot_low").fill("25190.10")
    expect(watched.says("NQ", "pivot_low")).to_have_text("Not on the 0.25 tick: 25,190.00?")
    watched.field("NQ", "pivot_ba_low").fill("25190,5")
    expect(watched.says("NQ", "pivot_ba_low")).to_contain_text("Not a price")
    expect(watched.page.locator("#NQ [data-say]")).to_have_text("3 to correct. Nothing is saved yet.")
    button = watched.page.locator("#NQ button.primary")
    expect(button).to_have_attribute("aria-disabled", "true")
    watched.page.keyboard.press("Enter")
    expect(watched.field("NQ", "pivot_ba_high")).to_be_focused()
    watched.field("NQ", "pivot_ba_high").fill("25400")
    expect(watched.says("NQ", "pivot_ba_high")).to_have_text("115.00 above pivot")


def test_the_page_and_the_server_say_the_same_words(desk: Desk, watched: Watched) -> None:
    """What the script says at once is what the server says of the same values without the script."""
    values = {
        "pivot_ba_high": "25260",
        "pivot_high": "25385",
        "pivot": "25285",
        "pivot_low": "25190.10",
        "pivot_ba_low": "25100",
    }
    watched.log_in()
    for name, value in values.items():
        watched.field("NQ", name).fill(value)
    at_once = {name: watched.says("NQ", name).inner_text() for name in values}
    client = desk.person()
    answer = client.post("/levels", data={"symbol": "NQ", "date": str(DAY), **values}, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    watched.page.evaluate("sessionStorage.clear()")
    watched.page.set_content(answer.text.replace('<script src="/static/desk.js" defer></script>', ""))
    by_server = {name: watched.says("NQ", name).inner_text() for name in values}
    assert at_once == by_server


def test_a_refresh_brings_news_and_keeps_what_is_typed(desk: Desk, watched: Watched) -> None:
    watched.log_in()
    watched.field("NQ", "pivot").fill("24890.5")
    watched.field("NQ", "pivot_low").focus()
    desk.bring(ES, "ES_levels.csv")
    watched.page.evaluate("refresh()")
    expect(watched.light("ES")).to_contain_text("9 of 9 imported")
    expect(watched.page.locator("#imports")).to_contain_text("ES_levels.csv")
    expect(watched.field("NQ", "pivot")).to_have_value("24890.5")
    expect(watched.field("NQ", "pivot_low")).to_be_focused()
    watched.page.reload()
    expect(watched.field("NQ", "pivot")).to_have_value("24890.5")
    expect(watched.page.locator("#NQ [data-say]")).to_contain_text("Typed earlier, and kept")


def test_what_somebody_else_saved_is_shown_beside_ones_own(desk: Desk, watched: Watched) -> None:
    watched.expected = ("409",)
    watched.log_in()
    watched.field("ES", "pivot").fill("6690.5")
    body = {"symbol": "ES", "trading_date": str(DAY), "levels": {"pivot": 6695.0}}
    assert desk.program().post("/api/v2/manual-levels", json=body).status_code == 200
    watched.page.evaluate("refresh()")
    expect(watched.page.locator("#ES [data-say]")).to_contain_text("Somebody else saved")
    expect(watched.field("ES", "pivot")).to_have_value("6690.5")
    watched.field("ES", "pivot").press("Enter")
    conflict = watched.page.locator("#ES [data-conflict]")
    expect(conflict).to_contain_text("6690.5")
    expect(conflict).to_contain_text("6,695.00")
    conflict.get_by_role("button", name="Keep mine").click()
    expect(conflict).to_be_hidden()
    watched.page.keyboard.press("Enter")
    expect(watched.page.locator("#ES [data-say]")).to_contain_text("Saved")
    assert desk.pipeline.book.day("ES", DAY).manual["pivot"] == 6690.5
    # Where nobody is typing, the values of others simply come.
    body["levels"] = {"pivot": 6700.25}
    desk.program().post("/api/v2/manual-levels", json=body)
    watched.page.evaluate("refresh()")
    expect(watched.field("ES", "pivot")).to_have_value("6,700.25")


def test_what_others_saved_in_other_fields_is_merged_and_theirs_can_be_taken(desk: Desk, watched: Watched) -> None:
    watched.expected = ("409",)
    watched.log_in()

    def meanwhile(**levels: float) -> None:
        body = {"symbol": "ES", "trading_date": str(DAY), "levels": levels}
        assert desk.program().post("/api/v2/manual-levels", json=body).status_code == 200

    watched.field("ES", "pivot").fill("6690.5")
    meanwhile(pivot_low=6650.0)
    watched.field("ES", "pivot").press("Enter")
    expect(watched.page.locator("#ES [data-say]")).to_contain_text("Somebody else saved other levels")
    expect(watched.field("ES", "pivot_low")).to_have_value("6,650.00")
    watched.page.keyboard.press("Enter")
    expect(watched.page.locator("#ES button.primary")).to_have_text("Saved")
    watched.field("ES", "pivot").fill("6691")
    watched.field("ES", "pivot_high").fill("6720")
    meanwhile(pivot=6695.0)
    watched.field("ES", "pivot").press("Enter")
    watched.page.get_by_role("button", name="Take theirs").click()
    expect(watched.field("ES", "pivot")).to_have_value("6,695.00")
    expect(watched.field("ES", "pivot_high")).to_have_value("6720")
    watched.page.keyboard.press("Enter")
    expect(watched.page.locator("#ES button.primary")).to_have_text("Saved")
    saved = {"pivot": 6695.0, "pivot_low": 6650.0, "pivot_high": 6720.0}
    assert desk.pipeline.book.day("ES", DAY).manual == saved


def test_a_refusal_and_an_expired_login_lose_nothing(desk: Desk, watched: Watched, clock: FixedClock) -> None:
    watched.expected = ("422", "401")
    desk.bring(ES, "ES_levels.csv")
    watched.log_in()
    watched.field("ES", "pivot").fill("9000")
    watched.field("ES", "pivot").press("Enter")
    expect(watched.field("ES", "pivot")).to_have_attribute("aria-invalid", "true")
    expect(watched.page.locator("#ES [data-say]")).to_contain_text("Nothing was saved")
    expect(watched.field("ES", "pivot")).to_have_value("9000")
    watched.field("ES", "pivot").fill("6690.5")
    clock.at += timedelta(hours=13)
    watched.field("ES", "pivot").press("Enter")
    expect(watched.page.locator("#ES [data-say]")).to_contain_text("The login has ended")
    expect(watched.field("ES", "pivot")).to_have_value("6690.5")
    watched.page.get_by_role("link", name="Log in again").click()
    watched.page.get_by_label("Name").fill(USER)
    watched.page.get_by_label("Password").fill(PASSWORD)
    watched.page.keyboard.press("Enter")
    expect(watched.field("ES", "pivot")).to_have_value("6690.5")
    watched.field("ES", "pivot").press("Enter")
    expect(watched.page.locator("#ES button.primary")).to_have_text("Saved")
    assert desk.pipeline.book.day("ES", DAY).manual == {"pivot": 6690.5}


def test_without_an_answer_nothing_keeps_its_colour(browser: Browser, desk: Desk) -> None:
    with serving(desk.pipeline, desk.access) as short_lived:
        watching = _watched(browser, short_lived)
        watched = next(watching)
        watched.expected = ("Failed to load resource",)
        watched.log_in()
        watched.field("ES", "pivot").fill("6690.5")
    watched.page.evaluate("refresh()")
    expect(watched.page.locator("#toast")).to_contain_text("The desk does not answer since 09:41:12")
    watched.page.evaluate("newsAt -= 3 * everySeconds * 1000; age()")
    expect(watched.light("ES")).to_contain_text("Unknown (was nothing yet)")
    expect(watched.page.locator("#age")).to_contain_text("min old")
    expect(watched.field("ES", "pivot")).to_have_value("6690.5")
    watched.field("ES", "pivot").press("Enter")
    expect(watched.page.locator("#ES [data-say]")).to_contain_text("did not answer")
    expect(watched.field("ES", "pivot")).to_have_value("6690.5")
    assert list(watching) == []


def test_a_phone_scrolls_down_only_and_every_target_is_large_enough(desk: Desk, phone: Watched) -> None:
    desk.bring(ES, "ES levels with a very long name that goes on and on and on 2025-10-16 0930.csv")
    desk.bring(NQ, "NQ_levels.csv")
    phone.log_in()
    phone.page.evaluate("document.querySelectorAll('details').forEach((all) => { all.open = true; })")
    for path in ("/levels", "/levels?date=2025-10-18", "/api-description"):
        phone.page.goto(desk.url + path)
        width = phone.page.evaluate("document.documentElement.scrollWidth")
        assert width == 390, path
    phone.page.goto(f"{desk.url}/levels")
    small = phone.page.evaluate(
        """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), summary")]
            .filter((it) => it.getClientRects().length && !it.closest("output, .skip"))
            .filter((it) => it.getBoundingClientRect().height < 43.5)
            .map((it) => it.outerHTML.slice(0, 80))"""
    )
    assert [one for one in small if "skip" not in one] == []


def test_the_page_works_without_its_script(browser: Browser, desk: Desk) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{desk.url}/levels")
    page.get_by_label("Name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    for name, price in ES_PIVOTS.items():
        page.locator(f"#ES-{name}").fill(str(price))
    page.locator("#ES-pivot_ba_high").fill("6600")
    page.get_by_role("button", name="Save ES pivots").click()
    expect(page.locator("#ES-pivot_ba_high-m")).to_have_text("Must be above pivot 6,690.50")
    expect(page.locator("#ES-pivot")).to_have_value("6690.5")
    page.locator("#ES-pivot_ba_high").fill("6750")
    page.get_by_role("button", name="Save ES pivots").click()
    expect(page.locator("#ES [data-say]")).to_contain_text("Saved 09:41:12 by admin")
    context.close()
    assert desk.pipeline.book.day("ES", DAY).manual == ES_PIVOTS


def test_what_is_typed_before_the_script_has_come_is_kept_too(desk: Desk, watched: Watched) -> None:
    watched.log_in()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    watched.page.route("**/desk.js*", hold)
    watched.page.goto(f"{desk.url}/levels", wait_until="commit")
    watched.field("NQ", "pivot").fill("24890.5")
    while not held:
        watched.page.wait_for_timeout(10)
    held[0].continue_()
    # Its own waiting evaluates strings in the page, which the page's policy forbids.
    while not watched.page.evaluate("() => typeof refresh === 'function'"):
        watched.page.wait_for_timeout(10)
    watched.page.unroute_all()
    watched.page.reload()
    expect(watched.field("NQ", "pivot")).to_have_value("24890.5")
