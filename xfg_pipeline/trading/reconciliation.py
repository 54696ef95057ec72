"""Our closed P&L of a day held against the exchange's, order by order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import Final

from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.trading.account_records import Closing
from xfg_pipeline.trading.amounts import total
from xfg_pipeline.trading.trade import Trade

NAMED: Final = 10
"""So many orders are named; of the rest the detail tells how many there are."""


@dataclass(frozen=True)
class Reconciliation:
    """`difference` is ours less the exchange's, in the quote currency. `detail` names the orders that differ."""

    day: date
    our_pnl: Decimal
    exchange_pnl: Decimal
    difference: Decimal
    our_closings: int
    exchange_closings: int
    detail: str
    differing: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Order by order, not only in sum."""
        return not self.differing


def reconcile(
    day: date, ours: Iterable[Closing], theirs: Iterable[Closing], trades: Iterable[Trade] | None = None
) -> Reconciliation:
    """A UTC day's closings (by `updated_at`) as we hold them against what the exchange tells when asked again.

    With `trades`, ours are those closings that stand in a trade: one that was lost on the way differs. Repeated
    closings count once, in their newest version.
    """
    our, their = _of_day(day, ours), _of_day(day, theirs)
    if trades is not None:
        counted = {order_id for trade in trades for order_id in trade.order_ids}
        our = {order_id: closing for order_id, closing in our.items() if order_id in counted}
    our_pnl, their_pnl = (total(one.pnl for one in side.values()) for side in (our, their))
    differing = tuple(sorted(name for name in our.keys() | their.keys() if _pnl(our, name) != _pnl(their, name)))
    return Reconciliation(
        day=day,
        our_pnl=our_pnl,
        exchange_pnl=their_pnl,
        difference=EXACT.subtract(our_pnl, their_pnl),
        our_closings=len(our),
        exchange_closings=len(their),
        detail=_detail(our, their, differing),
        differing=differing,
    )


def _of_day(day: date, closings: Iterable[Closing]) -> dict[str, Closing]:
    newest: dict[str, Closing] = {}
    for one in sorted(closings, key=lambda closing: (closing.updated_at, closing.quantity, closing.pnl)):
        newest[one.order_id] = one
    return {name: one for name, one in newest.items() if one.updated_at.astimezone(UTC).date() == day}


def _pnl(closings: Mapping[str, Closing], order_id: str) -> Decimal | None:
    found = closings.get(order_id)
    return None if found is None else found.pnl


def _detail(our: Mapping[str, Closing], their: Mapping[str, Closing], differing: tuple[str, ...]) -> str:
    if not differing:
        return f"all {len(our)} closings agree"
    told = [_difference(name, _pnl(our, name), _pnl(their, name)) for name in differing[:NAMED]]
    more = len(differing) - len(told)
    verb = "closing differs" if len(differing) == 1 else "closings differ"
    return f"{len(differing)} {verb}: " + "; ".join([*told, *([f"and {more} more"] if more else [])])


def _difference(order_id: str, ours: Decimal | None, theirs: Decimal | None) -> str:
    if ours is None:
        return f"{order_id} is not in ours, the exchange has {theirs:f}"
    if theirs is None:
        return f"{order_id} is not at the exchange, ours is {ours:f}"
    return f"{order_id} is {ours:f} in ours, {theirs:f} at the exchange"
