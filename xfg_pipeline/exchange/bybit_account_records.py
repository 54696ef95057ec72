"""What Bybit's private rows say, in the words of `account_records`. Only its perpetuals in USDT are told."""

import re
from decimal import Decimal
from typing import Any

from xfg_pipeline.exchange.bybit_account_rows import (
    ClosedPnl,
    ExecutionRow,
    KeyRow,
    OrderRow,
    PositionRow,
    WalletPage,
)
from xfg_pipeline.exchange.bybit_records import read
from xfg_pipeline.exchange.market import MarketMalformed
from xfg_pipeline.trading.account_records import Closing, Equity, Execution, KeyFacts, OrderRecord, Position

_PERPETUAL = re.compile(r"([A-Z0-9]{1,20})USDT")
# Contracts that are settled in something else or on a day: BTCPERP, BTC-27DEC24, BTCUSDT-27DEC24, BTCUSD.
_OTHER_CONTRACT = re.compile(r"[A-Z0-9]{1,24}(-[0-9]{1,2}[A-Z]{3}[0-9]{2})?")
_ZERO = re.compile(r"0*(\.0*)?")


def coin_of(row: dict[str, Any], what: str) -> str | None:
    """The coin of a record: BTC of BTCUSDT; None for a contract that is no USDT perpetual. Raises MarketMalformed."""
    symbol = row.get("symbol")
    if isinstance(symbol, str):
        if perpetual := _PERPETUAL.fullmatch(symbol):
            return perpetual[1]
        if _OTHER_CONTRACT.fullmatch(symbol):
            return None
    raise MarketMalformed(f"{what}: symbol is {ascii(symbol)[:60]}, which is no contract")


def closing_of(row: dict[str, Any]) -> Closing | None:
    """A closing, None for another contract. Raises MarketMalformed that names the field."""
    coin = coin_of(row, "Bybit's closed P&L")
    if coin is None:
        return None
    told = read(ClosedPnl, row, f"Bybit's closed P&L of {coin}")
    return Closing(
        order_id=told.order_id,
        coin=coin,
        side=told.side,
        quantity=told.closed_size,
        entry_price=told.avg_entry_price,
        exit_price=told.avg_exit_price,
        entry_value=told.cum_entry_value,
        exit_value=told.cum_exit_value,
        pnl=told.closed_pnl,
        open_fee=told.open_fee,
        close_fee=told.close_fee,
        leverage=told.leverage,
        exec_type=told.exec_type,
        created_at=told.created_time,
        updated_at=told.updated_time,
    )


def execution_of(row: dict[str, Any]) -> Execution | None:
    """A fill or a settlement of funding, None for another contract. Raises MarketMalformed that names the field."""
    coin = coin_of(row, "Bybit's execution")
    if coin is None:
        return None
    told = read(ExecutionRow, row, f"Bybit's execution of {coin}")
    return Execution(
        exec_id=told.exec_id,
        order_id=told.order_id,
        link_id=told.order_link_id,
        coin=coin,
        side=told.side,
        kind=told.exec_type,
        price=told.exec_price,
        quantity=told.exec_qty,
        value=told.exec_value,
        fee=told.exec_fee,
        closed_quantity=told.closed_size or Decimal(0),
        create_type=told.create_type,
        stop_order_type=told.stop_order_type,
        is_maker=told.is_maker,
        at=told.exec_time,
        seq=told.seq,
    )


def order_of(row: dict[str, Any]) -> OrderRecord | None:
    """An order, None for another contract. Raises MarketMalformed that names the field."""
    coin = coin_of(row, "Bybit's order")
    if coin is None:
        return None
    told = read(OrderRow, row, f"Bybit's order of {coin}")
    return OrderRecord(
        order_id=told.order_id,
        link_id=told.order_link_id,
        parent_link_id=told.parent_order_link_id,
        coin=coin,
        side=told.side,
        status=told.order_status,
        order_type=told.order_type,
        price=told.price,
        quantity=told.qty,
        average_price=told.avg_price,
        filled_quantity=told.cum_exec_qty,
        create_type=told.create_type,
        stop_order_type=told.stop_order_type,
        cancel_type=told.cancel_type,
        reject_reason=told.reject_reason,
        take_profit=told.take_profit,
        stop_loss=told.stop_loss,
        trigger_price=told.trigger_price,
        reduce_only=told.reduce_only,
        close_on_trigger=told.close_on_trigger,
        position_index=told.position_idx,
        created_at=told.created_time,
        updated_at=told.updated_time,
    )


def position_of(row: dict[str, Any]) -> Position | None:
    """A position, None for a flat one or another contract. Raises MarketMalformed that names the field."""
    coin = coin_of(row, "Bybit's position")
    if coin is None or _is_flat(row):
        return None
    told = read(PositionRow, row, f"Bybit's position in {coin}")
    return Position(
        coin=coin,
        side=told.side,
        position_index=told.position_idx,
        quantity=told.size,
        entry_price=told.avg_price,
        mark_price=told.mark_price,
        liquidation_price=told.liq_price,
        leverage=told.leverage,
        take_profit=told.take_profit,
        stop_loss=told.stop_loss,
        unrealised_pnl=told.unrealised_pnl,
        updated_at=told.updated_time,
    )


def equity_of(result: dict[str, Any]) -> Equity:
    """The worth of the account. Raises MarketMalformed."""
    (told,) = read(WalletPage, result, "Bybit's wallet").rows
    return Equity(told.total_equity, told.total_wallet_balance, told.total_available_balance, told.total_perp_upl)


def key_of(result: dict[str, Any]) -> KeyFacts:
    """What the key may do, as `ContractTrade:Order`. Raises MarketMalformed."""
    told = read(KeyRow, result, "Bybit's API key")
    granted = sorted(f"{group}:{one}" for group, some in told.permissions.items() for one in some or ())
    return KeyFacts(
        read_only=told.read_only == 1,
        permissions=tuple(granted),
        addresses=tuple(told.ips or ()),
        expires_at=told.expired_at,
    )


def _is_flat(row: dict[str, Any]) -> bool:
    size = row.get("size")
    return isinstance(size, str) and bool(_ZERO.fullmatch(size)) and (size != "" or row.get("side") in ("", "None"))
