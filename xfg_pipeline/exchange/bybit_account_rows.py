"""The rows of Bybit v5's private answers, as its documentation has them: each is checked before a number is used.

Numbers come as decimal strings. A number that may be missing and is empty is None; no other empty number is taken.
Prices of 0 are how Bybit says that there is none.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator

from xfg_pipeline.exchange.bybit_records import Amount, Cursor, Positive, Record, number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{13}", value):
        raise ValueError("is no time in milliseconds, in quotes")
    return _EPOCH + timedelta(milliseconds=int(value))


def _moment_or_none(value: object) -> datetime | None:
    return None if value in ("", None) else _moment(value)


def _or_none(value: object) -> str | None:
    return None if value in ("", None) else number(value)


def _price_or_none(value: object) -> str | None:
    told = _or_none(value)
    return None if told is None or Decimal(told) == 0 else told


def _day_of_expiry(value: object) -> datetime | None:
    if value in ("", None):
        return None
    if not isinstance(value, str) or not value.endswith("Z"):
        raise ValueError("is no time in UTC")
    expires = datetime.fromisoformat(value)
    # A key that is bound to addresses does not expire; its date is empty, or the first that there is.
    return None if expires <= _EPOCH else expires


LARGEST = 10**20
Bounded = Annotated[Decimal, Field(gt=-LARGEST, lt=LARGEST)]
Money = Annotated[Bounded, BeforeValidator(number)]
MoneyOrNone = Annotated[Bounded | None, BeforeValidator(_or_none)]
PriceOrNone = Annotated[Annotated[Decimal, Field(gt=0, lt=LARGEST)] | None, BeforeValidator(_price_or_none)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
# Printable ASCII: what any database and any log can hold.
Text = Annotated[str, StringConstraints(strict=True, pattern=r"^[ -~]{0,100}$")]
Name = Annotated[str, StringConstraints(strict=True, pattern=r"^[!-~]{1,100}$")]
Flag = Annotated[bool, Field(strict=True)]
Index = Annotated[int, Field(strict=True, ge=0, le=2)]
Count = Annotated[int, Field(strict=True, ge=0, lt=2**63)]


class RowsPage(Record):
    """A page of closed P&L, executions, orders or positions. Its rows are read one by one."""

    category: Literal["linear"] = "linear"
    rows: Annotated[list[dict[str, Any]], Field(alias="list")]
    next_page_cursor: Cursor = ""


class ClosedPnl(Record):
    """A row of /v5/position/closed-pnl."""

    order_id: Name
    side: Literal["Buy", "Sell"]
    closed_size: Positive
    avg_entry_price: Positive
    avg_exit_price: Positive
    cum_entry_value: Amount
    cum_exit_value: Amount
    closed_pnl: Money
    open_fee: MoneyOrNone = None
    close_fee: MoneyOrNone = None
    leverage: PriceOrNone = None
    exec_type: Name
    created_time: Moment
    updated_time: Moment


class ExecutionRow(Record):
    """A row of /v5/execution/list."""

    exec_id: Name
    order_id: Text
    order_link_id: Text = ""
    side: Literal["Buy", "Sell"]
    exec_type: Name
    exec_price: Positive
    exec_qty: Positive
    exec_value: Amount
    exec_fee: Money
    closed_size: Annotated[MoneyOrNone, Field(validate_default=True)] = None
    create_type: Text = ""
    stop_order_type: Text = ""
    is_maker: Flag = False
    exec_time: Moment
    seq: Count = 0

    @field_validator("closed_size")
    @classmethod
    def _says_what_it_closed(cls, closed: Decimal | None, row: ValidationInfo) -> Decimal | None:
        # Funding closes nothing. Of a fill that does not say, nobody knows whether it opened or closed.
        if closed is None and row.data.get("exec_type") != "Funding":
            raise ValueError("is empty")
        if closed is not None and not 0 <= closed <= row.data.get("exec_qty", closed):
            raise ValueError("is not between zero and execQty")
        return closed


class OrderRow(Record):
    """A row of /v5/order/history and /v5/order/realtime."""

    order_id: Name
    order_link_id: Text = ""
    parent_order_link_id: Text = ""
    side: Literal["Buy", "Sell"]
    order_status: Name
    order_type: Name
    price: PriceOrNone = None
    qty: Amount
    avg_price: PriceOrNone = None
    cum_exec_qty: Amount
    create_type: Text = ""
    stop_order_type: Text = ""
    cancel_type: Text = ""
    reject_reason: Text = ""
    take_profit: PriceOrNone = None
    stop_loss: PriceOrNone = None
    trigger_price: PriceOrNone = None
    reduce_only: Flag
    close_on_trigger: Flag
    position_idx: Index
    created_time: Moment
    updated_time: Moment


class PositionRow(Record):
    """A row of /v5/position/list that is not flat."""

    side: Literal["Buy", "Sell"]
    position_idx: Index
    size: Positive
    avg_price: Positive
    mark_price: PriceOrNone = None
    liq_price: PriceOrNone = None
    leverage: PriceOrNone = None
    take_profit: PriceOrNone = None
    stop_loss: PriceOrNone = None
    unrealised_pnl: MoneyOrNone = None
    updated_time: Annotated[datetime | None, BeforeValidator(_moment_or_none)] = None


class Wallet(Record):
    """A row of /v5/account/wallet-balance, over all coins, in USD."""

    total_equity: Money
    total_wallet_balance: Money
    total_available_balance: MoneyOrNone = None
    total_perp_upl: Annotated[MoneyOrNone, Field(alias="totalPerpUPL")] = None


class WalletPage(Record):
    """/v5/account/wallet-balance: one account was asked for."""

    rows: Annotated[list[Wallet], Field(alias="list", min_length=1, max_length=1)]


class KeyRow(Record):
    """/v5/user/query-api"""

    read_only: Annotated[int, Field(strict=True, ge=0, le=1)]
    permissions: dict[Text, list[Text] | None]
    ips: list[Text] | None = None
    expired_at: Annotated[datetime | None, BeforeValidator(_day_of_expiry)] = None


class PlacedRow(Record):
    """/v5/order/create"""

    order_id: Name
    order_link_id: Text
