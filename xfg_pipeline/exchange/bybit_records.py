"""The records of Bybit v5's public answers, as its documentation has them: each is checked before a number is used.

Numbers come as decimal strings. What is empty, not a number or under another name is malformed, never zero.
"""

import re
import reprlib
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from xfg_pipeline.exchange.bybit_errors import without_keys
from xfg_pipeline.exchange.market import MarketMalformed
from xfg_pipeline.signals.slots import moment

_NUMBER = r"^-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?$"


def number(value: object) -> str:
    """The text of a decimal number. Raises ValueError for anything else."""
    if not isinstance(value, str) or not re.fullmatch(_NUMBER, value):
        raise ValueError("is no decimal number in quotes")
    return value


Milliseconds = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{1,15}$")]
Number = Annotated[str, StringConstraints(strict=True, pattern=_NUMBER)]
Amount = Annotated[Decimal, BeforeValidator(number), Field(ge=0, lt=10**20)]
Positive = Annotated[Decimal, BeforeValidator(number), Field(gt=0, lt=10**20)]
Word = Annotated[str, StringConstraints(strict=True, max_length=200)]
Cursor = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9%._~:=,;/+@!*-]{0,500}$")]
# Start in milliseconds, open, high, low, close, volume in the base asset, turnover in USDT.
KlineRow = tuple[Milliseconds, Number, Number, Number, Number, Number, Number]


class Record(BaseModel):
    """A record as Bybit spells it. What is not used here may be there too."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Envelope(Record):
    """What is around every answer. `time` is when Bybit gave it, in milliseconds."""

    ret_code: Annotated[int, Field(strict=True, ge=0, le=0)]
    result: dict[str, Any]
    time: Annotated[int, Field(strict=True, gt=0, lt=10**14)]


class Klines(Record):
    """/v5/market/kline"""

    category: Literal["linear"]
    symbol: Word
    rows: Annotated[list[KlineRow], Field(alias="list")]


class OpenInterest(Record):
    """A row of /v5/market/open-interest, in the base asset."""

    open_interest: Number
    timestamp: Milliseconds


class OpenInterestPage(Record):
    """/v5/market/open-interest"""

    symbol: Word
    rows: Annotated[list[OpenInterest], Field(alias="list")]


class AccountRatio(Record):
    """A row of /v5/market/account-ratio: the shares of accounts that are long and short."""

    symbol: Word
    buy_ratio: Number
    sell_ratio: Number
    timestamp: Milliseconds


class AccountRatioPage(Record):
    """/v5/market/account-ratio"""

    rows: Annotated[list[AccountRatio], Field(alias="list")]


class Funding(Record):
    """A row of /v5/market/funding/history."""

    symbol: Word
    funding_rate: Number
    funding_rate_timestamp: Milliseconds


class FundingPage(Record):
    """/v5/market/funding/history"""

    rows: Annotated[list[Funding], Field(alias="list")]


class InstrumentsPage(Record):
    """/v5/market/instruments-info. Its records are read one by one: a broken one of another coin does no harm."""

    category: Literal["linear"]
    rows: Annotated[list[dict[str, Any]], Field(alias="list")]
    next_page_cursor: Cursor = ""


class PriceFilter(Record):
    """Prices are multiples of `tick_size`."""

    tick_size: Positive


class LotSizeFilter(Record):
    """Quantities in the base asset; the notional in USDT."""

    qty_step: Positive
    min_order_qty: Positive
    max_order_qty: Positive
    max_mkt_order_qty: Positive
    min_notional_value: Amount


class LeverageFilter(Record):
    """How far a position may be leveraged."""

    max_leverage: Positive


class InstrumentRecord(Record):
    """A row of /v5/market/instruments-info."""

    symbol: Word
    contract_type: Word
    status: Word
    base_coin: Word
    quote_coin: Word
    price_filter: PriceFilter
    lot_size_filter: LotSizeFilter
    leverage_filter: LeverageFilter


class ServerTime(Record):
    """/v5/market/time, in nanoseconds."""

    time_nano: Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{18,19}$")]


Wanted = TypeVar("Wanted", bound=Record)


def read(record: type[Wanted], answer: object, what: str) -> Wanted:
    """The record in an answer. Raises MarketMalformed that names the first field which is wrong."""
    try:
        return record.model_validate(answer)
    except ValidationError as broken:
        fault = _first(broken, answer)
    raise MarketMalformed(f"{what}: {fault}")


def _first(broken: ValidationError, answer: object) -> str:
    fault = broken.errors(include_url=False, include_context=False)[0]
    where = (".".join(str(part) for part in fault["loc"]) or "the answer") + _when(fault["loc"], answer)
    if fault["type"] == "missing":
        return f"{where} is missing"
    told = fault["input"]
    shown = without_keys(reprlib.repr(without_keys(told) if isinstance(told, str) else told))
    return f"{where} is {shown}, which is not what Bybit documents"


def _when(where: tuple[int | str, ...], answer: object) -> str:
    """The time of the row that a fault is in, as far as it can be read."""
    if len(where) < 2 or where[0] != "list" or not isinstance(answer, dict):
        return ""
    row = answer["list"][where[1]]
    if isinstance(row, dict):
        told = row.get("timestamp", row.get("fundingRateTimestamp"))
    else:
        told = row[0] if isinstance(row, list) and row else None
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) <= 13:
        return f" ({moment(int(told) // 1000):%Y-%m-%d %H:%M} UTC)"
    return ""
