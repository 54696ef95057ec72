"""How Bybit trades coins: its linear perpetuals in USDT, as instruments."""

from xfg_pipeline.exchange.bybit_records import InstrumentRecord, InstrumentsPage, read
from xfg_pipeline.exchange.bybit_session import BybitSession
from xfg_pipeline.exchange.market import Instrument, MarketMalformed
from xfg_pipeline.exchange.pace import Deadline

PAGE = 1000
# Ten times what Bybit lists.
MOST_PAGES = 8


def read_instruments(session: BybitSession, symbols: dict[str, str], deadline: Deadline) -> dict[str, Instrument]:
    """The instruments by coin of the given symbols (coin by symbol); one that is not traded now is left out.

    Raises MarketUnavailable, and MarketMalformed for a broken record of a wanted symbol or pages that do not end.
    """
    found: dict[str, Instrument] = {}
    cursor = ""
    seen = {cursor}
    for _ in range(MOST_PAGES):
        onward = {"cursor": cursor} if cursor else {}
        answer = session.get("get_instruments_info", deadline, category="linear", limit=PAGE, **onward)
        page = read(InstrumentsPage, answer.result, "Bybit's instruments")
        for row in page.rows:
            symbol = row.get("symbol")
            coin = symbols.get(symbol) if isinstance(symbol, str) else None
            instrument = _instrument(coin, row) if coin is not None else None
            if instrument and found.setdefault(instrument.coin, instrument) != instrument:
                raise MarketMalformed(f"Bybit's instruments: {symbol} is there twice, and not the same")
        cursor = page.next_page_cursor
        if not cursor:
            return found
        if cursor in seen:
            raise MarketMalformed("Bybit's instruments: a page points back to one that was read before")
        seen.add(cursor)
    raise MarketMalformed(f"Bybit's instruments: more than {MOST_PAGES} pages of {PAGE}")


def _instrument(coin: str, row: dict[str, object]) -> Instrument | None:
    record = read(InstrumentRecord, row, f"Bybit's instrument of {coin}")
    lot = record.lot_size_filter
    if (record.contract_type, record.status, record.base_coin, record.quote_coin) != (
        "LinearPerpetual",
        "Trading",
        coin,
        "USDT",
    ):
        return None
    # A quantity must be good for a limit entry and for a market exit.
    most = min(lot.max_order_qty, lot.max_mkt_order_qty)
    if most < lot.min_order_qty:
        raise MarketMalformed(f"Bybit's instrument of {coin}: its largest quantity is below its smallest")
    return Instrument(
        coin=coin,
        symbol=record.symbol,
        tick_size=record.price_filter.tick_size,
        qty_step=lot.qty_step,
        min_qty=lot.min_order_qty,
        max_qty=most,
        min_notional=lot.min_notional_value,
        max_leverage=record.leverage_filter.max_leverage,
    )
