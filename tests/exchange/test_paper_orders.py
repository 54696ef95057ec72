"""What the paper account refuses, with the exchange's codes and the way out."""

from decimal import Decimal

import pytest

from tests.exchange.paper_bars import BTC, order, short
from xfg_pipeline.exchange.account import OrderRefused
from xfg_pipeline.exchange.paper_orders import refuse_impossible
from xfg_pipeline.exchange.paper_terms import timeout_link_id
from xfg_pipeline.trading.account_records import NewOrder


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        (order(link_id=""), 10001, "1 to 36"),
        (order(link_id="x" * 37), 10001, "1 to 36"),
        (order(link_id="xfg 1"), 10001, "1 to 36"),
        (order(quantity=Decimal("0.0005")), 10001, "multiple of the step 0.001"),
        (order(quantity=Decimal(0)), 10001, "above 0"),
        (order(quantity=Decimal("NaN")), 10001, "quantity NaN"),
        (order(quantity=Decimal(1001)), 10001, "0.001 to 1000"),
        (order(price=Decimal("101.05")), 10001, "price 101.05 is no multiple of the tick 0.1"),
        (order(price=Decimal(-1)), 10001, "above 0"),
        (order(stop_loss=Decimal("95.01")), 10001, "stop loss 95.01"),
        (order(take_profit=Decimal("110.01")), 10001, "take profit 110.01"),
        (order(quantity=Decimal("0.01")), 110094, "least order value of 5"),
        (order(stop_loss=Decimal("101.0")), 10001, "not on their sides"),
        (order(take_profit=Decimal("99.0")), 10001, "not on their sides"),
        (order(price=None, take_profit=Decimal("95.0")), 10001, "not on their sides"),
        (short(stop_loss=Decimal("98.0")), 10001, "not on their sides"),
        (short(take_profit=Decimal("99.5")), 10001, "not on their sides"),
        (order(reduce_only=True), 10001, "takes no target"),
    ],
)
def test_an_impossible_order_is_refused_by_what_is_wrong_with_it(wanted: NewOrder, code: int, words: str) -> None:
    with pytest.raises(OrderRefused, match=words) as refused:
        refuse_impossible(wanted, BTC)
    assert (refused.value.code, refused.value.coin) == (code, "BTC")


@pytest.mark.parametrize(
    "wanted",
    [order(), short(), order(price=None), order(stop_loss=None, take_profit=None), order(quantity=Decimal("0.05"))],
)
def test_a_possible_one_is_not(wanted: NewOrder) -> None:
    refuse_impossible(wanted, BTC)


def test_a_coin_that_is_not_traded_is_refused() -> None:
    with pytest.raises(OrderRefused, match="BTC is not traded here") as refused:
        refuse_impossible(order(), None)
    assert refused.value.code == 10029


@pytest.mark.parametrize(
    ("link_id", "made"),
    [
        ("xfg-251209-0930-BTC", "xft-251209-0930-BTC"),
        ("hand-0123456789abcdef01234567", "xft-hand-0123456789abcdef01234567"),
        ("x" * 36, "xft-7b1a"),
    ],
)
def test_the_closing_order_of_a_day_is_named_after_what_it_closes(link_id: str, made: str) -> None:
    name = timeout_link_id(link_id)
    assert name.startswith(made if len(link_id) < 33 else "xft-")
    assert len(name) <= 36
