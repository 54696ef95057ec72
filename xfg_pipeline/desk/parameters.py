"""What callers may put into an address, a header or a body, and the words in which the rest is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.errors import ApiError
from xfg_pipeline.levels.band import LARGEST
from xfg_pipeline.levels.sessions import FIRST_DAY, LAST_DAY
from xfg_pipeline.levels.vocabulary import MANUAL_LEVELS
from xfg_pipeline.resources.light_book import signed_reason
from xfg_pipeline.resources.signal_book import MOST_ROWS
from xfg_pipeline.resources.why import GATE_WORDS, read_slot
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES
from xfg_pipeline.trading.trade import EXIT_REASONS

ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def iso_date(value: Any) -> date:
    """`2025-12-09` as a date. Raises ValueError for all else, numbers and times included."""
    if isinstance(value, date):
        return value
    if isinstance(value, str) and ISO_DATE.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value} is no date of the calendar") from None
        if not FIRST_DAY <= day <= LAST_DAY:
            raise ValueError(f"must be from {FIRST_DAY} to {LAST_DAY}")
        return day
    raise ValueError("must be a date such as 2025-12-09")


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _slot(value: Any) -> datetime:
    # In an address a plus sign means a space: `+01:00` comes as ` 01:00`.
    text = re.sub(r" (?=[0-9]{2}:?[0-9]{2}$)", "+", value) if isinstance(value, str) and "T" in value else value
    if not isinstance(text, str):
        raise ValueError("must be a slot such as 2025-12-09T09:30")  # noqa: TRY004 (pydantic catches ValueError)
    slot = read_slot(text)
    iso_date(slot.date())
    return slot


def _gate(value: Any) -> Any:
    if value not in GATE_WORDS:
        raise ValueError(f"must be one of {', '.join(GATE_WORDS)}")
    return value


def _word_of(allowed: Sequence[str]) -> BeforeValidator:
    def known(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value

    return BeforeValidator(known)


def _reason(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 (pydantic catches ValueError)
    return signed_reason(value)


def _price(value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Decimal):
        raise ValueError("must be a number, without quotes")  # noqa: TRY004 (pydantic catches ValueError)
    if not value > 0:
        raise ValueError("must be above zero")
    if value >= LARGEST:
        raise ValueError("is too large to be a price")
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -8:
        raise ValueError("has more than 8 decimals")
    return value


IsoDate = Annotated[
    date,
    BeforeValidator(iso_date),
    WithJsonSchema({"type": "string", "format": "date"}),
    Field(examples=["2025-12-09"]),
]
Symbol = Annotated[
    str,
    BeforeValidator(_upper),
    Field(pattern=r"^[A-Z0-9]{1,10}$", examples=["ES"]),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9]{1,10}$"}),
]
Price = Annotated[
    Decimal | None,
    BeforeValidator(_price),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": float(LARGEST)},
                {"type": "null"},
            ]
        }
    ),
]

Coin = Annotated[
    str,
    BeforeValidator(_upper),
    Field(pattern=r"^[A-Z0-9]{1,10}$", examples=["BTC"]),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9]{1,10}$"}),
]
Slot = Annotated[
    datetime,
    BeforeValidator(_slot),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(examples=["2025-12-09T09:30Z"]),
]

SymbolPath = Annotated[Symbol, Path(description="A symbol that the settings allow, in upper or lower case.")]
DatePath = Annotated[IsoDate, Path(description="The trading date (18:00 to 18:00 New York time).")]
DateQuery = Annotated[IsoDate | None, Query(alias="date", description="The trading date; without it the current one.")]
UtcDate = Annotated[IsoDate | None, Query(alias="date", description="A UTC day; without it the current one.")]
CoinQuery = Annotated[Coin | None, Query(description="One coin, such as BTC.")]
SlotQuery = Annotated[
    Slot | None, Query(description="One slot, by the close of its candle: UTC, unless it has an offset.")
]
GateQuery = Annotated[
    str | None,
    BeforeValidator(_gate),
    WithJsonSchema({"type": "string", "enum": list(GATE_WORDS)}),
    Query(description="Only what this gate stopped; `passed`: what became a signal."),
]
StatusQuery = Annotated[Literal["ready", "paused", "expired", "executed"] | None, Query(description="As of now.")]
SignalId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The signal's `id`.", examples=[1])]
SignalType = Annotated[str, _word_of(SIGNAL_TYPES), WithJsonSchema({"type": "string", "enum": list(SIGNAL_TYPES)})]
ExitReasonWord = Annotated[str, _word_of(EXIT_REASONS), WithJsonSchema({"type": "string", "enum": list(EXIT_REASONS)})]
DirectionWord = Annotated[
    str, _word_of(("LONG", "SHORT")), WithJsonSchema({"type": "string", "enum": ["LONG", "SHORT"]})
]
FromDate = Annotated[IsoDate | None, Query(alias="from", description="First UTC day.")]
ToDate = Annotated[IsoDate | None, Query(alias="to", description="Last UTC day, included.")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


class ManualLevels(BaseModel):
    """Pivots typed by a person. A level that is left out stays as it is; null removes it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "symbol": "ES",
                    "trading_date": "2025-12-09",
                    "levels": {
                        "pivot_ba_high": 6905.0,
                        "pivot_high": 6881.5,
                        "pivot": 6843.25,
                        "pivot_low": 6808.0,
                        "pivot_ba_low": 6776.5,
                    },
                }
            ]
        },
    )

    symbol: Symbol
    trading_date: IsoDate
    levels: PivotPrices

    @field_validator("levels")
    @classmethod
    def _names_one(cls, levels: PivotPrices) -> PivotPrices:
        if not levels.model_fields_set:
            raise ValueError(f"names no level: {', '.join(MANUAL_LEVELS)}")
        return levels


