"""How coins are traded, from Bybit's list of instruments."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.exchange.bybit_server import BybitServer, Listing, edited, status
from xfg_pipeline.exchange.bybit import BybitMarket
from xfg_pipeline.exchange.bybit_instruments import MOST_PAGES
from xfg_pipeline.exchange.market import Instrument, MarketMalformed, MarketUnavailable


def test_an_instrument_has_bybits_numbers_to_the_last_digit(market: BybitMarket) -> None:
    assert market.instruments(("BTC", "1000PEPE")) == {
        "BTC": Instrument(
            coin="BTC",
            symbol="BTCUSDT",
            tick_size=Decimal("0.10"),
            qty_step=Decimal("0.001"),
            min_qty=Decimal("0.001"),
            max_qty=Decimal("500.000"),
            min_notional=Decimal(5),
            max_leverage=Decimal("100.00"),
        ),
        "1000PEPE": Instrument(
            coin="1000PEPE",
            symbol="1000PEPEUSDT",
            tick_size=Decimal("0.0000001"),
            qty_step=Decimal(100),
            min_qty=Decimal(100),
            max_qty=Decimal("500.000"),
            min_notional=Decimal(5),
            max_leverage=Decimal("100.00"),
        ),
    }


def test_all_pages_are_read(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.listings = [Listing(f"C{number}") for number in range(2_300)]
    coins = ("C0", "C999", "C1000", "C2299")
    assert tuple(market.instruments(coins)) == coins
    assert exchange.count("instruments-info") == 3


def test_what_is_not_traded_now_in_usdt_is_left_out(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.listings = [
        Listing("BTC"),
        Listing("SOON", status="PreLaunch"),
        Listing("GONE", status="Closed"),
        Listing("DATED", contract_type="LinearFutures"),
        Listing("ETH", quote="USDC", symbol="ETHPERP"),
        Listing("SOL", quote="USDC", symbol="SOLUSDT"),
        Listing("X", symbol="XRPUSDT"),
    ]
    assert set(market.instruments(("BTC", "SOON", "GONE", "DATED", "ETH", "SOL", "XRP", "NONE"))) == {"BTC"}


def test_a_broken_record_of_another_coin_does_no_harm(market: BybitMarket, exchange: BybitServer) -> None:
    def spoil(answer: dict[str, Any]) -> None:
        answer["result"]["list"][1] = {"symbol": "ETHUSDT"}
        answer["result"]["list"] += [{}, {"symbol": 7}]

    exchange.fail(edited(spoil))
    assert set(market.instruments(("BTC", "1000PEPE"))) == {"BTC", "1000PEPE"}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("priceFilter", "tickSize"), ""),
        (("priceFilter", "tickSize"), "0"),
        (("priceFilter", "tickSize"), "-0.1"),
        (("priceFilter", "tickSize"), "NaN"),
        (("priceFilter", "tickSize"), 0.1),
        (("lotSizeFilter", "qtyStep"), "Infinity"),
        (("lotSizeFilter", "qtyStep"), "1e400"),
        (("lotSizeFilter", "minOrderQty"), None),
        (("lotSizeFilter", "minNotionalValue"), "five"),
        (("leverageFilter", "maxLeverage"), []),
    ],
)
def test_a_broken_number_of_a_wanted_coin_is_named(
    market: BybitMarket, exchange: BybitServer, where: tuple[str, str], value: object
) -> None:
    exchange.fail(edited(lambda answer: answer["result"]["list"][0][where[0]].update({where[1]: value})))
    with pytest.raises(MarketMalformed, match=rf"instrument of BTC: {where[0]}\.{where[1]} is "):
        market.instruments(("BTC",))


@pytest.mark.parametrize(
    ("section", "name"),
    [("lotSizeFilter", "minNotionalValue"), ("priceFilter", "tickSize"), ("leverageFilter", "maxLeverage")],
)
def test_a_number_that_is_not_there_is_missing_and_not_zero(
    market: BybitMarket, exchange: BybitServer, section: str, name: str
) -> None:
    exchange.fail(edited(lambda answer: answer["result"]["list"][0][section].pop(name)))
    with pytest.raises(MarketMalformed, match=rf"{section}\.{name} is missing"):
        market.instruments(("BTC",))


def test_a_largest_quantity_below_the_smallest_is_malformed(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail(edited(lambda answer: answer["result"]["list"][0]["lotSizeFilter"].update(minOrderQty="501")))
    with pytest.raises(MarketMalformed, match="largest quantity is below its smallest"):
        market.instruments(("BTC",))


def test_an_instrument_that_is_there_twice_must_be_the_same(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.listings = [Listing("BTC"), Listing("BTC")]
    assert set(market.instruments(("BTC",))) == {"BTC"}
    exchange.listings = [Listing("BTC"), replace(Listing("BTC"), tick="0.5")]
    with pytest.raises(MarketMalformed, match="BTCUSDT is there twice, and not the same"):
        market.instruments(("BTC",))


def test_a_cursor_that_comes_again_is_no_reason_to_turn_in_circles(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail_always(edited(lambda answer: answer["result"].update(nextPageCursor="after%3D0")))
    with pytest.raises(MarketMalformed, match="points back"):
        market.instruments(("BTC",))
    assert exchange.count() == 2


def test_pages_that_never_end_are_given_up(market: BybitMarket, exchange: BybitServer) -> None:
    def onward(answer: dict[str, Any]) -> None:
        answer["result"].update(nextPageCursor=f"after%3D{exchange.count()}", list=[])

    exchange.fail_always(edited(onward))
    with pytest.raises(MarketMalformed, match=f"more than {MOST_PAGES} pages"):
        market.instruments(("BTC",))
    assert exchange.count() == MOST_PAGES


def test_an_empty_page_before_the_last_is_walked_over(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail(edited(lambda answer: answer["result"].update(list=[], nextPageCursor="after%3D0")))
    assert set(market.instruments(("BTC",))) == {"BTC"}


@pytest.mark.parametrize("cursor", ["a&limit=1", "a b", "a#b", "é", 7, None, "x" * 501])
def test_a_cursor_that_would_change_the_question_is_malformed(
    market: BybitMarket, exchange: BybitServer, cursor: object
) -> None:
    exchange.fail(edited(lambda answer: answer["result"].update(nextPageCursor=cursor)))
    with pytest.raises(MarketMalformed, match="nextPageCursor is"):
        market.instruments(("BTC",))
    assert exchange.count() == 1


def test_what_fails_on_the_way_is_about_no_coin(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail_always(status(502))
    with pytest.raises(MarketUnavailable) as refused:
        market.instruments(("BTC",))
    assert refused.value.coin is None
