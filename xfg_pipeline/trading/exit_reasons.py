"""Why a closing order closed: read from the exchange's own words, never from prices or from the result."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord
from xfg_pipeline.trading.trade import ExitReason

TIMEOUT_PREFIX: Final = "xft-"
"""Starts the link id of the order with which we close a position whose time is up."""
OWN_CLOSE_PREFIX: Final = "xfc-"
"""Starts the link id of the order with which a person closes a position through us."""

# Bybit v5, enums `execType`, `stopOrderType` and `createType`. Spelling is theirs, and compared exactly.
EXEC_TYPES: Final[Mapping[str, ExitReason]] = MappingProxyType(
    {
        "BustTrade": "liquidation",
        "AdlTrade": "ADL",
        "Settle": "settlement",
        "SessionSettlePnL": "settlement",
        "Delivery": "settlement",
        "MovePosition": "settlement",
    }
)
STOP_ORDER_TYPES: Final[Mapping[str, ExitReason]] = MappingProxyType(
    {
        "TakeProfit": "TP",
        "PartialTakeProfit": "TP",
        "StopLoss": "SL",
        "PartialStopLoss": "SL",
        "TrailingStop": "trailing",
        "Stop": "conditional",
        "MmRateClose": "conditional",
    }
)
CREATE_TYPES: Final[Mapping[str, ExitReason]] = MappingProxyType(
    {
        "CreateByTakeProfit": "TP",
        "CreateByPartialTakeProfit": "TP",
        "CreateByStopLoss": "SL",
        "CreateByPartialStopLoss": "SL",
        "CreateByTrailingStop": "trailing",
        "CreateByTrailingProfit": "trailing",
        "CreateByStopOrder": "conditional",
        "CreateByMmRateClose": "conditional",
        "CreateByLiq": "liquidation",
        "CreateByTakeOver_PassThrough": "liquidation",
        "CreateByAdl_PassThrough": "ADL",
        "CreateBySettle": "settlement",
    }
)
_BY_A_PERSON: Final[Mapping[str, ExitReason]] = MappingProxyType(
    {"CreateByClosing": "manual", "CreateByUser": "manual"}
)
_OWN: Final[Mapping[str, ExitReason]] = MappingProxyType({TIMEOUT_PREFIX: "timeout", OWN_CLOSE_PREFIX: "manual"})


@dataclass(frozen=True)
class Exit:
    """Why, and the proof: `order_id` of the closing order, `field` and `value` as read, `record` and `record_id`."""

    reason: ExitReason
    evidence: dict[str, Any]


@dataclass(frozen=True)
class _Said:
    field: str
    value: str
    record: str
    record_id: str


def exit_of(closing: Closing, fills: Sequence[Execution], order: OrderRecord | None) -> Exit:
    """Why a closing order closed, from its own fills and its order as far as they are in the records.

    What was forced by the exchange goes first, then the kind of stop, then what created the order, then our own link
    id, then a person's hand. An order of an API user can be `CreateByUser` and `TakeProfit`: the kind of stop decides.
    Without any of these words the reason is unknown, and the evidence has what was read.
    """
    ordered = sorted(fills, key=lambda fill: (fill.at, fill.seq, fill.exec_id))
    words = list(_words(closing, ordered, order))
    by_field = (
        ("exec_type", EXEC_TYPES),
        ("stop_order_type", STOP_ORDER_TYPES),
        ("create_type", CREATE_TYPES),
        ("link_id", None),
        ("create_type", _BY_A_PERSON),
    )
    for field, meanings in by_field:
        for said in words:
            if said.field != field:
                continue
            reason = _own(said.value) if meanings is None else meanings.get(said.value)
            if reason is not None:
                return Exit(reason, {"order_id": closing.order_id, **vars(said)})
    found: dict[str, list[str]] = {}
    for said in words:
        if said.value not in found.setdefault(said.field, []):
            found[said.field].append(said.value)
    records = ["closing", *(["execution"] if fills else []), *(["order"] if order else [])]
    return Exit("unknown", {"order_id": closing.order_id, "found": found, "records": records})


def exit_of_all(exits: Iterable[Exit]) -> Exit:
    """Why a position ended, from its closing orders in order of time: the last one's reason.

    Where their reasons differ the evidence lists all of them under `orders`. Raises ValueError without any.
    """
    all_of_them = list(exits)
    if not all_of_them:
        raise ValueError("a position that no order has closed has no exit")
    last = all_of_them[-1]
    if len({one.reason for one in all_of_them}) == 1:
        return last
    orders = [{"reason": one.reason, **one.evidence} for one in all_of_them]
    return Exit(last.reason, {**last.evidence, "orders": orders})


def _words(closing: Closing, fills: Sequence[Execution], order: OrderRecord | None) -> Iterator[_Said]:
    for fill in fills:
        yield _Said("exec_type", fill.kind, "execution", fill.exec_id)
        yield _Said("stop_order_type", fill.stop_order_type, "execution", fill.exec_id)
        yield _Said("create_type", fill.create_type, "execution", fill.exec_id)
        yield _Said("link_id", fill.link_id, "execution", fill.exec_id)
    yield _Said("exec_type", closing.exec_type, "closing", closing.order_id)
    if order is not None:
        yield _Said("stop_order_type", order.stop_order_type, "order", order.order_id)
        yield _Said("create_type", order.create_type, "order", order.order_id)
        yield _Said("link_id", order.link_id, "order", order.order_id)


def _own(link_id: str) -> ExitReason | None:
    return next((reason for prefix, reason in _OWN.items() if link_id.startswith(prefix)), None)
