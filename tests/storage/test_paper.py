"""The paper account's books in Postgres: exact amounts, one account's rows each, one writer at a time."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from tests.exchange.paper_bars import NINE, order
from xfg_pipeline.exchange.paper_books import (
    CLOSINGS,
    EXECUTIONS,
    ORDERS,
    Entry,
    PaperOrder,
    order_in,
    write_child,
    write_closing,
    write_execution,
    write_order,
)
from xfg_pipeline.exchange.paper_records import STOP, closed, filled, funding, new_order, opening
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.paper import StoredPaperBooks

ACCOUNT = "paper_simulated"
LATER = NINE + timedelta(days=1)
LONG = Decimal("0.12345678901234567890123")


def waiting(link_id: str = "xfg-250301-0900-BTC", at: datetime = NINE, **changes: object) -> PaperOrder:
    return PaperOrder(new_order(ACCOUNT, order(link_id, **changes), at), LATER, NINE)


def _write(books: StoredPaperBooks, *orders: PaperOrder) -> None:
    with books.changing() as page:
        for one in orders:
            write_order(page, one)


def held(price: Decimal = Decimal(100)) -> PaperOrder:
    entry = Entry(price, LONG, NINE, NINE)
    return replace(waiting(), order=filled(waiting().order, price, NINE), entry=entry)


@pytest.fixture
def books(database: Database) -> StoredPaperBooks:
    return StoredPaperBooks(database, ACCOUNT)


def test_records_come_back_as_they_were_to_the_last_digit(books: StoredPaperBooks) -> None:
    one = held(LONG)
    made = closed(ACCOUNT, one, STOP, Decimal("95.0"), LATER)
    opened = opening(ACCOUNT, one.order, Entry(LONG, LONG, NINE, NINE), is_maker=True)
    with books.changing() as page:
        write_order(page, one)
        write_execution(page, opened)
        write_execution(page, made.execution)
        write_closing(page, made.closing)
        for child in made.orders:
            write_child(page, child)
    (order_row,) = books.standing_at(None)
    assert ORDERS.validate_python(order_row) == one
    found = [EXECUTIONS.validate_python(row) for row in books.executions(NINE, LATER + timedelta(days=1))]
    assert found == [opened, made.execution]
    (closing,) = books.closings(LATER, LATER + timedelta(seconds=1))
    assert CLOSINGS.validate_python(closing) == made.closing
    assert str(CLOSINGS.validate_python(closing).pnl) == str(made.closing.pnl)
    orders = {order_in(row).order_id: order_in(row) for row in books.orders(NINE, LATER + timedelta(days=1))}
    assert orders == {row.order_id: row for row in (one.order, *made.orders)}
    assert books.wallet(LATER) is None
    books.open(NINE, Decimal(10000))
    assert books.wallet(LATER) == 10000 + made.closing.pnl
    assert books.wallet(LATER - timedelta(seconds=1)) == 10000


def test_what_is_written_again_is_there_once_and_an_order_in_its_newest_version(books: StoredPaperBooks) -> None:
    settled = funding(ACCOUNT, held().order, NINE, Decimal(100), Decimal("0.0001"))
    for one in (waiting(), held()):
        with books.changing() as page:
            write_order(page, one)
            write_execution(page, settled)
    assert [ORDERS.validate_python(row) for row in books.standing_at(None)] == [held()]
    assert len(books.executions(NINE, LATER)) == 1
    books.open(NINE, Decimal(10000))
    assert books.wallet(NINE) == Decimal("9999.98")


def test_what_stood_at_a_moment_is_told_of_any_moment(books: StoredPaperBooks) -> None:
    ended = replace(held(), ended_at=LATER)
    with books.changing() as page:
        write_order(page, ended)
        write_order(page, waiting("second", LATER, coin="SOL"))
        write_child(page, closed(ACCOUNT, held(), STOP, Decimal(95), LATER).orders[0])

    def standing(at: datetime | None) -> list[str]:
        return [order_in(row).link_id for row in books.standing_at(at)]

    assert standing(NINE - timedelta(seconds=1)) == []
    assert standing(NINE) == standing(LATER - timedelta(seconds=1)) == ["xfg-250301-0900-BTC"]
    assert standing(LATER) == standing(None) == ["second"]


def test_the_newest_order_of_a_coin_and_side_is_found(books: StoredPaperBooks) -> None:
    with books.changing() as page:
        assert page.last_of("BTC", "Buy") is None
        for number, at in enumerate([LATER, NINE]):
            write_order(page, waiting(f"n-{number}", at))
        write_order(page, waiting("other", LATER + timedelta(days=1), coin="SOL"))
        write_child(page, closed(ACCOUNT, held(), STOP, Decimal(95), LATER + timedelta(days=9)).orders[0])
        found = page.last_of("BTC", "Buy")
        assert found is not None
        assert order_in(found).link_id == "n-0"
        assert page.last_of("BTC", "Sell") is None


def test_two_accounts_share_nothing(database: Database, books: StoredPaperBooks) -> None:
    other = StoredPaperBooks(database, "paper_replay")
    books.open(NINE, Decimal(10000))
    with books.changing() as page:
        write_order(page, held())
        write_execution(page, funding(ACCOUNT, held().order, NINE, Decimal(100), Decimal("0.0001")))
    assert other.opened() is None
    assert other.order_of("xfg-250301-0900-BTC") is None
    assert not other.standing_at(None)
    assert not other.standing_at(NINE)
    assert not other.executions(NINE, LATER)
    other.open(NINE, Decimal(5000))
    assert (other.wallet(LATER), books.wallet(LATER)) == (5000, Decimal("9999.98"))


def test_a_link_id_is_taken_once(books: StoredPaperBooks) -> None:
    another = replace(waiting(), order=replace(waiting().order, order_id="another"))
    with pytest.raises(IntegrityError):
        _write(books, waiting(), another)
    assert not books.standing_at(None)


def test_whoever_changes_the_books_is_alone_with_them(database: Database, books: StoredPaperBooks) -> None:
    entered, seen = threading.Event(), []

    def second() -> None:
        entered.set()
        with StoredPaperBooks(database, ACCOUNT).changing() as page:
            seen.append(page.order_of("xfg-250301-0900-BTC"))

    with books.changing() as page:
        other = threading.Thread(target=second)
        other.start()
        entered.wait()
        other.join(0.2)
        assert other.is_alive()
        write_order(page, waiting())
    other.join(10)
    assert [order_in(row).link_id for row in seen] == ["xfg-250301-0900-BTC"]


@pytest.mark.parametrize("equity", [Decimal(0), Decimal("NaN"), Decimal("Infinity")])
def test_no_account_begins_with_nothing_or_with_no_number(books: StoredPaperBooks, equity: Decimal) -> None:
    with pytest.raises(IntegrityError):
        books.open(NINE, equity)


def test_times_are_aware_and_in_utc(database: Database, books: StoredPaperBooks) -> None:
    books.open(NINE, Decimal(1))
    opened = books.opened()
    assert opened is not None
    assert opened.opened_at == NINE
    assert opened.opened_at.utcoffset() == timedelta(0)
    with books.changing() as page:
        write_order(page, waiting(at=NINE.astimezone(UTC)))
    with database.read() as connection:
        text = connection.execute(sa.text("SELECT record->'order'->>'created_at' FROM paper_orders")).scalar_one()
    assert text == "2025-03-01T09:00:00Z"