class ReasonGiven(BaseModel):
    """Why the light is paused or acknowledged: it stays in the audit log."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "news at 14:00"}]})

    reason: Annotated[
        str,
        BeforeValidator(_reason),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 500}),
    ]


class PivotPrices(BaseModel):
    """Prices by the name of the manual level."""

    model_config = ConfigDict(extra="forbid")

    pivot_ba_high: Price = None
    pivot_high: Price = None
    pivot: Price = None
    pivot_low: Price = None
    pivot_ba_low: Price = None
    weekly_pivot: Price = None

    def named(self) -> dict[str, Decimal | None]:
        """Only what the caller named; None removes."""
        return {name: getattr(self, name) for name in MANUAL_LEVELS if name in self.model_fields_set}


ManualLevels.model_rebuild()


def caller(request: Request) -> Identity:
    """Who asks. The boundary has let nobody in without a login; this says so again, closed by default."""
    identity = getattr(request.state, "identity", None)
    if not isinstance(identity, Identity):
        raise ApiError(401)
    return identity


def writer(identity: Annotated[Identity, Depends(caller)]) -> Identity:
    """Somebody who may change something, or 403."""
    if not identity.may_write:
        raise ApiError(403, "read_only", "This user may look, and change nothing.")
    return identity


def if_match(
    value: Annotated[
        str | None,
        Header(alias="If-Match", description="The ETag that the change is based on; 409 when it is old."),
    ] = None,
) -> str | None:
    """The ETag of an If-Match header as `LevelBook` gives it; None when anything will do."""
    if value is None or value.strip() in {"", "*"}:
        return None
    # Quotes that a program left out are not worth a lost update.
    return '"' + value.strip().removeprefix("W/").strip('"') + '"'


def idempotency_key(
    value: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Any text of up to 200 characters, new for each intent. A call repeated with the same "
            "key and body is answered with the first answer.",
        ),
    ] = None,
) -> str | None:
    if value is not None and not IDEMPOTENCY_KEY.fullmatch(value):
        raise ApiError(422, fields={"Idempotency-Key": "must be 1 to 200 printable characters without spaces"})
    return value


def body_sha256(body: BaseModel) -> str:
    """What a repeated call must agree in: the meaning of the body, not its spaces."""
    return hashlib.sha256(body.model_dump_json(exclude_unset=True).encode()).hexdigest()
