"""Trades from an account's records: the same whatever order, repetition or older versions the records come in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.signals.records import Direction
from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord
from xfg_pipeline.trading.amounts import mean, total
from xfg_pipeline.trading.episodes import Episode, Fill, episodes_of
from xfg_pipeline.trading.exit_reasons import exit_of, exit_of_all
from xfg_pipeline.trading.trade import Trade

_Record = TypeVar("_Record")


@dataclass(frozen=True)
class Entry:
    """A position of which the exchange has not told any closed P&L: entered, and no trade yet."""

    account: str
    episode: str
    order_link_id: str
    coin: str
    direction: Direction
    entry_time: datetime
    entry_price: Decimal
    quantity: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None


def trades_of(
    account: str, closings: Iterable[Closing], executions: Iterable[Execution], orders: Iterable[OrderRecord]
) -> tuple[Trade, ...]:
    """Every position with closed P&L, by (exit time, id of its last closing order).

    Of a record that is there twice the newest counts. The P&L of all trades is exactly that of all closings: each
    closing belongs to one trade, also when nothing else is known of it; a close whose closed P&L has not come does not
    count until it has, and keeps its trade open.
    """
    known = _Known.of(closings, executions, orders)
    made = (_trade(account, episode, known) for episode in known.episodes())
    return tuple(sorted((one for one in made if one is not None), key=lambda one: (one.exit_time, one.bybit_order_id)))


def entries_of(
    account: str, closings: Iterable[Closing], executions: Iterable[Execution], orders: Iterable[OrderRecord]
) -> tuple[Entry, ...]:
    """Every position that was entered and has no closed P&L yet, by (entry time, episode)."""
    known = _Known.of(closings, executions, orders)
    found = [
        Entry(
            account=account,
            episode=_name(episode),
            order_link_id=known.link_id(episode),
            coin=episode.coin,
            direction=episode.direction,
            entry_time=episode.opening[0].at,
            entry_price=mean((fill.price, fill.quantity) for fill in episode.opening),
            quantity=total(fill.quantity for fill in episode.opening),
            stop_loss=known.of_opening(episode, lambda order: order.stop_loss),
            take_profit=known.of_opening(episode, lambda order: order.take_profit),
        )
        for episode in known.episodes()
        if episode.opening and not known.closings_of(episode)
    ]
    return tuple(sorted(found, key=lambda one: (one.entry_time, one.episode)))


@dataclass(frozen=True)
class _Known:
    """The records, each once in its newest version."""

    closings: Mapping[str, Closing]
    executions: Mapping[str, Execution]
    orders: Mapping[str, OrderRecord]

    @classmethod
    def of(
        cls, closings: Iterable[Closing], executions: Iterable[Execution], orders: Iterable[OrderRecord]
    ) -> "_Known":
        return cls(
            _newest(closings, lambda one: one.order_id, lambda one: (one.updated_at, one.quantity)),
            _newest(executions, lambda one: one.exec_id, lambda one: (one.at, one.seq)),
            _newest(orders, lambda one: one.order_id, lambda one: (one.updated_at, one.filled_quantity)),
        )

    def episodes(self) -> list[Episode]:
        return episodes_of(self.closings.values(), self.executions.values())

    def closings_of(self, episode: Episode) -> list[Closing]:
        """In order of their last fills."""
        found = (self.closings.get(order_id) for order_id in episode.closed_by_order())
        return [one for one in found if one is not None and _belongs(one, episode)]

    def of_opening(self, episode: Episode, told: Callable[[OrderRecord], Decimal | None]) -> Decimal | None:
        """What the first order tells that opened the position and tells anything of it."""
        ids = dict.fromkeys(fill.order_id for fill in episode.opening)
        values = (told(self.orders[order_id]) for order_id in ids if order_id in self.orders)
        return next((value for value in values if value), None)

    def link_id(self, episode: Episode) -> str:
        """Our own name of the order that opened it; the target or stop attached to that order tells it as well."""
        openings = dict.fromkeys(fill.order_id for fill in episode.opening)
        closings = dict.fromkeys(fill.order_id for fill in episode.closing)
        names = (
            *(fill.execution.link_id for fill in episode.opening if fill.execution is not None),
            *(self.orders[order_id].link_id for order_id in openings if order_id in self.orders),
            *(self.orders[order_id].parent_link_id for order_id in closings if order_id in self.orders),
        )
        return next((name for name in names if name), "")


def _newest(
    records: Iterable[_Record], name: Callable[[_Record], str], version: Callable[[_Record], tuple[object, ...]]
) -> dict[str, _Record]:
    """Each record once. Two that claim the same version are told apart by what they say, never by which came first."""
    found: dict[str, _Record] = {}
    for record in records:
        other = found.setdefault(name(record), record)
        if other != record and (*version(record), repr(record)) > (*version(other), repr(other)):
            found[name(record)] = record
    return found


def _belongs(closing: Closing, episode: Episode) -> bool:
    return closing.coin == episode.coin and closing.direction == episode.direction


def _name(episode: Episode) -> str:
    first = next((fill.execution for fill in episode.opening if fill.execution is not None), None)
    return episode.closing[0].order_id if first is None else first.exec_id


def _trade(account: str, episode: Episode, known: _Known) -> Trade | None:
    counted = known.closings_of(episode)
    if not counted:
        return None
    fills = episode.closed_by_order()
    exits = []
    for closing in counted:
        own = [fill.execution for fill in fills[closing.order_id] if fill.execution is not None]
        exits.append(exit_of(closing, own, known.orders.get(closing.order_id)))
    exit_ = exit_of_all(exits)
    closing_fills = [fill for closing in counted for fill in fills[closing.order_id]]
    quantity = total(closing.quantity for closing in counted)
    settled = len(counted) == len(fills) and all(
        total(fill.quantity for fill in fills[closing.order_id]) <= closing.quantity for closing in counted
    )
    is_complete = _is_complete(episode, quantity) and settled
    return Trade(
        account=account,
        episode=_name(episode),
        bybit_order_id=counted[-1].order_id,
        order_ids=tuple(closing.order_id for closing in counted),
        order_link_id=known.link_id(episode),
        coin=episode.coin,
        direction=episode.direction,
        entry_time=episode.opening[0].at if episode.opening and episode.is_whole else None,
        exit_time=max(fill.at for fill in closing_fills),
        entry_price=mean((fill.price, fill.quantity) for fill in episode.opening)
        if is_complete
        else mean((closing.entry_price, closing.quantity) for closing in counted),
        exit_price=mean((fill.price, fill.quantity) for fill in closing_fills)
        if is_complete
        else mean((closing.exit_price, closing.quantity) for closing in counted),
        quantity=quantity,
        pnl=total(closing.pnl for closing in counted),
        fees=_fees(counted, [*episode.opening, *closing_fills] if is_complete else []),
        funding=episode.funding,
        leverage=next((one.leverage for one in reversed(counted) if one.leverage is not None), None),
        stop_loss=known.of_opening(episode, lambda order: order.stop_loss),
        take_profit=known.of_opening(episode, lambda order: order.take_profit),
        exit_reason=exit_.reason,
        exit_evidence=exit_.evidence,
        is_open=not (episode.is_flat and settled),
        updated_at=_updated_at(episode, counted, known),
    )


def _is_complete(episode: Episode, quantity: Decimal) -> bool:
    """Every fill that made the position is there, and nothing else is."""
    opened, closed = (total(fill.quantity for fill in fills) for fills in (episode.opening, episode.closing))
    shown = all(fill.execution is not None for fill in episode.closing)
    return episode.is_flat and episode.is_whole and shown and opened == closed == quantity


def _fees(counted: Sequence[Closing], fills: Sequence[Fill]) -> Decimal | None:
    """As the closed P&L tells them, else those of the fills, which are empty where some are missing."""
    told = [(closing.open_fee, closing.close_fee) for closing in counted]
    known = [EXACT.add(opened, closed) for opened, closed in told if opened is not None and closed is not None]
    if len(known) == len(told):
        return total(known)
    paid = [fill.fee for fill in fills if fill.fee is not None]
    return total(paid) if paid else None


def _updated_at(episode: Episode, counted: Sequence[Closing], known: _Known) -> datetime:
    names = {fill.order_id for fill in (*episode.opening, *episode.closing)}
    return max(
        *(closing.updated_at for closing in counted),
        *(fill.at for fill in (*episode.opening, *episode.closing)),
        *(known.orders[name].updated_at for name in names if name in known.orders),
    )
