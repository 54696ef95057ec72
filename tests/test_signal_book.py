"""Tickets under a light that has changed since the signal was made, and what a book refuses to read."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.conftest import FixedClock
from tests.signal_rows import PAUSED, SLOT, keep_instruments, keep_prediction, keep_signals, signal
from tests.trading_rows import keep_lights, light
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.signal_book import NoTicket, RangeRefused, SignalBook, UnknownSignal
from xfg_pipeline.resources.stored_signals import reading_of, signal_of
from xfg_pipeline.resources.why import outcome_text, read_slot
from xfg_pipeline.signals.light import Light
from xfg_pipeline.signals.stops import GateReading
from xfg_pipeline.storage.database import Database

AS_OF = SLOT + timedelta(minutes=11)
LINK = "xfg-251016-1330-BTC"


@dataclass(frozen=True)
class Lamp:
    """A light that shows the same at every slot."""

    multiplier: str
    message: str = "calibration error is 6.5%"

    def at(self, slot: datetime) -> Light:
        del slot
        return Light("yellow", Decimal(self.multiplier), self.message)


@pytest.fixture
def clock() -> FixedClock:
    """Eleven minutes after the slot of the signals."""
    return FixedClock(AS_OF)


@pytest.fixture
def book(pipeline: Pipeline, database: Database) -> SignalBook:
    """A book with one ready signal of BTC."""
    keep_instruments(database)
    keep_signals(database, [signal()])
    keep_lights(database, light("green"))
    return pipeline.signals


def test_a_light_that_became_stricter_cuts_the_size_of_the_ticket(book: SignalBook) -> None:
    assert book.ticket(AS_OF, LINK).ticket.quantity == "0.250"
    half = replace(book, light=Lamp("0.5")).ticket(AS_OF, LINK).ticket
    assert (half.quantity, half.multiplier, half.risk_amount) == ("0.125", Decimal("0.5"), Decimal("75.000"))


def test_a_red_light_takes_the_ticket_of_a_ready_signal_away(book: SignalBook) -> None:
    with pytest.raises(NoTicket, match=r"PAUSED, open nothing: loss of the day is 4\.6%") as refused:
        replace(book, light=Lamp("0", "loss of the day is 4.6%")).ticket(AS_OF, LINK)
    assert refused.value.code == "paused"


def test_a_size_that_the_exchange_would_refuse_is_no_ticket(book: SignalBook, database: Database) -> None:
    small = signal(equity=Decimal("0.05"), position_size=Decimal("0.001"), risk_amount=Decimal("0.6"))
    keep_signals(database, [small])
    with pytest.raises(NoTicket, match=r"NO SIZE at ×0.5, open nothing") as refused:
        replace(book, light=Lamp("0.5")).ticket(AS_OF, LINK)
    assert refused.value.code == "no_size"


def test_in_live_the_ticket_has_no_line_about_practice(book: SignalBook) -> None:
    live = replace(book, mode="live").ticket(AS_OF, LINK).text
    assert book.ticket(AS_OF, LINK).text == f"{live}\nPractice     not a real order"
    assert live.endswith(LINK)


def test_the_newest_ready_signal_is_the_most_confident_of_its_slot(book: SignalBook, database: Database) -> None:
    keep_signals(
        database, [signal("ETH", confidence=Decimal("0.91")), signal("SOL", SLOT + timedelta(minutes=15), **PAUSED)]
    )
    newest = book.newest_ready(AS_OF)
    assert newest is not None
    assert newest["coin"] == "ETH"
    assert book.newest_ready(SLOT + timedelta(minutes=30)) is None


def test_a_stored_signal_is_read_back_as_it_was_published(book: SignalBook) -> None:
    row = book.signal(AS_OF, LINK)
    read = signal_of(row)
    assert (read.far_edge, read.confidence, read.tier_evidence) == (
        Decimal("91950.0"),
        Decimal("0.840000"),
        "7 of the last 9 known signals of BTC reached the target first",
    )
    assert read.light_message == "no traffic light is evaluated"
    reading = GateReading("volume", True, Decimal("2.62"), "≥", Decimal("2.0"), Decimal("0.62"))
    assert reading_of(reading.to_dict()) == reading
    assert read.gates[0].to_dict() == row["gates"][0]


def test_what_is_not_there_is_said_by_name(book: SignalBook) -> None:
    for name in (987_654_321, "xfg-251016-1330-ETH"):
        with pytest.raises(UnknownSignal, match=f"{name} on the simulated market"):
            book.signal(AS_OF, name)


def test_the_prediction_belongs_to_the_coin_and_slot_of_the_signal(book: SignalBook, database: Database) -> None:
    keep_prediction(database, "ETH")
    keep_prediction(database, "BTC", SLOT - timedelta(minutes=15))
    assert book.signal(AS_OF, LINK)["prediction"] is None
    keep_prediction(database)
    assert book.signal(AS_OF, LINK)["prediction"]["models"]["xgboost"]["up"] == pytest.approx(0.83)


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (date(2025, 10, 17), date(2025, 10, 16), "to"),
        (date(2024, 10, 15), date(2025, 10, 16), "from"),
        (date(9999, 12, 31), date(9999, 12, 31), "to"),
    ],
)
def test_too_many_days_at_once_are_refused(book: SignalBook, first: date, last: date, field: str) -> None:
    with pytest.raises(RangeRefused) as refused:
        book.signals(AS_OF, first, last)
    assert refused.value.field == field


def test_a_year_can_be_asked_for(book: SignalBook) -> None:
    assert book.signals(AS_OF, date(2024, 10, 16), date(2025, 10, 16)).total == 1


@pytest.mark.parametrize(
    "text",
    [
        "2025-10-16T13:30",
        "2025-10-16 13:30",
        "2025-10-16T13:30:00.000Z",
        "2025-10-16T15:30+0200",
        "2025-10-16T09:30-04:00",
    ],
)
def test_a_slot_is_read_in_every_usual_spelling(text: str) -> None:
    assert read_slot(text) == SLOT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2025-10-16",
        "13:30",
        "2025-10-16T13:31",
        "2025-10-16T13:30:01",
        "2025-13-01T00:00",
        "٢٠٢٥-10-16T13:30",
        "1999-12-31T00:00",
    ],
)
def test_what_is_no_slot_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|no time of the calendar"):
        read_slot(text)


def test_outcomes_are_told_with_a_real_minus_and_without_a_guess() -> None:
    row = {"outcome": "stop", "r_multiple": -1.5, "resolved_at": SLOT}
    assert outcome_text(row) == "stop came first, −1.50 R, 2025-10-16 13:30 UTC"
    assert outcome_text(row | {"outcome": "ambiguous", "r_multiple": None}).startswith("target and stop in the same")
    assert outcome_text(row | {"outcome": "unresolved", "r_multiple": None, "resolved_at": None}) == "not decided yet"
    assert outcome_text(row | {"outcome": "timeout", "r_multiple": 0.0}).startswith(
        "neither target nor stop within a day, 0.00 R"
    )
    assert outcome_text(row | {"outcome": None}) == ""
